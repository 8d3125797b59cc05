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

/* A tenant that nobody speaks of, where the order lets that pass. */
static void test_silence(void **state) {
    (void)state;
    world.waves[0].silence_passes = true;
    world.parts.statement_count = 1; /* agent 2 was never heard of */
    ticket_verdict_t verdict = opened();
    assert_int_equal(verdict.failures, 0);
    assert_int_equal(verdict.tenants, WAVE_0);
}

/* Of the ticket as it comes, with tenant 1 failed, and then what else is said of it. */
static uint32_t failures_after(const saying_t *sayings, size_t count) {
    error_t err;
    error_clear(&err);
    world.waves[0].budget_count = WAVE_0; /* opens whatever is said, so that the count is seen */
    world.entries[0][1].outcome = RESULT_FAILED;
    assert_int_equal(world_verify(&world, &err), STATUS_OK);
    assert_int_equal(world_write_ticket(&world, &err), STATUS_OK);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(world_say(&world, &sayings[i], &err), STATUS_OK);
    }
    return verdict_of().failures;
}

#define SAID_AT (NOW_US - 10 * TRUST_MINUTE_US) /* of the results that there are */
#define SAY(agent, outcome, after_us)                                                              \
    { (agent), {world.leaves[1].tenant, (outcome)}, SAID_AT + (after_us) }

/* An agent that tried again takes back what it said before. */
static void test_tried_again(void **state) {
    (void)state;
    const saying_t well[] = {SAY(0, RESULT_DONE, 1)};
    assert_int_equal(failures_after(well, 1), 0);
    world_close(&world);
    world_open(&world);
    const saying_t again[] = {SAY(0, RESULT_DONE, 1), SAY(0, RESULT_FAILED, 2)};
    assert_int_equal(failures_after(again, 2), 1);
    world_close(&world);
    world_open(&world);
    /* handed in in another sequence than they were said in, between another agent's */
    const saying_t mixed[] = {SAY(0, RESULT_NOT_NEEDED, 9), SAY(1, RESULT_DONE, 5),
                              SAY(0, RESULT_FAILED, 3)};
    assert_int_equal(failures_after(mixed, 3), 0);
}

/* Another agent's failure stays, before and after; so does what was said at one moment. */
static void test_disagreement(void **state) {
    (void)state;
    const saying_t later[] = {SAY(0, RESULT_DONE, 1), SAY(1, RESULT_FAILED, 5)};
    assert_int_equal(failures_after(later, 2), 1);
    world_close(&world);
    world_open(&world);
    const saying_t before[] = {SAY(0, RESULT_DONE, 1), SAY(1, RESULT_FAILED, -5)};
    assert_int_equal(failures_after(before, 2), 1);
    world_close(&world);
    world_open(&world);
    const saying_t once[] = {SAY(0, RESULT_DONE, 0)};
    assert_int_equal(failures_after(once, 1), 1);
    world_close(&world);
    world_open(&world);
    /* the other one takes its failure back */
    const saying_t agreed[] = {SAY(0, RESULT_DONE, 1), SAY(1, RESULT_FAILED, 5),
                               SAY(1, RESULT_NOT_NEEDED, 6)};
    assert_int_equal(failures_after(agreed, 3), 0);
}

/* A newer card of the same agent does not make another agent of it. */
static void test_tried_again_under_a_new_card(void **state) {
    (void)state;
    error_t err;
    const saying_t well = SAY(0, RESULT_DONE, 1);
    (void)failures_after(NULL, 0);
    CLEANUP(document_destroy_p) document_t *card = NULL;
    world.cards[0].serial = 2;
    assert_int_equal(world_write_card(&world, 0, &card, &err), STATUS_OK);
    document_t *old = world.card_documents[0];
    world.card_documents[0] = card;
    assert_int_equal(world_say(&world, &well, &err), STATUS_OK);
    world.card_documents[0] = old;
    assert_int_equal(verdict_of().failures, 0);
}

/* The soak begins anew with a later statement. */
static void test_soaks_since_the_newest(void **state) {
    (void)state;
    error_t err;
    world.waves[0].soak_us = 12 * TRUST_MINUTE_US;
    const saying_t again = SAY(0, RESULT_DONE, 4 * TRUST_MINUTE_US);
    (void)failures_after(NULL, 0);
    assert_int_equal(world_say(&world, &again, &err), STATUS_OK);
    assert_int_equal(world_verify_ticket(&world, &err), STATUS_ERROR);
    assert_int_equal(err.code, ERROR_TICKET_EARLY);
    world.now_us += TRUST_MINUTE_US;
    assert_int_equal(world_verify(&world, &err), STATUS_OK);
    assert_int_equal(world_verify_ticket(&world, &err), STATUS_OK);
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
        TEST(test_card),
        TEST(test_card_of_retired_administrator),
        TEST(test_all_well),
        TEST(test_within_budget),
        TEST(test_soaked),
        TEST(test_several_results),
        TEST(test_approved),
        TEST(test_approved_by_another),
        TEST(test_shapes),
        TEST(test_revocation),
        TEST(test_result),
        TEST(test_silence),
        TEST(test_tried_again),
        TEST(test_disagreement),
        TEST(test_tried_again_under_a_new_card),
        TEST(test_soaks_since_the_newest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
