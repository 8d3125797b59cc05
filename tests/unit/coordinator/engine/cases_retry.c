/* cases_retry.c: an operator asks for another try: of all that failed, of one, in which wave. */
#include "coordinator/engine/rollout_table.h"
#include "coordinator/engine/wave_table.h"
#include "tests/unit/coordinator/engine/stage.h"

static void settle(stage_t *stage, const rollout_t *rollout, const task_event_t *events,
                   uint32_t count) {
    (void)stage_room(stage, 1, count);
    for (uint32_t i = 0; i < count; i++) {
        stage_report(stage, rollout, i, events[i]);
    }
}

static void test_all_failed(void **state) {
    (void)state;
    stage_t stage;
    stage_open(&stage);
    rollout_t *rollout = stage_start(&stage, &(rollout_plan_t){.number = 1, .waves = {{4}}});
    const task_event_t events[] = {TASK_EVENT_FAILED, TASK_EVENT_REFUSED, TASK_EVENT_FAILED};
    settle(&stage, rollout, events, 3);
    assert_rollout(rollout, ROLLOUT_PAUSED);
    stage_retry(&stage, rollout, STAGE_ALL);
    assert_rollout(rollout, ROLLOUT_RUNNING);
    assert_wave(rollout, 0, WAVE_OPEN);
    assert_int_equal(stage_told(&stage, &WAVE_MACHINE), 10); /* opened once, never failed between */
    for (uint32_t i = 0; i < 3; i++) {
        assert_task(rollout, i, TASK_READY);
        assert_int_equal(rollout->tasks[i].attempts, 0);
        assert_int_equal(rollout->tasks[i].finished_us, 0);
    }
    assert_int_equal(stage_room(&stage, 1, 10), 4);
    for (uint32_t i = 0; i < 4; i++) {
        stage_report(&stage, rollout, i, TASK_EVENT_DONE);
    }
    assert_rollout(rollout, ROLLOUT_SUCCEEDED);
    stage_close(&stage);
}

/* One of two failures is tried again: it gets its try, and then the wave is judged. */
static void test_one_of_two(void **state) {
    (void)state;
    stage_t stage;
    stage_open(&stage);
    rollout_t *rollout = stage_start(&stage, &(rollout_plan_t){.number = 1, .waves = {{2}}});
    const task_event_t events[] = {TASK_EVENT_FAILED, TASK_EVENT_FAILED};
    settle(&stage, rollout, events, 2);
    stage_retry(&stage, rollout, 1);
    assert_rollout(rollout, ROLLOUT_RUNNING);
    assert_task(rollout, 0, TASK_FAILED);
    assert_int_equal(stage_room(&stage, 1, 10), 1);
    stage_report(&stage, rollout, 1, TASK_EVENT_DONE);
    assert_rollout(rollout, ROLLOUT_PAUSED);
    stage_retry(&stage, rollout, 0);
    (void)stage_room(&stage, 1, 10);
    stage_report(&stage, rollout, 0, TASK_EVENT_DONE);
    assert_rollout(rollout, ROLLOUT_SUCCEEDED);
    stage_close(&stage);
}

/* What silence made unknown may have been committed: another try must not make that forgotten, or a
 * rollback would pass the tenant over. Nor must an agent that comes back without its state. */
static void test_what_is_unknown_counts_as_touched(void **state) {
    (void)state;
    stage_t stage;
    stage_open(&stage);
    rollout_t *rollout = stage_start(&stage, &(rollout_plan_t){.number = 1, .waves = {{3}}});
    (void)stage_room(&stage, 1, 3);
    stage_tick(&stage, LEASE_SECONDS, 0);
    assert_task(rollout, 0, TASK_UNKNOWN);
    assert_false(rollout->tasks[0].touched);
    stage_retry(&stage, rollout, 0);
    assert_task(rollout, 0, TASK_READY);
    assert_true(rollout->tasks[0].touched);

    stage_in_hand(&stage, 1, rollout, (task_range_t){.first = 1, .count = 1}); /* not the third */
    assert_task(rollout, 2, TASK_DISPATCHED);
    assert_false(rollout->tasks[2].touched); /* it never arrived */
    const agent_key_t agent = stage_agent(1);
    stage_step(&stage, &(event_t){.kind = EVENT_IN_HAND, .agent = agent, .forgetful = true});
    assert_true(rollout->tasks[1].touched);
    assert_true(rollout->tasks[2].touched);
    stage_close(&stage);
}

