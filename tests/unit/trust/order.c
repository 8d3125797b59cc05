/* Orders that hold: every kind read back, what each permits, and the edges of time and number. */
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

static void admitted(void) {
    error_t err;
    error_clear(&err);
    if (world_admit(&world, &err) != STATUS_OK) {
        fail_msg("%s", err.message);
    }
}

static void make(order_kind_t kind) {
    order_t *order = &world.plan_order;
    bool bundle = kind == ORDER_ROLLOUT || kind == ORDER_ROLLBACK || kind == ORDER_BASELINE ||
                  kind == ORDER_RESTORE;
    order->kind = kind;
    order->undo_authorized = kind == ORDER_ROLLOUT;
    order->target_position = kind == ORDER_ROLLOUT ? 5 : 0;
    if (!bundle) {
        memset(&order->bundle, 0, sizeof order->bundle);
    }
    if (kind == ORDER_ROLLBACK || kind == ORDER_RESTORE) {
        for (int i = 0; i < WAVE_0 + WAVE_1; i++) {
            world.leaves[i].from_position = 5;
            world.leaves[i].to_position = 3;
        }
        world.deed.target_position = 3;
    }
    if (!order_kind_has_tenants(kind)) {
        order->wave_count = 0;
        order->recovery_kind = "";
        order->trial_restore = "";
    }
    if (kind == ORDER_STOP || kind == ORDER_RETRY || kind == ORDER_APPROVE_WAVE ||
        kind == ORDER_TAKE_BACK) {
        memset(&order->subject, 6, sizeof order->subject);
    }
    order->subject_wave = kind == ORDER_APPROVE_WAVE ? 1 : 0;
}

static void test_read_back(void **state) {
    (void)state;
    error_t err;
    world.waves[1] = (order_wave_t){.count = WAVE_1,
                                    .budget_count = 2,
                                    .budget_percent_bp = 5000,
                                    .needs_approval = true,
                                    .soak_us = 1234567,
                                    .silence_passes = true};
    world.plan_order.recovery_kind = "none";
    world.plan_order.recovery_reason = "no rows yet";
    memset(&world.plan_order.plan, 0x33, DIGEST_BYTES);
    assert_int_equal(world_write_order(&world, &err), STATUS_OK);
    const order_t *order = world.order;
    assert_true(ident_equal(&order->id, &world.plan_order.id));
    assert_int_equal(order->kind, ORDER_ROLLOUT);
    assert_string_equal(order->application, "app");
    assert_string_equal(order->environment, "prod");
    assert_string_equal(order->recovery_kind, "none");
    assert_string_equal(order->recovery_reason, "no rows yet");
    assert_string_equal(order->trial_restore, "canary");
    assert_int_equal(order->tenants_total, WAVE_0 + WAVE_1);
    assert_int_equal(order->wave_count, WAVES);
    assert_memory_equal(&order->waves[1].root, &world.waves[1].root, DIGEST_BYTES);
    assert_int_equal(order->waves[1].count, WAVE_1);
    assert_int_equal(order->waves[1].budget_count, 2);
    assert_int_equal(order->waves[1].budget_percent_bp, 5000);
    assert_true(order->waves[1].needs_approval);
    assert_int_equal(order->waves[1].soak_us, 1234567);
    assert_true(order->waves[1].silence_passes);
    assert_false(order->waves[0].silence_passes);
    assert_true(order->undo_authorized);
    assert_int_equal(order->trust_version, 4);
    assert_memory_equal(&order->plan, &world.plan_order.plan, DIGEST_BYTES);
    assert_true(digest_equal(&order->digest, &world.order_document->id));
    assert_int_equal(order->signer_count, 2);
    assert_true(sign_public_equal(&order->proposer, world_public(OP_A)));
    assert_int_equal(order_wave_budget(&order->waves[1]), 2);
    assert_int_equal(order_wave_budget(&(order_wave_t){.count = 200, .budget_percent_bp = 250}), 5);
}

static void test_prune(void **state) {
    (void)state;
    error_t err;
    make(ORDER_PRUNE);
    world.plan_order.prune_keep_us = 30 * TRUST_DAY_US;
    world.plan_order.prune_keep_count = 7;
    world.deed.action = ACTION_PRUNE;
    assert_int_equal(world_admit(&world, &err), STATUS_OK);
    assert_true(world.order->prune_keep_us == 30 * TRUST_DAY_US);
    assert_int_equal(world.order->prune_keep_count, 7);
}

