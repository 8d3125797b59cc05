/*
 * store_standing.h: standing orders, and what the sweeps need to know of the past. The signed
 * documents are store_signed_order.h's.
 */
#ifndef DROVER_STORE_STORE_STANDING_H
#define DROVER_STORE_STORE_STANDING_H

#include "common/base/digest.h"
#include "common/base/ident.h"
#include "coordinator/store/store.h"

typedef struct standing_row {
    digest_t digest; /* of the signed order */
    ident_t order_id;
    const char *name;
    const char *application;
    digest_t bundle;
    const char *selector;
    uint32_t target;
    const char *target_version;
    const char *spec;
    const char *actor;
    int64_t issued_us;
    int64_t expires_us;
    int64_t created_us;
    int64_t accepted_us; /* 0: it lacks signatures */
    uint32_t sweeps;
    int64_t excused_us;
    int64_t ended_us; /* 0: nobody ended it */
    const char *ended_by;
    error_code_t problem_code;
    const char *problem;
} standing_row_t;

MUST_CHECK status_t store_standing_insert(store_t *store, const standing_row_t *row, error_t *err);

/* Write what changes: accepted_us, sweeps, excused_us, the end and the problem. */
MUST_CHECK status_t store_standing_update(store_t *store, const standing_row_t *row, error_t *err);

/* Those that nobody ended, or all; the newest first. Rows and texts live in the arena. */
typedef struct standing_list {
    standing_row_t *rows;
    size_t count;
} standing_list_t;
MUST_CHECK status_t store_standing_list(store_t *store, bool all, arena_t *arena,
                                        standing_list_t *ret_list, error_t *err);

/* The newest rollout under the order that ended since a time, and not with every tenant at the
 * target; a null id: none. The name lives in the arena. */
typedef struct standing_trouble {
    ident_t rollout;
    const char *name;
    uint32_t state; /* rollout_state_t */
} standing_trouble_t;
MUST_CHECK status_t store_standing_trouble(store_t *store, const standing_row_t *row,
                                           arena_t *arena, standing_trouble_t *ret_trouble,
                                           error_t *err);

/* Each tenant to which a newer order of the application's was carried that may have moved it. */
typedef status_t store_standing_moved_fn(void *context, const ident_t *tenant, error_t *err);
MUST_CHECK status_t store_standing_moved(store_t *store, const standing_row_t *row,
                                         store_standing_moved_fn *fn, void *context, error_t *err);

#endif