/* It was changed half way, and the stop came before its other try began: nobody may read that it
 * never started. */
static void test_stopped_before_the_other_try(void **state) {
    (void)state;
    stage_t stage;
    stage_open(&stage);
    rollout_t *rollout = stage_start(&stage, &(rollout_plan_t){.number = 1, .waves = {{3}}});
    (void)stage_room(&stage, 1, 2);
    stage_report_touched(&stage, rollout, 0, TASK_EVENT_FAILED);
    stage_report(&stage, rollout, 1, TASK_EVENT_FAILED);
    stage_retry(&stage, rollout, STAGE_ALL);
    assert_task(rollout, 0, TASK_READY);
    stage_ask(&stage, EVENT_STOP, rollout);
    assert_rollout(rollout, ROLLOUT_STOPPED);
    assert_task(rollout, 0, TASK_FAILED);
    assert_task(rollout, 1, TASK_SKIPPED);
    assert_task(rollout, 2, TASK_SKIPPED);
    stage_close(&stage);
}

static void test_unknown_outstanding_and_waiting(void **state) {
    (void)state;
    stage_t stage;
    stage_open(&stage);
    rollout_t *rollout = stage_start(
        &stage, &(rollout_plan_t){.number = 1,
                                  .unreachable = UNREACHABLE_SKIP,
                                  .clusters = 2,
                                  .waves = {{.count = 4, .on_failure = ON_FAILURE_CONTINUE}}});
    (void)stage_room(&stage, 1, 3);
    for (uint32_t i = 0; i < 4; i++) {
        if (rollout->tasks[i].state == TASK_DISPATCHED) {
            stage_report(&stage, rollout, i, i == 0 ? TASK_EVENT_TRANSIENT : TASK_EVENT_UNKNOWN);
        }
    }
    assert_task(rollout, 0, TASK_WAITING);
    stage_retry(&stage, rollout, 0); /* no need to wait */
    assert_task(rollout, 0, TASK_READY);
    assert_task(rollout, 1, TASK_UNKNOWN);
    const ident_t first = rollout->tasks[1].attempt;
    stage_retry(&stage, rollout, STAGE_ALL); /* unknown is no failure: only when named */
    assert_task(rollout, 1, TASK_UNKNOWN);
    stage_retry(&stage, rollout, 1);
    assert_task(rollout, 1, TASK_READY);
    (void)stage_room(&stage, 1, 10);
    assert_false(ident_equal(&first, &rollout->tasks[1].attempt));

    stage_report(&stage, rollout, 1, TASK_EVENT_UNKNOWN);
    stage_tick(&stage, LEASE_SECONDS, 0);
    stage_tick(&stage, REACH_SECONDS, 0); /* every cluster is out of reach */
    assert_task(rollout, 1, TASK_OUTSTANDING);
    assert_rollout(rollout, ROLLOUT_INCOMPLETE);
    stage_retry(&stage, rollout, STAGE_ALL);
    assert_rollout(rollout, ROLLOUT_RUNNING);
    assert_int_equal(rollout->finished_us, 0);
    assert_task(rollout, 1, TASK_READY);
    stage_close(&stage);
}

