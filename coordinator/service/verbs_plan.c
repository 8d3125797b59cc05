/* verbs_plan.c: plans shown, and plans started. */
#include "coordinator/service/plan_page.h"
#include "coordinator/service/start.h"
#include "coordinator/service/verbs.h"

status_t verbs_rollout_plan(call_t *call, error_t *err) {
    return plan_page_answer(call, planner_rollout, err);
}

status_t verbs_rollout_start(call_t *call, error_t *err) {
    return start_planned(call, planner_rollout, err);
}

status_t verbs_rollback_plan(call_t *call, error_t *err) {
    return plan_page_answer(call, planner_rollback, err);
}

status_t verbs_rollback_start(call_t *call, error_t *err) {
    return start_planned(call, planner_rollback, err);
}

status_t verbs_baseline_plan(call_t *call, error_t *err) {
    return plan_page_answer(call, planner_baseline, err);
}

status_t verbs_baseline_start(call_t *call, error_t *err) {
    return start_planned(call, planner_baseline, err);
}
