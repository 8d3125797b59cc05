/* world.c: see world.h. */
#include "tests/unit/trust/world.h"

#include <sodium.h>

static sign_public_t publics[KEYS];
static sign_secret_t secrets[KEYS];

void world_keys(void) {
    for (int i = 0; i < KEYS; i++) {
        unsigned char seed[crypto_sign_SEEDBYTES] = {0};
        seed[0] = (unsigned char)(i + 1);
        INVARIANT(crypto_sign_seed_keypair(publics[i].bytes, secrets[i].bytes, seed) == 0);
    }
}

const sign_public_t *world_public(which_t which) {
    return &publics[which];
}

const sign_secret_t *world_secret(which_t which) {
    return &secrets[which];
}

void world_sign_by(signers_t *signers, const which_t *list) {
    signers->count = 0;
    for (; *list != KEYS; list++) {
        signers->keys[signers->count++] = *list;
    }
}

/* --- as it comes ----------------------------------------------------------------------------- */

typedef struct row {
    trust_use_t use;
    const char *name;
    trust_standing_t standing;
    trust_grant_t grant; /* role 0: none */
} row_t;

static const row_t ROWS[KEYS_NAMED] = {
    [ROLLBACK_A] = {TRUST_OPERATOR, "night", TRUST_ACTIVE, {ROLE_ROLLBACK, "", "", "", NULL}},
    [ROOT_A] = {TRUST_ROOT, "first", TRUST_ACTIVE, {0}},
    [ROOT_B] = {TRUST_ROOT, "second", TRUST_ACTIVE, {0}},
    [ROOT_C] = {TRUST_ROOT, "third", TRUST_ACTIVE, {0}},
    [ROOT_A2] = {TRUST_ROOT, "FIRST", TRUST_ACTIVE, {0}},
    [ROOT_RETIRED] = {TRUST_ROOT, "fourth", TRUST_RETIRED, {0}},
    [ROOT_REVOKED] = {TRUST_ROOT, "fifth", TRUST_REVOKED, {0}},
    [OP_A] = {TRUST_OPERATOR, "first", TRUST_ACTIVE, {ROLE_OPERATOR, "", "", "", NULL}},
    [OP_B] = {TRUST_OPERATOR, "second", TRUST_ACTIVE, {ROLE_OPERATOR, "app", "prod", "", NULL}},
    [OP_C] = {TRUST_OPERATOR, "third", TRUST_ACTIVE, {ROLE_OPERATOR, "", "", "", NULL}},
    [OP_A2] = {TRUST_OPERATOR, "First", TRUST_ACTIVE, {ROLE_OPERATOR, "", "", "", NULL}},
    [OP_RETIRED] = {TRUST_OPERATOR, "fourth", TRUST_RETIRED, {ROLE_OPERATOR, "", "", "", NULL}},
    [OP_REVOKED] = {TRUST_OPERATOR, "fifth", TRUST_REVOKED, {ROLE_OPERATOR, "", "", "", NULL}},
    [OP_LATER] = {TRUST_OPERATOR, "sixth", TRUST_ACTIVE, {ROLE_OPERATOR, "", "", "", NULL}},
    [OP_OTHER] = {TRUST_OPERATOR, "other", TRUST_ACTIVE, {ROLE_OPERATOR, "shop", "", "", NULL}},
    [OP_STAGING] = {TRUST_OPERATOR, "stage", TRUST_ACTIVE, {ROLE_OPERATOR, "", "test", "", NULL}},
    [OP_SILVER] = {TRUST_OPERATOR,
                   "silver",
                   TRUST_ACTIVE,
                   {ROLE_OPERATOR, "", "", "tier=silver", NULL}},
    [APPROVER] = {TRUST_OPERATOR, "gate", TRUST_ACTIVE, {ROLE_APPROVER, "", "", "", NULL}},
    [ADMIN_A] = {TRUST_OPERATOR, "desk-1", TRUST_ACTIVE, {ROLE_ADMIN, "", "", "", NULL}},
    [ADMIN_B] = {TRUST_OPERATOR, "desk-2", TRUST_ACTIVE, {ROLE_ADMIN, "", "", "", NULL}},
    [RELEASE_A] = {TRUST_RELEASE, "build-1", TRUST_ACTIVE, {ROLE_RELEASE, "", "", "", NULL}},
    [RELEASE_B] = {TRUST_RELEASE, "build-2", TRUST_ACTIVE, {ROLE_RELEASE, "", "", "", NULL}},
    [RELEASE_RETIRED] = {TRUST_RELEASE, "build-0", TRUST_RETIRED, {ROLE_RELEASE, "", "", "", NULL}},
    [RELEASE_OTHER] = {TRUST_RELEASE,
                       "build-3",
                       TRUST_ACTIVE,
                       {ROLE_RELEASE, "shop", "", "", NULL}},
    [COORDINATOR] = {TRUST_COORDINATOR, "host-1", TRUST_ACTIVE, {0}},
    [COORDINATOR_RETIRED] = {TRUST_COORDINATOR, "host-0", TRUST_RETIRED, {0}},
};

