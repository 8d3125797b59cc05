/* Attacks on orders and by them: another fleet, tenant, version, time, bundle; replays. */
#include "tests/unit/trust/attack.h"

/* --- an order that contradicts itself -------------------------------------------------------- */

static status_t stop_with_tenants(world_t *world, error_t *err) {
    world->plan_order.kind = ORDER_STOP;
    world->plan_order.proposer = *world_public(ROLLBACK_A);
    memset(world->plan_order.subject.bytes, 5, DIGEST_BYTES);
    SIGN_BY(&world->signers, ROLLBACK_A);
    return world_verify(world, err);
}

static status_t rollout_with_consent(world_t *world, error_t *err) {
    world->plan_order.accept_data_loss = true;
    return world_verify(world, err);
}

static status_t rollout_that_prunes(world_t *world, error_t *err) {
    world->plan_order.prune_keep_count = 1;
    return world_verify(world, err);
}

/* Without bundle and target, as backups and prunes are. */
static void make_keeping(world_t *world, order_kind_t kind) {
    world->plan_order.kind = kind;
    world->plan_order.target_position = 0;
    world->plan_order.undo_authorized = false;
    memset(&world->plan_order.bundle, 0, DIGEST_BYTES);
}

/* Backups that are younger than less than nothing stay: none do. */
static status_t prune_of_all(world_t *world, error_t *err) {
    make_keeping(world, ORDER_PRUNE);
    world->plan_order.prune_keep_us = -TRUST_DAY_US;
    return world_verify(world, err);
}

static status_t rollout_without_bundle(world_t *world, error_t *err) {
    memset(&world->plan_order.bundle, 0, DIGEST_BYTES);
    return world_verify(world, err);
}

static status_t rollout_of_nothing(world_t *world, error_t *err) {
    world->plan_order.application = "";
    SIGN_BY(&world->signers, OP_A, OP_C);
    return world_verify(world, err);
}

static status_t hostile_application(world_t *world, error_t *err) {
    world->plan_order.application = "app\n; drop";
    SIGN_BY(&world->signers, OP_A, OP_C);
    return world_verify(world, err);
}

static status_t endless(world_t *world, error_t *err) {
    world->plan_order.expires_us = NOW_US + 1000 * TRUST_DAY_US;
    return world_verify(world, err);
}

static status_t ends_before(world_t *world, error_t *err) {
    world->plan_order.expires_us = world->plan_order.not_before_us - 1;
    world->now_us = world->plan_order.expires_us;
    return world_verify(world, err);
}

/* Sign the body of the order as planned after a change at this byte offset from a marker. */
static status_t patched(world_t *world, const uint8_t *find, size_t size, size_t at, uint8_t to,
                        error_t *err) {
    TRY(world_pin(world, err));
    TRY(world_write_order(world, err));
    uint8_t body[4096];
    size_t length = world->order_document->body_size;
    INVARIANT(length <= sizeof body);
    memcpy(body, world->order_document->body, length);
    uint8_t *found = memmem(body, length, find, size);
    INVARIANT(found != NULL);
    found[at] = to;
    order_destroy(&world->order);
    document_destroy(&world->order_document);
    document_body_t changed = {.kind = DOCUMENT_ORDER, .bytes = body, .size = length};
    TRY(document_new(&changed, &world->order_document, err));
    TRY(world_sign(world->order_document, &world->signers, err));
    TRY(order_read(world->order_document, &world->order, err));
    return world_verify(world, err);
}

static status_t fewer_shown(world_t *world, error_t *err) {
    return patched(world, (const uint8_t *)"\x70\x08\x7a\x20", 4, 1, 2, err); /* field 14: 8 */
}

static status_t another_root(world_t *world, error_t *err) {
    return patched(world, (const uint8_t *)"\x70\x08\x7a\x20", 4, 4, 0, err); /* field 15 */
}

/* --- whether it holds ------------------------------------------------------------------------ */

