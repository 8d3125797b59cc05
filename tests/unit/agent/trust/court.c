/*
 * court.c: what an agent refuses to do for what has happened since: time passed, another order
 * came, a wave failed, somebody said stop, a key was taken away. One test for each, judged as in
 * the program.
 */
#include "tests/unit/agent/trust/host.h"

static int start(void **state) {
    host_t *host = calloc(1, sizeof *host);
    host_open(host);
    *state = host;
    return 0;
}

static int stop(void **state) {
    host_close(*state);
    free(*state);
    return 0;
}

/* A host whose pin and order are the world's as they come. */
static host_t *good(void **state) {
    host_t *host = *state;
    host_start(host);
    host_order(host);
    return host;
}

/* ---- time and sequence ---- */

static void test_an_order_past_its_end(void **state) {
    host_t *host = good(state);
    host_grant(host);
    host->world.now_us = host->world.plan_order.expires_us + TRUST_SKEW_US + 1;
    host_aim(host, 0, 1);
    host_refuses(host, ERROR_ORDER_EXPIRED); /* verified before, and verified again */
}

static void test_an_order_before_its_time(void **state) {
    host_t *host = *state;
    host->world.plan_order.not_before_us = NOW_US + TRUST_DAY_US;
    host_start(host);
    host_order(host);
    host_refuses(host, ERROR_ORDER_EARLY);
    host->world.now_us += TRUST_DAY_US;
    host_grant(host);
}

static void test_an_order_of_people_who_know_a_newer_trust_file(void **state) {
    host_t *host = *state;
    host->world.plan_order.trust_version = 5;
    host_start(host);
    host_order(host);
    host_refuses(host, ERROR_TRUST_STALE);
}

/* After a restart, too; and an older order that was superseded does not come back. */
static void test_a_superseded_number(void **state) {
    host_t *host = good(state);
    error_t err = {0};
    host_grant(host);
    warrant_job_t old = host->job;
    CLEANUP(buffer_free) buffer_t proof = {0};
    buffer_append(&proof, host->proof.data, host->proof.size);
    old.proof = proof.data;
    host->world.leaves[0].number = 500;
    host->world.plan_order.id.bytes[0] ^= 1;
    host_order(host);
    host_grant(host);
    host->job = old;
    host_refuses(host, ERROR_ORDER_SUPERSEDED);
    MUST(host_restart(host, &err));
    host_refuses(host, ERROR_ORDER_SUPERSEDED);
    host->job.kind = JOB_KIND_UNDO;
    host->job.target = 3;
    host_refuses(host, ERROR_ORDER_SUPERSEDED);
    host->job.kind = JOB_KIND_LOOK; /* changes nothing: no number is compared */
    host_grant(host);
}

static void test_two_orders_of_one_number(void **state) {
    host_t *host = good(state);
    host_grant(host);
    host->world.plan_order.id.bytes[0] ^= 1;
    host_order(host);
    host_refuses(host, ERROR_ORDER_SUPERSEDED);
}

/* What was judged and accepted is gone where the commit never came: then nothing was done either.
 */
static void test_a_number_counts_from_its_commit(void **state) {
    host_t *host = good(state);
    journal_accepted_t accepted = {.tenant = host->job.tenant, .application = "app"};
    error_t err = {0};
    host_grant(host);
    assert_true(journal_is_dirty(host->journal));
    MUST(journal_find_accepted(host->journal, &accepted, &err));
    assert_int_equal(accepted.number, 100);
    assert_true(digest_equal(&accepted.order, &host->job.order));
    journal_close(&host->journal); /* the power goes */
    char path[HOST_PATH];
    host_path(host, "state", path);
    MUST(journal_open(path, &host->journal, &err));
    MUST(journal_find_accepted(host->journal, &accepted, &err));
    assert_int_equal(accepted.number, 0);
}

/* ---- waves ---- */

static void test_a_later_wave_without_its_ticket(void **state) {
    host_t *host = good(state);
    host_aim(host, 1, 0);
    host_refuses(host, ERROR_TICKET_ORDER);
    host_ticket(host);
    host_grant(host);
    assert_int_equal(host->warrant.wave, 1);
    host->job.ticket = (digest_t){{0}}; /* it is open now */
    host_aim(host, 1, 1);
    host_grant(host);
}

