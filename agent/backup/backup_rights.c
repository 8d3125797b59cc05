/*
 * backup_rights.c: see backup_rights.h. Sources: PostgreSQL manual, "Access Privilege Inquiry
 * Functions", row_security_active; pg_dump's own --enable-row-security says that it turns
 * row_security off, so that a policy is an error for whoever is bound by it.
 */
#include "agent/backup/backup_rights.h"

#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* 'r' table, 'm' materialized view, 'S' sequence; a partitioned table has no rows of its own. */
static const char QUESTION[] =
    "SELECT EXISTS (SELECT FROM pg_catalog.pg_class AS c"
    " JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace"
    " WHERE c.relkind IN ('r', 'm', 'S') AND c.relpersistence <> 't'"
    " AND n.nspname <> 'information_schema' AND n.nspname NOT LIKE 'pg\\_%'"
    " AND (NOT pg_catalog.has_schema_privilege(n.oid, 'USAGE')"
    " OR NOT pg_catalog.has_table_privilege(c.oid, 'SELECT')"
    " OR pg_catalog.row_security_active(c.oid)))";

static void conn_free(PGconn **conn) {
    PQfinish(*conn);
}

static void result_free(PGresult **result) {
    PQclear(*result);
}

static PGconn *connect_to(const backup_connection_t *connection) {
    const char *const keywords[] = {"dbname",
                                    "connect_timeout",
                                    "application_name",
                                    "options",
                                    connection->passfile != NULL ? "passfile" : NULL,
                                    NULL};
    const char *const values[] = {connection->conninfo,
                                  "10",
                                  "drover",
                                  "-c search_path=pg_catalog -c statement_timeout=10000",
                                  connection->passfile,
                                  NULL};
    if (connection->service_file != NULL) {
        (void)setenv("PGSERVICEFILE", connection->service_file, 1);
    }
    return PQconnectdbParams(keywords, values, 1);
}

static bool set_role(PGconn *conn, const char *role) {
    if (role == NULL) {
        return true;
    }
    char sql[1024];
    char *name = PQescapeIdentifier(conn, role, strlen(role));
    (void)snprintf(sql, sizeof sql, "SET ROLE %s", name != NULL ? name : "");
    PQfreemem(name);
    CLEANUP(result_free) PGresult *result = PQexec(conn, sql);
    return PQresultStatus(result) == PGRES_COMMAND_OK;
}

bool backup_rights_lack(const backup_connection_t *connection) {
    CLEANUP(conn_free) PGconn *conn = connect_to(connection);
    if (PQstatus(conn) != CONNECTION_OK || !set_role(conn, connection->role)) {
        return false;
    }
    CLEANUP(result_free) PGresult *result = PQexec(conn, QUESTION);
    return PQresultStatus(result) == PGRES_TUPLES_OK && strcmp(PQgetvalue(result, 0, 0), "t") == 0;
}
