/* start.c: see start.h. */
#include "coordinator/service/start.h"
#include "coordinator/service/launch.h"
#include "coordinator/service/lookup.h"
#include "coordinator/service/names.h"
#include "coordinator/service/plan_page.h"
#include "coordinator/service/verbs.h"

#include <string.h>

static const start_verb_t STARTS[] = {
    {"rollout.start", planner_rollout},     {"rollback.start", planner_rollback},
    {"baseline.start", planner_baseline},   {"backup.create", planner_backup},
    {"backup.check", planner_backup_check}, {"backup.restore", planner_restore},
    {"backup.prune", planner_prune},
};

const start_verb_t *start_verb_find(const char *name) {
    for (size_t i = 0; i < sizeof STARTS / sizeof STARTS[0]; i++) {
        if (strcmp(STARTS[i].name, name) == 0) {
            return &STARTS[i];
        }
    }
    return NULL;
}

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
static status_t check_parent(call_t *call, const ident_t *id, bool *ret_stop, error_t *err) {
    rollout_t *parent = ident_is_null(id) ? NULL : engine_rollout(call->engine, id);
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

static status_t stop_parent(call_t *call, const ident_t *id, error_t *err) {
    event_t event = call_event(call, EVENT_STOP, id);
    call_changes(call);
    engine_step(call->engine, &event, call->effects);
    const rollout_t *parent = engine_rollout(call->engine, id);
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

status_t start_check(call_t *call, const plan_t *plan, start_check_t *check, error_t *err) {
    TRY(orders_allow(call, check->roles, plan->application, err));
    TRY(check_digest(call, plan, err));
    TRY(check_parent(call, &plan->parent, &check->stops_parent, err));
    TRY(launch_check(call, plan, err));
    return check_loss(call, plan, &check->accept_data_loss, err);
}

/* The order of the rollout that is taken back; zero where it had none. */
static status_t subject_of(call_t *call, const plan_t *plan, digest_t *ret_subject, error_t *err) {
    CLEANUP(lookup_rollout_free) lookup_rollout_t found = {0};
    if (ident_is_null(&plan->parent)) {
        return STATUS_OK;
    }
    TRY(lookup_rollout_by_id(call, &plan->parent, &found, err));
    *ret_subject = found.rollout->order_digest;
    return STATUS_OK;
}

status_t start_setting(call_t *call, const plan_t *plan, const start_check_t *check,
                       order_setting_t *ret_setting, error_t *err) {
    order_setting_t setting = orders_setting(call);
    setting.accept_data_loss = check->accept_data_loss;
    TRY(subject_of(call, plan, &setting.subject, err));
    *ret_setting = setting;
    return STATUS_OK;
}

/* One order starts one rollout: its digest is in the catalog from then on. */
static status_t check_unused(call_t *call, const order_t *order, error_t *err) {
    signed_order_row_t row = {0};
    error_t why = {0};
    char text[IDENT_TEXT_SIZE];
    if (store_signed_order_get(call->store, &order->digest, &call->arena, &row, &why) ==
        STATUS_OK) {
        return error_set(err, ERROR_ORDER_INVALID, "this order was given before: rollout %s",
                         ident_text(&row.rollout, text));
    }
    if (why.code != ERROR_NOT_FOUND) {
        *err = why;
        return STATUS_ERROR;
    }
    return STATUS_OK;
}

/* What the question brought to start a plan. */
typedef struct start {
    start_check_t check;
    launch_t launch;
    orders_paper_t paper; /* empty where nobody gets a job */
    orders_signatures_t signatures;
} start_t;

static void start_free(start_t *start) {
    orders_paper_free(&start->paper);
}

static status_t take_order(call_t *call, const plan_t *plan, start_t *start, error_t *err) {
    const char *text = NULL;
    order_setting_t setting;
    TRY(call_text(call, "order", &text, err));
    if (!order_draft_needed(plan)) {
        return text == NULL ? STATUS_OK
                            : error_set(err, ERROR_PLAN_STALE,
                                        "nobody gets a job by this plan now: there is no order of "
                                        "it");
    }
    if (text == NULL) {
        return error_set(err, ERROR_ORDER_UNSIGNED,
                         "%s changes %u tenants: it needs a signed order", call->question->verb,
                         plan->by_outcome[PLAN_WORK] + plan->by_outcome[PLAN_LOOK]);
    }
    TRY(orders_take(call, "order", &start->paper, err));
    const order_t *order = start->paper.order;
    TRY(start_setting(call, plan, &start->check, &setting, err));
    TRY(order_draft_check(plan, &setting, order, err));
    TRY(check_unused(call, order, err));
    TRY(orders_verify(call, order, &start->signatures, err));
    start->launch.order_digest = order->digest;
    start->launch.ticketed = plan->kind != KIND_LOOK;
    start->launch.waits = !start->signatures.reached;
    return STATUS_OK;
}

static status_t read_launch(call_t *call, launch_t *launch, error_t *err) {
    TRY(call_text(call, "name", &launch->name, err));
    TRY(call_text(call, "reason", &launch->reason, err));
    TRY(call_text(call, "select", &launch->select, err));
    if (launch->name != NULL && strlen(launch->name) > LIMIT_NAME_BYTES) {
        return error_set(err, ERROR_BOUND, "a name of %zu bytes, at most %d (LIMIT_NAME_BYTES)",
                         strlen(launch->name), (int)LIMIT_NAME_BYTES);
    }
    return STATUS_OK;
}

static status_t carry_out(call_t *call, const plan_t *plan, const start_t *start, error_t *err) {
    rollout_t *rollout = NULL;
    if (start->check.stops_parent && !start->launch.waits) {
        TRY(stop_parent(call, &plan->parent, err));
    }
    TRY(launch_plan(call, plan, &start->launch, &rollout, err));
    write_start(call, plan, rollout);
    if (start->paper.order == NULL) {
        return STATUS_OK;
    }
    orders_keep_t keep = {
        .paper = &start->paper, .rollout = rollout->id, .accepted = start->signatures.reached};
    orders_row_signatures(&call->document, &start->signatures);
    row_digest(&call->document, "order_digest", &rollout->order_digest);
    buffer_format(&call->detail, ", signed by %u of %u", start->signatures.have,
                  start->signatures.needed);
    return orders_store(call, &keep, err);
}

static status_t start_plan(call_t *call, const plan_t *plan, error_t *err) {
    CLEANUP(start_free)
    start_t start = {
        .check = {.roles = call->verb->roles},
        .launch = {.actor = call->question->actor, .order = call->question->order},
    };
    TRY(read_launch(call, &start.launch, err));
    TRY(start_check(call, plan, &start.check, err));
    start.launch.accept_data_loss = start.check.accept_data_loss;
    TRY(take_order(call, plan, &start, err));
    return carry_out(call, plan, &start, err);
}

status_t start_planned(call_t *call, planner_fn *make, error_t *err) {
    CLEANUP(plan_destroy_p) plan_t *plan = NULL;
    TRY(make(call, &plan, err));
    return start_plan(call, plan, err);
}

status_t start_ready(call_t *call, rollout_t *rollout, error_t *err) {
    bool stop = false;
    TRY(check_parent(call, &rollout->parent, &stop, err));
    if (stop) {
        TRY(stop_parent(call, &rollout->parent, err));
    }
    event_t event = call_event(call, EVENT_START, &rollout->id);
    call_changes(call);
    engine_step(call->engine, &event, call->effects);
    return call->effects->failed
               ? error_set(err, ERROR_NO_MEMORY, "out of memory for a rollout's effects")
               : STATUS_OK;
}
