/* inventory.c: making, time, sockets, which session works on what; see inventory.h. */
#include "agent/inventory/inventory_internal.h"
#include "agent/inventory/conninfo.h"

#include <string.h>

enum {
    QUESTION_US = 30 * 1000000, /* an answer later than this is none */
    PROBE_FLOOR_US = 1000000,
};

/* ---- making ---- */

static int compare_listed(const void *a, const void *b) {
    const agent_config_tenant_t *const *left = a;
    const agent_config_tenant_t *const *right = b;
    return strcmp((*left)->database, (*right)->database);
}

/* Labels of the list stand over the cluster's: those of both are counted once. */
static status_t check_labels(const agent_config_cluster_t *cluster,
                             const agent_config_tenant_t *tenant, error_t *err) {
    size_t count = tenant->labels.count;
    for (size_t i = 0; i < cluster->tenants.labels.count; i++) {
        const char *key = cluster->tenants.labels.items[i].key;
        count += yaml_map_get(&tenant->labels, key) == NULL;
    }
    if (count > LIMIT_LABELS) {
        return error_set(err, ERROR_BOUND,
                         "tenant '%s' of cluster '%s' has %zu labels with those of its cluster; at "
                         "most %d are allowed",
                         tenant->name, cluster->name, count, LIMIT_LABELS);
    }
    return STATUS_OK;
}

static status_t site_prepare(site_t *site, error_t *err) {
    const agent_config_cluster_t *config = site->config;
    size_t count = agent_config_tenant_count(config);
    site->pattern = *config;
    site->pattern.tenants.list.count = 0;
    site->seen.name = config->name;
    site->listed = calloc(count + 1, sizeof *site->listed);
    site->missed = calloc(count + 1, sizeof *site->missed);
    if (site->listed == NULL || site->missed == NULL) {
        return error_set(err, ERROR_NO_MEMORY, "no memory for %zu tenants", count);
    }
    for (size_t i = 0; i < count; i++) {
        site->listed[i] = agent_config_tenant(config, i);
        TRY(check_labels(config, site->listed[i], err));
    }
    qsort(site->listed, count, sizeof *site->listed, compare_listed);
    CLEANUP(buffer_free) buffer_t conninfo = {0};
    TRY(conninfo_of_cluster(config, &conninfo, err));
    site->conninfo = strdup(buffer_string(&conninfo));
    if (site->conninfo == NULL) {
        return error_set(err, ERROR_NO_MEMORY, "no memory for a connection string");
    }
    return STATUS_OK;
}

static status_t make_sites(inventory_t *inventory, error_t *err) {
    const agent_config_t *config = inventory->config;
    size_t count = agent_config_cluster_count(config);
    inventory->sites = calloc(count, sizeof *inventory->sites);
    if (inventory->sites == NULL) {
        return error_set(err, ERROR_NO_MEMORY, "no memory for %zu clusters", count);
    }
    inventory->site_count = count;
    for (size_t i = 0; i < count; i++) {
        site_t *site = &inventory->sites[i];
        site->index = i;
        site->config = agent_config_cluster(config, i);
        site->seen.parallel = (uint32_t)agent_config_parallel(config, site->config);
        site->session_count = site->seen.parallel;
        inventory->session_count += site->session_count;
        TRY(site_prepare(site, err));
    }
    return STATUS_OK;
}

static status_t make_sessions(inventory_t *inventory, error_t *err) {
    inventory->sessions = calloc(inventory->session_count, sizeof *inventory->sessions);
    if (inventory->sessions == NULL) {
        return error_set(err, ERROR_NO_MEMORY, "no memory for sessions");
    }
    inventory_session_t *session = inventory->sessions;
    for (size_t i = 0; i < inventory->site_count; i++) {
        site_t *site = &inventory->sites[i];
        site->sessions = session;
        for (size_t j = 0; j < site->session_count; j++, session++) {
            session->inventory = inventory;
            session->site = site;
            session->watch.fd = -1;
        }
    }
    return STATUS_OK;
}

