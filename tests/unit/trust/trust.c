/* Trust files that are as they should be: read back whole, followed, judged by date and person. */
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

static void pin(void) {
    error_t err;
    assert_int_equal(world_pin(&world, &err), STATUS_OK);
}

static void assert_key(const trust_key_t *found, const trust_key_t *wanted) {
    assert_memory_equal(found->key.bytes, wanted->key.bytes, SIGN_PUBLIC_BYTES);
    assert_memory_equal(found->curve, wanted->curve, sizeof found->curve);
    assert_int_equal(found->use, wanted->use);
    assert_int_equal(found->standing, wanted->standing);
    assert_string_equal(found->name, wanted->name);
    assert_string_equal(found->reason, wanted->reason);
    assert_int_equal(found->from_us, wanted->from_us);
    assert_int_equal(found->until_us, wanted->until_us);
    assert_int_equal(found->grant_count, wanted->grant_count);
    for (size_t i = 0; i < found->grant_count; i++) {
        assert_int_equal(found->grants[i].role, wanted->grants[i].role);
        assert_string_equal(found->grants[i].application, wanted->grants[i].application);
        assert_string_equal(found->grants[i].environment, wanted->grants[i].environment);
        assert_string_equal(found->grants[i].selector, wanted->grants[i].selector);
        assert_int_equal(found->grants[i].parsed != NULL, found->grants[i].selector[0] != '\0');
    }
}

static void test_read_back(void **state) {
    (void)state;
    world.keys[OP_REVOKED].reason = "laptop stolen";
    memset(world.revoked_agents[0].bytes, 8, SIGN_PUBLIC_BYTES);
    memset(world.revoked_agents[1].bytes, 9, SIGN_PUBLIC_BYTES);
    world.plan.revoked_agent_count = 2;
    pin();
    const trust_t *trust = world.trust;
    assert_true(ident_equal(&trust->fleet, &world.plan.fleet));
    assert_int_equal(trust->version, 4);
    assert_int_equal(trust->issued_us, world.plan.issued_us);
    assert_int_equal(trust->expires_us, world.plan.expires_us);
    assert_int_equal(trust->root_threshold, 2);
    assert_int_equal(trust->undo_grace_us, world.plan.undo_grace_us);
    assert_int_equal(trust->key_count, KEYS_NAMED);
    for (size_t i = 0; i < trust->key_count; i++) {
        assert_key(&trust->keys[i], &world.keys[i]);
    }
    assert_int_equal(trust->threshold_count, world.plan.threshold_count);
    for (size_t i = 0; i < trust->threshold_count; i++) {
        assert_int_equal(trust->thresholds[i].role, world.thresholds[i].role);
        assert_int_equal(trust->thresholds[i].count, world.thresholds[i].count);
        assert_string_equal(trust->thresholds[i].application, world.thresholds[i].application);
        assert_int_equal(trust->thresholds[i].proposer_counts, world.thresholds[i].proposer_counts);
    }
    assert_int_equal(trust->revoked_agent_count, 2);
    assert_int_equal(trust->revoked_agents[1].bytes[0], 9);
}

static void refuse_plan(error_code_t code) {
    error_t err;
    document_t *document = NULL;
    assert_int_equal(trust_write(&world.plan, &document, &err), STATUS_ERROR);
    assert_int_equal(err.code, code);
    assert_null(document);
}

static void test_refused_plans(void **state) {
    (void)state;
    world.grants[OP_A][0].selector = "tier=";
    refuse_plan(ERROR_TRUST_RULES);
    world.grants[OP_A][0].selector = "";
    world.grants[OP_A][0].role = (trust_role_t)99;
    refuse_plan(ERROR_TRUST_DOCUMENT);
    world.grants[OP_A][0].role = ROLE_OPERATOR;
    world.keys[OP_A].name = "";
    refuse_plan(ERROR_TRUST_DOCUMENT);
    world.keys[OP_A].name = "first";
    memset(&world.plan.fleet, 0, sizeof world.plan.fleet);
    refuse_plan(ERROR_TRUST_RULES);
}

/* 4 → 5 → 6: roots change hands in between, each step signed by both sides. */
static void test_chain(void **state) {
    (void)state;
    error_t err;
    pin();
    trust_t *current = world.trust;
    for (int64_t version = 5; version <= 6; version++) {
        world.plan.version = version;
        if (version == 5) {
            world.keys[ROOT_A2].key = *world_public(ROOT_NEW);
            world.keys[ROOT_A2].name = "new";
            world.keys[ROOT_B].standing = TRUST_RETIRED;
            world.keys[ROOT_B].until_us = NOW_US - TRUST_DAY_US;
            SIGN_BY(&world.roots, ROOT_A, ROOT_B, ROOT_NEW);
        } else {
            SIGN_BY(&world.roots, ROOT_C, ROOT_NEW);
        }
        CLEANUP(document_destroy_p) document_t *next = NULL;
        assert_int_equal(world_write_trust(&world, &next, &err), STATUS_OK);
        trust_step_t step = {.current = current, .next = next, .now_us = world.now_us};
        trust_t *followed = NULL;
        assert_int_equal(trust_follow(&step, &followed, &err), STATUS_OK);
        assert_int_equal(followed->version, version);
        trust_seen_t seen = {.version = version - 1, .digest = current->digest};
        assert_int_equal(trust_check_seen(followed, &seen, &err), STATUS_OK);
        seen = (trust_seen_t){.version = version, .digest = followed->digest};
        assert_int_equal(trust_check_seen(followed, &seen, &err), STATUS_OK);
        assert_int_equal(trust_check_seen(current, &seen, &err), STATUS_ERROR);
        assert_int_equal(err.code, ERROR_TRUST_ROLLBACK);
        trust_destroy(&current);
        current = followed;
    }
    world.trust = NULL;
    trust_destroy(&current);
}

