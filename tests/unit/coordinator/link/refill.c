/* refill.c: a catalog that went back in time: noticed, filled again, and at work by its rule. */
#include "coordinator/store/store_refill.h"
#include "tests/unit/coordinator/link/world.h"

#define WELCOME DROVER__KIND__KIND_WELCOME
#define JOBS DROVER__KIND__KIND_JOBS

static const Drover__Welcome *welcomed(actor_t *actor, Drover__Hello *hello) {
    Drover__ClusterSeen seen = DROVER__CLUSTER_SEEN__INIT;
    Drover__ClusterSeen *clusters[] = {&seen};
    size_t before = actor->count[WELCOME];
    seen.name = field_of_text("main");
    seen.system_identifier = CLUSTER;
    seen.writable = true;
    seen.parallel = 4;
    hello->n_clusters = 1;
    hello->clusters = clusters;
    actor_send(actor, DROVER__KIND__KIND_HELLO, &hello->base);
    return await_message(actor, WELCOME, before + 1)->welcome;
}

static refill_row_t refill_of(world_t *world) {
    static arena_t arena; /* the reason's text; read by one test at a time */
    refill_row_t row = {0};
    error_t err = {0};
    arena_free(&arena);
    arena = (arena_t){0};
    assert_int_equal(store_refill_get(world->store, &arena, &row, &err), STATUS_OK);
    return row;
}

static bool is_over(world_t *world) {
    return !refill_of(world).open;
}

static task_state_t stored_state(world_t *world, uint32_t task) {
    rollout_t *rollout = stored_rollout(world);
    task_state_t state = rollout->tasks[task].state;
    rollout_destroy(&rollout);
    return state;
}

/* Somebody was here with a newer run: the epoch goes past it, nothing is given out until all agents
 * came, and what goes forward waits for a person then. */
static void test_newer_run_was_seen(void **state) {
    world_t *world = *state;
    actor_dial(&world->a);
    actor_dial(&world->b);
    actor_dial(&world->operator);
    Drover__Hello hello = hello_of(&world->a);
    const ident_t other = tenant_id(9);
    hello.epoch_seen = world->identity.epoch + 7;
    hello.incarnation_seen = field_of_ident(&other);
    const Drover__Welcome *welcome = welcomed(&world->a, &hello);
    assert_int_equal(welcome->epoch, world->identity.epoch + 8);
    assert_int_equal(welcome->send_again_from, 1);
    ident_t incarnation = field_ident(welcome->incarnation);
    assert_false(ident_equal(&incarnation, &world->identity.incarnation));
    assert_true(refill_of(world).open);
    assert_non_null(strstr(refill_of(world).reason, "older copy"));
    assert_string_equal(ask(world, "start")->code, "");
    say_beat(&world->a, 3, 0);
    (void)await_message(&world->a, DROVER__KIND__KIND_COORDINATOR_BEAT, 1);
    (void)ask(world, "refuse");
    assert_int_equal(world->a.count[JOBS], 0);
    say_hello(&world->b);
    await_condition(world, is_over);
    (void)ask(world, "refuse");
    assert_int_equal(world->a.count[JOBS], 0);
    rollout_t *rollout = stored_rollout(world);
    assert_int_equal(rollout->state, ROLLOUT_PAUSED);
    assert_non_null(strstr(rollout->reason, "drover rollout resume"));
    rollout_destroy(&rollout);
    assert_int_equal(audit_count(world, "recovery.begin"), 1);
    assert_int_equal(audit_count(world, "recovery.end"), 1);
    assert_string_equal(ask(world, "resume")->code, "");
    say_beat(&world->a, 3, 0);
    (void)await_message(&world->a, JOBS, 1);
}

static void test_copy_of_the_same_epoch(void **state) {
    world_t *world = *state;
    actor_dial(&world->a);
    Drover__Hello hello = hello_of(&world->a);
    const ident_t other = tenant_id(9);
    hello.epoch_seen = world->identity.epoch;
    hello.incarnation_seen = field_of_ident(&other);
    assert_int_equal(welcomed(&world->a, &hello)->epoch, world->identity.epoch + 1);
    assert_true(refill_of(world).open);
}

