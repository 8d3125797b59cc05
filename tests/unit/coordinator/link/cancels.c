/*
 * cancels.c: what is asked to stop until word of it comes, and jobs that were lost on their way:
 * who waits for which try, and who not any more.
 */
#include "tests/unit/coordinator/link/world.h"

#define JOBS DROVER__KIND__KIND_JOBS

static void test_cancel_is_repeated_until_word_comes(void **state) {
    world_t *world = *state;
    get_going(world);
    assert_string_equal(ask(world, "stop")->code, "");
    const Drover__Cancel *cancel = await_message(&world->a, DROVER__KIND__KIND_CANCEL, 1)->cancel;
    assert_int_equal(cancel->n_attempts, 1);
    ident_t attempt = field_ident(cancel->attempts[0]);
    assert_true(ident_equal(&attempt, &world->a.attempt));
    say_beat(&world->a, 2, 1);
    (void)await_message(&world->a, DROVER__KIND__KIND_CANCEL, 2);
    Drover__Report report =
        report_of(&world->a, DROVER__STEP__STEP_APPLY, DROVER__OUTCOME__OUTCOME_CANCELLED, true);
    say_report(&world->a, &report);
    rollout_t *rollout = stored_rollout(world);
    assert_int_equal(rollout->state, ROLLOUT_STOPPED);
    assert_int_equal(rollout->tasks[0].state, TASK_SKIPPED);
    rollout_destroy(&rollout);
    size_t cancels = world->a.count[DROVER__KIND__KIND_CANCEL];
    size_t beats = world->a.count[DROVER__KIND__KIND_COORDINATOR_BEAT];
    say_beat(&world->a, 3, 0);
    (void)await_message(&world->a, DROVER__KIND__KIND_COORDINATOR_BEAT, beats + 1);
    assert_int_equal(world->a.count[DROVER__KIND__KIND_CANCEL], cancels);
}

/* The word of one try, which need not be the one that came last. */
static void say_of(actor_t *actor, const ident_t *attempt, Drover__Outcome outcome, bool final) {
    ident_t newest = actor->attempt;
    actor->attempt = *attempt;
    Drover__Report report = report_of(actor, DROVER__STEP__STEP_APPLY, outcome, final);
    say_report(actor, &report);
    actor->attempt = newest;
}

static void assert_only_cancelled(world_t *world, const ident_t *attempt, size_t times) {
    const Drover__Cancel *cancel =
        await_message(&world->a, DROVER__KIND__KIND_CANCEL, times)->cancel;
    assert_int_equal(cancel->n_attempts, 1);
    ident_t first = field_ident(cancel->attempts[0]);
    assert_true(ident_equal(&first, attempt));
}

/* An operator asks for another try of what nobody has word of. The first one may be at work yet: it
 * is to stop, or it would go forward even once the rollout is stopped or taken back. */
static void test_try_that_nobody_waits_for_is_cancelled(void **state) {
    world_t *world = *state;
    get_going(world);
    ident_t first = world->a.attempt;
    world->again = world->a.job;
    say_of(&world->a, &first, DROVER__OUTCOME__OUTCOME_UNKNOWN, false);
    assert_string_equal(ask(world, "retry")->code, "");
    (void)await_message(&world->a, JOBS, 2);
    ident_t second = world->a.attempt;
    assert_false(ident_equal(&second, &first));
    say_beat(&world->a, 1, 2);
    assert_only_cancelled(world, &first, 1);
    world->a.attempt = first; /* as after its restart: the second one never came */
    world_restart(world);
    say_hello_in_hand(&world->a, true);
    say_beat(&world->a, 2, 1);
    assert_only_cancelled(world, &first, 1);
    say_of(&world->a, &first, DROVER__OUTCOME__OUTCOME_CANCELLED, true);
    size_t beats = world->a.count[DROVER__KIND__KIND_COORDINATOR_BEAT];
    say_beat(&world->a, 3, 0);
    (void)await_message(&world->a, DROVER__KIND__KIND_COORDINATOR_BEAT, beats + 1);
    assert_int_equal(world->a.count[DROVER__KIND__KIND_CANCEL], 1);
}

