/*
 * store_signed_order.h: the orders that operators signed: what rollouts are done under, wave
 * approvals, stops, holds and their releases, each as its document with the signatures so far.
 */
#ifndef DROVER_STORE_STORE_SIGNED_ORDER_H
#define DROVER_STORE_STORE_SIGNED_ORDER_H

#include "common/base/digest.h"
#include "common/base/ident.h"
#include "coordinator/store/store.h"

/* What stands beside the document is read out of it. */
typedef struct signed_order_row {
    digest_t digest; /* the document's id */
    ident_t order_id;
    uint32_t kind;    /* order_kind_t */
    ident_t rollout;  /* that it starts, stops or approves a wave of; or null */
    digest_t subject; /* of another order, or zero */
    uint32_t wave;    /* of the subject, for an approval */
    const char *application;
    const char *environment;
    int64_t issued_us;
    const void *document;
    size_t document_size;
    int64_t accepted_us; /* when the threshold was reached; 0: not yet */
    int64_t expires_us;
    int64_t received_us;
} signed_order_row_t;

/* Insert; of one that is there the document is replaced (it has more signatures now) and the time
 * of its acceptance is set where there was none. */
MUST_CHECK status_t store_signed_order_put(store_t *store, const signed_order_row_t *row,
                                           error_t *err);

/* By the document's id. NOT_FOUND. Lives in the arena. */
MUST_CHECK status_t store_signed_order_get(store_t *store, const digest_t *digest, arena_t *arena,
                                           signed_order_row_t *ret_row, error_t *err);

/* An order over the tenant's version that is newer than this one, of the same application, and that
 * the tenant's agent accepted, as far as the catalog knows: the agent refuses the older one from
 * then on. The name lives in the arena; "" where there is none. */
typedef struct newer_order {
    const char *name; /* of its rollout */
    ident_t rollout;
    int64_t issued_us;
} newer_order_t;
MUST_CHECK status_t store_signed_order_newer(store_t *store, const digest_t *order,
                                             const ident_t *tenant, arena_t *arena,
                                             newer_order_t *ret_newer, error_t *err);

/* The row's document is borrowed for the callback. */
typedef status_t store_signed_order_fn(void *context, const signed_order_row_t *row, error_t *err);

/* Orders of a kind about another order, and about one wave of it (0 where the kind names none):
 * newest first. With ORDER_APPROVE_WAVE these are the approvals of a wave, accepted or not. */
typedef struct signed_order_about {
    digest_t subject;
    uint32_t kind;
    uint32_t wave;
} signed_order_about_t;
MUST_CHECK status_t store_signed_order_about(store_t *store, const signed_order_about_t *about,
                                             store_signed_order_fn *fn, void *context,
                                             error_t *err);

/* Accepted stops that have not ended, in the sequence in which they were accepted. */
MUST_CHECK status_t store_signed_order_stops(store_t *store, int64_t now_us,
                                             store_signed_order_fn *fn, void *context,
                                             error_t *err);

/* Every accepted hold and release, in that sequence. A hold does not end by itself, so that those
 * past their own end are among them. */
MUST_CHECK status_t store_signed_order_holds(store_t *store, store_signed_order_fn *fn,
                                             void *context, error_t *err);

#endif