/* A body drafted by one program is read, shown and signed in another. */
static void test_draft(void **state) {
    (void)state;
    error_t err;
    CLEANUP(document_destroy_p) document_t *drafted = NULL;
    CLEANUP(document_destroy_p) document_t *arrived = NULL;
    CLEANUP(order_destroy_p) order_t *shown = NULL;
    CLEANUP(order_destroy_p) order_t *sent = NULL;
    assert_int_equal(world_pin(&world, &err), STATUS_OK);
    assert_int_equal(world_write_order(&world, &err), STATUS_OK); /* plants the waves' roots */
    assert_int_equal(order_write(&world.plan_order, &drafted, &err), STATUS_OK);
    document_body_t body = {
        .kind = DOCUMENT_ORDER, .bytes = drafted->body, .size = drafted->body_size};
    assert_int_equal(document_new(&body, &arrived, &err), STATUS_OK);
    document_destroy(&drafted);
    assert_int_equal(order_read(arrived, &shown, &err), STATUS_OK);
    assert_int_equal(shown->signer_count, 0);
    assert_int_equal(shown->tenants_total, WAVE_0 + WAVE_1);
    trust_view_t view = world_view(&world);
    order_authority_t authority;
    assert_int_equal(order_verify(&view, shown, false, &authority, &err), STATUS_ERROR);
    assert_int_equal(err.code, ERROR_TRUST_THRESHOLD);
    order_source_t source = {.document = arrived};
    assert_int_equal(order_open(&view, &source, &sent, &authority, &err), STATUS_ERROR);
    assert_int_equal(err.code, ERROR_TRUST_THRESHOLD);
    assert_int_equal(world_sign(arrived, &world.signers, &err), STATUS_OK);
    assert_int_equal(world_travel(&arrived, &err), STATUS_OK);
    source.document = arrived;
    assert_int_equal(order_open(&view, &source, &sent, &authority, &err), STATUS_OK);
    assert_true(digest_equal(&sent->digest, &shown->digest));
    assert_int_equal(sent->signer_count, 2);
}

static void restored(int ordered, int used) {
    make(ORDER_RESTORE);
    world.deed.action = ACTION_RESTORE;
    memset(world.leaves[0].reference.bytes, ordered, IDENT_BYTES);
    memset(world.deed.reference.bytes, used, IDENT_BYTES);
    admitted();
}

/* A restore uses the backup that was signed; what uses none is not asked about it. */
static void test_references(void **state) {
    (void)state;
    restored(0xba, 0xba);
    world.deed.action = ACTION_LOOK;
    memset(world.deed.reference.bytes, 0, IDENT_BYTES);
    admitted();
    world_close(&world);
    world_open(&world);
    make(ORDER_BACKUP);
    world.deed.action = ACTION_BACKUP; /* a backup, not a check of one */
    admitted();
}

static void test_every_kind(void **state) {
    (void)state;
    for (int kind = ORDER_ROLLOUT; kind < ORDER_KIND_END; kind++) {
        error_t err;
        world_t *w = &world;
        world_close(w);
        world_open(w);
        make((order_kind_t)kind);
        if (kind == ORDER_APPROVE_WAVE) {
            SIGN_BY(&w->signers, APPROVER);
            w->plan_order.proposer = *world_public(APPROVER);
        }
        if (world_verify(w, &err) != STATUS_OK) {
            fail_msg("%s: %s", order_kind_text((order_kind_t)kind), err.message);
        }
        assert_int_equal(w->authority.tally.count, w->authority.tally.needed);
        assert_true(order_kind_has_tenants((order_kind_t)kind) == (w->authority.permits != 0));
    }
}

static void test_one_person_takes_back(void **state) {
    (void)state;
    make(ORDER_ROLLBACK);
    SIGN_BY(&world.signers, ROLLBACK_A);
    world.plan_order.proposer = *world_public(ROLLBACK_A);
    world.deed.action = ACTION_UNDO;
    admitted();
    assert_int_equal(world.authority.role, ROLE_ROLLBACK);
    assert_string_equal(world.authority.tally.counted[0]->name, "night");
}

static void test_operators_take_back(void **state) {
    (void)state;
    make(ORDER_RESTORE);
    world.plan_order.accept_data_loss = true;
    world.deed.action = ACTION_RESTORE;
    admitted();
    assert_int_equal(world.authority.role, ROLE_OPERATOR);
}

