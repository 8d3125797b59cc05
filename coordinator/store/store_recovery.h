/* store_recovery.h: the recovery points that agents reported. */
#ifndef DROVER_STORE_STORE_RECOVERY_H
#define DROVER_STORE_STORE_RECOVERY_H

#include "coordinator/engine/model.h"
#include "coordinator/store/store.h"

typedef struct recovery_row {
    const char *reference;
    ident_t tenant;
    agent_key_t agent;
    const char *kind; /* "dump", "external", "none" */
    const char *lsn;
    int64_t taken_us;
    const char *verified; /* "readable", "verified", "" */
    int64_t size_bytes;
    digest_t digest;
    ident_t rollout; /* null: taken by itself */
    uint32_t position;
    int64_t pruned_us; /* 0: still there */
} recovery_row_t;

/* Insert; of one known already only verified changes, and never back to a weaker word. */
MUST_CHECK status_t store_recovery_put(store_t *store, const recovery_row_t *point, error_t *err);

typedef struct recovery_id {
    ident_t tenant;
    const char *reference;
} recovery_id_t;

/* The agent removed it. Unknown ones are fine. */
MUST_CHECK status_t store_recovery_set_pruned(store_t *store, const recovery_id_t *id,
                                              int64_t now_us, error_t *err);

/* NOT_FOUND. */
MUST_CHECK status_t store_recovery_get(store_t *store, const recovery_id_t *id, arena_t *arena,
                                       recovery_row_t *ret_point, error_t *err);

typedef struct recovery_page {
    ident_t tenant;    /* null: any */
    ident_t rollout;   /* null: any */
    int64_t before_us; /* taken; 0 begins with the newest */
    const char *before_reference;
    uint32_t limit;
    bool with_pruned;
} recovery_page_t;

typedef status_t store_recovery_fn(void *context, const recovery_row_t *point, error_t *err);

/* A page, newest first. */
MUST_CHECK status_t store_recovery_each(store_t *store, const recovery_page_t *page,
                                        store_recovery_fn *fn, void *context, error_t *err);

#endif
