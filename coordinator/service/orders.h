/*
 * orders.h: signed orders as they come in questions: read, verified, counted, kept.
 *
 * An order travels as base64 (RFC 4648, with padding) of its Document. What the coordinator checks
 * here spares everybody time; agents check again by themselves before every job.
 */
#ifndef DROVER_SERVICE_ORDERS_H
#define DROVER_SERVICE_ORDERS_H

#include "coordinator/service/call.h"
#include "coordinator/service/order_draft.h"
#include "coordinator/store/store_signed_order.h"

/* A signed order and what it says. */
typedef struct orders_paper {
    document_t *document;
    order_t *order;
} orders_paper_t;

void orders_paper_free(orders_paper_t *paper);

/* Who has signed so far. Names are borrowed from the trust file. */
typedef struct orders_signatures {
    uint32_t needed;
    uint32_t have;
    const char *by[DOCUMENT_SIGNATURES]; /* have of them */
    bool reached;
} orders_signatures_t;

/* The asker's key must have one of the roles (bits of 1U << trust_role_t) within the application
 * ("": any) and this fleet's environment. TRUST_KEY names what is missing. */
MUST_CHECK status_t orders_allow(const call_t *call, unsigned roles, const char *application,
                                 error_t *err);

/* What an order drafted now by the asker has beside its plan. */
order_setting_t orders_setting(const call_t *call);

/* Read the argument, which must be there. Every signature in it is its key's, one of the keys is in
 * the trust file, and the order makes sense by itself. TRUST_DOCUMENT, TRUST_SIGNATURE, TRUST_KIND,
 * TRUST_THRESHOLD, ORDER_INVALID. */
MUST_CHECK status_t orders_take(call_t *call, const char *key, orders_paper_t *ret_paper,
                                error_t *err);

/* The same of what the catalog keeps. */
MUST_CHECK status_t orders_open(const signed_order_row_t *row, orders_paper_t *ret_paper,
                                error_t *err);

/* By the digest. NOT_FOUND. */
MUST_CHECK status_t orders_load(call_t *call, const digest_t *digest, signed_order_row_t *ret_row,
                                orders_paper_t *ret_paper, error_t *err);

/* Take over another copy's signatures. TRUST_MERGE. */
MUST_CHECK status_t orders_merge(orders_paper_t *paper, const document_t *other, error_t *err);

/* Verify. Short of signatures is no error as long as the proposer's is among them and who signs it
 * may: then reached is false. ORDER_…, TRUST_…. */
MUST_CHECK status_t orders_verify(const call_t *call, const order_t *order,
                                  orders_signatures_t *ret_signatures, error_t *err);

/* Who has signed, without a verdict on the rest: for showing. subject is the order that an approval
 * is about, else NULL. */
orders_signatures_t orders_count(const call_t *call, const order_t *order, const order_t *subject);

/* How many signatures an order of this kind needs where the asker proposes it. TRUST_KEY where the
 * asker may not sign it. */
MUST_CHECK status_t orders_needed(const call_t *call, order_kind_t kind, const char *application,
                                  uint32_t *ret_needed, error_t *err);

/* An expired trust file lets nothing new through but what stops. TRUST_EXPIRED. */
MUST_CHECK status_t orders_fresh(const call_t *call, order_kind_t kind, error_t *err);

/* Which of its order's waves each wave of a rollout is; ORDER_NO_WAVE where nobody in it is named.
 * ret_waves has LIMIT_WAVES places. */
void orders_waves(const rollout_t *rollout, uint32_t *ret_waves);

/* The order's wave that an approval of a rollout's wave is about. INVALID where the rollout has no
 * such wave, or its order's own signatures open it. */
MUST_CHECK status_t orders_wave(const rollout_t *rollout, int64_t wave, uint32_t *ret_wave,
                                error_t *err);

/* Keep it. */
typedef struct orders_keep {
    const orders_paper_t *paper;
    ident_t rollout; /* or null */
    bool accepted;
} orders_keep_t;
MUST_CHECK status_t orders_store(call_t *call, const orders_keep_t *keep, error_t *err);

/* {key: base64 of bytes} */
void orders_row_bytes(row_t *row, const char *key, const void *bytes, size_t size);
/* {key: base64 of the document} */
MUST_CHECK status_t orders_row_document(row_t *row, const char *key, const document_t *document,
                                        error_t *err);
/* {signatures: {needed, have, by: [name]}} */
void orders_row_signatures(row_t *row, const orders_signatures_t *signatures);

#endif
