/* Attacks on standing orders and by them: their shape, whom they mean, and what they take back. */
#include "tests/unit/trust/attack.h"

/* The world's order as one that stands open: who matches, until it ends. The deed's proof is the
 * claim that a coordinator makes. */
static void stand(world_t *world) {
    world->plan_order.standing = "tier=gold";
    world->plan_order.wave_count = 0;
    world->leaves[0].number = world->plan_order.issued_us;
}

typedef void change_fn(world_t *world, proof_t *proof);

static status_t claim(world_t *world, change_fn *change, error_t *err) {
    TRY(world_verify(world, err));
    CLEANUP(buffer_free) buffer_t bytes = {0};
    proof_t proof = {.leaf = world->leaves[0]};
    if (change != NULL) {
        change(world, &proof);
    }
    proof_encode(&proof, &bytes);
    TRY(proof_decode(bytes.data, bytes.size, &proof, err));
    return order_admits(&world->authority, &world->deed, &proof, err);
}

/* --- its shape ------------------------------------------------------------------------------- */

static status_t with_waves(world_t *world, error_t *err) {
    stand(world);
    world->plan_order.wave_count = WAVES;
    return world_verify(world, err);
}

static status_t baseline_for_all(world_t *world, error_t *err) {
    stand(world);
    world->plan_order.kind = ORDER_BASELINE;
    world->plan_order.target_position = 0;
    world->plan_order.undo_authorized = false;
    return world_verify(world, err);
}

static status_t without_undo(world_t *world, error_t *err) {
    stand(world);
    world->plan_order.undo_authorized = false;
    return world_verify(world, err);
}

/* Neither standing nor with tenants: a rollout of whom? */
static status_t of_nobody(world_t *world, error_t *err) {
    stand(world);
    world->plan_order.standing = "";
    return world_verify(world, err);
}

static status_t malformed(world_t *world, error_t *err) {
    stand(world);
    world->plan_order.standing = "tier in (gold";
    return world_verify(world, err);
}

/* Reads as tier=gold, and shows its signers a second line that is none. */
static status_t otherwise_spelt(world_t *world, error_t *err) {
    stand(world);
    world->plan_order.standing = "tier  ==   gold";
    return world_verify(world, err);
}

static status_t endless(world_t *world, error_t *err) {
    stand(world);
    world->plan_order.expires_us = world->plan_order.issued_us + ORDER_LIFE_US + 1;
    return world_verify(world, err);
}

/* --- whether it holds ------------------------------------------------------------------------ */

static status_t past_its_end(world_t *world, error_t *err) {
    stand(world);
    world->now_us = world->plan_order.expires_us + 6 * TRUST_MINUTE_US;
    return claim(world, NULL, err);
}

static status_t past_its_end_accepted(world_t *world, error_t *err) {
    world->accepted = true;
    return past_its_end(world, err);
}

static status_t one_short(world_t *world, error_t *err) {
    stand(world);
    SIGN_BY(&world->signers, OP_A);
    return claim(world, NULL, err);
}

static status_t other_application(world_t *world, error_t *err) {
    stand(world);
    SIGN_BY(&world->signers, OP_A, OP_OTHER);
    return claim(world, NULL, err);
}

static status_t other_environment(world_t *world, error_t *err) {
    stand(world);
    world->deed.environment = "test";
    return claim(world, NULL, err);
}

/* One of its signers may not speak for this tenant, whatever the selector says. */
static status_t signer_of_others(world_t *world, error_t *err) {
    stand(world);
    SIGN_BY(&world->signers, OP_A, OP_SILVER);
    return claim(world, NULL, err);
}

/* --- one tenant ------------------------------------------------------------------------------ */

static status_t other_selector(world_t *world, error_t *err) {
    stand(world);
    world->plan_order.standing = "tier=silver";
    return claim(world, NULL, err);
}

static status_t tenant_not_meant(world_t *world, error_t *err) {
    stand(world);
    world->label.value = "silver";
    return claim(world, NULL, err);
}

static status_t unlabelled(world_t *world, error_t *err) {
    stand(world);
    world->labels.label_count = 0;
    return claim(world, NULL, err);
}

static void of_wave_3(world_t *world, proof_t *proof) {
    world->deed.open_wave = 3;
    proof->wave = 3;
}

static status_t in_a_wave(world_t *world, error_t *err) {
    stand(world);
    return claim(world, of_wave_3, err);
}

static void with_path(world_t *world, proof_t *proof) {
    (void)world;
    proof->path.size = 1;
}

static status_t with_a_way(world_t *world, error_t *err) {
    stand(world);
    return claim(world, with_path, err);
}

/* A bare leaf, as for a standing order, under an order that names its tenants. */
static status_t claim_under_tree(world_t *world, error_t *err) {
    return claim(world, NULL, err);
}

static void of_another(world_t *world, proof_t *proof) {
    (void)world;
    memset(proof->leaf.tenant.bytes, 0x66, IDENT_BYTES);
}

static status_t claim_of_another(world_t *world, error_t *err) {
    stand(world);
    return claim(world, of_another, err);
}

static void of_lower_number(world_t *world, proof_t *proof) {
    (void)world;
    proof->leaf.number -= TRUST_DAY_US;
}