static void test_undo_of_a_rollout(void **state) {
    (void)state;
    world.deed.action = ACTION_UNDO;
    world.deed.target_position = 3;
    world.wave = 1; /* its own undo waits for no ticket */
    world.deed.tenant = world.leaves[WAVE_0].tenant;
    world.deed.cluster = 99; /* this leaf names none */
    admitted();
}

static void test_later_wave(void **state) {
    (void)state;
    world.wave = 1;
    world.index = 4;
    world.deed.tenant = world.leaves[WAVE_0 + 4].tenant;
    world.deed.open_wave = 1;
    admitted();
}

static void test_numbers(void **state) {
    (void)state;
    error_t err;
    world.deed.accepted.number = 99;
    admitted();
    world.deed.accepted = (order_accepted_t){.number = 100, .order = world.order->digest};
    admitted();
    /* what changes no version is not held to it */
    world.deed.accepted.number = NOW_US;
    world.deed.action = ACTION_LOOK;
    admitted();
    world.deed.action = ACTION_FORWARD;
    assert_int_equal(world_admit(&world, &err), STATUS_ERROR);
    assert_int_equal(err.code, ERROR_ORDER_SUPERSEDED);
}

/* A claim as a coordinator makes it of the deed's tenant. */
static status_t claim(error_t *err) {
    proof_t proof = {.leaf = world.leaves[0]};
    proof.leaf.number = world.plan_order.issued_us;
    return order_admits(&world.authority, &world.deed, &proof, err);
}

static void test_standing(void **state) {
    (void)state;
    error_t err;
    world.plan_order.standing = "region!=us,tier in (gold,silver)";
    world.plan_order.wave_count = 0;
    order_destroy(&world.order);
    document_destroy(&world.order_document);
    assert_int_equal(world_verify(&world, &err), STATUS_OK);
    assert_true(order_is_standing(world.order));
    assert_string_equal(world.order->standing, world.plan_order.standing);
    assert_int_equal(world.order->tenants_total, 0);
    assert_true(digest_is_null(&world.order->merkle_root));
    assert_int_equal(claim(&err), STATUS_OK);
    /* a baseline after the order says where the tenant stands, and takes nothing from the order */
    world.deed.accepted = (order_accepted_t){.number = NOW_US};
    assert_int_equal(claim(&err), STATUS_OK);
    /* again, having moved it; then back, though the tenant matches no more */
    world.deed.accepted.moved = world.order->issued_us;
    world.deed.accepted.moved_order = world.order->digest;
    assert_int_equal(claim(&err), STATUS_OK);
    world.label.value = "bronze";
    assert_int_equal(claim(&err), STATUS_ERROR);
    assert_int_equal(err.code, ERROR_ORDER_TENANT);
    world.deed.action = ACTION_UNDO;
    world.deed.target_position = 3;
    assert_int_equal(claim(&err), STATUS_OK);
    /* a newer order has it now */
    world.deed.accepted.moved = world.order->issued_us + 1;
    assert_int_equal(claim(&err), STATUS_ERROR);
    assert_int_equal(err.code, ERROR_ORDER_SUPERSEDED);
}

static void test_edges_of_time(void **state) {
    (void)state;
    error_t err;
    assert_int_equal(world_verify(&world, &err), STATUS_OK);
    world.now_us = world.plan_order.expires_us + TRUST_SKEW_US;
    assert_int_equal(world_verify(&world, &err), STATUS_OK);
    world.now_us++;
    assert_int_equal(world_verify(&world, &err), STATUS_ERROR);
    world.now_us = world.plan_order.not_before_us - TRUST_SKEW_US;
    assert_int_equal(world_verify(&world, &err), STATUS_OK);
    world.now_us--;
    assert_int_equal(world_verify(&world, &err), STATUS_ERROR);
    assert_int_equal(err.code, ERROR_ORDER_EARLY);
}

