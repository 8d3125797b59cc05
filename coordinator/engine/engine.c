/* engine.c: see engine.h. Keeps the indexes and hands each event to the room that answers it. */
#include "coordinator/engine/internal.h"

#include <stdlib.h>
#include <string.h>

enum { NOT_A_TASK = UINT32_MAX };

void effects_add(effects_t *effects, effect_t effect) {
    if (effects->failed) {
        return;
    }
    if (effects->count == effects->room) {
        size_t room = effects->room == 0 ? 64 : effects->room * 2;
        effect_t *items = realloc(effects->items, room * sizeof *items);
        if (items == NULL) {
            effects->failed = true;
            return;
        }
        effects->items = items;
        effects->room = room;
    }
    effects->items[effects->count++] = effect;
}

void effects_clear(effects_t *effects) {
    effects->count = 0;
    effects->failed = false;
}

void effects_free(effects_t *effects) {
    free(effects->items);
    *effects = (effects_t){0};
}

void run_touch(run_t *run, const event_t *event, effects_t *effects) {
    run->rollout->updated_us = event->now_us;
    if (!run->rollout->dirty) {
        run->rollout->dirty = true;
        effects_add(effects, (effect_t){.kind = EFFECT_SAVE_ROLLOUT, .rollout = run->rollout});
    }
}

engine_t *engine_new(const engine_options_t *options) {
    engine_t *engine = calloc(1, sizeof *engine);
    if (engine != NULL) {
        engine->options = *options;
    }
    return engine;
}

static void run_drop(engine_t *engine, run_t *run) {
    for (uint32_t i = 0; i < run->rollout->task_count; i++) {
        job_entry_t *entry = NULL;
        HASH_FIND(hh, engine->jobs, &run->rollout->tasks[i].job, sizeof(ident_t), entry);
        if (entry != NULL) {
            HASH_DEL(engine->jobs, entry);
            free(entry);
        }
    }
    HASH_DEL(engine->runs, run);
    rollout_destroy(&run->rollout);
    free(run->lanes);
    free(run);
}

void engine_destroy(engine_t **self) {
    if (self == NULL || *self == NULL) {
        return;
    }
    engine_t *engine = *self;
    run_t *run = NULL;
    run_t *next_run = NULL;
    HASH_ITER(hh, engine->runs, run, next_run) {
        run_drop(engine, run);
    }
    cluster_lease_t *lease = NULL;
    cluster_lease_t *next_lease = NULL;
    HASH_ITER(hh, engine->leases, lease, next_lease) {
        HASH_DEL(engine->leases, lease);
        free(lease);
    }
    free(engine);
    *self = NULL;
}

/* One lane a cluster; rollouts name few clusters, so a scan is enough. */
static bool run_add_lane(run_t *run, uint64_t cluster) {
    if (lane_of(run, cluster) != NULL) {
        return true;
    }
    lane_t *lanes = realloc(run->lanes, (run->lane_count + 1) * sizeof *lanes);
    if (lanes == NULL) {
        return false;
    }
    run->lanes = lanes;
    run->lanes[run->lane_count++] = (lane_t){.cluster = cluster};
    return true;
}

/* Count a task that is taken in as its state says. */
static void run_count(run_t *run, uint32_t ordinal) {
    rollout_t *rollout = run->rollout;
    task_t *task = &rollout->tasks[ordinal];
    wave_t *wave = &rollout->waves[task->wave];
    if (task_state_is_final(task->state)) {
        wave->settled++;
        rollout->short_of += task->state != TASK_SUCCEEDED && task->state != TASK_NOT_NEEDED &&
                             task->state != TASK_GONE;
    }
    wave->failed += task_state_is_failure(task->state);
    if (task_state_is_in_flight(task->state)) {
        wave->in_flight++;
        rollout->in_flight++;
        lane_t *lane = lane_of(run, task->system_identifier);
        lane->in_flight++;
        lane->unknown += task->state == TASK_UNKNOWN;
    }
    task->queued = false;
    task->next_ready = 0;
    if (task->state == TASK_READY) {
        tasks_queue(run, ordinal);
    }
}

