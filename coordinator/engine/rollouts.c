/* rollouts.c: one rollout's transitions. The table is rollout_table.c. */
#include "coordinator/engine/internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The wave that is to be rolled back, which is not the current one where a retry went back to an
 * earlier wave while a later one was at work. */
static uint32_t wave_to_revert(const rollout_t *rollout) {
    for (uint32_t w = 0; w < rollout->wave_count; w++) {
        const wave_t *wave = &rollout->waves[w];
        if (wave->state == WAVE_FAILED && wave->on_failure == ON_FAILURE_ROLLBACK_WAVE) {
            return w;
        }
    }
    return rollout->current_wave;
}

/* Some tenant is not at the target: one that ended elsewhere, or one that has not ended. Behind the
 * last wave a try may be at work that was found in one before. */
static bool is_short(const rollout_t *rollout) {
    uint32_t settled = 0;
    for (uint32_t w = 0; w < rollout->wave_count; w++) {
        settled += rollout->waves[w].settled;
    }
    return rollout->short_of > 0 || settled < rollout->task_count;
}

static uint32_t conditions_of(const run_t *run) {
    const rollout_t *rollout = run->rollout;
    const wave_t *wave = &rollout->waves[wave_to_revert(rollout)];
    return (rollout->current_wave + 1 >= rollout->wave_count ? ROLLOUT_IF_LAST : 0U) |
           (is_short(rollout) ? ROLLOUT_IF_SHORT : 0U) |
           (rollout->in_flight > 0 ? ROLLOUT_IF_IN_FLIGHT : 0U) |
           (wave->on_failure == ON_FAILURE_ROLLBACK_WAVE && rollout->kind == KIND_FORWARD
                ? ROLLOUT_IF_REVERTS
                : 0U) |
           (run->set_back ? ROLLOUT_IF_SET_BACK : 0U) | (run->asked ? ROLLOUT_IF_ASKED : 0U);
}

/* Open the current wave. One that was at work before (tasks of an earlier wave were retried) says
 * again how it ended, if it did. */
static void open_current(engine_t *engine, run_t *run, const event_t *event, effects_t *effects) {
    uint32_t number = run->rollout->current_wave;
    wave_state_t state = run->rollout->waves[number].state;
    if (state == WAVE_PASSED || state == WAVE_FAILED) {
        rollouts_apply(engine, run,
                       state == WAVE_PASSED ? ROLLOUT_EVENT_WAVE_PASSED : ROLLOUT_EVENT_WAVE_FAILED,
                       event, effects);
        return;
    }
    waves_apply(engine, run, number, WAVE_EVENT_OPENED, event, effects);
}

static void next_wave(engine_t *engine, run_t *run, const event_t *event, effects_t *effects) {
    INVARIANT(run->rollout->current_wave + 1 < run->rollout->wave_count);
    run->rollout->current_wave++;
    open_current(engine, run, event, effects);
}

/* Waves first: one whose tasks are all withdrawn has not passed. One that failed keeps saying so
 * until the end: it may have to be rolled back. */
static void withdraw(engine_t *engine, run_t *run, const event_t *event, effects_t *effects) {
    for (uint32_t w = 0; w < run->rollout->wave_count; w++) {
        if (run->rollout->waves[w].state != WAVE_FAILED) {
            waves_apply(engine, run, w, WAVE_EVENT_CANCELLED, event, effects);
        }
    }
    for (uint32_t i = 0; i < run->rollout->task_count; i++) {
        tasks_apply(engine, run, i, TASK_EVENT_WITHDRAWN, event, effects);
    }
}

/* What is not in hand stays as it is: the rollout may go on after all. */
static void cancel(engine_t *engine, run_t *run, const event_t *event, effects_t *effects) {
    for (uint32_t i = 0; i < run->rollout->task_count; i++) {
        if (task_state_is_in_flight(run->rollout->tasks[i].state)) {
            tasks_apply(engine, run, i, TASK_EVENT_WITHDRAWN, event, effects);
        }
    }
}

/* A resume accepts the failures so far, and takes back nothing that was accepted before: what the
 * plan showed was, with the plan, and leaves the budget whole. Last wave first: the current one may
 * pass on the spot, and then those after it must have been forgiven. */
