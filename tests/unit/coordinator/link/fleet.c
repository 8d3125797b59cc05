/* fleet.c: see fleet.h. */
#include "common/crypto/random.h"
#include "common/trust/trust_file.h"
#include "coordinator/store/store_signed_order.h"
#include "tests/unit/coordinator/link/world.h"

static void must(status_t status, const error_t *err) {
    if (status != STATUS_OK) {
        char line[1024];
        fail_msg("%s", error_line(err, line, sizeof line));
    }
}

/* ------------------------------------------------------------------ the trust file */

typedef struct draft {
    trust_key_t keys[4];
    trust_grant_t operator_grants[2];
    trust_grant_t gate_grants[2];
    trust_threshold_t thresholds[3];
    trust_t trust;
} draft_t;

static trust_key_t key_of(const sign_public_t *key, trust_use_t use, const char *name) {
    return (trust_key_t){.key = *key,
                         .use = use,
                         .name = name,
                         .standing = TRUST_ACTIVE,
                         .from_us = 1,
                         .reason = ""};
}

static void draft(const world_t *world, int64_t version, draft_t *ret_draft) {
    static const trust_grant_t OPERATOR = {ROLE_OPERATOR, "", "", "", NULL};
    static const trust_grant_t ADMIN = {ROLE_ADMIN, "", "", "", NULL};
    static const trust_grant_t APPROVER = {ROLE_APPROVER, "", "", "", NULL};
    const trust_grant_t *other = world->fleet.operator_grant;
    *ret_draft = (draft_t){
        .keys = {key_of(&world->fleet.root, TRUST_ROOT, "rita"),
                 key_of(&world->operator.sign, TRUST_OPERATOR, "op"),
                 key_of(&world->fleet.gate, TRUST_OPERATOR, "gate"),
                 key_of(&world->sign, TRUST_COORDINATOR, "host")},
        .operator_grants = {other != NULL ? *other : OPERATOR, ADMIN},
        .gate_grants = {APPROVER, OPERATOR},
        .thresholds = {{ROLE_OPERATOR, 1, "", "", true},
                       {ROLE_ADMIN, 1, "", "", true},
                       {ROLE_APPROVER, 1, "", "", false}},
    };
    memcpy(ret_draft->keys[1].curve, world->operator.key.bytes, sizeof ret_draft->keys[1].curve);
    ret_draft->keys[1].grants = ret_draft->operator_grants;
    ret_draft->keys[1].grant_count = 2;
    ret_draft->keys[2].grants = ret_draft->gate_grants;
    ret_draft->keys[2].grant_count = other != NULL ? 2 : 1;
    ret_draft->trust = (trust_t){
        .fleet = world->fleet.id,
        .version = version,
        .issued_us = clock_wall_us() - US_PER_S,
        .expires_us = clock_wall_us() + TRUST_DAY_US,
        .root_threshold = 1,
        .keys = ret_draft->keys,
        .key_count = 4,
        .thresholds = ret_draft->thresholds,
        .threshold_count = 3,
    };
}

static document_t *signed_trust(const world_t *world, int64_t version) {
    error_t err = {0};
    draft_t plan;
    document_t *document = NULL;
    draft(world, version, &plan);
    must(trust_write(&plan.trust, &document, &err), &err);
    must(document_sign(document, &world->fleet.root_secret, &err), &err);
    return document;
}

void fleet_open(world_t *world) {
    error_t err = {0};
    fleet_t *fleet = &world->fleet;
    fleet->id = random_ident();
    sign_keypair(&fleet->root, &fleet->root_secret);
    sign_keypair(&fleet->gate, &fleet->gate_secret);
    (void)snprintf(fleet->pin, sizeof fleet->pin, "%s/trust", world->folder);
    CLEANUP(document_destroy_p) document_t *document = signed_trust(world, 1);
    must(trust_file_write(document, fleet->pin, &err), &err);
    must(trust_pin(document, &fleet->trust, &err), &err);
}

void fleet_close(world_t *world) {
    trust_destroy(&world->fleet.trust);
}

