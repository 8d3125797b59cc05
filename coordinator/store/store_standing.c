/* store_standing.c: see store_standing.h. */
#include "coordinator/store/store_standing.h"
#include "coordinator/engine/model.h"
#include "coordinator/store/query.h"

enum { STANDING_MOST = 1000 }; /* listed at once, the newest */

status_t store_standing_insert(store_t *store, const standing_row_t *row, error_t *err) {
    CLEANUP(query_end) query_t query = query_begin(store, STATEMENT_STANDING_INSERT, err);
    query_digest(&query, 1, &row->digest);
    query_ident(&query, 2, &row->order_id);
    query_text(&query, 3, row->name);
    query_text(&query, 4, row->application);
    query_digest(&query, 5, &row->bundle);
    query_text(&query, 6, row->selector);
    query_number(&query, 7, row->target);
    query_text(&query, 8, row->target_version);
    query_text(&query, 9, row->spec);
    query_text(&query, 10, row->actor);
    query_number(&query, 11, row->issued_us);
    query_number(&query, 12, row->expires_us);
    query_number(&query, 13, row->created_us);
    query_number(&query, 14, row->accepted_us);
    return query_run(&query, NULL);
}

status_t store_standing_update(store_t *store, const standing_row_t *row, error_t *err) {
    CLEANUP(query_end) query_t query = query_begin(store, STATEMENT_STANDING_UPDATE, err);
    query_digest(&query, 1, &row->digest);
    query_number(&query, 2, row->accepted_us);
    query_number(&query, 3, row->sweeps);
    query_number(&query, 4, row->excused_us);
    query_number(&query, 5, row->ended_us);
    query_text(&query, 6, row->ended_by);
    query_error_code(&query, 7, row->problem_code);
    query_text(&query, 8, row->problem);
    return query_run(&query, NULL);
}

static standing_row_t read_row(query_t *query, arena_t *arena) {
    return (standing_row_t){
        .digest = query_digest_at(query, 0),
        .order_id = query_ident_at(query, 1),
        .name = query_keep_at(query, 2, arena),
        .application = query_keep_at(query, 3, arena),
        .bundle = query_digest_at(query, 4),
        .selector = query_keep_at(query, 5, arena),
        .target = query_u32_at(query, 6),
        .target_version = query_keep_at(query, 7, arena),
        .spec = query_keep_at(query, 8, arena),
        .actor = query_keep_at(query, 9, arena),
        .issued_us = query_number_at(query, 10),
        .expires_us = query_number_at(query, 11),
        .created_us = query_number_at(query, 12),
        .accepted_us = query_number_at(query, 13),
        .sweeps = query_u32_at(query, 14),
        .excused_us = query_number_at(query, 15),
        .ended_us = query_number_at(query, 16),
        .ended_by = query_keep_at(query, 17, arena),
        .problem_code = query_error_code_at(query, 18),
        .problem = query_keep_at(query, 19, arena),
    };
}

status_t store_standing_list(store_t *store, bool all, arena_t *arena, standing_list_t *ret_list,
                             error_t *err) {
    standing_list_t list = {0};
    TRY(arena_allocate(arena, STANDING_MOST * sizeof *list.rows, &list.rows, err));
    CLEANUP(query_end) query_t query = query_begin(store, STATEMENT_STANDING_LIST, err);
    query_flag(&query, 1, all);
    query_number(&query, 2, STANDING_MOST);
    for (;;) { /* ends with the rows */
        bool any = false;
        TRY(query_next(&query, &any));
        if (!any || list.count == STANDING_MOST) {
            break;
        }
        list.rows[list.count++] = read_row(&query, arena);
        TRY(query_check(&query));
    }
    *ret_list = list;
    return STATUS_OK;
}

status_t store_standing_trouble(store_t *store, const standing_row_t *row, arena_t *arena,
                                standing_trouble_t *ret_trouble, error_t *err) {
    bool any = false;
    standing_trouble_t trouble = {0};
    CLEANUP(query_end) query_t query = query_begin(store, STATEMENT_STANDING_TROUBLE, err);
    query_digest(&query, 1, &row->digest);
    query_number(&query, 2, row->excused_us);
    query_number(&query, 3, ROLLOUT_SUCCEEDED);
    TRY(query_next(&query, &any));
    if (any) {
        trouble.rollout = query_ident_at(&query, 0);
        trouble.name = query_keep_at(&query, 1, arena);
        trouble.state = query_enum_at(&query, 2, ROLLOUT_STATE_COUNT);
        TRY(query_check(&query));
    }
    *ret_trouble = trouble;
    return STATUS_OK;
}

status_t store_standing_moved(store_t *store, const standing_row_t *row,
                              store_standing_moved_fn *fn, void *context, error_t *err) {
    CLEANUP(query_end) query_t query = query_begin(store, STATEMENT_STANDING_MOVED, err);
    query_text(&query, 1, row->application);
    query_number(&query, 2, row->issued_us);
    query_number(&query, 3,
                 INT64_C(1) << KIND_FORWARD | INT64_C(1) << KIND_UNDO | INT64_C(1) << KIND_RESTORE);
    for (;;) { /* ends with the rows */
        bool any = false;
        TRY(query_next(&query, &any));
        if (!any) {
            return STATUS_OK;
        }
        ident_t tenant = query_ident_at(&query, 0);
        TRY(query_check(&query));
        TRY(fn(context, &tenant, err));
    }
}
