/*
 * connection.c: see connection.h.
 *
 * Invariants: `done` is set exactly while a request or the start is under way, and calling it is
 * the last thing that touches the connection. Results belong to the connection until then. A lost
 * connection keeps its PGconn until it is destroyed, so that getters go on working.
 */
#include "common/base/buffer.h"
#include "common/base/cleanup.h"
#include "common/base/clock.h"
#include "common/postgres/connection_internal.h"
#include "common/postgres/session.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>

enum {
    NOTICES_MOST = 100,      /* a request's notices that are passed on */
    SCRIPT_RESULTS_KEPT = 64 /* of a script; its errors always */
};

#define CANCEL_AGAIN_US INT64_C(200000) /* how long a cancel may go unheard */
#define CANCEL_LOOK_US INT64_C(5000)    /* how often to look whether the cancel thread is through */

/* ---- ending a request ---- */

static void lose(connection_t *c) {
    c->state = CONNECTION_LOST;
    c->generation++;
}

/* Hand the answer over. Touches nothing of c after done was called. */
static void finish(connection_t *c, const error_t *error, bool lost) {
    connection_answer_t answer = {
        .results = c->results,
        .count = c->count,
        .dropped = c->dropped,
        .lost = lost,
        .sent_whole = c->sent_whole,
        .cancelled = c->cancelled,
    };
    if (error != NULL) {
        answer.error = *error;
    }
    connection_done_fn *done = c->done;
    void *context = c->context;
    c->results = NULL;
    c->count = c->room = c->dropped = 0;
    c->done = NULL;
    c->deadline_us = 0;
    c->settling = c->drained = false;
    connection_cancel_release(&c->cancel);
    if (lost) {
        lose(c);
    } else {
        c->state = CONNECTION_IDLE;
    }
    done(c, &answer, context);
    connection_answer_free(&answer);
}

void connection_answer_free(connection_answer_t *answer) {
    for (size_t i = 0; i < answer->count; i++) {
        PQclear(answer->results[i]);
    }
    free(answer->results);
    answer->results = NULL;
    answer->count = 0;
}

/* A server that answered COMMIT and then went away has answered all the same. */
static bool commit_was_answered(const connection_t *c) {
    return c->phase == SQLSTATE_COMMITTING && c->count > 0 &&
           PQresultStatus(c->results[0]) == PGRES_COMMAND_OK;
}

/* The error to tell: the server's own words rather than libpq's about the loss that follows. */
static const PGresult *last_error(const connection_t *c) {
    const PGresult *found = NULL;
    for (size_t i = 0; i < c->count; i++) {
        bool failed = PQresultStatus(c->results[i]) == PGRES_FATAL_ERROR;
        bool named = failed && PQresultErrorField(c->results[i], PG_DIAG_SQLSTATE) != NULL;
        found = named || (failed && found == NULL) ? c->results[i] : found;
    }
    return found;
}

static void explain_cancel(const connection_t *c, error_t *error) {
    if (c->by_owner) {
        error->code = ERROR_CANCELLED;
        error->retry = error_code_retry(ERROR_CANCELLED);
    } else {
        (void)error_context(error, "the deadline passed and the statement was cancelled");
    }
}

/* A request cut off before it left libpq wholly did nothing, whatever its phase. */
static sqlstate_phase_t phase_reached(const connection_t *c) {
    return c->phase == SQLSTATE_COMMITTING && !c->sent_whole ? SQLSTATE_RUNNING : c->phase;
}

static void finish_lost(connection_t *c) {
    error_t error = {0};
    const PGresult *result = last_error(c);
    if (commit_was_answered(c)) {
        finish(c, NULL, true);
        return;
    }
    if (result != NULL) {
        (void)sqlstate_result(result, phase_reached(c), &error);
    } else {
        (void)sqlstate_connection(c->conn, phase_reached(c), &error);
    }
    finish(c, &error, true);
}

/* Our first statement is through: judge it. */
static void finish_settling(connection_t *c, const PGresult *error_result) {
    error_t error = {0};
    PQsetErrorVerbosity(c->conn, PQERRORS_DEFAULT);
    if (error_result != NULL) {
        (void)sqlstate_result(error_result, SQLSTATE_CONNECTING, &error);
        finish(c, &error, true);
        return;
    }
    session_expect_t expect = {c->token, PQbackendPID(c->conn)};
    if (c->count == 0 || (session_check(c->results[0], &expect, &error) != STATUS_OK &&
                          !(c->options.allow_pooler && error.code == ERROR_DB_POOLER))) {
        finish(c, &error, true);
        return;
    }
    connection_results_clear(c);
    finish(c, NULL, false);
}

