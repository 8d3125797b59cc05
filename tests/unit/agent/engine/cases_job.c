/*
 * cases_job.c: every kind's way through the table, every restart, every stop. A case is a job in a
 * state, one event, and what must come of it.
 */
#include "tests/unit/agent/engine/cases_job.h"

enum { STEPS = 10 };

typedef struct taken {
    job_event_t event;
    job_state_t state;
    job_effect_t effect; /* the first one */
} taken_t;

static const backoff_t PACE = {.first_ms = 100, .most_ms = 1000, .attempts = 3};

static job_machine_t job_at(job_kind_t kind, job_state_t state) {
    return (job_machine_t){.kind = kind, .state = state, .backoff = PACE};
}

static void expect(job_machine_t *job, taken_t wanted) {
    const table_row_t *row = job_take(job, wanted.event, 0);
    assert_int_equal((int)job->state, (int)wanted.state);
    assert_int_equal(row->effects[0], wanted.effect);
}

static void expect_path(job_kind_t kind, bool protects, const taken_t path[STEPS]) {
    job_machine_t job = job_at(kind, JOB_ACCEPTED);
    job.protects = protects;
    for (int i = 0; i < STEPS; i++) {
        expect(&job, path[i]);
        if (path[i].effect == JOB_DO_FINISH) {
            return;
        }
    }
    fail();
}

#define BEGIN_CHECK                                                                                \
    { JOB_EVENT_BEGUN, JOB_CHECKING, JOB_DO_CHECK }
#define BEGIN_WORK                                                                                 \
    { JOB_EVENT_BEGUN, JOB_WORKING, JOB_DO_WORK }

static void test_paths(void **state) {
    (void)state;
    for (int kind = JOB_KIND_FORWARD; kind <= JOB_KIND_UNDO; kind++) {
        expect_path((job_kind_t)kind, true,
                    (taken_t[STEPS]){BEGIN_CHECK,
                                     {JOB_EVENT_DONE, JOB_PROTECTING, JOB_DO_PROTECT},
                                     {JOB_EVENT_DONE, JOB_WORKING, JOB_DO_WORK},
                                     {JOB_EVENT_DONE, JOB_VERIFYING, JOB_DO_VERIFY},
                                     {JOB_EVENT_DONE, JOB_DONE, JOB_DO_FINISH}});
        expect_path((job_kind_t)kind, false,
                    (taken_t[STEPS]){BEGIN_CHECK,
                                     {JOB_EVENT_DONE, JOB_WORKING, JOB_DO_WORK},
                                     {JOB_EVENT_DONE, JOB_VERIFYING, JOB_DO_VERIFY},
                                     {JOB_EVENT_NOT_NEEDED, JOB_DONE, JOB_DO_FINISH}});
    }
    for (int protects = 0; protects < 2;
         protects++) { /* an order's demand means nothing to these */
        expect_path(JOB_KIND_RESTORE, protects != 0,
                    (taken_t[STEPS]){BEGIN_WORK,
                                     {JOB_EVENT_DONE, JOB_VERIFYING, JOB_DO_VERIFY},
                                     {JOB_EVENT_DONE, JOB_DONE, JOB_DO_FINISH}});
        expect_path(JOB_KIND_BASELINE, protects != 0,
                    (taken_t[STEPS]){BEGIN_CHECK,
                                     {JOB_EVENT_DONE, JOB_WORKING, JOB_DO_WORK},
                                     {JOB_EVENT_DONE, JOB_DONE, JOB_DO_FINISH}});
        expect_path(JOB_KIND_BACKUP, protects != 0,
                    (taken_t[STEPS]){BEGIN_CHECK,
                                     {JOB_EVENT_DONE, JOB_PROTECTING, JOB_DO_PROTECT},
                                     {JOB_EVENT_DONE, JOB_DONE, JOB_DO_FINISH}});
        expect_path(JOB_KIND_LOOK, protects != 0,
                    (taken_t[STEPS]){BEGIN_CHECK,
                                     {JOB_EVENT_DONE, JOB_VERIFYING, JOB_DO_VERIFY},
                                     {JOB_EVENT_DONE, JOB_DONE, JOB_DO_FINISH}});
        expect_path(JOB_KIND_BACKUP_CHECK, protects != 0,
                    (taken_t[STEPS]){BEGIN_WORK, {JOB_EVENT_DONE, JOB_DONE, JOB_DO_FINISH}});
        expect_path(JOB_KIND_PRUNE, protects != 0,
                    (taken_t[STEPS]){BEGIN_WORK, {JOB_EVENT_DONE, JOB_DONE, JOB_DO_FINISH}});
    }
}