static void begin(world_t *world) {
    error_t err = {0};
    must(store_begin(world->store, &err), &err);
}

static void commit(world_t *world) {
    error_t err = {0};
    must(store_commit(world->store, &err), &err);
}

void fleet_publish(world_t *world) {
    error_t err = {0};
    bool known = true;
    CLEANUP(document_destroy_p)
    document_t *document = signed_trust(world, keeper_view(world->keeper, 0).trust->version + 1);
    keeper_paper_t paper = {.document = document, .by = "op", .now_us = clock_wall_us()};
    bool own = !store_in_transaction(world->store);
    if (own) {
        begin(world);
    }
    must(keeper_publish(world->keeper, &paper, &known, &err), &err);
    if (own) {
        commit(world);
    }
    assert_false(known);
}

/* ------------------------------------------------------------------ cards */

void fleet_card(world_t *world, const actor_t *actor, enrolment_state_t state) {
    error_t err = {0};
    CLEANUP(document_destroy_p) document_t *document = NULL;
    CLEANUP(buffer_free) buffer_t bytes = {0};
    card_t card = {.fleet = world->fleet.id,
                   .key = actor->sign,
                   .name = actor->name,
                   .issued_us = clock_wall_us() - US_PER_S,
                   .serial = 1};
    memcpy(card.curve, actor->key.bytes, sizeof card.curve);
    must(card_write(&card, &document, &err), &err);
    must(document_sign(document, &world->operator.secret, &err), &err);
    must(document_encode(document, &bytes, &err), &err);
    enrolment_row_t row = {.sign = actor->sign,
                           .name = actor->name,
                           .state = state,
                           .request = {.bytes = "r", .size = 1},
                           .card = {.bytes = bytes.data, .size = bytes.size},
                           .serial = 1,
                           .reason = "",
                           .asked_us = 1,
                           .decided_us = 2};
    memcpy(row.curve.bytes, actor->key.bytes, sizeof row.curve.bytes);
    begin(world);
    must(store_enrolment_put(world->store, &row, &err), &err);
    commit(world);
    keeper_changed(world->keeper);
}

void fleet_revoke(world_t *world, const actor_t *actor) {
    error_t err = {0};
    bool known = true;
    CLEANUP(document_destroy_p) document_t *document = NULL;
    revocation_t revocation = {
        .fleet = world->fleet.id, .key = actor->sign, .at_us = clock_wall_us(), .reason = "lost"};
    must(revocation_write(&revocation, &document, &err), &err);
    must(document_sign(document, &world->operator.secret, &err), &err);
    keeper_paper_t paper = {.document = document, .by = "op", .now_us = clock_wall_us()};
    begin(world);
    must(keeper_revoke(world->keeper, &paper, &known, &err), &err);
    commit(world);
    assert_false(known);
}

/* ------------------------------------------------------------------ orders */

static order_t blank(const world_t *world, order_kind_t kind) {
    int64_t now_us = clock_wall_us();
    return (order_t){.fleet = world->fleet.id,
                     .id = random_ident(),
                     .kind = kind,
                     .application = "shop",
                     .environment = "",
                     .recovery_kind = "",
                     .recovery_reason = "",
                     .trial_restore = "",
                     .issued_us = now_us,
                     .not_before_us = now_us,
                     .expires_us = now_us + TRUST_DAY_US,
                     .proposer = world->operator.sign,
                     .trust_version = 1};
}

/* Sign and store; the store's transaction is the caller's. */
static digest_t take(world_t *world, const order_t *order, const sign_secret_t *secret,
                     const ident_t *rollout) {
    error_t err = {0};
    CLEANUP(document_destroy_p) document_t *document = NULL;
    CLEANUP(buffer_free) buffer_t bytes = {0};
    must(order_write(order, &document, &err), &err);
    must(document_sign(document, secret, &err), &err);
    must(document_encode(document, &bytes, &err), &err);
    signed_order_row_t row = {.digest = document->id,
                              .order_id = order->id,
                              .kind = order->kind,
                              .subject = order->subject,
                              .wave = order->subject_wave,
                              .application = order->application,
                              .environment = order->environment,
                              .issued_us = order->issued_us,
                              .document = bytes.data,
                              .document_size = bytes.size,
                              .accepted_us = order->issued_us,
                              .expires_us = world->fleet.ended ? 1 : order->expires_us,
                              .received_us = order->issued_us};
    if (rollout != NULL) {
        row.rollout = *rollout;
    }
    must(store_signed_order_put(world->store, &row, &err), &err);
    return row.digest;
}

