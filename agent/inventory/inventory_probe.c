/* inventory_probe.c: the cluster and its list of databases; see inventory.h. */
#include "agent/inventory/inventory_internal.h"
#include "common/base/backoff.h"
#include "common/base/clock.h"
#include "common/crypto/random.h"
#include "common/postgres/result.h"
#include "common/wire/scan.h"

#include <string.h>

enum {
    RETRY_FIRST_MS = 500, /* after a probe that failed */
    RETRY_MOST_MS = 30000,
    STANDBY_US = 5 * 1000000, /* a promotion should be seen soon */
};

/* A database whose dropping was interrupted has a connection limit of -2 and takes nobody in. */
static const char SQL_DATABASES[] =
    "SELECT oid, datname, pg_catalog.pg_get_userbyid(datdba) AS owner, "
    "datallowconn AND NOT datistemplate AS open FROM pg_catalog.pg_database "
    "WHERE datconnlimit <> -2";

static void next_probe_in(inventory_session_t *session, int64_t wait_us) {
    session->site->probe_due_us = session->inventory->now.boot_us + wait_us;
}

/* Tenants keep what is known of them; the cluster says why nothing newer comes. */
static void probe_failed(inventory_session_t *session, const error_t *cause) {
    inventory_t *inventory = session->inventory;
    site_t *site = session->site;
    error_t err = *cause;
    char text[ERROR_TEXT_MAX];
    backoff_t backoff = {.first_ms = RETRY_FIRST_MS, .most_ms = RETRY_MOST_MS};
    sqlstate_redact(&err);
    problem_text(&err, text, sizeof text);
    bool news = err.code != site->seen.problem_code || strcmp(text, site->seen.problem) != 0;
    site->seen.problem_code = err.code;
    (void)snprintf(site->seen.problem, sizeof site->seen.problem, "%s", text);
    if (site->probe_failures < INT16_MAX) {
        site->probe_failures++;
    }
    int64_t wait_us = backoff_wait_ms(&backoff, site->probe_failures, random_u32()) * US_PER_MS;
    if (wait_us > inventory->config->inventory_refresh_us) {
        wait_us = inventory->config->inventory_refresh_us;
    }
    session_close(session);
    next_probe_in(session, wait_us);
    if (news) {
        site_changed(inventory, site);
    }
}

static int compare_rows(const void *a, const void *b) {
    const listing_row_t *left = a;
    const listing_row_t *right = b;
    return strcmp(left->database, right->database);
}

/* Names that are no valid text cannot travel, so that such databases are no tenants. */
static status_t read_listing(const PGresult *result, const identity_t *identity, listing_t *listing,
                             error_t *err) {
    int count = PQntuples(result);
    listing->rows = calloc((size_t)count + 1, sizeof *listing->rows);
    if (listing->rows == NULL) {
        return error_set(err, ERROR_NO_MEMORY, "no memory for %d databases", count);
    }
    for (int i = 0; i < count; i++) {
        result_row_t from = {result, i};
        listing_row_t row = {0};
        int64_t oid = 0;
        TRY(result_number(from, "oid", &oid, err));
        TRY(result_text(from, "datname", &row.database, err));
        TRY(result_text(from, "owner", &row.owner, err));
        TRY(result_bool(from, "open", &row.open, err));
        row.oid = (uint32_t)oid;
        bool valid = scan_text((const uint8_t *)row.database, strlen(row.database)) &&
                     strlen(row.database) < IDENTITY_NAME_SIZE;
        row.open = row.open && strcmp(row.database, identity->database) != 0;
        if (valid) {
            listing->rows[listing->count++] = row;
        }
    }
    qsort(listing->rows, listing->count, sizeof *listing->rows, compare_rows);
    return STATUS_OK;
}

