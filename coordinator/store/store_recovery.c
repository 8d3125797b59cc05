/* store_recovery.c: see store_recovery.h. */
#include "coordinator/store/store_recovery.h"
#include "coordinator/store/query.h"

status_t store_recovery_put(store_t *store, const recovery_row_t *point, error_t *err) {
    CLEANUP(query_end) query_t query = query_begin(store, STATEMENT_RECOVERY_PUT, err);
    query_text(&query, 1, point->reference);
    query_ident(&query, 2, &point->tenant);
    query_key(&query, 3, &point->agent);
    query_text(&query, 4, point->kind);
    query_text(&query, 5, point->lsn);
    query_number(&query, 6, point->taken_us);
    query_text(&query, 7, point->verified);
    query_number(&query, 8, point->size_bytes);
    query_digest(&query, 9, &point->digest);
    query_ident(&query, 10, &point->rollout);
    query_number(&query, 11, point->position);
    query_number(&query, 12, point->pruned_us);
    return query_run(&query, NULL);
}

status_t store_recovery_set_pruned(store_t *store, const recovery_id_t *id, int64_t now_us,
                                   error_t *err) {
    CLEANUP(query_end) query_t query = query_begin(store, STATEMENT_RECOVERY_PRUNED, err);
    query_ident(&query, 1, &id->tenant);
    query_text(&query, 2, id->reference);
    query_number(&query, 3, now_us);
    return query_run(&query, NULL);
}

/* Read RECOVERY_COLUMNS; texts are kept in the arena, or borrowed without one. */
static recovery_row_t read_point(query_t *query, arena_t *arena) {
    recovery_row_t point = {
        .tenant = query_ident_at(query, 1),
        .agent = query_key_at(query, 2),
        .taken_us = query_number_at(query, 5),
        .size_bytes = query_number_at(query, 7),
        .digest = query_digest_at(query, 8),
        .rollout = query_ident_at(query, 9),
        .position = query_u32_at(query, 10),
        .pruned_us = query_number_at(query, 11),
    };
    const char **texts[] = {&point.reference, &point.kind, &point.lsn, &point.verified};
    static const int columns[] = {0, 3, 4, 6};
    for (size_t i = 0; i < sizeof columns / sizeof columns[0]; i++) {
        *texts[i] = arena != NULL ? query_keep_at(query, columns[i], arena)
                                  : query_text_at(query, columns[i]);
    }
    return point;
}

status_t store_recovery_get(store_t *store, const recovery_id_t *id, arena_t *arena,
                            recovery_row_t *ret_point, error_t *err) {
    CLEANUP(query_end) query_t query = query_begin(store, STATEMENT_RECOVERY_GET, err);
    query_ident(&query, 1, &id->tenant);
    query_text(&query, 2, id->reference);
    bool row = false;
    TRY(query_next(&query, &row));
    if (!row) {
        return error_set(err, ERROR_NOT_FOUND, "the tenant has no recovery point '%s'",
                         id->reference);
    }
    recovery_row_t point = read_point(&query, arena);
    TRY(query_check(&query));
    *ret_point = point;
    return STATUS_OK;
}

status_t store_recovery_each(store_t *store, const recovery_page_t *page, store_recovery_fn *fn,
                             void *context, error_t *err) {
    bool of_tenant = !ident_is_null(&page->tenant);
    bool of_rollout = !ident_is_null(&page->rollout);
    statement_id_t id = of_tenant    ? STATEMENT_RECOVERY_PAGE_TENANT
                        : of_rollout ? STATEMENT_RECOVERY_PAGE_ROLLOUT
                                     : STATEMENT_RECOVERY_PAGE;
    CLEANUP(query_end) query_t query = query_begin(store, id, err);
    query_number(&query, 1, query_newest(page->before_us));
    query_text(&query, 2, page->before_reference);
    query_flag(&query, 3, page->with_pruned);
    query_number(&query, 4, page->limit);
    if (of_tenant) {
        query_ident(&query, 5, &page->tenant);
        query_ident(&query, 6, &page->rollout);
    } else if (of_rollout) {
        query_ident(&query, 5, &page->rollout);
    }
    for (;;) { /* ends with the page */
        bool row = false;
        TRY(query_next(&query, &row));
        if (!row) {
            return STATUS_OK;
        }
        recovery_row_t point = read_point(&query, NULL);
        TRY(query_check(&query));
        TRY(fn(context, &point, err));
    }
}