static void finish_complete(connection_t *c) {
    if (PQstatus(c->conn) == CONNECTION_BAD) {
        finish_lost(c);
        return;
    }
    const PGresult *result = last_error(c);
    if (c->settling) {
        finish_settling(c, result);
        return;
    }
    if (result == NULL) {
        finish(c, NULL, false);
        return;
    }
    error_t error = {0};
    (void)sqlstate_result(result, c->phase, &error);
    if (c->cancelled && strcmp(error.sqlstate, "57014") == 0) {
        explain_cancel(c, &error);
    }
    finish(c, &error, false);
}

/* ---- reading results ---- */

/* Of a script only the first results, and errors. */
static bool is_surplus(const connection_t *c, const PGresult *result) {
    return c->discard_rows && c->count >= SCRIPT_RESULTS_KEPT &&
           PQresultStatus(result) != PGRES_FATAL_ERROR;
}

static bool keep(connection_t *c, PGresult *result) {
    if (is_surplus(c, result)) {
        PQclear(result);
        c->dropped++;
        return true;
    }
    if (c->count == c->room) {
        size_t room = c->room == 0 ? 8 : 2 * c->room;
        PGresult **grown = realloc(c->results, room * sizeof *grown);
        if (grown == NULL) {
            PQclear(result);
            return false;
        }
        c->results = grown;
        c->room = room;
    }
    c->results[c->count++] = result;
    return true;
}

/* Take one result in. False where nothing more can be read yet, or ever. */
static bool take_result(connection_t *c, PGresult *result) {
    ExecStatusType status = PQresultStatus(result);
    if (status == PGRES_COPY_IN) {
        PQclear(result);
        return PQputCopyEnd(c->conn, "COPY FROM STDIN has no data here") != 0;
    }
    if (status == PGRES_COPY_OUT) {
        PQclear(result);
        c->copying_out = true;
        return true;
    }
    if (status == PGRES_SINGLE_TUPLE && (c->row_kept || c->statements >= c->keep_first)) {
        PQclear(result);
        return true;
    }
    if (status == PGRES_TUPLES_OK && c->row_kept) {
        /* The empty end of a statement whose first row stands in its place. */
        PQclear(result);
    } else if (status == PGRES_COPY_BOTH || !keep(c, result)) {
        lose(c);
        return false;
    }
    c->row_kept = status == PGRES_SINGLE_TUPLE;
    c->statements += c->row_kept ? 0 : 1;
    return true;
}

/* Rows of a COPY TO STDOUT go nowhere. False where more input is needed first. */
static bool skip_copied(connection_t *c) {
    for (;;) { /* bounded by the bytes that libpq has buffered */
        char *row = NULL;
        int size = PQgetCopyData(c->conn, &row, 1);
        PQfreemem(row);
        if (size == 0) {
            return false;
        }
        if (size < 0) {
            c->copying_out = false;
            return true;
        }
    }
}

/* Read what is there. True when the request is through. */
static bool read_results(connection_t *c) {
    for (;;) { /* bounded by what libpq has buffered: PQisBusy stops it */
        if (c->copying_out && !skip_copied(c)) {
            return false;
        }
        if (PQisBusy(c->conn) != 0) {
            return false;
        }
        PGresult *result = PQgetResult(c->conn);
        if (result == NULL) {
            return true;
        }
        if (!take_result(c, result)) {
            return false;
        }
    }
}

static void arm_cancel(connection_t *c, int64_t now_us) {
    c->cancelled = true;
    c->state = CONNECTION_CANCELLING;
    c->cancel = connection_cancel_start(c->conn);
    c->drain_until_us = now_us + CONNECTION_DRAIN_US;
    c->deadline_us = now_us + CANCEL_AGAIN_US;
}

/* A backend that has not read its statement yet throws a cancel away, so it is sent until heard. */
static void cancel_again(connection_t *c, int64_t now_us) {
    if (c->cancel == NULL || connection_cancel_finished(c->cancel)) {
        connection_cancel_release(&c->cancel);
        c->cancel = connection_cancel_start(c->conn);
    }
    c->deadline_us = now_us + CANCEL_AGAIN_US;
}

static void finish_drained(connection_t *c, int64_t now_us) {
    bool through = c->cancel == NULL || connection_cancel_finished(c->cancel);
    if (through) {
        finish_complete(c);
    } else if (now_us >= c->drain_until_us) {
        /* The session answered, but a cancel is still on its way to it: it is of no more use. */
        finish_lost(c);
    } else {
        c->drained = true;
        c->deadline_us = now_us + CANCEL_LOOK_US;
    }
}

