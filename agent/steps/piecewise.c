/* piecewise.c: see piecewise.h. */
#include "agent/steps/piecewise.h"
#include "agent/steps/change.h"
#include "common/base/clock.h"
#include "common/base/failpoint.h"
#include "common/postgres/quote.h"
#include "common/postgres/session.h"

#include <string.h>

static void next_statement(run_t *run);

static const bundle_statement_t *statement_of(const run_t *run) {
    return &run->change.script->statements[run->change.statement];
}

static progress_mark_t mark_of(const run_t *run, progress_state_t state) {
    return (progress_mark_t){
        .key = run_key(run),
        .token = run_token(run),
        .seq = run->standing.seq + 1,
        .script = run->change.script->digest,
        .job = run->what.job,
        .position = (int32_t)run->change.migration->position,
        .kind = run->change.undo ? LEDGER_UNDO : LEDGER_APPLY,
        .statement = (int32_t)run->change.statement + 1,
        .state = state,
        .at_us = clock_wall_us(),
    };
}

/* The session as the script's statements want it; as change_settings, but for the session. The path
 * is quoted: it is a text of the tenant's, whose names may hold anything. */
static void add_settings(const run_t *run, buffer_t *sql) {
    transaction_begin_t settings = change_settings(run);
    buffer_text(sql, "SET ROLE ");
    if (settings.role != NULL) {
        quote_name(sql, settings.role);
    } else {
        buffer_text(sql, "NONE");
    }
    if (settings.search_path != NULL) {
        buffer_text(sql, "; SELECT pg_catalog.set_config('search_path', ");
        quote_text(sql, settings.search_path);
        buffer_text(sql, ", false)");
    }
    buffer_format(sql, "; SET lock_timeout = %d; SET statement_timeout = %d;\n",
                  settings.lock_timeout_ms, settings.statement_timeout_ms);
}

/* Our own records are written under our own role and path. */
static void add_pins(const run_t *run, buffer_t *sql) {
    session_reset_t reset = {.server_version = connection_server_version(run->connection)};
    session_sql_reset(sql, &reset);
}

static void fail_at(run_t *run, error_t *err) {
    (void)error_context(err, "%s %s, statement %zu of its script",
                        run->change.undo ? "undoing" : "applying", run->change.migration->version,
                        run->change.statement + 1);
    run_roll_back(run, err);
}

/* Whether a record of progress was written; else err says why not. */
static bool marked(const connection_answer_t *answer, error_t *err) {
    *err = answer->error;
    return err->code == ERROR_NONE &&
           progress_read_mark(answer->results[answer->count - 1], err) == STATUS_OK;
}

/* ---- after the last statement ---- */

static void on_opened(run_t *run, connection_answer_t *answer) {
    error_t err = answer->error;
    transaction_opened_t opened;
    if (err.code != ERROR_NONE ||
        transaction_read_open(answer->results, answer->count, &opened, &err) != STATUS_OK) {
        transaction_explain(&err);
        (void)error_context(&err, "recording %s", run->change.migration->version);
        run_roll_back(run, &err);
        return;
    }
    memcpy(run->change.xid, opened.xid, sizeof run->change.xid);
    change_conclude(run);
}

static void conclude(run_t *run) {
    CLEANUP(buffer_free) buffer_t sql = {0};
    transaction_begin_t begin = change_settings(run);
    begin.reset_session = true;
    transaction_sql_open(&sql, &begin);
    run_send(run, &sql, &(run_request_t){0}, on_opened);
}

/* ---- one statement ---- */

static void advance(run_t *run) {
    FAILPOINT("agent.piecewise.done");
    run->change.statement++;
    next_statement(run);
}

static void on_marked_done(run_t *run, connection_answer_t *answer) {
    error_t err;
    if (!marked(answer, &err)) {
        fail_at(run, &err);
        return;
    }
    advance(run);
}

static void mark_done(run_t *run) {
    FAILPOINT("agent.piecewise.executed");
    CLEANUP(buffer_free) buffer_t sql = {0};
    progress_mark_t mark = mark_of(run, PROGRESS_DONE);
    add_pins(run, &sql);
    progress_sql_mark(&sql, &mark);
    run_send(run, &sql, &(run_request_t){.phase = SQLSTATE_COMMITTING}, on_marked_done);
}

