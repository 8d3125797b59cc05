/* Attacks by who signs: the wrong people, too few, one of them twice. */
#include "tests/unit/trust/attack.h"

/* The order, signed by these two instead. */
static status_t by(world_t *world, which_t one, which_t two, error_t *err) {
    SIGN_BY(&world->signers, one, two);
    world->plan_order.proposer = *world_public(one);
    return world_verify(world, err);
}

static void make_hold(world_t *world) {
    order_t *order = &world->plan_order;
    order->kind = ORDER_HOLD;
    order->application = "";
    order->wave_count = 0;
    order->target_position = 0;
    order->undo_authorized = false;
    order->recovery_kind = "";
    order->trial_restore = "";
    memset(&order->bundle, 0, sizeof order->bundle);
    order->proposer = *world_public(ROLLBACK_A);
    SIGN_BY(&world->signers, ROLLBACK_A);
}

static status_t unknown_key(world_t *world, error_t *err) {
    make_hold(world);
    world->plan_order.proposer = *world_public(STRANGER);
    SIGN_BY(&world->signers, STRANGER);
    return world_verify(world, err);
}

static status_t begins_tomorrow(world_t *world, error_t *err) {
    return by(world, OP_A, OP_LATER, err);
}

static status_t retired(world_t *world, error_t *err) {
    return by(world, OP_A, OP_RETIRED, err);
}

/* Signed by a retired key, dated back to when it was active: orders go by now. */
static status_t retired_back_dated(world_t *world, error_t *err) {
    world->plan_order.issued_us = NOW_US - 20 * TRUST_DAY_US;
    return by(world, OP_A, OP_RETIRED, err);
}

/* Accepted before, but signed after the key had retired. */
static status_t retired_accepted(world_t *world, error_t *err) {
    world->accepted = true;
    return by(world, OP_A, OP_RETIRED, err);
}

static status_t revoked(world_t *world, error_t *err) {
    return by(world, OP_A, OP_REVOKED, err);
}

/* Accepted while the key was good: revocation reaches back. */
static status_t revoked_accepted(world_t *world, error_t *err) {
    world->accepted = true;
    world->plan_order.issued_us = NOW_US - 20 * TRUST_DAY_US;
    return by(world, OP_A, OP_REVOKED, err);
}

static status_t taken_out(world_t *world, error_t *err) {
    TRY(revoked_add(&world->revoked, world_public(OP_B), err));
    return world_verify(world, err);
}

static status_t approver_orders(world_t *world, error_t *err) {
    return by(world, OP_A, APPROVER, err);
}

static status_t rollback_key_orders(world_t *world, error_t *err) {
    return by(world, OP_A, ROLLBACK_A, err);
}

static status_t admin_orders(world_t *world, error_t *err) {
    return by(world, OP_A, ADMIN_A, err);
}

static status_t release_key_orders(world_t *world, error_t *err) {
    return by(world, OP_A, RELEASE_A, err);
}

/* With the role's check out a coordinator still has no grant: the threshold stands in its way. */
static status_t coordinator_orders(world_t *world, error_t *err) {
    return by(world, OP_A, COORDINATOR, err);
}

static status_t root_orders(world_t *world, error_t *err) {
    return by(world, OP_A, ROOT_B, err);
}

static status_t other_application(world_t *world, error_t *err) {
    return by(world, OP_A, OP_OTHER, err);
}

static status_t other_environment(world_t *world, error_t *err) {
    return by(world, OP_A, OP_STAGING, err);
}

/* The fleet is not among what a key of one application may stop. */
static status_t application_key_holds_fleet(world_t *world, error_t *err) {
    make_hold(world);
    world->grants[ROLLBACK_A][0].application = "app";
    return world_verify(world, err);
}

static status_t outside_selector(world_t *world, error_t *err) {
    SIGN_BY(&world->signers, OP_A, OP_SILVER);
    return world_admit(world, err);
}

static status_t no_label_at_all(world_t *world, error_t *err) {
    SIGN_BY(&world->signers, OP_A, OP_SILVER);
    world->labels.label_count = 0;
    return world_admit(world, err);
}

static status_t one_person_two_keys(world_t *world, error_t *err) {
    return by(world, OP_A, OP_A2, err);
}

static status_t false_proposer(world_t *world, error_t *err) {
    world->plan_order.proposer = *world_public(OP_C);
    return world_verify(world, err);
}

static status_t stranger_proposes(world_t *world, error_t *err) {
    world->plan_order.proposer = *world_public(STRANGER);
    SIGN_BY(&world->signers, OP_A, OP_B, STRANGER);
    return world_verify(world, err);
}

static status_t own_approval(world_t *world, error_t *err) {
    world->thresholds[0].proposer_counts = false;
    return world_verify(world, err);
}

/* The proposer approves with a second key. */
static status_t own_second_approval(world_t *world, error_t *err) {
    world->thresholds[0].proposer_counts = false;
    SIGN_BY(&world->signers, OP_A, OP_A2, OP_B);
    return world_verify(world, err);
}