static int compare_leaves(const void *a, const void *b) {
    return ident_compare(&((const leaf_t *)a)->tenant, &((const leaf_t *)b)->tenant);
}

/* The leaves of one of the rollout's waves; answers how many there are. */
static uint32_t make_leaves(const world_t *world, const rollout_t *rollout, uint32_t number,
                            int64_t issued_us, leaf_t leaves[TENANTS]) {
    uint32_t count = 0;
    const wave_t *wave = &rollout->waves[number];
    for (uint32_t i = wave->first; i < wave->first + wave->count; i++) {
        const task_t *task = &rollout->tasks[i];
        if (task->state == TASK_PENDING) {
            leaves[count++] = (leaf_t){.tenant = task->tenant,
                                       .cluster = CLUSTER + world->fleet.of_others,
                                       .number = issued_us,
                                       .from_position = task->from_position,
                                       .to_position = task->to_position};
        }
    }
    qsort(leaves, count, sizeof leaves[0], compare_leaves);
    return count;
}

static void add_wave(const world_t *world, const rollout_t *rollout, uint32_t number,
                     order_t *order, order_wave_t *waves) {
    error_t err = {0};
    leaf_t items[TENANTS];
    uint32_t count = make_leaves(world, rollout, number, order->issued_us, items);
    if (count == 0) {
        return; /* nobody in it is named */
    }
    leaves_t leaves = {.application = order->application,
                       .wave = (uint32_t)order->wave_count,
                       .leaves = items,
                       .count = count};
    CLEANUP(merkle_destroy_p) merkle_t *tree = NULL;
    must(leaves_tree(&leaves, &tree, &err), &err);
    waves[order->wave_count++] =
        (order_wave_t){.count = count,
                       .root = merkle_root(tree),
                       .budget_count = world->fleet.budget,
                       .needs_approval = number > 0 && world->fleet.needs_approval,
                       .soak_us = world->fleet.soak_us};
}

void fleet_order(world_t *world, rollout_t *rollout) {
    order_wave_t waves[FLEET_WAVES];
    order_t order = blank(world, ORDER_ROLLOUT);
    memset(order.bundle.bytes, 0xb0, sizeof order.bundle.bytes);
    order.target_position = rollout->target_position;
    order.recovery_kind = "dump";
    order.trial_restore = "canary";
    order.undo_authorized = true;
    order.waves = waves;
    assert_true(rollout->wave_count <= FLEET_WAVES);
    for (uint32_t w = 0; w < rollout->wave_count; w++) {
        add_wave(world, rollout, w, &order, waves);
    }
    world->fleet.order = take(world, &order, &world->operator.secret, &rollout->id);
    rollout->order_digest = world->fleet.order;
    rollout->ticketed = true;
}

void fleet_say(world_t *world, order_kind_t kind) {
    fleet_say_of(world, kind, kind == ORDER_STOP ? "shop" : "");
}

void fleet_say_of(world_t *world, order_kind_t kind, const char *application) {
    order_t order = blank(world, kind);
    order.application = application;
    if (kind == ORDER_STOP) {
        order.subject = world->fleet.order;
    }
    begin(world);
    (void)take(world, &order, &world->operator.secret, NULL);
    commit(world);
}

void fleet_say_ended(world_t *world, order_kind_t kind) {
    world->fleet.ended = true;
    fleet_say(world, kind);
    world->fleet.ended = false;
}