status_t inventory_new(const agent_config_t *config, journal_t *journal,
                       const inventory_callbacks_t *callbacks, inventory_t **ret_inventory,
                       error_t *err) {
    CLEANUP(inventory_destroy_p) inventory_t *inventory = calloc(1, sizeof *inventory);
    if (inventory == NULL) {
        return error_set(err, ERROR_NO_MEMORY, "no memory for the inventory");
    }
    inventory->config = config;
    inventory->journal = journal;
    inventory->callbacks = *callbacks;
    TRY(make_sites(inventory, err));
    TRY(make_sessions(inventory, err));
    *ret_inventory = TAKE(inventory);
    return STATUS_OK;
}

void inventory_destroy(inventory_t **inventory_p) {
    if (inventory_p == NULL || *inventory_p == NULL) {
        return;
    }
    inventory_t *inventory = *inventory_p;
    INVARIANT(inventory->readings == 0);
    for (size_t i = 0; inventory->sessions != NULL && i < inventory->session_count; i++) {
        connection_destroy(&inventory->sessions[i].connection);
    }
    cache_free(inventory);
    for (size_t i = 0; i < inventory->site_count; i++) {
        free(inventory->sites[i].listed);
        free(inventory->sites[i].missed);
        free(inventory->sites[i].conninfo);
        free(inventory->sites[i].left);
    }
    free(inventory->sites);
    free(inventory->sessions);
    free(inventory);
    *inventory_p = NULL;
}

/* ---- clusters ---- */

size_t inventory_cluster_count(const inventory_t *inventory) {
    return inventory->site_count;
}

const inventory_cluster_t *inventory_cluster(const inventory_t *inventory, size_t index) {
    INVARIANT(index < inventory->site_count);
    return &inventory->sites[index].seen;
}

void site_changed(const inventory_t *inventory, const site_t *site) {
    if (inventory->callbacks.cluster_changed != NULL) {
        inventory->callbacks.cluster_changed(inventory->callbacks.context, site->index);
    }
}

void site_probe_soon(const inventory_t *inventory, site_t *site) {
    int64_t now = inventory->now.boot_us;
    int64_t soon = site->probe_floor_us > now ? site->probe_floor_us : now;
    if (soon < site->probe_due_us) {
        site->probe_due_us = soon;
    }
}

void inventory_refresh(inventory_t *inventory, size_t index) {
    INVARIANT(index < inventory->site_count);
    site_probe_soon(inventory, &inventory->sites[index]);
}

void inventory_set_busy(inventory_t *inventory, size_t index, bool busy) {
    INVARIANT(index < inventory->site_count);
    inventory->sites[index].busy = busy;
}

/* ---- work for sessions ---- */

void session_close(inventory_session_t *session) {
    connection_destroy(&session->connection);
    INVARIANT(session->active && session->site->active > 0);
    session->active = false;
    session->site->active--;
    if (session->entry != NULL) {
        session->entry->in_hand = false;
        session->entry = NULL;
    } else {
        session->site->probing = false;
        session->site->probe_floor_us = session->inventory->now.boot_us + PROBE_FLOOR_US;
    }
}

static void answer_with(inventory_session_t *session, const error_t *err,
                        connection_done_fn *done) {
    connection_answer_t answer = {.error = *err, .lost = true};
    done(session->connection, &answer, session);
}

void session_connect(inventory_session_t *session, const char *database, connection_done_fn *done) {
    error_t err = {0};
    const inventory_t *inventory = session->inventory;
    connection_options_t options = {.conninfo = session->site->conninfo,
                                    .database = database,
                                    .application_name = "drover inventory"};
    session->serial += 1U << 16;
    if (connection_new(&options, &session->connection, &err) != STATUS_OK) {
        answer_with(session, &err, done);
        return;
    }
    connection_start(session->connection,
                     inventory->now.boot_us + inventory->config->connect_timeout_us, done, session);
}

void session_ask(inventory_session_t *session, const buffer_t *sql, connection_done_fn *done) {
    error_t err = {0};
    if (buffer_check(sql, &err) != STATUS_OK) {
        answer_with(session, &err, done);
        return;
    }
    connection_query(session->connection, buffer_string(sql),
                     session->inventory->now.boot_us + QUESTION_US, done, session);
}

