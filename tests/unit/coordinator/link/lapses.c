/*
 * lapses.c: who signed what opened a wave is taken out while the wave is open. What the rest of the
 * evidence opens goes on under another ticket; what it does not open waits for a person, and
 * nothing of it is given out meanwhile.
 */
#include "coordinator/link/internal.h"
#include "coordinator/store/store_ticket.h"
#include "tests/unit/coordinator/link/world.h"

#define JOBS DROVER__KIND__KIND_JOBS

enum { EACH = TENANTS / 2 }; /* tenants of one of two waves */

static void end_job(actor_t *actor, Drover__Outcome outcome, const buffer_t *result) {
    Drover__ApplicationSeen state = DROVER__APPLICATION_SEEN__INIT;
    Drover__Failure failure = DROVER__FAILURE__INIT;
    bool done = outcome == DROVER__OUTCOME__OUTCOME_DONE;
    Drover__Report report = report_of(
        actor, done ? DROVER__STEP__STEP_VERIFY : DROVER__STEP__STEP_CHECK, outcome, true);
    state.application = field_of_text("shop");
    state.version = field_of_text("V002");
    state.generation = 1;
    state.position = outcome == DROVER__OUTCOME__OUTCOME_DONE ? 2 : 1;
    state.ledger_sequence = 9;
    report.state = &state;
    if (outcome != DROVER__OUTCOME__OUTCOME_DONE) {
        failure.code = field_of_text("DRV-7026");
        failure.message = field_of_text("the key of a was revoked");
        report.failure = &failure;
    }
    say_report_and_result(actor, &report, result);
}

static void do_job(world_t *world, uint32_t n) {
    CLEANUP(buffer_free) buffer_t result = {0};
    (void)await_message(&world->a, JOBS, n + 1);
    fleet_words_t words = {.wave = n / EACH, .first = n, .count = 1, .outcome = RESULT_DONE};
    fleet_result(world, &world->a, &words, &result);
    end_job(&world->a, DROVER__OUTCOME__OUTCOME_DONE, &result);
}

static digest_t ticket_of(const message_t *message) {
    return field_digest(message->jobs->terms[0]->ticket);
}

/* The second wave is open by the word of agent a, which has its first job; answers its ticket. */
static digest_t open_second(world_t *world) {
    world->waves = 2;
    actor_dial(&world->a);
    actor_dial(&world->operator);
    say_hello(&world->a);
    say_inventory(&world->a);
    assert_string_equal(ask(world, "start")->code, "");
    say_beat(&world->a, 3, 0);
    do_job(world, 0);
    do_job(world, 1);
    digest_t ticket = ticket_of(await_message(&world->a, JOBS, EACH + 1));
    assert_int_equal(audit_count(world, "wave.ticket"), 1);
    return ticket;
}

static void assert_second(world_t *world, wave_state_t state) {
    rollout_t *rollout = stored_rollout(world);
    assert_int_equal((int)rollout->waves[1].state, (int)state);
    rollout_destroy(&rollout);
}

static void assert_told(world_t *world) {
    char command[128];
    char id[IDENT_TEXT_SIZE];
    rollout_t *rollout = stored_rollout(world);
    (void)snprintf(
        command, sizeof command,
        "2 of 2 tenants are not proved well, its budget is 0; to open it: drover rollout "
        "approve %.8s --wave 'rest'",
        ident_text(&rollout->id, id));
    assert_non_null(strstr(rollout->reason, command));
    rollout_destroy(&rollout);
}

static void settle(world_t *world) {
    size_t beats = world->a.count[DROVER__KIND__KIND_COORDINATOR_BEAT];
    say_beat(&world->a, 3, 0);
    (void)await_message(&world->a, DROVER__KIND__KIND_COORDINATOR_BEAT, beats + 1);
}

