/*
 * tasks.c: one task's transitions. The table is task_table.c; the counters of wave, rollout and
 * lane follow the state here and nowhere else.
 */
#include "coordinator/engine/internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { REACH_TEXT_BYTES = 2048 };

lane_t *lane_of(run_t *run, uint64_t cluster) {
    for (uint32_t i = 0; i < run->lane_count; i++) {
        if (run->lanes[i].cluster == cluster) {
            return &run->lanes[i];
        }
    }
    return NULL;
}

void tasks_queue(run_t *run, uint32_t ordinal) {
    task_t *task = &run->rollout->tasks[ordinal];
    if (task->queued) {
        return;
    }
    lane_t *lane = lane_of(run, task->system_identifier);
    task->queued = true;
    task->next_ready = 0;
    if (lane->tail != 0) {
        run->rollout->tasks[lane->tail - 1].next_ready = ordinal + 1;
    } else {
        lane->head = ordinal + 1;
    }
    lane->tail = ordinal + 1;
}

uint32_t lane_remove(run_t *run, lane_t *lane, uint32_t before) {
    uint32_t *link = before == 0 ? &lane->head : &run->rollout->tasks[before - 1].next_ready;
    INVARIANT(*link != 0);
    uint32_t ordinal = *link - 1;
    task_t *task = &run->rollout->tasks[ordinal];
    *link = task->next_ready;
    if (*link == 0) {
        lane->tail = before;
    }
    task->next_ready = 0;
    task->queued = false;
    return ordinal;
}

/* Is short of the target and over. */
static bool is_short(task_state_t state) {
    return task_state_is_final(state) && state != TASK_SUCCEEDED && state != TASK_NOT_NEEDED &&
           state != TASK_GONE;
}

/* The one place where a task's state changes. */
static void set_state(run_t *run, uint32_t ordinal, task_state_t next) {
    rollout_t *rollout = run->rollout;
    task_t *task = &rollout->tasks[ordinal];
    wave_t *wave = &rollout->waves[task->wave];
    task_state_t before = task->state;
    uint32_t was = task_state_is_in_flight(before);
    uint32_t is = task_state_is_in_flight(next);
    wave->in_flight = wave->in_flight - was + is;
    rollout->in_flight = rollout->in_flight - was + is;
    lane_t *lane = lane_of(run, task->system_identifier);
    lane->in_flight = lane->in_flight - was + is;
    lane->unknown = lane->unknown - (before == TASK_UNKNOWN) + (next == TASK_UNKNOWN);
    wave->settled = wave->settled - task_state_is_final(before) + task_state_is_final(next);
    wave->failed = wave->failed - task_state_is_failure(before) + task_state_is_failure(next);
    rollout->short_of = rollout->short_of - is_short(before) + is_short(next);
    task->state = next;
}

/* What waits for another try must be waited for: nobody looks any more at a wave that is through,
 * where a try that the catalog had forgotten may have been found, or at a rollout that is over. */
static bool has_tries_left(const rollout_t *rollout, const task_t *task) {
    wave_state_t wave = rollout->waves[task->wave].state;
    return task->attempts < rollout->attempts && wave != WAVE_SOAKING && wave != WAVE_PASSED &&
           !rollout_state_is_final(rollout->state);
}

static uint32_t conditions_of(const rollout_t *rollout, const task_t *task) {
    wave_state_t wave = rollout->waves[task->wave].state;
    return (has_tries_left(rollout, task) ? TASK_IF_TRIES_LEFT : 0U) |
           (task->touched ? TASK_IF_TOUCHED : 0U) |
           (rollout->unreachable == UNREACHABLE_COUNT_AS_FAILURE ? TASK_IF_COUNTS : 0U) |
           (wave != WAVE_PENDING && wave != WAVE_AWAITING && wave != WAVE_CANCELLED
                ? TASK_IF_WAVE_OPEN
                : 0U) |
           (task_is_ordered(rollout, task) ? TASK_IF_ORDERED : 0U);
}

static void save(run_t *run, uint32_t ordinal, effects_t *effects) {
    task_t *task = &run->rollout->tasks[ordinal];
    if (!task->dirty) {
        task->dirty = true;
        effects_add(effects, (effect_t){.kind = EFFECT_SAVE_TASK,
                                        .rollout = run->rollout,
                                        .wave = task->wave,
                                        .task = ordinal});
    }
}

static void forget_error(task_t *task) {
    task->error_code = ERROR_NONE;
    task->sqlstate[0] = '\0';
    free(task->error);
    task->error = NULL;
    free(task->notes);
    task->notes = NULL;
}

