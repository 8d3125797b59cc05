/* run.c: see run.h. */
#include "agent/steps/run.h"
#include "agent/inventory/conninfo.h"
#include "agent/steps/restore.h"
#include "common/base/clock.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum {
    ANSWER_MARGIN_MS = 30000, /* beyond the server's own timeout, for a slow answer */
    ROLLBACK_MS = 10000,
    ROWS_MOST = 1000000,
};

static void job_free(run_job_t *what) {
    free(what->tenant_name);
    free(what->database);
    free(what->application);
    free(what->recovery_kind);
    free(what->recovery_reason);
    free(what->proof);
}

void run_destroy(run_t **run_p) {
    if (run_p == NULL || *run_p == NULL) {
        return;
    }
    run_t *run = *run_p;
    restore_abandon(run);
    backup_destroy(&run->backup);
    connection_destroy(&run->connection);
    job_free(&run->what);
    free(run->rows);
    free(run->change.opening);
    free(run->notes);
    free(run);
    *run_p = NULL;
}

fence_key_t run_key(const run_t *run) {
    return (fence_key_t){.tenant = run->what.tenant, .application = run->what.application};
}

fence_token_t run_token(const run_t *run) {
    fence_token_t token = run->what.token;
    token.attempt = run->what.attempt;
    return token;
}

const char *run_role(const run_t *run) {
    bool own = run->owner[0] == '\0' || strcmp(run->owner, run->identity.login) == 0;
    return own ? NULL : run->owner;
}

int64_t run_lock_timeout_ms(const run_t *run, const bundle_script_t *script) {
    if (script != NULL && script->lock_timeout_ms >= 0) {
        return script->lock_timeout_ms;
    }
    return run->what.lock_timeout_ms > 0 ? run->what.lock_timeout_ms
                                         : run->shared->config->lock_timeout_us / US_PER_MS;
}

int64_t run_statement_timeout_ms(const run_t *run, const bundle_script_t *script) {
    if (script != NULL && script->statement_timeout_ms >= 0) {
        return script->statement_timeout_ms;
    }
    return run->what.statement_timeout_ms > 0
               ? run->what.statement_timeout_ms
               : run->shared->config->statement_timeout_us / US_PER_MS;
}

void run_note(run_t *run, const char *format, ...) {
    char line[1024];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    buffer_t notes = {.limit = 64 * 1024};
    if (run->notes != NULL) {
        buffer_text(&notes, run->notes);
        buffer_char(&notes, '\n');
    }
    buffer_text(&notes, line);
    if (notes.failed) {
        buffer_free(&notes);
        return; /* notes past the bound are left out; the first ones say most */
    }
    free(run->notes);
    run->notes = buffer_take(&notes);
}

void run_tell(run_t *run, const run_report_t *report) {
    run->shared->report(run->shared->context, run, report);
}

/* ---- the end of a step ---- */

void run_over(run_t *run, job_event_t event) {
    INVARIANT(!run->over);
    run->over = true;
    run->over_event = event;
    run->shared->over(run->shared->context, run, event);
}

job_event_t run_event_of(const error_t *err) {
    if (err->retry == RETRY_UNKNOWN) {
        return JOB_EVENT_UNKNOWN;
    }
    switch (err->code) {
    case ERROR_DB_LOCK_TIMEOUT:
    case ERROR_TENANT_BUSY:
        return JOB_EVENT_LOCKED;
    case ERROR_DB_NO_DATABASE:
    case ERROR_TENANT_GONE:
        return JOB_EVENT_GONE;
    default: /* a list of others' numbers: the retry class decides for the rest */
        return err->retry == RETRY_TRANSIENT ? JOB_EVENT_TRANSIENT : JOB_EVENT_FAILED;
    }
}

void run_fail(run_t *run, const error_t *err) {
    run->error = *err;
    run_over(run, run_event_of(err));
}

static void on_rolled_back(run_t *run, connection_answer_t *answer) {
    if (answer->error.code != ERROR_NONE) {
        run_disconnect(run); /* the server ends the transaction with the session */
    }
    run_fail(run, &run->pending);
}

void run_roll_back(run_t *run, const error_t *err) {
    run->pending = *err;
    if (run->connection == NULL || connection_state(run->connection) != CONNECTION_IDLE) {
        run_fail(run, &run->pending);
        return;
    }
    CLEANUP(buffer_free) buffer_t sql = {0};
    buffer_text(&sql, "ROLLBACK");
    run_send(run, &sql, &(run_request_t){.timeout_ms = ROLLBACK_MS}, on_rolled_back);
}

/* ---- the session ---- */

void run_disconnect(run_t *run) {
    connection_destroy(&run->connection);
    run->locked = false;
    run->dirty_session = run->prepared = run->plain = false;
}

/* Every answer comes through here. A lost session is closed before the step hears of it. */
static void on_answer(connection_t *c, connection_answer_t *answer, void *context) {
    (void)c;
    run_t *run = context;
    run_got_fn *got = run->got;
    run->got = NULL;
    if (answer->lost) {
        run->locked = false;
    }
    got(run, answer);
}

