/*
 * rollback.c: plans that take tenants back: what a rollout touched, or what a selector means.
 *
 * Every tenant that the rollout names ends in one bucket: work, not needed, refused and why, or
 * gone. Where a tenant stands is taken from its ledger as last reported, not from the task: another
 * rollout may have moved it since. An outcome that nobody has evidence for counts as touched, and
 * no ledger that was read earlier answers it.
 */
#include "coordinator/engine/task_table.h"
#include "coordinator/service/fleet.h"
#include "coordinator/service/lookup.h"
#include "coordinator/service/planner.h"

#include <string.h>
#include <uthash.h>

typedef struct place {
    const tenant_row_t *tenant;
    UT_hash_handle hh; /* by id */
} place_t;

typedef struct way_back {
    call_t *call;
    const planner_way_back_t *asked;
    const bundle_t *bundle;
    fleet_t fleet;
    place_t *places; /* every tenant that is not gone, by id; in the call's arena */
    fleet_busy_t *busy;
    plan_t *plan;
} way_back_t;

static void way_back_free(way_back_t *way) {
    HASH_CLEAR(hh, way->places);
    fleet_busy_destroy(&way->busy);
}

static status_t index_tenants(way_back_t *way, error_t *err) {
    tenant_list_t list = {0};
    place_t *places = NULL;
    call_t *call = way->call;
    TRY(store_tenant_load(call->store, way->plan->application, &call->arena, &list, err));
    TRY(arena_allocate(&call->arena, (list.count + 1) * sizeof *places, &places, err));
    for (size_t i = 0; i < list.count; i++) {
        places[i].tenant = &list.rows[i];
        HASH_ADD_KEYPTR(hh, way->places, &list.rows[i].id, sizeof(ident_t), &places[i]);
    }
    return STATUS_OK;
}

/* Whether nobody can say what the task did: an attempt of it has not ended, or it may have changed
 * something and no report says what. An operator's retry of what nobody has word of leaves that
 * behind, and so does an agent that came back without its state: the attempt may be at work yet. */
static bool is_uncertain(const task_t *task) {
    bool untold = task->touched && task->position == task->from_position;
    return untold || task->state == TASK_OUTSTANDING || task_state_is_in_flight(task->state);
}

static bool was_touched(const task_t *task) {
    return task->touched || task->position != task->from_position || is_uncertain(task);
}

static uint32_t target_of(const rollout_t *rollout, const task_t *task) {
    uint32_t own = rollout->waves[task->wave].target_position;
    return own != 0 ? own : rollout->target_position;
}

/* A tenant that inventory no longer has, as the task knew it. */
static status_t row_of_task(const task_t *task, plan_t *plan, plan_row_t *ret_row, error_t *err) {
    plan_row_t row = {.tenant = task->tenant,
                      .system_identifier = task->system_identifier,
                      .from = task->position,
                      .to = task->from_position,
                      .wave = PLAN_NO_WAVE,
                      .from_version = "",
                      .problem_code = "",
                      .problem = ""};
    TRY(planner_keep(plan, task->tenant_name, &row.name, err));
    TRY(planner_keep(plan, task->database, &row.database, err));
    row.subject.name = row.name;
    *ret_row = row;
    return STATUS_OK;
}

/* The backup that the rollout took before it touched the tenant. */
static status_t judge_reference(way_back_t *way, const task_t *task, plan_row_t *row,
                                error_t *err) {
    plan_t *plan = way->plan;
    recovery_row_t point = {0};
    recovery_id_t id = {.tenant = task->tenant, .reference = task->reference};
    error_t inner = {0};
    if (task->reference == NULL || task->reference[0] == '\0') {
        return plan_refuse(plan, row, err, ERROR_RECOVERY_POINT, "no backup was taken before");
    }
    if (store_recovery_get(way->call->store, &id, &way->call->arena, &point, &inner) != STATUS_OK) {
        if (inner.code != ERROR_NOT_FOUND) {
            *err = inner;
            return STATUS_ERROR;
        }
        return plan_refuse(plan, row, err, ERROR_RECOVERY_POINT, "the backup '%s' is not known",
                           task->reference);
    }
    if (strcmp(point.kind, "dump") != 0 || point.pruned_us != 0) {
        return plan_refuse(plan, row, err, ERROR_RECOVERY_POINT, "'%s' %s", point.reference,
                           point.pruned_us != 0 ? "was pruned"
                                                : "is not a backup that Drover can restore");
    }
    bool first = plan->loss_oldest_us == 0 || point.taken_us < plan->loss_oldest_us;
    plan->loss_oldest_us = first ? point.taken_us : plan->loss_oldest_us;
    plan->loss_newest_us =
        point.taken_us > plan->loss_newest_us ? point.taken_us : plan->loss_newest_us;
    return planner_keep(plan, point.reference, &row->reference, err);
}

static status_t judge_restore(way_back_t *way, const task_t *task, plan_row_t *row, error_t *err) {
    TRY(plan_judge_common(way->plan, row, err));
    return row->outcome == PLAN_WORK ? judge_reference(way, task, row, err) : STATUS_OK;
}

/* Where the outcome is unknown, the tenant may stand as far on as the rollout's target: the way
 * back from there must exist, and it is walked, whatever inventory says. */