/* What agent b signed of both tenants of the first wave, as if it had served them before. */
static void keep_words_of_b(world_t *world) {
    error_t err = {0};
    CLEANUP(buffer_free) buffer_t bytes = {0};
    CLEANUP(document_destroy_p) document_t *document = NULL;
    fleet_result(world, &world->b, &(fleet_words_t){.count = EACH, .outcome = RESULT_DONE}, &bytes);
    assert_int_equal(document_decode(bytes.data, bytes.size, &document, &err), STATUS_OK);
    wave_result_row_t row = {.digest = document->id,
                             .order = world->fleet.order,
                             .key = world->b.sign,
                             .document = bytes.data,
                             .document_size = bytes.size,
                             .received_us = clock_wall_us()};
    bool is_new = false;
    assert_int_equal(store_begin(world->store, &err), STATUS_OK);
    assert_int_equal(store_wave_result_insert(world->store, &row, &is_new, &err), STATUS_OK);
    assert_int_equal(store_commit(world->store, &err), STATUS_OK);
}

/* Whether the stored ticket names the agent's key anywhere. */
static bool names(world_t *world, const digest_t *ticket, const actor_t *actor) {
    error_t err = {0};
    CLEANUP(arena_free) arena_t arena = {0};
    ticket_part_t part = {.digest = *ticket, .room = TICKET_BYTES};
    ticket_part_read_t read;
    assert_int_equal(store_ticket_read(world->store, &part, &arena, &read, &err), STATUS_OK);
    return memmem(read.bytes, read.size, actor->sign.bytes, sizeof actor->sign.bytes) != NULL;
}

static void test_wave_waits_for_a_person(void **state) {
    world_t *world = *state;
    digest_t first = open_second(world);
    fleet_revoke(world, &world->a);
    settle(world);
    assert_second(world, WAVE_AWAITING);
    assert_told(world);
    assert_int_equal(audit_count(world, "wave.ticket"), 1);
    end_job(&world->a, DROVER__OUTCOME__OUTCOME_DONE, NULL); /* in hand: it counts */
    settle(world);
    settle(world);
    assert_int_equal(world->a.count[JOBS], EACH + 1);
    assert_second(world, WAVE_AWAITING);
    fleet_approve(world, &(fleet_approval_t){.wave = 1});
    assert_string_equal(ask(world, "approve")->code, "");
    digest_t second = ticket_of(await_message(&world->a, JOBS, EACH + 2));
    assert_false(digest_equal(&second, &first));
    assert_false(names(world, &second, &world->a));
    assert_second(world, WAVE_OPEN);
}

/* No task of the rollout has spent more. */
static void assert_tries(world_t *world, uint32_t most) {
    rollout_t *rollout = stored_rollout(world);
    for (uint32_t i = 0; i < rollout->task_count; i++) {
        assert_true(rollout->tasks[i].attempts <= most);
    }
    rollout_destroy(&rollout);
}

/* The job that had not begun is refused for the old ticket, and comes again under the new one. */
static void test_wave_goes_on_by_what_others_said(void **state) {
    world_t *world = *state;
    digest_t first = open_second(world);
    keep_words_of_b(world);
    assert_true(names(world, &first, &world->a));
    fleet_revoke(world, &world->a);
    settle(world);
    assert_second(world, WAVE_OPEN);
    assert_int_equal(audit_count(world, "wave.ticket"), 2);
    end_job(&world->a, DROVER__OUTCOME__OUTCOME_TRANSIENT, NULL);
    digest_t second = ticket_of(await_message(&world->a, JOBS, EACH + 2));
    assert_false(digest_equal(&second, &first));
    assert_true(names(world, &second, &world->b));
    assert_false(names(world, &second, &world->a));
    assert_tries(world, 1); /* what had not begun spent none */
}

