/*
 * launch.h: from a plan to a rollout that runs: built, taken in by the engine, started, stored. One
 * whose order is short of signatures is not started: it keeps its tenants until it is, or stopped.
 */
#ifndef DROVER_SERVICE_LAUNCH_H
#define DROVER_SERVICE_LAUNCH_H

#include "coordinator/service/call.h"

typedef struct launch {
    const char *name;   /* NULL: the plan's */
    const char *reason; /* for the audit log, or NULL */
    const char *select; /* what was asked, for the reader, or NULL */
    const char *actor;
    ident_t order;
    digest_t order_digest; /* of the signed order; zero where nobody gets a job */
    bool ticketed;         /* its later waves open by a ticket */
    bool waits;            /* its order is short of signatures: stored, not started */
    bool accept_data_loss;
} launch_t;

/*
 * Whether the plan leaves something to start. SELECTS_NOTHING where no wave takes anybody; where
 * all are refused, the first refusal's code; BOUND where too many rollouts are open, which stops no
 * undo and no restore.
 */
MUST_CHECK status_t launch_check(call_t *call, const plan_t *plan, error_t *err);

/* Checked plans only: an error from here on is no refusal. The rollout is the engine's. */
MUST_CHECK status_t launch_plan(call_t *call, const plan_t *plan, const launch_t *launch,
                                rollout_t **ret_rollout, error_t *err);

#endif
