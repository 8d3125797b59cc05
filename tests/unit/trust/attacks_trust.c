/* Attacks on trust files: ones that contradict themselves, and ones that do not follow. */
#include "tests/unit/trust/attack.h"

/* A trust file that is signed as it should be, but says what none may say. */
static status_t pin(world_t *world, error_t *err) {
    world->arm_trust = true;
    return world_pin(world, err);
}

static status_t lasts_for_ever(world_t *world, error_t *err) {
    world->plan.expires_us = world->plan.issued_us + 10 * 365 * TRUST_DAY_US;
    return pin(world, err);
}

static status_t endless_grace(world_t *world, error_t *err) {
    world->plan.undo_grace_us = 300 * TRUST_DAY_US;
    return pin(world, err);
}

static status_t ends_before(world_t *world, error_t *err) {
    world->plan.expires_us = world->plan.issued_us - 1;
    return pin(world, err);
}

/* The revoked key stands there again, active. */
static status_t key_in_two_rows(world_t *world, error_t *err) {
    world->keys[KEYS_NAMED] = world->keys[OP_REVOKED];
    world->keys[KEYS_NAMED].standing = TRUST_ACTIVE;
    world->keys[KEYS_NAMED].until_us = 0;
    world->plan.key_count++;
    return pin(world, err);
}

static status_t shared_curve(world_t *world, error_t *err) {
    world->keys[OP_A].curve[0] = 7; /* the coordinator's */
    return pin(world, err);
}

static status_t name_with_newline(world_t *world, error_t *err) {
    world->keys[OP_A].name = "first\nsecond";
    return pin(world, err);
}

static status_t turned_reason(world_t *world, error_t *err) {
    world->keys[OP_REVOKED].reason = "stolen \xe2\x80\xae nelots ton";
    return pin(world, err);
}

static status_t path_as_application(world_t *world, error_t *err) {
    world->grants[OP_A][0].application = "../app";
    return pin(world, err);
}

static status_t blank_environment(world_t *world, error_t *err) {
    world->thresholds[0].environment = "prod ";
    return pin(world, err);
}

static status_t active_with_end(world_t *world, error_t *err) {
    world->keys[OP_A].until_us = NOW_US - 1;
    return pin(world, err);
}

static status_t retired_without_end(world_t *world, error_t *err) {
    world->keys[OP_RETIRED].until_us = 0;
    return pin(world, err);
}

static status_t grant(world_t *world, which_t key, trust_role_t role, error_t *err) {
    world->grants[key][0] = (trust_grant_t){role, "", "", "", NULL};
    world->keys[key].grant_count = 1;
    return pin(world, err);
}

static status_t root_as_operator(world_t *world, error_t *err) {
    return grant(world, ROOT_A, ROLE_OPERATOR, err);
}

static status_t coordinator_as_operator(world_t *world, error_t *err) {
    return grant(world, COORDINATOR, ROLE_OPERATOR, err);
}

static status_t operator_releases(world_t *world, error_t *err) {
    return grant(world, OP_C, ROLE_RELEASE, err);
}

static status_t release_operates(world_t *world, error_t *err) {
    return grant(world, RELEASE_OTHER, ROLE_OPERATOR, err);
}

static status_t release_by_selector(world_t *world, error_t *err) {
    world->grants[RELEASE_OTHER][0].selector = "tier=gold";
    return pin(world, err);
}

static status_t threshold_of_nobody(world_t *world, error_t *err) {
    world->thresholds[0].count = 0;
    return pin(world, err);
}

static status_t no_root_threshold(world_t *world, error_t *err) {
    world->plan.root_threshold = 0;
    return pin(world, err);
}

static status_t too_few_operators(world_t *world, error_t *err) {
    world->thresholds[0].count = 9; /* seven persons have active keys */
    return pin(world, err);
}

static status_t agents_unsorted(world_t *world, error_t *err) {
    memset(world->revoked_agents[0].bytes, 9, SIGN_PUBLIC_BYTES);
    memset(world->revoked_agents[1].bytes, 8, SIGN_PUBLIC_BYTES);
    world->plan.revoked_agent_count = 2;
    return pin(world, err);
}

/* --- the chain ------------------------------------------------------------------------------- */