/* An index that a failed CREATE INDEX CONCURRENTLY left behind is dropped before the step ends. */
static void on_swept(run_t *run, connection_answer_t *answer) {
    if (answer->error.code != ERROR_NONE) {
        run_note(run, "an INVALID index %s may have been left behind: %s",
                 statement_of(run)->index_name, answer->error.message);
    }
    run_fail(run, &run->pending);
}

static void add_index_name(const run_t *run, buffer_t *sql) {
    const bundle_statement_t *statement = statement_of(run);
    if (statement->index_schema[0] != '\0') {
        quote_name(sql, statement->index_schema);
        buffer_char(sql, '.');
    } else if (statement->table_schema[0] != '\0') {
        quote_name(sql, statement->table_schema); /* an index lives where its table does */
        buffer_char(sql, '.');
    }
    quote_name(sql, statement->index_name);
}

static void on_statement(run_t *run, connection_answer_t *answer) {
    if (answer->error.code == ERROR_NONE) {
        mark_done(run);
        return;
    }
    error_t err = answer->error;
    (void)error_context(&err, "%s %s, statement %zu of its script",
                        run->change.undo ? "undoing" : "applying", run->change.migration->version,
                        run->change.statement + 1);
    if (answer->lost) {
        err.retry = RETRY_UNKNOWN; /* it may go on without us, and finish */
        run_fail(run, &err);
        return;
    }
    bool builds = statement_of(run)->kind == STATEMENT_CREATE_INDEX_CONCURRENTLY &&
                  statement_of(run)->index_name[0] != '\0';
    if (!builds || strcmp(err.sqlstate, "42P07") == 0) { /* duplicate_table: not ours to drop */
        run_fail(run, &err);
        return;
    }
    run->pending = err;
    CLEANUP(buffer_free) buffer_t sql = {0};
    buffer_text(&sql, "DROP INDEX CONCURRENTLY IF EXISTS ");
    add_index_name(run, &sql);
    run_send(run, &sql, &(run_request_t){0}, on_swept);
}

static void send_statement(run_t *run) {
    FAILPOINT("agent.piecewise.started");
    const bundle_statement_t *statement = statement_of(run);
    CLEANUP(buffer_free) buffer_t sql = {0};
    buffer_append(&sql, run->change.script->text + statement->offset, statement->length);
    run_send(run, &sql, &(run_request_t){.discard_rows = true, .timeout_ms = -1}, on_statement);
}

static void on_settings(run_t *run, connection_answer_t *answer) {
    (void)answer;
    send_statement(run);
}

/* Settings go in a string of their own: a string of several statements is one implicit
 * transaction, which the statement could not stand. */
static void prepare_statement(run_t *run) {
    CLEANUP(buffer_free) buffer_t sql = {0};
    add_settings(run, &sql);
    run_query(run, &sql, on_settings);
}

static void on_marked_started(run_t *run, connection_answer_t *answer) {
    error_t err;
    if (!marked(answer, &err)) {
        fail_at(run, &err);
        return;
    }
    prepare_statement(run);
}

static void mark_started(run_t *run) {
    CLEANUP(buffer_free) buffer_t sql = {0};
    progress_mark_t mark = mark_of(run, PROGRESS_STARTED);
    add_pins(run, &sql);
    progress_sql_mark(&sql, &mark);
    run->dirty_session = true;
    run_send(run, &sql, &(run_request_t){0}, on_marked_started);
}

/* ---- a statement that can run in a transaction: together with its record ---- */

static void on_together_committed(run_t *run, connection_answer_t *answer) {
    if (answer->error.code != ERROR_NONE) {
        fail_at(run, &answer->error);
        return;
    }
    advance(run);
}

static void on_together(run_t *run, connection_answer_t *answer) {
    error_t err;
    if (!marked(answer, &err)) {
        transaction_explain(&err);
        fail_at(run, &err);
        return;
    }
    CLEANUP(buffer_free) buffer_t sql = {0};
    buffer_text(&sql, "COMMIT");
    run_send(run, &sql, &(run_request_t){.phase = SQLSTATE_COMMITTING}, on_together_committed);
}

