/*
 * sqlstate.h: what PostgreSQL said, as an error_t.
 *
 * Code and retry class come from the SQLSTATE through one table; the longest match wins (a whole
 * state before its class). Some messages carry rows of the tenant: sqlstate_redact takes them out.
 * Source: PostgreSQL manual, "PostgreSQL Error Codes" and "Error and Notice Message Fields".
 */
#ifndef DROVER_POSTGRES_SQLSTATE_H
#define DROVER_POSTGRES_SQLSTATE_H

#include "common/base/error.h"

#include <libpq-fe.h>

/* What was under way, for failures that the server did not explain. */
typedef enum sqlstate_phase {
    SQLSTATE_RUNNING,    /* a lost connection means that nothing was committed */
    SQLSTATE_CONNECTING, /* no session yet: the server's own words decide, else DB_UNREACHABLE */
    SQLSTATE_COMMITTING, /* a lost connection is DB_OUTCOME_UNKNOWN */
    SQLSTATE_PHASE_COUNT
} sqlstate_phase_t;

/* Code and retry class of a five-character state. */
typedef struct sqlstate_class {
    const char *prefix; /* whole state, or its first characters; "" matches all */
    error_code_t code;
    retry_class_t retry;
} sqlstate_class_t;

/* The row of the table that fits; never NULL. state may be NULL or "". */
const sqlstate_class_t *sqlstate_find(const char *state);

/*
 * Fill err from a result that carries an error: SQLSTATE, primary message, detail, hint and the
 * constraint, column, table or type that the server named. Answers STATUS_ERROR.
 */
status_t sqlstate_result(const PGresult *result, sqlstate_phase_t phase, error_t *err);

/*
 * Fill err for a connection that failed without a result (could not connect, was cut). libpq
 * keeps no SQLSTATE of a refused connection: the server's English words are looked for, and what
 * they do not tell is DB_UNREACHABLE. Answers STATUS_ERROR.
 */
status_t sqlstate_connection(const PGconn *conn, sqlstate_phase_t phase, error_t *err);

/* Same, for text that libpq left behind. Pure; for tests. */
status_t sqlstate_connection_text(const char *text, sqlstate_phase_t phase, error_t *err);

/*
 * Whether the message was composed by a program in the database (RAISE, ASSERT): it may hold any
 * row, under any SQLSTATE. True until sqlstate_redact or sqlstate_vouch.
 */
bool sqlstate_raised(const error_t *err);

/* The raised message stands literally in a signed script: keep it. Hint and names, which may be
 * composed as well, are dropped. */
void sqlstate_vouch(error_t *err);

/*
 * Take out of err what may be a tenant's row: the detail always (unless its state's details name
 * only objects), a raised message that nobody vouched for, and for states whose primary message
 * quotes values, everything between double quotes. After this err may be logged, stored and sent.
 */
void sqlstate_redact(error_t *err);

#endif
