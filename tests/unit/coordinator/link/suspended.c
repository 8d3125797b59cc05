/*
 * suspended.c: an agent that comes back with another journal gets nothing forward until a person
 * has looked: what it had in hand is unknown, what is taken back is given to it, and no restart
 * forgets it.
 */
#include "tests/unit/coordinator/link/world.h"

#define JOBS DROVER__KIND__KIND_JOBS
#define BEAT DROVER__KIND__KIND_COORDINATOR_BEAT
#define WELCOME DROVER__KIND__KIND_WELCOME

static void good(world_t *world, status_t status, const error_t *err) {
    (void)world;
    if (status != STATUS_OK) {
        char line[1024];
        fail_msg("%s", error_line(err, line, sizeof line));
    }
}

static agent_row_t stored_agent(world_t *world, const actor_t *actor, arena_t *arena) {
    error_t err = {0};
    agent_row_t row = {0};
    agent_key_t key;
    memcpy(key.bytes, actor->key.bytes, sizeof key.bytes);
    good(world, store_agent_get(world->store, &key, arena, &row, &err), &err);
    return row;
}

static agent_status_t stored_status(world_t *world, const actor_t *actor) {
    arena_t arena = {0};
    agent_row_t row = stored_agent(world, actor, &arena);
    arena_free(&arena);
    return row.status;
}

static void put_status(world_t *world, const actor_t *actor, agent_status_t status) {
    error_t err = {0};
    agent_key_t key;
    const agent_standing_t standing = {.status = status, .why = ""};
    memcpy(key.bytes, actor->key.bytes, sizeof key.bytes);
    good(world, store_begin(world->store, &err), &err);
    good(world, store_agent_set_status(world->store, &key, &standing, &err), &err);
    good(world, store_commit(world->store, &err), &err);
}

/* What 'drover agents resume' leaves in the catalog, and a question behind which the hub looks. */
static void let_go(world_t *world, const actor_t *actor) {
    put_status(world, actor, AGENT_KNOWN);
    (void)ask(world, "refuse");
}

static task_t first_task(world_t *world) {
    rollout_t *rollout = stored_rollout(world);
    task_t task = rollout->tasks[0];
    rollout_destroy(&rollout);
    return task;
}

/* The agent comes back with an empty journal. */
static void lose_state(actor_t *actor) {
    actor_hang_up(actor);
    actor->state.bytes[0] ^= 0x5a;
    actor->reported = 0;
    actor_dial(actor);
    say_hello(actor);
}

/* A beat with room, and what the coordinator answers after that. */
static void beat(actor_t *actor, uint32_t room) {
    size_t beats = actor->count[BEAT];
    say_beat(actor, room, 0);
    (void)await_message(actor, BEAT, beats + 1);
}

/* A job is with agent a, which then loses its state. */
static void lose_with_a_job(world_t *world) {
    get_going(world);
    assert_true(world->a.last[WELCOME]->welcome->tells_suspended);
    assert_string_equal(world->a.last[WELCOME]->welcome->suspended, "");
    lose_state(&world->a);
}

/* Its own log is to say so, too: it is told why with the welcome and with each beat. */
static void assert_told(const actor_t *actor, bool suspended) {
    const Drover__CoordinatorBeat *told = actor->last[BEAT]->coordinator_beat;
    assert_true(told->tells_suspended);
    assert_true(suspended == (strstr(told->suspended, "lost its state") != NULL));
    assert_true(suspended == (told->suspended[0] != '\0'));
}

static void test_nothing_forward(void **state) {
    world_t *world = *state;
    lose_with_a_job(world);
    arena_t arena = {0};
    agent_row_t row = stored_agent(world, &world->a, &arena);
    assert_int_equal(row.status, AGENT_SUSPENDED);
    assert_true(row.suspended_us > 0);
    assert_non_null(strstr(row.suspended_why, "lost its state"));
    arena_free(&arena);
    size_t jobs = world->a.count[JOBS];
    assert_true(world->a.last[WELCOME]->welcome->tells_suspended);
    assert_non_null(strstr(world->a.last[WELCOME]->welcome->suspended, "lost its state"));
    beat(&world->a, 3);
    assert_told(&world->a, true);
    beat(&world->a, 3);
    assert_int_equal(world->a.count[JOBS], jobs);
    task_t task = first_task(world);
    assert_int_equal(task.state, TASK_UNKNOWN);
    assert_true(task.touched); /* it may have come as far as anything */
    /* it keeps the lease: what is taken back needs one */
    const Drover__CoordinatorBeat *told = world->a.last[BEAT]->coordinator_beat;
    assert_int_equal(told->n_leases, 1);
    assert_true(told->leases[0]->valid_ms > 0);
}

static void test_no_restart_forgets_it(void **state) {
    world_t *world = *state;
    lose_with_a_job(world);
    size_t jobs = world->a.count[JOBS];
    world_stop(world);
    world_start(world);
    actor_hang_up(&world->a);
    actor_dial(&world->a);
    say_hello(&world->a);
    assert_non_null(strstr(world->a.last[WELCOME]->welcome->suspended, "lost its state"));
    beat(&world->a, 3);
    assert_int_equal(world->a.count[JOBS], jobs);
    assert_int_equal(stored_status(world, &world->a), AGENT_SUSPENDED);
    assert_int_equal(first_task(world).state, TASK_UNKNOWN);
}

