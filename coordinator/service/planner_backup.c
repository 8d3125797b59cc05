/* planner_backup.c: backups, their check, restore and pruning as plans. See planner.h. */
#include "coordinator/service/fleet.h"
#include "coordinator/service/lookup.h"
#include "coordinator/service/planner.h"
#include "coordinator/store/store_bundle.h"

#include <string.h>

/* Who is meant by select, or by tenant; with neither, everybody where `all` is set. */
typedef struct aim {
    selector_t *selector;
    const char *tenant;
} aim_t;

static void aim_free(aim_t *aim) {
    selector_destroy(&aim->selector);
}

static status_t take_aim(call_t *call, bool all, aim_t *ret_aim, error_t *err) {
    TRY(lookup_selector(call, "select", &ret_aim->selector, err));
    TRY(call_text(call, "tenant", &ret_aim->tenant, err));
    if (ret_aim->selector != NULL && ret_aim->tenant != NULL) {
        return error_set(err, ERROR_INVALID, "give 'select' or 'tenant', not both");
    }
    if (ret_aim->selector == NULL && ret_aim->tenant == NULL) {
        return all ? selector_parse("all", NULL, &ret_aim->selector, err)
                   : error_set(err, ERROR_INVALID, "one of 'select' and 'tenant' is needed");
    }
    return STATUS_OK;
}

/* Fill a plan that moves nobody: the tenants with a ledger of the application, in one wave. */
static status_t fill_still(call_t *call, const aim_t *aim, plan_t *plan, error_t *err) {
    fleet_t fleet = {0};
    const char *application = NULL;
    TRY(fleet_load(call, &fleet, err));
    fleet_question_t question = {.selector = aim->selector,
                                 .tenants = &aim->tenant,
                                 .tenant_count = aim->tenant != NULL ? 1 : 0,
                                 .kind = plan->kind};
    TRY(call_text(call, "application", &application, err));
    if (application == NULL) {
        TRY(fleet_only_application(call, &fleet, &question, &application, err));
    }
    question.application = application;
    TRY(planner_keep(plan, application, &plan->application, err));
    TRY(fleet_fill(call, &fleet, &question, plan, err));
    for (uint32_t i = 0; i < plan->count; i++) {
        TRY(plan_judge_still(plan, &plan->rows[i], err));
    }
    TRY(plan_single_wave(plan, plan->name, err));
    return plan_finish(plan, err);
}

static status_t no_memory(error_t *err) {
    return error_set(err, ERROR_NO_MEMORY, "out of memory for a plan");
}

status_t planner_backup(call_t *call, plan_t **ret_plan, error_t *err) {
    CLEANUP(plan_destroy_p) plan_t *plan = plan_new(KIND_BACKUP);
    CLEANUP(aim_free) aim_t aim = {0};
    if (plan == NULL) {
        return no_memory(err);
    }
    TRY(take_aim(call, false, &aim, err));
    plan->name = "backup";
    plan->recovery_kind = "dump";
    plan->attempts = call->service->options.attempts;
    TRY(fill_still(call, &aim, plan, err));
    *ret_plan = TAKE(plan);
    return STATUS_OK;
}

status_t planner_prune(call_t *call, plan_t **ret_plan, error_t *err) {
    CLEANUP(plan_destroy_p) plan_t *plan = plan_new(KIND_PRUNE);
    CLEANUP(aim_free) aim_t aim = {0};
    int64_t count = 0;
    if (plan == NULL) {
        return no_memory(err);
    }
    TRY(take_aim(call, true, &aim, err));
    TRY(call_number(call, &(call_number_t){.key = "keep_us", .most = INT64_MAX},
                    &plan->prune_keep_us, err));
    TRY(call_number(call, &(call_number_t){.key = "keep_count", .most = INT32_MAX}, &count, err));
    plan->prune_keep_count = (uint32_t)count;
    plan->name = "prune";
    plan->recovery_reason = "pruning changes no tenant";
    plan->attempts = call->service->options.attempts;
    TRY(fill_still(call, &aim, plan, err));
    *ret_plan = TAKE(plan);
    return STATUS_OK;
}

/* The application whose ledger a backup is seen by: the one named, else that of the rollout which
 * took it, else the only one that the tenant has. */
static status_t application_of(call_t *call, const recovery_row_t *point, const fleet_t *fleet,
                               const fleet_question_t *question, plan_t *plan, error_t *err) {
    const char *application = NULL;
    CLEANUP(lookup_rollout_free) lookup_rollout_t taker = {0};
    TRY(call_text(call, "application", &application, err));
    if (application == NULL && !ident_is_null(&point->rollout)) {
        TRY(lookup_rollout_by_id(call, &point->rollout, &taker, err));
        application = taker.rollout->application;
    } else if (application == NULL) {
        TRY(fleet_only_application(call, fleet, question, &application, err));
    }
    return planner_keep(plan, application, &plan->application, err);
}

