/* store_report.c: see store_report.h. */
#include "coordinator/store/store_report.h"
#include "coordinator/store/query.h"

status_t store_report_insert(store_t *store, const report_row_t *report, bool *ret_new,
                             error_t *err) {
    CLEANUP(query_end) query_t query = query_begin(store, STATEMENT_REPORT_INSERT, err);
    query_key(&query, 1, &report->agent);
    query_ident(&query, 2, &report->state);
    query_number(&query, 3, (int64_t)report->number);
    query_ident(&query, 4, &report->job);
    query_ident(&query, 5, &report->attempt);
    query_ident(&query, 6, &report->tenant);
    query_number(&query, 7, report->step);
    query_number(&query, 8, report->outcome);
    query_flag(&query, 9, report->final);
    query_number(&query, 10, report->position);
    query_text(&query, 11, report->error_code);
    query_text(&query, 12, report->sqlstate);
    query_text(&query, 13, report->message);
    query_digest(&query, 14, &report->sql_digest);
    query_number(&query, 15, report->started_us);
    query_number(&query, 16, report->finished_us);
    query_number(&query, 17, report->received_us);
    query_digest(&query, 18, &report->batch);
    int64_t changed = 0;
    TRY(query_run(&query, &changed));
    *ret_new = changed == 1;
    return STATUS_OK;
}

status_t store_report_is_overtaken(store_t *store, const report_moment_t *moment,
                                   bool *ret_overtaken, error_t *err) {
    CLEANUP(query_end) query_t query = query_begin(store, STATEMENT_REPORT_OVERTAKEN, err);
    query_ident(&query, 1, &moment->job);
    query_ident(&query, 2, &moment->attempt);
    query_number(&query, 3, moment->finished_us);
    return query_next(&query, ret_overtaken);
}

status_t store_report_keep_since(store_t *store, int64_t saved_us, int64_t *ret_since_us,
                                 error_t *err) {
    CLEANUP(query_end) query_t query = query_begin(store, STATEMENT_REPORT_KEEP_SINCE, err);
    query_number(&query, 1, saved_us);
    bool row = false;
    TRY(query_next(&query, &row));
    int64_t since_us = row ? query_number_at(&query, 0) : 0;
    TRY(query_check(&query));
    *ret_since_us = since_us;
    return STATUS_OK;
}

status_t store_report_insert_batch(store_t *store, const report_batch_row_t *batch, error_t *err) {
    CLEANUP(query_end) query_t query = query_begin(store, STATEMENT_BATCH_INSERT, err);
    query_digest(&query, 1, &batch->digest);
    query_key(&query, 2, &batch->agent);
    query_ident(&query, 3, &batch->state);
    query_bytes(&query, 4, (driver_bytes_t){.data = batch->payload, .size = batch->payload_size});
    query_text(&query, 5, batch->signing_key);
    query_text(&query, 6, batch->signature);
    query_number(&query, 7, batch->received_us);
    return query_run(&query, NULL);
}

status_t store_report_get_batch(store_t *store, const digest_t *digest, arena_t *arena,
                                report_batch_row_t *ret_batch, error_t *err) {
    CLEANUP(query_end) query_t query = query_begin(store, STATEMENT_BATCH_GET, err);
    query_digest(&query, 1, digest);
    bool row = false;
    TRY(query_next(&query, &row));
    if (!row) {
        char text[DIGEST_TEXT_SIZE];
        return error_set(err, ERROR_NOT_FOUND, "no batch of reports has digest %s",
                         digest_text(digest, text));
    }
    driver_bytes_t bytes = query_keep_bytes_at(&query, 3, arena);
    report_batch_row_t batch = {
        .digest = query_digest_at(&query, 0),
        .agent = query_key_at(&query, 1),
        .state = query_ident_at(&query, 2),
        .payload = bytes.data,
        .payload_size = bytes.size,
        .signing_key = query_keep_at(&query, 4, arena),
        .signature = query_keep_at(&query, 5, arena),
        .received_us = query_number_at(&query, 6),
    };
    TRY(query_check(&query));
    *ret_batch = batch;
    return STATUS_OK;
}

static report_row_t read_report(query_t *query) {
    return (report_row_t){
        .agent = query_key_at(query, 0),
        .state = query_ident_at(query, 1),
        .number = (uint64_t)query_number_at(query, 2),
        .job = query_ident_at(query, 3),
        .attempt = query_ident_at(query, 4),
        .tenant = query_ident_at(query, 5),
        .step = query_u32_at(query, 6),
        .outcome = query_u32_at(query, 7),
        .final = query_flag_at(query, 8),
        .position = query_u32_at(query, 9),
        .error_code = query_text_at(query, 10),
        .sqlstate = query_text_at(query, 11),
        .message = query_text_at(query, 12),
        .sql_digest = query_digest_at(query, 13),
        .started_us = query_number_at(query, 14),
        .finished_us = query_number_at(query, 15),
        .received_us = query_number_at(query, 16),
        .batch = query_digest_at(query, 17),
    };
}

status_t store_report_each(store_t *store, const report_page_t *page, store_report_fn *fn,
                           void *context, error_t *err) {
    CLEANUP(query_end) query_t query = query_begin(store, STATEMENT_REPORT_PAGE, err);
    query_ident(&query, 1, &page->tenant);
    query_number(&query, 2, query_newest(page->before_us));
    query_number(&query, 3, (int64_t)page->before_number);
    query_number(&query, 4, page->limit);
    for (;;) { /* ends with the page */
        bool row = false;
        TRY(query_next(&query, &row));
        if (!row) {
            return STATUS_OK;
        }
        report_row_t report = read_report(&query);
        TRY(query_check(&query));
        TRY(fn(context, &report, err));
    }
}