static void run_together(run_t *run) {
    const bundle_statement_t *statement = statement_of(run);
    CLEANUP(buffer_free) buffer_t sql = {0};
    transaction_begin_t begin = change_settings(run);
    progress_mark_t mark = mark_of(run, PROGRESS_DONE);
    begin.reset_session = true;
    transaction_sql_open(&sql, &begin);
    buffer_append(&sql, run->change.script->text + statement->offset, statement->length);
    transaction_sql_settle(&sql);
    buffer_text(&sql, ";\nRESET ROLE;\nSET LOCAL search_path = pg_catalog, pg_temp;\n");
    progress_sql_mark(&sql, &mark);
    run->dirty_session = true;
    run_send(run, &sql, &(run_request_t){0}, on_together);
}

/* ---- resuming ---- */

static void on_dropped(run_t *run, connection_answer_t *answer) {
    (void)answer;
    mark_started(run);
}

/* One row: does the index exist, is it valid. */
static void on_index(run_t *run, connection_answer_t *answer) {
    const PGresult *result = answer->results[answer->count - 1];
    bool exists = PQntuples(result) == 1;
    bool drops = statement_of(run)->kind == STATEMENT_DROP_INDEX_CONCURRENTLY;
    if (!exists && drops) {
        mark_done(run); /* it went after our connection was lost */
        return;
    }
    if (!exists || drops) {
        mark_started(run);
        return;
    }
    if (strcmp(PQgetvalue(result, 0, 0), "t") == 0) {
        mark_done(run); /* it was built after our connection was lost */
        return;
    }
    CLEANUP(buffer_free) buffer_t sql = {0};
    buffer_text(&sql, "DROP INDEX CONCURRENTLY IF EXISTS ");
    add_index_name(run, &sql);
    run_query(run, &sql, on_dropped);
}

static void find_index(run_t *run) {
    CLEANUP(buffer_free) buffer_t sql = {0};
    CLEANUP(buffer_free) buffer_t name = {0};
    add_index_name(run, &name);
    add_settings(run, &sql);
    buffer_text(&sql, "SELECT i.indisvalid FROM pg_catalog.pg_index i WHERE i.indexrelid = "
                      "pg_catalog.to_regclass(");
    quote_text(&sql, buffer_string(&name));
    buffer_text(&sql, ")");
    run_query(run, &sql, on_index);
}

/* Statements that may be run again whether or not they finished. */
static bool repeats(statement_kind_t kind) {
    return kind == STATEMENT_VACUUM || kind == STATEMENT_REINDEX_CONCURRENTLY ||
           kind == STATEMENT_REINDEX_MANY || kind == STATEMENT_CLUSTER_ALL ||
           kind == STATEMENT_ALTER_SYSTEM || kind == STATEMENT_DISCARD_ALL;
}

static void resume_statement(run_t *run) {
    const bundle_statement_t *statement = statement_of(run);
    bool one_index = statement->kind == STATEMENT_CREATE_INDEX_CONCURRENTLY ||
                     statement->kind == STATEMENT_DROP_INDEX_CONCURRENTLY;
    if (one_index && statement->index_name[0] != '\0') {
        find_index(run);
        return;
    }
    if (repeats(statement->kind)) {
        mark_started(run);
        return;
    }
    error_t err = {0};
    (void)error_set(&err, ERROR_LEFT_OVER,
                    "statement %zu of %s (%s) was started by an earlier attempt, and nothing tells "
                    "whether it finished",
                    run->change.statement + 1, run->change.migration->version,
                    statement_kind_text(statement->kind));
    run_fail(run, &err);
}

static void next_statement(run_t *run) {
    if (run->change.statement >= run->change.script->statement_count) {
        conclude(run);
        return;
    }
    int32_t number = (int32_t)run->change.statement + 1;
    if (run->change.found.started == number) {
        resume_statement(run);
    } else if (statement_kind_where(statement_of(run)->kind) == STATEMENT_OUTSIDE_ONLY) {
        mark_started(run);
    } else {
        run_together(run);
    }
}

static void on_progress(run_t *run, connection_answer_t *answer) {
    error_t err = {0};
    if (progress_read(answer->results[answer->count - 1], &run->change.found, &err) != STATUS_OK) {
        run_fail(run, &err);
        return;
    }
    run->change.statement = (size_t)run->change.found.done;
    next_statement(run);
}

void piecewise_begin(run_t *run) {
    CLEANUP(buffer_free) buffer_t sql = {0};
    progress_of_t of = {
        .key = run_key(run), .seq = run->standing.seq + 1, .script = run->change.script->digest};
    add_pins(run, &sql);
    progress_sql_read(&sql, &of);
    run_query(run, &sql, on_progress);
}
