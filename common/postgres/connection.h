/*
 * connection.h: one libpq session that never blocks and owns no event loop.
 *
 * The owner registers connection_fd for connection_wants and calls connection_ready when the fd is
 * ready or connection_deadline_us has passed; everything else happens inside. One request at a
 * time. Each request ends in exactly one call of its `done`, which is the last thing that a
 * connection does before it returns: `done` may send the next request or destroy the connection.
 *
 * At a deadline the server is asked to cancel (from a short-lived thread, because PQcancel blocks),
 * the answer is drained, and only then `done` is called, so that a late cancel can never hit the
 * next request. What does not drain in CONNECTION_DRAIN_US is given up as lost.
 *
 * Sessions are pinned at start (session.h). A password stands in conninfo at most: it is never
 * part of an error's text.
 * Sources: PostgreSQL manual, libpq "Asynchronous Command Processing", "Database Connection Control
 * Functions" (PQconnectPoll), "Canceling Queries in Progress".
 */
#ifndef DROVER_POSTGRES_CONNECTION_H
#define DROVER_POSTGRES_CONNECTION_H

#include "common/postgres/sqlstate.h"

#include <libpq-fe.h>
#include <stdint.h>

#define CONNECTION_DRAIN_US INT64_C(5000000)

typedef struct connection connection_t;

enum { CONNECTION_READ = 1, CONNECTION_WRITE = 2 }; /* bits of connection_wants */

typedef enum connection_state {
    CONNECTION_NEW,        /* connection_start was not called yet */
    CONNECTION_CONNECTING, /* libpq is at work, then our first statement */
    CONNECTION_IDLE,       /* takes a request */
    CONNECTION_BUSY,       /* a request is under way */
    CONNECTION_CANCELLING, /* its deadline passed or connection_cancel was called */
    CONNECTION_LOST,       /* for good: destroy it and make another */
    CONNECTION_STATE_COUNT
} connection_state_t;

typedef struct connection_answer {
    PGresult **results; /* all results in order, an error's last; borrowed during `done`: take one
                           by setting its slot to NULL */
    size_t count;
    size_t dropped;  /* results of a discard_rows request that were too many to keep */
    error_t error;   /* code ERROR_NONE when all went well */
    bool lost;       /* the connection is gone; the answer may be incomplete */
    bool sent_whole; /* the request left libpq wholly: the server may have executed it */
    bool cancelled;  /* we asked the server to cancel; results say whether it came in time */
} connection_answer_t;

typedef void connection_done_fn(connection_t *c, connection_answer_t *answer, void *context);

/* A NOTICE or WARNING of the server, cut to a bound. May quote the tenant's rows: keep or show
 * only severity and SQLSTATE where that matters. Must not call into the connection. */
typedef struct connection_notice {
    char severity[16]; /* NOTICE, WARNING … in English */
    char sqlstate[6];
    char message[ERROR_TEXT_MAX];
} connection_notice_t;
typedef void connection_notice_fn(const connection_notice_t *notice, void *context);

typedef struct connection_options {
    const char *conninfo;         /* connection string or URI ("service=…" too); borrowed */
    const char *database;         /* overrides its dbname; NULL leaves it */
    const char *application_name; /* NULL is "drover" */
    int idle_in_transaction_ms;   /* 0 is 60,000 */
    bool allow_pooler;            /* do not refuse a session that is not ours alone */
    bool unpinned;                /* a plain session: no pins, no first statement */
    connection_notice_fn *notice; /* may be NULL */
    void *notice_context;
} connection_options_t;

/*
 * Drop every PG… variable from the environment, so that nobody's shell steers a daemon; then, where
 * service_file is no NULL, name it as PGSERVICEFILE (libpq knows no parameter for it). Call once,
 * before threads.
 */
void connection_clear_environment(const char *service_file);

/* Make a connection; nothing is sent yet. ERROR_INVALID where conninfo cannot be parsed (its text
 * is not repeated: it may hold a password). Strings are copied. */