static void test_it_goes_on(void **state) {
    world_t *world = *state;
    lose_with_a_job(world);
    size_t jobs = world->a.count[JOBS];
    ident_t attempt = world->a.attempt;
    beat(&world->a, 3);
    assert_told(&world->a, true);
    size_t beats = world->a.count[BEAT];
    let_go(world, &world->a);
    (void)await_message(&world->a, BEAT, beats + 1); /* at once: it has not asked */
    assert_told(&world->a, false);
    (void)await_message(&world->a, JOBS, jobs + 1);
    assert_true(ident_equal(&world->a.attempt, &attempt)); /* the same one, settled by the ledger */
    task_t task = first_task(world);
    assert_int_equal(task.state, TASK_DISPATCHED);
    assert_true(task.touched);
}

static void test_what_is_taken_back_goes_out(void **state) {
    world_t *world = *state;
    lose_with_a_job(world);
    assert_string_equal(ask(world, "stop")->code, "");
    rollout_t *rollout = stored_rollout(world);
    assert_int_equal(rollout->state, ROLLOUT_STOPPED); /* nobody is waited for */
    assert_int_equal(rollout->tasks[0].state, TASK_OUTSTANDING);
    rollout_destroy(&rollout);
    size_t jobs = world->a.count[JOBS];
    assert_string_equal(ask(world, "undo")->code, "");
    say_beat(&world->a, 3, 0);
    const message_t *message = await_message(&world->a, JOBS, jobs + 1);
    assert_int_equal(message->jobs->terms[0]->kind, DROVER__JOB_KIND__JOB_UNDO);
    assert_int_equal(stored_status(world, &world->a), AGENT_SUSPENDED);
}

/* Its rollout is being stopped and waits for it alone: it ends, with the task outstanding. */
static void test_what_is_called_off_is_not_waited_for(void **state) {
    world_t *world = *state;
    get_going(world);
    assert_string_equal(ask(world, "stop")->code, "");
    rollout_t *rollout = stored_rollout(world);
    assert_int_equal(rollout->state, ROLLOUT_STOPPING);
    rollout_destroy(&rollout);
    lose_state(&world->a);
    rollout = stored_rollout(world);
    assert_int_equal(rollout->tasks[0].state, TASK_OUTSTANDING);
    assert_int_equal(rollout->state, ROLLOUT_STOPPED);
    rollout_destroy(&rollout);
}

static void test_another_agent_acts_instead(void **state) {
    world_t *world = *state;
    lose_with_a_job(world);
    actor_dial(&world->b);
    say_hello(&world->b);
    beat(&world->a, 3); /* gives the cluster back */
    beat(&world->a, 3); /* and does not take it again */
    beat(&world->b, 3);
    assert_true(world->b.last[BEAT]->coordinator_beat->leases[0]->valid_ms > 0);
    beat(&world->a, 3);
    assert_int_equal(world->a.last[BEAT]->coordinator_beat->leases[0]->valid_ms, 0);
}

/* Where disks do not outlive their agents it is only noted. */
static void test_noted_where_that_is_configured(void **state) {
    world_t *world = *state;
    world->config.on_lost_state = LOST_STATE_NOTE;
    get_going(world);
    lose_state(&world->a);
    (void)await_message(&world->a, JOBS, 1); /* what it lacks */
    assert_int_equal(stored_status(world, &world->a), AGENT_KNOWN);
}

static void test_one_that_was_enrolled_anew_is_not_suspended(void **state) {
    world_t *world = *state;
    get_going(world);
    put_status(world, &world->a, AGENT_RENEWED);
    lose_state(&world->a);
    (void)await_message(&world->a, JOBS, 1); /* what it lacks */
    assert_int_equal(stored_status(world, &world->a), AGENT_KNOWN);
    lose_state(&world->a); /* once */
    assert_int_equal(stored_status(world, &world->a), AGENT_SUSPENDED);
}

static void test_first_hello_suspends_nobody(void **state) {
    world_t *world = *state;
    actor_dial(&world->a);
    say_hello(&world->a);
    assert_int_equal(stored_status(world, &world->a), AGENT_KNOWN);
    actor_hang_up(&world->a);
    actor_dial(&world->a);
    say_hello(&world->a); /* with the same journal */
    assert_int_equal(stored_status(world, &world->a), AGENT_KNOWN);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, world_set_up, world_tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_nothing_forward),
        TEST(test_no_restart_forgets_it),
        TEST(test_it_goes_on),
        TEST(test_what_is_taken_back_goes_out),
        TEST(test_what_is_called_off_is_not_waited_for),
        TEST(test_another_agent_acts_instead),
        TEST(test_noted_where_that_is_configured),
        TEST(test_one_that_was_enrolled_anew_is_not_suspended),
        TEST(test_first_hello_suspends_nobody),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