static status_t lower_number(world_t *world, error_t *err) {
    stand(world);
    return claim(world, of_lower_number, err);
}

static void to_9(world_t *world, proof_t *proof) {
    proof->leaf.to_position = 9;
    world->deed.target_position = 9;
}

static status_t further(world_t *world, error_t *err) {
    stand(world);
    return claim(world, to_9, err);
}

static void to_4(world_t *world, proof_t *proof) {
    (void)proof;
    world->deed.target_position = 4;
}

static status_t half_way(world_t *world, error_t *err) {
    stand(world);
    return claim(world, to_4, err);
}

static status_t superseded(world_t *world, error_t *err) {
    stand(world);
    world->deed.accepted.moved = world->plan_order.issued_us + 1;
    world->deed.accepted.number = world->deed.accepted.moved;
    return claim(world, NULL, err);
}

static status_t of_one_time(world_t *world, error_t *err) {
    stand(world);
    world->deed.accepted.moved = world->plan_order.issued_us;
    memset(world->deed.accepted.moved_order.bytes, 9, DIGEST_BYTES);
    return claim(world, NULL, err);
}

static status_t restores(world_t *world, error_t *err) {
    stand(world);
    world->deed.action = ACTION_RESTORE;
    return claim(world, NULL, err);
}

static status_t baselines(world_t *world, error_t *err) {
    stand(world);
    world->deed.action = ACTION_BASELINE;
    return claim(world, NULL, err);
}

/* Back to where nobody signed that it was: the order did not bring it here. */
static status_t undo_of_others(world_t *world, error_t *err) {
    stand(world);
    world->deed.action = ACTION_UNDO;
    world->deed.target_position = 3;
    return claim(world, NULL, err);
}

static void back_to_1(world_t *world, proof_t *proof) {
    (void)proof;
    world->deed.accepted.moved_order = world->order->digest;
    world->deed.action = ACTION_UNDO;
    world->deed.target_position = 1;
}

static status_t undo_past_claim(world_t *world, error_t *err) {
    stand(world);
    return claim(world, back_to_1, err);
}

static status_t forward_under_expired(world_t *world, error_t *err) {
    stand(world);
    world->plan.expires_us = NOW_US - TRUST_DAY_US;
    world->accepted = true;
    return claim(world, NULL, err);
}

static const attack_t LIST[] = {
    {CHECK_ORDER_SHAPE, "a standing order with waves", with_waves},
    {CHECK_ORDER_SHAPE, "a standing order for baselines", baseline_for_all},
    {CHECK_ORDER_SHAPE, "a standing order without a way back", without_undo},
    {CHECK_ORDER_SHAPE, "a rollout of nobody", of_nobody},
    {CHECK_STANDING_TEXT, "a standing selector that is none", malformed},
    {CHECK_STANDING_TEXT, "a standing selector in another spelling", otherwise_spelt},
    {CHECK_ORDER_TIMES, "a standing order that lasts for ever", endless},
    {CHECK_ORDER_NOT_ENDED, "a standing order past its end", past_its_end},
    {CHECK_ORDER_NOT_ENDED, "a standing order past its end, accepted before",
     past_its_end_accepted},
    {CHECK_THRESHOLD_REACHED, "a standing order one signature short", one_short},
    {CHECK_GRANT_APPLICATION, "a standing order by another application's people",
     other_application},
    {CHECK_PLACE_ENVIRONMENT, "a standing order in another environment", other_environment},
    {CHECK_GRANT_SELECTOR, "a standing order by one who may not speak for the tenant",
     signer_of_others},
    {CHECK_STANDING_TENANT, "a standing order for other tenants", other_selector},
    {CHECK_STANDING_TENANT, "a tenant that its selector leaves out", tenant_not_meant},
    {CHECK_STANDING_TENANT, "a tenant without labels", unlabelled},
    {CHECK_PROOF_WAVE, "a wave of a standing order", in_a_wave},
    {CHECK_PROOF_PATH, "a proof under a standing order", with_a_way},
    {CHECK_PROOF_PATH, "a job without a proof under an order that names its tenants",
     claim_under_tree},
    {CHECK_LEAF_TENANT, "one tenant's claim used for another", claim_of_another},
    {CHECK_STANDING_NUMBER, "a standing order under a lower number", lower_number},
    {CHECK_LEAF_TARGET, "a standing order taken further", further},
    {CHECK_DEED_TARGET, "a standing order taken half the way", half_way},
    {CHECK_NUMBER_HIGHEST, "a standing order after a newer one", superseded},
    {CHECK_NUMBER_ONE_ORDER, "two orders of one time, one of them standing", of_one_time},
    {CHECK_PERMITS, "a restore by a standing order", restores},
    {CHECK_PERMITS, "a baseline by a standing order", baselines},
    {CHECK_STANDING_UNDO, "an undo of what another order did", undo_of_others},
    {CHECK_DEED_TARGET, "an undo past what the claim said", undo_past_claim},
    {CHECK_FRESH_FOR_FORWARD, "a standing order under an expired trust file",
     forward_under_expired},
};

attacks_t attacks_standing(void) {
    return ATTACKS(LIST);
}