static status_t other_fleet(world_t *world, error_t *err) {
    world->plan_order.fleet.bytes[3] ^= 0x40;
    return world_verify(world, err);
}

static status_t not_yet(world_t *world, error_t *err) {
    world->plan_order.not_before_us = NOW_US + 10 * TRUST_MINUTE_US;
    return world_verify(world, err);
}

static status_t ended(world_t *world, error_t *err) {
    world->now_us = world->plan_order.expires_us + 6 * TRUST_MINUTE_US;
    return world_verify(world, err);
}

static status_t ended_accepted(world_t *world, error_t *err) {
    world->accepted = true;
    return ended(world, err);
}

static status_t old_trust(world_t *world, error_t *err) {
    world->plan_order.trust_version = 5;
    return world_verify(world, err);
}

/* The trust file has expired, the order has not. */
static void expire(world_t *world) {
    world->plan.expires_us = NOW_US - TRUST_DAY_US;
}

static status_t new_under_expired(world_t *world, error_t *err) {
    expire(world);
    return world_verify(world, err);
}

static status_t rollback_under_expired(world_t *world, error_t *err) {
    expire(world);
    world->plan_order.kind = ORDER_ROLLBACK;
    world->plan_order.target_position = 0;
    world->plan_order.undo_authorized = false;
    return world_verify(world, err);
}

static status_t forward_under_expired(world_t *world, error_t *err) {
    expire(world);
    world->accepted = true;
    return world_admit(world, err);
}

static status_t grace_over(world_t *world, error_t *err) {
    world->plan.expires_us = NOW_US - 15 * TRUST_DAY_US;
    world->accepted = true;
    world->deed.action = ACTION_UNDO;
    world->deed.target_position = 3;
    return world_admit(world, err);
}

/* --- one tenant ------------------------------------------------------------------------------ */

static status_t undo_not_given(world_t *world, error_t *err) {
    world->plan_order.undo_authorized = false;
    world->deed.action = ACTION_UNDO;
    world->deed.target_position = 3;
    return world_admit(world, err);
}

static status_t restore_by_rollout(world_t *world, error_t *err) {
    world->deed.action = ACTION_RESTORE;
    return world_admit(world, err);
}

static void make_rollback(world_t *world) {
    world->plan_order.kind = ORDER_ROLLBACK;
    world->plan_order.target_position = 0;
    world->plan_order.undo_authorized = false;
    world->plan_order.proposer = *world_public(ROLLBACK_A);
    SIGN_BY(&world->signers, ROLLBACK_A);
    for (int i = 0; i < WAVE_0 + WAVE_1; i++) {
        world->leaves[i].from_position = 5;
        world->leaves[i].to_position = 3;
    }
    world->deed.action = ACTION_UNDO;
    world->deed.target_position = 3;
}

static status_t forward_by_rollback(world_t *world, error_t *err) {
    make_rollback(world);
    world->deed.action = ACTION_FORWARD;
    return world_admit(world, err);
}

/* The role for the way back, used for a way forward. */
static status_t rollback_forward(world_t *world, error_t *err) {
    make_rollback(world);
    world->leaves[0].to_position = 9;
    world->deed.target_position = 9;
    return world_admit(world, err);
}

static status_t other_environment(world_t *world, error_t *err) {
    world->deed.environment = "test";
    return world_admit(world, err);
}

/* A proof, changed before it is shown; the deed goes along with it. */
static status_t show(world_t *world, void (*change)(world_t *, proof_t *), error_t *err) {
    TRY(world_verify(world, err));
    proof_t proof;
    TRY(world_proof(world, &proof, err));
    change(world, &proof);
    return order_admits(&world->authority, &world->deed, &proof, err);
}

static void other_wave(world_t *world, proof_t *proof) {
    proof->wave = 7;
    world->deed.open_wave = 7;
}

static status_t wave_beyond(world_t *world, error_t *err) {
    world->wave = 1;
    world->deed.tenant = world->leaves[WAVE_0].tenant;
    return show(world, other_wave, err);
}

