/* orders.c: see orders.h. Counting stands in orders_count.c. sodium_base642bin(3). */
#include "coordinator/service/orders.h"
#include "common/crypto/random.h"
#include "coordinator/trust/keeper.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

enum { VARIANT = sodium_base64_VARIANT_ORIGINAL };

void orders_paper_free(orders_paper_t *paper) {
    order_destroy(&paper->order);
    document_destroy(&paper->document);
}

order_setting_t orders_setting(const call_t *call) {
    const keeper_t *keeper = call->service->options.keeper;
    return (order_setting_t){.trust = keeper_view(keeper, call->question->now_us).trust,
                             .environment = keeper_environment(keeper),
                             .life_us = keeper_order_life_us(keeper),
                             .proposer = call->asker,
                             .id = random_ident(),
                             .issued_us = call->question->now_us};
}

/* --- in -------------------------------------------------------------------------------------- */

static status_t decode(const char *key, const char *text, document_t **ret_document, error_t *err) {
    size_t length = strlen(text);
    size_t room = length / 4 * 3 + 3;
    size_t size = 0;
    CLEANUP(free_p) uint8_t *bytes = malloc(room);
    if (bytes == NULL) {
        return error_set(err, ERROR_NO_MEMORY, "out of memory for an order");
    }
    if (sodium_base642bin(bytes, room, text, length, NULL, &size, NULL, VARIANT) != 0) {
        return error_set(err, ERROR_TRUST_DOCUMENT, "argument '%s' is no base64", key);
    }
    return document_decode(bytes, size, ret_document, err);
}

status_t orders_take(call_t *call, const char *key, orders_paper_t *ret_paper, error_t *err) {
    const char *text = NULL;
    CLEANUP(orders_paper_free) orders_paper_t paper = {0};
    trust_view_t view = keeper_view(call->service->options.keeper, call->question->now_us);
    TRY(call_need(call, key, &text, err));
    TRY(decode(key, text, &paper.document, err));
    if (paper.document->kind != DOCUMENT_ORDER) {
        return error_set(err, ERROR_TRUST_KIND, "argument '%s' is a %s, no order", key,
                         document_kind_text(paper.document->kind));
    }
    TRY(tally_knows(&view, paper.document, err));
    TRY(order_read(paper.document, &paper.order, err));
    *ret_paper = paper;
    paper = (orders_paper_t){0};
    return STATUS_OK;
}

status_t orders_open(const signed_order_row_t *row, orders_paper_t *ret_paper, error_t *err) {
    CLEANUP(orders_paper_free) orders_paper_t paper = {0};
    if (document_decode(row->document, row->document_size, &paper.document, err) != STATUS_OK ||
        order_read(paper.document, &paper.order, err) != STATUS_OK) {
        /* another hand changed it: this question fails, not the catalog */
        return error_context(err, "reading a signed order of the catalog");
    }
    *ret_paper = paper;
    paper = (orders_paper_t){0};
    return STATUS_OK;
}

status_t orders_load(call_t *call, const digest_t *digest, signed_order_row_t *ret_row,
                     orders_paper_t *ret_paper, error_t *err) {
    signed_order_row_t row = {0};
    TRY(store_signed_order_get(call->store, digest, &call->arena, &row, err));
    TRY(orders_open(&row, ret_paper, err));
    *ret_row = row;
    return STATUS_OK;
}

status_t orders_merge(orders_paper_t *paper, const document_t *other, error_t *err) {
    order_t *order = NULL;
    TRY(document_merge(paper->document, other, err));
    TRY(order_read(paper->document, &order, err)); /* its signers are read with it */
    order_destroy(&paper->order);
    paper->order = order;
    return STATUS_OK;
}

void orders_waves(const rollout_t *rollout, uint32_t *ret_waves) {
    uint32_t next = 0;
    for (uint32_t w = 0; w < rollout->wave_count; w++) {
        const wave_t *wave = &rollout->waves[w];
        bool named = false;
        for (uint32_t i = wave->first; !named && i < wave->first + wave->count; i++) {
            named = task_is_ordered(rollout, &rollout->tasks[i]);
        }
        ret_waves[w] = named ? next++ : (uint32_t)ORDER_NO_WAVE;
    }
}

status_t orders_wave(const rollout_t *rollout, int64_t wave, uint32_t *ret_wave, error_t *err) {
    uint32_t waves[LIMIT_WAVES];
    if (wave < 0 || wave >= rollout->wave_count) {
        return error_set(err, ERROR_INVALID, "rollout '%s' has no wave %lld: they are 0 to %u",
                         rollout->name, (long long)wave, rollout->wave_count - 1);
    }
    orders_waves(rollout, waves);
    if (waves[wave] == ORDER_NO_WAVE || waves[wave] == 0) {
        return error_set(err, ERROR_INVALID, "wave '%s' needs no approval: %s",
                         rollout->waves[wave].name,
                         waves[wave] == 0 ? "the signatures of the order open it"
                                          : "nobody in it is to be visited");
    }
    *ret_wave = waves[wave];
    return STATUS_OK;
}

status_t orders_store(call_t *call, const orders_keep_t *keep, error_t *err) {
    CLEANUP(buffer_free) buffer_t bytes = {0};
    const order_t *order = keep->paper->order;
    TRY(document_encode(keep->paper->document, &bytes, err));
    signed_order_row_t row = {.digest = order->digest,
                              .order_id = order->id,
                              .kind = order->kind,
                              .rollout = keep->rollout,
                              .subject = order->subject,
                              .wave = order->subject_wave,
                              .application = order->application,
                              .environment = order->environment,
                              .issued_us = order->issued_us,
                              .document = bytes.data,
                              .document_size = bytes.size,
                              .accepted_us = keep->accepted ? call->question->now_us : 0,
                              .expires_us = order->expires_us,
                              .received_us = call->question->now_us};
    call_changes(call);
    return store_signed_order_put(call->store, &row, err);
}

/* --- out ------------------------------------------------------------------------------------- */

void orders_row_bytes(row_t *row, const char *key, const void *bytes, size_t size) {
    size_t room = sodium_base64_encoded_len(size, VARIANT);
    char *text = malloc(room);
    if (text == NULL) {
        row->failed = true;
        return;
    }
    (void)sodium_bin2base64(text, room, bytes, size, VARIANT);
    row_text(row, key, text);
    free(text);
}

status_t orders_row_document(row_t *row, const char *key, const document_t *document,
                             error_t *err) {
    CLEANUP(buffer_free) buffer_t bytes = {0};
    TRY(document_encode(document, &bytes, err));
    orders_row_bytes(row, key, bytes.data, bytes.size);
    return row_check(row, err);
}

void orders_row_signatures(row_t *row, const orders_signatures_t *signatures) {
    row_t inner = row_new();
    row_t by = row_list();
    row_number(&inner, "needed", signatures->needed);
    row_number(&inner, "have", signatures->have);
    for (uint32_t i = 0; i < signatures->have; i++) {
        row_append_text(&by, signatures->by[i]);
    }
    row_take(&inner, "by", &by);
    row_take(row, "signatures", &inner);
    row_free(&by);
    row_free(&inner);
}
