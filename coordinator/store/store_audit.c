/* store_audit.c: see store_audit.h. The sequence goes on in memory; a rollback takes it back. */
#include "coordinator/store/store_audit.h"
#include "coordinator/store/query.h"

status_t store_audit_append(store_t *store, const audit_row_t *row, error_t *err) {
    CLEANUP(query_end) query_t query = query_begin(store, STATEMENT_AUDIT_APPEND, err);
    query_number(&query, 1, store->audit_next);
    query_number(&query, 2, row->time_us);
    query_text(&query, 3, row->actor);
    query_text(&query, 4, row->origin);
    query_text(&query, 5, row->action);
    query_ident(&query, 6, &row->rollout);
    query_ident(&query, 7, &row->tenant);
    query_digest(&query, 8, &row->sql_digest);
    query_text(&query, 9, row->result);
    query_text(&query, 10, row->detail);
    TRY(query_run(&query, NULL));
    store->audit_next++;
    return STATUS_OK;
}

static audit_row_t read_row(query_t *query) {
    return (audit_row_t){
        .sequence = query_number_at(query, 0),
        .time_us = query_number_at(query, 1),
        .actor = query_text_at(query, 2),
        .origin = query_text_at(query, 3),
        .action = query_text_at(query, 4),
        .rollout = query_ident_at(query, 5),
        .tenant = query_ident_at(query, 6),
        .sql_digest = query_digest_at(query, 7),
        .result = query_text_at(query, 8),
        .detail = query_text_at(query, 9),
    };
}

static void bind_page(query_t *query, const audit_page_t *page) {
    query_number(query, 1, query_newest(page->before));
    query_number(query, 2, page->since_us);
    query_number(query, 3, query_newest(page->until_us));
    query_text(query, 4, page->actor);
    query_text(query, 5, page->action);
    query_number(query, 6, page->limit);
    if (query->id == STATEMENT_AUDIT_PAGE_TENANT) {
        query_ident(query, 7, &page->tenant);
        query_ident(query, 8, &page->rollout);
    } else if (query->id == STATEMENT_AUDIT_PAGE_ROLLOUT) {
        query_ident(query, 7, &page->rollout);
    }
}

status_t store_audit_each(store_t *store, const audit_page_t *page, store_audit_fn *fn,
                          void *context, error_t *err) {
    statement_id_t id = !ident_is_null(&page->tenant)    ? STATEMENT_AUDIT_PAGE_TENANT
                        : !ident_is_null(&page->rollout) ? STATEMENT_AUDIT_PAGE_ROLLOUT
                                                         : STATEMENT_AUDIT_PAGE;
    CLEANUP(query_end) query_t query = query_begin(store, id, err);
    bind_page(&query, page);
    for (;;) { /* ends with the page */
        bool row = false;
        TRY(query_next(&query, &row));
        if (!row) {
            return STATUS_OK;
        }
        audit_row_t read = read_row(&query);
        TRY(query_check(&query));
        TRY(fn(context, &read, err));
    }
}