static void test_a_ticket_whose_wave_failed(void **state) {
    host_t *host = good(state);
    host->world.entries[0][0].outcome = RESULT_FAILED;
    host_aim(host, 1, 0);
    host_ticket(host);
    error_t err = {0};
    assert_int_equal(host_judge(host, &err), COURT_REFUSED);
    assert_int_equal(err.code, ERROR_TICKET_BUDGET);
    assert_int_equal(err.retry, RETRY_PERMANENT); /* no other ticket says more */
}

static void test_a_ticket_whose_wave_still_soaks(void **state) {
    host_t *host = *state;
    host->world.waves[0].soak_us = 60 * TRUST_MINUTE_US;
    host_start(host);
    host_order(host);
    host_aim(host, 1, 0);
    host_ticket(host);
    host_refuses(host, ERROR_TICKET_EARLY);
    host->world.now_us += 60 * TRUST_MINUTE_US;
    host_grant(host);
}

static void test_an_agent_whose_result_was_its_last(void **state) {
    host_t *host = good(state);
    CLEANUP(document_destroy_p) document_t *document = NULL;
    revocation_t revocation = {.fleet = host->world.plan.fleet,
                               .key = *world_public(AGENT_A),
                               .at_us = NOW_US,
                               .reason = "its host was stolen"};
    keeper_news_t news = KEEPER_KNOWN;
    error_t err = {0};
    host_aim(host, 1, 0);
    host_ticket(host);
    host_grant(host);
    MUST(revocation_write(&revocation, &document, &err));
    MUST(world_sign(document, &host->world.admins, &err));
    MUST(host_take(host, document, &news, &err));
    assert_int_equal(news, KEEPER_REVOKED);
    host_aim(host, 1, 1);
    host_refuses(host, ERROR_CARD_REVOKED); /* the wave that its word opened is not open any more */
    size_t asked = host->asked;
    assert_int_equal(host_judge(host, &err), COURT_REFUSED);
    assert_int_equal(err.retry, RETRY_TRANSIENT);
    assert_true(host->asked > asked); /* nor is its paper kept */
}

/* Another ticket may hold: the job comes again. */
static void test_a_ticket_that_lapsed_is_a_passing_fault(void **state) {
    host_t *host = good(state);
    error_t err = {0};
    host->world.cards[0].expires_us = NOW_US + TRUST_MINUTE_US;
    host_aim(host, 1, 0);
    host_ticket(host);
    host->world.now_us = NOW_US + TRUST_SKEW_US + 2 * TRUST_MINUTE_US;
    assert_int_equal(host_judge(host, &err), COURT_REFUSED);
    assert_int_equal(err.code, ERROR_CARD_TIME);
    assert_int_equal(err.retry, RETRY_TRANSIENT);
}

/* ---- words to all agents ---- */

static void test_a_hold(void **state) {
    host_t *host = good(state);
    signers_t signers;
    error_t err = {0};
    SIGN_BY(&signers, ROLLBACK_A);
    MUST(host_word(host, ORDER_HOLD, &signers, &err));
    host_refuses(host, ERROR_FLEET_HELD);
    MUST(host_restart(host, &err));
    host_refuses(host, ERROR_FLEET_HELD);
    host->job.kind = JOB_KIND_UNDO; /* the way back stays open */
    host->job.target = 3;
    host_grant(host);
    host->world.now_us += TRUST_MINUTE_US;
    SIGN_BY(&signers, OP_A, OP_C);
    MUST(host_word(host, ORDER_RELEASE_HOLD, &signers, &err));
    host->job.kind = JOB_KIND_FORWARD;
    host->job.target = 5;
    host_grant(host);
}

static void test_a_stop(void **state) {
    host_t *host = good(state);
    signers_t signers;
    error_t err = {0};
    SIGN_BY(&signers, ROLLBACK_A);
    host_grant(host);
    MUST(host_word(host, ORDER_STOP, &signers, &err));
    host_aim(host, 0, 1);
    host_refuses(host, ERROR_CANCELLED);
    MUST(host_restart(host, &err));
    host_refuses(host, ERROR_CANCELLED);
}

/* ---- keys ---- */