/* A plan of one tenant around one backup, its row not judged yet. */
static status_t fill_one(call_t *call, const recovery_row_t *point, plan_t *plan, error_t *err) {
    char text[IDENT_TEXT_SIZE];
    const char *id = ident_text(&point->tenant, text);
    fleet_t fleet = {0};
    fleet_question_t question = {.tenants = &id, .tenant_count = 1, .kind = plan->kind};
    TRY(fleet_load(call, &fleet, err));
    TRY(application_of(call, point, &fleet, &question, plan, err));
    question.application = plan->application;
    TRY(fleet_fill(call, &fleet, &question, plan, err));
    return planner_keep(plan, point->reference, &plan->rows[0].reference, err);
}

static status_t need_backup(call_t *call, recovery_row_t *ret_point, error_t *err) {
    const char *text = NULL;
    TRY(call_need(call, "backup", &text, err));
    TRY(lookup_backup(call, text, ret_point, err));
    if (ret_point->pruned_us != 0) {
        return error_set(err, ERROR_NOT_FOUND, "backup '%s' was pruned", ret_point->reference);
    }
    if (strcmp(ret_point->kind, "dump") != 0) {
        return error_set(err, ERROR_RECOVERY_POINT,
                         "'%s' is a recovery point of kind '%s', which Drover cannot read",
                         ret_point->reference, ret_point->kind);
    }
    return STATUS_OK;
}

status_t planner_backup_check(call_t *call, plan_t **ret_plan, error_t *err) {
    CLEANUP(plan_destroy_p) plan_t *plan = plan_new(KIND_BACKUP_CHECK);
    recovery_row_t point = {0};
    if (plan == NULL) {
        return no_memory(err);
    }
    TRY(need_backup(call, &point, err));
    plan->name = "backup check";
    plan->recovery_reason = "a check changes no tenant";
    plan->attempts = call->service->options.attempts;
    TRY(fill_one(call, &point, plan, err));
    TRY(plan_judge_still(plan, &plan->rows[0], err));
    TRY(plan_single_wave(plan, plan->name, err));
    TRY(plan_finish(plan, err));
    *ret_plan = TAKE(plan);
    return STATUS_OK;
}

typedef struct bundle_search {
    uint32_t position;
    digest_t found; /* zero: none yet */
} bundle_search_t;

/* Takes the first that reaches so far: the newest. */
static status_t match_bundle(void *context, const bundle_row_t *row, error_t *err) {
    bundle_search_t *search = context;
    (void)err;
    if (digest_is_null(&search->found) && row->migrations >= search->position) {
        search->found = row->digest;
    }
    return STATUS_OK;
}

/* A restore leads to a state of a released bundle, which its order names: the newest one that has
 * the backup's version. */
static status_t take_bundle(call_t *call, const recovery_row_t *point, plan_t *plan, error_t *err) {
    bundle_search_t search = {.position = point->position};
    const bundle_t *bundle = NULL;
    TRY(store_bundle_each(call->store, plan->application, match_bundle, &search, err));
    if (digest_is_null(&search.found)) {
        return error_set(err, ERROR_BUNDLE_UNKNOWN,
                         "no bundle of '%s' that was pushed has position %u, where the backup "
                         "stands",
                         plan->application, point->position);
    }
    TRY(call_bundle_by_digest(call, &search.found, &bundle, err));
    return plan_use_bundle(plan, bundle, err);
}

status_t planner_restore(call_t *call, plan_t **ret_plan, error_t *err) {
    CLEANUP(plan_destroy_p) plan_t *plan = plan_new(KIND_RESTORE);
    recovery_row_t point = {0};
    if (plan == NULL) {
        return no_memory(err);
    }
    TRY(need_backup(call, &point, err));
    plan->name = "restore";
    plan->recovery_reason = "a restore keeps the database that it replaces";
    plan->attempts = call->service->options.attempts;
    TRY(fill_one(call, &point, plan, err));
    TRY(take_bundle(call, &point, plan, err));
    plan->rows[0].to = plan->target = point.position;
    TRY(plan_judge_common(plan, &plan->rows[0], err));
    plan->loss_oldest_us = plan->loss_newest_us = point.taken_us;
    TRY(plan_single_wave(plan, plan->name, err));
    TRY(plan_finish(plan, err));
    *ret_plan = TAKE(plan);
    return STATUS_OK;
}
