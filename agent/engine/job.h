/*
 * job.h: one job's decisions at the agent. Pure: a step's result comes in as an event, what to do
 * next goes out as effects. Which steps a kind of job has, and what is left to do after a look at
 * the ledger, is decided here and nowhere else.
 */
#ifndef DROVER_AGENT_ENGINE_JOB_H
#define DROVER_AGENT_ENGINE_JOB_H

#include "agent/engine/job_table.h"
#include "common/base/backoff.h"

/* Same numbers as JobKind on the wire; a test compares them. */
typedef enum job_kind {
    JOB_KIND_NONE,
    JOB_KIND_FORWARD,
    JOB_KIND_UNDO,
    JOB_KIND_RESTORE,
    JOB_KIND_BASELINE,
    JOB_KIND_BACKUP,
    JOB_KIND_LOOK,
    JOB_KIND_BACKUP_CHECK,
    JOB_KIND_PRUNE,
    JOB_KIND_COUNT
} job_kind_t;

/* Same numbers as Step on the wire. */
typedef enum job_step {
    JOB_STEP_NONE,
    JOB_STEP_CHECK,
    JOB_STEP_BACKUP,
    JOB_STEP_APPLY,
    JOB_STEP_VERIFY,
    JOB_STEP_UNDO,
    JOB_STEP_RESTORE,
    JOB_STEP_BASELINE,
    JOB_STEP_SETTLE,
    JOB_STEP_PRUNE,
    JOB_STEP_LIST,
    JOB_STEP_COUNT
} job_step_t;

/* Same numbers as Outcome on the wire. */
typedef enum job_outcome {
    JOB_OUTCOME_NONE,
    JOB_OUTCOME_STARTED,
    JOB_OUTCOME_DONE,
    JOB_OUTCOME_NOT_NEEDED,
    JOB_OUTCOME_REFUSED,
    JOB_OUTCOME_FAILED,
    JOB_OUTCOME_TRANSIENT,
    JOB_OUTCOME_UNKNOWN,
    JOB_OUTCOME_CANCELLED,
    JOB_OUTCOME_GONE,
    JOB_OUTCOME_COUNT
} job_outcome_t;

typedef struct job_machine {
    job_kind_t kind;
    job_state_t state;
    bool protects;     /* the order demands a recovery point */
    bool cancelled;    /* the coordinator asked to stop */
    bool leaseless;    /* the lease has ended */
    bool unsettled;    /* an outcome is unknown */
    bool begun;        /* its work was begun; not journaled */
    uint32_t tries;    /* waits so far */
    backoff_t backoff; /* of those waits; attempts bounds lock retries */
    int64_t wait_ms;   /* chosen by JOB_DO_ARM */
} job_machine_t;

/* The step that the job's WORKING state means, and the one of any state, for reports. */
job_step_t job_work_step(job_kind_t kind);
job_step_t job_step_of(job_kind_t kind, job_state_t state);

/* The outcome that a final state reports; JOB_OUTCOME_STARTED for the others. */
job_outcome_t job_outcome_of(job_state_t state);

bool job_state_is_final(job_state_t state);

/* Whether work that is under way should stop at the next seam. */
bool job_should_halt(const job_machine_t *job);

/*
 * Take one event in: the state changes in place and the row that decided comes back, with the
 * effects to carry out in order. chance is 32 random bits, for the wait.
 */
const table_row_t *job_take(job_machine_t *job, job_event_t event, uint32_t chance);

/* What is to be done between two positions of a ledger. */
typedef enum work_direction {
    WORK_NONE,    /* stands at the target */
    WORK_FORWARD, /* apply position + 1 … target */
    WORK_BACK,    /* undo position … target + 1 */
    WORK_AHEAD,   /* stands past what the bundle knows: refuse */
    WORK_DIRECTION_COUNT
} work_direction_t;

typedef struct work_question {
    job_kind_t kind;
    uint32_t position; /* ledger's, 0 is nothing applied */
    uint32_t target;
    uint32_t bundle_head; /* last position that the bundle knows */
} work_question_t;

/* Forward jobs never go back and undo jobs never go forward: those answer WORK_NONE. */
work_direction_t work_direction(const work_question_t *question);

#endif
