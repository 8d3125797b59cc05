/* verbs_fleet.c: agents, clusters and tenants, as inventory has them. */
#include "coordinator/service/lookup.h"
#include "coordinator/service/names.h"
#include "coordinator/service/reach.h"
#include "coordinator/service/verbs.h"
#include "coordinator/store/store_trust.h"
#include "coordinator/trust/holds.h"

#include <string.h>

enum { SHOWN_BACKUPS = 10 };

typedef struct tenants {
    call_t *call;
    fleet_t fleet;
    selector_t *selector;
    const char *application;
    names_when_t when;
    const char *last_name; /* of the page that was read, in the call's arena */
    ident_t last_id;
    uint32_t read;
    bool found; /* a clone of the name that was asked for */
    /* counted by agents.list and clusters.list */
    uint32_t *by_agent;
    uint32_t *by_cluster;
    uint32_t all;
} tenants_t;

static void tenants_free(tenants_t *into) {
    selector_destroy(&into->selector);
}

static names_when_t when_of(const call_t *call) {
    return (names_when_t){.now_us = call->question->now_us,
                          .late_us = call->service->options.inventory_late_us};
}

static bool is_meant(const tenants_t *into, const tenant_row_t *tenant) {
    selector_label_t labels[LIMIT_LABELS];
    if (into->selector == NULL) {
        return true;
    }
    selector_subject_t subject = fleet_subject(&into->fleet, tenant, into->application, labels);
    return selector_matches(into->selector, &subject);
}

/* A tenant as the list shows it: where an application was asked for, with that one alone. Answers
 * whether it has it. */
static bool narrow(const tenants_t *into, const tenant_row_t *tenant, tenant_row_t *ret_tenant) {
    *ret_tenant = *tenant;
    for (uint32_t i = 0; into->application != NULL && i < tenant->application_count; i++) {
        if (strcmp(tenant->applications[i].application, into->application) == 0) {
            ret_tenant->applications = &tenant->applications[i];
            ret_tenant->application_count = 1;
            return true;
        }
    }
    return into->application == NULL;
}

static status_t list_tenant(void *context, const tenant_row_t *tenant, error_t *err) {
    tenants_t *into = context;
    tenant_row_t shown;
    into->read++;
    if (into->call->more) {
        return STATUS_OK;
    }
    if (call_is_full(into->call)) {
        char id[IDENT_TEXT_SIZE];
        call_more(into->call, "%s:%s", ident_text(&into->last_id, id),
                  into->last_name != NULL ? into->last_name : "");
        return STATUS_OK;
    }
    TRY(arena_text(&into->call->arena, tenant->name, strlen(tenant->name), &into->last_name, err));
    into->last_id = tenant->id;
    if (!is_meant(into, tenant) || !narrow(into, tenant, &shown)) {
        return STATUS_OK;
    }
    CLEANUP(row_free) row_t row = names_tenant(&into->fleet, &shown, &into->when);
    return call_add(into->call, "tenants", &row, err);
}

/* Clones come after the last tenant, all of them: they are few, and someone should look. */
static status_t list_clone(void *context, const tenant_row_t *tenant, error_t *err) {
    tenants_t *into = context;
    tenant_row_t shown;
    if (!is_meant(into, tenant) || !narrow(into, tenant, &shown)) {
        return STATUS_OK;
    }
    CLEANUP(row_free) row_t row = names_tenant(&into->fleet, &shown, &into->when);
    row_flag(&row, "clone", true);
    return call_add(into->call, "tenants", &row, err);
}

/* "id:name" as list_tenant wrote it. */
static status_t begin_after(call_t *call, tenant_page_t *page, error_t *err) {
    const char *after = NULL;
    TRY(call_after(call, &after, err));
    if (after == NULL) {
        return STATUS_OK;
    }
    char id[IDENT_TEXT_SIZE] = "";
    size_t size = strcspn(after, ":");
    if (size != sizeof id - 1 || after[size] != ':') {
        return error_set(err, ERROR_INVALID, "argument 'after' is not what an answer said");
    }
    memcpy(id, after, size);
    page->after_name = after + size + 1;
    return ident_parse(id, &page->after_id, err);
}

