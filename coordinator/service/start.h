/*
 * start.h: everything that must hold before a plan becomes a rollout, then the rollout; the
 * arguments name, reason, plan_digest and accept_data_loss are read where the verb has them.
 */
#ifndef DROVER_SERVICE_START_H
#define DROVER_SERVICE_START_H

#include "coordinator/service/planner.h"

/* PLAN_STALE, ROLLOUT_STATE, RESTORE_REFUSED, and those of launch_check. */
MUST_CHECK status_t start_plan(call_t *call, const plan_t *plan, error_t *err);

/* Make the plan, then start it. */
MUST_CHECK status_t start_planned(call_t *call, planner_fn *make, error_t *err);

#endif
