/*
 * start.h: everything that must hold before a plan becomes a rollout, then the rollout; the
 * arguments name, reason, plan_digest, order and accept_data_loss are read where the verb has them.
 *
 * Where anybody gets a job an order must come with it that says exactly what would be drafted of
 * this plan now. One that is short of signatures is stored as a rollout in state planned, which
 * start_ready starts once they are there.
 */
#ifndef DROVER_SERVICE_START_H
#define DROVER_SERVICE_START_H

#include "coordinator/service/orders.h"
#include "coordinator/service/planner.h"

/* A verb that starts something, and how its plan is made. */
typedef struct start_verb {
    const char *name;
    planner_fn *make;
} start_verb_t;

/* NULL for a verb that starts nothing. */
const start_verb_t *start_verb_find(const char *name);

/* What must hold before an order is signed for the plan, and again before it is started.
 * PLAN_STALE, ROLLOUT_STATE, RESTORE_REFUSED, TRUST_KEY, and those of launch_check. */
typedef struct start_check {
    unsigned roles;        /* of the verb that starts it */
    bool accept_data_loss; /* set: as the question has it */
    bool stops_parent;     /* set: the rollout that it takes back is to be stopped first */
} start_check_t;
MUST_CHECK status_t start_check(call_t *call, const plan_t *plan, start_check_t *check,
                                error_t *err);

/* What the order of the plan has beside it, were it drafted now. */
MUST_CHECK status_t start_setting(call_t *call, const plan_t *plan, const start_check_t *check,
                                  order_setting_t *ret_setting, error_t *err);

/* Make the plan, then start it. ORDER_UNSIGNED, ORDER_INVALID, PLAN_STALE, those of orders_verify
 * and of start_check. */
MUST_CHECK status_t start_planned(call_t *call, planner_fn *make, error_t *err);

/* Start a rollout that waited for its last signature, and stop the one that it takes back.
 * ROLLOUT_STATE where that one is at work. */
MUST_CHECK status_t start_ready(call_t *call, rollout_t *rollout, error_t *err);

#endif