/* Keys that sign beside the needed ones do no harm, known or not. */
static void test_more_signatures(void **state) {
    (void)state;
    SIGN_BY(&world.roots, ROOT_A, STRANGER, ROOT_C, OP_A);
    pin();
    assert_int_equal(world.trust->version, 4);
}

static void test_freshness(void **state) {
    (void)state;
    pin();
    trust_view_t view = world_view(&world);
    int64_t end = world.trust->expires_us;
    view.now_us = end - TRUST_WARNING_US - 1;
    assert_int_equal(trust_freshness(&view), TRUST_FRESH);
    view.now_us = end - TRUST_WARNING_US;
    assert_int_equal(trust_freshness(&view), TRUST_WARNING);
    view.now_us = end + TRUST_SKEW_US;
    assert_int_equal(trust_freshness(&view), TRUST_WARNING);
    view.now_us = end + TRUST_SKEW_US + 1;
    assert_int_equal(trust_freshness(&view), TRUST_EXPIRED);
}

static trust_standing_t standing(which_t which, int64_t at_us) {
    bool known = false;
    const trust_key_t *key = trust_find(world.trust, world_public(which));
    assert_non_null(key);
    trust_standing_t found = trust_standing_at(key, at_us, &known);
    assert_int_equal(known, at_us >= key->from_us);
    return found;
}

static void test_persons_by_date(void **state) {
    (void)state;
    pin();
    int64_t before = NOW_US - 20 * TRUST_DAY_US;
    assert_int_equal(standing(OP_A, NOW_US), TRUST_ACTIVE);
    assert_int_equal(standing(OP_RETIRED, before), TRUST_ACTIVE);
    assert_int_equal(standing(OP_RETIRED, NOW_US), TRUST_RETIRED);
    assert_int_equal(standing(OP_REVOKED, before), TRUST_ACTIVE);
    assert_int_equal(standing(OP_REVOKED, NOW_US - 10 * TRUST_DAY_US), TRUST_REVOKED);
    (void)standing(OP_LATER, NOW_US);
    assert_null(trust_find(world.trust, world_public(STRANGER)));
    assert_string_equal(trust_find(world.trust, world_public(ROOT_B))->name, "second");
}

static void test_transport_and_coordinators(void **state) {
    (void)state;
    error_t err;
    pin();
    trust_view_t view = world_view(&world);
    uint8_t curve[32] = {7};
    const trust_key_t *found = trust_find_curve(&view, curve);
    assert_non_null(found);
    assert_string_equal(found->name, "host-1");
    curve[1] = 1;
    assert_null(trust_find_curve(&view, curve));
    assert_null(trust_find_curve(&view, (const uint8_t[32]){0}));
    assert_int_equal(trust_coordinator(&view, world_public(COORDINATOR), &err), STATUS_OK);
    assert_int_equal(trust_coordinator(&view, world_public(STRANGER), &err), STATUS_ERROR);
    assert_int_equal(err.code, ERROR_TRUST_KEY);
    assert_int_equal(revoked_add(&world.revoked, world_public(COORDINATOR), &err), STATUS_OK);
    view = world_view(&world);
    curve[1] = 0;
    assert_null(trust_find_curve(&view, curve));
    revoked_free(&world.revoked);
    view = world_view(&world);
    assert_non_null(trust_find_curve(&view, curve));
    view.now_us = NOW_US - 301 * TRUST_DAY_US; /* before the key begins */
    assert_null(trust_find_curve(&view, curve));
}

static void test_words(void **state) {
    (void)state;
    error_t err;
    for (int use = TRUST_ROOT; use < TRUST_USE_END; use++) {
        trust_use_t back = TRUST_USE_END;
        assert_int_equal(trust_use_parse(trust_use_text((trust_use_t)use), &back, &err), STATUS_OK);
        assert_int_equal(back, use);
    }
    for (int role = ROLE_VIEWER; role < ROLE_END; role++) {
        trust_role_t back = ROLE_END;
        assert_int_equal(trust_role_parse(trust_role_text((trust_role_t)role), &back, &err),
                         STATUS_OK);
        assert_int_equal(back, role);
    }
    trust_use_t use;
    trust_role_t role;
    assert_int_equal(trust_use_parse("agent", &use, &err), STATUS_ERROR);
    assert_int_equal(trust_role_parse("king", &role, &err), STATUS_ERROR);
    assert_string_equal(trust_standing_text(TRUST_RETIRED), "retired");
}

/* The set stays sorted and each key in it once, in whatever sequence they come. */
static void test_revoked_set(void **state) {
    (void)state;
    error_t err;
    CLEANUP(revoked_free) revoked_t revoked = {0};
    for (int round = 0; round < 2; round++) {
        for (int i = KEYS - 1; i >= 0; i--) {
            assert_int_equal(revoked_add(&revoked, world_public((which_t)i), &err), STATUS_OK);
        }
    }
    assert_int_equal(revoked.count, KEYS);
    for (int i = 0; i < KEYS; i++) {
        assert_true(revoked_has(&revoked, world_public((which_t)i)));
        assert_true(i == 0 || memcmp(revoked.keys[i - 1].bytes, revoked.keys[i].bytes, 32) < 0);
    }
    sign_public_t none = {{0}};
    assert_false(revoked_has(&revoked, &none));
}

int main(void) {
    world_keys();
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_read_back),   TEST(test_refused_plans),
        TEST(test_chain),       TEST(test_more_signatures),
        TEST(test_freshness),   TEST(test_persons_by_date),
        TEST(test_words),       TEST(test_transport_and_coordinators),
        TEST(test_revoked_set),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
