/*
 * standing.h: standing orders: signed once, carried out by sweeps.
 *
 * While one is active, the coordinator makes an ordinary rollout of one wave, under the standing
 * order's digest, of whatever tenants match its selector and stand below its target: a sweep. What
 * it starts agents judge by themselves, so that a sweep too many moves nobody. Nothing is kept in
 * memory: each look at a standing order begins at the catalog.
 */
#ifndef DROVER_SERVICE_STANDING_H
#define DROVER_SERVICE_STANDING_H

#include "coordinator/service/orders.h"
#include "coordinator/store/store_standing.h"

typedef enum standing_state {
    STANDING_WAITS,     /* its order lacks signatures */
    STANDING_ACTIVE,    /* whoever comes is swept along */
    STANDING_HELD,      /* a hold stands over its application */
    STANDING_SUSPENDED, /* a sweep paused or ended badly: an operator decides */
    STANDING_INVALID,   /* its signers do not suffice any more, or it cannot be read */
    STANDING_EXPIRED,
    STANDING_ENDED, /* by an operator */
    STANDING_STATE_COUNT
} standing_state_t;

/* "waits", "active", … */
const char *standing_state_text(standing_state_t state);

/* How one stands. Texts live in the call's arena; "" where there is nothing to say or to do. */
typedef struct standing_verdict {
    standing_state_t state;
    const char *reason;
    const char *command; /* what an operator types to have it go on, or to see why not */
} standing_verdict_t;
MUST_CHECK status_t standing_judge(call_t *call, const standing_row_t *row,
                                   standing_verdict_t *ret_verdict, error_t *err);

/* The newest of this name, or the one whose order's digest begins so. Those that ended are looked
 * at last. NOT_FOUND. */
MUST_CHECK status_t standing_find(call_t *call, const char *text, standing_row_t *ret_row,
                                  error_t *err);

/* The order of a standing one is drafted from this plan: planner_standing's. */
typedef struct standing_draft {
    const plan_t *plan;
    const char *selector; /* canonical */
    int64_t until_us;
} standing_draft_t;
MUST_CHECK status_t standing_draft_of(const standing_draft_t *draft, const order_setting_t *setting,
                                      document_t **ret_document, error_t *err);

/* Make what is due under one that is not over, and say why where it cannot be made.
 * *ret_made: whether a rollout was. */
MUST_CHECK status_t standing_sweep(call_t *call, const standing_row_t *row, bool *ret_made,
                                   error_t *err);

#endif