/* No kind of today looks and does nothing else; the table has its row all the same. */
static void test_only_a_check(void **state) {
    (void)state;
    const table_row_t *row = table_find(&JOB_MACHINE, JOB_CHECKING, JOB_EVENT_DONE, JOB_IF_CHECKS);
    assert_int_equal(row->next, JOB_DONE);
}

/* What a step may come back with, where nothing else is in the way. */
static void test_results(void **state) {
    (void)state;
    static const struct {
        job_state_t state;
        taken_t wanted;
    } CASES[] = {
        {JOB_CHECKING, {JOB_EVENT_NOT_NEEDED, JOB_NOT_NEEDED, JOB_DO_FINISH}},
        {JOB_CHECKING, {JOB_EVENT_REFUSED, JOB_REFUSED, JOB_DO_FINISH}},
        {JOB_CHECKING, {JOB_EVENT_FAILED, JOB_REFUSED, JOB_DO_FINISH}},
        {JOB_CHECKING, {JOB_EVENT_LOCKED, JOB_WAITING, JOB_DO_ARM}},
        {JOB_CHECKING, {JOB_EVENT_TRANSIENT, JOB_TRANSIENT, JOB_DO_FINISH}},
        {JOB_CHECKING, {JOB_EVENT_UNKNOWN, JOB_TRANSIENT, JOB_DO_FINISH}},
        {JOB_CHECKING, {JOB_EVENT_GONE, JOB_GONE, JOB_DO_FINISH}},
        {JOB_PROTECTING, {JOB_EVENT_REFUSED, JOB_REFUSED, JOB_DO_FINISH}},
        {JOB_PROTECTING, {JOB_EVENT_FAILED, JOB_FAILED, JOB_DO_FINISH}},
        {JOB_PROTECTING, {JOB_EVENT_LOCKED, JOB_TRANSIENT, JOB_DO_FINISH}},
        {JOB_PROTECTING, {JOB_EVENT_TRANSIENT, JOB_TRANSIENT, JOB_DO_FINISH}},
        {JOB_PROTECTING, {JOB_EVENT_UNKNOWN, JOB_TRANSIENT, JOB_DO_FINISH}},
        {JOB_PROTECTING, {JOB_EVENT_GONE, JOB_GONE, JOB_DO_FINISH}},
        {JOB_WORKING, {JOB_EVENT_NOT_NEEDED, JOB_NOT_NEEDED, JOB_DO_FINISH}},
        {JOB_WORKING, {JOB_EVENT_REFUSED, JOB_REFUSED, JOB_DO_FINISH}},
        {JOB_WORKING, {JOB_EVENT_FAILED, JOB_FAILED, JOB_DO_FINISH}},
        {JOB_WORKING, {JOB_EVENT_LOCKED, JOB_WAITING, JOB_DO_ARM}},
        {JOB_WORKING, {JOB_EVENT_TRANSIENT, JOB_TRANSIENT, JOB_DO_FINISH}},
        {JOB_WORKING, {JOB_EVENT_UNKNOWN, JOB_SETTLING, JOB_DO_DOUBT}},
        {JOB_WORKING, {JOB_EVENT_GONE, JOB_GONE, JOB_DO_FINISH}},
        {JOB_SETTLING, {JOB_EVENT_DONE, JOB_WORKING, JOB_DO_TRUST}},
        {JOB_SETTLING, {JOB_EVENT_LOCKED, JOB_WAITING, JOB_DO_ARM}},
        {JOB_SETTLING, {JOB_EVENT_TRANSIENT, JOB_WAITING, JOB_DO_ARM}},
        {JOB_SETTLING, {JOB_EVENT_UNKNOWN, JOB_WAITING, JOB_DO_ARM}},
        {JOB_SETTLING, {JOB_EVENT_FAILED, JOB_FAILED, JOB_DO_TRUST}},
        {JOB_SETTLING, {JOB_EVENT_REFUSED, JOB_FAILED, JOB_DO_TRUST}},
        {JOB_SETTLING, {JOB_EVENT_GONE, JOB_GONE, JOB_DO_FINISH}},
        {JOB_VERIFYING, {JOB_EVENT_FAILED, JOB_FAILED, JOB_DO_FINISH}},
        {JOB_VERIFYING, {JOB_EVENT_REFUSED, JOB_FAILED, JOB_DO_FINISH}},
        {JOB_VERIFYING, {JOB_EVENT_TRANSIENT, JOB_TRANSIENT, JOB_DO_FINISH}},
        {JOB_VERIFYING, {JOB_EVENT_LOCKED, JOB_TRANSIENT, JOB_DO_FINISH}},
        {JOB_VERIFYING, {JOB_EVENT_UNKNOWN, JOB_TRANSIENT, JOB_DO_FINISH}},
        {JOB_VERIFYING, {JOB_EVENT_GONE, JOB_GONE, JOB_DO_FINISH}},
    };
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        job_machine_t job = job_at(JOB_KIND_FORWARD, CASES[i].state);
        job.protects = true;
        expect(&job, CASES[i].wanted);
    }
}

