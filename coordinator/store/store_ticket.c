/* store_ticket.c: see store_ticket.h. */
#include "coordinator/store/store_ticket.h"
#include "coordinator/store/query.h"

enum { KEY_TEXT_SIZE = 2 * SIGN_PUBLIC_BYTES + 1 };

status_t store_wave_result_insert(store_t *store, const wave_result_row_t *row, bool *ret_new,
                                  error_t *err) {
    char key[KEY_TEXT_SIZE];
    CLEANUP(query_end) query_t query = query_begin(store, STATEMENT_WAVE_RESULT_INSERT, err);
    query_digest(&query, 1, &row->digest);
    query_digest(&query, 2, &row->order);
    query_number(&query, 3, row->wave);
    query_text(&query, 4, hex_text(row->key.bytes, sizeof row->key.bytes, key));
    query_bytes(&query, 5, (driver_bytes_t){.data = row->document, .size = row->document_size});
    query_number(&query, 6, row->received_us);
    int64_t changed = 0;
    TRY(query_run(&query, &changed));
    *ret_new = changed == 1;
    return STATUS_OK;
}

status_t store_wave_result_each(store_t *store, const order_wave_id_t *wave,
                                store_wave_result_fn *fn, void *context, error_t *err) {
    CLEANUP(query_end) query_t query = query_begin(store, STATEMENT_WAVE_RESULT_LIST, err);
    query_digest(&query, 1, &wave->order);
    query_number(&query, 2, wave->wave);
    for (;;) { /* ends with the rows */
        bool any = false;
        TRY(query_next(&query, &any));
        if (!any) {
            return STATUS_OK;
        }
        driver_bytes_t document = query_bytes_at(&query, 2);
        wave_result_row_t row = {
            .digest = query_digest_at(&query, 0),
            .order = wave->order,
            .wave = wave->wave,
            .document = document.data,
            .document_size = document.size,
            .received_us = query_number_at(&query, 3),
        };
        TRY(hex_parse(query_text_at(&query, 1), sizeof row.key.bytes, row.key.bytes, err));
        TRY(query_check(&query));
        TRY(fn(context, &row, err));
    }
}

status_t store_wave_result_delete(store_t *store, const digest_t *digest, error_t *err) {
    CLEANUP(query_end) query_t query = query_begin(store, STATEMENT_WAVE_RESULT_DELETE, err);
    query_digest(&query, 1, digest);
    return query_run(&query, NULL);
}

status_t store_ticket_insert(store_t *store, const ticket_row_t *row, error_t *err) {
    CLEANUP(query_end) query_t query = query_begin(store, STATEMENT_TICKET_INSERT, err);
    query_digest(&query, 1, &row->digest);
    query_digest(&query, 2, &row->wave.order);
    query_number(&query, 3, row->wave.wave);
    query_bytes(&query, 4, (driver_bytes_t){.data = row->bytes, .size = row->size});
    query_number(&query, 5, row->made_us);
    return query_run(&query, NULL);
}

status_t store_ticket_of(store_t *store, const order_wave_id_t *wave, digest_t *ret_digest,
                         error_t *err) {
    CLEANUP(query_end) query_t query = query_begin(store, STATEMENT_TICKET_OF, err);
    query_digest(&query, 1, &wave->order);
    query_number(&query, 2, wave->wave);
    bool any = false;
    TRY(query_next(&query, &any));
    digest_t digest = {{0}};
    if (any) {
        digest = query_digest_at(&query, 0);
        TRY(query_check(&query));
    }
    *ret_digest = digest;
    return STATUS_OK;
}

status_t store_ticket_read(store_t *store, const ticket_part_t *part, arena_t *arena,
                           ticket_part_read_t *ret_read, error_t *err) {
    CLEANUP(query_end) query_t query = query_begin(store, STATEMENT_TICKET_PART, err);
    /* counted from 1; a ticket is far smaller than what such a number holds */
    bool past = part->offset > INT32_MAX - 1;
    query_digest(&query, 1, &part->digest);
    query_number(&query, 2, past ? INT32_MAX : (int64_t)part->offset + 1);
    query_number(&query, 3, (int64_t)part->room);
    bool any = false;
    TRY(query_next(&query, &any));
    if (!any) {
        char text[DIGEST_TEXT_SIZE];
        return error_set(err, ERROR_NOT_FOUND, "no ticket has digest %.16s",
                         digest_text(&part->digest, text));
    }
    driver_bytes_t bytes = query_keep_bytes_at(&query, 1, arena);
    ticket_part_read_t read = {
        .bytes = bytes.data, .size = bytes.size, .total = (uint64_t)query_number_at(&query, 0)};
    TRY(query_check(&query));
    *ret_read = read;
    return STATUS_OK;
}