/* Put every task of a run into the index; false when memory ran out. */
static bool run_index(engine_t *engine, run_t *run) {
    rollout_t *rollout = run->rollout;
    rollout->in_flight = rollout->short_of = 0;
    for (uint32_t w = 0; w < rollout->wave_count; w++) {
        wave_t *wave = &rollout->waves[w];
        wave->settled = wave->in_flight = wave->failed = 0;
    }
    for (uint32_t i = 0; i < rollout->task_count; i++) {
        job_entry_t *entry = calloc(1, sizeof *entry);
        if (entry == NULL || !run_add_lane(run, rollout->tasks[i].system_identifier)) {
            free(entry);
            return false;
        }
        *entry = (job_entry_t){.job = rollout->tasks[i].job, .run = run, .task = i};
        HASH_ADD(hh, engine->jobs, job, sizeof(ident_t), entry);
        run_count(run, i);
    }
    return true;
}

rollout_t *engine_adopt(engine_t *engine, rollout_t **rollout_p) {
    INVARIANT(engine_rollout(engine, &(*rollout_p)->id) == NULL);
    INVARIANT((*rollout_p)->current_wave < (*rollout_p)->wave_count);
    run_t *run = calloc(1, sizeof *run);
    if (run == NULL) {
        rollout_destroy(rollout_p);
        return NULL;
    }
    run->rollout = TAKE(*rollout_p);
    HASH_ADD_KEYPTR(hh, engine->runs, &run->rollout->id, sizeof(ident_t), run);
    if (!run_index(engine, run)) {
        run_drop(engine, run);
        return NULL;
    }
    return run->rollout;
}

static run_t *find_run(const engine_t *engine, const ident_t *rollout) {
    run_t *run = NULL;
    HASH_FIND(hh, engine->runs, rollout, sizeof(ident_t), run);
    return run;
}

void engine_release(engine_t *engine, const ident_t *rollout) {
    run_t *run = find_run(engine, rollout);
    INVARIANT(run == NULL || rollout_state_is_final(run->rollout->state));
    if (run != NULL) {
        run_drop(engine, run);
    }
}

bool engine_is_owed_word(const rollout_t *rollout) {
    for (uint32_t i = 0; i < rollout->task_count; i++) {
        if (rollout->tasks[i].state == TASK_OUTSTANDING) {
            return true;
        }
    }
    return false;
}

bool engine_release_over(engine_t *engine) {
    bool any = false;
    run_t *run = NULL;
    run_t *next = NULL;
    HASH_ITER(hh, engine->runs, run, next) {
        if (rollout_state_is_final(run->rollout->state) && !engine_is_owed_word(run->rollout)) {
            run_drop(engine, run);
            any = true;
        }
    }
    return any;
}

rollout_t *engine_rollout(engine_t *engine, const ident_t *rollout) {
    run_t *run = find_run(engine, rollout);
    return run != NULL ? run->rollout : NULL;
}

/* The job's run and ordinal; NOT_A_TASK where the engine does not know it. */
static uint32_t find_task(const engine_t *engine, const ident_t *job, run_t **ret_run) {
    job_entry_t *entry = NULL;
    HASH_FIND(hh, engine->jobs, job, sizeof(ident_t), entry);
    if (entry == NULL) {
        return NOT_A_TASK;
    }
    *ret_run = entry->run;
    return entry->task;
}

task_t *engine_task(engine_t *engine, const ident_t *job) {
    run_t *run = NULL;
    uint32_t ordinal = find_task(engine, job, &run);
    return ordinal != NOT_A_TASK ? &run->rollout->tasks[ordinal] : NULL;
}

