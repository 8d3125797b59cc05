/*
 * inventory_left.c: what an earlier run may have left behind in a cluster or a tenant, for 'drover
 * doctor'. Only read, by questions of our own, and only while no job runs in the cluster: beside
 * one, a database that is being built or an index that is not yet valid is no leftover.
 *
 * Sources: PostgreSQL manual, "pg_stat_activity", "pg_index", "CREATE INDEX CONCURRENTLY".
 */
#include "agent/inventory/conninfo.h"
#include "agent/inventory/inventory_internal.h"
#include "common/postgres/fence.h"
#include "common/postgres/quote.h"
#include "common/postgres/result.h"
#include "common/wire/field.h"
#include "common/wire/scan.h"

#include <stdlib.h>
#include <string.h>

enum { KIND_BYTES = 32, NAME_BYTES = LIMIT_NAME_BYTES + 1, DETAIL_BYTES = 160 };

struct leftovers {
    size_t count;
    Drover__Leftover items[LEFTOVERS_MOST];
    Drover__Leftover *pointers[LEFTOVERS_MOST];
    char kinds[LEFTOVERS_MOST][KIND_BYTES];
    char names[LEFTOVERS_MOST][NAME_BYTES];
    char details[LEFTOVERS_MOST][DETAIL_BYTES];
};

/* Columns kind, name, detail. A session of ours while no job runs is nobody's. */
static const char SQL_CLUSTER[] =
    ";\nSELECT * FROM ("
    "SELECT CASE WHEN datname LIKE 'drover\\_trial\\_%' THEN 'trial_database' "
    "WHEN datname LIKE '%\\_drover\\_new\\_%' THEN 'restore_database' ELSE 'kept_database' END "
    "AS kind, datname::text AS name, "
    "left(COALESCE(pg_catalog.shobj_description(oid, 'pg_database'), ''), 150) AS detail "
    "FROM pg_catalog.pg_database WHERE datname LIKE 'drover\\_trial\\_%' "
    "OR datname LIKE '%\\_drover\\_new\\_%' OR datname LIKE '%\\_drover\\_old\\_%' "
    "UNION ALL SELECT 'backend', datname::text, 'pid ' || pid || ', ' || COALESCE(state, '') || "
    "(SELECT ', ' || count(*) || ' advisory locks' FROM pg_catalog.pg_locks AS l "
    "WHERE l.pid = a.pid AND l.locktype = 'advisory') "
    "FROM pg_catalog.pg_stat_activity AS a WHERE usename = session_user "
    "AND application_name = 'drover agent' AND datname IS NOT NULL ";

/* pg_dump and pg_restore, of this agent alone: another one that sees the cluster may be at work. */
static const char SQL_TOOLS[] =
    "UNION ALL SELECT 'tool', datname::text, 'pid ' || pid || ', ' || COALESCE(state, '') || "
    "', connected since ' || pg_catalog.to_char(backend_start AT TIME ZONE 'UTC', "
    "'YYYY-MM-DD HH24:MI') || ' UTC' "
    "FROM pg_catalog.pg_stat_activity WHERE usename = session_user AND datname IS NOT NULL "
    "AND application_name = ";

static const char SQL_INDEXES[] =
    "SELECT 'invalid_index' AS kind, left(pg_catalog.format('%I.%I', n.nspname, c.relname), 120) "
    "AS name, left(pg_catalog.format('on %s', i.indrelid::regclass), 150) AS detail "
    "FROM pg_catalog.pg_index AS i JOIN pg_catalog.pg_class AS c ON c.oid = i.indexrelid "
    "JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace "
    "WHERE NOT i.indisvalid AND c.relkind = 'i' ";

static const char SQL_STATEMENTS[] =
    "UNION ALL SELECT 'statement', left(s.application, 120), 'statement ' || s.statement || "
    "' of position ' || s.position || ', ' || s.direction || ', was started and not ended' "
    "FROM drover.statement AS s WHERE s.state = 'started' "
    "AND NOT EXISTS (SELECT FROM drover.history AS h WHERE h.tenant_id = s.tenant_id "
    "AND h.application = s.application AND h.seq >= s.seq) ";