/* Same run, but acknowledged reports that are not here: the copy is of before them. */
static void test_acknowledged_reports_are_missing(void **state) {
    world_t *world = *state;
    actor_dial(&world->a);
    Drover__Hello hello = hello_of(&world->a);
    hello.last_report = 9;
    hello.acknowledged_seen = 6;
    hello.first_report = 1;
    const Drover__Welcome *welcome = welcomed(&world->a, &hello);
    assert_int_equal(welcome->acknowledged, 0);
    assert_int_equal(welcome->send_again_from, 1);
    assert_int_equal(welcome->epoch, world->identity.epoch);
    assert_true(refill_of(world).open);
}

/* Nobody keeps them any more: the numbers go on behind the gap, and that is written down. */
static void test_reports_that_nobody_keeps(void **state) {
    world_t *world = *state;
    actor_dial(&world->a);
    Drover__Hello hello = hello_of(&world->a);
    hello.last_report = 9;
    hello.first_report = 5;
    assert_int_equal(welcomed(&world->a, &hello)->acknowledged, 4);
    assert_int_equal(audit_count(world, "recovery.gap"), 1);
    world->a.reported = 4;
    Drover__Report report =
        report_of(&world->a, DROVER__STEP__STEP_CHECK, DROVER__OUTCOME__OUTCOME_STARTED, false);
    const ident_t job = tenant_id(500);
    report.job = report.attempt = field_of_ident(&job);
    say_report(&world->a, &report);
    assert_int_equal(world->a.last[DROVER__KIND__KIND_REPORTS_ACK]->reports_ack->number, 5);
}

static void test_recovery_outlives_a_restart(void **state) {
    world_t *world = *state;
    actor_dial(&world->a);
    Drover__Hello hello = hello_of(&world->a);
    hello.epoch_seen = world->identity.epoch + 1;
    (void)welcomed(&world->a, &hello);
    int64_t since_us = refill_of(world).since_us;
    actor_hang_up(&world->a);
    world_stop(world);
    world_start(world);
    assert_true(refill_of(world).open);
    actor_dial(&world->b);
    say_hello(&world->b); /* a came before the restart: that counts */
    await_condition(world, is_over);
    assert_true(refill_of(world).since_us == since_us);
}

/* Tasks that the copy has not begun are settled by reports of tries that it never knew. */
static void test_forgotten_tries_settle_tasks(void **state) {
    world_t *world = *state;
    actor_dial(&world->a);
    actor_dial(&world->operator);
    assert_string_equal(ask(world, "start")->code, "");
    Drover__Hello hello = hello_of(&world->a);
    hello.last_report = hello.acknowledged_seen = 4;
    hello.first_report = 1;
    (void)welcomed(&world->a, &hello);
    rollout_t *rollout = stored_rollout(world);
    ident_t tries[2] = {tenant_id(600), tenant_id(601)};
    static const Drover__Outcome OUTCOMES[] = {DROVER__OUTCOME__OUTCOME_DONE,
                                               DROVER__OUTCOME__OUTCOME_FAILED};
    for (uint32_t i = 0; i < 2; i++) {
        world->a.job = rollout->tasks[i].job;
        world->a.attempt = tries[i];
        for (int word = 0; word < 2; word++) {
            Drover__Report report =
                report_of(&world->a, DROVER__STEP__STEP_APPLY,
                          word == 0 ? DROVER__OUTCOME__OUTCOME_STARTED : OUTCOMES[i], word == 1);
            report.tenant = field_of_ident(&rollout->tasks[i].tenant);
            say_report(&world->a, &report);
        }
    }
    assert_int_equal(stored_state(world, 0), TASK_SUCCEEDED);
    assert_int_equal(stored_state(world, 1), TASK_FAILED);
    assert_int_equal(audit_count(world, "report.foreign"), 0);
    rollout_destroy(&rollout);
    /* its last word is in: the other agent is all that is missing */
    actor_dial(&world->b);
    say_hello(&world->b);
    await_condition(world, is_over);
}

/* Without a recovery a try that nobody gave out changes nothing. */
static void test_no_task_is_settled_by_strangers(void **state) {
    world_t *world = *state;
    actor_dial(&world->a);
    actor_dial(&world->operator);
    assert_string_equal(ask(world, "start")->code, "");
    say_hello(&world->a);
    rollout_t *rollout = stored_rollout(world);
    world->a.job = rollout->tasks[0].job;
    world->a.attempt = tenant_id(600);
    Drover__Report report =
        report_of(&world->a, DROVER__STEP__STEP_APPLY, DROVER__OUTCOME__OUTCOME_DONE, true);
    report.tenant = field_of_ident(&rollout->tasks[0].tenant);
    say_report(&world->a, &report);
    rollout_destroy(&rollout);
    assert_int_equal(stored_state(world, 0), TASK_READY);
    assert_int_equal(audit_count(world, "report.foreign"), 1);
}

