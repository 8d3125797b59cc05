/*
 * order_at.h: the signed order that a rollout stands under, as the coordinator has it, held against
 * the tenants that it shows for it; and orders about it, or about the fleet, that it drafts.
 */
#ifndef DROVER_CLI_ORDER_AT_H
#define DROVER_CLI_ORDER_AT_H

#include "cli/remote.h"
#include "common/trust/order.h"

typedef struct order_at {
    json_t *answer;    /* of order.show: rows, signatures */
    document_t *paper; /* with the signatures so far; each is its key's */
    order_t *order;
} order_at_t;

typedef struct order_at_place {
    const char *rollout;
    bool head; /* the order alone: its tenants are neither asked for nor checked */
} order_at_place_t;

/* ERROR_ORDER_DIFFERS where the rows are not the order's, ERROR_TRUST_FLEET, TRUST_ROLLBACK; else
 * as remote_ask and order_read. */
MUST_CHECK status_t order_at_get(remote_t *remote, const order_at_place_t *place,
                                 order_at_t *ret_at, error_t *err);
void order_at_free(order_at_t *at);

/* What to draft. */
typedef struct order_about {
    order_kind_t kind;
    const char *rollout;     /* NULL: the fleet is meant, or a standing order */
    const char *standing;    /* name of a standing order, for its stop; or NULL */
    const order_at_t *at;    /* of that rollout */
    int64_t wave;            /* of the plan, for an approval */
    const char *application; /* of a hold or its release; NULL: all */
} order_about_t;

/* An unsigned order of a kind without tenants, checked to be what was asked for. The caller
 * releases both. ERROR_ORDER_DIFFERS; else as order_at_get. */
typedef struct order_draft {
    document_t *paper;
    order_t *order;
} order_draft_t;

MUST_CHECK status_t order_at_draft(remote_t *remote, const order_about_t *about,
                                   order_draft_t *ret_draft, error_t *err);
void order_draft_free(order_draft_t *draft);

/* An approval of that wave that others have signed and that lacks signatures: the one to sign.
 * Empty where there is none. Checked as a draft is. */
MUST_CHECK status_t order_at_pending(remote_t *remote, const order_about_t *about,
                                     order_draft_t *ret_draft, error_t *err);

/* Sign it, and what to send. */
MUST_CHECK status_t order_draft_sign(const remote_t *remote, order_draft_t *draft,
                                     json_t **ret_text, error_t *err);

/* Whether nobody could be asked. */
bool order_at_is_silence(const error_t *err);

/* The same, or somebody tries to have something else signed: then nothing is done without the
 * signature either. */
bool order_at_is_grave(const error_t *err);

#endif