/* The check gives way to a session of ours, up to a bound. */
static void test_locked_check(void **state) {
    (void)state;
    job_machine_t job = job_at(JOB_KIND_FORWARD, JOB_CHECKING);
    for (uint32_t try = 1; try <= 3; try++) {
        expect(&job, (taken_t){JOB_EVENT_LOCKED, JOB_WAITING, JOB_DO_ARM});
        assert_int_equal(job.tries, try);
        assert_int_equal(job.wait_ms, 50 << (try - 1)); /* chance 0: half of the step */
        expect(&job, (taken_t){JOB_EVENT_DUE, JOB_CHECKING, JOB_DO_CHECK});
    }
    expect(&job, (taken_t){JOB_EVENT_LOCKED, JOB_TRANSIENT, JOB_DO_FINISH});
}

/* The work gives way and goes on where it was: neither check nor recovery point again. */
static void test_locked_work(void **state) {
    (void)state;
    job_machine_t job = job_at(JOB_KIND_FORWARD, JOB_PROTECTING);
    job.protects = true;
    expect(&job, (taken_t){JOB_EVENT_DONE, JOB_WORKING, JOB_DO_WORK});
    for (int try = 0; try < 3; try++) {
        expect(&job, (taken_t){JOB_EVENT_LOCKED, JOB_WAITING, JOB_DO_ARM});
        expect(&job, (taken_t){JOB_EVENT_DUE, JOB_WORKING, JOB_DO_WORK});
    }
    expect(&job, (taken_t){JOB_EVENT_LOCKED, JOB_TRANSIENT, JOB_DO_FINISH});
}

static void test_unknown_then_settled(void **state) {
    (void)state;
    job_machine_t job = job_at(JOB_KIND_FORWARD, JOB_ACCEPTED);
    expect(&job, (taken_t)BEGIN_CHECK);
    expect(&job, (taken_t){JOB_EVENT_DONE, JOB_WORKING, JOB_DO_WORK});
    const table_row_t *row = job_take(&job, JOB_EVENT_UNKNOWN, 0);
    assert_int_equal(row->effects[1], JOB_DO_SETTLE);
    assert_true(job.unsettled);
    for (int try = 0; try < 20; try++) { /* without end: it has to be known */
        expect(&job, (taken_t){JOB_EVENT_LOCKED, JOB_WAITING, JOB_DO_ARM});
        assert_true(job.wait_ms <= 1000);
        expect(&job, (taken_t){JOB_EVENT_DUE, JOB_SETTLING, JOB_DO_SETTLE});
    }
    row = job_take(&job, JOB_EVENT_DONE, 0);
    assert_int_equal((int)job.state, JOB_WORKING);
    assert_int_equal(row->effects[1], JOB_DO_WORK);
    assert_false(job.unsettled);
}

