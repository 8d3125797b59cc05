/*
 * approve.h: signatures that come later: under an order that waits for them, under a wave's
 * approval, under a stop or a hold. Each is kept as soon as it counts, and takes effect once its
 * threshold is reached.
 */
#ifndef DROVER_SERVICE_APPROVE_H
#define DROVER_SERVICE_APPROVE_H

#include "coordinator/service/orders.h"

/* Add the signatures of the argument `order` to the order that a planned rollout waits for, and
 * start it once they are enough. Writes the answer. ROLLOUT_STATE, TRUST_MERGE, TRUST_SIGNED where
 * nothing is added, and those of orders_take and orders_verify. */
MUST_CHECK status_t approve_order(call_t *call, rollout_t *rollout, error_t *err);

/* Take the approval of a wave out of the argument `approval`: of this wave of the rollout, or where
 * it is negative of the one that the approval names. Once it holds, a wave that awaits it asks
 * again. Writes signatures. ROLLOUT_STATE where the wave is open already, TICKET_…, and those of
 * orders_take. */
MUST_CHECK status_t approve_wave(call_t *call, rollout_t *rollout, int64_t wave, error_t *err);

/* Take a signed stop of the rollout out of the argument `order`, for agents that this coordinator
 * does not reach, or that do not believe it. Writes signatures. */
MUST_CHECK status_t approve_stop(call_t *call, const rollout_t *rollout, error_t *err);

/* The same of an order that no one rollout has: a standing order's. */
typedef struct approve_subject {
    digest_t digest;
    const char *application;
    const char *name; /* for messages */
    ident_t rollout;  /* that it is kept with, or null */
} approve_subject_t;
MUST_CHECK status_t approve_stop_of(call_t *call, const approve_subject_t *subject, error_t *err);

/* Take a hold or a release of the whole fleet out of the argument `order`. Writes the answer.
 * ORDER_SUPERSEDED where a newer one was accepted. */
MUST_CHECK status_t approve_hold(call_t *call, order_kind_t kind, error_t *err);

#endif