static void test_left_out(void **state) {
    (void)state;
    stage_t stage;
    stage_open(&stage);
    rollout_t *rollout = stage_start(
        &stage, &(rollout_plan_t){.number = 1, .unreachable = UNREACHABLE_SKIP, .waves = {{2}}});
    stage_tick(&stage, LEASE_SECONDS, 0);
    stage_tick(&stage, REACH_SECONDS, 0);
    assert_rollout(rollout, ROLLOUT_INCOMPLETE);
    assert_task(rollout, 0, TASK_SKIPPED);
    stage_retry(&stage, rollout, 0); /* the one that is named */
    assert_rollout(rollout, ROLLOUT_RUNNING);
    stage_seen(&stage, (sight_t){.agent = 1, .cluster = 1});
    assert_int_equal(stage_room(&stage, 1, 10), 1);
    stage_report(&stage, rollout, 0, TASK_EVENT_DONE);
    assert_rollout(rollout, ROLLOUT_INCOMPLETE);
    stage_retry(&stage, rollout, STAGE_ALL); /* what was left out counts as failed does */
    assert_rollout(rollout, ROLLOUT_RUNNING);
    assert_int_equal(rollout->tasks[1].error_code, ERROR_NONE);
    assert_int_equal(stage_room(&stage, 1, 10), 1);
    stage_report(&stage, rollout, 1, TASK_EVENT_DONE);
    assert_rollout(rollout, ROLLOUT_SUCCEEDED);
    stage_close(&stage);
}

/* A tolerated failure of the first wave is tried again while the second is at work. */
static void test_earlier_wave(void **state) {
    (void)state;
    stage_t stage;
    stage_open(&stage);
    rollout_t *rollout = stage_start(
        &stage, &(rollout_plan_t){
                    .number = 1, .wave_count = 3, .waves = {{.count = 2, .budget = 1}, {2}, {1}}});
    const task_event_t events[] = {TASK_EVENT_FAILED, TASK_EVENT_DONE};
    settle(&stage, rollout, events, 2);
    assert_wave(rollout, 1, WAVE_OPEN);
    stage_retry(&stage, rollout, 0);
    assert_int_equal(rollout->current_wave, 0);
    assert_wave(rollout, 0, WAVE_OPEN);
    assert_int_equal(stage_room(&stage, 1, 10), 3);
    stage_report(&stage, rollout, 2, TASK_EVENT_DONE);
    stage_report(&stage, rollout, 3, TASK_EVENT_DONE);
    assert_wave(rollout, 1, WAVE_PASSED);
    assert_wave(rollout, 2, WAVE_PENDING); /* the first wave is the current one */
    stage_report(&stage, rollout, 0, TASK_EVENT_DONE);
    assert_int_equal(rollout->current_wave, 2);
    assert_wave(rollout, 2, WAVE_OPEN);
    stage_close(&stage);
}

/* … and the later wave had failed: its ready tasks do not stand in the way, and it pauses again. */
static void test_earlier_wave_while_later_failed(void **state) {
    (void)state;
    stage_t stage;
    stage_open(&stage);
    rollout_t *rollout = stage_start(
        &stage,
        &(rollout_plan_t){.number = 1, .wave_count = 2, .waves = {{.count = 1, .budget = 1}, {3}}});
    const task_event_t events[] = {TASK_EVENT_FAILED};
    settle(&stage, rollout, events, 1);
    (void)stage_room(&stage, 1, 1);
    stage_report(&stage, rollout, 1, TASK_EVENT_FAILED);
    assert_rollout(rollout, ROLLOUT_PAUSED);
    assert_wave(rollout, 1, WAVE_FAILED);
    stage_retry(&stage, rollout, 0);
    assert_rollout(rollout, ROLLOUT_RUNNING);
    assert_int_equal(stage_room(&stage, 1, 10), 1);
    assert_task(rollout, 0, TASK_DISPATCHED);
    stage_report(&stage, rollout, 0, TASK_EVENT_DONE);
    assert_int_equal(rollout->current_wave, 1);
    assert_rollout(rollout, ROLLOUT_PAUSED); /* nobody has accepted that failure */
    stage_ask(&stage, EVENT_RESUME, rollout);
    assert_rollout(rollout, ROLLOUT_RUNNING);
    assert_int_equal(stage_room(&stage, 1, 10), 2);
    stage_close(&stage);
}

/* … and a resume in between accepts what failed in the later wave too. */
/* Refusals that the plan showed were accepted with it: a pause and a resume leave the budget that
 * is beside them whole. */