/* Stopped (cancelled) or without a lease (leaseless), in every state. */
static void test_halts(void **state) {
    (void)state;
    static const struct {
        job_state_t state;
        job_event_t event;
        job_state_t cancelled; /* what it comes to, by which of the two */
        job_state_t leaseless;
    } CASES[] = {
        {JOB_ACCEPTED, JOB_EVENT_BEGUN, JOB_CANCELLED, JOB_TRANSIENT},
        {JOB_ACCEPTED, JOB_EVENT_RESUMED, JOB_CANCELLED, JOB_TRANSIENT},
        {JOB_ACCEPTED, JOB_EVENT_CANCEL, JOB_CANCELLED, JOB_TRANSIENT},
        {JOB_CHECKING, JOB_EVENT_CANCEL, JOB_CHECKING, JOB_CHECKING},
        {JOB_CHECKING, JOB_EVENT_DONE, JOB_CANCELLED, JOB_TRANSIENT},
        {JOB_CHECKING, JOB_EVENT_HALTED, JOB_CANCELLED, JOB_TRANSIENT},
        {JOB_CHECKING, JOB_EVENT_RESUMED, JOB_CANCELLED, JOB_TRANSIENT},
        {JOB_PROTECTING, JOB_EVENT_CANCEL, JOB_PROTECTING, JOB_PROTECTING},
        {JOB_PROTECTING, JOB_EVENT_DONE, JOB_CANCELLED, JOB_TRANSIENT},
        {JOB_PROTECTING, JOB_EVENT_HALTED, JOB_CANCELLED, JOB_TRANSIENT},
        {JOB_PROTECTING, JOB_EVENT_RESUMED, JOB_CANCELLED, JOB_TRANSIENT},
        {JOB_WORKING, JOB_EVENT_CANCEL, JOB_WORKING, JOB_WORKING},
        {JOB_WORKING, JOB_EVENT_HALTED, JOB_CANCELLED, JOB_TRANSIENT},
        {JOB_WORKING, JOB_EVENT_LOCKED, JOB_CANCELLED, JOB_TRANSIENT},
        {JOB_WORKING, JOB_EVENT_DONE, JOB_VERIFYING, JOB_VERIFYING}, /* it is committed */
        {JOB_WORKING, JOB_EVENT_UNKNOWN, JOB_SETTLING, JOB_SETTLING},
        {JOB_SETTLING, JOB_EVENT_CANCEL, JOB_SETTLING, JOB_SETTLING},
        {JOB_SETTLING, JOB_EVENT_DONE, JOB_CANCELLED, JOB_TRANSIENT},
        {JOB_SETTLING, JOB_EVENT_HALTED, JOB_CANCELLED, JOB_TRANSIENT},
        {JOB_SETTLING, JOB_EVENT_LOCKED, JOB_WAITING, JOB_WAITING},
        {JOB_VERIFYING, JOB_EVENT_CANCEL, JOB_VERIFYING, JOB_VERIFYING},
        {JOB_VERIFYING, JOB_EVENT_DONE, JOB_DONE, JOB_DONE},
        {JOB_VERIFYING, JOB_EVENT_HALTED, JOB_TRANSIENT, JOB_TRANSIENT},
        {JOB_WAITING, JOB_EVENT_CANCEL, JOB_CANCELLED, JOB_TRANSIENT},
        {JOB_WAITING, JOB_EVENT_DUE, JOB_CANCELLED, JOB_TRANSIENT},
    };
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        job_machine_t job = job_at(JOB_KIND_FORWARD, CASES[i].state);
        job.protects = job.cancelled = true;
        assert_true(job_should_halt(&job));
        (void)job_take(&job, CASES[i].event, 0);
        assert_int_equal((int)job.state, (int)CASES[i].cancelled);
        job = job_at(JOB_KIND_FORWARD, CASES[i].state);
        job.protects = job.leaseless = true;
        assert_true(job_should_halt(&job));
        (void)job_take(&job, CASES[i].event, 0);
        assert_int_equal((int)job.state, (int)CASES[i].leaseless);
    }
}

/* A cancel does not end a wait for evidence. */
static void test_cancel_while_unsettled(void **state) {
    (void)state;
    job_machine_t job = job_at(JOB_KIND_FORWARD, JOB_WAITING);
    job.unsettled = job.begun = job.cancelled = true;
    expect(&job, (taken_t){JOB_EVENT_CANCEL, JOB_WAITING, JOB_DO_NOTHING});
    expect(&job, (taken_t){JOB_EVENT_DUE, JOB_SETTLING, JOB_DO_SETTLE});
    const table_row_t *row = job_take(&job, JOB_EVENT_DONE, 0);
    assert_int_equal((int)job.state, JOB_CANCELLED);
    assert_int_equal(row->effects[1], JOB_DO_FINISH);
    assert_false(job.unsettled);
}

