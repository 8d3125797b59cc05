/* fleet.c: see fleet.h. */
#include "coordinator/service/fleet.h"

#include <stdlib.h>
#include <string.h>

typedef struct collector {
    call_t *call;
    void *items;
    size_t count;
    size_t room;
} collector_t;

/* A place for one more item of this size, in the call's arena. */
static status_t grow(collector_t *into, size_t size, void *ret_place, error_t *err) {
    if (into->count == into->room) {
        size_t room = into->room > 0 ? into->room * 2 : 16;
        void *items = NULL;
        TRY(arena_allocate(&into->call->arena, room * size, &items, err));
        if (into->count > 0) {
            memcpy(items, into->items, into->count * size);
        }
        into->items = items;
        into->room = room;
    }
    *(void **)ret_place = (char *)into->items + size * into->count++;
    return STATUS_OK;
}

static status_t keep(arena_t *arena, const char *text, const char **ret_text, error_t *err) {
    const char *given = text != NULL ? text : "";
    return arena_text(arena, given, strlen(given), ret_text, err);
}

static status_t take_agent(void *context, const agent_row_t *agent, error_t *err) {
    collector_t *into = context;
    agent_row_t *place = NULL;
    TRY(grow(into, sizeof *place, &place, err));
    *place = *agent;
    TRY(keep(&into->call->arena, agent->name, &place->name, err));
    TRY(keep(&into->call->arena, agent->suspended_why, &place->suspended_why, err));
    return keep(&into->call->arena, agent->software, &place->software, err);
}

static status_t take_cluster(void *context, const cluster_row_t *cluster, error_t *err) {
    collector_t *into = context;
    cluster_row_t *place = NULL;
    TRY(grow(into, sizeof *place, &place, err));
    *place = *cluster;
    TRY(keep(&into->call->arena, cluster->name, &place->name, err));
    return keep(&into->call->arena, cluster->problem, &place->problem, err);
}

static int by_key(const void *a, const void *b) {
    return memcmp(&((const agent_row_t *)a)->key, &((const agent_row_t *)b)->key,
                  sizeof(agent_key_t));
}

static int by_identifier(const void *a, const void *b) {
    uint64_t left = ((const cluster_row_t *)a)->system_identifier;
    uint64_t right = ((const cluster_row_t *)b)->system_identifier;
    return left < right ? -1 : left > right ? 1 : 0;
}

/* qsort and bsearch want an array even where it has no items. */
static void sort(collector_t *list, size_t size, int (*order)(const void *, const void *)) {
    if (list->count > 1) {
        qsort(list->items, list->count, size, order);
    }
}

status_t fleet_load(call_t *call, fleet_t *ret_fleet, error_t *err) {
    collector_t agents = {.call = call};
    collector_t clusters = {.call = call};
    TRY(store_agent_each(call->store, take_agent, &agents, err));
    TRY(store_cluster_each(call->store, take_cluster, &clusters, err));
    sort(&agents, sizeof(agent_row_t), by_key);
    sort(&clusters, sizeof(cluster_row_t), by_identifier);
    *ret_fleet = (fleet_t){.agents = agents.items,
                           .agent_count = agents.count,
                           .clusters = clusters.items,
                           .cluster_count = clusters.count};
    return STATUS_OK;
}

const agent_row_t *fleet_agent(const fleet_t *fleet, const agent_key_t *key) {
    agent_row_t wanted = {.key = *key};
    return fleet->agent_count > 0
               ? bsearch(&wanted, fleet->agents, fleet->agent_count, sizeof wanted, by_key)
               : NULL;
}

const cluster_row_t *fleet_cluster(const fleet_t *fleet, uint64_t system_identifier) {
    cluster_row_t wanted = {.system_identifier = system_identifier};
    return fleet->cluster_count > 0 ? bsearch(&wanted, fleet->clusters, fleet->cluster_count,
                                              sizeof wanted, by_identifier)
                                    : NULL;
}

const char *fleet_agent_name(const fleet_t *fleet, const agent_key_t *key) {
    const agent_row_t *agent = fleet_agent(fleet, key);
    return agent != NULL ? agent->name : "";
}