static void other_tenant(world_t *world, proof_t *proof) {
    memset(proof->leaf.tenant.bytes, 0x77, IDENT_BYTES);
    world->deed.tenant = proof->leaf.tenant;
}

static status_t foreign_tenant(world_t *world, error_t *err) {
    return show(world, other_tenant, err);
}

static void other_number(world_t *world, proof_t *proof) {
    (void)world;
    proof->leaf.number = 1000000;
}

static status_t raised_number(world_t *world, error_t *err) {
    return show(world, other_number, err);
}

static void any_cluster(world_t *world, proof_t *proof) {
    proof->leaf.cluster = 0;
    world->deed.cluster = CLUSTER_B;
}

static status_t freed_of_cluster(world_t *world, error_t *err) {
    return show(world, any_cluster, err);
}

static void other_index(world_t *world, proof_t *proof) {
    (void)world;
    proof->path.index = 1;
}

static status_t moved_index(world_t *world, error_t *err) {
    return show(world, other_index, err);
}

static void shorter_path(world_t *world, proof_t *proof) {
    (void)world;
    proof->path.size--;
}

static status_t cut_path(world_t *world, error_t *err) {
    return show(world, shorter_path, err);
}

/* An inner node passed off as a leaf: its digest is hashed under another domain. */
static void node_as_leaf(world_t *world, proof_t *proof) {
    (void)world;
    memcpy(proof->leaf.tenant.bytes, proof->path.digests[0].bytes, IDENT_BYTES);
    world->deed.tenant = proof->leaf.tenant;
    memmove(&proof->path.digests[0], &proof->path.digests[1], sizeof(digest_t));
    proof->path.size--;
}

static status_t second_preimage(world_t *world, error_t *err) {
    return show(world, node_as_leaf, err);
}

/* The leaf of one wave shown in the other, which has room for it. */
static void in_wave_1(world_t *world, proof_t *proof) {
    proof->wave = 1;
    world->deed.open_wave = 1;
}

static status_t leaf_of_another_wave(world_t *world, error_t *err) {
    return show(world, in_wave_1, err);
}

/* A proof out of another order over other tenants. */
static status_t proof_of_another_order(world_t *world, error_t *err) {
    TRY(world_verify(world, err));
    world->leaves[1].number++;
    proof_t proof;
    TRY(world_proof(world, &proof, err));
    return order_admits(&world->authority, &world->deed, &proof, err);
}

static status_t another_tenants_proof(world_t *world, error_t *err) {
    world->index = 1;
    return world_admit(world, err);
}

static status_t copy_elsewhere(world_t *world, error_t *err) {
    world->deed.cluster = CLUSTER_B;
    return world_admit(world, err);
}

static status_t hidden_target(world_t *world, error_t *err) {
    world->leaves[0].to_position = 9;
    world->deed.target_position = 9;
    return world_admit(world, err);
}

static status_t job_goes_further(world_t *world, error_t *err) {
    world->deed.target_position = 6;
    return world_admit(world, err);
}

static status_t undo_goes_further(world_t *world, error_t *err) {
    world->deed.action = ACTION_UNDO;
    world->deed.target_position = 1;
    return world_admit(world, err);
}

static void set_reference(ident_t *reference, int fill) {
    memset(reference->bytes, fill, IDENT_BYTES);
}

static status_t restore(world_t *world, int ordered, int used, error_t *err) {
    make_rollback(world);
    world->plan_order.kind = ORDER_RESTORE;
    world->deed.action = ACTION_RESTORE;
    set_reference(&world->leaves[0].reference, ordered);
    set_reference(&world->deed.reference, used);
    return world_admit(world, err);
}

static status_t another_backup(world_t *world, error_t *err) {
    return restore(world, 0xba, 0xbb, err);
}

static status_t no_backup_named(world_t *world, error_t *err) {
    return restore(world, 0, 0xbb, err);
}

/* A restore that says nothing of its backup, under an order that names one. */
static status_t unnamed_backup(world_t *world, error_t *err) {
    return restore(world, 0xba, 0, err);
}