/* The agent was restarted: only what the journal keeps is known. */
static void test_restarts(void **state) {
    (void)state;
    static const struct {
        job_kind_t kind;
        job_state_t from;
        job_state_t to;
        job_effect_t last; /* effect */
    } CASES[] = {
        {JOB_KIND_FORWARD, JOB_ACCEPTED, JOB_CHECKING, JOB_DO_CHECK},
        {JOB_KIND_RESTORE, JOB_ACCEPTED, JOB_WORKING, JOB_DO_WORK},
        {JOB_KIND_FORWARD, JOB_CHECKING, JOB_CHECKING, JOB_DO_CHECK},
        {JOB_KIND_FORWARD, JOB_PROTECTING, JOB_CHECKING, JOB_DO_CHECK},
        {JOB_KIND_FORWARD, JOB_WORKING, JOB_SETTLING, JOB_DO_SETTLE},
        {JOB_KIND_FORWARD, JOB_VERIFYING, JOB_SETTLING, JOB_DO_SETTLE},
        {JOB_KIND_FORWARD, JOB_SETTLING, JOB_SETTLING, JOB_DO_SETTLE},
        {JOB_KIND_RESTORE, JOB_WORKING, JOB_SETTLING, JOB_DO_SETTLE},
        {JOB_KIND_RESTORE, JOB_VERIFYING, JOB_SETTLING, JOB_DO_SETTLE},
        {JOB_KIND_RESTORE, JOB_WAITING, JOB_SETTLING, JOB_DO_SETTLE},
        /* never into work that was not begun: the recovery point may be missing */
        {JOB_KIND_FORWARD, JOB_WAITING, JOB_CHECKING, JOB_DO_CHECK},
        {JOB_KIND_BACKUP, JOB_WAITING, JOB_CHECKING, JOB_DO_CHECK},
        {JOB_KIND_LOOK, JOB_WAITING, JOB_CHECKING, JOB_DO_CHECK},
        {JOB_KIND_LOOK, JOB_VERIFYING, JOB_VERIFYING, JOB_DO_VERIFY},
    };
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        job_machine_t job = job_at(CASES[i].kind, CASES[i].from);
        job.protects = true;
        const table_row_t *row = job_take(&job, JOB_EVENT_RESUMED, 0);
        assert_int_equal((int)job.state, (int)CASES[i].to);
        job_effect_t last = row->effects[1] != 0 ? row->effects[1] : row->effects[0];
        assert_int_equal((int)last, (int)CASES[i].last);
        assert_int_equal(job.unsettled, CASES[i].last == JOB_DO_SETTLE);
    }
}

#define EV(name) IN(JOB_EVENT_##name)
#define RESULTS                                                                                    \
    (EV(DONE) | EV(NOT_NEEDED) | EV(REFUSED) | EV(FAILED) | EV(LOCKED) | EV(TRANSIENT) |           \
     EV(UNKNOWN) | EV(HALTED) | EV(GONE))

/* Events that leave a job as it is. */
static void test_ignored(void **state) {
    (void)state;
    static const uint32_t IGNORED[JOB_STATE_COUNT] = {
        [JOB_ACCEPTED] = RESULTS | EV(DUE),
        [JOB_CHECKING] = EV(BEGUN) | EV(DUE),
        [JOB_PROTECTING] = EV(BEGUN) | EV(DUE) | EV(NOT_NEEDED),
        [JOB_WORKING] = EV(BEGUN) | EV(DUE),
        [JOB_VERIFYING] = EV(BEGUN) | EV(DUE),
        [JOB_SETTLING] = EV(BEGUN) | EV(DUE) | EV(NOT_NEEDED),
        [JOB_WAITING] = EV(BEGUN) | RESULTS,
        [JOB_DONE] = EV(COUNT) - 1,
        [JOB_NOT_NEEDED] = EV(COUNT) - 1,
        [JOB_REFUSED] = EV(COUNT) - 1,
        [JOB_FAILED] = EV(COUNT) - 1,
        [JOB_TRANSIENT] = EV(COUNT) - 1,
        [JOB_CANCELLED] = EV(COUNT) - 1,
        [JOB_GONE] = EV(COUNT) - 1,
    };
    for (int s = 0; s < JOB_STATE_COUNT; s++) {
        for (int e = 0; e < JOB_EVENT_COUNT; e++) {
            if ((IGNORED[s] & IN(e)) != 0) {
                job_machine_t job = job_at(JOB_KIND_FORWARD, (job_state_t)s);
                expect(&job, (taken_t){(job_event_t)e, (job_state_t)s, JOB_DO_NOTHING});
            }
        }
    }
}