static const trust_threshold_t LIMITS[] = {
    {ROLE_OPERATOR, 2, "", "", true}, {ROLE_ROLLBACK, 1, "", "", true},
    {ROLE_APPROVER, 1, "", "", true}, {ROLE_ADMIN, 2, "", "", true},
    {ROLE_RELEASE, 2, "", "", true},
};

static void open_trust(world_t *world) {
    for (int i = 0; i < KEYS_NAMED; i++) {
        const row_t *row = &ROWS[i];
        world->grants[i][0] = row->grant;
        world->keys[i] = (trust_key_t){
            .key = publics[i],
            .use = row->use,
            .name = row->name,
            .standing = row->standing,
            .from_us = i == OP_LATER ? NOW_US + TRUST_DAY_US : NOW_US - 300 * TRUST_DAY_US,
            .until_us = row->standing == TRUST_ACTIVE ? 0 : NOW_US - 10 * TRUST_DAY_US,
            .reason = "",
            .grants = world->grants[i],
            .grant_count = row->grant.role == 0 ? 0 : 1,
        };
    }
    world->keys[COORDINATOR].curve[0] = 7;
    memcpy(world->thresholds, LIMITS, sizeof LIMITS);
    world->plan = (trust_t){
        .version = 4,
        .issued_us = NOW_US - 30 * TRUST_DAY_US,
        .expires_us = NOW_US + 300 * TRUST_DAY_US,
        .root_threshold = 2,
        .keys = world->keys,
        .key_count = KEYS_NAMED,
        .thresholds = world->thresholds,
        .threshold_count = sizeof LIMITS / sizeof LIMITS[0],
        .revoked_agents = world->revoked_agents,
        .undo_grace_us = 14 * TRUST_DAY_US,
    };
    memset(world->plan.fleet.bytes, 0xf1, IDENT_BYTES);
    SIGN_BY(&world->roots, ROOT_A, ROOT_B);
}

static void open_order(world_t *world) {
    for (uint32_t i = 0; i < WAVE_0 + WAVE_1; i++) {
        leaf_t *leaf = &world->leaves[i];
        memset(leaf->tenant.bytes, (int)(0x10 + i), IDENT_BYTES);
        leaf->number = 100 + i;
        leaf->from_position = 3;
        leaf->to_position = 5;
    }
    world->leaves[0].cluster = CLUSTER_A;
    world->leaves[2].cluster = CLUSTER_B;
    world->waves[0] = (order_wave_t){.count = WAVE_0};
    world->waves[1] = (order_wave_t){.count = WAVE_1};
    world->plan_order = (order_t){
        .fleet = world->plan.fleet,
        .kind = ORDER_ROLLOUT,
        .application = "app",
        .environment = "prod",
        .target_position = 5,
        .recovery_kind = "dump",
        .recovery_reason = "",
        .trial_restore = "canary",
        .waves = world->waves,
        .wave_count = WAVES,
        .issued_us = NOW_US - 2 * 60 * TRUST_MINUTE_US,
        .not_before_us = NOW_US - 2 * 60 * TRUST_MINUTE_US,
        .expires_us = NOW_US + 7 * TRUST_DAY_US,
        .proposer = publics[OP_A],
        .undo_authorized = true,
        .trust_version = 4,
    };
    memset(world->plan_order.id.bytes, 0x1d, IDENT_BYTES);
    memset(world->plan_order.bundle.bytes, 0xb0, DIGEST_BYTES);
    SIGN_BY(&world->signers, OP_A, OP_B);
    world->label = (selector_label_t){.key = "tier", .value = "gold"};
    world->labels = (selector_subject_t){.name = "one", .labels = &world->label, .label_count = 1};
    world->deed = (order_deed_t){
        .action = ACTION_FORWARD,
        .tenant = world->leaves[0].tenant,
        .cluster = CLUSTER_A,
        .environment = "prod",
        .target_position = 5,
        .labels = &world->labels,
    };
}

