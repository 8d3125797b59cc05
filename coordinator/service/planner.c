/* planner.c: see planner.h. Ways back stand in rollback.c, backups in planner_backup.c. */
#include "coordinator/service/planner.h"
#include "coordinator/service/fleet.h"
#include "coordinator/service/lookup.h"

#include <stdio.h>
#include <string.h>

status_t planner_keep(plan_t *plan, const char *text, const char **ret_text, error_t *err) {
    return arena_text(&plan->arena, text, strlen(text), ret_text, err);
}

static unreachable_policy_t unreachable_of(spec_unreachable_t spec) {
    switch (spec) {
    case SPEC_UNREACHABLE_SKIP:
        return UNREACHABLE_SKIP;
    case SPEC_UNREACHABLE_SPEND:
        return UNREACHABLE_COUNT_AS_FAILURE;
    case SPEC_UNREACHABLE_WAIT:
    case SPEC_UNREACHABLE_COUNT:
        break;
    }
    return UNREACHABLE_WAIT;
}

static status_t replace(char **text_p, const char *text, error_t *err) {
    char *made = strdup(text);
    if (made == NULL) {
        return error_set(err, ERROR_NO_MEMORY, "out of memory for a spec");
    }
    free(*text_p);
    *text_p = made;
    return STATUS_OK;
}

/* Pin what the spec leaves open, so that its canonical text means the same tomorrow. */
static status_t pin(rollout_spec_t *spec, const bundle_t *bundle, uint32_t target, error_t *err) {
    char text[DIGEST_TEXT_SIZE];
    TRY(replace(&spec->bundle, digest_text(bundle_digest(bundle), text), err));
    TRY(replace(&spec->target, bundle_migration(bundle, target - 1)->version, err));
    return replace(&spec->application, bundle_application(bundle), err);
}

static status_t find_target(const rollout_spec_t *spec, const bundle_t *bundle,
                            uint32_t *ret_target, error_t *err) {
    const char *application = bundle_application(bundle);
    if (spec->application != NULL && strcmp(spec->application, application) != 0) {
        return error_set(err, ERROR_SPEC_INVALID,
                         "the spec is for application '%s', the bundle for '%s'", spec->application,
                         application);
    }
    if (bundle_count(bundle) == 0) {
        return error_set(err, ERROR_SPEC_INVALID, "the bundle of '%s' is empty", application);
    }
    uint32_t target = (uint32_t)bundle_count(bundle);
    if (strcmp(spec->target, "latest") != 0) {
        target = bundle_position_of_version(bundle, spec->target);
    }
    if (target == 0) {
        return error_set(err, ERROR_SPEC_INVALID,
                         "the bundle of '%s' has no version '%s': it ends at %s", application,
                         spec->target, bundle_migration(bundle, bundle_count(bundle) - 1)->version);
    }
    *ret_target = target;
    return STATUS_OK;
}

static status_t take_spec(plan_t *plan, const rollout_spec_t *spec, error_t *err) {
    CLEANUP(buffer_free) buffer_t canonical = {0};
    CLEANUP(buffer_free) buffer_t name = {0};
    rollout_spec_print(spec, &canonical);
    buffer_format(&name, "%s %s", spec->application, spec->target);
    TRY(buffer_check(&canonical, err));
    TRY(buffer_check(&name, err));
    TRY(planner_keep(plan, buffer_string(&canonical), &plan->spec, err));
    TRY(planner_keep(plan, buffer_string(&name), &plan->name, err));
    if (spec->recovery_point.reason != NULL) {
        TRY(planner_keep(plan, spec->recovery_point.reason, &plan->recovery_reason, err));
    }
    plan->unreachable = unreachable_of(spec->unreachable);
    plan->attempts = spec->attempts > 0 ? (uint32_t)spec->attempts : 1;
    plan->recovery_kind = spec_recovery_text(spec->recovery_point.policy);
    plan->trial_restore = spec_trial_text(spec->recovery_point.trial_restore);
    plan->sample_bp = (uint32_t)spec->recovery_point.sample_bp;
    plan->task_timeout_us = spec->timeout_us;
    plan->look = spec->look;
    return STATUS_OK;
}

static status_t parse_spec(call_t *call, rollout_spec_t **ret_spec, error_t *err) {
    const char *text = NULL;
    const char *bundle = NULL;
    bool look = false;
    CLEANUP(rollout_spec_destroy_p) rollout_spec_t *spec = NULL;
    TRY(call_need(call, "spec", &text, err));
    TRY(call_text(call, "bundle", &bundle, err));
    TRY(call_flag(call, "look", false, &look, err));
    yaml_text_t yaml = {.name = "spec", .bytes = text, .size = strlen(text)};
    TRY(rollout_spec_parse(&yaml, NULL, &spec, err));
    if (bundle != NULL) {
        TRY(replace(&spec->bundle, bundle, err));
    }
    spec->look = spec->look || look;
    *ret_spec = TAKE(spec);
    return STATUS_OK;
}

/* What many days' sweeps would do by themselves must be plain. */
static status_t check_standing(const rollout_spec_t *spec, error_t *err) {
    const spec_wave_t *wave = rollout_spec_wave(spec, 0);
    if (rollout_spec_wave_count(spec) != 1 || !wave->rest || wave->soak_us != 0) {
        return error_set(err, ERROR_SPEC_INVALID,
                         "a standing order's spec has one wave, of the rest, that does not soak");
    }
    if (wave->on_failure != SPEC_ON_FAILURE_PAUSE) {
        return error_set(err, ERROR_SPEC_INVALID,
                         "a standing order's sweeps pause at a failure: on_failure is pause");
    }
    return spec->look ? error_set(err, ERROR_SPEC_INVALID,
                                  "a standing order visits nobody without need: look is no")
                      : STATUS_OK;
}