static status_t nothing_stated(world_t *world, error_t *err) {
    world->thresholds[0].application = "shop";
    return world_verify(world, err);
}

static status_t weaker_threshold(world_t *world, error_t *err) {
    world->thresholds[5] = (trust_threshold_t){ROLE_OPERATOR, 3, "app", "prod", true};
    world->plan.threshold_count = 6;
    return world_verify(world, err);
}

static status_t one_short(world_t *world, error_t *err) {
    SIGN_BY(&world->signers, OP_A);
    return world_verify(world, err);
}

static status_t card_one_short(world_t *world, error_t *err) {
    TRY(world_pin(world, err));
    SIGN_BY(&world->admins, ADMIN_A);
    CLEANUP(document_destroy_p) document_t *document = NULL;
    TRY(world_write_card(world, 0, &document, err));
    trust_view_t view = world_view(world);
    card_t *card = NULL;
    status_t status = card_verify(&view, document, &card, err);
    card_destroy(&card);
    return status;
}

static status_t card_by_operators(world_t *world, error_t *err) {
    SIGN_BY(&world->admins, OP_A, OP_C);
    TRY(world_pin(world, err));
    CLEANUP(document_destroy_p) document_t *document = NULL;
    TRY(world_write_card(world, 0, &document, err));
    trust_view_t view = world_view(world);
    card_t *card = NULL;
    status_t status = card_verify(&view, document, &card, err);
    card_destroy(&card);
    return status;
}

static status_t release(world_t *world, which_t one, which_t two, bool forward, error_t *err) {
    TRY(world_pin(world, err));
    sign_public_t keys[2] = {*world_public(one), *world_public(two)};
    release_claim_t claim = {
        .digest = world->plan_order.bundle,
        .application = "app",
        .signers = keys,
        .signer_count = 2,
    };
    trust_view_t view = world_view(world);
    return release_verify(&view, &claim, forward, err);
}

static status_t release_twice(world_t *world, error_t *err) {
    return release(world, RELEASE_A, RELEASE_A, true, err);
}

static status_t release_by_retired(world_t *world, error_t *err) {
    return release(world, RELEASE_A, RELEASE_RETIRED, true, err);
}

static status_t release_by_other(world_t *world, error_t *err) {
    return release(world, RELEASE_A, RELEASE_OTHER, false, err);
}

static status_t release_by_operator(world_t *world, error_t *err) {
    return release(world, RELEASE_A, OP_A, true, err);
}

static status_t jobs(world_t *world, which_t which, error_t *err) {
    TRY(world_pin(world, err));
    trust_view_t view = world_view(world);
    return trust_coordinator(&view, world_public(which), err);
}

static status_t operator_signs_jobs(world_t *world, error_t *err) {
    return jobs(world, OP_A, err);
}

static status_t retired_coordinator(world_t *world, error_t *err) {
    return jobs(world, COORDINATOR_RETIRED, err);
}

static status_t coordinator_taken_out(world_t *world, error_t *err) {
    TRY(revoked_add(&world->revoked, world_public(COORDINATOR), err));
    return jobs(world, COORDINATOR, err);
}

/* The transport key of the coordinator, after this was done to its signing key. */
static status_t connect(world_t *world, error_t *err) {
    TRY(world_pin(world, err));
    trust_view_t view = world_view(world);
    return trust_find_curve(&view, world->keys[COORDINATOR].curve) != NULL
               ? STATUS_OK
               : error_set(err, ERROR_TRUST_KEY, "no active key has this transport key");
}

static status_t connect_retired(world_t *world, error_t *err) {
    world->keys[COORDINATOR].standing = TRUST_RETIRED;
    world->keys[COORDINATOR].until_us = NOW_US - TRUST_DAY_US;
    return connect(world, err);
}

static status_t connect_taken_out(world_t *world, error_t *err) {
    TRY(revoked_add(&world->revoked, world_public(COORDINATOR), err));
    return connect(world, err);
}

static status_t connect_early(world_t *world, error_t *err) {
    world->keys[COORDINATOR].from_us = NOW_US + TRUST_DAY_US;
    return connect(world, err);
}

/* A door that one person with this role opens, for application "app" in "prod". */
static status_t door(world_t *world, which_t which, trust_role_t role, error_t *err) {
    static const tally_scope_t SCOPE = {.application = "app", .environment = "prod"};
    TRY(world_pin(world, err));
    trust_view_t view = world_view(world);
    unsigned roles = tally_grants(&view, world_public(which), &SCOPE);
    return (roles & 1U << role) != 0
               ? STATUS_OK
               : error_set(err, ERROR_TRUST_THRESHOLD, "the door stays shut: roles %x", roles);
}

static status_t door_to_stranger(world_t *world, error_t *err) {
    return door(world, STRANGER, ROLE_ROLLBACK, err);
}

static status_t door_to_revoked(world_t *world, error_t *err) {
    return door(world, OP_REVOKED, ROLE_OPERATOR, err);
}

static status_t door_to_taken_out(world_t *world, error_t *err) {
    TRY(revoked_add(&world->revoked, world_public(OP_B), err));
    return door(world, OP_B, ROLE_OPERATOR, err);
}

