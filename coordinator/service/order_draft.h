/*
 * order_draft.h: from a plan to the order that operators sign. Pure but for memory: time, chance
 * and keys are given in.
 *
 * The same functions draft an order before it is signed and say what it must be once it comes back,
 * so that nothing else than what was shown can be started. An order's waves are the plan's waves
 * that have work or somebody to look at; a leaf is made for each such row, and its number is the
 * order's time of issue: it grows, and cannot run ahead of the clocks.
 */
#ifndef DROVER_SERVICE_ORDER_DRAFT_H
#define DROVER_SERVICE_ORDER_DRAFT_H

#include "common/trust/order.h"
#include "coordinator/service/plan.h"

enum { ORDER_NO_WAVE = UINT32_MAX };

/* What an order has beside its plan. Borrowed. */
typedef struct order_setting {
    const trust_t *trust;
    const char *environment;
    int64_t life_us; /* soaks come on top */
    sign_public_t proposer;
    ident_t id;
    int64_t issued_us;
    bool accept_data_loss; /* of a restore; ignored otherwise */
    digest_t subject;      /* order of the rollout that is taken back; zero: none */
} order_setting_t;

/* The order kind by which a kind of rollout is ordered. */
order_kind_t order_draft_kind(rollout_kind_t kind);

/* Whether anybody gets a job by the plan: only then is there an order. */
bool order_draft_needed(const plan_t *plan);

/* Which of the order's waves a wave of the plan is; ORDER_NO_WAVE where it has no leaf. */
uint32_t order_draft_wave(const plan_t *plan, uint32_t wave);

/* The unsigned order. ERROR_ORDER_INVALID, RECOVERY_POINT (a backup without an id), BOUND. */
MUST_CHECK status_t order_draft_of(const plan_t *plan, const order_setting_t *setting,
                                   document_t **ret_document, error_t *err);

/* Whether a signed order says what would be drafted of this plan now, with its own id and time:
 * setting has the others. ERROR_PLAN_STALE where the plan or its tenants differ,
 * ERROR_ORDER_INVALID names any other field. */
MUST_CHECK status_t order_draft_check(const plan_t *plan, const order_setting_t *setting,
                                      const order_t *order, error_t *err);

/* An order about another order or about the fleet: stop, hold, release_hold, approve_wave.
 * application is "" for the fleet; wave is the subject's, for an approval. */
typedef struct order_about {
    order_kind_t kind;
    const char *application;
    uint32_t wave;
} order_about_t;
MUST_CHECK status_t order_draft_about(const order_about_t *about, const order_setting_t *setting,
                                      document_t **ret_document, error_t *err);

#endif
