/*
 * store_ticket.h: what agents signed about their tenants of a wave, and the tickets that were made
 * of it: what opens an order's later waves.
 */
#ifndef DROVER_STORE_STORE_TICKET_H
#define DROVER_STORE_STORE_TICKET_H

#include "common/base/digest.h"
#include "common/crypto/sign.h"
#include "coordinator/store/store.h"

/* One agent's signed result. */
typedef struct wave_result_row {
    digest_t digest; /* the document's id */
    digest_t order;
    uint32_t wave; /* of the order */
    sign_public_t key;
    const void *document;
    size_t document_size;
    int64_t received_us;
} wave_result_row_t;

/* Insert; the same document again changes nothing and answers new = false. */
MUST_CHECK status_t store_wave_result_insert(store_t *store, const wave_result_row_t *row,
                                             bool *ret_new, error_t *err);

/* A wave of an order, counted in the order. */
typedef struct order_wave_id {
    digest_t order;
    uint32_t wave;
} order_wave_id_t;

/* The row's document is borrowed for the callback. */
typedef status_t store_wave_result_fn(void *context, const wave_result_row_t *row, error_t *err);

/* Every result of the wave, as they came. */
MUST_CHECK status_t store_wave_result_each(store_t *store, const order_wave_id_t *wave,
                                           store_wave_result_fn *fn, void *context, error_t *err);

/* Forget one, where another says as much; none is no error. */
MUST_CHECK status_t store_wave_result_delete(store_t *store, const digest_t *digest, error_t *err);

typedef struct ticket_row {
    digest_t digest;      /* ticket_digest of the bytes */
    order_wave_id_t wave; /* that it opens */
    const void *bytes;
    size_t size;
    int64_t made_us;
} ticket_row_t;

/* Insert; the same bytes again become the newest. */
MUST_CHECK status_t store_ticket_insert(store_t *store, const ticket_row_t *row, error_t *err);

/* The digest of the newest ticket that opens the wave; zero where there is none. */
MUST_CHECK status_t store_ticket_of(store_t *store, const order_wave_id_t *wave,
                                    digest_t *ret_digest, error_t *err);

/* Part of a ticket's bytes. */
typedef struct ticket_part {
    digest_t digest;
    uint64_t offset;
    size_t room; /* bytes wanted at most */
} ticket_part_t;

typedef struct ticket_part_read {
    const void *bytes; /* in the arena */
    size_t size;       /* 0 at the end */
    uint64_t total;
} ticket_part_read_t;

/* NOT_FOUND. */
MUST_CHECK status_t store_ticket_read(store_t *store, const ticket_part_t *part, arena_t *arena,
                                      ticket_part_read_t *ret_read, error_t *err);

#endif
