/* cases_lease.c: which agent may act on a cluster, and what its silence means. */
#include "tests/unit/coordinator/engine/stage.h"

static uint32_t holder_of(stage_t *stage, uint64_t cluster) {
    agent_key_t holder;
    if (!engine_holder(stage->engine, cluster, &holder)) {
        return 0;
    }
    uint32_t number = 0;
    memcpy(&number, holder.bytes, sizeof number);
    return number;
}

static int64_t left_us(const stage_t *stage, uint32_t agent) {
    const agent_key_t key = stage_agent(agent);
    return engine_lease_left_us(stage->engine, 1, &key, stage->boot_us);
}

static void test_one_holds(void **state) {
    (void)state;
    stage_t stage;
    stage_open(&stage);
    assert_int_equal(holder_of(&stage, 1), 0);
    stage_seen(&stage, (sight_t){.agent = 1, .cluster = 1, .standby = true});
    assert_int_equal(holder_of(&stage, 1), 0);
    stage_seen(&stage, (sight_t){.agent = 1, .cluster = 1});
    assert_int_equal(holder_of(&stage, 1), 1);
    assert_int_equal(stage_count(&stage, EFFECT_LEASE), 1);
    assert_true(stage.effects.items[0].granted);
    stage_seen(&stage, (sight_t){.agent = 2, .cluster = 1});
    assert_int_equal(holder_of(&stage, 1), 1);
    assert_int_equal(stage.effects.count, 0);
    stage_seen(&stage, (sight_t){.agent = 2, .cluster = 1, .standby = true});
    assert_int_equal(holder_of(&stage, 1), 1);
    assert_int_equal(left_us(&stage, 1), SECONDS(LEASE_SECONDS));
    assert_int_equal(left_us(&stage, 2), 0);
    stage.boot_us += SECONDS(10);
    assert_int_equal(left_us(&stage, 1), SECONDS(LEASE_SECONDS - 10));
    stage_seen(&stage, (sight_t){.agent = 1, .cluster = 1}); /* renewed */
    assert_int_equal(left_us(&stage, 1), SECONDS(LEASE_SECONDS));
    assert_int_equal(stage.effects.count, 0);
    stage_close(&stage);
}

static void test_beats_keep_and_silence_ends(void **state) {
    (void)state;
    stage_t stage;
    stage_open(&stage);
    stage_seen(&stage, (sight_t){.agent = 1, .cluster = 1});
    for (int i = 0; i < 5; i++) {
        stage_tick(&stage, LEASE_SECONDS - 1, 1);
        assert_int_equal(holder_of(&stage, 1), 1);
    }
    stage_tick(&stage, LEASE_SECONDS - 1, 0);
    assert_int_equal(holder_of(&stage, 1), 1);
    stage_tick(&stage, 1, 0);
    assert_int_equal(holder_of(&stage, 1), 0);
    assert_int_equal(stage_count(&stage, EFFECT_LEASE), 1);
    assert_false(stage.effects.items[0].granted);
    stage_alive(&stage, 1); /* heard again, but it has to say what it sees */
    assert_int_equal(holder_of(&stage, 1), 0);
    stage_seen(&stage, (sight_t){.agent = 2, .cluster = 1});
    assert_int_equal(holder_of(&stage, 1), 2);
    stage_close(&stage);
}

static void test_goodbye(void **state) {
    (void)state;
    stage_t stage;
    stage_open(&stage);
    rollout_t *rollout = stage_start(&stage, &(rollout_plan_t){.number = 1, .waves = {{2}}});
    (void)stage_room(&stage, 1, 1);
    stage_goodbye(&stage, 2); /* holds nothing */
    assert_int_equal(holder_of(&stage, 1), 1);
    stage_goodbye(&stage, 1);
    assert_int_equal(holder_of(&stage, 1), 0);
    assert_task(rollout, 0, TASK_UNKNOWN);
    assert_task(rollout, 1, TASK_READY);
    stage_close(&stage);
}