static void give_up(connection_t *c) {
    error_t error = {0};
    if (c->phase == SQLSTATE_CONNECTING) {
        (void)error_set(&error, ERROR_DB_UNREACHABLE, "the server did not answer in time");
    } else {
        (void)sqlstate_connection_text("the server answered neither the statement nor its "
                                       "cancelling in time",
                                       phase_reached(c), &error);
    }
    finish(c, &error, true);
}

static void advance(connection_t *c, int64_t now_us) {
    if (c->drained) {
        finish_drained(c, now_us);
        return;
    }
    int flushed = PQflush(c->conn);
    c->want_write = flushed > 0;
    c->sent_whole = c->sent_whole || flushed == 0;
    bool readable = PQconsumeInput(c->conn) != 0;
    bool complete = read_results(c);
    if (complete) {
        finish_drained(c, now_us);
    } else if (!readable || flushed < 0 || c->state == CONNECTION_LOST) {
        finish_lost(c);
    } else if (c->deadline_us == 0 || now_us < c->deadline_us) {
        return;
    } else if (c->state == CONNECTION_CANCELLING && now_us < c->drain_until_us) {
        cancel_again(c, now_us);
    } else if (c->settling || c->state == CONNECTION_CANCELLING) {
        give_up(c);
    } else {
        arm_cancel(c, now_us);
    }
}

/* ---- connecting ---- */

static void on_notice(void *argument, const PGresult *result) {
    connection_t *c = argument;
    connection_notice_t notice = {0};
    error_t text = {0};
    if (c->options.notice == NULL || c->notices >= NOTICES_MOST) {
        return;
    }
    c->notices++;
    (void)sqlstate_result(result, SQLSTATE_RUNNING, &text);
    const char *severity = PQresultErrorField(result, PG_DIAG_SEVERITY_NONLOCALIZED);
    strncpy(notice.severity, severity == NULL ? "" : severity, sizeof notice.severity - 1);
    memcpy(notice.sqlstate, text.sqlstate, sizeof notice.sqlstate);
    memcpy(notice.message, text.message, sizeof notice.message);
    c->options.notice(&notice, c->options.notice_context);
}

void connection_start(connection_t *c, int64_t deadline_us, connection_done_fn *done,
                      void *context) {
    INVARIANT(c->state == CONNECTION_NEW);
    c->done = done;
    c->context = context;
    c->phase = SQLSTATE_CONNECTING;
    c->state = CONNECTION_CONNECTING;
    c->deadline_us = deadline_us;
    c->wants = CONNECTION_WRITE;
    c->conn = connection_start_libpq(c);
    c->generation++;
    if (c->conn == NULL || PQstatus(c->conn) == CONNECTION_BAD) {
        finish_lost(c);
        return;
    }
    /* VERBOSE puts the SQLSTATE into the message: libpq keeps it nowhere else before a session. */
    PQsetErrorVerbosity(c->conn, PQERRORS_VERBOSE);
    PQsetNoticeReceiver(c->conn, on_notice, c);
}

static void settle(connection_t *c, int64_t now_us) {
    if (PQsetnonblocking(c->conn, 1) != 0) {
        finish_lost(c);
        return;
    }
    if (c->options.unpinned) {
        PQsetErrorVerbosity(c->conn, PQERRORS_DEFAULT);
        finish(c, NULL, false);
        return;
    }
    CLEANUP(buffer_free) buffer_t sql = {0};
    session_sql_first(&sql, PQserverVersion(c->conn));
    c->settling = true;
    if (PQsendQuery(c->conn, buffer_string(&sql)) == 0) {
        finish_lost(c);
        return;
    }
    advance(c, now_us);
}

/* libpq must not be asked before its socket is ready: it would take a pending connect for done. */
static bool socket_ready(const connection_t *c) {
    short events = (c->wants & CONNECTION_WRITE) != 0 ? POLLOUT : POLLIN;
    struct pollfd poller = {.fd = PQsocket(c->conn), .events = events};
    return poll(&poller, 1, 0) > 0;
}

static void connect_more(connection_t *c, int64_t now_us) {
    if (socket_ready(c)) {
        PostgresPollingStatusType status = PQconnectPoll(c->conn);
        c->generation++;
        c->wants = status == PGRES_POLLING_WRITING ? CONNECTION_WRITE : CONNECTION_READ;
        if (status == PGRES_POLLING_OK) {
            settle(c, now_us);
            return;
        }
        if (status == PGRES_POLLING_FAILED) {
            finish_lost(c);
            return;
        }
    }
    if (c->deadline_us != 0 && now_us >= c->deadline_us) {
        give_up(c);
    }
}

