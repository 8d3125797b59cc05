/* job.c: runs the cases of the agent's engine, and checks its claims about what is possible. */
#include "tests/unit/agent/engine/cases_job.h"

/* Everything that a job can come to, from acceptance on and from every restart. */
typedef struct walk {
    bool seen[JOB_STATE_COUNT][JOB_KIND_COUNT][64]; /* flags beside state and kind */
    uint32_t combinations;
} walk_t;

static job_machine_t unpack(job_kind_t kind, job_state_t state, uint32_t flags) {
    return (job_machine_t){
        .kind = kind,
        .state = state,
        .protects = (flags & 1U) != 0,
        .cancelled = (flags & 2U) != 0,
        .leaseless = (flags & 4U) != 0,
        .unsettled = (flags & 8U) != 0,
        .begun = (flags & 16U) != 0,
        .tries = (flags & 32U) != 0 ? 1 : 0,
        .backoff = {.first_ms = 1, .most_ms = 1, .attempts = 1},
    };
}

static uint32_t pack(const job_machine_t *job) {
    return (job->protects ? 1U : 0) | (job->cancelled ? 2U : 0) | (job->leaseless ? 4U : 0) |
           (job->unsettled ? 8U : 0) | (job->begun ? 16U : 0) | (job->tries > 0 ? 32U : 0);
}

static uint32_t conditions_of(const job_machine_t *job);

static void visit(walk_t *walk, const job_machine_t *job);

static void take(walk_t *walk, job_machine_t job, job_event_t event) {
    uint32_t conditions = conditions_of(&job);
    assert_true(JOB_MACHINE.possible((uint8_t)job.state, (uint8_t)event, conditions));
    walk->combinations++;
    const table_row_t *row = job_take(&job, event, 0);
    assert_true(row->id > 0);
    visit(walk, &job);
}

/* The conditions as job.c makes them; kinds' own come from what their steps are. */
static uint32_t conditions_of(const job_machine_t *job) {
    static const uint32_t OF_KIND[JOB_KIND_COUNT] = {
        [JOB_KIND_FORWARD] = JOB_IF_CHECKS | JOB_IF_WORKS | JOB_IF_VERIFIES,
        [JOB_KIND_UNDO] = JOB_IF_CHECKS | JOB_IF_WORKS | JOB_IF_VERIFIES,
        [JOB_KIND_RESTORE] = JOB_IF_WORKS | JOB_IF_VERIFIES,
        [JOB_KIND_BASELINE] = JOB_IF_CHECKS | JOB_IF_WORKS,
        [JOB_KIND_BACKUP] = JOB_IF_CHECKS | JOB_IF_PROTECTS,
        [JOB_KIND_LOOK] = JOB_IF_CHECKS | JOB_IF_VERIFIES,
        [JOB_KIND_BACKUP_CHECK] = JOB_IF_WORKS,
        [JOB_KIND_PRUNE] = JOB_IF_WORKS,
    };
    bool may_protect = job->kind == JOB_KIND_FORWARD || job->kind == JOB_KIND_UNDO;
    return OF_KIND[job->kind] | (may_protect && job->protects ? JOB_IF_PROTECTS : 0U) |
           (job->tries < 1 ? JOB_IF_TRIES_LEFT : 0U) | (job->unsettled ? JOB_IF_UNSETTLED : 0U) |
           (job->cancelled ? JOB_IF_CANCELLED : 0U) | (job->leaseless ? JOB_IF_LEASELESS : 0U) |
           (job->begun ? JOB_IF_BEGUN : 0U);
}

static void visit(walk_t *walk, const job_machine_t *job) {
    bool *seen = &walk->seen[job->state][job->kind][pack(job)];
    if (*seen) {
        return;
    }
    *seen = true;
    for (int e = 0; e < JOB_EVENT_COUNT; e++) {
        bool needs_reason = e == JOB_EVENT_CANCEL || e == JOB_EVENT_HALTED;
        if (e == JOB_EVENT_RESUMED) {
            job_machine_t fresh = *job; /* what the journal keeps */
            fresh.begun = fresh.unsettled = fresh.leaseless = false;
            take(walk, fresh, JOB_EVENT_RESUMED);
            fresh.leaseless = true;
            take(walk, fresh, JOB_EVENT_RESUMED);
        } else if (!needs_reason || job_should_halt(job)) {
            take(walk, *job, (job_event_t)e);
        }
    }
    job_machine_t stopped = *job; /* the flags change between events */
    stopped.cancelled = true;
    visit(walk, &stopped);
    stopped = *job;
    stopped.leaseless = !stopped.leaseless;
    visit(walk, &stopped);
}

/* No job can come where the table does not expect it: possible() leaves nothing out. */
static void test_possible_is_right(void **state) {
    (void)state;
    static walk_t walk;
    for (int kind = JOB_KIND_NONE + 1; kind < JOB_KIND_COUNT; kind++) {
        for (uint32_t protects = 0; protects < 2; protects++) {
            job_machine_t job = unpack((job_kind_t)kind, JOB_ACCEPTED, protects);
            visit(&walk, &job);
        }
    }
    assert_true(walk.combinations > 1000);
    for (int s = 0; s < JOB_STATE_COUNT; s++) { /* every state can be come to */
        bool any = false;
        for (int kind = 0; kind < JOB_KIND_COUNT; kind++) {
            for (uint32_t f = 0; f < 64; f++) {
                any = any || walk.seen[s][kind][f];
            }
        }
        assert_true(any);
    }
    for (uint32_t f = 0; f < 64; f++) { /* a kind without work never works */
        assert_false(walk.seen[JOB_WORKING][JOB_KIND_LOOK][f]);
        assert_false(walk.seen[JOB_WORKING][JOB_KIND_BACKUP][f]);
        assert_false(walk.seen[JOB_SETTLING][JOB_KIND_LOOK][f]);
        assert_false(walk.seen[JOB_SETTLING][JOB_KIND_BACKUP][f]);
    }
}

int main(void) {
    static const struct CMUnitTest TESTS[] = {cmocka_unit_test(test_possible_is_right)};
    size_t count = 0;
    const struct CMUnitTest *cases = cases_job(&count);
    return _cmocka_run_group_tests("job", cases, count, NULL, NULL) +
           cmocka_run_group_tests(TESTS, NULL, NULL);
}
