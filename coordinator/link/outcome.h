/*
 * outcome.h: what a report's outcome means for its task. Pure, and total over the wire's enum: a
 * test walks every outcome × final.
 */
#ifndef DROVER_COORDINATOR_LINK_OUTCOME_H
#define DROVER_COORDINATOR_LINK_OUTCOME_H

#include "coordinator/engine/task_table.h"
#include "proto/drover.pb-c.h"

typedef struct outcome_row {
    Drover__Outcome outcome;
    bool final;
    bool stands; /* the wire admits it and it means something */
    task_event_t event;
} outcome_row_t;

/* All rows, for tests. */
const outcome_row_t *outcome_rows(size_t *ret_count);

/* The event that a report is for its task; false where it means nothing (OUTCOME_NONE). */
bool outcome_event(Drover__Outcome outcome, bool final, task_event_t *ret_event);

/* Whether a step of this kind changes the tenant, so that its end leaves the tenant touched. */
bool outcome_step_changes(Drover__Step step);

/*
 * Whether the attempt committed something, or may have, as far as this report says. positions are
 * those of the task before and of the report; a report without one does not move it.
 */
typedef struct outcome_positions {
    uint32_t before;
    uint32_t now;
    bool known;
} outcome_positions_t;
bool outcome_touched(Drover__Step step, Drover__Outcome outcome,
                     const outcome_positions_t *positions);

/* The audit log's word for a step: "apply". */
const char *outcome_step_name(Drover__Step step);

#endif