static void open_agents(world_t *world) {
    static const uint64_t CLUSTERS[2] = {CLUSTER_A, CLUSTER_B};
    static const char *const NAMES[2] = {"agent-1", "agent-2"};
    for (int i = 0; i < 2; i++) {
        which_t key = i == 0 ? AGENT_A : AGENT_B;
        world->cards[i] = (card_t){
            .fleet = world->plan.fleet,
            .key = publics[key],
            .name = NAMES[i],
            .clusters = &CLUSTERS[i],
            .cluster_count = 1,
            .issued_us = NOW_US - 20 * TRUST_DAY_US,
            .expires_us = NOW_US + 100 * TRUST_DAY_US,
            .serial = 1,
        };
        world->cards[i].curve[0] = (uint8_t)(40 + i);
        world->results[i] = (result_t){
            .fleet = world->plan.fleet,
            .wave = 0,
            .issued_us = NOW_US - 10 * TRUST_MINUTE_US,
            .entries = world->entries[i],
        };
        world->result_signers[i] = key;
    }
    world->entries[0][0] = (result_entry_t){world->leaves[0].tenant, RESULT_DONE};
    world->entries[0][1] = (result_entry_t){world->leaves[1].tenant, RESULT_NOT_NEEDED};
    world->entries[1][0] = (result_entry_t){world->leaves[2].tenant, RESULT_DONE};
    world->results[0].entry_count = 2;
    world->results[1].entry_count = 1;
    SIGN_BY(&world->admins, ADMIN_A, ADMIN_B);
    world->parts = (ticket_parts_t){
        .wave = 1,
        .leaves = world->leaves,
        .leaf_count = WAVE_0,
        .statements = world->statements,
        .statement_count = 2,
    };
    world->opens = 1;
    world->plan_approval = (order_t){
        .fleet = world->plan.fleet,
        .kind = ORDER_APPROVE_WAVE,
        .application = "app",
        .environment = "prod",
        .recovery_kind = "",
        .recovery_reason = "",
        .trial_restore = "",
        .issued_us = NOW_US - TRUST_MINUTE_US,
        .not_before_us = NOW_US - TRUST_MINUTE_US,
        .expires_us = NOW_US + TRUST_DAY_US,
        .proposer = publics[APPROVER],
        .subject_wave = 1,
        .trust_version = 4,
    };
    memset(world->plan_approval.id.bytes, 0xa9, IDENT_BYTES);
    SIGN_BY(&world->approvers, APPROVER);
}

void world_open(world_t *world) {
    memset(world, 0, sizeof *world);
    world->now_us = NOW_US;
    open_trust(world);
    open_order(world);
    open_agents(world);
}

void world_close(world_t *world) {
    trust_destroy(&world->trust);
    revoked_free(&world->revoked);
    document_destroy(&world->order_document);
    order_destroy(&world->order);
    for (int i = 0; i < 2; i++) {
        document_destroy(&world->card_documents[i]);
        document_destroy(&world->result_documents[i]);
    }
    for (int i = 0; i < STATEMENTS; i++) {
        document_destroy(&world->said[i]);
    }
    document_destroy(&world->approval);
    buffer_free(&world->ticket);
}

/* --- signing --------------------------------------------------------------------------------- */

status_t world_sign(document_t *document, const signers_t *signers, error_t *err) {
    for (size_t i = 0; i < signers->count; i++) {
        TRY(document_sign(document, &secrets[signers->keys[i]], err));
    }
    return STATUS_OK;
}