/* It fails no tenant: the job is given back, for another coordinator to send. */
static void test_a_coordinator_whose_key_counts_no_more(void **state) {
    host_t *host = good(state);
    error_t err = {0};
    host->job.coordinator = *world_public(COORDINATOR_RETIRED);
    assert_int_equal(host_judge(host, &err), COURT_REFUSED);
    assert_int_equal(err.code, ERROR_TRUST_KEY);
    assert_int_equal(err.retry, RETRY_TRANSIENT);
    host->job.coordinator = *world_public(STRANGER);
    host_refuses(host, ERROR_TRUST_KEY);
    host->job.coordinator = (sign_public_t){{0}}; /* of a journal that did not note it */
    host_refuses(host, ERROR_TRUST_KEY);
}

static void test_a_coordinator_who_was_revoked(void **state) {
    host_t *host = good(state);
    CLEANUP(document_destroy_p) document_t *document = NULL;
    revocation_t revocation = {.fleet = host->world.plan.fleet,
                               .key = *world_public(COORDINATOR),
                               .at_us = NOW_US,
                               .reason = "its host was broken into"};
    keeper_news_t news = KEEPER_KNOWN;
    error_t err = {0};
    host_grant(host);
    MUST(revocation_write(&revocation, &document, &err));
    MUST(world_sign(document, &host->world.admins, &err));
    MUST(host_take(host, document, &news, &err));
    host_aim(host, 0, 1);
    host_refuses(host, ERROR_TRUST_KEY);
}

static void test_an_operator_who_was_revoked(void **state) {
    host_t *host = good(state);
    CLEANUP(document_destroy_p) document_t *document = NULL;
    revocation_t revocation = {.fleet = host->world.plan.fleet,
                               .key = *world_public(OP_B),
                               .at_us = NOW_US,
                               .reason = "the laptop was stolen"};
    keeper_news_t news = KEEPER_KNOWN;
    error_t err = {0};
    host_grant(host);
    MUST(revocation_write(&revocation, &document, &err));
    MUST(world_sign(document, &host->world.admins, &err));
    MUST(host_take(host, document, &news, &err));
    host_aim(host, 0, 1);
    host_refuses(host, ERROR_TRUST_THRESHOLD); /* though it was accepted before */
}

/* Past the trust file's end nothing goes forward; what was accepted before may be taken back for
 * its grace, and no longer. */
static void test_an_expired_trust_file(void **state) {
    host_t *host = *state;
    host->world.plan.expires_us = NOW_US + TRUST_DAY_US;
    host->world.plan_order.expires_us = NOW_US + 60 * TRUST_DAY_US;
    host_start(host);
    host_order(host);
    host_grant(host);
    host->world.now_us = NOW_US + 3 * TRUST_DAY_US;
    host_refuses(host, ERROR_TRUST_EXPIRED); /* forward, though accepted */
    host->job.kind = JOB_KIND_UNDO;
    host->job.target = 3;
    host_grant(host);
    host->world.now_us = NOW_US + TRUST_DAY_US + host->world.plan.undo_grace_us + TRUST_DAY_US;
    host_refuses(host, ERROR_TRUST_EXPIRED);
}

static void test_a_new_order_under_an_expired_trust_file(void **state) {
    host_t *host = *state;
    host->world.plan.expires_us = NOW_US + TRUST_DAY_US;
    host_start(host);
    host_order(host);
    host->world.now_us = NOW_US + 2 * TRUST_DAY_US;
    host_refuses(host, ERROR_TRUST_EXPIRED);
    host->job.kind = JOB_KIND_UNDO;
    host->job.target = 3;
    host_refuses(host, ERROR_TRUST_EXPIRED);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, start, stop)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_an_order_past_its_end),
        TEST(test_an_order_before_its_time),
        TEST(test_an_order_of_people_who_know_a_newer_trust_file),
        TEST(test_a_superseded_number),
        TEST(test_two_orders_of_one_number),
        TEST(test_a_number_counts_from_its_commit),
        TEST(test_a_later_wave_without_its_ticket),
        TEST(test_a_ticket_whose_wave_failed),
        TEST(test_a_ticket_whose_wave_still_soaks),
        TEST(test_a_ticket_that_lapsed_is_a_passing_fault),
        TEST(test_an_agent_whose_result_was_its_last),
        TEST(test_a_hold),
        TEST(test_a_stop),
        TEST(test_a_coordinator_whose_key_counts_no_more),
        TEST(test_a_coordinator_who_was_revoked),
        TEST(test_an_operator_who_was_revoked),
        TEST(test_an_expired_trust_file),
        TEST(test_a_new_order_under_an_expired_trust_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
