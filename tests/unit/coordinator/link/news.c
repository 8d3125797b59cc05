/*
 * news.c: agents are told what they lack of trust files, revocations, holds and stops; keys that
 * left are out at once; a held fleet does not go forward.
 */
#include "tests/unit/coordinator/link/world.h"

#define JOBS DROVER__KIND__KIND_JOBS
#define TRUST DROVER__KIND__KIND_TRUST
#define BEAT DROVER__KIND__KIND_COORDINATOR_BEAT

static void say_hello_knowing(actor_t *actor, int64_t version) {
    actor->trust_version = version;
    say_hello(actor);
}

/* Whatever was to come has come: the answer to this was sent last. */
static void flush(actor_t *actor) {
    size_t beats = actor->count[BEAT];
    say_beat(actor, 3, 0);
    (void)await_message(actor, BEAT, beats + 1);
}

static document_t *told(const actor_t *actor, size_t index, document_kind_t kind) {
    error_t err = {0};
    document_t *document = NULL;
    const Drover__Trust *trust = actor->last[TRUST]->trust;
    assert_true(index < trust->n_documents);
    assert_int_equal(
        document_decode(trust->documents[index].data, trust->documents[index].len, &document, &err),
        STATUS_OK);
    assert_int_equal((int)document->kind, (int)kind);
    return document;
}

static void assert_told_trust(const actor_t *actor, size_t index, int64_t version) {
    error_t err = {0};
    CLEANUP(document_destroy_p) document_t *document = told(actor, index, DOCUMENT_TRUST);
    CLEANUP(trust_destroy_p) trust_t *trust = NULL;
    assert_int_equal(trust_read(document, &trust, &err), STATUS_OK);
    assert_int_equal(trust->version, version);
}

static void assert_told_order(const actor_t *actor, size_t index, order_kind_t kind) {
    error_t err = {0};
    CLEANUP(document_destroy_p) document_t *document = told(actor, index, DOCUMENT_ORDER);
    CLEANUP(order_destroy_p) order_t *order = NULL;
    assert_int_equal(order_read(document, &order, &err), STATUS_OK);
    assert_int_equal((int)order->kind, (int)kind);
}

static void test_only_what_is_lacking_is_told(void **state) {
    world_t *world = *state;
    actor_dial(&world->a);
    actor_dial(&world->b);
    say_hello_knowing(&world->a, 1);
    flush(&world->a);
    assert_int_equal(world->a.count[TRUST], 0);
    say_hello_knowing(&world->b, 0);
    (void)await_message(&world->b, TRUST, 1);
    assert_int_equal(world->b.last[TRUST]->trust->n_documents, 1);
    assert_told_trust(&world->b, 0, 1);
    /* a new one is told to everybody, alone */
    fleet_publish(world);
    (void)await_message(&world->a, TRUST, 1);
    assert_int_equal(world->a.last[TRUST]->trust->n_documents, 1);
    assert_told_trust(&world->a, 0, 2);
    (void)await_message(&world->b, TRUST, 2);
    assert_int_equal(world->b.last[TRUST]->trust->n_documents, 1);
    assert_told_trust(&world->b, 0, 2);
    /* and in their order to who knows neither */
    say_hello_knowing(&world->b, 0);
    (void)await_message(&world->b, TRUST, 3);
    assert_told_trust(&world->b, 0, 1);
    assert_told_trust(&world->b, 1, 2);
}

static bool nobody_holds_the_cluster(world_t *world) {
    agent_key_t holder;
    return !engine_holder(*hub_engine(world->hub), CLUSTER, &holder);
}