static status_t another_backup_checked(world_t *world, error_t *err) {
    make_keeping(world, ORDER_BACKUP);
    world->deed.action = ACTION_BACKUP;
    set_reference(&world->leaves[0].reference, 0xba);
    set_reference(&world->deed.reference, 0xbb);
    return world_admit(world, err);
}

/* The leaf changed along with the job. */
static void other_reference(world_t *world, proof_t *proof) {
    set_reference(&proof->leaf.reference, 0xbb);
    world->deed.reference = proof->leaf.reference;
}

static status_t exchanged_backup(world_t *world, error_t *err) {
    make_rollback(world);
    world->plan_order.kind = ORDER_RESTORE;
    world->deed.action = ACTION_RESTORE;
    set_reference(&world->leaves[0].reference, 0xba);
    return show(world, other_reference, err);
}

static status_t wave_without_ticket(world_t *world, error_t *err) {
    world->wave = 1;
    world->deed.tenant = world->leaves[WAVE_0].tenant;
    return world_admit(world, err);
}

static status_t superseded(world_t *world, error_t *err) {
    world->deed.accepted.number = 101;
    return world_admit(world, err);
}

/* Its own order again, after a newer one was accepted. */
static status_t replayed(world_t *world, error_t *err) {
    TRY(world_verify(world, err));
    world->deed.accepted.number = 500;
    world->deed.accepted.order = world->order->digest;
    return world_admit(world, err);
}

static status_t no_number(world_t *world, error_t *err) {
    world->leaves[0].number = -5;
    return world_admit(world, err);
}

/* One person with the role for the way back locks a tenant for ever. */
static status_t last_number(world_t *world, error_t *err) {
    make_rollback(world);
    world->leaves[0].number = INT64_MAX;
    return world_admit(world, err);
}

static status_t next_number(world_t *world, error_t *err) {
    world->leaves[0].number = world->plan_order.issued_us + 1;
    return world_admit(world, err);
}

static status_t same_number(world_t *world, error_t *err) {
    world->deed.accepted.number = 100;
    memset(world->deed.accepted.order.bytes, 1, DIGEST_BYTES);
    return world_admit(world, err);
}

/* --- the bundle ------------------------------------------------------------------------------ */

static status_t take_bundle(world_t *world, release_claim_t *claim, error_t *err) {
    TRY(world_verify(world, err));
    sign_public_t keys[2] = {*world_public(RELEASE_A), *world_public(RELEASE_B)};
    claim->signers = keys;
    claim->signer_count = 2;
    return order_takes_bundle(&world->authority, claim, err);
}

static status_t another_bundle(world_t *world, error_t *err) {
    release_claim_t claim = {.application = "app"};
    memset(claim.digest.bytes, 0xb1, DIGEST_BYTES);
    return take_bundle(world, &claim, err);
}

static status_t bundle_of_another_application(world_t *world, error_t *err) {
    release_claim_t claim = {.application = "shop", .digest = world->plan_order.bundle};
    return take_bundle(world, &claim, err);
}