static void carry_out(engine_t *engine, run_t *run, uint32_t ordinal, task_effect_t what,
                      const event_t *event, effects_t *effects) {
    task_t *task = &run->rollout->tasks[ordinal];
    effect_t sent = {
        .rollout = run->rollout, .wave = task->wave, .task = ordinal, .agent = task->agent};
    switch (what) {
    case TASK_DO_QUEUE:
        tasks_queue(run, ordinal);
        break;
    case TASK_DO_SEND:
        sent.kind = EFFECT_SEND_JOB;
        effects_add(effects, sent);
        break;
    case TASK_DO_CANCEL:
        sent.kind = EFFECT_SEND_CANCEL;
        effects_add(effects, sent);
        break;
    case TASK_DO_ARM:
        task->due_us = event->now_us +
                       INT64_C(1000) * backoff_wait_ms(&engine->options.retry,
                                                       (int)(task->attempts + task->given_back),
                                                       event->chance);
        break;
    case TASK_DO_CLEAR:
        forget_error(task);
        task->attempts = task->given_back = 0;
        task->finished_us = 0;
        break;
    case TASK_DO_NOTHING:
    case TASK_EFFECT_COUNT:
        break;
    }
}

/* Times that follow from the state. */
static void stamp(task_t *task, task_state_t before, const event_t *event) {
    bool began = task->state == TASK_DISPATCHED || task->state == TASK_RUNNING;
    if (began && task->started_us == 0) {
        task->started_us = event->now_us;
    }
    if (task_state_is_final(task->state) && !task_state_is_final(before)) {
        task->finished_us = event->now_us;
    }
}

/* Nobody knows what became of its attempt. */
static bool is_unsettled(task_state_t state) {
    return state == TASK_UNKNOWN || state == TASK_OUTSTANDING;
}

void tasks_apply(engine_t *engine, run_t *run, uint32_t ordinal, task_event_t what,
                 const event_t *event, effects_t *effects) {
    rollout_t *rollout = run->rollout;
    task_t *task = &rollout->tasks[ordinal];
    task_state_t before = task->state;
    uint32_t in_flight_before = rollout->in_flight;
    const table_row_t *row =
        table_find(&TASK_MACHINE, (uint8_t)before, (uint8_t)what, conditions_of(rollout, task));
    task_state_t next = (task_state_t)table_next(row, (uint8_t)before);
    if (next == before && row->effects[0] == TASK_DO_NOTHING) {
        return;
    }
    set_state(run, ordinal, next);
    stamp(task, before, event);
    if (what == TASK_EVENT_RETRIED && is_unsettled(before)) {
        task->touched = true; /* the attempt that nobody has word of may have committed */
    }
    for (size_t i = 0; i < TABLE_EFFECTS; i++) {
        carry_out(engine, run, ordinal, (task_effect_t)row->effects[i], event, effects);
    }
    save(run, ordinal, effects);
    if (task_state_is_final(task->state) != task_state_is_final(before)) {
        waves_apply(engine, run, task->wave, WAVE_EVENT_JUDGED, event, effects);
    }
    bool late = before == TASK_OUTSTANDING && task_state_is_final(next);
    if (rollout->in_flight < in_flight_before || late) {
        rollouts_apply(engine, run, ROLLOUT_EVENT_SETTLED, event, effects);
    }
}

void tasks_withhold(engine_t *engine, run_t *run, uint32_t ordinal, const event_t *event,
                    effects_t *effects) {
    save(run, ordinal, effects); /* that it may have been touched, whatever state it is in */
    tasks_apply(engine, run, ordinal, TASK_EVENT_SILENT, event, effects);
    if (rollout_state_is_called_off(run->rollout->state)) {
        tasks_apply(engine, run, ordinal, TASK_EVENT_WITHDRAWN, event, effects);
    }
}

/* Replace an owned text; out of memory leaves NULL, the report itself is in the store. */
static void set_text(char **text, const char *value) {
    free(*text);
    *text = value != NULL ? strdup(value) : NULL;
}

/* A try that the catalog had forgotten becomes the task's own; the caller has judged whose it is.
 */
static void take_found(engine_t *engine, run_t *run, uint32_t ordinal, const event_t *event,
                       effects_t *effects) {
    task_t *task = &run->rollout->tasks[ordinal];
    tasks_apply(engine, run, ordinal, TASK_EVENT_FOUND, event, effects);
    if (task->state == TASK_RUNNING) {
        task->attempt = event->report->attempt;
        task->attempts++;
        task->agent = event->agent;
    }
}