status_t verbs_tenants_list(call_t *call, error_t *err) {
    CLEANUP(tenants_free) tenants_t into = {.call = call, .when = when_of(call)};
    tenant_page_t page = {.limit = call->row_limit * 2 + 1};
    TRY(call_limit(call, err));
    TRY(lookup_selector(call, "select", &into.selector, err));
    TRY(call_text(call, "application", &into.application, err));
    TRY(call_flag(call, "gone", false, &page.with_gone, err));
    TRY(begin_after(call, &page, err));
    TRY(fleet_load(call, &into.fleet, err));
    call_array(call, "tenants");
    do { /* ends with the page or the fleet: each round reads further */
        into.read = 0;
        TRY(store_tenant_each(call->store, &page, list_tenant, &into, err));
        page.after_name = into.last_name;
        page.after_id = into.last_id;
    } while (!call->more && into.read == page.limit);
    return call->more ? STATUS_OK : store_tenant_each_clone(call->store, list_clone, &into, err);
}

static status_t list_backup(void *context, const recovery_row_t *point, error_t *err) {
    tenants_t *into = context;
    CLEANUP(row_free) row_t row = names_backup(&into->fleet, point, into->last_name);
    return call_add(into->call, "backups", &row, err);
}

/* Open rollouts that have the tenant. */
static status_t list_open(tenants_t *into, const ident_t *tenant, error_t *err) {
    call_t *call = into->call;
    char state[NAMES_STATE_MAX];
    call_array(call, "open_rollouts");
    for (size_t i = 0; i < engine_rollout_count(call->engine); i++) {
        const rollout_t *rollout = engine_rollout_at(call->engine, i);
        for (uint32_t t = 0; !rollout_state_is_final(rollout->state) && t < rollout->task_count;
             t++) {
            if (!ident_equal(&rollout->tasks[t].tenant, tenant)) {
                continue;
            }
            CLEANUP(row_free) row_t row = row_new();
            row_ident(&row, "rollout", &rollout->id);
            row_text(&row, "name", rollout->name);
            row_text(&row, "kind", names_kind(rollout->kind));
            row_text(&row, "state", names_rollout_state(rollout->state));
            row_text(&row, "task", names_task_state(rollout->tasks[t].state, state));
            TRY(call_add(call, "open_rollouts", &row, err));
        }
    }
    return STATUS_OK;
}

/* A copy that was set aside is no tenant, but someone who asks for it should read why. */
static status_t show_clone(void *context, const tenant_row_t *tenant, error_t *err) {
    tenants_t *into = context;
    (void)err;
    if (into->found || strcmp(tenant->name, into->last_name) != 0) {
        return STATUS_OK;
    }
    into->found = true;
    CLEANUP(row_free) row_t row = names_tenant(&into->fleet, tenant, &into->when);
    row_flag(&row, "clone", true);
    row_take(&into->call->document, "tenant", &row);
    call_array(into->call, "backups");
    call_array(into->call, "open_rollouts");
    return STATUS_OK;
}

static status_t show_tenant(tenants_t *into, const tenant_row_t *tenant, error_t *err) {
    call_t *call = into->call;
    into->last_name = tenant->name;
    CLEANUP(row_free) row_t row = names_tenant(&into->fleet, tenant, &into->when);
    row_take(&call->document, "tenant", &row);
    call_array(call, "backups");
    recovery_page_t page = {.tenant = tenant->id, .limit = SHOWN_BACKUPS};
    TRY(store_recovery_each(call->store, &page, list_backup, into, err));
    return list_open(into, &tenant->id, err);
}