rollout_t *engine_rollout_of(engine_t *engine, const ident_t *job) {
    run_t *run = NULL;
    return find_task(engine, job, &run) != NOT_A_TASK ? run->rollout : NULL;
}

size_t engine_rollout_count(const engine_t *engine) {
    return HASH_COUNT(engine->runs);
}

rollout_t *engine_rollout_at(engine_t *engine, size_t index) {
    size_t at = 0;
    for (run_t *run = engine->runs; run != NULL; run = run->hh.next) {
        if (at++ == index) {
            return run->rollout;
        }
    }
    return NULL;
}

/* A task that should be with the agent and is not: sent again, where it is not kept back. */
static void step_lacked(engine_t *engine, run_t *run, uint32_t ordinal, const event_t *event,
                        effects_t *effects) {
    task_t *task = &run->rollout->tasks[ordinal];
    task->touched = task->touched || event->forgetful;
    if (rollout_is_held(run->rollout, &event->held)) {
        tasks_withhold(engine, run, ordinal, event, effects);
    } else {
        tasks_apply(engine, run, ordinal, TASK_EVENT_LACKED, event, effects);
    }
}

/*
 * An agent said hello: tasks that should be with it and are not in its hand are sent again; a
 * cancel that a lost connection may have swallowed is said again.
 */
static void step_in_hand(engine_t *engine, const event_t *event, effects_t *effects) {
    for (run_t *run = engine->runs; run != NULL; run = run->hh.next) {
        rollout_t *rollout = run->rollout;
        bool any = rollout->in_flight > 0 || rollout->short_of > 0; /* outstanding ones are short */
        for (uint32_t i = 0; any && i < rollout->task_count; i++) {
            task_t *task = &rollout->tasks[i];
            bool owed = task_state_is_in_flight(task->state) || task->state == TASK_OUTSTANDING;
            if (!owed || memcmp(&task->agent, &event->agent, sizeof task->agent) != 0) {
                continue;
            }
            /* what follows may send twice; agents know the attempts that they have */
            bool there = false;
            for (uint32_t k = 0; k < event->fresh_count && !there; k++) {
                there = ident_equal(&event->fresh[k], &task->attempt);
            }
            if (!there) {
                step_lacked(engine, run, i, event, effects);
            }
            bool at_work = there || task_state_is_in_flight(task->state);
            if (at_work && rollout_state_is_called_off(rollout->state)) {
                effects_add(effects, (effect_t){.kind = EFFECT_SEND_CANCEL,
                                                .rollout = rollout,
                                                .wave = task->wave,
                                                .task = i,
                                                .agent = task->agent});
            }
        }
    }
}

static void step_report(engine_t *engine, const event_t *event, effects_t *effects) {
    run_t *run = NULL;
    uint32_t ordinal = find_task(engine, &event->report->job, &run);
    if (ordinal != NOT_A_TASK) {
        tasks_report(engine, run, ordinal, event, effects);
    }
}

static void step_rule(engine_t *engine, const event_t *event, effects_t *effects) {
    run_t *run = NULL;
    uint32_t ordinal = find_task(engine, &event->report->job, &run);
    INVARIANT(ordinal != NOT_A_TASK); /* the service looked it up */
    tasks_rule(engine, run, ordinal, event, effects);
}

static void step_tick(engine_t *engine, const event_t *event, effects_t *effects) {
    for (cluster_lease_t *lease = engine->leases; lease != NULL; lease = lease->hh.next) {
        if (lease->state == LEASE_HELD && event->boot_us >= lease->expires_boot_us) {
            leases_apply(engine, lease, LEASE_EVENT_EXPIRED, event, effects);
        }
    }
    for (run_t *run = engine->runs; run != NULL; run = run->hh.next) {
        rollouts_tick(engine, run, event, effects);
    }
}

