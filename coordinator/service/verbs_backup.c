/* verbs_backup.c: recovery points listed, made, checked, used and pruned. */
#include "coordinator/service/lookup.h"
#include "coordinator/service/names.h"
#include "coordinator/service/plan_page.h"
#include "coordinator/service/start.h"
#include "coordinator/service/verbs.h"

#include <stdlib.h>
#include <string.h>
#include <uthash.h>

/* Names of tenants by id, and who is meant. */
typedef struct named {
    const tenant_row_t *tenant;
    bool meant;
    uint32_t kept; /* prune_plan: newer backups of it that were seen */
    UT_hash_handle hh;
} named_t;

typedef struct backups {
    call_t *call;
    fleet_t fleet;
    named_t *tenants; /* by id, in the call's arena */
    bool select;      /* only those that are meant */
    /* the page */
    const char *last;
    int64_t last_us;
    uint32_t read;
    /* prune_plan */
    int64_t keep_us;
    uint32_t keep_count;
} backups_t;

static void backups_free(backups_t *into) {
    HASH_CLEAR(hh, into->tenants);
}

static status_t load_names(backups_t *into, error_t *err) {
    CLEANUP(selector_destroy_p) selector_t *selector = NULL;
    call_t *call = into->call;
    tenant_list_t list = {0};
    named_t *names = NULL;
    TRY(fleet_load(call, &into->fleet, err));
    TRY(lookup_selector(call, "select", &selector, err));
    TRY(store_tenant_load(call->store, NULL, &call->arena, &list, err));
    TRY(arena_allocate(&call->arena, (list.count + 1) * sizeof *names, &names, err));
    into->select = selector != NULL;
    for (size_t i = 0; i < list.count; i++) {
        selector_label_t labels[LIMIT_LABELS];
        selector_subject_t subject = fleet_subject(&into->fleet, &list.rows[i], NULL, labels);
        names[i].tenant = &list.rows[i];
        names[i].meant = selector == NULL || selector_matches(selector, &subject);
        HASH_ADD_KEYPTR(hh, into->tenants, &list.rows[i].id, sizeof(ident_t), &names[i]);
    }
    return STATUS_OK;
}

static named_t *named_of(const backups_t *into, const ident_t *tenant) {
    named_t *named = NULL;
    HASH_FIND(hh, into->tenants, tenant, sizeof *tenant, named);
    return named;
}

static status_t remember(backups_t *into, const recovery_row_t *point, error_t *err) {
    into->last_us = point->taken_us;
    return arena_text(&into->call->arena, point->reference, strlen(point->reference), &into->last,
                      err);
}

static status_t add_backup(backups_t *into, const recovery_row_t *point, error_t *err) {
    const named_t *named = named_of(into, &point->tenant);
    CLEANUP(row_free)
    row_t row = names_backup(&into->fleet, point, named != NULL ? named->tenant->name : "");
    return call_add(into->call, "backups", &row, err);
}

static status_t list_backup(void *context, const recovery_row_t *point, error_t *err) {
    backups_t *into = context;
    const named_t *named = named_of(into, &point->tenant);
    into->read++;
    if (into->call->more) {
        return STATUS_OK;
    }
    if (call_is_full(into->call)) {
        call_more(into->call, "%lld:%s", (long long)into->last_us, into->last);
        return STATUS_OK;
    }
    TRY(remember(into, point, err));
    bool wanted = !into->select || (named != NULL && named->meant);
    return wanted ? add_backup(into, point, err) : STATUS_OK;
}

static status_t read_page(call_t *call, recovery_page_t *page, error_t *err) {
    const char *tenant = NULL;
    const char *after = NULL;
    lookup_wish_t rollout = {0};
    TRY(call_text(call, "tenant", &tenant, err));
    TRY(call_text(call, "rollout", &rollout.text, err));
    TRY(call_flag(call, "pruned", false, &page->with_pruned, err));
    TRY(call_after(call, &after, err));
    if (tenant != NULL) {
        tenant_row_t row = {0};
        TRY(store_tenant_get(call->store, tenant, &call->arena, &row, err));
        page->tenant = row.id;
    }
    if (rollout.text != NULL) {
        TRY(lookup_rollout_id(call, &rollout, &page->rollout, err));
    }
    if (after != NULL) {
        call_place_t place = {0};
        TRY(call_place(after, &place, err));
        page->before_us = place.number;
        page->before_reference = place.text;
    }
    return STATUS_OK;
}

