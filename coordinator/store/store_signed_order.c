/* store_signed_order.c: see store_signed_order.h. */
#include "coordinator/store/store_signed_order.h"
#include "common/trust/order.h"
#include "coordinator/store/query.h"

status_t store_signed_order_put(store_t *store, const signed_order_row_t *row, error_t *err) {
    CLEANUP(query_end) query_t query = query_begin(store, STATEMENT_SIGNED_ORDER_PUT, err);
    query_digest(&query, 1, &row->digest);
    query_ident(&query, 2, &row->order_id);
    query_number(&query, 3, row->kind);
    query_ident(&query, 4, &row->rollout);
    query_digest(&query, 5, &row->subject);
    query_number(&query, 6, row->wave);
    query_bytes(&query, 7, (driver_bytes_t){.data = row->document, .size = row->document_size});
    query_number(&query, 8, row->accepted_us);
    query_number(&query, 9, row->expires_us);
    query_number(&query, 10, row->received_us);
    query_text(&query, 11, row->application);
    query_text(&query, 12, row->environment);
    query_number(&query, 13, row->issued_us);
    return query_run(&query, NULL);
}

/* Read SIGNED_ORDER_COLUMNS; texts and document are kept in the arena, or borrowed without one. */
static signed_order_row_t read_row(query_t *query, arena_t *arena) {
    driver_bytes_t document =
        arena != NULL ? query_keep_bytes_at(query, 6, arena) : query_bytes_at(query, 6);
    return (signed_order_row_t){
        .digest = query_digest_at(query, 0),
        .order_id = query_ident_at(query, 1),
        .kind = query_enum_at(query, 2, ORDER_KIND_END),
        .rollout = query_ident_at(query, 3),
        .subject = query_digest_at(query, 4),
        .wave = query_u32_at(query, 5),
        .application = arena != NULL ? query_keep_at(query, 10, arena) : query_text_at(query, 10),
        .environment = arena != NULL ? query_keep_at(query, 11, arena) : query_text_at(query, 11),
        .issued_us = query_number_at(query, 12),
        .document = document.data,
        .document_size = document.size,
        .accepted_us = query_number_at(query, 7),
        .expires_us = query_number_at(query, 8),
        .received_us = query_number_at(query, 9),
    };
}

static status_t first(query_t *query, arena_t *arena, bool *ret_any, signed_order_row_t *ret_row) {
    bool any = false;
    TRY(query_next(query, &any));
    signed_order_row_t row = {0};
    if (any) {
        row = read_row(query, arena);
        TRY(query_check(query));
    }
    *ret_row = row;
    *ret_any = any;
    return STATUS_OK;
}

status_t store_signed_order_get(store_t *store, const digest_t *digest, arena_t *arena,
                                signed_order_row_t *ret_row, error_t *err) {
    CLEANUP(query_end) query_t query = query_begin(store, STATEMENT_SIGNED_ORDER_GET, err);
    query_digest(&query, 1, digest);
    bool any = false;
    TRY(first(&query, arena, &any, ret_row));
    if (!any) {
        char text[DIGEST_TEXT_SIZE];
        return error_set(err, ERROR_NOT_FOUND, "no signed order has digest %.16s",
                         digest_text(digest, text));
    }
    return STATUS_OK;
}

status_t store_signed_order_newer(store_t *store, const digest_t *order, const ident_t *tenant,
                                  arena_t *arena, newer_order_t *ret_newer, error_t *err) {
    CLEANUP(query_end) query_t query = query_begin(store, STATEMENT_SIGNED_ORDER_NEWER, err);
    query_digest(&query, 1, order);
    query_ident(&query, 2, tenant);
    query_number(&query, 3, KIND_BASELINE);
    query_number(&query, 4, TASK_REFUSED);
    bool any = false;
    TRY(query_next(&query, &any));
    newer_order_t newer = {.name = ""};
    if (any) {
        newer = (newer_order_t){.name = query_keep_at(&query, 0, arena),
                                .rollout = query_ident_at(&query, 1),
                                .issued_us = query_number_at(&query, 2)};
        TRY(query_check(&query));
    }
    *ret_newer = newer;
    return STATUS_OK;
}

static status_t each(query_t *query, store_signed_order_fn *fn, void *context, error_t *err) {
    for (;;) { /* ends with the rows */
        bool any = false;
        TRY(query_next(query, &any));
        if (!any) {
            return STATUS_OK;
        }
        signed_order_row_t row = read_row(query, NULL);
        TRY(query_check(query));
        TRY(fn(context, &row, err));
    }
}

status_t store_signed_order_about(store_t *store, const signed_order_about_t *about,
                                  store_signed_order_fn *fn, void *context, error_t *err) {
    CLEANUP(query_end) query_t query = query_begin(store, STATEMENT_SIGNED_ORDER_ABOUT, err);
    query_digest(&query, 1, &about->subject);
    query_number(&query, 2, about->kind);
    query_number(&query, 3, about->wave);
    return each(&query, fn, context, err);
}

status_t store_signed_order_stops(store_t *store, int64_t now_us, store_signed_order_fn *fn,
                                  void *context, error_t *err) {
    CLEANUP(query_end) query_t query = query_begin(store, STATEMENT_SIGNED_ORDER_ACCEPTED, err);
    query_number(&query, 1, ORDER_STOP);
    query_number(&query, 2, ORDER_STOP);
    query_number(&query, 3, now_us);
    return each(&query, fn, context, err);
}

status_t store_signed_order_holds(store_t *store, store_signed_order_fn *fn, void *context,
                                  error_t *err) {
    CLEANUP(query_end) query_t query = query_begin(store, STATEMENT_SIGNED_ORDER_ACCEPTED, err);
    query_number(&query, 1, ORDER_HOLD);
    query_number(&query, 2, ORDER_RELEASE_HOLD);
    query_number(&query, 3, INT64_MIN);
    return each(&query, fn, context, err);
}
