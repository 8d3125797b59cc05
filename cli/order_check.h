/*
 * order_check.h: whether what the coordinator asks to be signed is what it shows, and what was
 * asked for. Pure: documents, times and keys are arguments.
 *
 * The coordinator plans, so it also writes the orders that operators sign. It is trusted with
 * neither: from the rows that a person sees each wave's tree is built here anew, and every field of
 * the draft is compared with the document around it or with the question. What differs is never
 * signed: ERROR_ORDER_DIFFERS names the field.
 */
#ifndef DROVER_CLI_ORDER_CHECK_H
#define DROVER_CLI_ORDER_CHECK_H

#include "cli/document.h"
#include "common/config/rollout_spec.h"
#include "common/trust/order.h"

/* What an operator asked for, which no answer may change. */
typedef struct order_asked {
    order_kind_t kind;
    const char *plan_kind;      /* of the document: "forward" */
    const json_t *arguments;    /* of the verb that starts it */
    const rollout_spec_t *spec; /* of a rollout: the operator's own; else NULL */
    const sign_public_t *key;   /* ours: the proposer */
    const trust_t *pin;         /* of drover.yaml; NULL: none */
    int64_t asked_us;           /* the wall clock's, before the question and after the answer */
    int64_t now_us;
} order_asked_t;

/* What to hold against what: the answer that carries the draft, and the document that is shown,
 * which is the same one, or a saved plan. */
typedef struct order_shown {
    const json_t *answer;
    const json_t *document;
} order_shown_t;

/* Compare a draft with all of that. ERROR_ORDER_DIFFERS, TRUST_FLEET, TRUST_ROLLBACK; NO_MEMORY. */
MUST_CHECK status_t order_check_draft(const order_asked_t *asked, const order_shown_t *shown,
                                      const order_t *order, error_t *err);

/* What was asked for as a standing order. The tenants of today that the answer shows are not held
 * against it: the order does not speak of them. */
typedef struct order_standing {
    const json_t *answer; /* of standing.draft */
    const rollout_spec_t *spec;
    const char *bundle; /* asked for beside the spec, or NULL */
    int64_t until_us;
    const sign_public_t *key;
    const trust_t *pin;
    int64_t asked_us;
    int64_t now_us;
} order_standing_t;

/* Compare a standing order's draft with all of that. ERROR_ORDER_DIFFERS, TRUST_FLEET,
 * TRUST_ROLLBACK. */
MUST_CHECK status_t order_check_standing(const order_standing_t *asked, const order_t *order,
                                         error_t *err);

/* Compare an order's waves with a document's rows alone: counts, roots, whom and where to. */
MUST_CHECK status_t order_check_rows(const json_t *document, const order_t *order, error_t *err);

/* Fleet and trust file against the pin, which may be NULL. ERROR_TRUST_FLEET, TRUST_ROLLBACK. */
MUST_CHECK status_t order_check_pin(const trust_t *pin, const order_t *order, error_t *err);

/* An order without tenants that the coordinator drafted: exactly this kind, about this order. */
typedef struct order_blank {
    order_kind_t kind;
    const order_t *subject;   /* that it stops or opens a wave of; NULL: the fleet is meant */
    uint32_t wave;            /* of the subject, for an approval; else 0 */
    const char *application;  /* of a hold or its release; NULL: all */
    const sign_public_t *key; /* ours: drafted for us, now; NULL: others have signed it already */
    const trust_t *pin;
    int64_t asked_us;
    int64_t now_us;
} order_blank_t;

MUST_CHECK status_t order_check_blank(const order_blank_t *blank, const order_t *order,
                                      error_t *err);

/* The order's wave that a plan's wave became, by the document's rows; false where none of its
 * tenants is in the order. */
bool order_check_wave(const json_t *document, int64_t wave, uint32_t *ret_wave);

/* Whether a document shows nobody who would get a job. */
bool order_check_empty(const json_t *document);

#endif