status_t verbs_tenant_show(call_t *call, error_t *err) {
    CLEANUP(tenants_free) tenants_t into = {.call = call, .when = when_of(call)};
    const char *name = NULL;
    tenant_row_t tenant = {0};
    TRY(call_need(call, "tenant", &name, err));
    TRY(fleet_load(call, &into.fleet, err));
    if (store_tenant_get(call->store, name, &call->arena, &tenant, err) == STATUS_OK) {
        return show_tenant(&into, &tenant, err);
    }
    error_t ignored = {0};
    into.last_name = name;
    bool unknown = err->code == ERROR_NOT_FOUND &&
                   store_tenant_each_clone(call->store, show_clone, &into, &ignored) == STATUS_OK;
    if (!unknown || !into.found) {
        return STATUS_ERROR;
    }
    error_clear(err);
    return STATUS_OK;
}

/* Load the fleet and count its tenants by agent and by cluster. */
static status_t count_fleet(tenants_t *into, error_t *err) {
    call_t *call = into->call;
    tenant_list_t list = {0};
    TRY(fleet_load(call, &into->fleet, err));
    TRY(arena_allocate(&call->arena, (into->fleet.agent_count + 1) * sizeof *into->by_agent,
                       &into->by_agent, err));
    TRY(arena_allocate(&call->arena, (into->fleet.cluster_count + 1) * sizeof *into->by_cluster,
                       &into->by_cluster, err));
    TRY(store_tenant_load(call->store, "", &call->arena, &list, err));
    for (size_t i = 0; i < list.count; i++) {
        const tenant_row_t *tenant = &list.rows[i];
        const agent_row_t *agent = fleet_agent(&into->fleet, &tenant->agent);
        const cluster_row_t *cluster = fleet_cluster(&into->fleet, tenant->system_identifier);
        into->all++;
        if (agent != NULL) {
            into->by_agent[agent - into->fleet.agents]++;
        }
        if (cluster != NULL) {
            into->by_cluster[cluster - into->fleet.clusters]++;
        }
    }
    return STATUS_OK;
}

static int agents_by_name(const void *a, const void *b) {
    return strcmp((*(const agent_row_t *const *)a)->name, (*(const agent_row_t *const *)b)->name);
}

static int clusters_by_name(const void *a, const void *b) {
    const cluster_row_t *left = *(const cluster_row_t *const *)a;
    const cluster_row_t *right = *(const cluster_row_t *const *)b;
    int order = strcmp(left->name, right->name);
    return order != 0 ? order : left->system_identifier < right->system_identifier ? -1 : 1;
}

/* Where the page begins: the `after` of lists that count from 0. */
static status_t begin_at(call_t *call, size_t *ret_first, error_t *err) {
    const char *after = NULL;
    call_place_t place = {0};
    TRY(call_after(call, &after, err));
    if (after != NULL) {
        TRY(call_place(after, &place, err));
    }
    *ret_first = place.number > 0 ? (size_t)place.number : 0;
    return STATUS_OK;
}

static row_t agent_row(const tenants_t *into, size_t index) {
    const agent_row_t *agent = &into->fleet.agents[index];
    row_t row = row_new();
    row_t clusters = row_list();
    for (size_t i = 0; i < into->fleet.cluster_count; i++) {
        if (memcmp(&into->fleet.clusters[i].agent, &agent->key, sizeof agent->key) == 0) {
            row_append_text(&clusters, into->fleet.clusters[i].name);
        }
    }
    int64_t silence_us = into->when.now_us - agent->last_seen_us;
    row_text(&row, "name", agent->name);
    row_agent_key(&row, "key", &agent->key);
    row_text(&row, "software", agent->software);
    row_number(&row, "protocol", agent->protocol);
    row_flag(&row, "suspended", agent->status == AGENT_SUSPENDED);
    row_time(&row, "suspended_since", agent->suspended_us);
    row_text(&row, "suspended_why", agent->suspended_why);
    row_take(&row, "clusters", &clusters);
    row_free(&clusters);
    row_number(&row, "tenants", into->by_agent[index]);
    row_time(&row, "first_seen", agent->first_seen_us);
    row_time(&row, "last_seen", agent->last_seen_us);
    row_number(&row, "silence_us", silence_us);
    row_flag(&row, "late", silence_us > into->when.late_us);
    const char *problem = "";
    bool online = reach_agent(into->call, &agent->key, &problem);
    row_flag(&row, "online", online);
    CLEANUP(buffer_free) buffer_t words = {0};
    reach_suspension(agent, &words);
    problem = *problem != '\0' ? problem : online ? "" : "not connected";
    buffer_format(&words, "%s%s", words.size > 0 && *problem != '\0' ? "; " : "", problem);
    row_text(&row, "problem", buffer_string(&words));
    return row;
}

