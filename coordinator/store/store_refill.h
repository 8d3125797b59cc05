/*
 * store_refill.h: a catalog that went back in time, and how far agents have filled it again.
 *
 * It stands in the catalog's small facts, so that a restart in the middle loses nothing: that it is
 * recovering and since when; how each agent stands; which orders agents tell of that the catalog
 * does not know. What stands there of an earlier recovery counts for nothing.
 */
#ifndef DROVER_STORE_STORE_REFILL_H
#define DROVER_STORE_STORE_REFILL_H

#include "common/base/digest.h"
#include "coordinator/engine/model.h"
#include "coordinator/store/store.h"

typedef struct refill_row {
    bool open;          /* recovery mode stands: nothing is dispatched */
    int64_t since_us;   /* when it was noticed last; 0: never */
    int64_t ended_us;   /* 0 while it is open */
    const char *reason; /* how it was noticed, in words; "" where it never was */
} refill_row_t;

/* The last recovery, or zeroes. The text lives in the arena. */
MUST_CHECK status_t store_refill_get(store_t *store, arena_t *arena, refill_row_t *ret_row,
                                     error_t *err);
MUST_CHECK status_t store_refill_put(store_t *store, const refill_row_t *row, error_t *err);

/* Numbers are stored in the catalog. */
typedef enum refill_standing {
    REFILL_AWAITED, /* was not heard since */
    REFILL_HANDING, /* hands its reports over */
    REFILL_DONE,    /* handed over all that the catalog lacked */
    REFILL_WITHOUT, /* an operator goes on without it */
    REFILL_STANDING_COUNT
} refill_standing_t;

/* "awaited", "handing over", "done", "without". */
const char *refill_standing_text(refill_standing_t standing);

typedef struct refill_agent {
    agent_key_t key;
    int64_t since_us; /* of the recovery that it is about */
    refill_standing_t standing;
    uint64_t number;   /* last report that it had, as it said */
    const char *words; /* who went on without it and why, what is lost; "" */
} refill_agent_t;

/* As it stands in the recovery of since_us: awaited where nothing is known. */
MUST_CHECK status_t store_refill_agent_get(store_t *store, const agent_key_t *key, int64_t since_us,
                                           arena_t *arena, refill_agent_t *ret_agent, error_t *err);
MUST_CHECK status_t store_refill_agent_put(store_t *store, const refill_agent_t *agent,
                                           error_t *err);

/* Work under an order that the catalog has no rollout of. */
typedef struct refill_lost {
    digest_t order;  /* zero: a report of before orders, or of work without one */
    ident_t rollout; /* null where the agent's program does not tell */
    int64_t since_us;
    int64_t jobs;     /* final reports about it */
    int64_t first_us; /* when the first and last of them ended */
    int64_t last_us;
    agent_key_t agent;       /* that told of it last; it keeps the signed order */
    const char *application; /* "" where no report told */
} refill_lost_t;

/* As it stands in the recovery of lost->since_us, found by order and rollout: jobs 0 where nothing
 * is known. */
MUST_CHECK status_t store_refill_lost_get(store_t *store, refill_lost_t *lost, arena_t *arena,
                                          error_t *err);
MUST_CHECK status_t store_refill_lost_put(store_t *store, const refill_lost_t *lost, error_t *err);

typedef status_t store_refill_lost_fn(void *context, const refill_lost_t *lost, error_t *err);
MUST_CHECK status_t store_refill_lost_each(store_t *store, int64_t since_us,
                                           store_refill_lost_fn *fn, void *context, error_t *err);

/* When the catalog was last copied to a safe place, as operators said; 0: nobody said. */
MUST_CHECK status_t store_refill_saved_get(store_t *store, int64_t *ret_saved_us, error_t *err);
MUST_CHECK status_t store_refill_saved_put(store_t *store, int64_t saved_us, error_t *err);

#endif
