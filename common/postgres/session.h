/*
 * session.h: what every session of ours looks like, whatever the database's and role's settings.
 *
 * The pins travel as startup options, so they are the session's defaults: a script's SET is undone
 * by session_sql_reset without another connection. The first statement proves that this backend got
 * our startup packet and is the one that libpq can cancel: behind a pooler that shares backends
 * neither holds, because it makes up the process id of the cancel key and our token never arrives.
 * Sources: PostgreSQL manual, "Client Connection Defaults", "Message Flow: Start-up";
 * CVE-2018-1058.
 */
#ifndef DROVER_POSTGRES_SESSION_H
#define DROVER_POSTGRES_SESSION_H

#include "common/base/buffer.h"

#include <libpq-fe.h>
#include <stdint.h>

typedef struct session_pins {
    uint64_t token;             /* random, new for each connection */
    int idle_in_transaction_ms; /* the server ends a transaction whose agent went silent */
} session_pins_t;

/* Append " -c name=value …" for the startup parameter `options`. */
void session_options(buffer_t *options, const session_pins_t *pins);

/* The first statement of a session. server_version as PQserverVersion gives it. */
void session_sql_first(buffer_t *sql, int server_version);

typedef struct session_expect {
    uint64_t token;
    int backend_pid; /* PQbackendPID: where a cancel request would go */
} session_expect_t;

/* Judge the answer to it: ERROR_DB_POOLER, or ERROR_DB_TOO_OLD below 13. */
MUST_CHECK status_t session_check(const PGresult *result, const session_expect_t *expect,
                                  error_t *err);

/*
 * Statements that bring a session back to its pins between two scripts: settings, role, cursors,
 * prepared statements, LISTEN, temporary tables, sequence caches. Session advisory locks stay (the
 * tenant's lock is one), those that a script took too, until the connection ends.
 * Has a transaction of its own (settings changed in one that rolls back would come back), so it may
 * stand in front of a BEGIN in the same string, but not inside a transaction. Ends in ";\n".
 */
typedef struct session_reset {
    int server_version;
    bool keep_prepared; /* prepared statements stay: ours are among them */
} session_reset_t;
void session_sql_reset(buffer_t *sql, const session_reset_t *reset);

/* How many statements, and so results, that are. */
size_t session_reset_statements(const session_reset_t *reset);

#endif