void tasks_rule(engine_t *engine, run_t *run, uint32_t ordinal, const event_t *event,
                effects_t *effects) {
    const report_facts_t *ruling = event->report;
    task_t *task = &run->rollout->tasks[ordinal];
    if (task->state != TASK_UNKNOWN && task->state != TASK_OUTSTANDING) {
        return;
    }
    forget_error(task);
    set_text(&task->notes, ruling->notes);
    task->error_code = ruling->error_code;
    set_text(&task->error, ruling->error);
    task->touched = ruling->touched;
    if (ruling->has_position) {
        task->position = ruling->position;
    }
    tasks_apply(engine, run, ordinal, ruling->event, event, effects);
}

/* What goes back unbegun is no try: the order's end bounds how often, and the wait grows as after
 * tries. What fails after it began is one. */
static void note_given_back(task_t *task, const report_facts_t *report) {
    enum { COUNTED_MOST = 64 }; /* the longest wait is reached long before */
    if (report->event != TASK_EVENT_TRANSIENT) {
        return;
    }
    if (report->unspent && !report->touched && task->attempts > 0) {
        task->attempts--;
        task->given_back += task->given_back < COUNTED_MOST;
    } else {
        task->given_back = 0;
    }
}

void tasks_report(engine_t *engine, run_t *run, uint32_t ordinal, const event_t *event,
                  effects_t *effects) {
    const report_facts_t *report = event->report;
    task_t *task = &run->rollout->tasks[ordinal];
    bool current = ident_equal(&task->attempt, &report->attempt) &&
                   memcmp(&task->agent, &event->agent, sizeof task->agent) == 0;
    /* a word that comes after all outweighs a person's ruling that nothing was applied */
    bool ruled = task->state == TASK_FAILED && task->error_code == ERROR_OUTCOME_RULED;
    if (current ? ruled : report->found) {
        take_found(engine, run, ordinal, event, effects);
        current = ident_equal(&task->attempt, &report->attempt);
    }
    bool listening = task_state_is_in_flight(task->state) || task->state == TASK_OUTSTANDING;
    if (!current || !listening) {
        return; /* kept as evidence by the store, but it is not this attempt's word */
    }
    task->step = report->step;
    /* a later try takes one of its own, of what stands half way: nobody wants to go back to that */
    bool before_all = task->reference == NULL || !task->touched;
    task->touched = task->touched || report->touched;
    if (report->has_position) {
        task->position = report->position;
    }
    if (report->reference != NULL && before_all) {
        set_text(&task->reference, report->reference);
    }
    if (report->notes != NULL) {
        set_text(&task->notes, report->notes);
    }
    if (report->error_code != ERROR_NONE) {
        task->error_code = report->error_code;
        set_text(&task->error, report->error);
        memset(task->sqlstate, 0, sizeof task->sqlstate);
        if (report->sqlstate != NULL) {
            memcpy(task->sqlstate, report->sqlstate,
                   strnlen(report->sqlstate, sizeof task->sqlstate - 1));
        }
    } else if (report->event == TASK_EVENT_DONE || report->event == TASK_EVENT_NOT_NEEDED) {
        forget_error(task);
        set_text(&task->notes, report->notes);
    }
    note_given_back(task, report);
    save(run, ordinal, effects);
    tasks_apply(engine, run, ordinal, report->event, event, effects);
}

/* Why a task that nobody could do ended; what it failed of before stays behind that. */
static void note_reach(task_t *task, int64_t lasted_us) {
    char text[REACH_TEXT_BYTES];
    const char *earlier = task->error;
    (void)snprintf(text, sizeof text, "no agent had acted on its cluster for %lld s%s%s",
                   (long long)(lasted_us / 1000000), earlier != NULL ? "; before that: " : "",
                   earlier != NULL ? earlier : "");
    set_text(&task->error, text);
    task->error_code = ERROR_AGENT_UNREACHABLE;
    memset(task->sqlstate, 0, sizeof task->sqlstate);
}

void tasks_out_of_reach(engine_t *engine, run_t *run, uint32_t ordinal, int64_t lasted_us,
                        const event_t *event, effects_t *effects) {
    task_t *task = &run->rollout->tasks[ordinal];
    if (task->state == TASK_READY || task->state == TASK_WAITING || task->state == TASK_UNKNOWN) {
        note_reach(task, lasted_us);
        tasks_apply(engine, run, ordinal, TASK_EVENT_OUT_OF_REACH, event, effects);
    }
}