static void test_resume_forgives_no_less_than_before(void **state) {
    (void)state;
    stage_t stage;
    stage_open(&stage);
    rollout_t *plan =
        stage_plan(&(rollout_plan_t){.number = 1, .waves = {{.count = 4, .budget = 1}}});
    plan->tasks[3].state = TASK_REFUSED;
    plan->waves[0].forgiven = 1;
    rollout_t *rollout = stage_adopt(&stage, plan);
    stage_seen(&stage, (sight_t){.agent = 1, .cluster = 1});
    stage_ask(&stage, EVENT_START, rollout);
    (void)stage_room(&stage, 1, 10);
    stage_ask(&stage, EVENT_PAUSE, rollout);
    stage_ask(&stage, EVENT_RESUME, rollout);
    assert_int_equal(rollout->waves[0].forgiven, 1);
    stage_report(&stage, rollout, 0, TASK_EVENT_FAILED);
    assert_rollout(rollout, ROLLOUT_RUNNING);
    stage_report(&stage, rollout, 1, TASK_EVENT_FAILED);
    assert_rollout(rollout, ROLLOUT_PAUSED);
    stage_close(&stage);
}

static void test_resume_forgives_later_waves(void **state) {
    (void)state;
    stage_t stage;
    stage_open(&stage);
    rollout_t *rollout = stage_start(
        &stage,
        &(rollout_plan_t){.number = 1, .wave_count = 2, .waves = {{.count = 1, .budget = 1}, {2}}});
    const task_event_t events[] = {TASK_EVENT_FAILED};
    settle(&stage, rollout, events, 1);
    (void)stage_room(&stage, 1, 1);
    stage_report(&stage, rollout, 1, TASK_EVENT_FAILED);
    stage_retry(&stage, rollout, 0);
    stage_ask(&stage, EVENT_PAUSE, rollout);
    stage_ask(&stage, EVENT_RESUME, rollout);
    assert_int_equal(rollout->waves[1].forgiven, 1);
    (void)stage_room(&stage, 1, 10);
    stage_report(&stage, rollout, 0, TASK_EVENT_DONE);
    stage_report(&stage, rollout, 2, TASK_EVENT_DONE);
    assert_rollout(rollout, ROLLOUT_INCOMPLETE);
    stage_close(&stage);
}

/* The later wave fails while the earlier one is the current one: that one is rolled back. */
static void test_later_wave_reverts(void **state) {
    (void)state;
    stage_t stage;
    stage_open(&stage);
    rollout_t *rollout = stage_start(
        &stage, &(rollout_plan_t){.number = 1,
                                  .wave_count = 2,
                                  .waves = {{.count = 1, .budget = 1},
                                            {.count = 2, .on_failure = ON_FAILURE_ROLLBACK_WAVE}}});
    const task_event_t events[] = {TASK_EVENT_FAILED};
    settle(&stage, rollout, events, 1);
    stage_retry(&stage, rollout, 0);
    (void)stage_room(&stage, 1, 10);
    stage_report(&stage, rollout, 1, TASK_EVENT_FAILED);
    assert_rollout(rollout, ROLLOUT_REVERTING);
    stage_report(&stage, rollout, 0, TASK_EVENT_DONE);
    stage_report(&stage, rollout, 2, TASK_EVENT_DONE);
    assert_rollout(rollout, ROLLOUT_REVERTING);
    assert_int_equal(stage_count(&stage, EFFECT_ROLL_BACK), 1);
    for (size_t i = 0; i < stage.effects.count; i++) {
        if (stage.effects.items[i].kind == EFFECT_ROLL_BACK) {
            assert_int_equal(stage.effects.items[i].wave, 1);
        }
    }
    stage_close(&stage);
}