MUST_CHECK status_t connection_new(const connection_options_t *options, connection_t **ret_c,
                                   error_t *err);

/* Close at once, in any state; a request under way gets no answer. Tolerates NULL. */
void connection_destroy(connection_t **c_p);

/*
 * Begin to connect; `done` may be called before this returns. It gets an answer without results:
 * error NONE, DB_UNREACHABLE, DB_AUTH, DB_NO_DATABASE, DB_POOLER … Names are resolved by libpq,
 * which blocks: prefer hostaddr= or a socket. deadline_us is on the clock of connection_ready's
 * now_us (clock_boot_us).
 */
void connection_start(connection_t *c, int64_t deadline_us, connection_done_fn *done,
                      void *context);

typedef struct connection_param {
    Oid type;          /* 0 lets the server infer */
    const char *value; /* NULL is SQL NULL; text is NUL-terminated; borrowed during the call */
    int size;          /* bytes, where binary */
    bool binary;
} connection_param_t;

typedef struct connection_request {
    const char *sql;                  /* borrowed during the call */
    const connection_param_t *params; /* NULL: simple protocol, where sql may hold several
                                         statements; else exactly one statement */
    int param_count;
    bool binary_results;    /* with params: values come in binary */
    bool discard_rows;      /* keep command tags and errors, drop rows: for scripts */
    size_t keep_first;      /* … but the first row of so many leading statements */
    sqlstate_phase_t phase; /* what a lost connection means; 0 is RUNNING */
    int64_t deadline_us;    /* 0 is none */
    connection_done_fn *done;
    void *context;
} connection_request_t;

/*
 * Send a request. The connection must be CONNECTION_IDLE, or LOST: then `done` is called before
 * this returns, with lost set and nothing sent; so it is when sending fails at once.
 */
void connection_send(connection_t *c, const connection_request_t *request);

/* connection_send of a simple-protocol string that keeps rows. */
void connection_query(connection_t *c, const char *sql, int64_t deadline_us,
                      connection_done_fn *done, void *context);

/* Ask the server to cancel what is under way; `done` will tell how it ended. No-op when idle. */
void connection_cancel(connection_t *c, int64_t now_us);

/* The socket, or -1. It changes while connecting: register anew when the generation has changed,
 * even if the number is the same (libpq may have closed and opened it). */
int connection_fd(const connection_t *c);
unsigned connection_fd_generation(const connection_t *c);

/* What to poll the fd for. An idle connection wants READ, to notice that the server left. */
int connection_wants(const connection_t *c);

/* When connection_ready must be called though the fd is silent; 0 is never. */
int64_t connection_deadline_us(const connection_t *c);

/* Make progress. Call when the fd is ready or the deadline passed; calling for nothing is fine. */
void connection_ready(connection_t *c, int64_t now_us);

connection_state_t connection_state(const connection_t *c);
int connection_server_version(const connection_t *c); /* 150020; 0 before the session */
int connection_backend_pid(const connection_t *c);    /* 0 before the session */
/* For COPY and other things of libpq's own; only while idle. */
PGconn *connection_libpq(connection_t *c);

/* ---- the same over poll(2), for the CLI, tests and bench ---- */

/* Connect and wait; timeout_ms from now. */
MUST_CHECK status_t connection_open(const connection_options_t *options, int timeout_ms,
                                    connection_t **ret_c, error_t *err);

/* The answer is the caller's in any case (results before an error included): see
 * connection_answer_free, which a zeroed one may be given too. The request's done and context are
 * not looked at. */
MUST_CHECK status_t connection_run(connection_t *c, const char *sql, int timeout_ms,
                                   connection_answer_t *ret_answer, error_t *err);
MUST_CHECK status_t connection_run_request(connection_t *c, const connection_request_t *request,
                                           connection_answer_t *ret_answer, error_t *err);
/* Release the results of an answer from connection_run; usable with CLEANUP. */
void connection_answer_free(connection_answer_t *answer);

#endif
