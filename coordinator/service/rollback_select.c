/* rollback_select.c: the question behind a rollback: of a rollout, or by selector to a version. */
#include "coordinator/service/fleet.h"
#include "coordinator/service/lookup.h"
#include "coordinator/service/planner.h"

#include <string.h>

enum { POINTS_MAX = 1000 }; /* newest backups of a tenant that are looked at */

typedef struct point_wish {
    plan_t *plan;
    uint32_t position;
    recovery_row_t found; /* reference in the plan's arena; NULL: none yet */
} point_wish_t;

/* Newest first: the first that fits is the one. */
static status_t take_point(void *context, const recovery_row_t *point, error_t *err) {
    point_wish_t *wish = context;
    bool fits = wish->found.reference == NULL && point->position == wish->position &&
                strcmp(point->kind, "dump") == 0;
    if (!fits) {
        return STATUS_OK;
    }
    wish->found = *point;
    return planner_keep(wish->plan, point->reference, &wish->found.reference, err);
}

static status_t judge_restore(call_t *call, plan_t *plan, plan_row_t *row, error_t *err) {
    TRY(plan_judge_common(plan, row, err));
    if (row->outcome != PLAN_WORK) {
        return STATUS_OK;
    }
    if (row->has_ledger && row->from <= row->to) {
        return plan_pass(plan, row, err, "stands there or before, as inventory tells");
    }
    point_wish_t wish = {.plan = plan, .position = row->to};
    recovery_page_t page = {.tenant = row->tenant, .limit = POINTS_MAX};
    TRY(store_recovery_each(call->store, &page, take_point, &wish, err));
    if (wish.found.reference == NULL) {
        return plan_refuse(plan, row, err, ERROR_RECOVERY_POINT,
                           "has no backup that was taken at that version");
    }
    bool oldest = plan->loss_oldest_us == 0 || wish.found.taken_us < plan->loss_oldest_us;
    plan->loss_oldest_us = oldest ? wish.found.taken_us : plan->loss_oldest_us;
    plan->loss_newest_us =
        wish.found.taken_us > plan->loss_newest_us ? wish.found.taken_us : plan->loss_newest_us;
    row->reference = wish.found.reference;
    return STATUS_OK;
}

static status_t judge_rows(call_t *call, const bundle_t *bundle, plan_t *plan, error_t *err) {
    for (uint32_t i = 0; i < plan->count; i++) {
        plan_row_t *row = &plan->rows[i];
        row->to = plan->target;
        if (plan->kind == KIND_RESTORE) {
            TRY(judge_restore(call, plan, row, err));
        } else {
            TRY(plan_judge_undo(plan, bundle, row, err));
        }
    }
    return STATUS_OK;
}

/* The bundle that is named, else the newest of the application. */
static status_t choose_bundle(call_t *call, const fleet_t *fleet, const selector_t *selector,
                              const bundle_t **ret_bundle, error_t *err) {
    const char *name = NULL;
    const char *application = NULL;
    TRY(call_text(call, "bundle", &name, err));
    TRY(call_text(call, "application", &application, err));
    if (name == NULL && application == NULL) {
        fleet_question_t question = {.selector = selector};
        TRY(fleet_only_application(call, fleet, &question, &application, err));
    }
    TRY(call_bundle(call, name != NULL ? name : application, ret_bundle, err));
    if (application != NULL && strcmp(application, bundle_application(*ret_bundle)) != 0) {
        return error_set(err, ERROR_INVALID, "bundle '%s' is of '%s', not of '%s': leave out one",
                         name, bundle_application(*ret_bundle), application);
    }
    return STATUS_OK;
}

static status_t name_plan(plan_t *plan, const char *to, error_t *err) {
    CLEANUP(buffer_free) buffer_t name = {0};
    buffer_format(&name, "rollback of %s to %s", plan->application, to);
    TRY(buffer_check(&name, err));
    return planner_keep(plan, buffer_string(&name), &plan->name, err);
}

static status_t plan_by_selector(call_t *call, bool restore, plan_t **ret_plan, error_t *err) {
    CLEANUP(selector_destroy_p) selector_t *selector = NULL;
    CLEANUP(plan_destroy_p) plan_t *plan = plan_new(restore ? KIND_RESTORE : KIND_UNDO);
    const char *to = NULL;
    const bundle_t *bundle = NULL;
    fleet_t fleet = {0};
    if (plan == NULL) {
        return error_set(err, ERROR_NO_MEMORY, "out of memory for a plan");
    }
    TRY(lookup_selector(call, "select", &selector, err));
    TRY(call_need(call, "to", &to, err));
    TRY(fleet_load(call, &fleet, err));
    TRY(choose_bundle(call, &fleet, selector, &bundle, err));
    TRY(plan_use_bundle(plan, bundle, err));
    TRY(lookup_version(bundle, to, &plan->target, err));
    TRY(name_plan(plan, to, err));
    plan->attempts = call->service->options.attempts;
    plan->recovery_kind = restore ? "none" : "dump";
    plan->recovery_reason = restore ? "a restore keeps the database that it replaces" : NULL;
    fleet_question_t question = {
        .application = plan->application, .selector = selector, .kind = plan->kind};
    TRY(fleet_fill(call, &fleet, &question, plan, err));
    TRY(judge_rows(call, bundle, plan, err));
    TRY(plan_single_wave(plan, "rollback", err));
    TRY(plan_finish(plan, err));
    *ret_plan = TAKE(plan);
    return STATUS_OK;
}

static status_t plan_by_rollout(call_t *call, const char *text, bool restore, plan_t **ret_plan,
                                error_t *err) {
    CLEANUP(lookup_rollout_free) lookup_rollout_t found = {0};
    lookup_wish_t wish = {.text = text, .kinds = IN(KIND_FORWARD)};
    ident_t id = {0};
    TRY(lookup_rollout_id(call, &wish, &id, err));
    TRY(lookup_rollout_by_id(call, &id, &found, err));
    call->rollout = id;
    if (found.rollout->kind != KIND_FORWARD) {
        return error_set(err, ERROR_INVALID, "'%s' is no rollout that moved tenants forward",
                         found.rollout->name);
    }
    planner_way_back_t way = {.rollout = found.rollout, .wave = -1, .restore = restore};
    return planner_way_back(call, &way, ret_plan, err);
}

status_t planner_rollback(call_t *call, plan_t **ret_plan, error_t *err) {
    const char *method = NULL;
    const char *rollout = NULL;
    const char *select = NULL;
    const char *to = NULL;
    TRY(call_text(call, "method", &method, err));
    TRY(call_text(call, "rollout", &rollout, err));
    TRY(call_text(call, "select", &select, err));
    TRY(call_text(call, "to", &to, err));
    bool restore = method != NULL && strcmp(method, "restore") == 0;
    if (method != NULL && !restore && strcmp(method, "undo") != 0) {
        return error_set(err, ERROR_INVALID, "method must be 'undo' or 'restore', not '%s'",
                         method);
    }
    if ((rollout != NULL && select != NULL) || (select != NULL) != (to != NULL)) {
        return error_set(err, ERROR_INVALID,
                         "a rollback is of a rollout, or of 'select' and 'to' together");
    }
    return select != NULL ? plan_by_selector(call, restore, ret_plan, err)
                          : plan_by_rollout(call, rollout, restore, ret_plan, err);
}
