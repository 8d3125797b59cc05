/* What one key may do by itself, and the administrators' threshold. */
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

static unsigned bit(trust_role_t role) {
    return 1U << role;
}

static unsigned grants(which_t which, const char *application, const char *environment) {
    error_t err;
    assert_int_equal(world_pin(&world, &err), STATUS_OK);
    trust_view_t view = world_view(&world);
    tally_scope_t scope = {.application = application, .environment = environment};
    return tally_grants(&view, world_public(which), &scope);
}

static void test_scopes(void **state) {
    (void)state;
    /* a grant for all fits every question */
    assert_int_equal(grants(OP_A, "", ""), bit(ROLE_OPERATOR));
    assert_int_equal(grants(OP_A, "app", "prod"), bit(ROLE_OPERATOR));
    assert_int_equal(grants(OP_A, "shop", "test"), bit(ROLE_OPERATOR));
    /* one for application "app" in environment "prod" fits what is asked of it, or not asked */
    assert_int_equal(grants(OP_B, "", ""), bit(ROLE_OPERATOR));
    assert_int_equal(grants(OP_B, "app", ""), bit(ROLE_OPERATOR));
    assert_int_equal(grants(OP_B, "", "prod"), bit(ROLE_OPERATOR));
    assert_int_equal(grants(OP_B, "app", "prod"), bit(ROLE_OPERATOR));
    assert_int_equal(grants(OP_B, "shop", "prod"), 0);
    assert_int_equal(grants(OP_B, "app", "test"), 0);
    assert_int_equal(grants(OP_B, "ap", ""), 0);
    /* selectors are not looked at */
    assert_int_equal(grants(OP_SILVER, "app", "prod"), bit(ROLE_OPERATOR));
}

static void test_several_grants(void **state) {
    (void)state;
    world.grants[OP_B][1] = (trust_grant_t){ROLE_APPROVER, "shop", "", "", NULL};
    world.grants[OP_B][2] = (trust_grant_t){ROLE_VIEWER, "", "", "", NULL};
    world.keys[OP_B].grant_count = 3;
    unsigned every = bit(ROLE_OPERATOR) | bit(ROLE_APPROVER) | bit(ROLE_VIEWER);
    assert_int_equal(grants(OP_B, "", ""), every);
    assert_int_equal(grants(OP_B, "app", ""), bit(ROLE_OPERATOR) | bit(ROLE_VIEWER));
    assert_int_equal(grants(OP_B, "shop", "prod"), bit(ROLE_APPROVER) | bit(ROLE_VIEWER));
    assert_int_equal(grants(OP_B, "else", "where"), bit(ROLE_VIEWER));
}

/* No grants, or a key that does not count: nothing, whatever is asked. */
static void test_nothing(void **state) {
    (void)state;
    const which_t keys[] = {ROOT_A,     COORDINATOR, STRANGER, AGENT_A,
                            OP_RETIRED, OP_REVOKED,  OP_LATER, RELEASE_RETIRED};
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        assert_int_equal(grants(keys[i], "", ""), 0);
    }
    assert_int_equal(grants(RELEASE_A, "", ""), bit(ROLE_RELEASE));
    assert_int_equal(grants(ADMIN_A, "", ""), bit(ROLE_ADMIN));
    error_t err;
    assert_int_equal(revoked_add(&world.revoked, world_public(ADMIN_A), &err), STATUS_OK);
    assert_int_equal(grants(ADMIN_A, "", ""), 0);
}

/* A key that begins tomorrow has its roles then; an expired trust file's keys keep them. */
static void test_in_time(void **state) {
    (void)state;
    world.now_us = NOW_US + TRUST_DAY_US;
    assert_int_equal(grants(OP_LATER, "", ""), bit(ROLE_OPERATOR));
    world.now_us = NOW_US + 400 * TRUST_DAY_US;
    trust_view_t view = world_view(&world);
    assert_int_equal(trust_freshness(&view), TRUST_EXPIRED);
    assert_int_equal(grants(OP_A, "", ""), bit(ROLE_OPERATOR));
}

static void test_admins(void **state) {
    (void)state;
    error_t err;
    CLEANUP(document_destroy_p) document_t *document = NULL;
    assert_int_equal(world_pin(&world, &err), STATUS_OK);
    trust_view_t view = world_view(&world);
    SIGN_BY(&world.admins, ADMIN_A);
    assert_int_equal(world_write_card(&world, 0, &document, &err), STATUS_OK);
    assert_int_equal(tally_admins(&view, document, NOW_US, &err), STATUS_ERROR);
    assert_int_equal(err.code, ERROR_TRUST_THRESHOLD);
    assert_int_equal(document_sign(document, world_secret(OP_A), &err), STATUS_OK);
    assert_int_equal(tally_admins(&view, document, NOW_US, &err), STATUS_ERROR);
    assert_int_equal(document_sign(document, world_secret(ADMIN_B), &err), STATUS_OK);
    assert_int_equal(tally_admins(&view, document, NOW_US, &err), STATUS_OK);
}

/* Who counts is told when it is not enough, too, and is what the verdict is made of. */
static void test_count(void **state) {
    (void)state;
    error_t err;
    assert_int_equal(world_pin(&world, &err), STATUS_OK);
    trust_view_t view = world_view(&world);
    sign_public_t signers[3] = {*world_public(OP_A), *world_public(OP_A2), *world_public(OP_LATER)};
    tally_question_t question = {
        .role = ROLE_OPERATOR,
        .application = "app",
        .environment = "prod",
        .signers = signers,
        .signer_count = 3,
        .proposer = world_public(OP_B),
        .signed_us = TALLY_ACTIVE_ONLY,
    };
    tally_t tally = tally_count(&view, &question);
    assert_int_equal(tally.needed, 2);
    assert_int_equal(tally.count, 1);
    assert_false(tally.proposer_signed);
    assert_string_equal(tally.counted[0]->name, "first");
    signers[2] = *world_public(OP_B);
    tally = tally_count(&view, &question);
    assert_int_equal(tally.count, 2);
    assert_true(tally.proposer_signed);
    tally_t reached;
    assert_int_equal(tally_reach(&view, &question, &reached, &err), STATUS_OK);
    assert_int_equal(reached.count, tally.count);
    world.thresholds[0].application = "shop"; /* and so none fits */
    trust_destroy(&world.trust);
    assert_int_equal(world_pin(&world, &err), STATUS_OK);
    view = world_view(&world);
    assert_int_equal(tally_count(&view, &question).needed, 0);
}

/* A draft is known to nobody. */
static void test_unsigned_is_unknown(void **state) {
    (void)state;
    error_t err;
    CLEANUP(document_destroy_p) document_t *document = NULL;
    assert_int_equal(world_pin(&world, &err), STATUS_OK);
    trust_view_t view = world_view(&world);
    assert_int_equal(card_write(&world.cards[0], &document, &err), STATUS_OK);
    assert_int_equal(tally_knows(&view, document, &err), STATUS_ERROR);
    assert_int_equal(err.code, ERROR_TRUST_THRESHOLD);
    assert_non_null(strstr(err.message, "nobody"));
}

int main(void) {
    world_keys();
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_scopes), TEST(test_several_grants),      TEST(test_nothing), TEST(test_in_time),
        TEST(test_admins), TEST(test_unsigned_is_unknown), TEST(test_count),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
