/* session.c: see session.h. */
#include "common/postgres/session.h"
#include "common/postgres/result.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { SESSION_OLDEST = 130000, CHECK_INTERVAL_SINCE = 140000 };

/* clang-format off */
/* name=value of each pin; no value needs escaping inside `options`. Each has its reason. */
static const char *const pins_fixed[] = {
    "search_path=pg_catalog,pg_temp",     /* nobody's function stands in for a built-in one */
    "role=none",                          /* ALTER ROLE … SET role would hand us another */
    "synchronous_commit=on",              /* a database setting may have turned it off */
    "default_transaction_isolation=read\\ committed", /* the fence's UPDATE is judged again after a wait */
    "default_transaction_read_only=off",
    "default_transaction_deferrable=off",
    "standard_conforming_strings=on",     /* scripts are read so by the parser that linted them */
    "statement_timeout=0",                /* the migration's own says how long */
    "lock_timeout=0",
    "row_security=on",
    "client_min_messages=notice",         /* a BEGIN inside a transaction shows only as a WARNING */
    "DateStyle=ISO,\\ YMD",
    "IntervalStyle=postgres",
    "bytea_output=hex",
    "extra_float_digits=1",
    "jit=off",                            /* catalog queries cost less than compiling them */
};
/* clang-format on */

void session_options(buffer_t *options, const session_pins_t *pins) {
    for (size_t i = 0; i < sizeof pins_fixed / sizeof pins_fixed[0]; i++) {
        buffer_format(options, " -c %s", pins_fixed[i]);
    }
    buffer_format(options, " -c idle_in_transaction_session_timeout=%d",
                  pins->idle_in_transaction_ms);
    buffer_format(options, " -c drover.session=%016" PRIx64, pins->token);
}

/* The server looks every second whether we are still there, so that the statement of an agent that
 * died does not run on. Unknown to 13, so it cannot be a startup option. */
static void sql_check_interval(buffer_t *sql, int server_version) {
    if (server_version >= CHECK_INTERVAL_SINCE) {
        buffer_text(sql, ", pg_catalog.set_config('client_connection_check_interval', '1000', "
                         "false)");
    }
}

void session_sql_first(buffer_t *sql, int server_version) {
    buffer_text(sql, "SELECT pg_catalog.pg_backend_pid() AS pid"
                     ", pg_catalog.current_setting('drover.session', true) AS token"
                     ", pg_catalog.current_setting('server_version_num') AS version");
    sql_check_interval(sql, server_version);
}

status_t session_check(const PGresult *result, const session_expect_t *expect, error_t *err) {
    result_row_t row = {result, 0};
    int64_t version = 0;
    int64_t pid = 0;
    const char *token = NULL;
    TRY(result_number(row, "version", &version, err));
    if (version < SESSION_OLDEST) {
        return error_set(err, ERROR_DB_TOO_OLD, "the server is PostgreSQL %d",
                         (int)version / 10000);
    }
    TRY(result_number(row, "pid", &pid, err));
    TRY(result_text(row, "token", &token, err));
    char expected[17];
    (void)snprintf(expected, sizeof expected, "%016" PRIx64, expect->token);
    if (token == NULL || strcmp(token, expected) != 0) {
        return error_set(
            err, ERROR_DB_POOLER,
            "the session's settings did not reach the server: a pooler stands between");
    }
    if (pid != expect->backend_pid) {
        return error_set(err, ERROR_DB_POOLER,
                         "the server's process is not the one that the connection names: a pooler "
                         "stands between");
    }
    return STATUS_OK;
}

/* Set by a statement, not by a SELECT of set_config: a command without a query needs no plan. */
void session_sql_reset(buffer_t *sql, const session_reset_t *reset) {
    buffer_format(sql,
                  "BEGIN;SET SESSION AUTHORIZATION DEFAULT;RESET ROLE;RESET ALL;CLOSE ALL;%s"
                  "UNLISTEN *;DISCARD TEMP;DISCARD SEQUENCES;%sCOMMIT;\n",
                  reset->keep_prepared ? "" : "DEALLOCATE ALL;",
                  reset->server_version >= CHECK_INTERVAL_SINCE
                      ? "SET client_connection_check_interval = 1000;"
                      : "");
}

size_t session_reset_statements(const session_reset_t *reset) {
    enum { ALWAYS = 9 };
    return ALWAYS + (reset->keep_prepared ? 0U : 1U) +
           (reset->server_version >= CHECK_INTERVAL_SINCE ? 1U : 0U);
}