static void step_rollout(engine_t *engine, const event_t *event, effects_t *effects) {
    run_t *run = find_run(engine, &event->rollout);
    INVARIANT(run != NULL); /* the service looked it up */
    if (event->kind == EVENT_RETRY) {
        rollouts_retry(engine, run, event, effects);
        return;
    }
    static const rollout_event_t ASKED[] = {
        [EVENT_START] = ROLLOUT_EVENT_STARTED,     [EVENT_PAUSE] = ROLLOUT_EVENT_PAUSED,
        [EVENT_RESUME] = ROLLOUT_EVENT_RESUMED,    [EVENT_STOP] = ROLLOUT_EVENT_STOPPED,
        [EVENT_REVERTED] = ROLLOUT_EVENT_REVERTED, [EVENT_UNREVERTED] = ROLLOUT_EVENT_UNREVERTED,
    };
    rollouts_apply(engine, run, ASKED[event->kind], event, effects);
}

/* What became of a wave's ticket, or that there may be one now. */
static void step_ticket(engine_t *engine, const event_t *event, effects_t *effects) {
    run_t *run = find_run(engine, &event->rollout);
    INVARIANT(run != NULL);              /* as step_rollout */
    if (event->kind == EVENT_EVIDENCE) { /* one that lapsed may await beside the current one */
        for (uint32_t w = 0; w < run->rollout->wave_count; w++) {
            waves_apply(engine, run, w, WAVE_EVENT_EVIDENCE, event, effects);
        }
        return;
    }
    INVARIANT(event->wave < run->rollout->wave_count);
    static const wave_event_t TOLD[] = {[EVENT_TICKET] = WAVE_EVENT_TICKETED,
                                        [EVENT_UNTICKETED] = WAVE_EVENT_DENIED,
                                        [EVENT_LAPSED] = WAVE_EVENT_LAPSED};
    waves_apply(engine, run, event->wave, TOLD[event->kind], event, effects);
}

/* What an agent says of itself and its clusters; renews only what it holds. */
static void step_alive(engine_t *engine, const event_t *event, effects_t *effects) {
    for (cluster_lease_t *lease = engine->leases; lease != NULL; lease = lease->hh.next) {
        bool holds = lease->state == LEASE_HELD &&
                     memcmp(&lease->holder, &event->agent, sizeof lease->holder) == 0;
        if (holds && event->kind == EVENT_ALIVE) {
            lease->expires_boot_us = event->boot_us + engine->options.lease_us;
        } else if (holds) {
            leases_apply(engine, lease, LEASE_EVENT_RELEASED, event, effects);
        }
    }
}

void engine_step(engine_t *engine, const event_t *event, effects_t *effects) {
    if (engine->started_us == 0) {
        engine->started_us = event->now_us;
    }
    switch (event->kind) {
    case EVENT_START:
    case EVENT_PAUSE:
    case EVENT_RESUME:
    case EVENT_STOP:
    case EVENT_RETRY:
    case EVENT_REVERTED:
    case EVENT_UNREVERTED:
        step_rollout(engine, event, effects);
        break;
    case EVENT_TICKET:
    case EVENT_UNTICKETED:
    case EVENT_EVIDENCE:
    case EVENT_LAPSED:
        step_ticket(engine, event, effects);
        break;
    case EVENT_SEEN:
        leases_seen(engine, event, effects);
        break;
    case EVENT_ALIVE:
    case EVENT_GOODBYE:
        step_alive(engine, event, effects);
        break;
    case EVENT_IN_HAND:
        step_in_hand(engine, event, effects);
        break;
    case EVENT_ROOM:
        dispatch_room(engine, event, effects);
        break;
    case EVENT_REPORT:
        step_report(engine, event, effects);
        break;
    case EVENT_RULE:
        step_rule(engine, event, effects);
        break;
    case EVENT_TICK:
        step_tick(engine, event, effects);
        break;
    case EVENT_KIND_COUNT:
        INVARIANT(event->kind != EVENT_KIND_COUNT);
        break;
    }
}