const char *fleet_cluster_name(const fleet_t *fleet, uint64_t system_identifier) {
    const cluster_row_t *cluster = fleet_cluster(fleet, system_identifier);
    return cluster != NULL ? cluster->name : "";
}

const application_row_t *fleet_application(const tenant_row_t *tenant, const char *application) {
    if (application == NULL || application[0] == '\0') {
        return tenant->application_count == 1 ? &tenant->applications[0] : NULL;
    }
    for (size_t i = 0; i < tenant->application_count; i++) {
        if (strcmp(tenant->applications[i].application, application) == 0) {
            return &tenant->applications[i];
        }
    }
    return NULL;
}

/* A text that the tenant has, or NULL. */
static const char *or_null(const char *text) {
    return text != NULL && text[0] != '\0' ? text : NULL;
}

selector_subject_t fleet_subject(const fleet_t *fleet, const tenant_row_t *tenant,
                                 const char *application, selector_label_t *labels_room) {
    const application_row_t *row = fleet_application(tenant, application);
    size_t count = tenant->label_count < LIMIT_LABELS ? tenant->label_count : LIMIT_LABELS;
    for (size_t i = 0; i < count; i++) {
        labels_room[i] =
            (selector_label_t){.key = tenant->labels[i].key, .value = tenant->labels[i].value};
    }
    return (selector_subject_t){.name = tenant->name,
                                .cluster =
                                    or_null(fleet_cluster_name(fleet, tenant->system_identifier)),
                                .database = or_null(tenant->database),
                                .agent = or_null(fleet_agent_name(fleet, &tenant->agent)),
                                .version = row != NULL ? or_null(row->version) : NULL,
                                .labels = labels_room,
                                .label_count = count};
}

static status_t copy_labels(arena_t *arena, selector_subject_t *subject, error_t *err) {
    selector_label_t *labels = NULL;
    size_t count = subject->label_count;
    TRY(arena_allocate(arena, (count > 0 ? count : 1) * sizeof *labels, &labels, err));
    for (size_t i = 0; i < count; i++) {
        TRY(keep(arena, subject->labels[i].key, &labels[i].key, err));
        TRY(keep(arena, subject->labels[i].value, &labels[i].value, err));
    }
    subject->labels = labels;
    return STATUS_OK;
}

/* The plan outlives the call: everything goes into its arena. */
static status_t copy_subject(arena_t *arena, selector_subject_t *subject, error_t *err) {
    const char **texts[] = {&subject->name, &subject->cluster, &subject->database, &subject->agent,
                            &subject->version};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        if (*texts[i] != NULL) {
            TRY(keep(arena, *texts[i], texts[i], err));
        }
    }
    return copy_labels(arena, subject, err);
}

status_t fleet_row(const fleet_t *fleet, const tenant_row_t *tenant, const char *application,
                   plan_t *plan, plan_row_t *ret_row, error_t *err) {
    selector_label_t labels[LIMIT_LABELS];
    const application_row_t *ledger = fleet_application(tenant, application);
    plan_row_t row = {.tenant = tenant->id,
                      .system_identifier = tenant->system_identifier,
                      .has_ledger = ledger != NULL,
                      .from = ledger != NULL ? ledger->position : 0,
                      .observed_us = ledger != NULL && ledger->observed_us > tenant->observed_us
                                         ? ledger->observed_us
                                         : tenant->observed_us,
                      .subject = fleet_subject(fleet, tenant, application, labels),
                      .reason = "",
                      .wave = PLAN_NO_WAVE};
    TRY(copy_subject(&plan->arena, &row.subject, err));
    row.name = row.subject.name;
    row.database = row.subject.database != NULL ? row.subject.database : "";
    row.from_version = row.subject.version != NULL ? row.subject.version : "";
    TRY(keep(&plan->arena, tenant->problem_code, &row.problem_code, err));
    TRY(keep(&plan->arena, tenant->problem, &row.problem, err));
    *ret_row = row;
    return STATUS_OK;
}