status_t world_travel(document_t **document_p, error_t *err) {
    CLEANUP(buffer_free) buffer_t bytes = {0};
    TRY(document_encode(*document_p, &bytes, err));
    document_t *arrived = NULL;
    TRY(document_decode(bytes.data, bytes.size, &arrived, err));
    document_destroy(document_p);
    *document_p = arrived;
    return STATUS_OK;
}

status_t world_write_trust(world_t *world, document_t **ret_document, error_t *err) {
    CLEANUP(document_destroy_p) document_t *document = NULL;
    TRY(trust_write(&world->plan, &document, err));
    TRY(world_sign(document, &world->roots, err));
    TRY(world_travel(&document, err));
    *ret_document = TAKE(document);
    return STATUS_OK;
}

/* The check that is out stays in while the trust file is made, unless it is what is attacked. */
static trust_check_t put_back(void) {
    trust_check_t out = CHECK_COUNT;
    for (int i = 0; i < CHECK_COUNT; i++) {
        out = trust_check_is_out((trust_check_t)i) ? (trust_check_t)i : out;
    }
    trust_check_remove(CHECK_COUNT);
    return out;
}

static status_t pin(world_t *world, error_t *err) {
    CLEANUP(document_destroy_p) document_t *document = NULL;
    TRY(world_write_trust(world, &document, err));
    return trust_pin(document, &world->trust, err);
}

status_t world_pin(world_t *world, error_t *err) {
    if (world->trust != NULL) {
        return STATUS_OK;
    }
    trust_check_t out = world->arm_trust ? CHECK_COUNT : put_back();
    status_t status = pin(world, err);
    if (!world->arm_trust) {
        trust_check_remove(out);
    }
    return status;
}

trust_view_t world_view(const world_t *world) {
    return (trust_view_t){
        .trust = world->trust, .revoked = &world->revoked, .now_us = world->now_us};
}

/* --- orders ---------------------------------------------------------------------------------- */

leaves_t world_leaves(const world_t *world, uint32_t wave) {
    return (leaves_t){
        .application = world->plan_order.application,
        .wave = wave,
        .leaves = wave == 0 ? world->leaves : world->leaves + WAVE_0,
        .count = wave == 0 ? WAVE_0 : WAVE_1,
    };
}

static status_t plant_roots(world_t *world, error_t *err) {
    for (uint32_t i = 0; i < world->plan_order.wave_count && !world->keep_roots; i++) {
        leaves_t leaves = world_leaves(world, i);
        CLEANUP(merkle_destroy_p) merkle_t *merkle = NULL;
        TRY(leaves_tree(&leaves, &merkle, err));
        world->waves[i].root = merkle_root(merkle);
    }
    return STATUS_OK;
}

status_t world_write_order(world_t *world, error_t *err) {
    if (world->order != NULL) {
        return STATUS_OK;
    }
    TRY(plant_roots(world, err));
    TRY(order_write(&world->plan_order, &world->order_document, err));
    TRY(world_sign(world->order_document, &world->signers, err));
    TRY(world_travel(&world->order_document, err));
    return order_read(world->order_document, &world->order, err);
}

status_t world_verify(world_t *world, error_t *err) {
    TRY(world_pin(world, err));
    TRY(world_write_order(world, err));
    trust_view_t view = world_view(world);
    return order_verify(&view, world->order, world->accepted, &world->authority, err);
}

status_t world_proof(world_t *world, proof_t *ret_proof, error_t *err) {
    leaves_t leaves = world_leaves(world, world->wave);
    CLEANUP(merkle_destroy_p) merkle_t *merkle = NULL;
    TRY(leaves_tree(&leaves, &merkle, err));
    memset(ret_proof, 0, sizeof *ret_proof);
    ret_proof->leaf = leaves.leaves[world->index];
    ret_proof->wave = world->wave;
    merkle_path(merkle, world->index, &ret_proof->path);
    return STATUS_OK;
}

status_t world_admit(world_t *world, error_t *err) {
    TRY(world_verify(world, err));
    CLEANUP(buffer_free) buffer_t bytes = {0};
    proof_t proof;
    TRY(world_proof(world, &proof, err));
    proof_encode(&proof, &bytes);
    TRY(proof_decode(bytes.data, bytes.size, &proof, err));
    return order_admits(&world->authority, &world->deed, &proof, err);
}

