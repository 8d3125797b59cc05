/* fleet_select.c: who a selector or a list of names means, and who is busy. See fleet.h. */
#include "coordinator/service/fleet.h"

#include <stdlib.h>
#include <string.h>
#include <uthash.h>

typedef struct busy_entry {
    ident_t tenant;
    const char *rollout; /* the engine's */
    UT_hash_handle hh;
} busy_entry_t;

struct fleet_busy {
    busy_entry_t *entries; /* by tenant */
    busy_entry_t *room;
    size_t used;
};

static bool changes_tenants(rollout_kind_t kind) {
    return kind == KIND_FORWARD || kind == KIND_UNDO || kind == KIND_RESTORE ||
           kind == KIND_BASELINE;
}

/* Whether an open rollout keeps others away from its tenants. A restore swaps the whole database,
 * whatever applications live in it. */
static bool is_in_the_way(const rollout_t *rollout, const fleet_question_t *question) {
    bool same = question->application == NULL ||
                strcmp(rollout->application, question->application) == 0 ||
                rollout->kind == KIND_RESTORE || question->kind == KIND_RESTORE;
    return !rollout_state_is_final(rollout->state) && changes_tenants(rollout->kind) &&
           changes_tenants(question->kind) && same &&
           (question->except == NULL || !ident_equal(&rollout->id, question->except));
}

static size_t count_in_the_way(engine_t *engine, const fleet_question_t *question) {
    size_t count = 0;
    for (size_t i = 0; i < engine_rollout_count(engine); i++) {
        const rollout_t *rollout = engine_rollout_at(engine, i);
        count += is_in_the_way(rollout, question) ? rollout->task_count : 0;
    }
    return count;
}

static void add_rollout(fleet_busy_t *busy, const rollout_t *rollout) {
    for (uint32_t i = 0; i < rollout->task_count; i++) {
        const task_t *task = &rollout->tasks[i];
        busy_entry_t *entry = NULL;
        if (task_state_is_final(task->state)) {
            continue;
        }
        HASH_FIND(hh, busy->entries, &task->tenant, sizeof task->tenant, entry);
        if (entry == NULL) {
            entry = &busy->room[busy->used++];
            *entry = (busy_entry_t){.tenant = task->tenant, .rollout = rollout->name};
            HASH_ADD(hh, busy->entries, tenant, sizeof entry->tenant, entry);
        }
    }
}

status_t fleet_busy_new(call_t *call, const fleet_question_t *question, fleet_busy_t **ret_busy,
                        error_t *err) {
    size_t count = count_in_the_way(call->engine, question);
    CLEANUP(fleet_busy_destroy_p) fleet_busy_t *busy = calloc(1, sizeof *busy);
    if (busy != NULL) {
        busy->room = calloc(count + 1, sizeof *busy->room);
    }
    if (busy == NULL || busy->room == NULL) {
        return error_set(err, ERROR_NO_MEMORY, "out of memory for %zu tasks", count);
    }
    for (size_t i = 0; i < engine_rollout_count(call->engine); i++) {
        const rollout_t *rollout = engine_rollout_at(call->engine, i);
        if (is_in_the_way(rollout, question)) {
            add_rollout(busy, rollout);
        }
    }
    *ret_busy = TAKE(busy);
    return STATUS_OK;
}

const char *fleet_busy_with(const fleet_busy_t *busy, const ident_t *tenant) {
    busy_entry_t *entry = NULL;
    HASH_FIND(hh, busy->entries, tenant, sizeof *tenant, entry);
    return entry != NULL ? entry->rollout : NULL;
}

void fleet_busy_destroy(fleet_busy_t **self) {
    if (self == NULL || *self == NULL) {
        return;
    }
    HASH_CLEAR(hh, (*self)->entries);
    free((*self)->room);
    free(*self);
    *self = NULL;
}

/* A tenant that a list of names means; every name must mean one. */
static bool is_named(const fleet_question_t *question, const tenant_row_t *tenant, bool *found) {
    char id[IDENT_TEXT_SIZE];
    (void)ident_text(&tenant->id, id);
    bool named = false;
    for (size_t i = 0; i < question->tenant_count; i++) {
        if (strcmp(question->tenants[i], tenant->name) == 0 ||
            strcasecmp(question->tenants[i], id) == 0) {
            named = true;
            found[i] = true;
        }
    }
    return named;
}

