/* Attacks by those who have hosts take back what nobody asked them to. */
#include "tests/unit/trust/attack.h"

/* The world's rollout, and an order to take it back; each field of it is open to change. */
static order_t *blank(world_t *world, which_t signer) {
    order_t *plan = &world->plan_approval;
    plan->kind = ORDER_TAKE_BACK;
    plan->subject_wave = 0;
    plan->proposer = *world_public(signer);
    SIGN_BY(&world->approvers, signer);
    return plan;
}

/* Read, verify and ask for the deed's tenant, as an agent does. */
static status_t take_back(world_t *world, error_t *err) {
    order_t *plan = &world->plan_approval;
    order_t *order = NULL;
    order_authority_t authority;
    if (world->trust == NULL) {
        TRY(world_pin(world, err));
    }
    TRY(world_write_order(world, err));
    if (digest_is_null(&plan->subject)) {
        plan->subject = world->order->digest;
    }
    TRY(order_write(plan, &world->approval, err));
    TRY(world_sign(world->approval, &world->approvers, err));
    trust_view_t view = world_view(world);
    const order_source_t source = {.document = world->approval};
    status_t status = order_open(&view, &source, &order, &authority, err);
    if (status == STATUS_OK) {
        status = order_taken_back(&authority, world->order, &world->labels, err);
    }
    order_destroy(&order);
    return status;
}

static status_t stop_as_take_back(world_t *world, error_t *err) {
    blank(world, ROLLBACK_A)->kind = ORDER_STOP;
    return take_back(world, err);
}

static status_t rollback_taken_back(world_t *world, error_t *err) {
    (void)blank(world, ROLLBACK_A);
    world->plan_order.kind = ORDER_ROLLBACK;
    world->plan_order.target_position = 0;
    world->plan_order.undo_authorized = false;
    return take_back(world, err);
}

static status_t of_another_order(world_t *world, error_t *err) {
    memset(blank(world, ROLLBACK_A)->subject.bytes, 7, DIGEST_BYTES);
    return take_back(world, err);
}

static status_t of_another_application(world_t *world, error_t *err) {
    blank(world, ROLLBACK_A)->application = "other";
    return take_back(world, err);
}

static status_t of_another_environment(world_t *world, error_t *err) {
    blank(world, ROLLBACK_A)->environment = "staging";
    return take_back(world, err);
}

static status_t of_another_fleet(world_t *world, error_t *err) {
    blank(world, ROLLBACK_A)->fleet.bytes[0] ^= 1;
    return take_back(world, err);
}

static status_t ended(world_t *world, error_t *err) {
    order_t *plan = blank(world, ROLLBACK_A);
    plan->issued_us = plan->not_before_us = NOW_US - 3 * TRUST_DAY_US;
    plan->expires_us = NOW_US - TRUST_DAY_US;
    return take_back(world, err);
}

static status_t signed_for_others(world_t *world, error_t *err) {
    (void)blank(world, OP_A);
    SIGN_BY(&world->approvers, OP_A, OP_SILVER);
    world->label.value = "gold";
    return take_back(world, err);
}

static status_t by_one_operator(world_t *world, error_t *err) {
    (void)blank(world, OP_A);
    return take_back(world, err);
}

static status_t by_an_approver(world_t *world, error_t *err) {
    (void)blank(world, APPROVER);
    return take_back(world, err);
}

/* It names a bundle, as if it were for something of its own. */
static status_t with_a_bundle(world_t *world, error_t *err) {
    memset(blank(world, ROLLBACK_A)->bundle.bytes, 9, DIGEST_BYTES);
    return take_back(world, err);
}

static status_t past_the_grace(world_t *world, error_t *err) {
    order_t *plan = blank(world, ROLLBACK_A);
    world->now_us = world->plan.expires_us + world->plan.undo_grace_us + TRUST_DAY_US;
    plan->issued_us = plan->not_before_us = world->now_us;
    plan->expires_us = world->now_us + TRUST_DAY_US;
    return take_back(world, err);
}

static const attack_t LIST[] = {
    {CHECK_TAKE_BACK_KIND, "a stop shown as a take-back", stop_as_take_back},
    {CHECK_TAKE_BACK_KIND, "a rollback taken back", rollback_taken_back},
    {CHECK_TAKE_BACK_ORDER, "a take-back of another order", of_another_order},
    {CHECK_TAKE_BACK_SCOPE, "a take-back for another application", of_another_application},
    {CHECK_TAKE_BACK_SCOPE, "a take-back for another environment", of_another_environment},
    {CHECK_FLEET_ORDER, "another fleet's take-back", of_another_fleet},
    {CHECK_ORDER_NOT_ENDED, "a take-back that has ended", ended},
    {CHECK_GRANT_SELECTOR, "a take-back by people of other tenants", signed_for_others},
    {CHECK_THRESHOLD_REACHED, "a take-back one signature short", by_one_operator},
    {CHECK_GRANT_ROLE, "a take-back by an approver", by_an_approver},
    {CHECK_ORDER_SHAPE, "a take-back that names a bundle", with_a_bundle},
    {CHECK_FRESH_GRACE, "a take-back past the grace", past_the_grace},
};

attacks_t attacks_take_back(void) {
    return ATTACKS(LIST);
}
