/* job.c: see job.h. */
#include "agent/engine/job.h"
#include "common/base/status.h"

/* What each kind consists of; PROTECTS depends on the order besides. */
typedef struct kind_row {
    uint32_t conditions;
    bool may_protect;
    job_step_t work;
} kind_row_t;

static const kind_row_t KINDS[JOB_KIND_COUNT] = {
    [JOB_KIND_NONE] = {0, false, JOB_STEP_NONE},
    [JOB_KIND_FORWARD] = {JOB_IF_CHECKS | JOB_IF_WORKS | JOB_IF_VERIFIES, true, JOB_STEP_APPLY},
    [JOB_KIND_UNDO] = {JOB_IF_CHECKS | JOB_IF_WORKS | JOB_IF_VERIFIES, true, JOB_STEP_UNDO},
    [JOB_KIND_RESTORE] = {JOB_IF_WORKS | JOB_IF_VERIFIES, false, JOB_STEP_RESTORE},
    [JOB_KIND_BASELINE] = {JOB_IF_CHECKS | JOB_IF_WORKS, false, JOB_STEP_BASELINE},
    [JOB_KIND_BACKUP] = {JOB_IF_CHECKS | JOB_IF_PROTECTS, true, JOB_STEP_NONE},
    [JOB_KIND_LOOK] = {JOB_IF_CHECKS | JOB_IF_VERIFIES, false, JOB_STEP_NONE},
    [JOB_KIND_BACKUP_CHECK] = {JOB_IF_WORKS, false, JOB_STEP_LIST},
    [JOB_KIND_PRUNE] = {JOB_IF_WORKS, false, JOB_STEP_PRUNE},
};

static const job_outcome_t OUTCOMES[JOB_STATE_COUNT] = {
    [JOB_ACCEPTED] = JOB_OUTCOME_STARTED,      [JOB_CHECKING] = JOB_OUTCOME_STARTED,
    [JOB_PROTECTING] = JOB_OUTCOME_STARTED,    [JOB_WORKING] = JOB_OUTCOME_STARTED,
    [JOB_VERIFYING] = JOB_OUTCOME_STARTED,     [JOB_WAITING] = JOB_OUTCOME_STARTED,
    [JOB_SETTLING] = JOB_OUTCOME_UNKNOWN,      [JOB_DONE] = JOB_OUTCOME_DONE,
    [JOB_NOT_NEEDED] = JOB_OUTCOME_NOT_NEEDED, [JOB_REFUSED] = JOB_OUTCOME_REFUSED,
    [JOB_FAILED] = JOB_OUTCOME_FAILED,         [JOB_TRANSIENT] = JOB_OUTCOME_TRANSIENT,
    [JOB_CANCELLED] = JOB_OUTCOME_CANCELLED,   [JOB_GONE] = JOB_OUTCOME_GONE,
};

static const kind_row_t *kind_of(job_kind_t kind) {
    INVARIANT(kind > JOB_KIND_NONE && kind < JOB_KIND_COUNT);
    return &KINDS[kind];
}

job_step_t job_work_step(job_kind_t kind) {
    return kind_of(kind)->work;
}

job_step_t job_step_of(job_kind_t kind, job_state_t state) {
    switch (state) {
    case JOB_CHECKING:
    case JOB_ACCEPTED:
    case JOB_NOT_NEEDED:
    case JOB_REFUSED:
        return JOB_STEP_CHECK;
    case JOB_PROTECTING:
        return JOB_STEP_BACKUP;
    case JOB_VERIFYING:
        return JOB_STEP_VERIFY;
    case JOB_SETTLING:
        return JOB_STEP_SETTLE;
    case JOB_WORKING:
    case JOB_WAITING:
    case JOB_DONE:
    case JOB_FAILED:
    case JOB_TRANSIENT:
    case JOB_CANCELLED:
    case JOB_GONE:
    case JOB_STATE_COUNT:
        break;
    }
    return kind_of(kind)->work;
}

job_outcome_t job_outcome_of(job_state_t state) {
    INVARIANT(state < JOB_STATE_COUNT);
    return OUTCOMES[state];
}

bool job_state_is_final(job_state_t state) {
    return (JOB_MACHINE.final_states & IN(state)) != 0;
}

bool job_should_halt(const job_machine_t *job) {
    return job->cancelled || job->leaseless;
}

static uint32_t conditions_of(const job_machine_t *job) {
    const kind_row_t *kind = kind_of(job->kind);
    uint32_t lock_tries = job->backoff.attempts > 0 ? (uint32_t)job->backoff.attempts : 0;
    return kind->conditions | (kind->may_protect && job->protects ? JOB_IF_PROTECTS : 0U) |
           (job->tries < lock_tries ? JOB_IF_TRIES_LEFT : 0U) |
           (job->unsettled ? JOB_IF_UNSETTLED : 0U) | (job->cancelled ? JOB_IF_CANCELLED : 0U) |
           (job->leaseless ? JOB_IF_LEASELESS : 0U) | (job->begun ? JOB_IF_BEGUN : 0U);
}

const table_row_t *job_take(job_machine_t *job, job_event_t event, uint32_t chance) {
    const table_row_t *row =
        table_find(&JOB_MACHINE, (uint8_t)job->state, (uint8_t)event, conditions_of(job));
    job->state = (job_state_t)table_next(row, (uint8_t)job->state);
    for (size_t i = 0; i < TABLE_EFFECTS; i++) {
        if (row->effects[i] == JOB_DO_ARM) {
            job->tries++;
            job->wait_ms = backoff_wait_ms(&job->backoff, (int)job->tries, chance);
        } else if (row->effects[i] == JOB_DO_DOUBT) {
            job->unsettled = true;
            job->begun = true;
        } else if (row->effects[i] == JOB_DO_TRUST) {
            job->unsettled = false;
        } else if (row->effects[i] == JOB_DO_WORK) {
            job->begun = true;
        }
    }
    return row;
}

work_direction_t work_direction(const work_question_t *question) {
    if (question->position > question->bundle_head) {
        return WORK_AHEAD;
    }
    if (question->kind == JOB_KIND_FORWARD && question->position < question->target) {
        return WORK_FORWARD;
    }
    if (question->kind == JOB_KIND_UNDO && question->position > question->target) {
        return WORK_BACK;
    }
    return WORK_NONE;
}