/* Past the trust file's end an accepted order's undo goes on; stop and hold do, too. */
static void test_grace(void **state) {
    (void)state;
    error_t err;
    world.plan.expires_us = NOW_US - 13 * TRUST_DAY_US;
    world.accepted = true;
    world.deed.action = ACTION_UNDO;
    world.deed.target_position = 3;
    admitted();
    assert_true(world.authority.expired);
    world_close(&world);
    world_open(&world);
    world.plan.expires_us = NOW_US - 13 * TRUST_DAY_US;
    make(ORDER_HOLD);
    world.plan_order.application = "";
    world.plan_order.proposer = *world_public(OP_C);
    SIGN_BY(&world.signers, OP_A, OP_C);
    assert_int_equal(world_verify(&world, &err), STATUS_OK);
}

/* A signer who retired after the order was accepted goes on counting for it; one revoked does not.
 */
static void test_retired_since(void **state) {
    (void)state;
    error_t err;
    world.keys[OP_B].standing = TRUST_RETIRED;
    world.keys[OP_B].until_us = NOW_US - TRUST_MINUTE_US;
    assert_int_equal(world_verify(&world, &err), STATUS_ERROR);
    world.accepted = true;
    assert_int_equal(world_verify(&world, &err), STATUS_OK);
}

/* More people sign than are needed: who is outside the tenant's labels is not missed. */
static void test_selectors(void **state) {
    (void)state;
    error_t err;
    SIGN_BY(&world.signers, OP_A, OP_SILVER, OP_C);
    admitted();
    world.label.value = "silver";
    admitted();
    assert_int_equal(world_verify(&world, &err), STATUS_OK);
    assert_int_equal(world.authority.tally.count, 3);
}

/* What is missing, while signatures come in, and by which role. */
static void test_count(void **state) {
    (void)state;
    error_t err;
    assert_int_equal(world_pin(&world, &err), STATUS_OK);
    SIGN_BY(&world.signers, OP_A);
    assert_int_equal(world_write_order(&world, &err), STATUS_OK);
    trust_view_t view = world_view(&world);
    order_count_t count = order_count(&view, world.order, NULL);
    assert_int_equal(count.role, ROLE_OPERATOR);
    assert_int_equal(count.tally.needed, 2);
    assert_int_equal(count.tally.count, 1);
    assert_true(count.tally.proposer_signed);
    /* where the proposer does not count: the order's own, or that of what it approves */
    world.thresholds[0].proposer_counts = false;
    trust_destroy(&world.trust);
    assert_int_equal(world_pin(&world, &err), STATUS_OK);
    view = world_view(&world);
    assert_int_equal(order_count(&view, world.order, NULL).tally.count, 0);
    order_t approved = {.proposer = *world_public(OP_B)};
    assert_int_equal(order_count(&view, world.order, &approved).tally.count, 1);
    approved.proposer = *world_public(OP_A);
    assert_int_equal(order_count(&view, world.order, &approved).tally.count, 0);
    world_close(&world);
    world_open(&world);
    make(ORDER_ROLLBACK);
    assert_int_equal(world_pin(&world, &err), STATUS_OK);
    SIGN_BY(&world.signers, OP_A, OP_B);
    assert_int_equal(world_write_order(&world, &err), STATUS_OK);
    view = world_view(&world);
    count = order_count(&view, world.order, NULL);
    assert_int_equal(count.role, ROLE_OPERATOR); /* reached, the way back lacks one */
    assert_int_equal(count.tally.count, 2);
    assert_int_equal(order_kind_roles(ORDER_ROLLBACK), 1U << ROLE_ROLLBACK | 1U << ROLE_OPERATOR);
    assert_int_equal(order_kind_roles(ORDER_TAKE_BACK), 1U << ROLE_ROLLBACK | 1U << ROLE_OPERATOR);
    assert_int_equal(order_kind_roles(ORDER_ROLLOUT), 1U << ROLE_OPERATOR);
    assert_int_equal(order_kind_roles(ORDER_APPROVE_WAVE), 1U << ROLE_APPROVER);
}

static void test_proposer_apart(void **state) {
    (void)state;
    error_t err;
    world.thresholds[0].proposer_counts = false;
    SIGN_BY(&world.signers, OP_A, OP_B, OP_C);
    assert_int_equal(world_verify(&world, &err), STATUS_OK);
    assert_int_equal(world.authority.tally.count, 2);
}