/* Paused at a wave's end: a retry of nothing is refused, and nothing hangs. */
static void test_nothing_to_retry(void **state) {
    (void)state;
    stage_t stage;
    stage_open(&stage);
    rollout_t *rollout =
        stage_start(&stage, &(rollout_plan_t){.number = 1, .wave_count = 2, .waves = {{1}, {1}}});
    (void)stage_room(&stage, 1, 1);
    stage_ask(&stage, EVENT_PAUSE, rollout);
    stage_report(&stage, rollout, 0, TASK_EVENT_DONE);
    stage_retry(&stage, rollout, STAGE_ALL);
    assert_rollout(rollout, ROLLOUT_PAUSED);
    stage_retry(&stage, rollout, 0); /* succeeded */
    assert_rollout(rollout, ROLLOUT_PAUSED);
    assert_wave(rollout, 0, WAVE_PASSED);
    stage_retry(&stage, rollout, 1); /* pending */
    assert_rollout(rollout, ROLLOUT_PAUSED);
    stage_ask(&stage, EVENT_RESUME, rollout);
    assert_wave(rollout, 1, WAVE_OPEN);
    stage_close(&stage);
}

/* A task that was refused at planning, in a wave that is not open: it waits for its wave. */
static void test_refused_in_a_later_wave(void **state) {
    (void)state;
    stage_t stage;
    stage_open(&stage);
    rollout_t *plan =
        stage_plan(&(rollout_plan_t){.number = 1, .wave_count = 2, .waves = {{1}, {1}}});
    plan->tasks[1].state = TASK_REFUSED;
    rollout_t *rollout = stage_adopt(&stage, plan);
    stage_seen(&stage, (sight_t){.agent = 1, .cluster = 1});
    stage_ask(&stage, EVENT_START, rollout);
    (void)stage_room(&stage, 1, 1);
    stage_ask(&stage, EVENT_PAUSE, rollout);
    stage_report(&stage, rollout, 0, TASK_EVENT_DONE);
    stage_retry(&stage, rollout, 1); /* at a wave's end: it goes on to the next */
    assert_rollout(rollout, ROLLOUT_RUNNING);
    assert_wave(rollout, 1, WAVE_OPEN);
    assert_task(rollout, 1, TASK_READY);
    stage_close(&stage);
}

static void test_retry_ends_the_soak(void **state) {
    (void)state;
    stage_t stage;
    stage_open(&stage);
    rollout_t *rollout = stage_start(
        &stage, &(rollout_plan_t){.number = 1,
                                  .waves = {{.count = 2, .budget = 1, .soak_us = SECONDS(50)}}});
    const task_event_t events[] = {TASK_EVENT_FAILED, TASK_EVENT_DONE};
    settle(&stage, rollout, events, 2);
    assert_wave(rollout, 0, WAVE_SOAKING);
    stage_retry(&stage, rollout, 0);
    assert_wave(rollout, 0, WAVE_OPEN);
    (void)stage_room(&stage, 1, 1);
    stage_tick(&stage, 20, 1);
    stage_report(&stage, rollout, 0, TASK_EVENT_DONE);
    assert_wave(rollout, 0, WAVE_SOAKING); /* from now on, whole */
    stage_tick(&stage, 49, 1);
    assert_wave(rollout, 0, WAVE_SOAKING);
    stage_tick(&stage, 1, 1);
    assert_rollout(rollout, ROLLOUT_SUCCEEDED);
    stage_close(&stage);
}

case_list_t cases_retry(void) {
    static const struct CMUnitTest ITEMS[] = {
        cmocka_unit_test(test_all_failed),
        cmocka_unit_test(test_one_of_two),
        cmocka_unit_test(test_what_is_unknown_counts_as_touched),
        cmocka_unit_test(test_stopped_before_the_other_try),
        cmocka_unit_test(test_unknown_outstanding_and_waiting),
        cmocka_unit_test(test_left_out),
        cmocka_unit_test(test_earlier_wave),
        cmocka_unit_test(test_earlier_wave_while_later_failed),
        cmocka_unit_test(test_resume_forgives_no_less_than_before),
        cmocka_unit_test(test_resume_forgives_later_waves),
        cmocka_unit_test(test_later_wave_reverts),
        cmocka_unit_test(test_nothing_to_retry),
        cmocka_unit_test(test_refused_in_a_later_wave),
        cmocka_unit_test(test_retry_ends_the_soak),
    };
    return (case_list_t){ITEMS, sizeof ITEMS / sizeof ITEMS[0]};
}