/* What ClusterSeen tells, from what was read. Answers whether anything is new. */
static bool take_cluster(site_t *site, const identity_t *identity) {
    inventory_cluster_t was = site->seen;
    inventory_cluster_t *seen = &site->seen;
    seen->system_identifier = (uint64_t)identity->system_identifier;
    seen->writable = !identity->in_recovery;
    seen->server_version = (uint32_t)identity->server_version;
    seen->timeline = (uint32_t)identity->timeline;
    seen->problem_code = ERROR_NONE;
    seen->problem[0] = '\0';
    return was.system_identifier != seen->system_identifier || was.writable != seen->writable ||
           was.server_version != seen->server_version || was.timeline != seen->timeline ||
           was.problem_code != ERROR_NONE;
}

static status_t take_answer(inventory_session_t *session, const connection_answer_t *answer,
                            bool *ret_news, error_t *err) {
    inventory_t *inventory = session->inventory;
    site_t *site = session->site;
    CLEANUP(free_p) listing_row_t *rows = NULL;
    listing_t listing = {0};
    identity_t *identity = &session->identity;
    inventory_cluster_t was = site->seen;
    TRY(identity_read(answer->results, answer->count < 1 ? 0 : 1, identity, err));
    if (answer->count < 2 || PQresultStatus(answer->results[1]) != PGRES_TUPLES_OK) {
        return error_set(err, ERROR_DB_SQL, "the list of databases is incomplete");
    }
    status_t status = read_listing(answer->results[1], identity, &listing, err);
    rows = listing.rows;
    TRY(status);
    if (was.system_identifier != 0 &&
        was.system_identifier != (uint64_t)identity->system_identifier) {
        TRY(cache_depart_all(inventory, site, err));
        site->probed = false;
    }
    *ret_news = take_cluster(site, identity);
    if (answer->count > 2 && !site->busy && leftovers_take(&site->left, answer->results[2])) {
        *ret_news = true;
    }
    if (!site->seen.writable) {
        return STATUS_OK;
    }
    if (!was.writable || was.timeline != site->seen.timeline) {
        cache_all_due(inventory, site);
    }
    TRY(cache_take_listing(inventory, site, &listing, err));
    site->probed = true;
    return STATUS_OK;
}

static void on_answer(connection_t *c, connection_answer_t *answer, void *context) {
    (void)c;
    inventory_session_t *session = context;
    inventory_t *inventory = session->inventory;
    site_t *site = session->site;
    error_t err = {0};
    bool news = false;
    if (answer->error.code != ERROR_NONE) {
        err = answer->error;
        probe_failed(session, &err);
        return;
    }
    if (take_answer(session, answer, &news, &err) != STATUS_OK) {
        probe_failed(session, &err);
        return;
    }
    int64_t wait_us = inventory->config->inventory_refresh_us;
    if (!site->seen.writable && wait_us > STANDBY_US) {
        wait_us = STANDBY_US;
    }
    site->probe_failures = 0;
    site->seen.last_seen_us = session->observed.wall_us;
    session_close(session);
    next_probe_in(session, wait_us);
    if (news) {
        site_changed(inventory, site);
    }
}

static void on_connected(connection_t *c, connection_answer_t *answer, void *context) {
    (void)c;
    inventory_session_t *session = context;
    CLEANUP(buffer_free) buffer_t sql = {0};
    if (answer->error.code != ERROR_NONE) {
        error_t err = answer->error;
        probe_failed(session, &err);
        return;
    }
    session->observed = session->inventory->now;
    identity_sql(&sql, &(identity_ask_t){0});
    buffer_text(&sql, SQL_DATABASES);
    if (!session->site->busy) {
        leftovers_sql_cluster(&sql, session->inventory->config->name);
    }
    session_ask(session, &sql, on_answer);
}

/* A service names its own database; where it names none, libpq's default holds. */
void probe_start(inventory_session_t *session) {
    const agent_config_cluster_t *config = session->site->config;
    session_connect(session, config->service != NULL ? NULL : config->connection.dbname,
                    on_connected);
}
