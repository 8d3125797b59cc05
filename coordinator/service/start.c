/* start.c: see start.h. */
#include "coordinator/service/start.h"
#include "coordinator/service/launch.h"
#include "coordinator/service/names.h"
#include "coordinator/service/plan_page.h"

#include <string.h>

static status_t check_digest(call_t *call, const plan_t *plan, error_t *err) {
    const char *wanted = NULL;
    digest_t digest = {0};
    TRY(call_text(call, "plan_digest", &wanted, err));
    if (wanted == NULL) {
        return STATUS_OK;
    }
    TRY(digest_parse(wanted, &digest, err));
    if (!digest_equal(&digest, &plan->digest)) {
        char text[DIGEST_TEXT_SIZE];
        return error_set(err, ERROR_PLAN_STALE, "the plan was %.16s…, it is %.16s… now", wanted,
                         digest_text(&plan->digest, text));
    }
    return STATUS_OK;
}

/* A restore loses what was written since the backup. */
static status_t check_loss(call_t *call, const plan_t *plan, bool *ret_accepted, error_t *err) {
    bool accepted = false;
    TRY(call_flag(call, "accept_data_loss", false, &accepted, err));
    *ret_accepted = accepted;
    if (plan->kind != KIND_RESTORE || accepted || plan->by_outcome[PLAN_WORK] == 0) {
        return STATUS_OK;
    }
    char oldest[CLOCK_TEXT_SIZE];
    char newest[CLOCK_TEXT_SIZE];
    return error_set(err, ERROR_RESTORE_REFUSED,
                     "rows written since the backups (%s to %s) would be lost in %u tenants",
                     clock_text(plan->loss_oldest_us, oldest),
                     clock_text(plan->loss_newest_us, newest), plan->by_outcome[PLAN_WORK]);
}

static bool has_jobs_at_work(const rollout_t *rollout) {
    for (uint32_t i = 0; i < rollout->task_count; i++) {
        task_state_t state = rollout->tasks[i].state;
        if (state == TASK_DISPATCHED || state == TASK_RUNNING) {
            return true;
        }
    }
    return false;
}

/* What is taken back must not go on meanwhile. */
static status_t check_parent(call_t *call, const plan_t *plan, bool *ret_stop, error_t *err) {
    rollout_t *parent =
        ident_is_null(&plan->parent) ? NULL : engine_rollout(call->engine, &plan->parent);
    *ret_stop = false;
    if (parent == NULL || rollout_state_is_final(parent->state)) {
        return STATUS_OK;
    }
    if (parent->state == ROLLOUT_RUNNING) {
        return error_set(err, ERROR_ROLLOUT_STATE,
                         "rollout '%s' is running: pause or stop it before it is rolled back",
                         parent->name);
    }
    if (has_jobs_at_work(parent) || parent->state == ROLLOUT_STOPPING ||
        parent->state == ROLLOUT_REVERTING) {
        return error_set(err, ERROR_ROLLOUT_STATE,
                         "rollout '%s' is %s and has jobs in hand: wait until they have ended",
                         parent->name, names_rollout_state(parent->state));
    }
    *ret_stop = true;
    return STATUS_OK;
}

static status_t stop_parent(call_t *call, const plan_t *plan, error_t *err) {
    event_t event = call_event(call, EVENT_STOP, &plan->parent);
    call_changes(call);
    engine_step(call->engine, &event, call->effects);
    const rollout_t *parent = engine_rollout(call->engine, &plan->parent);
    return parent != NULL && rollout_state_is_final(parent->state)
               ? STATUS_OK
               : error_set(err, ERROR_INTERNAL, "a rollout without jobs in hand did not stop");
}

static void write_start(call_t *call, const plan_t *plan, const rollout_t *rollout) {
    call->rollout = rollout->id;
    call->digest = plan->bundle;
    row_ident(&call->document, "rollout", &rollout->id);
    row_text(&call->document, "name", rollout->name);
    row_text(&call->document, "kind", names_kind(rollout->kind));
    row_text(&call->document, "state", names_rollout_state(rollout->state));
    row_ident(&call->document, "parent", &rollout->parent);
    row_digest(&call->document, "plan_digest", &plan->digest);
    plan_page_totals(plan, &call->document);
    buffer_format(&call->detail, "'%s': %u tenants, %u to do, %u to look at, %u refused",
                  rollout->name, plan->count, plan->by_outcome[PLAN_WORK],
                  plan->by_outcome[PLAN_LOOK],
                  plan->by_outcome[PLAN_REFUSED] + plan->by_outcome[PLAN_GONE]);
}

status_t start_plan(call_t *call, const plan_t *plan, error_t *err) {
    launch_t launch = {.actor = call->question->actor, .order = call->question->order};
    rollout_t *rollout = NULL;
    bool stop = false;
    TRY(call_text(call, "name", &launch.name, err));
    TRY(call_text(call, "reason", &launch.reason, err));
    TRY(call_text(call, "select", &launch.select, err));
    if (launch.name != NULL && strlen(launch.name) > LIMIT_NAME_BYTES) {
        return error_set(err, ERROR_BOUND, "a name of %zu bytes, at most %d (LIMIT_NAME_BYTES)",
                         strlen(launch.name), (int)LIMIT_NAME_BYTES);
    }
    TRY(check_digest(call, plan, err));
    TRY(check_parent(call, plan, &stop, err));
    TRY(launch_check(call, plan, err));
    TRY(check_loss(call, plan, &launch.accept_data_loss, err));
    if (stop) {
        TRY(stop_parent(call, plan, err));
    }
    TRY(launch_plan(call, plan, &launch, &rollout, err));
    write_start(call, plan, rollout);
    return STATUS_OK;
}

status_t start_planned(call_t *call, planner_fn *make, error_t *err) {
    CLEANUP(plan_destroy_p) plan_t *plan = NULL;
    TRY(make(call, &plan, err));
    return start_plan(call, plan, err);
}