static void test_steps_and_outcomes(void **state) {
    (void)state;
    assert_int_equal((int)job_work_step(JOB_KIND_FORWARD), JOB_STEP_APPLY);
    assert_int_equal((int)job_work_step(JOB_KIND_UNDO), JOB_STEP_UNDO);
    assert_int_equal((int)job_step_of(JOB_KIND_FORWARD, JOB_CHECKING), JOB_STEP_CHECK);
    assert_int_equal((int)job_step_of(JOB_KIND_FORWARD, JOB_PROTECTING), JOB_STEP_BACKUP);
    assert_int_equal((int)job_step_of(JOB_KIND_RESTORE, JOB_WORKING), JOB_STEP_RESTORE);
    assert_int_equal((int)job_step_of(JOB_KIND_PRUNE, JOB_DONE), JOB_STEP_PRUNE);
    assert_int_equal((int)job_step_of(JOB_KIND_BACKUP_CHECK, JOB_WORKING), JOB_STEP_LIST);
    assert_int_equal((int)job_step_of(JOB_KIND_FORWARD, JOB_VERIFYING), JOB_STEP_VERIFY);
    assert_int_equal((int)job_step_of(JOB_KIND_FORWARD, JOB_SETTLING), JOB_STEP_SETTLE);
    assert_int_equal((int)job_outcome_of(JOB_WORKING), JOB_OUTCOME_STARTED);
    assert_int_equal((int)job_outcome_of(JOB_SETTLING), JOB_OUTCOME_UNKNOWN);
    for (int s = 0; s < JOB_STATE_COUNT; s++) {
        job_outcome_t outcome = job_outcome_of((job_state_t)s);
        bool final = outcome != JOB_OUTCOME_STARTED && outcome != JOB_OUTCOME_UNKNOWN;
        assert_int_equal(job_state_is_final((job_state_t)s), final);
    }
}

static void test_work_direction(void **state) {
    (void)state;
    static const struct {
        work_question_t question;
        work_direction_t answer;
    } CASES[] = {
        {{JOB_KIND_FORWARD, 0, 3, 5}, WORK_FORWARD}, {{JOB_KIND_FORWARD, 3, 3, 5}, WORK_NONE},
        {{JOB_KIND_FORWARD, 4, 3, 5}, WORK_NONE},    {{JOB_KIND_FORWARD, 5, 3, 5}, WORK_NONE},
        {{JOB_KIND_FORWARD, 6, 3, 5}, WORK_AHEAD},   {{JOB_KIND_UNDO, 4, 3, 5}, WORK_BACK},
        {{JOB_KIND_UNDO, 3, 3, 5}, WORK_NONE},       {{JOB_KIND_UNDO, 2, 3, 5}, WORK_NONE},
        {{JOB_KIND_UNDO, 6, 0, 5}, WORK_AHEAD},      {{JOB_KIND_RESTORE, 1, 3, 5}, WORK_NONE},
    };
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        assert_int_equal((int)work_direction(&CASES[i].question), (int)CASES[i].answer);
    }
}

const struct CMUnitTest *cases_job(size_t *ret_count) {
    static const struct CMUnitTest ITEMS[] = {
        cmocka_unit_test(test_paths),
        cmocka_unit_test(test_only_a_check),
        cmocka_unit_test(test_results),
        cmocka_unit_test(test_locked_check),
        cmocka_unit_test(test_locked_work),
        cmocka_unit_test(test_unknown_then_settled),
        cmocka_unit_test(test_halts),
        cmocka_unit_test(test_cancel_while_unsettled),
        cmocka_unit_test(test_restarts),
        cmocka_unit_test(test_ignored),
        cmocka_unit_test(test_steps_and_outcomes),
        cmocka_unit_test(test_work_direction),
    };
    *ret_count = sizeof ITEMS / sizeof ITEMS[0];
    return ITEMS;
}