static void test_revoked_agent_is_out_at_once(void **state) {
    world_t *world = *state;
    actor_dial(&world->operator);
    actor_dial(&world->b);
    say_hello_knowing(&world->b, 1);
    assert_string_equal(ask(world, "start")->code, "");
    say_beat(&world->b, 3, 0);
    (void)await_message(&world->b, JOBS, 1);
    actor_dial(&world->a);
    say_hello_knowing(&world->a, 1);
    fleet_revoke(world, &world->b);
    (void)await_message(&world->a, TRUST, 1);
    CLEANUP(document_destroy_p) document_t *document = told(&world->a, 0, DOCUMENT_REVOCATION);
    assert_false(nobody_holds_the_cluster(world));
    world_enroll(world, 2);
    hub_peers_changed(world->hub, world->zap);
    assert_true(nobody_holds_the_cluster(world));
    rollout_t *rollout = stored_rollout(world);
    assert_int_equal(rollout->tasks[0].state, TASK_UNKNOWN);
    rollout_destroy(&rollout);
    /* what it says still counts for nothing */
    size_t rows = report_count(world, 0);
    Drover__Report report =
        report_of(&world->b, DROVER__STEP__STEP_VERIFY, DROVER__OUTCOME__OUTCOME_DONE, true);
    Drover__Report *list[] = {&report};
    Drover__Reports reports = DROVER__REPORTS__INIT;
    reports.state = field_of_ident(&world->b.state);
    reports.n_reports = 1;
    reports.reports = list;
    actor_send(&world->b, DROVER__KIND__KIND_REPORTS, &reports.base);
    flush(&world->a);
    assert_int_equal(report_count(world, 0), rows);
    /* the other one takes the cluster over */
    assert_false(nobody_holds_the_cluster(world));
}

static void test_held_fleet_does_not_go_forward(void **state) {
    world_t *world = *state;
    actor_dial(&world->a);
    actor_dial(&world->operator);
    say_hello_knowing(&world->a, 1);
    fleet_say(world, ORDER_HOLD);
    assert_string_equal(ask(world, "start")->code, "");
    (void)await_message(&world->a, TRUST, 1);
    assert_told_order(&world->a, 0, ORDER_HOLD);
    flush(&world->a);
    assert_int_equal(world->a.count[JOBS], 0);
    ident_t forward = world->rollout;
    assert_string_equal(ask(world, "undo")->code, "");
    const Drover__JobBatch *batch = await_message(&world->a, JOBS, 1)->jobs;
    assert_int_equal(batch->terms[0]->kind, DROVER__JOB_KIND__JOB_UNDO);
    fleet_say(world, ORDER_RELEASE_HOLD);
    world->rollout = forward;
    (void)ask(world, "refuse");
    (void)await_message(&world->a, TRUST, 2);
    batch = await_message(&world->a, JOBS, 2)->jobs;
    assert_int_equal(batch->terms[0]->kind, DROVER__JOB_KIND__JOB_FORWARD);
}

/* Held is what the hold names, and released what the release names. */
static void test_holds_have_their_application(void **state) {
    world_t *world = *state;
    actor_dial(&world->a);
    actor_dial(&world->operator);
    say_hello_knowing(&world->a, 1);
    fleet_say_of(world, ORDER_HOLD, "shop");
    assert_string_equal(ask(world, "start")->code, "");
    fleet_say_of(world, ORDER_HOLD, "other");
    fleet_say_of(world, ORDER_RELEASE_HOLD, "other"); /* the newest word of all is a release */
    (void)ask(world, "refuse");
    (void)await_message(&world->a, TRUST, 2);
    assert_int_equal(world->a.last[TRUST]->trust->n_documents, 2);
    assert_told_order(&world->a, 0, ORDER_HOLD);
    assert_told_order(&world->a, 1, ORDER_RELEASE_HOLD);
    flush(&world->a);
    assert_int_equal(world->a.count[JOBS], 0);
    fleet_say_of(world, ORDER_HOLD, "other");
    fleet_say_of(world, ORDER_RELEASE_HOLD, "shop");
    (void)ask(world, "refuse");
    (void)await_message(&world->a, JOBS, 1);
}