static void test_bundles(void **state) {
    (void)state;
    error_t err;
    assert_int_equal(world_verify(&world, &err), STATUS_OK);
    sign_public_t keys[3] = {*world_public(RELEASE_A), *world_public(RELEASE_RETIRED),
                             *world_public(STRANGER)};
    release_claim_t claim = {.digest = world.plan_order.bundle,
                             .application = "app",
                             .signers = keys,
                             .signer_count = 3};
    trust_view_t view = world_view(&world);
    /* a bundle that an earlier key released can be taken back, not brought out */
    assert_int_equal(release_verify(&view, &claim, true, &err), STATUS_ERROR);
    assert_int_equal(release_verify(&view, &claim, false, &err), STATUS_OK);
    assert_int_equal(order_takes_bundle(&world.authority, &claim, &err), STATUS_ERROR);
    /* nor does an order that is at work lose its bundle when a release key retires */
    world.accepted = true;
    assert_int_equal(world_verify(&world, &err), STATUS_OK);
    assert_int_equal(order_takes_bundle(&world.authority, &claim, &err), STATUS_OK);
    world.accepted = false;
    assert_int_equal(world_verify(&world, &err), STATUS_OK);
    assert_int_equal(order_takes_bundle(&world.authority, &claim, &err), STATUS_ERROR);
    keys[2] = *world_public(RELEASE_B);
    assert_int_equal(order_takes_bundle(&world.authority, &claim, &err), STATUS_OK);
}

/* Bytes that only strangers signed are not parsed: what is wrong in them is not even noticed. */
static void test_strangers(void **state) {
    (void)state;
    error_t err;
    assert_int_equal(world_pin(&world, &err), STATUS_OK);
    document_body_t body = {.kind = DOCUMENT_ORDER, .bytes = "\xff", .size = 1};
    CLEANUP(document_destroy_p) document_t *document = NULL;
    assert_int_equal(document_new(&body, &document, &err), STATUS_OK);
    assert_int_equal(document_sign(document, world_secret(STRANGER), &err), STATUS_OK);
    trust_view_t view = world_view(&world);
    order_source_t source = {.document = document};
    order_authority_t authority;
    order_t *order = NULL;
    assert_int_equal(order_open(&view, &source, &order, &authority, &err), STATUS_ERROR);
    assert_int_equal(err.code, ERROR_TRUST_THRESHOLD);
    assert_int_equal(document_sign(document, world_secret(OP_A), &err), STATUS_OK);
    assert_int_equal(order_open(&view, &source, &order, &authority, &err), STATUS_ERROR);
    assert_int_equal(err.code, ERROR_TRUST_DOCUMENT);
    assert_null(order);
}

static void test_proof_bytes(void **state) {
    (void)state;
    error_t err;
    proof_t proof;
    proof_t back;
    CLEANUP(buffer_free) buffer_t bytes = {0};
    memset(&proof, 0, sizeof proof);
    proof.leaf = world.leaves[1];
    proof.leaf.cluster = UINT64_MAX;
    proof.leaf.number = INT64_MAX;
    memset(proof.leaf.reference.bytes, 0x5e, IDENT_BYTES);
    proof.wave = 255;
    proof.path.index = 0xfedcba98;
    proof.path.size = MERKLE_PATH;
    memset(proof.path.digests, 0x5c, sizeof proof.path.digests);
    proof_encode(&proof, &bytes);
    assert_int_equal(bytes.size, PROOF_BYTES);
    assert_int_equal(proof_decode(bytes.data, bytes.size, &back, &err), STATUS_OK);
    assert_memory_equal(&back, &proof, sizeof proof);
    for (size_t size = 0; size < 64; size++) {
        assert_int_equal(proof_decode(bytes.data, size, &back, &err), STATUS_ERROR);
    }
    buffer_append(&bytes, proof.path.digests, DIGEST_BYTES);
    assert_int_equal(proof_decode(bytes.data, bytes.size, &back, &err), STATUS_ERROR);
    assert_int_equal(err.code, ERROR_ORDER_PROOF);
}

int main(void) {
    world_keys();
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_read_back),
        TEST(test_every_kind),
        TEST(test_one_person_takes_back),
        TEST(test_later_wave),
        TEST(test_undo_of_a_rollout),
        TEST(test_operators_take_back),
        TEST(test_numbers),
        TEST(test_standing),
        TEST(test_edges_of_time),
        TEST(test_grace),
        TEST(test_retired_since),
        TEST(test_selectors),
        TEST(test_proposer_apart),
        TEST(test_prune),
        TEST(test_draft),
        TEST(test_references),
        TEST(test_count),
        TEST(test_bundles),
        TEST(test_proof_bytes),
        TEST(test_strangers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