/* Pin version 4, then follow with the plan as it is by then. */
static status_t follow(world_t *world, void (*change)(world_t *), error_t *err) {
    TRY(world_pin(world, err));
    world->plan.version = 5;
    world->plan.issued_us = NOW_US - TRUST_DAY_US;
    change(world);
    CLEANUP(document_destroy_p) document_t *next = NULL;
    TRY(world_write_trust(world, &next, err));
    trust_step_t step = {.current = world->trust, .next = next, .now_us = world->now_us};
    trust_t *followed = NULL;
    status_t status = trust_follow(&step, &followed, err);
    trust_destroy(&followed);
    return status;
}

static void change_fleet(world_t *world) {
    world->plan.fleet.bytes[0] ^= 1;
}

static status_t other_fleet(world_t *world, error_t *err) {
    return follow(world, change_fleet, err);
}

static void jump(world_t *world) {
    world->plan.version = 6;
}

static status_t jumped(world_t *world, error_t *err) {
    return follow(world, jump, err);
}

static void run_ahead(world_t *world) {
    world->plan.version = INT64_MAX;
}

static status_t fast_forward(world_t *world, error_t *err) {
    return follow(world, run_ahead, err);
}

static void stay(world_t *world) {
    world->plan.version = 4;
}

static status_t repeated(world_t *world, error_t *err) {
    return follow(world, stay, err);
}

static void back_date(world_t *world) {
    world->plan.issued_us = NOW_US - 31 * TRUST_DAY_US;
}

static status_t issued_before(world_t *world, error_t *err) {
    return follow(world, back_date, err);
}

static void date_ahead(world_t *world) {
    world->plan.issued_us = NOW_US + TRUST_DAY_US;
    world->plan.expires_us = NOW_US + 300 * TRUST_DAY_US;
}

static status_t issued_ahead(world_t *world, error_t *err) {
    return follow(world, date_ahead, err);
}

/* The next file names a new root key, which did not sign; the old ones did. */
static void new_roots_silent(world_t *world) {
    world->keys[ROOT_A].standing = TRUST_REVOKED;
    world->keys[ROOT_A].until_us = NOW_US;
    world->keys[ROOT_A2].standing = TRUST_REVOKED;
    world->keys[ROOT_A2].until_us = NOW_US;
}

static status_t new_roots_did_not_sign(world_t *world, error_t *err) {
    return follow(world, new_roots_silent, err);
}

/* Attackers who hold no root key make a file with roots of their own. */
static void take_over(world_t *world) {
    world->keys[ROOT_A].key = *world_public(ROOT_NEW);
    world->plan.root_threshold = 1;
    SIGN_BY(&world->roots, ROOT_NEW);
}

static status_t usurped(world_t *world, error_t *err) {
    return follow(world, take_over, err);
}

static void one_old_root(world_t *world) {
    world->plan.root_threshold = 1;
    SIGN_BY(&world->roots, ROOT_A);
}

static status_t threshold_lowered_by_one(world_t *world, error_t *err) {
    return follow(world, one_old_root, err);
}

/* The signatures of version 4 under version 5. */
static status_t mixed(world_t *world, error_t *err) {
    CLEANUP(document_destroy_p) document_t *old = NULL;
    CLEANUP(document_destroy_p) document_t *next = NULL;
    TRY(world_pin(world, err));
    TRY(world_write_trust(world, &old, err));
    world->plan.version = 5;
    TRY(world_write_trust(world, &next, err));
    memcpy(next->signatures, old->signatures, sizeof next->signatures);
    TRY(world_travel(&next, err));
    trust_step_t step = {.current = world->trust, .next = next, .now_us = world->now_us};
    trust_t *followed = NULL;
    status_t status = trust_follow(&step, &followed, err);
    trust_destroy(&followed);
    return status;
}

static status_t rolled_back(world_t *world, error_t *err) {
    TRY(world_pin(world, err));
    trust_seen_t seen = {.version = 5};
    return trust_check_seen(world->trust, &seen, err);
}

static status_t forked(world_t *world, error_t *err) {
    TRY(world_pin(world, err));
    trust_seen_t seen = {.version = 4, .digest = world->trust->digest};
    seen.digest.bytes[0] ^= 1;
    return trust_check_seen(world->trust, &seen, err);
}

static status_t pin_by_one(world_t *world, error_t *err) {
    SIGN_BY(&world->roots, ROOT_B);
    return pin(world, err);
}

static status_t pin_by_operator(world_t *world, error_t *err) {
    SIGN_BY(&world->roots, ROOT_A, OP_B);
    return pin(world, err);
}

