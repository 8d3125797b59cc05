/* Cards, results and tickets that are as they should be. */
#include "tests/unit/trust/world.h"

#include "tests/unit/base/cmocka_all.h"

static world_t world;

static int set_up(void **state) {
    (void)state;
    world_open(&world);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    world_close(&world);
    return 0;
}

static ticket_verdict_t verdict_of(void) {
    error_t err;
    error_clear(&err);
    ticket_claim_t claim = {.wave = 1, .bytes = world.ticket.data, .size = world.ticket.size};
    ticket_verdict_t verdict = {0};
    if (ticket_verify(&world.authority, &claim, &verdict, &err) != STATUS_OK) {
        fail_msg("%s", err.message);
    }
    return verdict;
}

static ticket_verdict_t opened(void) {
    error_t err;
    error_clear(&err);
    if (world_open_wave(&world, &err) != STATUS_OK) {
        fail_msg("%s", err.message);
    }
    return verdict_of();
}

static void test_card(void **state) {
    (void)state;
    error_t err;
    static const uint64_t CLUSTERS[] = {3, CLUSTER_A, UINT64_MAX};
    world.cards[0].clusters = CLUSTERS;
    world.cards[0].cluster_count = 3;
    world.cards[0].expires_us = 0;
    assert_int_equal(world_pin(&world, &err), STATUS_OK);
    CLEANUP(document_destroy_p) document_t *document = NULL;
    CLEANUP(card_destroy_p) card_t *card = NULL;
    assert_int_equal(world_write_card(&world, 0, &document, &err), STATUS_OK);
    trust_view_t view = world_view(&world);
    assert_int_equal(card_verify(&view, document, &card, &err), STATUS_OK);
    assert_string_equal(card->name, "agent-1");
    assert_true(sign_public_equal(&card->key, world_public(AGENT_A)));
    assert_int_equal(card->curve[0], 40);
    assert_int_equal(card->cluster_count, 3);
    assert_true(card_speaks_for(card, 3));
    assert_true(card_speaks_for(card, UINT64_MAX));
    assert_false(card_speaks_for(card, 4));
    assert_int_equal(card->serial, 1);
    assert_true(digest_equal(&card->digest, &document->id));
    card_t any = {.cluster_count = 0};
    assert_true(card_speaks_for(&any, 4));
}

/* Cards outlive the administrators' keys that signed them, unless those were revoked. */
static void test_card_of_retired_administrator(void **state) {
    (void)state;
    error_t err;
    world.keys[ADMIN_B].standing = TRUST_RETIRED;
    world.keys[ADMIN_B].until_us = NOW_US - TRUST_DAY_US;
    world.thresholds[3].count = 1;
    SIGN_BY(&world.admins, ADMIN_B);
    CLEANUP(document_destroy_p) document_t *document = NULL;
    CLEANUP(card_destroy_p) card_t *card = NULL;
    assert_int_equal(world_pin(&world, &err), STATUS_OK);
    assert_int_equal(world_write_card(&world, 0, &document, &err), STATUS_OK);
    trust_view_t view = world_view(&world);
    assert_int_equal(card_verify(&view, document, &card, &err), STATUS_OK);
    card_destroy(&card);
    assert_int_equal(revoked_add(&world.revoked, world_public(ADMIN_B), &err), STATUS_OK);
    view = world_view(&world);
    assert_int_equal(card_verify(&view, document, &card, &err), STATUS_ERROR);
    assert_int_equal(err.code, ERROR_TRUST_THRESHOLD);
}

static void test_revocation(void **state) {
    (void)state;
    error_t err;
    revocation_t revocation = {.fleet = world.plan.fleet,
                               .key = *world_public(OP_A),
                               .at_us = NOW_US,
                               .reason = "laptop stolen in a train"};
    CLEANUP(document_destroy_p) document_t *document = NULL;
    assert_int_equal(world_pin(&world, &err), STATUS_OK);
    assert_int_equal(revocation_write(&revocation, &document, &err), STATUS_OK);
    assert_int_equal(world_sign(document, &world.admins, &err), STATUS_OK);
    trust_view_t view = world_view(&world);
    revocation_t back;
    assert_int_equal(revocation_verify(&view, document, &back, &err), STATUS_OK);
    assert_string_equal(back.reason, "laptop stolen in a train");
    assert_int_equal(back.at_us, NOW_US);
    assert_int_equal(world_verify(&world, &err), STATUS_OK);
    assert_int_equal(revoked_add(&world.revoked, &back.key, &err), STATUS_OK);
    assert_int_equal(world_verify(&world, &err), STATUS_ERROR);
    assert_int_equal(err.code, ERROR_TRUST_THRESHOLD);
}

static void test_all_well(void **state) {
    (void)state;
    ticket_verdict_t verdict = opened();
    assert_false(verdict.approved);
    assert_int_equal(verdict.tenants, WAVE_0);
    assert_int_equal(verdict.failures, 0);
    assert_int_equal(verdict.budget, 0);
}