static status_t judge_uncertain(way_back_t *way, const task_t *task, plan_row_t *row,
                                error_t *err) {
    uint32_t from = row->from;
    const char *version = row->from_version;
    uint32_t target = target_of(way->asked->rollout, task);
    row->has_ledger = true;
    if (row->from < target) {
        row->from = target;
        row->from_version = plan_version(way->plan, target);
    }
    status_t status = plan_judge_undo(way->plan, way->bundle, row, err);
    row->from = from;
    row->from_version = version;
    return status;
}

static status_t judge_touched(way_back_t *way, const task_t *task, plan_row_t *row, error_t *err) {
    uint32_t target = target_of(way->asked->rollout, task);
    if (row->has_ledger && row->from > target) {
        return plan_refuse(way->plan, row, err, ERROR_TENANT_AHEAD,
                           "stands at %s, past what this rollout left: another one moved it on",
                           row->from_version[0] != '\0' ? row->from_version : "a later version");
    }
    if (!is_uncertain(task) && row->from <= row->to) {
        return plan_pass(way->plan, row, err, "stands where it stood before already");
    }
    if (way->asked->restore) {
        return judge_restore(way, task, row, err);
    }
    return is_uncertain(task) ? judge_uncertain(way, task, row, err)
                              : plan_judge_undo(way->plan, way->bundle, row, err);
}

static status_t judge_task(way_back_t *way, const task_t *task, plan_row_t *row, error_t *err) {
    plan_t *plan = way->plan;
    place_t *place = NULL;
    HASH_FIND(hh, way->places, &task->tenant, sizeof task->tenant, place);
    if (place == NULL || task->state == TASK_GONE) {
        TRY(row_of_task(task, plan, row, err));
        return plan_refuse(plan, row, err, ERROR_TENANT_GONE, "the tenant is no more");
    }
    TRY(fleet_row(&way->fleet, place->tenant, plan->application, plan, row, err));
    if (!row->has_ledger) {
        row->from = task->position;
        TRY(planner_keep(plan, plan_version(plan, row->from), &row->from_version, err));
        row->has_ledger = true; /* the rollout's own report said so */
    }
    row->to = task->from_position;
    if (!was_touched(task)) {
        return plan_pass(plan, row, err, "not touched by that rollout: %s",
                         TASK_MACHINE.states[task->state]);
    }
    const char *rollout = fleet_busy_with(way->busy, &task->tenant);
    if (rollout != NULL) {
        TRY(planner_keep(plan, rollout, &row->elsewhere, err));
    }
    return judge_touched(way, task, row, err);
}

static bool is_asked(const planner_way_back_t *asked, const task_t *task) {
    return asked->wave < 0 || task->wave == (uint64_t)asked->wave;
}

static status_t judge_tasks(way_back_t *way, error_t *err) {
    const rollout_t *rollout = way->asked->rollout;
    size_t count = 0;
    for (uint32_t i = 0; i < rollout->task_count; i++) {
        count += is_asked(way->asked, &rollout->tasks[i]);
    }
    TRY(plan_reserve(way->plan, count, err));
    uint32_t next = 0;
    for (uint32_t i = 0; i < rollout->task_count; i++) {
        const task_t *task = &rollout->tasks[i];
        if (is_asked(way->asked, task)) {
            TRY(judge_task(way, task, &way->plan->rows[next++], err));
        }
    }
    return STATUS_OK;
}

/* What the rollback inherits from the rollout that it takes back. */
static status_t inherit(way_back_t *way, error_t *err) {
    plan_t *plan = way->plan;
    const rollout_t *parent = way->asked->rollout;
    CLEANUP(buffer_free) buffer_t name = {0};
    buffer_format(&name, "rollback of %s", parent->name);
    TRY(buffer_check(&name, err));
    TRY(planner_keep(plan, buffer_string(&name), &plan->name, err));
    plan->parent = parent->id;
    plan->attempts = way->call->service->options.attempts;
    plan->recovery_reason = "a restore keeps the database that it replaces";
    if (!way->asked->restore) {
        const char *reason = parent->recovery_reason != NULL ? parent->recovery_reason : "";
        TRY(planner_keep(plan, parent->recovery_kind, &plan->recovery_kind, err));
        TRY(planner_keep(plan, reason, &plan->recovery_reason, err));
    }
    return STATUS_OK;
}

status_t planner_way_back(call_t *call, const planner_way_back_t *asked, plan_t **ret_plan,
                          error_t *err) {
    CLEANUP(plan_destroy_p) plan_t *plan = plan_new(asked->restore ? KIND_RESTORE : KIND_UNDO);
    CLEANUP(way_back_free) way_back_t way = {.call = call, .asked = asked, .plan = plan};
    if (plan == NULL) {
        return error_set(err, ERROR_NO_MEMORY, "out of memory for a plan");
    }
    TRY(call_bundle_by_digest(call, &asked->rollout->bundle, &way.bundle, err));
    TRY(plan_use_bundle(plan, way.bundle, err));
    TRY(fleet_load(call, &way.fleet, err));
    fleet_question_t question = {
        .application = plan->application, .kind = plan->kind, .except = &asked->rollout->id};
    TRY(fleet_busy_new(call, &question, &way.busy, err));
    TRY(index_tenants(&way, err));
    TRY(inherit(&way, err));
    TRY(judge_tasks(&way, err));
    plan->target = asked->rollout->target_position;
    TRY(plan_waves_by_target(plan, err));
    TRY(plan_finish(plan, err));
    *ret_plan = TAKE(plan);
    return STATUS_OK;
}