static void on_connected(run_t *run, connection_answer_t *answer) {
    if (answer->error.code != ERROR_NONE) {
        error_t err = answer->error;
        (void)error_context(&err, "connecting to %s", run->what.database);
        run_fail(run, &err);
        return;
    }
    run_next_fn *next = run->next;
    run->next = NULL;
    next(run);
}

void run_connect_to(run_t *run, const char *database, run_next_fn *next) {
    run_disconnect(run);
    CLEANUP(buffer_free) buffer_t conninfo = {0};
    error_t err = {0};
    connection_options_t options = {.database = database, .application_name = "drover agent"};
    if (conninfo_of_cluster(run->cluster, &conninfo, &err) != STATUS_OK) {
        run_fail(run, &err);
        return;
    }
    options.conninfo = buffer_string(&conninfo);
    if (connection_new(&options, &run->connection, &err) != STATUS_OK) {
        run_fail(run, &err);
        return;
    }
    run->next = next;
    run->got = on_connected;
    connection_start(run->connection, clock_boot_us() + run->shared->config->connect_timeout_us,
                     on_answer, run);
}

void run_connect(run_t *run, run_next_fn *next) {
    if (run->connection != NULL && connection_state(run->connection) == CONNECTION_IDLE) {
        next(run);
        return;
    }
    run_connect_to(run, run->what.database, next);
}

void run_send(run_t *run, const buffer_t *sql, const run_request_t *request, run_got_fn *got) {
    INVARIANT(run->got == NULL && run->connection != NULL);
    error_t err = {0};
    if (buffer_check(sql, &err) != STATUS_OK) {
        run_disconnect(run); /* whatever was open ends with the session */
        run_fail(run, &err);
        return;
    }
    int64_t timeout_ms = request->timeout_ms;
    if (timeout_ms == 0) {
        timeout_ms = run_statement_timeout_ms(run, NULL) + ANSWER_MARGIN_MS;
    }
    run->got = got;
    connection_request_t sent = {
        .sql = buffer_string(sql),
        .discard_rows = request->discard_rows,
        .keep_first = request->keep_first,
        .phase = request->phase,
        .deadline_us = timeout_ms < 0 ? 0 : clock_boot_us() + timeout_ms * US_PER_MS,
        .done = on_answer,
        .context = run,
    };
    connection_send(run->connection, &sent);
}

/* Passes good answers on; an error rolls back what may be open and ends the step. */
static void on_query(run_t *run, connection_answer_t *answer) {
    run_got_fn *good = run->good;
    run->good = NULL;
    if (answer->error.code != ERROR_NONE) {
        run_roll_back(run, &answer->error);
        return;
    }
    good(run, answer);
}

void run_query(run_t *run, const buffer_t *sql, run_got_fn *got) {
    run->good = got;
    run_send(run, sql, &(run_request_t){0}, on_query);
}

/* ---- the ledger in memory ---- */

ledger_row_t run_row(const run_t *run, ledger_kind_t kind) {
    ledger_row_t row = {
        .tenant = run->what.tenant,
        .kind = kind,
        .order = run->what.order,
        .rollout = run->what.rollout,
        .job = run->what.job,
        .attempt = run->what.attempt,
        .epoch = run->what.token.epoch,
        .incarnation = run->what.token.incarnation,
        .started_us = run->step_started_us,
        .finished_us = clock_wall_us(),
        .strict = run->fingerprint.strict,
        .logical = run->fingerprint.logical,
    };
    (void)snprintf(row.application, sizeof row.application, "%s", run->what.application);
    (void)snprintf(row.actor, sizeof row.actor, "%s", run->shared->config->name);
    (void)snprintf(row.stamp, sizeof row.stamp, "%s", run->stamp);
    return row;
}

status_t run_keep_row(run_t *run, const ledger_row_t *row, error_t *err) {
    if (run->row_count == run->row_room) {
        size_t room = run->row_room == 0 ? 32 : run->row_room * 2;
        ledger_row_t *rows = room > ROWS_MOST ? NULL : realloc(run->rows, room * sizeof *run->rows);
        if (rows == NULL) {
            return error_set(err, ERROR_BOUND, "a ledger of more than %zu rows, or out of memory",
                             run->row_count);
        }
        run->rows = rows;
        run->row_room = room;
    }
    TRY(ledger_step(&run->standing, row, err));
    run->rows[run->row_count++] = *row;
    const ledger_row_t *brought = run_row_at(run, run->standing.position);
    if (run->standing.version[0] == '\0' && run->standing.position > 0 && brought != NULL) {
        memcpy(run->standing.version, brought->version, sizeof run->standing.version);
    }
    run->touched = run->touched || ident_equal(&row->attempt, &run->what.attempt);
    return STATUS_OK;
}

const ledger_row_t *run_row_at(const run_t *run, int32_t position) {
    for (size_t i = run->row_count; i > 0; i--) {
        const ledger_row_t *row = &run->rows[i - 1];
        bool stands = row->kind == LEDGER_APPLY || row->kind == LEDGER_BASELINE ||
                      row->kind == LEDGER_RESTORE || row->kind == LEDGER_ADOPT;
        if (stands && row->position == position) {
            return row;
        }
    }
    return NULL;
}