static status_t door_to_retired(world_t *world, error_t *err) {
    return door(world, OP_RETIRED, ROLE_OPERATOR, err);
}

static status_t door_to_later(world_t *world, error_t *err) {
    return door(world, OP_LATER, ROLE_OPERATOR, err);
}

static status_t door_to_other(world_t *world, error_t *err) {
    return door(world, OP_OTHER, ROLE_OPERATOR, err);
}

static status_t door_to_staging(world_t *world, error_t *err) {
    return door(world, OP_STAGING, ROLE_OPERATOR, err);
}

static const attack_t LIST[] = {
    {CHECK_KEY_KNOWN, "a key that nobody named", unknown_key},
    {CHECK_KEY_KNOWN, "a door opened by a stranger", door_to_stranger},
    {CHECK_KEY_BEGUN, "a key that begins tomorrow", begins_tomorrow},
    {CHECK_KEY_BEGUN, "a door opened a day early", door_to_later},
    {CHECK_KEY_NOT_RETIRED, "a retired key", retired},
    {CHECK_KEY_NOT_RETIRED, "a retired key, dated back", retired_back_dated},
    {CHECK_KEY_NOT_RETIRED, "a retired key under an accepted order", retired_accepted},
    {CHECK_KEY_NOT_RETIRED, "a bundle for new work by a retired key", release_by_retired},
    {CHECK_KEY_NOT_RETIRED, "a door opened by a retired key", door_to_retired},
    {CHECK_KEY_NOT_REVOKED, "a revoked key", revoked},
    {CHECK_KEY_NOT_REVOKED, "a door opened by a revoked key", door_to_revoked},
    {CHECK_KEY_NOT_REVOKED, "a revoked key under an accepted order", revoked_accepted},
    {CHECK_KEY_NOT_TAKEN_OUT, "a key that was taken out since", taken_out},
    {CHECK_KEY_NOT_TAKEN_OUT, "a door opened by a key taken out", door_to_taken_out},
    {CHECK_GRANT_ROLE, "an approver who orders", approver_orders},
    {CHECK_GRANT_ROLE, "a rollback key that orders", rollback_key_orders},
    {CHECK_GRANT_ROLE, "an administrator who orders", admin_orders},
    {CHECK_GRANT_ROLE, "a release key that orders", release_key_orders},
    {CHECK_GRANT_ROLE, "operators who sign a card", card_by_operators},
    {CHECK_GRANT_ROLE, "an operator who signs a bundle", release_by_operator},
    {CHECK_GRANT_APPLICATION, "another application's operator", other_application},
    {CHECK_GRANT_APPLICATION, "one application's key that holds all", application_key_holds_fleet},
    {CHECK_GRANT_APPLICATION, "another application's release key", release_by_other},
    {CHECK_GRANT_APPLICATION, "another application's operator at a door", door_to_other},
    {CHECK_GRANT_ENVIRONMENT, "another environment's operator", other_environment},
    {CHECK_GRANT_ENVIRONMENT, "another environment's operator at a door", door_to_staging},
    {CHECK_GRANT_SELECTOR, "a tenant outside a signer's selector", outside_selector},
    {CHECK_GRANT_SELECTOR, "a tenant without the label", no_label_at_all},
    {CHECK_PERSON_ONCE, "one person with two keys", one_person_two_keys},
    {CHECK_PERSON_ONCE, "one release key twice", release_twice},
    {CHECK_PROPOSER_SIGNED, "a proposer who did not sign", false_proposer},
    {CHECK_PROPOSER_SIGNED, "a proposer whom nobody knows", stranger_proposes},
    {CHECK_PROPOSER_APART, "the proposer's own approval", own_approval},
    {CHECK_PROPOSER_APART, "the proposer's approval by a second key", own_second_approval},
    {CHECK_THRESHOLD_STATED, "what no threshold speaks of", nothing_stated},
    {CHECK_THRESHOLD_STRICTEST, "the weaker of two thresholds", weaker_threshold},
    {CHECK_THRESHOLD_REACHED, "an order one signature short", one_short},
    {CHECK_THRESHOLD_REACHED, "a card one signature short", card_one_short},
    {CHECK_THRESHOLD_REACHED, "a coordinator that orders", coordinator_orders},
    {CHECK_THRESHOLD_REACHED, "a root key that orders", root_orders},
    {CHECK_CURVE_ACTIVE, "a connection by a retired key", connect_retired},
    {CHECK_CURVE_ACTIVE, "a connection by a key taken out", connect_taken_out},
    {CHECK_CURVE_ACTIVE, "a connection by a key that begins tomorrow", connect_early},
    {CHECK_COORDINATOR_USE, "jobs signed by an operator", operator_signs_jobs},
    {CHECK_COORDINATOR_ACTIVE, "jobs signed by a retired coordinator", retired_coordinator},
    {CHECK_COORDINATOR_ACTIVE, "jobs signed by a coordinator taken out", coordinator_taken_out},
};

attacks_t attacks_signers(void) {
    return ATTACKS(LIST);
}