digest_t fleet_take_back(world_t *world, const fleet_back_t *back, buffer_t *out) {
    error_t err = {0};
    CLEANUP(document_destroy_p) document_t *document = NULL;
    order_t order = blank(world, ORDER_TAKE_BACK);
    order.subject = back->subject;
    order.proposer = back->by_approver ? world->fleet.gate : world->operator.sign;
    must(order_write(&order, &document, &err), &err);
    must(document_sign(document,
                       back->by_approver ? &world->fleet.gate_secret : &world->operator.secret,
                       &err),
         &err);
    must(document_encode(document, out, &err), &err);
    return document->id;
}

void fleet_approve(world_t *world, const fleet_approval_t *approval) {
    order_t order = blank(world, ORDER_APPROVE_WAVE);
    order.subject = world->fleet.order;
    order.subject_wave = approval->wave;
    order.proposer = approval->by_proposer ? world->operator.sign : world->fleet.gate;
    begin(world);
    (void)take(world, &order,
                 approval->by_proposer ? &world->operator.secret : &world->fleet.gate_secret, NULL);
    commit(world);
}

/* ------------------------------------------------------------------ results */

static int compare_entries(const void *a, const void *b) {
    return ident_compare(&((const result_entry_t *)a)->tenant,
                         &((const result_entry_t *)b)->tenant);
}

void fleet_result(world_t *world, const actor_t *actor, const fleet_words_t *words, buffer_t *out) {
    error_t err = {0};
    result_entry_t entries[TENANTS];
    for (uint32_t i = 0; i < words->count; i++) {
        entries[i] = (result_entry_t){tenant_id(words->first + i), words->outcome};
    }
    qsort(entries, words->count, sizeof entries[0], compare_entries);
    result_t result = {.fleet = world->fleet.id,
                       .order = world->fleet.order,
                       .wave = words->wave,
                       .issued_us = clock_wall_us() + words->later_us,
                       .entries = entries,
                       .entry_count = words->count};
    CLEANUP(document_destroy_p) document_t *document = NULL;
    must(result_write(&result, &document, &err), &err);
    must(document_sign(document, &actor->secret, &err), &err);
    must(document_encode(document, out, &err), &err);
}

/* ------------------------------------------------------------------ as an agent judges */

typedef struct judge {
    order_t *order;
    order_authority_t authority;
} judge_t;

static void judge_free(judge_t *judge) {
    order_destroy(&judge->order);
}

static status_t judge_open(world_t *world, judge_t *judge, error_t *err) {
    CLEANUP(arena_free) arena_t arena = {0};
    CLEANUP(document_destroy_p) document_t *document = NULL;
    signed_order_row_t row;
    TRY(store_signed_order_get(world->store, &world->fleet.order, &arena, &row, err));
    TRY(document_decode(row.document, row.document_size, &document, err));
    trust_view_t view = {.trust = world->fleet.trust, .now_us = clock_wall_us()};
    order_source_t source = {.document = document};
    return order_open(&view, &source, &judge->order, &judge->authority, err);
}

status_t fleet_admits(world_t *world, const fleet_deed_t *deed, ProtobufCBinaryData bytes,
                      error_t *err) {
    CLEANUP(judge_free) judge_t judge = {0};
    proof_t proof;
    const selector_subject_t labels = {.name = "acme"};
    TRY(judge_open(world, &judge, err));
    TRY(proof_decode(bytes.data, bytes.len, &proof, err));
    order_deed_t done = {.action = deed->action,
                         .tenant = deed->tenant,
                         .cluster = CLUSTER,
                         .environment = "",
                         .target_position = deed->target,
                         .open_wave = deed->open_wave,
                         .labels = &labels};
    return order_admits(&judge.authority, &done, &proof, err);
}

status_t fleet_opens(world_t *world, const ticket_claim_t *claim, ticket_verdict_t *ret_verdict,
                     error_t *err) {
    CLEANUP(judge_free) judge_t judge = {0};
    TRY(judge_open(world, &judge, err));
    return ticket_verify(&judge.authority, claim, ret_verdict, err);
}