/* A trust change that takes nobody's word leaves the ticket as it is. */
static void test_other_changes_leave_the_ticket(void **state) {
    world_t *world = *state;
    digest_t first = open_second(world);
    fleet_revoke(world, &world->b);
    settle(world);
    assert_second(world, WAVE_OPEN);
    assert_int_equal(audit_count(world, "wave.ticket"), 1);
    end_job(&world->a, DROVER__OUTCOME__OUTCOME_DONE, NULL);
    digest_t second = ticket_of(await_message(&world->a, JOBS, EACH + 2));
    assert_true(digest_equal(&second, &first));
}

/* The coordinator ends between the revocation and what follows from it. */
static void test_tickets_are_judged_at_the_start(void **state) {
    world_t *world = *state;
    (void)open_second(world);
    fleet_revoke(world, &world->a);
    assert_second(world, WAVE_OPEN);
    actor_hang_up(&world->a);
    actor_hang_up(&world->operator);
    world_stop(world);
    world_start(world);
    actor_dial(&world->a);
    say_hello(&world->a);
    settle(world);
    assert_second(world, WAVE_AWAITING);
    assert_told(world);
}

/* Cards and approvals end without a word from anybody: time alone has a ticket judged again. Here
 * it is another hand that put a bad one beside it; what is made anew becomes the newest. */
static void test_ticket_is_judged_as_time_passes(void **state) {
    world_t *world = *state;
    error_t err = {0};
    digest_t first = open_second(world);
    proofs_t *proofs = proofs_known(world->hub, &world->fleet.order);
    ticket_row_t bad = {.digest = {{9}},
                        .wave = {.order = world->fleet.order, .wave = 1},
                        .bytes = "none",
                        .size = 4,
                        .made_us = clock_wall_us()};
    assert_int_equal(store_begin(world->store, &err), STATUS_OK);
    assert_int_equal(store_ticket_insert(world->store, &bad, &err), STATUS_OK);
    assert_int_equal(store_commit(world->store, &err), STATUS_OK);
    proofs->waves[1].ticket = (digest_t){{0}};
    world->hub->judge_due_us = 0;
    settle(world);
    assert_int_equal(audit_count(world, "wave.ticket"), 1); /* it was found good just now */
    proofs->waves[1].judged_us -= 61 * US_PER_S;
    settle(world);
    assert_int_equal(audit_count(world, "wave.ticket"), 1); /* nor is it time */
    world->hub->judge_due_us = 0;
    settle(world);
    assert_int_equal(audit_count(world, "wave.ticket"), 2);
    assert_second(world, WAVE_OPEN);
    proofs->waves[1].ticket = (digest_t){{0}};
    digest_t found = {{0}};
    assert_int_equal(tickets_of(world->hub, proofs, 1, &found, &err), STATUS_OK);
    assert_true(digest_equal(&found, &first));
}

/* A wave that is not open is judged when a retry opens it, before anything of it leaves. */
static void test_ticket_is_judged_when_a_retry_opens_its_wave(void **state) {
    world_t *world = *state;
    (void)open_second(world);
    world->rollbacks_refused = true;
    end_job(&world->a, DROVER__OUTCOME__OUTCOME_FAILED, NULL);
    settle(world);
    assert_second(world, WAVE_FAILED);
    fleet_revoke(world, &world->a);
    settle(world);
    assert_second(world, WAVE_FAILED);
    assert_string_equal(ask(world, "retry")->code, "");
    settle(world);
    assert_second(world, WAVE_AWAITING);
    assert_told(world);
    assert_int_equal(world->a.count[JOBS], EACH + 1);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, world_set_up, world_tear_down)
    static const struct CMUnitTest TESTS[] = {
        TEST(test_wave_waits_for_a_person),
        TEST(test_wave_goes_on_by_what_others_said),
        TEST(test_other_changes_leave_the_ticket),
        TEST(test_tickets_are_judged_at_the_start),
        TEST(test_ticket_is_judged_as_time_passes),
        TEST(test_ticket_is_judged_when_a_retry_opens_its_wave),
    };
    return cmocka_run_group_tests(TESTS, NULL, NULL);
}