static void test_within_budget(void **state) {
    (void)state;
    world.waves[0].budget_percent_bp = 3400; /* one of three */
    world.parts.statement_count = 1;         /* agent 2 was never heard of */
    ticket_verdict_t verdict = opened();
    assert_int_equal(verdict.failures, 1);
    assert_int_equal(verdict.budget, 1);
}

/* An agent may say in several results what it saw; tenants of other waves in them change nothing.
 */
static void test_several_results(void **state) {
    (void)state;
    error_t err;
    assert_int_equal(world_verify(&world, &err), STATUS_OK);
    result_entry_t entry = {world.leaves[1].tenant, RESULT_DONE};
    result_entry_t foreign = {world.leaves[WAVE_0].tenant, RESULT_FAILED};
    world.results[0].entry_count = 1;
    assert_int_equal(world_write_ticket(&world, &err), STATUS_OK);
    CLEANUP(document_destroy_p) document_t *more = NULL;
    result_entry_t both[2] = {entry, foreign};
    result_t second = world.results[0];
    second.entries = both;
    second.entry_count = 2;
    assert_int_equal(result_write(&second, &more, &err), STATUS_OK);
    assert_int_equal(document_sign(more, world_secret(AGENT_A), &err), STATUS_OK);
    world.statements[2] = world.statements[1];
    world.statements[1] = (ticket_statement_t){world.card_documents[0], more};
    world.parts.statement_count = 3;
    buffer_clear(&world.ticket);
    assert_int_equal(ticket_encode(&world.parts, &world.ticket, &err), STATUS_OK);
    assert_int_equal(verdict_of().failures, 0);
}

static void test_soaked(void **state) {
    (void)state;
    world.waves[0].soak_us = 15 * TRUST_MINUTE_US; /* ten have passed, five are skew */
    (void)opened();
}

static void test_approved(void **state) {
    (void)state;
    error_t err;
    world.waves[1].needs_approval = true;
    world.waves[0].soak_us = TRUST_DAY_US;
    assert_int_equal(world_approve_wave(&world, &err), STATUS_OK);
    assert_true(verdict_of().approved);
}

static void test_approved_by_another(void **state) {
    (void)state;
    error_t err;
    world.thresholds[2].proposer_counts = false;
    assert_int_equal(world_approve_wave(&world, &err), STATUS_OK);
}

/* Neither both nor nothing; no wave that has none before it; no later wave than there is. */
static void test_shapes(void **state) {
    (void)state;
    error_t err;
    (void)opened();
    ticket_verdict_t verdict;
    ticket_claim_t none = {.wave = 1, .bytes = "", .size = 0};
    assert_int_equal(ticket_verify(&world.authority, &none, &verdict, &err), STATUS_ERROR);
    assert_int_equal(err.code, ERROR_TICKET_INVALID);
    for (uint32_t wave = 0; wave < 5; wave++) {
        world.parts.wave = wave;
        buffer_clear(&world.ticket);
        assert_int_equal(ticket_encode(&world.parts, &world.ticket, &err), STATUS_OK);
        ticket_claim_t claim = {wave, world.ticket.data, world.ticket.size};
        assert_int_equal(ticket_verify(&world.authority, &claim, &verdict, &err),
                         wave == 1 ? STATUS_OK : STATUS_ERROR);
    }
    digest_t digest = ticket_digest(world.ticket.data, world.ticket.size);
    assert_false(digest_is_null(&digest));
}

static void test_result(void **state) {
    (void)state;
    error_t err;
    memset(world.results[0].order.bytes, 2, DIGEST_BYTES);
    CLEANUP(document_destroy_p) document_t *document = NULL;
    CLEANUP(result_destroy_p) result_t *result = NULL;
    assert_int_equal(result_write(&world.results[0], &document, &err), STATUS_OK);
    assert_int_equal(result_read(document, &result, &err), STATUS_OK);
    assert_int_equal(result->entry_count, 2);
    assert_int_equal(result->entries[1].outcome, RESULT_NOT_NEEDED);
    assert_true(ident_equal(&result->entries[1].tenant, &world.leaves[1].tenant));
    document_destroy(&document);
    world.entries[0][0].outcome = (result_outcome_t)0;
    assert_int_equal(result_write(&world.results[0], &document, &err), STATUS_ERROR);
    assert_int_equal(err.code, ERROR_TICKET_INVALID);
}

int main(void) {
    world_keys();
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_card),     TEST(test_card_of_retired_administrator),
        TEST(test_all_well), TEST(test_within_budget),
        TEST(test_soaked),   TEST(test_several_results),
        TEST(test_approved), TEST(test_approved_by_another),
        TEST(test_shapes),   TEST(test_revocation),
        TEST(test_result),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