/* A failover: the holder sees no primary any more, another agent does. */
static void test_primary_moves(void **state) {
    (void)state;
    stage_t stage;
    stage_open(&stage);
    rollout_t *rollout = stage_start(&stage, &(rollout_plan_t){.number = 1, .waves = {{2}}});
    (void)stage_room(&stage, 1, 1);
    stage_seen(&stage, (sight_t){.agent = 1, .cluster = 1, .standby = true});
    assert_int_equal(holder_of(&stage, 1), 0);
    assert_int_equal(stage_count(&stage, EFFECT_LEASE), 1);
    assert_task(rollout, 0, TASK_UNKNOWN);
    assert_int_equal(stage_room(&stage, 1, 1), 0);
    stage_seen(&stage, (sight_t){.agent = 2, .cluster = 1});
    assert_int_equal(stage_room(&stage, 2, 10), 1);
    assert_task(rollout, 0, TASK_UNKNOWN); /* the first agent owes word of it */
    stage_report(&stage, rollout, 0, TASK_EVENT_DONE);
    assert_task(rollout, 0, TASK_SUCCEEDED);
    stage_close(&stage);
}

/* An agent without the lease reports once more and falls silent: that is noticed too. */
static void test_orphan(void **state) {
    (void)state;
    stage_t stage;
    stage_open(&stage);
    rollout_t *rollout = stage_start(&stage, &(rollout_plan_t){.number = 1, .waves = {{1}}});
    (void)stage_room(&stage, 1, 1);
    stage_seen(&stage, (sight_t){.agent = 1, .cluster = 1, .standby = true});
    stage_report(&stage, rollout, 0, TASK_EVENT_STARTED);
    assert_task(rollout, 0, TASK_RUNNING);
    stage_tick(&stage, 1, 0);
    assert_task(rollout, 0, TASK_UNKNOWN);
    stage_seen(&stage, (sight_t){.agent = 2, .cluster = 1});
    stage_report(&stage, rollout, 0, TASK_EVENT_STARTED);
    stage_tick(&stage, 1, 2);
    assert_task(rollout, 0, TASK_UNKNOWN); /* another agent's lease covers nothing of it */
    stage_close(&stage);
}

/* Only the holder's own tasks are silenced, and only on that cluster. */
static void test_silence_is_bounded(void **state) {
    (void)state;
    stage_t stage;
    stage_open(&stage);
    rollout_t *rollout =
        stage_start(&stage, &(rollout_plan_t){.number = 1, .clusters = 2, .waves = {{4}}});
    stage_seen(&stage, (sight_t){.agent = 1, .cluster = 2, .standby = true});
    stage_seen(&stage, (sight_t){.agent = 2, .cluster = 2});
    assert_int_equal(stage_room(&stage, 1, 10), 2);
    assert_int_equal(stage_room(&stage, 2, 10), 2);
    stage_goodbye(&stage, 2);
    assert_task(rollout, 0, TASK_DISPATCHED);
    assert_task(rollout, 1, TASK_UNKNOWN);
    assert_task(rollout, 2, TASK_DISPATCHED);
    assert_task(rollout, 3, TASK_UNKNOWN);
    stage_close(&stage);
}

/* As the store remembers it: held for one lease, then free unless the agent is heard. */
static void test_restored(void **state) {
    (void)state;
    stage_t stage;
    stage_open(&stage);
    const agent_key_t agent = stage_agent(1);
    engine_restore_lease(stage.engine, 1, &agent, stage.boot_us);
    assert_int_equal(holder_of(&stage, 1), 1);
    stage_seen(&stage, (sight_t){.agent = 2, .cluster = 1});
    assert_int_equal(holder_of(&stage, 1), 1);
    stage_tick(&stage, LEASE_SECONDS, 0);
    assert_int_equal(holder_of(&stage, 1), 0);
    stage_close(&stage);
}

case_list_t cases_lease(void) {
    static const struct CMUnitTest ITEMS[] = {
        cmocka_unit_test(test_one_holds), cmocka_unit_test(test_beats_keep_and_silence_ends),
        cmocka_unit_test(test_goodbye),   cmocka_unit_test(test_primary_moves),
        cmocka_unit_test(test_orphan),    cmocka_unit_test(test_silence_is_bounded),
        cmocka_unit_test(test_restored),
    };
    return (case_list_t){ITEMS, sizeof ITEMS / sizeof ITEMS[0]};
}