/* --- tickets --------------------------------------------------------------------------------- */

status_t world_write_card(world_t *world, int index, document_t **ret_document, error_t *err) {
    CLEANUP(document_destroy_p) document_t *document = NULL;
    TRY(card_write(&world->cards[index], &document, err));
    TRY(world_sign(document, &world->admins, err));
    *ret_document = TAKE(document);
    return STATUS_OK;
}

request_t world_request(const world_t *world) {
    const card_t *card = &world->cards[0];
    request_t request = {
        .key = card->key,
        .name = card->name,
        .clusters = card->clusters,
        .cluster_count = card->cluster_count,
        .issued_us = card->issued_us - TRUST_DAY_US,
    };
    memcpy(request.curve, card->curve, sizeof request.curve);
    return request;
}

status_t world_write_request(const world_t *world, document_t **ret_document, error_t *err) {
    request_t request = world_request(world);
    CLEANUP(document_destroy_p) document_t *document = NULL;
    TRY(request_write(&request, &document, err));
    TRY(document_sign(document, &secrets[AGENT_A], err));
    *ret_document = TAKE(document);
    return STATUS_OK;
}

status_t world_write_ticket(world_t *world, error_t *err) {
    static const digest_t NONE = {0};
    if (digest_equal(&world->parts.order, &NONE)) {
        world->parts.order = world->order->digest;
    }
    for (int i = 0; i < 2; i++) {
        if (digest_equal(&world->results[i].order, &NONE)) {
            world->results[i].order = world->order->digest;
        }
        signers_t signer = {.keys = {world->result_signers[i]}, .count = 1};
        TRY(world_write_card(world, i, &world->card_documents[i], err));
        TRY(result_write(&world->results[i], &world->result_documents[i], err));
        TRY(world_sign(world->result_documents[i], &signer, err));
        world->statements[i] =
            (ticket_statement_t){world->card_documents[i], world->result_documents[i]};
    }
    return ticket_encode(&world->parts, &world->ticket, err);
}

status_t world_say(world_t *world, const saying_t *saying, error_t *err) {
    size_t place = world->parts.statement_count;
    INVARIANT(place < STATEMENTS);
    result_t result = world->results[saying->agent];
    result.issued_us = saying->issued_us;
    result.entries = &saying->entry;
    result.entry_count = 1;
    document_t **document = &world->said[place];
    signers_t signer = {.keys = {world->result_signers[saying->agent]}, .count = 1};
    TRY(result_write(&result, document, err));
    TRY(world_sign(*document, &signer, err));
    world->statements[place] =
        (ticket_statement_t){world->card_documents[saying->agent], *document};
    world->parts.statement_count++;
    buffer_clear(&world->ticket);
    return ticket_encode(&world->parts, &world->ticket, err);
}

status_t world_verify_ticket(world_t *world, error_t *err) {
    ticket_claim_t claim = {
        .wave = world->opens, .bytes = world->ticket.data, .size = world->ticket.size};
    ticket_verdict_t verdict;
    return ticket_verify(&world->authority, &claim, &verdict, err);
}

status_t world_open_wave(world_t *world, error_t *err) {
    TRY(world_verify(world, err));
    TRY(world_write_ticket(world, err));
    return world_verify_ticket(world, err);
}

status_t world_write_approval(world_t *world, error_t *err) {
    if (digest_is_null(&world->plan_approval.subject) &&
        world->plan_approval.kind == ORDER_APPROVE_WAVE) {
        world->plan_approval.subject = world->order->digest;
    }
    TRY(order_write(&world->plan_approval, &world->approval, err));
    TRY(world_sign(world->approval, &world->approvers, err));
    world->parts.order = world->order->digest;
    world->parts.approval = world->approval;
    return ticket_encode(&world->parts, &world->ticket, err);
}

status_t world_approve_wave(world_t *world, error_t *err) {
    TRY(world_verify(world, err));
    TRY(world_write_approval(world, err));
    return world_verify_ticket(world, err);
}