/* The same where the rollout ends, and is forgotten, before the agent's next beat. */
static void test_try_of_what_is_over_is_cancelled(void **state) {
    world_t *world = *state;
    get_going(world);
    ident_t first = world->a.attempt;
    world->again = world->a.job;
    say_of(&world->a, &first, DROVER__OUTCOME__OUTCOME_UNKNOWN, false);
    assert_string_equal(ask(world, "retry")->code, "");
    (void)await_message(&world->a, JOBS, 2);
    assert_string_equal(ask(world, "stop")->code, "");
    say_of(&world->a, &world->a.attempt, DROVER__OUTCOME__OUTCOME_CANCELLED, true);
    assert_int_equal(engine_rollout_count(*hub_engine(world->hub)), 0);
    say_beat(&world->a, 2, 1);
    assert_only_cancelled(world, &first, 2); /* the stop's own was of the second */
}

static void beat_without_primary(actor_t *actor) {
    Drover__AgentBeat beat = DROVER__AGENT_BEAT__INIT;
    Drover__ClusterSeen seen = DROVER__CLUSTER_SEEN__INIT;
    Drover__ClusterSeen *list[] = {&seen};
    seen.name = field_of_text("main");
    seen.system_identifier = CLUSTER;
    beat.wall_us = clock_wall_us();
    beat.room = 3;
    beat.clusters = list;
    beat.n_clusters = 1;
    actor_send(actor, DROVER__KIND__KIND_AGENT_BEAT, &beat.base);
}

static bool is_outstanding(world_t *world) {
    const task_t *task = engine_task(*hub_engine(world->hub), &world->a.job);
    return task != NULL && task->state == TASK_OUTSTANDING;
}

/* Nobody waits for it any longer, but its late word would count: until its rollout is taken back.
 */
static void test_late_try_is_cancelled_once_it_is_taken_back(void **state) {
    world_t *world = *state;
    get_going(world);
    ident_t late = world->a.attempt;
    ident_t job = world->a.job;
    say_of(&world->a, &late, DROVER__OUTCOME__OUTCOME_UNKNOWN, false);
    rollout_t *rollout = engine_rollout(*hub_engine(world->hub), &world->rollout);
    rollout->unreachable = UNREACHABLE_SKIP;
    rollout->waves[0].on_failure = ON_FAILURE_PAUSE; /* it is not taken back by itself */
    beat_without_primary(&world->a);
    await_condition(world, is_outstanding);
    size_t beats = world->a.count[DROVER__KIND__KIND_COORDINATOR_BEAT];
    say_beat(&world->a, 2, 1);
    (void)await_message(&world->a, DROVER__KIND__KIND_COORDINATOR_BEAT, beats + 1);
    assert_int_equal(world->a.count[DROVER__KIND__KIND_CANCEL], 0);
    assert_string_equal(ask(world, "undo")->code, "");
    world->a.attempt = late;
    world->a.job = job;
    say_beat(&world->a, 2, 1);
    assert_only_cancelled(world, &late, 1);
}

static void test_lost_job_is_offered_again(void **state) {
    world_t *world = *state;
    world->config.timeouts.offer_us = 1;
    get_going(world);
    /* it says that it has nothing, and goes on not mentioning the job */
    say_beat(&world->a, 3, 0);
    ident_t attempt = world->a.attempt;
    (void)await_message(&world->a, JOBS, 2);
    assert_true(ident_equal(&world->a.attempt, &attempt));
}

/* The same where the cluster was given back meanwhile: silence made the task unknown, and its agent
 * still owes it. */
static void test_lost_job_is_offered_again_though_unknown(void **state) {
    world_t *world = *state;
    get_going(world);
    ident_t attempt = world->a.attempt;
    beat_without_primary(&world->a);
    world->config.timeouts.offer_us = 1;
    (void)await_message(&world->a, JOBS, 2);
    assert_true(ident_equal(&world->a.attempt, &attempt));
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, world_set_up, world_tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_cancel_is_repeated_until_word_comes),
        TEST(test_try_that_nobody_waits_for_is_cancelled),
        TEST(test_try_of_what_is_over_is_cancelled),
        TEST(test_late_try_is_cancelled_once_it_is_taken_back),
        TEST(test_lost_job_is_offered_again),
        TEST(test_lost_job_is_offered_again_though_unknown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