static const attack_t LIST[] = {
    {CHECK_ORDER_SHAPE, "a stop that names tenants", stop_with_tenants},
    {CHECK_ORDER_SHAPE, "a rollout that consents to losing rows", rollout_with_consent},
    {CHECK_ORDER_SHAPE, "a rollout without a bundle", rollout_without_bundle},
    {CHECK_ORDER_SHAPE, "a rollout that says what to prune", rollout_that_prunes},
    {CHECK_ORDER_SHAPE, "a prune that keeps nothing", prune_of_all},
    {CHECK_ORDER_SHAPE, "a rollout of no application", rollout_of_nothing},
    {CHECK_ORDER_TEXT, "an application of two lines", hostile_application},
    {CHECK_ORDER_TIMES, "an order that lasts years", endless},
    {CHECK_ORDER_TIMES, "an order that ends before it begins", ends_before},
    {CHECK_ORDER_TOTAL, "fewer tenants shown than there are", fewer_shown},
    {CHECK_ORDER_ROOT, "another root than the waves have", another_root},
    {CHECK_FLEET_ORDER, "another fleet's order", other_fleet},
    {CHECK_ORDER_BEGUN, "an order that has not begun", not_yet},
    {CHECK_ORDER_NOT_ENDED, "an order that has ended", ended},
    {CHECK_ORDER_NOT_ENDED, "an accepted order that has ended", ended_accepted},
    {CHECK_ORDER_TRUST_KNOWN, "an order of a newer trust file", old_trust},
    {CHECK_FRESH_FOR_NEW, "a new order under an expired trust file", new_under_expired},
    {CHECK_FRESH_FOR_NEW, "a new rollback under an expired trust file", rollback_under_expired},
    {CHECK_FRESH_FOR_FORWARD, "forward work under an expired trust file", forward_under_expired},
    {CHECK_FRESH_GRACE, "undo past the grace", grace_over},
    {CHECK_PERMITS, "undo that was not given", undo_not_given},
    {CHECK_PERMITS, "a restore under a rollout", restore_by_rollout},
    {CHECK_PERMITS, "forward work under a rollback", forward_by_rollback},
    {CHECK_LEAF_DIRECTION, "a rollback that leads forward", rollback_forward},
    {CHECK_PLACE_ENVIRONMENT, "an order in another environment", other_environment},
    {CHECK_PROOF_WAVE, "a wave that the order lacks", wave_beyond},
    {CHECK_PROOF_PATH, "a tenant that the order does not name", foreign_tenant},
    {CHECK_PROOF_PATH, "a raised number", raised_number},
    {CHECK_PROOF_PATH, "a leaf freed of its cluster", freed_of_cluster},
    {CHECK_PROOF_PATH, "a moved index", moved_index},
    {CHECK_PROOF_PATH, "a path cut short", cut_path},
    {CHECK_PROOF_PATH, "an inner node as a leaf", second_preimage},
    {CHECK_PROOF_PATH, "a leaf of another wave", leaf_of_another_wave},
    {CHECK_PROOF_PATH, "a proof of another order", proof_of_another_order},
    {CHECK_PROOF_PATH, "a leaf with another backup", exchanged_backup},
    {CHECK_LEAF_TENANT, "another tenant's proof", another_tenants_proof},
    {CHECK_LEAF_CLUSTER, "a copy on another cluster", copy_elsewhere},
    {CHECK_LEAF_TARGET, "a target that the order does not show", hidden_target},
    {CHECK_DEED_TARGET, "a job that goes further", job_goes_further},
    {CHECK_DEED_TARGET, "an undo that goes further", undo_goes_further},
    {CHECK_DEED_REFERENCE, "a restore from another backup", another_backup},
    {CHECK_DEED_REFERENCE, "a restore where no backup is named", no_backup_named},
    {CHECK_DEED_REFERENCE, "a restore that names no backup", unnamed_backup},
    {CHECK_DEED_REFERENCE, "another backup checked", another_backup_checked},
    {CHECK_WAVE_OPEN, "a later wave without its ticket", wave_without_ticket},
    {CHECK_NUMBER_HIGHEST, "a superseded order", superseded},
    {CHECK_NUMBER_HIGHEST, "an order replayed after a newer one", replayed},
    {CHECK_NUMBER_HIGHEST, "a number below the first", no_number},
    {CHECK_NUMBER_NOT_AHEAD, "a number that no other follows", last_number},
    {CHECK_NUMBER_NOT_AHEAD, "a number ahead of its order", next_number},
    {CHECK_NUMBER_ONE_ORDER, "two orders of one number", same_number},
    {CHECK_ORDER_BUNDLE, "another signed bundle", another_bundle},
    {CHECK_BUNDLE_APPLICATION, "another application's bundle", bundle_of_another_application},
};

attacks_t attacks_orders(void) {
    return ATTACKS(LIST);
}
