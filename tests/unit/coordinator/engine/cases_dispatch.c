/* cases_dispatch.c: which ready tasks an agent with room gets, and how many. */
#include "tests/unit/coordinator/engine/stage.h"

static void test_bounds(void **state) {
    (void)state;
    stage_t stage;
    stage_open(&stage);
    rollout_t *rollout = stage_start(
        &stage, &(rollout_plan_t){.number = 1,
                                  .clusters = 3,
                                  .waves = {{.count = 12, .parallel = 5, .per_cluster = 2}}});
    assert_int_equal(stage_room(&stage, 1, 1), 1);  /* the agent's room */
    assert_int_equal(stage_room(&stage, 1, 20), 4); /* the wave's bound */
    uint32_t most = 0;
    for (uint64_t cluster = 1; cluster <= 3; cluster++) {
        uint32_t here = 0;
        for (uint32_t i = 0; i < 12; i++) {
            here += rollout->tasks[i].system_identifier == cluster &&
                    rollout->tasks[i].state == TASK_DISPATCHED;
        }
        most = here > most ? here : most;
    }
    assert_int_equal(most, 2);
    assert_int_equal(stage_room(&stage, 1, 20), 0);
    stage_report(&stage, rollout, 0, TASK_EVENT_UNKNOWN); /* unknown may still be at work */
    assert_int_equal(stage_room(&stage, 1, 20), 0);
    stage_report(&stage, rollout, 0, TASK_EVENT_DONE);
    const agent_key_t agent = stage_agent(1);
    assert_true(engine_has_ready(stage.engine, &agent));
    assert_int_equal(stage_room(&stage, 1, 20), 1);
    assert_false(engine_has_ready(stage.engine, &agent)); /* the wave is full */
    stage_close(&stage);
}

/* What the agent takes for a cluster bounds all rollouts together; the unknown are not its. */
static void test_cluster_bound(void **state) {
    (void)state;
    stage_t stage;
    stage_open(&stage);
    rollout_t *first = stage_start(&stage, &(rollout_plan_t){.number = 1, .waves = {{4}}});
    rollout_t *second = stage_start(&stage, &(rollout_plan_t){.number = 2, .waves = {{4}}});
    stage_seen(&stage, (sight_t){.agent = 1, .cluster = 1, .parallel = 2});
    size_t given = stage_room(&stage, 1, 20);
    assert_true(given >= 2 && given < 8);
    assert_int_equal(stage_room(&stage, 1, 20), 0);
    stage_report(&stage, first, 0, TASK_EVENT_DONE);
    assert_int_equal(stage_room(&stage, 1, 20), 1);
    stage_report(&stage, first, 1, TASK_EVENT_UNKNOWN);
    assert_int_equal(stage_room(&stage, 1, 20), 1);
    assert_task(second, 3, TASK_DISPATCHED);
    stage_close(&stage);
}

static void test_only_the_holder(void **state) {
    (void)state;
    stage_t stage;
    stage_open(&stage);
    (void)stage_start(&stage, &(rollout_plan_t){.number = 1, .waves = {{3}}});
    const agent_key_t other = stage_agent(2);
    assert_false(engine_has_ready(stage.engine, &other));
    assert_int_equal(stage_room(&stage, 2, 10), 0);
    stage.boot_us += SECONDS(LEASE_SECONDS); /* run out, though no tick has said so yet */
    assert_int_equal(stage_room(&stage, 1, 10), 0);
    stage_alive(&stage, 1);
    assert_int_equal(stage_room(&stage, 1, 10), 3);
    stage_close(&stage);
}

static void test_rollbacks_first_then_in_order(void **state) {
    (void)state;
    stage_t stage;
    stage_open(&stage);
    rollout_t *first = stage_start(&stage, &(rollout_plan_t){.number = 1, .waves = {{3}}});
    rollout_t *second = stage_start(&stage, &(rollout_plan_t){.number = 2, .waves = {{3}}});
    rollout_t *undo =
        stage_start(&stage, &(rollout_plan_t){.number = 3, .kind = KIND_UNDO, .waves = {{1}}});
    rollout_t *restore =
        stage_start(&stage, &(rollout_plan_t){.number = 4, .kind = KIND_RESTORE, .waves = {{1}}});
    assert_int_equal(stage_room(&stage, 1, 2), 2);
    assert_task(undo, 0, TASK_DISPATCHED);
    assert_task(restore, 0, TASK_DISPATCHED);
    assert_task(first, 0, TASK_READY);
    assert_int_equal(stage_room(&stage, 1, 2), 2);
    assert_task(first, 0, TASK_DISPATCHED); /* in the order of their plan */
    assert_task(first, 1, TASK_DISPATCHED);
    assert_task(first, 2, TASK_READY);
    assert_int_equal(stage_room(&stage, 1, 2), 2);
    assert_task(first, 2, TASK_DISPATCHED);
    assert_task(second, 0, TASK_DISPATCHED);
    stage_close(&stage);
}