static inventory_session_t *take_session(site_t *site, entry_t *entry) {
    for (size_t i = 0; i < site->session_count; i++) {
        inventory_session_t *session = &site->sessions[i];
        if (!session->active) {
            session->active = true;
            session->entry = entry;
            site->active++;
            return session;
        }
    }
    INVARIANT(false); /* the caller has counted */
    return NULL;
}

static size_t site_limit(const site_t *site) {
    return site->busy ? 1 : site->session_count;
}

static bool may_read(const site_t *site) {
    return site->probed && site->seen.writable && site->seen.problem_code == ERROR_NONE;
}

static bool probe_is_due(const inventory_t *inventory, const site_t *site) {
    return !site->probing && site->probe_due_us <= inventory->now.boot_us;
}

/* The probe goes first: what it finds may make the rest pointless. Each round takes a session or an
 * entry out of what is due, so this ends. */
static void start_due(inventory_t *inventory, site_t *site) {
    while (site->active < site_limit(site)) {
        if (probe_is_due(inventory, site)) {
            site->probing = true;
            probe_start(take_session(site, NULL));
            continue;
        }
        entry_t *entry = may_read(site) ? cache_next_due(inventory, site) : NULL;
        if (entry == NULL) {
            return;
        }
        entry->in_hand = true;
        read_start(take_session(site, entry));
    }
}

/* ---- time and sockets ---- */

void inventory_tick(inventory_t *inventory, const inventory_now_t *now) {
    inventory->now = *now;
    for (size_t i = 0; i < inventory->session_count; i++) {
        connection_t *c = inventory->sessions[i].connection;
        int64_t deadline_us = c == NULL ? 0 : connection_deadline_us(c);
        if (deadline_us != 0 && deadline_us <= now->boot_us) {
            connection_ready(c, now->boot_us);
        }
    }
    for (size_t i = 0; i < inventory->site_count; i++) {
        start_due(inventory, &inventory->sites[i]);
    }
    cache_sweep(inventory);
}

void inventory_ready(inventory_t *inventory, inventory_session_t *session,
                     const inventory_now_t *now) {
    inventory->now = *now;
    if (session->connection != NULL) {
        connection_ready(session->connection, now->boot_us);
    }
    start_due(inventory, session->site);
}

int64_t inventory_due_us(const inventory_t *inventory) {
    int64_t due_us = INT64_MAX;
    for (size_t i = 0; i < inventory->session_count; i++) {
        const connection_t *c = inventory->sessions[i].connection;
        int64_t deadline_us = c == NULL ? 0 : connection_deadline_us(c);
        due_us = deadline_us != 0 && deadline_us < due_us ? deadline_us : due_us;
    }
    for (size_t i = 0; i < inventory->site_count; i++) {
        const site_t *site = &inventory->sites[i];
        if (site->active >= site_limit(site)) {
            continue; /* the next end of a session goes on */
        }
        if (!site->probing && site->probe_due_us < due_us) {
            due_us = site->probe_due_us;
        }
        if (may_read(site) && site->entries.count > 0 && site->next_due_us < due_us) {
            due_us = site->next_due_us;
        }
    }
    return due_us;
}

size_t inventory_session_count(const inventory_t *inventory) {
    return inventory->session_count;
}

inventory_session_t *inventory_session(inventory_t *inventory, size_t index) {
    INVARIANT(index < inventory->session_count);
    return &inventory->sessions[index];
}

int inventory_session_fd(const inventory_session_t *session) {
    return session->connection == NULL ? -1 : connection_fd(session->connection);
}

unsigned inventory_session_generation(const inventory_session_t *session) {
    return session->connection == NULL
               ? session->serial
               : session->serial + connection_fd_generation(session->connection);
}

int inventory_session_wants(const inventory_session_t *session) {
    return session->connection == NULL ? 0 : connection_wants(session->connection);
}

inventory_watch_t *inventory_session_watch(inventory_session_t *session) {
    return &session->watch;
}