/* Agents that have a card and never said hello. */
typedef struct unseen {
    tenants_t *into;
    size_t index; /* place in the whole list */
    size_t first; /* of the page */
} unseen_t;

static status_t list_unseen(void *context, const enrolment_row_t *enrolment, error_t *err) {
    unseen_t *unseen = context;
    call_t *call = unseen->into->call;
    if (call->more || fleet_agent(&unseen->into->fleet, &enrolment->curve) != NULL ||
        unseen->index++ < unseen->first) {
        return STATUS_OK;
    }
    if (call_is_full(call)) {
        call_more(call, "%zu:", unseen->index - 1);
        return STATUS_OK;
    }
    CLEANUP(row_free) row_t row = row_new();
    row_t clusters = row_list();
    row_text(&row, "name", enrolment->name);
    row_agent_key(&row, "key", &enrolment->curve);
    row_text(&row, "software", "");
    row_number(&row, "protocol", 0);
    row_flag(&row, "suspended", false);
    row_time(&row, "suspended_since", 0);
    row_text(&row, "suspended_why", "");
    row_take(&row, "clusters", &clusters);
    row_free(&clusters);
    row_number(&row, "tenants", 0);
    row_time(&row, "first_seen", 0);
    row_time(&row, "last_seen", 0);
    row_number(&row, "silence_us", 0);
    row_flag(&row, "late", false);
    row_flag(&row, "online", false);
    row_text(&row, "problem", "has a card, but never connected");
    return call_add(call, "agents", &row, err);
}

status_t verbs_agents_list(call_t *call, error_t *err) {
    tenants_t into = {.call = call, .when = when_of(call)};
    size_t first = 0;
    const agent_row_t **order = NULL;
    TRY(begin_at(call, &first, err));
    TRY(count_fleet(&into, err));
    size_t count = into.fleet.agent_count;
    TRY(arena_allocate(&call->arena, (count + 1) * sizeof *order, &order, err));
    for (size_t i = 0; i < count; i++) {
        order[i] = &into.fleet.agents[i];
    }
    qsort(order, count, sizeof *order, agents_by_name);
    call_array(call, "agents");
    for (size_t i = first; i < count; i++) {
        if (call_is_full(call)) {
            call_more(call, "%zu:", i);
            return STATUS_OK;
        }
        CLEANUP(row_free) row_t row = agent_row(&into, (size_t)(order[i] - into.fleet.agents));
        TRY(call_add(call, "agents", &row, err));
    }
    unseen_t unseen = {.into = &into, .index = count, .first = first};
    return store_enrolment_each(call->store, ENROLMENT_ACCEPTED, list_unseen, &unseen, err);
}

/* When somebody last saw it: it is read at the start and when it changes, and each beat of an agent
 * that reads it without a problem says that it still is as it was. */
static int64_t cluster_seen(const tenants_t *into, const cluster_row_t *cluster,
                            const agent_key_t *agent) {
    const agent_row_t *seen_by = fleet_agent(&into->fleet, agent);
    bool beats = seen_by != NULL && cluster->problem[0] == '\0' &&
                 seen_by->last_seen_us > cluster->last_seen_us;
    return beats ? seen_by->last_seen_us : cluster->last_seen_us;
}