status_t verbs_backup_list(call_t *call, error_t *err) {
    CLEANUP(backups_free) backups_t into = {.call = call};
    recovery_page_t page = {0};
    TRY(call_limit(call, err));
    TRY(read_page(call, &page, err));
    TRY(load_names(&into, err));
    page.limit = call->row_limit * 2 + 1;
    call_array(call, "backups");
    do { /* ends with the page or the list: each round reads further */
        into.read = 0;
        TRY(store_recovery_each(call->store, &page, list_backup, &into, err));
        page.before_us = into.last_us;
        page.before_reference = into.last;
    } while (!call->more && into.read == page.limit);
    return STATUS_OK;
}

status_t verbs_backup_show(call_t *call, error_t *err) {
    const char *text = NULL;
    recovery_row_t point = {0};
    fleet_t fleet = {0};
    tenant_row_t tenant = {.name = ""};
    char id[IDENT_TEXT_SIZE];
    TRY(call_need(call, "backup", &text, err));
    TRY(lookup_backup(call, text, &point, err));
    TRY(fleet_load(call, &fleet, err));
    error_t inner = {0};
    if (store_tenant_get(call->store, ident_text(&point.tenant, id), &call->arena, &tenant,
                         &inner) != STATUS_OK &&
        inner.code != ERROR_NOT_FOUND) {
        *err = inner;
        return STATUS_ERROR;
    }
    row_t row = names_backup(&fleet, &point, tenant.name);
    row_take(&call->document, "backup", &row);
    row_free(&row);
    return STATUS_OK;
}

status_t verbs_backup_create(call_t *call, error_t *err) {
    return start_planned(call, planner_backup, err);
}

status_t verbs_backup_check(call_t *call, error_t *err) {
    return start_planned(call, planner_backup_check, err);
}

status_t verbs_backup_restore(call_t *call, error_t *err) {
    return start_planned(call, planner_restore, err);
}

status_t verbs_backup_prune(call_t *call, error_t *err) {
    return start_planned(call, planner_prune, err);
}

/* Whether an open rollout may still need it. */
static bool is_held(const backups_t *into, const recovery_row_t *point) {
    const rollout_t *rollout = engine_rollout(into->call->engine, &point->rollout);
    return rollout != NULL && !rollout_state_is_final(rollout->state);
}

/* The agents' rule (agent/backup/backup_retention.h), as far as the catalog can tell. */
static status_t judge_backup(void *context, const recovery_row_t *point, error_t *err) {
    backups_t *into = context;
    named_t *named = named_of(into, &point->tenant);
    into->read++;
    TRY(remember(into, point, err));
    if (named == NULL || !named->meant || strcmp(point->kind, "dump") != 0) {
        return STATUS_OK;
    }
    uint32_t newer = named->kept++;
    uint32_t keep = into->keep_count > 0 ? into->keep_count : 1;
    bool old = into->call->question->now_us - point->taken_us > into->keep_us;
    return newer >= keep && old && !is_held(into, point) ? add_backup(into, point, err) : STATUS_OK;
}

/* The backups that would go, all in the plan's first page: at most a page of them. */
static status_t list_prunable(call_t *call, error_t *err) {
    CLEANUP(backups_free) backups_t into = {.call = call};
    int64_t count = 0;
    TRY(call_number(call, &(call_number_t){.key = "keep_us", .most = INT64_MAX}, &into.keep_us,
                    err));
    TRY(call_number(call, &(call_number_t){.key = "keep_count", .most = INT32_MAX}, &count, err));
    into.keep_count = (uint32_t)count;
    call_array(call, "backups");
    if (into.keep_us == 0 && count == 0) {
        return STATUS_OK; /* the agents' own retention: the catalog does not know it */
    }
    TRY(load_names(&into, err));
    recovery_page_t page = {.limit = call->row_limit * 2 + 1};
    do { /* ends with the list: each round reads further */
        into.read = 0;
        TRY(store_recovery_each(call->store, &page, judge_backup, &into, err));
        page.before_us = into.last_us;
        page.before_reference = into.last;
    } while (!call_is_full(call) && into.read == page.limit);
    call->rows = 0; /* they stand beside the plan's own page */
    call->bytes = 0;
    return STATUS_OK;
}

status_t verbs_backup_prune_plan(call_t *call, error_t *err) {
    const char *after = NULL;
    TRY(call_after(call, &after, err));
    if (after == NULL) {
        TRY(list_prunable(call, err));
    }
    return plan_page_answer(call, planner_prune, err);
}
