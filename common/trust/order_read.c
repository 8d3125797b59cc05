/* order_read.c: orders between their plain structs and their bytes. */
#include "common/trust/bodies.h"
#include "common/trust/order_internal.h"

#include <string.h>

typedef Drover__Trust__OrderBody body_t;
typedef Drover__Trust__OrderWave wave_t;

/* order_t with what it points to. */
typedef struct holder {
    order_t order; /* first: order_destroy frees the holder through it */
    arena_t arena;
} holder_t;

void order_destroy(order_t **order_p) {
    if (order_p != NULL && *order_p != NULL) {
        holder_t *holder = (holder_t *)*order_p;
        arena_free(&holder->arena);
        free(holder);
        *order_p = NULL;
    }
}

static status_t read_lists(holder_t *holder, const document_t *document, const body_t *body,
                           error_t *err) {
    order_wave_t *waves = arena_take(&holder->arena, body->n_waves, sizeof *waves);
    size_t signers = document->signature_count;
    sign_public_t *keys = arena_take(&holder->arena, signers, sizeof *keys);
    if (waves == NULL || keys == NULL) {
        return arena_empty(err);
    }
    for (size_t i = 0; i < body->n_waves; i++) {
        const wave_t *from = body->waves[i];
        waves[i] = (order_wave_t){
            .count = from->count,
            .root = body_digest(from->root),
            .budget_count = from->budget_count,
            .budget_percent_bp = from->budget_percent_bp,
            .needs_approval = from->needs_approval,
            .soak_us = from->soak_us,
            .silence_passes = from->silence_passes,
        };
    }
    memcpy(keys, document->keys, signers * sizeof *keys);
    holder->order.waves = waves;
    holder->order.wave_count = body->n_waves;
    holder->order.signers = keys;
    holder->order.signer_count = signers;
    return STATUS_OK;
}

status_t order_read(const document_t *document, order_t **ret_order, error_t *err) {
    holder_t *holder = calloc(1, sizeof *holder);
    if (holder == NULL) {
        return arena_empty(err);
    }
    CLEANUP(order_destroy_p) order_t *order = &holder->order;
    const void *message = NULL;
    TRY(body_unpack(document, DOCUMENT_ORDER, &holder->arena, &message, err));
    const body_t *body = message;
    *order = (order_t){
        .fleet = body_ident(body->fleet),
        .id = body_ident(body->id),
        .kind = (order_kind_t)body->kind,
        .application = body->application,
        .environment = body->environment,
        .bundle = body_digest(body->bundle),
        .target_position = body->target_position,
        .accept_data_loss = body->accept_data_loss,
        .recovery_kind = body->recovery_kind,
        .recovery_reason = body->recovery_reason,
        .trial_restore = body->trial_restore,
        .tenants_total = body->tenants_total,
        .merkle_root = body_digest(body->merkle_root),
        .issued_us = body->issued_us,
        .not_before_us = body->not_before_us,
        .expires_us = body->expires_us,
        .proposer = body_key(body->proposer),
        .undo_authorized = body->undo_authorized,
        .subject = body_digest(body->subject),
        .subject_wave = body->subject_wave,
        .trust_version = body->trust_version,
        .plan = body_digest(body->plan),
        .prune_keep_us = body->prune_keep_us,
        .prune_keep_count = body->prune_keep_count,
        .standing = body->standing_selector,
        .digest = document->id,
    };
    TRY(read_lists(holder, document, body, err));
    TRY(order_check_rules(order, err));
    *ret_order = TAKE(order);
    return STATUS_OK;
}

static status_t write_waves(arena_t *arena, const order_t *order, body_t *body, error_t *err) {
    wave_t *waves = arena_take(arena, order->wave_count, sizeof *waves);
    body->waves = arena_take(arena, order->wave_count, sizeof *body->waves);
    if (waves == NULL || body->waves == NULL) {
        return arena_empty(err);
    }
    for (size_t i = 0; i < order->wave_count; i++) {
        drover__trust__order_wave__init(&waves[i]);
        waves[i].count = order->waves[i].count;
        waves[i].root = body_bytes(order->waves[i].root.bytes, DIGEST_BYTES);
        waves[i].budget_count = order->waves[i].budget_count;
        waves[i].budget_percent_bp = order->waves[i].budget_percent_bp;
        waves[i].needs_approval = order->waves[i].needs_approval;
        waves[i].soak_us = order->waves[i].soak_us;
        waves[i].silence_passes = order->waves[i].silence_passes;
        body->waves[i] = &waves[i];
        body->tenants_total += order->waves[i].count;
    }
    body->n_waves = order->wave_count;
    return STATUS_OK;
}

status_t order_write(const order_t *order, document_t **ret_document, error_t *err) {
    CLEANUP(arena_free) arena_t arena = {0};
    digest_t root = {0};
    if (order->wave_count > 0) {
        TRY(order_root(order->waves, order->wave_count, &root, err));
    }
    body_t body;
    drover__trust__order_body__init(&body);
    body.format = ORDER_FORMAT;
    body.fleet = body_bytes(order->fleet.bytes, IDENT_BYTES);
    body.id = body_bytes(order->id.bytes, IDENT_BYTES);
    body.kind = (Drover__Trust__OrderKind)order->kind;
    body.application = body_text(order->application);
    body.environment = body_text(order->environment);
    body.bundle = body_optional(order->bundle.bytes, DIGEST_BYTES);
    body.target_position = order->target_position;
    body.accept_data_loss = order->accept_data_loss;
    body.recovery_kind = body_text(order->recovery_kind);
    body.recovery_reason = body_text(order->recovery_reason);
    body.trial_restore = body_text(order->trial_restore);
    body.merkle_root = body_optional(root.bytes, DIGEST_BYTES);
    body.issued_us = order->issued_us;
    body.not_before_us = order->not_before_us;
    body.expires_us = order->expires_us;
    body.proposer = body_bytes(order->proposer.bytes, SIGN_PUBLIC_BYTES);
    body.undo_authorized = order->undo_authorized;
    body.subject = body_optional(order->subject.bytes, DIGEST_BYTES);
    body.subject_wave = order->subject_wave;
    body.trust_version = order->trust_version;
    body.plan = body_optional(order->plan.bytes, DIGEST_BYTES);
    body.prune_keep_us = order->prune_keep_us;
    body.prune_keep_count = order->prune_keep_count;
    body.standing_selector = body_text(order->standing != NULL ? order->standing : "");
    TRY(write_waves(&arena, order, &body, err));
    CLEANUP(document_destroy_p) document_t *document = NULL;
    TRY(body_pack(DOCUMENT_ORDER, &body.base, &document, err));
    CLEANUP(order_destroy_p) order_t *back = NULL;
    TRY(order_read(document, &back, err));
    *ret_document = TAKE(document);
    return STATUS_OK;
}