static row_t cluster_row(const call_t *call, const tenants_t *into, size_t index) {
    const cluster_row_t *cluster = &into->fleet.clusters[index];
    row_t row = row_new();
    agent_key_t holder = {0};
    bool leased = engine_holder(call->engine, cluster->system_identifier, &holder);
    row_cluster(&row, "id", cluster->system_identifier);
    row_text(&row, "name", cluster->name);
    row_number(&row, "server_version", cluster->server_version);
    row_number(&row, "timeline", cluster->timeline);
    row_number(&row, "parallel", cluster->parallel);
    row_text(&row, "agent", fleet_agent_name(&into->fleet, leased ? &holder : &cluster->agent));
    row_flag(&row, "leased", leased);
    CLEANUP(buffer_free) buffer_t problem = {0};
    reach_blocker(call, &into->fleet, cluster->system_identifier, &problem);
    if (problem.size == 0) {
        reach_suspension(reach_suspended(call, &into->fleet, cluster->system_identifier), &problem);
    }
    row_text(&row, "problem", buffer_string(&problem));
    row_number(&row, "tenants", into->by_cluster[index]);
    row_time(&row, "last_seen", cluster_seen(into, cluster, leased ? &holder : &cluster->agent));
    return row;
}

status_t verbs_clusters_list(call_t *call, error_t *err) {
    tenants_t into = {.call = call, .when = when_of(call)};
    size_t first = 0;
    const cluster_row_t **order = NULL;
    TRY(begin_at(call, &first, err));
    TRY(count_fleet(&into, err));
    size_t count = into.fleet.cluster_count;
    TRY(arena_allocate(&call->arena, (count + 1) * sizeof *order, &order, err));
    for (size_t i = 0; i < count; i++) {
        order[i] = &into.fleet.clusters[i];
    }
    qsort(order, count, sizeof *order, clusters_by_name);
    call_array(call, "clusters");
    for (size_t i = first; i < count; i++) {
        if (call_is_full(call)) {
            call_more(call, "%zu:", i);
            return STATUS_OK;
        }
        CLEANUP(row_free)
        row_t row = cluster_row(call, &into, (size_t)(order[i] - into.fleet.clusters));
        TRY(call_add(call, "clusters", &row, err));
    }
    return STATUS_OK;
}

static row_t trust_row(const call_t *call) {
    trust_view_t view = keeper_view(call->service->options.keeper, call->question->now_us);
    row_t row = row_new();
    row_number(&row, "version", view.trust->version);
    row_time(&row, "expires", view.trust->expires_us);
    row_text(&row, "freshness", verbs_freshness(&view));
    return row;
}

/* Which applications: none where the whole fleet is held, or nothing is. */
static void write_held(call_t *call, const held_t *held) {
    CLEANUP(row_free) row_t list = row_list();
    bool all = false;
    for (size_t i = 0; i < held->count; i++) {
        all = all || held->applications[i][0] == '\0';
    }
    for (size_t i = 0; i < held->count && !all; i++) {
        row_append_text(&list, held->applications[i]);
    }
    row_flag(&call->document, "held", held->count > 0);
    row_take(&call->document, "held_applications", &list);
}

status_t verbs_coordinator_show(call_t *call, error_t *err) {
    tenants_t into = {.call = call, .when = when_of(call)};
    const char *id = "";
    error_t inner = {0};
    uint32_t open = 0;
    CLEANUP(holds_free) holds_t holds = {0};
    TRY(count_fleet(&into, err));
    TRY(holds_read(call->service->options.keeper, &holds, err));
    if (store_meta_get(call->store, "coordinator", &call->arena, &id, &inner) != STATUS_OK &&
        inner.code != ERROR_NOT_FOUND) {
        *err = inner;
        return STATUS_ERROR;
    }
    for (size_t i = 0; i < engine_rollout_count(call->engine); i++) {
        open += !rollout_state_is_final(engine_rollout_at(call->engine, i)->state);
    }
    row_text(&call->document, "catalog", id);
    row_number(&call->document, "open_rollouts", open);
    row_number(&call->document, "agents", (int64_t)into.fleet.agent_count);
    row_number(&call->document, "clusters", (int64_t)into.fleet.cluster_count);
    row_number(&call->document, "tenants", into.all);
    write_held(call, &holds.held);
    TRY(verbs_refill_banner(call, err));
    row_time(&call->document, "now", into.when.now_us);
    CLEANUP(row_free) row_t trust = trust_row(call);
    row_take(&call->document, "trust", &trust);
    return STATUS_OK;
}