static status_t pin_by_coordinator(world_t *world, error_t *err) {
    SIGN_BY(&world->roots, ROOT_A, COORDINATOR);
    return pin(world, err);
}

static status_t pin_by_retired(world_t *world, error_t *err) {
    SIGN_BY(&world->roots, ROOT_A, ROOT_RETIRED);
    return pin(world, err);
}

static status_t pin_by_revoked(world_t *world, error_t *err) {
    SIGN_BY(&world->roots, ROOT_A, ROOT_REVOKED);
    return pin(world, err);
}

static status_t pin_by_one_person(world_t *world, error_t *err) {
    SIGN_BY(&world->roots, ROOT_A, ROOT_A2);
    return pin(world, err);
}

static const attack_t LIST[] = {
    {CHECK_TRUST_TIMES, "a trust file that lasts ten years", lasts_for_ever},
    {CHECK_TRUST_TIMES, "a grace of ten months", endless_grace},
    {CHECK_TRUST_TIMES, "an end before the beginning", ends_before},
    {CHECK_TRUST_KEY_UNIQUE, "a revoked key that is also active", key_in_two_rows},
    {CHECK_TRUST_CURVE_UNIQUE, "an operator with the coordinator's transport key", shared_curve},
    {CHECK_TRUST_TEXT, "a name of two lines", name_with_newline},
    {CHECK_TRUST_TEXT, "a reason that turns the direction of writing", turned_reason},
    {CHECK_TRUST_TEXT, "an application that is a path", path_as_application},
    {CHECK_TRUST_TEXT, "an environment with a blank behind", blank_environment},
    {CHECK_TRUST_DATES, "an active key with an end", active_with_end},
    {CHECK_TRUST_DATES, "a retired key without an end", retired_without_end},
    {CHECK_TRUST_GRANT_SUITS, "a root key with a role", root_as_operator},
    {CHECK_TRUST_GRANT_SUITS, "a coordinator with a role", coordinator_as_operator},
    {CHECK_TRUST_GRANT_SUITS, "an operator who releases", operator_releases},
    {CHECK_TRUST_GRANT_SUITS, "a release key that orders", release_operates},
    {CHECK_TRUST_GRANT_SUITS, "a release key by selector", release_by_selector},
    {CHECK_TRUST_COUNT, "a threshold of nobody", threshold_of_nobody},
    {CHECK_TRUST_COUNT, "a root threshold of nobody", no_root_threshold},
    {CHECK_TRUST_REACHABLE, "more operators wanted than there are", too_few_operators},
    {CHECK_TRUST_AGENTS_ASCEND, "revoked agents out of order", agents_unsorted},
    {CHECK_FLEET_TRUST, "another fleet's trust file", other_fleet},
    {CHECK_NEXT_VERSION, "a jumped version", jumped},
    {CHECK_NEXT_VERSION, "the last version of all", fast_forward},
    {CHECK_NEXT_VERSION, "a repeated version", repeated},
    {CHECK_ISSUED_AFTER, "a successor dated before", issued_before},
    {CHECK_ISSUED_PAST, "a successor from tomorrow", issued_ahead},
    {CHECK_OWN_ROOTS, "new root keys that did not sign", new_roots_did_not_sign},
    {CHECK_OWN_ROOTS, "a pin one signature short", pin_by_one},
    {CHECK_OLD_ROOTS, "root keys of an attacker's own", usurped},
    {CHECK_OLD_ROOTS, "a threshold lowered by fewer than the old one", threshold_lowered_by_one},
    {CHECK_SIGNATURE, "one version's signatures under the next", mixed},
    {CHECK_OLDER_VERSION, "an older trust file", rolled_back},
    {CHECK_SAME_VERSION, "two trust files of one version", forked},
    {CHECK_ROOT_USE, "an operator who signs the trust file", pin_by_operator},
    {CHECK_ROOT_USE, "a coordinator that signs the trust file", pin_by_coordinator},
    {CHECK_ROOT_ACTIVE, "a retired root key", pin_by_retired},
    {CHECK_ROOT_ACTIVE, "a revoked root key", pin_by_revoked},
    {CHECK_ROOT_PERSON, "one person with two root keys", pin_by_one_person},
};

attacks_t attacks_trust(void) {
    return ATTACKS(LIST);
}