static void forgive(engine_t *engine, run_t *run, const event_t *event, effects_t *effects) {
    rollout_t *rollout = run->rollout;
    uint32_t current = rollout->current_wave;
    bool passed = rollout->waves[current].state == WAVE_PASSED;
    for (uint32_t w = rollout->wave_count; w-- > 0;) {
        wave_t *wave = &rollout->waves[w];
        if (wave->state != WAVE_FAILED && w != current) {
            continue;
        }
        uint32_t forgiven = wave->failed > wave->budget ? wave->failed - wave->budget : 0;
        if (forgiven > wave->forgiven) {
            wave->forgiven = forgiven;
            waves_save(run, w, effects);
        }
        waves_apply(engine, run, w, WAVE_EVENT_FORGIVEN, event, effects);
    }
    if (passed) {
        rollouts_apply(engine, run, ROLLOUT_EVENT_WAVE_PASSED, event, effects);
    }
}

static void finish(engine_t *engine, run_t *run, const event_t *event, effects_t *effects) {
    run->rollout->finished_us = event->now_us;
    for (uint32_t w = 0; w < run->rollout->wave_count; w++) {
        waves_apply(engine, run, w, WAVE_EVENT_CANCELLED, event, effects);
    }
}

static void carry_out(engine_t *engine, run_t *run, rollout_effect_t what, const event_t *event,
                      effects_t *effects) {
    switch (what) {
    case ROLLOUT_DO_OPEN_WAVE:
        run->rollout->started_us = event->now_us;
        open_current(engine, run, event, effects);
        break;
    case ROLLOUT_DO_NEXT_WAVE:
        next_wave(engine, run, event, effects);
        break;
    case ROLLOUT_DO_WITHDRAW:
        withdraw(engine, run, event, effects);
        break;
    case ROLLOUT_DO_FORGIVE:
        forgive(engine, run, event, effects);
        break;
    case ROLLOUT_DO_CANCEL:
        cancel(engine, run, event, effects);
        break;
    case ROLLOUT_DO_ROLL_BACK:
        run->asked = true;
        effects_add(effects, (effect_t){.kind = EFFECT_ROLL_BACK,
                                        .rollout = run->rollout,
                                        .wave = wave_to_revert(run->rollout)});
        break;
    case ROLLOUT_DO_FINISH:
        finish(engine, run, event, effects);
        break;
    case ROLLOUT_DO_NOTHING:
    case ROLLOUT_EFFECT_COUNT:
        break;
    }
}

/* Out of memory leaves no reason: the audit log has the row's. */
static void set_reason(rollout_t *rollout, const char *why, const char *words) {
    free(rollout->reason);
    rollout->reason = NULL;
    if (words == NULL) {
        rollout->reason = strdup(why);
        return;
    }
    size_t size = strlen(why) + strlen(": ") + strlen(words) + 1;
    rollout->reason = malloc(size);
    if (rollout->reason != NULL) {
        (void)snprintf(rollout->reason, size, "%s: %s", why, words);
    }
}

void rollouts_explain(run_t *run, const char *why, const event_t *event, effects_t *effects) {
    rollout_t *rollout = run->rollout;
    if (rollout->state != ROLLOUT_RUNNING) {
        return;
    }
    char *before = TAKE(rollout->reason);
    set_reason(rollout, why, event->words);
    bool same = before != NULL && rollout->reason != NULL && strcmp(before, rollout->reason) == 0;
    free(before);
    if (!same) { /* what is asked for again and again is written once */
        run_touch(run, event, effects);
    }
}

void rollouts_apply(engine_t *engine, run_t *run, rollout_event_t what, const event_t *event,
                    effects_t *effects) {
    rollout_t *rollout = run->rollout;
    rollout_state_t before = rollout->state;
    const table_row_t *row =
        table_find(&ROLLOUT_MACHINE, (uint8_t)before, (uint8_t)what, conditions_of(run));
    rollout->state = (rollout_state_t)table_next(row, (uint8_t)before);
    run->asked = run->asked && rollout->state == ROLLOUT_REVERTING;
    bool told = rollout->state != before || row->effects[0] != ROLLOUT_DO_NOTHING;
    if (told) {
        set_reason(rollout, rollout_why(rollout->kind, row->why), event->words);
        run_touch(run, event, effects);
        effects_add(effects, (effect_t){.kind = EFFECT_AUDIT,
                                        .rollout = rollout,
                                        .wave = rollout->current_wave,
                                        .machine = &ROLLOUT_MACHINE,
                                        .row = row});
    }
    if (rollout_state_is_final(before) && !rollout_state_is_final(rollout->state)) {
        rollout->finished_us = 0;
    }
    for (size_t i = 0; i < TABLE_EFFECTS; i++) {
        carry_out(engine, run, (rollout_effect_t)row->effects[i], event, effects);
    }
}

static bool can_retry(rollout_state_t state) {
    return state == ROLLOUT_RUNNING || state == ROLLOUT_PAUSED || state == ROLLOUT_INCOMPLETE;
}

