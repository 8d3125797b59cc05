/* store_order.c: see store_order.h. */
#include "coordinator/store/store_order.h"
#include "coordinator/store/query.h"

status_t store_order_insert(store_t *store, const order_row_t *order, bool *ret_new, error_t *err) {
    CLEANUP(query_end) query_t query = query_begin(store, STATEMENT_ORDER_INSERT, err);
    query_ident(&query, 1, &order->id);
    query_text(&query, 2, order->verb);
    query_text(&query, 3, order->actor);
    query_text(&query, 4, order->key);
    query_bytes(&query, 5, (driver_bytes_t){.data = order->payload, .size = order->payload_size});
    query_text(&query, 6, order->signature);
    query_number(&query, 7, order->received_us);
    query_number(&query, 8, order->number);
    query_number(&query, 9, order->expires_us);
    query_text(&query, 10, order->answer);
    int64_t changed = 0;
    TRY(query_run(&query, &changed));
    *ret_new = changed == 1;
    return STATUS_OK;
}

status_t store_order_set_answer(store_t *store, const ident_t *id, const char *answer,
                                error_t *err) {
    CLEANUP(query_end) query_t query = query_begin(store, STATEMENT_ORDER_SET_ANSWER, err);
    query_ident(&query, 1, id);
    query_text(&query, 2, answer);
    return query_run(&query, NULL);
}

status_t store_order_get(store_t *store, const ident_t *id, arena_t *arena, order_row_t *ret_order,
                         error_t *err) {
    CLEANUP(query_end) query_t query = query_begin(store, STATEMENT_ORDER_GET, err);
    query_ident(&query, 1, id);
    bool row = false;
    TRY(query_next(&query, &row));
    if (!row) {
        char text[IDENT_TEXT_SIZE];
        return error_set(err, ERROR_NOT_FOUND, "no order has id %s", ident_text(id, text));
    }
    driver_bytes_t payload = query_keep_bytes_at(&query, 4, arena);
    order_row_t order = {
        .id = query_ident_at(&query, 0),
        .verb = query_keep_at(&query, 1, arena),
        .actor = query_keep_at(&query, 2, arena),
        .key = query_keep_at(&query, 3, arena),
        .payload = payload.data,
        .payload_size = payload.size,
        .signature = query_keep_at(&query, 5, arena),
        .received_us = query_number_at(&query, 6),
        .number = query_number_at(&query, 7),
        .expires_us = query_number_at(&query, 8),
        .answer = query_keep_at(&query, 9, arena),
    };
    TRY(query_check(&query));
    *ret_order = order;
    return STATUS_OK;
}