void leftovers_sql_cluster(buffer_t *sql, const char *agent) {
    char tool[CONNINFO_TOOL_BYTES];
    buffer_text(sql, SQL_CLUSTER);
    buffer_text(sql, SQL_TOOLS);
    quote_text(sql, conninfo_tool_name(agent, tool));
    buffer_text(sql, ") AS found ORDER BY kind, name, detail LIMIT 16");
}

/* Drover's own lock on the tenant in other hands: nobody can work on it until that session ends.
 * Sessions that call themselves ours are told of with the cluster. */
static void sql_lock(buffer_t *sql, const fence_key_t *key) {
    buffer_text(sql, "UNION ALL SELECT 'lock', l.pid::text, left('application ' || ");
    quote_text(sql, key->application);
    buffer_text(sql, " || ', held by user ' || COALESCE(a.usename, '') || ', ' || "
                     "COALESCE(a.application_name, '') || ', ' || COALESCE(a.state, ''), 150) "
                     "FROM pg_catalog.pg_locks AS l JOIN pg_catalog.pg_stat_activity AS a "
                     "ON a.pid = l.pid WHERE a.application_name <> 'drover agent' AND ");
    fence_sql_is_lock(sql, key);
    buffer_text(sql, " ");
}

void leftovers_sql_tenant(buffer_t *sql, const inventory_tenant_t *tenant, bool has_ledger) {
    buffer_text(sql, SQL_INDEXES);
    buffer_text(sql, has_ledger ? SQL_STATEMENTS : "");
    for (size_t i = 0; has_ledger && i < tenant->application_count; i++) {
        sql_lock(sql, &(fence_key_t){.tenant = tenant->tenant,
                                     .application = tenant->applications[i].application});
    }
    buffer_text(sql, "ORDER BY 1, 2, 3 LIMIT 16");
}

static bool add(leftovers_t *left, const PGresult *result, int row) {
    error_t unread = {0};
    size_t at = left->count;
    result_row_t from = {result, row};
    const char *detail = NULL;
    if (result_copy(from, "kind", left->kinds[at], KIND_BYTES, &unread) != STATUS_OK ||
        result_copy(from, "name", left->names[at], NAME_BYTES, &unread) != STATUS_OK ||
        result_text(from, "detail", &detail, &unread) != STATUS_OK ||
        !scan_text((const uint8_t *)left->names[at], strlen(left->names[at]))) {
        return false;
    }
    bool travels =
        strlen(detail) < DETAIL_BYTES && scan_text((const uint8_t *)detail, strlen(detail));
    (void)snprintf(left->details[at], DETAIL_BYTES, "%s", travels ? detail : "");
    drover__leftover__init(&left->items[at]);
    left->items[at].kind = left->kinds[at];
    left->items[at].name = left->names[at];
    left->items[at].detail = left->details[at];
    left->pointers[at] = &left->items[at];
    left->count++;
    return true;
}

bool leftovers_take(leftovers_t **left_p, const PGresult *result) {
    leftovers_t *before = *left_p;
    leftovers_t *left = calloc(1, sizeof *left);
    if (left == NULL || PQresultStatus(result) != PGRES_TUPLES_OK) {
        free(left);
        return false; /* what was known stays: it is for a reader's eyes */
    }
    for (int i = 0; i < PQntuples(result) && left->count < LEFTOVERS_MOST; i++) {
        (void)add(left, result, i);
    }
    bool same = before != NULL ? before->count == left->count : left->count == 0;
    for (size_t i = 0; same && i < left->count; i++) {
        same = strcmp(before->kinds[i], left->kinds[i]) == 0 &&
               strcmp(before->names[i], left->names[i]) == 0;
    }
    free(before);
    *left_p = left;
    if (left->count == 0) { /* nothing is the rule: it takes no memory */
        free(left);
        *left_p = NULL;
    }
    return !same;
}

size_t leftovers_list(const leftovers_t *left, Drover__Leftover ***ret_list) {
    *ret_list = left != NULL ? (Drover__Leftover **)(uintptr_t)left->pointers : NULL;
    return left != NULL ? left->count : 0;
}