/* Nor is a job sent again that was given before the hold and is lacking. */
static void test_held_fleet_gets_nothing_again(void **state) {
    world_t *world = *state;
    world->config.timeouts.offer_us = 1;
    actor_dial(&world->a);
    actor_dial(&world->operator);
    say_hello_knowing(&world->a, 1);
    assert_string_equal(ask(world, "start")->code, "");
    say_beat(&world->a, 3, 0);
    (void)await_message(&world->a, JOBS, 1);
    ident_t attempt = world->a.attempt;
    fleet_say(world, ORDER_HOLD);
    (void)ask(world, "refuse");
    (void)await_message(&world->a, TRUST, 1);
    size_t before = world->a.count[JOBS];
    say_hello_knowing(&world->a, 1); /* with nothing in hand */
    flush(&world->a);
    flush(&world->a);
    assert_int_equal(world->a.count[JOBS], before);
    fleet_say(world, ORDER_RELEASE_HOLD);
    (void)ask(world, "refuse");
    (void)await_message(&world->a, JOBS, before + 1);
    assert_true(ident_equal(&world->a.attempt, &attempt));
}

/* A stop is told as it comes, and to who says hello later; a hold outlives its own end. */
static void test_stops_are_told(void **state) {
    world_t *world = *state;
    actor_dial(&world->a);
    actor_dial(&world->operator);
    say_hello_knowing(&world->a, 1);
    assert_string_equal(ask(world, "start")->code, "");
    fleet_say(world, ORDER_STOP);
    (void)ask(world, "refuse");
    (void)await_message(&world->a, TRUST, 1);
    assert_told_order(&world->a, 0, ORDER_STOP);
    fleet_say(world, ORDER_HOLD);
    actor_dial(&world->b);
    say_hello_knowing(&world->b, 1);
    (void)await_message(&world->b, TRUST, 1);
    assert_int_equal(world->b.last[TRUST]->trust->n_documents, 2);
    assert_told_order(&world->b, 0, ORDER_STOP);
    assert_told_order(&world->b, 1, ORDER_HOLD);
}

/* Only a release ends a hold: one past its end stands, and is told last. */
static void test_hold_does_not_end_by_itself(void **state) {
    world_t *world = *state;
    actor_dial(&world->a);
    actor_dial(&world->operator);
    fleet_say_ended(world, ORDER_HOLD);
    assert_string_equal(ask(world, "start")->code, "");
    fleet_say(world, ORDER_STOP);
    (void)ask(world, "refuse");
    say_hello_knowing(&world->a, 1);
    (void)await_message(&world->a, TRUST, 1);
    assert_int_equal(world->a.last[TRUST]->trust->n_documents, 2);
    assert_told_order(&world->a, 0, ORDER_STOP);
    assert_told_order(&world->a, 1, ORDER_HOLD);
    flush(&world->a);
    assert_int_equal(world->a.count[JOBS], 0);
}

/* It is still held after a restart. */
static void test_hold_outlives_a_restart(void **state) {
    world_t *world = *state;
    fleet_say(world, ORDER_HOLD);
    world_stop(world);
    world_start(world);
    actor_dial(&world->a);
    actor_dial(&world->operator);
    say_hello_knowing(&world->a, 1);
    (void)await_message(&world->a, TRUST, 1);
    assert_told_order(&world->a, 0, ORDER_HOLD);
    assert_string_equal(ask(world, "start")->code, "");
    flush(&world->a);
    assert_int_equal(world->a.count[JOBS], 0);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, world_set_up, world_tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_only_what_is_lacking_is_told),   TEST(test_revoked_agent_is_out_at_once),
        TEST(test_held_fleet_does_not_go_forward), TEST(test_holds_have_their_application),
        TEST(test_held_fleet_gets_nothing_again),  TEST(test_stops_are_told),
        TEST(test_hold_does_not_end_by_itself),    TEST(test_hold_outlives_a_restart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
