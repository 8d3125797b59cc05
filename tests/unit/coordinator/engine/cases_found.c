/* cases_found.c: tries that a catalog had forgotten, and what a person rules where nobody knows. */
#include "tests/unit/coordinator/engine/stage.h"

static const rollout_plan_t ONE = {.number = 1,
                                   .waves = {{.count = 1, .on_failure = ON_FAILURE_CONTINUE}}};

/* Word of a try that was forgotten becomes the task's own, unless it is over for good. */
static void test_found(void **state) {
    (void)state;
    static const struct {
        task_event_t before; /* how the known try ended; COUNT: there was none */
        task_state_t after;
    } CASES[] = {{TASK_EVENT_COUNT, TASK_SUCCEEDED},       {TASK_EVENT_FAILED, TASK_SUCCEEDED},
                 {TASK_EVENT_TRANSIENT, TASK_SUCCEEDED},   {TASK_EVENT_REFUSED, TASK_SUCCEEDED},
                 {TASK_EVENT_NOT_NEEDED, TASK_NOT_NEEDED}, {TASK_EVENT_GONE, TASK_GONE}};
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        stage_t stage;
        stage_open(&stage);
        rollout_t *rollout = stage_start(&stage, &ONE);
        const agent_key_t agent = stage_agent(1);
        if (CASES[i].before != TASK_EVENT_COUNT) {
            (void)stage_room(&stage, 1, 1);
            stage_report(&stage, rollout, 0, CASES[i].before);
        }
        report_facts_t word = {
            .job = rollout->tasks[0].job, .attempt = stage_id(9, 9), .event = TASK_EVENT_DONE};
        stage_report_facts(&stage, &agent, &word);
        assert_int_equal(stage.effects.count, 0); /* not found: nobody's word */
        word.found = true;
        stage_report_facts(&stage, &agent, &word);
        assert_task(rollout, 0, CASES[i].after);
        bool own = CASES[i].after == TASK_SUCCEEDED;
        assert_int_equal(ident_equal(&rollout->tasks[0].attempt, &word.attempt), own);
        stage_close(&stage);
    }
}

/* The second wave is open, and a try of a task that failed in the first one is found. */
static rollout_t *find_in_first(stage_t *stage, report_facts_t *ret_word) {
    static const rollout_plan_t PLAN = {
        .number = 1, .attempts = 5, .wave_count = 2, .waves = {{.count = 1, .budget = 1}, {1}}};
    const agent_key_t agent = stage_agent(1);
    stage_open(stage);
    rollout_t *rollout = stage_start(stage, &PLAN);
    (void)stage_room(stage, 1, 1);
    stage_report(stage, rollout, 0, TASK_EVENT_FAILED);
    assert_wave(rollout, 1, WAVE_OPEN);
    (void)stage_room(stage, 1, 1);
    *ret_word = (report_facts_t){.job = rollout->tasks[0].job,
                                 .attempt = stage_id(9, 9),
                                 .event = TASK_EVENT_STARTED,
                                 .found = true};
    stage_report_facts(stage, &agent, ret_word);
    assert_task(rollout, 0, TASK_RUNNING);
    return rollout;
}

/* Nobody looks any more at a wave that has passed: what is found there waits for no other try. */
static void test_found_in_passed_wave(void **state) {
    (void)state;
    stage_t stage;
    report_facts_t word = {0};
    rollout_t *rollout = find_in_first(&stage, &word);
    stage_report(&stage, rollout, 0, TASK_EVENT_TRANSIENT);
    assert_task(rollout, 0, TASK_FAILED);
    stage_report(&stage, rollout, 1, TASK_EVENT_DONE);
    assert_rollout(rollout, ROLLOUT_INCOMPLETE);
    stage_close(&stage);
}

/* A rollout is not called done while what was found is at work, and is once that has ended well;
 * in one that is over nothing is tried again by itself. */
static void test_found_outlasts_its_rollout(void **state) {
    (void)state;
    for (int good = 0; good < 2; good++) {
        stage_t stage;
        report_facts_t word = {0};
        rollout_t *rollout = find_in_first(&stage, &word);
        stage_report(&stage, rollout, 1, TASK_EVENT_DONE);
        assert_rollout(rollout, ROLLOUT_INCOMPLETE);
        stage_report(&stage, rollout, 0, good != 0 ? TASK_EVENT_DONE : TASK_EVENT_TRANSIENT);
        assert_task(rollout, 0, good != 0 ? TASK_SUCCEEDED : TASK_FAILED);
        assert_rollout(rollout, good != 0 ? ROLLOUT_SUCCEEDED : ROLLOUT_INCOMPLETE);
        stage_close(&stage);
    }
}

/* One that nobody has word of is tried again: its rollout runs, and is not called done. */
static void test_found_is_retried(void **state) {
    (void)state;
    stage_t stage;
    report_facts_t word = {0};
    rollout_t *rollout = find_in_first(&stage, &word);
    stage_report(&stage, rollout, 1, TASK_EVENT_DONE);
    stage_report(&stage, rollout, 0, TASK_EVENT_UNKNOWN);
    assert_rollout(rollout, ROLLOUT_INCOMPLETE);
    stage_retry(&stage, rollout, 0);
    assert_task(rollout, 0, TASK_READY);
    assert_rollout(rollout, ROLLOUT_RUNNING);
    stage_close(&stage);
}

/* What a person rules counts where nobody knows, and nowhere else. */
static void test_ruled(void **state) {
    (void)state;
    static const struct {
        task_event_t ruling;
        task_state_t after;
    } CASES[] = {{TASK_EVENT_RULED_DONE, TASK_SUCCEEDED},
                 {TASK_EVENT_RULED_NOT, TASK_FAILED},
                 {TASK_EVENT_RULED_GONE, TASK_GONE}};
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        stage_t stage;
        stage_open(&stage);
        rollout_t *rollout = stage_start(&stage, &ONE);
        const report_facts_t ruling = {.job = rollout->tasks[0].job,
                                       .event = CASES[i].ruling,
                                       .notes = "alice: the disk is gone",
                                       .has_position = true,
                                       .position = 3};
        stage_step(&stage, &(event_t){.kind = EVENT_RULE, .report = &ruling});
        assert_task(rollout, 0, TASK_READY); /* nothing is in doubt */
        (void)stage_room(&stage, 1, 1);
        stage_report(&stage, rollout, 0, TASK_EVENT_UNKNOWN);
        assert_task(rollout, 0, TASK_UNKNOWN);
        stage_step(&stage, &(event_t){.kind = EVENT_RULE, .report = &ruling});
        assert_task(rollout, 0, CASES[i].after);
        assert_int_equal(rollout->tasks[0].position, 3);
        assert_string_equal(rollout->tasks[0].notes, "alice: the disk is gone");
        stage_close(&stage);
    }
}

case_list_t cases_found(void) {
    static const struct CMUnitTest ITEMS[] = {
        cmocka_unit_test(test_found),
        cmocka_unit_test(test_found_in_passed_wave),
        cmocka_unit_test(test_found_outlasts_its_rollout),
        cmocka_unit_test(test_found_is_retried),
        cmocka_unit_test(test_ruled),
    };
    return (case_list_t){ITEMS, sizeof ITEMS / sizeof ITEMS[0]};
}