/*
 * Set back the tasks of one wave that a retry means; false where there are none. The wave opens
 * only once all of them are back, and is not judged before one of them ends: failures that are not
 * tried again would end it at once.
 */
static bool set_back(engine_t *engine, run_t *run, uint32_t number, const event_t *event,
                     effects_t *effects) {
    const wave_t *wave = &run->rollout->waves[number];
    bool any = false;
    for (uint32_t i = wave->first; i < wave->first + wave->count; i++) {
        const task_t *task = &run->rollout->tasks[i];
        task_state_t before = task->state;
        bool left_out = task_is_left_out(task);
        bool meant = ident_is_null(&event->job) ? task_state_is_failure(before) || left_out
                                                : ident_equal(&event->job, &task->job);
        if (meant) {
            tasks_apply(engine, run, i, TASK_EVENT_RETRIED, event, effects);
            any = any || task->state != before;
        }
    }
    if (any) {
        waves_apply(engine, run, number, WAVE_EVENT_RETRIED, event, effects);
    }
    return any;
}

/* The rollout's next turn is this wave, where it stands at a later one. */
static void go_back(engine_t *engine, run_t *run, uint32_t wave, const event_t *event,
                    effects_t *effects) {
    uint32_t current = run->rollout->current_wave;
    if (wave < current) {
        waves_apply(engine, run, current, WAVE_EVENT_POSTPONED, event, effects);
        run->rollout->current_wave = wave;
    }
}

void rollouts_retry(engine_t *engine, run_t *run, const event_t *event, effects_t *effects) {
    rollout_t *rollout = run->rollout;
    if (!can_retry(rollout->state)) {
        rollouts_apply(engine, run, ROLLOUT_EVENT_RETRIED, event, effects);
        return;
    }
    run->set_back = false;
    for (uint32_t w = 0; w < rollout->wave_count; w++) {
        if (set_back(engine, run, w, event, effects)) {
            run->set_back = true;
            go_back(engine, run, w, event, effects);
        }
    }
    rollouts_apply(engine, run, ROLLOUT_EVENT_RETRIED, event, effects);
    if (run->set_back) {
        run_touch(run, event, effects);
        open_current(engine, run, event, effects);
    }
    run->set_back = false;
}

/* How long a cluster has had no holder, from the engine's start at the earliest; 0: it has one, or
 * has not lacked one for long enough to count. */
static int64_t out_of_reach_us(engine_t *engine, uint64_t cluster, const event_t *event) {
    const cluster_lease_t *lease = leases_get(engine, cluster);
    if (lease->state == LEASE_HELD) {
        return 0;
    }
    int64_t since =
        lease->free_since_us > engine->started_us ? lease->free_since_us : engine->started_us;
    int64_t lasted_us = event->now_us - since;
    return lasted_us > 0 && lasted_us >= engine->options.unreachable_us ? lasted_us : 0;
}

static void tick_lane(engine_t *engine, run_t *run, const lane_t *lane, const event_t *event,
                      effects_t *effects) {
    rollout_t *rollout = run->rollout;
    int64_t lasted_us = out_of_reach_us(engine, lane->cluster, event);
    if (rollout->unreachable == UNREACHABLE_WAIT || lasted_us == 0) {
        return;
    }
    for (uint32_t i = 0; i < rollout->task_count; i++) {
        if (rollout->tasks[i].system_identifier == lane->cluster) {
            tasks_out_of_reach(engine, run, i, lasted_us, event, effects);
        }
    }
}

void rollouts_tick(engine_t *engine, run_t *run, const event_t *event, effects_t *effects) {
    rollout_t *rollout = run->rollout;
    if (rollout->state == ROLLOUT_PLANNED || rollout_state_is_final(rollout->state)) {
        return;
    }
    leases_orphans(engine, run, event, effects);
    for (uint32_t i = 0; i < run->lane_count; i++) {
        tick_lane(engine, run, &run->lanes[i], event, effects);
    }
    for (uint32_t w = 0; w < rollout->wave_count; w++) {
        wave_t *wave = &rollout->waves[w];
        for (uint32_t i = wave->first; wave->state == WAVE_OPEN && i < wave->first + wave->count;
             i++) {
            if (rollout->tasks[i].state == TASK_WAITING &&
                rollout->tasks[i].due_us <= event->now_us) {
                tasks_apply(engine, run, i, TASK_EVENT_DUE, event, effects);
            }
        }
        if (wave->state == WAVE_SOAKING && event->now_us >= wave->soak_us + wave->soak_for_us) {
            waves_apply(engine, run, w, WAVE_EVENT_SOAKED, event, effects);
        }
    }
}
