/* store_order.h: the signed bytes behind every change that an operator asked for. */
#ifndef DROVER_STORE_STORE_ORDER_H
#define DROVER_STORE_STORE_ORDER_H

#include "coordinator/store/store.h"

typedef struct order_row {
    ident_t id;
    const char *verb;
    const char *actor;
    const char *key; /* hexadecimal, that signed */
    const void *payload;
    size_t payload_size;
    const char *signature; /* hexadecimal */
    int64_t received_us;
    int64_t number;
    int64_t expires_us;
    const char *answer; /* document that it was answered with; "" where none is kept */
} order_row_t;

/* Insert; an id that is known already changes nothing and answers new = false. */
MUST_CHECK status_t store_order_insert(store_t *store, const order_row_t *order, bool *ret_new,
                                       error_t *err);

/* Keep what an order was answered with, so that the same one again gets the same answer. */
MUST_CHECK status_t store_order_set_answer(store_t *store, const ident_t *id, const char *answer,
                                           error_t *err);

/* NOT_FOUND. */
MUST_CHECK status_t store_order_get(store_t *store, const ident_t *id, arena_t *arena,
                                    order_row_t *ret_order, error_t *err);

#endif
