/* outcome.c: see outcome.h. */
#include "coordinator/link/outcome.h"

#include <stddef.h>

#define OF(name) DROVER__OUTCOME__OUTCOME_##name

/* A step that is over is no word about the attempt while more steps follow, whatever became of it:
 * the agent decides and says so with its final report. Only doubt is told at once. */
// clang-format off
static const outcome_row_t ROWS[] = {
    {OF(NONE),       false, false, TASK_EVENT_STARTED},
    {OF(NONE),       true,  false, TASK_EVENT_STARTED},
    {OF(STARTED),    false, true,  TASK_EVENT_STARTED},
    {OF(STARTED),    true,  false, TASK_EVENT_STARTED},
    {OF(DONE),       false, true,  TASK_EVENT_STARTED},
    {OF(DONE),       true,  true,  TASK_EVENT_DONE},
    {OF(NOT_NEEDED), false, true,  TASK_EVENT_STARTED},
    {OF(NOT_NEEDED), true,  true,  TASK_EVENT_NOT_NEEDED},
    {OF(REFUSED),    false, true,  TASK_EVENT_STARTED},
    {OF(REFUSED),    true,  true,  TASK_EVENT_REFUSED},
    {OF(FAILED),     false, true,  TASK_EVENT_STARTED},
    {OF(FAILED),     true,  true,  TASK_EVENT_FAILED},
    {OF(TRANSIENT),  false, true,  TASK_EVENT_STARTED},
    {OF(TRANSIENT),  true,  true,  TASK_EVENT_TRANSIENT},
    {OF(UNKNOWN),    false, true,  TASK_EVENT_UNKNOWN},
    {OF(UNKNOWN),    true,  true,  TASK_EVENT_UNKNOWN},
    {OF(CANCELLED),  false, true,  TASK_EVENT_STARTED},
    {OF(CANCELLED),  true,  true,  TASK_EVENT_CANCELLED},
    {OF(GONE),       false, true,  TASK_EVENT_STARTED},
    {OF(GONE),       true,  true,  TASK_EVENT_GONE},
};
// clang-format on

const outcome_row_t *outcome_rows(size_t *ret_count) {
    *ret_count = sizeof ROWS / sizeof ROWS[0];
    return ROWS;
}

bool outcome_event(Drover__Outcome outcome, bool final, task_event_t *ret_event) {
    for (size_t i = 0; i < sizeof ROWS / sizeof ROWS[0]; i++) {
        if (ROWS[i].outcome == outcome && ROWS[i].final == final) {
            *ret_event = ROWS[i].event;
            return ROWS[i].stands;
        }
    }
    return false;
}

typedef struct step_row {
    Drover__Step step;
    bool changes;
    const char *name;
} step_row_t;

// clang-format off
static const step_row_t STEPS[] = {
    {DROVER__STEP__STEP_NONE,     false, "none"},
    {DROVER__STEP__STEP_CHECK,    false, "check"},
    {DROVER__STEP__STEP_BACKUP,   false, "backup"},
    {DROVER__STEP__STEP_APPLY,    true,  "apply"},
    {DROVER__STEP__STEP_VERIFY,   false, "verify"},
    {DROVER__STEP__STEP_UNDO,     true,  "undo"},
    {DROVER__STEP__STEP_RESTORE,  true,  "restore"},
    {DROVER__STEP__STEP_BASELINE, true,  "baseline"},
    {DROVER__STEP__STEP_SETTLE,   false, "settle"},
    {DROVER__STEP__STEP_PRUNE,    false, "prune"},
    {DROVER__STEP__STEP_LIST,     false, "list"},
};
// clang-format on

static const step_row_t *find_step(Drover__Step step) {
    for (size_t i = 0; i < sizeof STEPS / sizeof STEPS[0]; i++) {
        if (STEPS[i].step == step) {
            return &STEPS[i];
        }
    }
    return &STEPS[0];
}

bool outcome_step_changes(Drover__Step step) {
    return find_step(step)->changes;
}

const char *outcome_step_name(Drover__Step step) {
    return find_step(step)->name;
}

bool outcome_touched(Drover__Step step, Drover__Outcome outcome,
                     const outcome_positions_t *positions) {
    if (positions->known && positions->now != positions->before) {
        return true;
    }
    /* what nobody has evidence for may have been committed */
    return outcome == OF(UNKNOWN) || (outcome == OF(DONE) && outcome_step_changes(step));
}