/* First come, first served: one that waited for another try goes to the end. */
static void test_fifo(void **state) {
    (void)state;
    stage_t stage;
    stage_open(&stage);
    rollout_t *rollout = stage_start(&stage, &(rollout_plan_t){.number = 1, .waves = {{3}}});
    (void)stage_room(&stage, 1, 1);
    stage_report(&stage, rollout, 0, TASK_EVENT_TRANSIENT);
    stage_tick(&stage, RETRY_SECONDS, 1);
    assert_task(rollout, 0, TASK_READY);
    (void)stage_room(&stage, 1, 2);
    assert_task(rollout, 0, TASK_READY);
    assert_task(rollout, 1, TASK_DISPATCHED);
    assert_task(rollout, 2, TASK_DISPATCHED);
    assert_int_equal(stage_room(&stage, 1, 2), 1);
    stage_close(&stage);
}

/* No more ids than were brought, whatever the room. */
/* A retry went back to the first wave while the second is at its bound: what the second has queued
 * does not stand in the way. */
static void test_full_wave_blocks_no_other(void **state) {
    (void)state;
    stage_t stage;
    stage_open(&stage);
    rollout_t *rollout = stage_start(
        &stage,
        &(rollout_plan_t){.number = 1,
                          .wave_count = 2,
                          .waves = {{.count = 2, .budget = 2}, {.count = 4, .parallel = 1}}});
    assert_int_equal(stage_room(&stage, 1, 10), 2);
    stage_report(&stage, rollout, 0, TASK_EVENT_FAILED);
    stage_report(&stage, rollout, 1, TASK_EVENT_FAILED);
    assert_wave(rollout, 1, WAVE_OPEN);
    assert_int_equal(stage_room(&stage, 1, 10), 1);
    assert_task(rollout, 2, TASK_DISPATCHED);
    stage_retry(&stage, rollout, STAGE_ALL);
    const agent_key_t agent = stage_agent(1);
    assert_true(engine_has_ready(stage.engine, &agent));
    assert_int_equal(stage_room(&stage, 1, 1), 1);
    assert_task(rollout, 0, TASK_DISPATCHED);
    assert_int_equal(stage_room(&stage, 1, 10), 1);
    assert_task(rollout, 1, TASK_DISPATCHED);
    assert_false(engine_has_ready(stage.engine, &agent));
    /* those that were passed over kept their places */
    stage_report(&stage, rollout, 2, TASK_EVENT_DONE);
    assert_int_equal(stage_room(&stage, 1, 10), 1);
    assert_task(rollout, 3, TASK_DISPATCHED);
    stage_report(&stage, rollout, 0, TASK_EVENT_DONE);
    stage_report(&stage, rollout, 1, TASK_EVENT_DONE);
    for (uint32_t i = 3; i < 6; i++) {
        stage_report(&stage, rollout, i, TASK_EVENT_DONE);
        (void)stage_room(&stage, 1, 10);
    }
    assert_rollout(rollout, ROLLOUT_SUCCEEDED);
    stage_close(&stage);
}

static void test_fresh_ids_bound(void **state) {
    (void)state;
    stage_t stage;
    stage_open(&stage);
    (void)stage_start(&stage, &(rollout_plan_t){.number = 1, .clusters = 2, .waves = {{4}}});
    const ident_t fresh[1] = {stage_id(3, 900)};
    stage_step(&stage, &(event_t){.kind = EVENT_ROOM,
                                  .agent = stage_agent(1),
                                  .room = 4,
                                  .fresh = fresh,
                                  .fresh_count = 1});
    assert_int_equal(stage_count(&stage, EFFECT_SEND_JOB), 1);
    stage_close(&stage);
}

case_list_t cases_dispatch(void) {
    static const struct CMUnitTest ITEMS[] = {
        cmocka_unit_test(test_bounds),
        cmocka_unit_test(test_cluster_bound),
        cmocka_unit_test(test_only_the_holder),
        cmocka_unit_test(test_rollbacks_first_then_in_order),
        cmocka_unit_test(test_fifo),
        cmocka_unit_test(test_full_wave_blocks_no_other),
        cmocka_unit_test(test_fresh_ids_bound),
    };
    return (case_list_t){ITEMS, sizeof ITEMS / sizeof ITEMS[0]};
}
