/*
 * order_internal.h: what the files of order.h share.
 */
#ifndef DROVER_TRUST_ORDER_INTERNAL_H
#define DROVER_TRUST_ORDER_INTERNAL_H

#include "common/trust/order.h"

typedef enum order_subject { SUBJECT_NONE, SUBJECT_MAY, SUBJECT_MUST } order_subject_t;

/* What a kind of order is. */
typedef struct order_rule {
    const char *text;
    trust_role_t roles[2]; /* any one is enough; the second may be 0 */
    unsigned permits;      /* order_action_t bits */
    bool tenants;          /* names tenants in waves */
    bool bundle;           /* names a bundle */
    order_subject_t subject;
    bool stops; /* by itself makes nothing happen but what was signed before as a way back, so that
                   an expired trust file's grace is enough */
} order_rule_t;

const order_rule_t *order_rule(order_kind_t kind);

/* The root over the waves' roots and counts. */
MUST_CHECK status_t order_root(const order_wave_t *waves, size_t count, digest_t *ret_root,
                               error_t *err);

/* Whether an order makes sense by itself. ERROR_ORDER_INVALID. */
MUST_CHECK status_t order_check_rules(const order_t *order, error_t *err);

#endif