void connection_ready(connection_t *c, int64_t now_us) {
    switch (c->state) {
    case CONNECTION_NEW:
    case CONNECTION_LOST:
        return;
    case CONNECTION_CONNECTING:
        if (c->settling) {
            advance(c, now_us);
        } else {
            connect_more(c, now_us);
        }
        return;
    case CONNECTION_IDLE:
        /* An idle server speaks only to say good-bye, or a NOTICE. */
        if (PQconsumeInput(c->conn) == 0 || PQstatus(c->conn) == CONNECTION_BAD) {
            lose(c);
        }
        return;
    case CONNECTION_BUSY:
    case CONNECTION_CANCELLING:
        advance(c, now_us);
        return;
    case CONNECTION_STATE_COUNT:
        break;
    }
    INVARIANT(c->state < CONNECTION_STATE_COUNT);
}

/* ---- requests ---- */

static int send_params(connection_t *c, const connection_request_t *request) {
    enum { PARAMS_MOST = 64 };
    Oid types[PARAMS_MOST];
    const char *values[PARAMS_MOST];
    int sizes[PARAMS_MOST];
    int formats[PARAMS_MOST];
    INVARIANT(request->param_count >= 0 && request->param_count <= PARAMS_MOST);
    for (int i = 0; i < request->param_count; i++) {
        types[i] = request->params[i].type;
        values[i] = request->params[i].value;
        sizes[i] = request->params[i].size;
        formats[i] = request->params[i].binary ? 1 : 0;
    }
    return PQsendQueryParams(c->conn, request->sql, request->param_count, types, values, sizes,
                             formats, request->binary_results ? 1 : 0);
}

void connection_send(connection_t *c, const connection_request_t *request) {
    INVARIANT(c->state == CONNECTION_IDLE || c->state == CONNECTION_LOST);
    c->done = request->done;
    c->context = request->context;
    c->phase = request->phase;
    c->discard_rows = request->discard_rows;
    c->keep_first = request->keep_first;
    c->statements = 0;
    c->row_kept = false;
    c->deadline_us = request->deadline_us;
    c->copying_out = c->sent_whole = c->drained = c->cancelled = c->by_owner = false;
    c->notices = 0;
    bool sent =
        c->state == CONNECTION_IDLE && (request->params == NULL ? PQsendQuery(c->conn, request->sql)
                                                                : send_params(c, request)) != 0;
    if (!sent) {
        finish_lost(c);
        return;
    }
    if (c->discard_rows) {
        (void)PQsetSingleRowMode(c->conn);
    }
    c->state = CONNECTION_BUSY;
    int flushed = PQflush(c->conn);
    c->want_write = flushed > 0;
    c->sent_whole = flushed == 0;
}

void connection_query(connection_t *c, const char *sql, int64_t deadline_us,
                      connection_done_fn *done, void *context) {
    connection_send(c,
                    &(connection_request_t){
                        .sql = sql, .deadline_us = deadline_us, .done = done, .context = context});
}

void connection_cancel(connection_t *c, int64_t now_us) {
    if (c->state == CONNECTION_BUSY) {
        c->by_owner = true;
        arm_cancel(c, now_us);
    }
}

/* ---- getters ---- */

int connection_fd(const connection_t *c) {
    return c->conn == NULL || c->state == CONNECTION_LOST ? -1 : PQsocket(c->conn);
}

unsigned connection_fd_generation(const connection_t *c) {
    return c->generation;
}

int connection_wants(const connection_t *c) {
    if (c->state == CONNECTION_NEW || c->state == CONNECTION_LOST || c->drained) {
        return 0;
    }
    if (c->state == CONNECTION_CONNECTING && !c->settling) {
        return c->wants;
    }
    return CONNECTION_READ | (c->want_write ? CONNECTION_WRITE : 0);
}

int64_t connection_deadline_us(const connection_t *c) {
    return c->deadline_us;
}

connection_state_t connection_state(const connection_t *c) {
    return c->state;
}

int connection_server_version(const connection_t *c) {
    return c->conn == NULL ? 0 : PQserverVersion(c->conn);
}

int connection_backend_pid(const connection_t *c) {
    return c->conn == NULL ? 0 : PQbackendPID(c->conn);
}

PGconn *connection_libpq(connection_t *c) {
    return c->conn;
}