/* The bundle, the target and what the spec says; no tenants yet. */
static status_t draft(call_t *call, rollout_spec_t *spec, plan_t *plan, error_t *err) {
    const bundle_t *bundle = NULL;
    TRY(call_bundle(call, spec->bundle, &bundle, err));
    TRY(find_target(spec, bundle, &plan->target, err));
    TRY(pin(spec, bundle, plan->target, err));
    TRY(plan_use_bundle(plan, bundle, err));
    return take_spec(plan, spec, err);
}

/* Whom the selector means as the fleet is now, and what becomes of each. */
static status_t fill(call_t *call, const rollout_spec_t *spec, plan_t *plan, error_t *err) {
    fleet_t fleet = {0};
    fleet_question_t question = {
        .application = plan->application, .selector = spec->selector, .kind = plan->kind};
    TRY(fleet_load(call, &fleet, err));
    TRY(fleet_fill(call, &fleet, &question, plan, err));
    for (uint32_t i = 0; i < plan->count; i++) {
        TRY(plan_judge_forward(plan, &plan->rows[i], err));
    }
    return STATUS_OK;
}

status_t planner_standing(call_t *call, const planner_standing_t *wish, rollout_spec_t **ret_spec,
                          plan_t **ret_plan, error_t *err) {
    CLEANUP(rollout_spec_destroy_p) rollout_spec_t *spec = NULL;
    CLEANUP(plan_destroy_p) plan_t *plan = plan_new(KIND_FORWARD);
    if (plan == NULL) {
        return error_set(err, ERROR_NO_MEMORY, "out of memory for a plan");
    }
    yaml_text_t yaml = {.name = "spec", .bytes = wish->spec, .size = strlen(wish->spec)};
    TRY(rollout_spec_parse(&yaml, NULL, &spec, err));
    TRY(check_standing(spec, err));
    TRY(wish->bundle != NULL ? replace(&spec->bundle, wish->bundle, err) : STATUS_OK);
    TRY(draft(call, spec, plan, err));
    if (fill(call, spec, plan, err) != STATUS_OK) {
        if (err->code != ERROR_SELECTS_NOTHING) {
            return STATUS_ERROR;
        }
        error_clear(err); /* they are to come */
        plan->count = 0;
    }
    *ret_spec = TAKE(spec);
    *ret_plan = TAKE(plan);
    return STATUS_OK;
}

status_t planner_rollout(call_t *call, plan_t **ret_plan, error_t *err) {
    CLEANUP(rollout_spec_destroy_p) rollout_spec_t *spec = NULL;
    CLEANUP(plan_destroy_p) plan_t *plan = plan_new(KIND_FORWARD);
    if (plan == NULL) {
        return error_set(err, ERROR_NO_MEMORY, "out of memory for a plan");
    }
    TRY(parse_spec(call, &spec, err));
    TRY(draft(call, spec, plan, err));
    TRY(fill(call, spec, plan, err));
    TRY(plan_cut(plan, spec, err));
    TRY(plan_finish(plan, err));
    *ret_plan = TAKE(plan);
    return STATUS_OK;
}

static status_t judge_baseline(plan_t *plan, plan_row_t *row, error_t *err) {
    TRY(plan_judge_common(plan, row, err));
    row->to = plan->target;
    if (row->outcome == PLAN_WORK && row->has_ledger && row->from == plan->target) {
        return plan_pass(plan, row, err, "has a ledger that stands there, as inventory tells");
    }
    return STATUS_OK;
}

static status_t plan_baseline(call_t *call, const selector_t *selector, plan_t *plan,
                              error_t *err) {
    fleet_t fleet = {0};
    TRY(fleet_load(call, &fleet, err));
    fleet_question_t question = {
        .application = plan->application, .selector = selector, .kind = plan->kind};
    TRY(fleet_fill(call, &fleet, &question, plan, err));
    for (uint32_t i = 0; i < plan->count; i++) {
        TRY(judge_baseline(plan, &plan->rows[i], err));
    }
    TRY(plan_single_wave(plan, "baseline", err));
    return plan_finish(plan, err);
}

status_t planner_baseline(call_t *call, plan_t **ret_plan, error_t *err) {
    CLEANUP(selector_destroy_p) selector_t *selector = NULL;
    CLEANUP(plan_destroy_p) plan_t *plan = plan_new(KIND_BASELINE);
    const char *at = NULL;
    const char *name = NULL;
    const char *select = NULL;
    const bundle_t *bundle = NULL;
    if (plan == NULL) {
        return error_set(err, ERROR_NO_MEMORY, "out of memory for a plan");
    }
    TRY(call_need(call, "select", &select, err));
    TRY(lookup_selector(call, "select", &selector, err));
    TRY(call_need(call, "at", &at, err));
    TRY(call_need(call, "bundle", &name, err));
    TRY(call_bundle(call, name, &bundle, err));
    TRY(plan_use_bundle(plan, bundle, err));
    TRY(lookup_version(bundle, at, &plan->target, err));
    CLEANUP(buffer_free) buffer_t title = {0};
    buffer_format(&title, "baseline %s %s", plan->application, at);
    TRY(buffer_check(&title, err));
    TRY(planner_keep(plan, buffer_string(&title), &plan->name, err));
    plan->attempts = call->service->options.attempts;
    plan->recovery_reason = "a baseline changes no schema";
    TRY(plan_baseline(call, selector, plan, err));
    *ret_plan = TAKE(plan);
    return STATUS_OK;
}