static bool is_meant(const fleet_t *fleet, const fleet_question_t *question,
                     const tenant_row_t *tenant, bool *found) {
    if (question->selector == NULL) {
        return is_named(question, tenant, found);
    }
    selector_label_t labels[LIMIT_LABELS];
    selector_subject_t subject = fleet_subject(fleet, tenant, question->application, labels);
    return selector_matches(question->selector, &subject);
}

static status_t nobody(const fleet_question_t *question, const tenant_list_t *list, error_t *err) {
    if (list->count == 0) {
        return error_set(err, ERROR_SELECTS_NOTHING, "no agent has told of any tenant yet");
    }
    if (question->selector == NULL) {
        return error_set(err, ERROR_SELECTS_NOTHING, "no tenant is named");
    }
    CLEANUP(buffer_free) buffer_t text = {0};
    selector_print(question->selector, &text);
    return error_set(err, ERROR_SELECTS_NOTHING, "the selector '%s' matches none of %zu tenants",
                     buffer_string(&text), list->count);
}

/* Mark who is meant. */
static status_t choose(call_t *call, const fleet_t *fleet, const fleet_question_t *question,
                       const tenant_list_t *list, bool **ret_meant, size_t *ret_count,
                       error_t *err) {
    bool *meant = NULL;
    bool *found = NULL;
    size_t count = 0;
    TRY(arena_allocate(&call->arena, list->count + 1, &meant, err));
    TRY(arena_allocate(&call->arena, question->tenant_count + 1, &found, err));
    for (size_t i = 0; i < list->count; i++) {
        meant[i] = is_meant(fleet, question, &list->rows[i], found);
        count += meant[i];
    }
    for (size_t i = 0; question->selector == NULL && i < question->tenant_count; i++) {
        if (!found[i]) {
            return error_set(err, ERROR_NOT_FOUND, "no tenant has the name or id '%s'",
                             question->tenants[i]);
        }
    }
    if (count == 0) {
        return nobody(question, list, err);
    }
    *ret_meant = meant;
    *ret_count = count;
    return STATUS_OK;
}

status_t fleet_only_application(call_t *call, const fleet_t *fleet,
                                const fleet_question_t *question, const char **ret_application,
                                error_t *err) {
    tenant_list_t list = {0};
    bool *meant = NULL;
    size_t count = 0;
    const char *only = NULL;
    TRY(store_tenant_load(call->store, NULL, &call->arena, &list, err));
    TRY(choose(call, fleet, question, &list, &meant, &count, err));
    for (size_t i = 0; i < list.count; i++) {
        for (size_t k = 0; meant[i] && k < list.rows[i].application_count; k++) {
            const char *name = list.rows[i].applications[k].application;
            if (only != NULL && strcmp(only, name) != 0) {
                return error_set(
                    err, ERROR_INVALID,
                    "the tenants have several applications ('%s', '%s'): name one with "
                    "--application",
                    only, name);
            }
            only = name;
        }
    }
    if (only == NULL) {
        return error_set(err, ERROR_TENANT_NO_LEDGER, "none of %zu tenants has a ledger", count);
    }
    *ret_application = only;
    return STATUS_OK;
}

status_t fleet_fill(call_t *call, const fleet_t *fleet, const fleet_question_t *question,
                    plan_t *plan, error_t *err) {
    tenant_list_t list = {0};
    bool *meant = NULL;
    size_t count = 0;
    CLEANUP(fleet_busy_destroy_p) fleet_busy_t *busy = NULL;
    TRY(store_tenant_load(call->store, question->application, &call->arena, &list, err));
    TRY(choose(call, fleet, question, &list, &meant, &count, err));
    TRY(fleet_busy_new(call, question, &busy, err));
    TRY(plan_reserve(plan, count, err));
    uint32_t next = 0;
    for (size_t i = 0; i < list.count; i++) {
        if (!meant[i]) {
            continue;
        }
        plan_row_t *row = &plan->rows[next++];
        TRY(fleet_row(fleet, &list.rows[i], question->application, plan, row, err));
        const char *rollout = fleet_busy_with(busy, &row->tenant);
        if (rollout != NULL) {
            TRY(arena_text(&plan->arena, rollout, strlen(rollout), &row->elsewhere, err));
        }
    }
    return STATUS_OK;
}
