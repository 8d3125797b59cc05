/*
 * planner.h: plans out of questions: arguments, bundle and fleet are read, plan.h judges.
 *
 * Each function reads the call's arguments anew; the plan borrows nothing from the call.
 */
#ifndef DROVER_SERVICE_PLANNER_H
#define DROVER_SERVICE_PLANNER_H

#include "coordinator/service/call.h"

typedef status_t planner_fn(call_t *call, plan_t **ret_plan, error_t *err);

/* spec, bundle?, look?: a way forward. SPEC_INVALID, SELECTOR, BUNDLE_UNKNOWN, SELECTS_NOTHING. */
MUST_CHECK status_t planner_rollout(call_t *call, plan_t **ret_plan, error_t *err);

/* select, at, bundle. */
MUST_CHECK status_t planner_baseline(call_t *call, plan_t **ret_plan, error_t *err);

/* rollout?, or select and to: see rollback.c. */
MUST_CHECK status_t planner_rollback(call_t *call, plan_t **ret_plan, error_t *err);

/* select or tenant, application?. */
MUST_CHECK status_t planner_backup(call_t *call, plan_t **ret_plan, error_t *err);

/* backup, trial_restore?. */
MUST_CHECK status_t planner_backup_check(call_t *call, plan_t **ret_plan, error_t *err);

/* backup: restore of one tenant. */
MUST_CHECK status_t planner_restore(call_t *call, plan_t **ret_plan, error_t *err);

/* select?, keep_us?, keep_count?, application?. */
MUST_CHECK status_t planner_prune(call_t *call, plan_t **ret_plan, error_t *err);

/*
 * A way forward for a standing order: whoever matches today, judged, in no wave yet; nobody is no
 * error. The spec has one wave, of the rest, that pauses at a failure: SPEC_INVALID. ret_spec is
 * pinned, so that its canonical text means the same at each sweep.
 */
typedef struct planner_standing {
    const char *spec;
    const char *bundle; /* instead of the spec's; or NULL */
} planner_standing_t;
MUST_CHECK status_t planner_standing(call_t *call, const planner_standing_t *wish,
                                     rollout_spec_t **ret_spec, plan_t **ret_plan, error_t *err);

/* What the wave of a rollout touched goes back; wave -1 is every wave. */
typedef struct planner_way_back {
    const rollout_t *rollout;
    int64_t wave;
    bool restore;
} planner_way_back_t;
MUST_CHECK status_t planner_way_back(call_t *call, const planner_way_back_t *way, plan_t **ret_plan,
                                     error_t *err);

/* Where the plan's texts live longer than the caller's. */
MUST_CHECK status_t planner_keep(plan_t *plan, const char *text, const char **ret_text,
                                 error_t *err);

#endif
