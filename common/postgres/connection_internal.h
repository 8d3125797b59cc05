/* connection_internal.h: what connection.c, connection_new.c and connection_cancel.c share. */
#ifndef DROVER_POSTGRES_CONNECTION_INTERNAL_H
#define DROVER_POSTGRES_CONNECTION_INTERNAL_H

#include "common/postgres/connection.h"

/* One cancel request on its way, in a thread of its own. */
typedef struct connection_cancel_job connection_cancel_job_t;

/* Start one, or answer NULL where that was not possible (no memory, too many under way). */
connection_cancel_job_t *connection_cancel_start(PGconn *conn);

/* Whether the request was delivered or given up; from then on it can hit nothing. */
bool connection_cancel_finished(connection_cancel_job_t *job);

/* Let go of it, finished or not; the thread cleans up what is left. Tolerates NULL. */
void connection_cancel_release(connection_cancel_job_t **job_p);

struct connection {
    PGconn *conn;
    connection_state_t state;
    PQconninfoOption *parsed; /* of options.conninfo */
    char *database;
    char *application_name;
    char *startup; /* the `options` parameter */
    uint64_t token;
    connection_options_t options; /* its strings are not used after connection_new */
    unsigned generation;
    int wants;     /* while libpq connects */
    bool settling; /* connected; our first statement is under way */

    /* the request under way */
    connection_done_fn *done;
    void *context;
    sqlstate_phase_t phase;
    bool discard_rows;
    size_t keep_first;
    size_t statements; /* results that are through, single rows not counted */
    bool row_kept;     /* of the statement under way, its first row */
    bool copying_out;
    bool sent_whole;
    bool want_write;
    bool drained; /* all results are in; only the cancel thread is waited for */
    int64_t deadline_us;
    int64_t drain_until_us;
    connection_cancel_job_t *cancel;
    bool cancelled;
    bool by_owner; /* cancelled by connection_cancel, not by the deadline */
    int notices;
    PGresult **results;
    size_t count;
    size_t room;
    size_t dropped;
};

/* Drop the results that were not handed over. */
void connection_results_clear(connection_t *c);

/* PQconnectStartParams with the caller's parameters and ours. */
PGconn *connection_start_libpq(connection_t *c);

#endif
