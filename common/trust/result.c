/* result.c: what agents sign of a wave. See ticket.h. */
#include "common/trust/ticket.h"

#include "common/trust/bodies.h"
#include "common/trust/checks.h"

#include <string.h>

enum { OUTCOME_BYTES = IDENT_BYTES + 1 };

/* result_t with what it points to. */
typedef struct holder {
    result_t result; /* first: result_destroy frees the holder through it */
    arena_t arena;
} holder_t;

void result_destroy(result_t **result_p) {
    if (result_p != NULL && *result_p != NULL) {
        holder_t *holder = (holder_t *)*result_p;
        arena_free(&holder->arena);
        free(holder);
        *result_p = NULL;
    }
}

static status_t read_entries(holder_t *holder, ProtobufCBinaryData bytes, error_t *err) {
    size_t count = bytes.len / OUTCOME_BYTES;
    result_entry_t *entries = arena_take(&holder->arena, count, sizeof *entries);
    if (entries == NULL) {
        return arena_empty(err);
    }
    for (size_t i = 0; i < count; i++) {
        const uint8_t *at = bytes.data + i * OUTCOME_BYTES;
        memcpy(entries[i].tenant.bytes, at, IDENT_BYTES);
        entries[i].outcome = (result_outcome_t)at[IDENT_BYTES];
        if (at[IDENT_BYTES] < RESULT_DONE || at[IDENT_BYTES] >= RESULT_OUTCOME_END) {
            return error_set(err, ERROR_TICKET_INVALID, "an outcome %d", at[IDENT_BYTES]);
        }
        TRUST_REQUIRE(RESULT_ASCEND,
                      i == 0 || ident_compare(&entries[i - 1].tenant, &entries[i].tenant) < 0, err,
                      "a result's tenants do not ascend, each once");
    }
    if (bytes.len % OUTCOME_BYTES != 0) {
        return error_set(err, ERROR_TICKET_INVALID, "%zu bytes of outcomes", bytes.len);
    }
    holder->result.entries = entries;
    holder->result.entry_count = count;
    return STATUS_OK;
}

status_t result_read(const document_t *document, result_t **ret_result, error_t *err) {
    holder_t *holder = calloc(1, sizeof *holder);
    if (holder == NULL) {
        return arena_empty(err);
    }
    CLEANUP(result_destroy_p) result_t *result = &holder->result;
    const void *message = NULL;
    TRY(body_unpack(document, DOCUMENT_RESULT, &holder->arena, &message, err));
    const Drover__Trust__ResultBody *body = message;
    result->fleet = body_ident(body->fleet);
    result->order = body_digest(body->order);
    result->wave = body->wave;
    result->issued_us = body->issued_us;
    TRY(read_entries(holder, body->outcomes, err));
    *ret_result = TAKE(result);
    return STATUS_OK;
}

status_t result_write(const result_t *result, document_t **ret_document, error_t *err) {
    CLEANUP(buffer_free) buffer_t outcomes = {0};
    for (size_t i = 0; i < result->entry_count; i++) {
        buffer_append(&outcomes, result->entries[i].tenant.bytes, IDENT_BYTES);
        buffer_char(&outcomes, (char)result->entries[i].outcome);
    }
    TRY(buffer_check(&outcomes, err));
    Drover__Trust__ResultBody body;
    drover__trust__result_body__init(&body);
    body.format = RESULT_FORMAT;
    body.fleet = body_bytes(result->fleet.bytes, IDENT_BYTES);
    body.order = body_bytes(result->order.bytes, DIGEST_BYTES);
    body.wave = result->wave;
    body.issued_us = result->issued_us;
    body.outcomes = (ProtobufCBinaryData){.len = outcomes.size, .data = (uint8_t *)outcomes.data};
    CLEANUP(document_destroy_p) document_t *document = NULL;
    TRY(body_pack(DOCUMENT_RESULT, &body.base, &document, err));
    CLEANUP(result_destroy_p) result_t *back = NULL;
    TRY(result_read(document, &back, err));
    *ret_document = TAKE(document);
    return STATUS_OK;
}