static status_t take_lost(void *context, const refill_lost_t *lost, error_t *err) {
    (void)err;
    *(refill_lost_t *)context = *lost;
    return STATUS_OK;
}

static void test_unknown_rollouts_are_listed(void **state) {
    world_t *world = *state;
    refill_lost_t lost = {0};
    error_t err = {0};
    actor_dial(&world->a);
    Drover__Hello hello = hello_of(&world->a);
    hello.last_report = hello.acknowledged_seen = 2;
    hello.first_report = 1;
    (void)welcomed(&world->a, &hello);
    const ident_t rollout = tenant_id(700);
    digest_t order = {.bytes = {7}};
    world->a.job = tenant_id(701);
    world->a.attempt = tenant_id(702);
    for (int i = 0; i < 2; i++) {
        Drover__Report report =
            report_of(&world->a, DROVER__STEP__STEP_APPLY, DROVER__OUTCOME__OUTCOME_DONE, true);
        report.rollout = field_of_ident(&rollout);
        report.order = field_of_digest(&order);
        say_report(&world->a, &report);
    }
    assert_int_equal(
        store_refill_lost_each(world->store, refill_of(world).since_us, take_lost, &lost, &err),
        STATUS_OK);
    assert_int_equal(lost.jobs, 2);
    assert_true(ident_equal(&lost.rollout, &rollout));
    assert_true(digest_equal(&lost.order, &order));
    assert_int_equal(audit_count(world, "recovery.unknown"), 1);
}

/* Who was at work when it was noticed gets nothing more either. */
static void test_settled_agents_get_nothing(void **state) {
    world_t *world = *state;
    actor_dial(&world->a);
    actor_dial(&world->b);
    actor_dial(&world->operator);
    say_hello(&world->b); /* holds the cluster */
    Drover__Hello hello = hello_of(&world->a);
    hello.last_report = hello.acknowledged_seen = 3;
    hello.first_report = 1;
    (void)welcomed(&world->a, &hello);
    assert_string_equal(ask(world, "start")->code, "");
    say_beat(&world->b, 3, 0);
    (void)await_message(&world->b, DROVER__KIND__KIND_COORDINATOR_BEAT, 1);
    (void)ask(world, "refuse");
    assert_int_equal(world->b.count[JOBS], 0);
    assert_int_equal(stored_state(world, 0), TASK_READY);
}

/* One that an operator went on without does not stop the fleet again when it comes. */
static void test_late_agent(void **state) {
    world_t *world = *state;
    error_t err = {0};
    actor_dial(&world->a);
    Drover__Hello hello = hello_of(&world->a);
    hello.epoch_seen = world->identity.epoch + 1;
    (void)welcomed(&world->a, &hello);
    refill_agent_t without = {.since_us = refill_of(world).since_us,
                              .standing = REFILL_WITHOUT,
                              .words = "operator: gone"};
    memcpy(without.key.bytes, world->b.key.bytes, sizeof without.key.bytes);
    assert_int_equal(store_begin(world->store, &err), STATUS_OK);
    assert_int_equal(store_refill_agent_put(world->store, &without, &err), STATUS_OK);
    assert_int_equal(store_commit(world->store, &err), STATUS_OK);
    actor_dial(&world->operator);
    (void)ask(world, "refuse"); /* whatever people say, who is missing is looked at again */
    await_condition(world, is_over);
    actor_dial(&world->b);
    hello = hello_of(&world->b);
    hello.last_report = hello.acknowledged_seen = 3;
    hello.first_report = 1;
    assert_int_equal(welcomed(&world->b, &hello)->send_again_from, 1);
    assert_false(refill_of(world).open);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, world_set_up, world_tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_newer_run_was_seen),
        TEST(test_copy_of_the_same_epoch),
        TEST(test_acknowledged_reports_are_missing),
        TEST(test_reports_that_nobody_keeps),
        TEST(test_recovery_outlives_a_restart),
        TEST(test_forgotten_tries_settle_tasks),
        TEST(test_no_task_is_settled_by_strangers),
        TEST(test_unknown_rollouts_are_listed),
        TEST(test_settled_agents_get_nothing),
        TEST(test_late_agent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
