/* progress.c: see progress.h. */
#include "common/postgres/progress.h"
#include "common/postgres/quote.h"
#include "common/postgres/result.h"

#include <string.h>

static const char *const state_texts[PROGRESS_STATE_COUNT] = {
    [PROGRESS_STARTED] = "started",
    [PROGRESS_DONE] = "done",
};

static void sql_values(buffer_t *sql, const progress_mark_t *mark) {
    INVARIANT(mark->state < PROGRESS_STATE_COUNT);
    quote_ident(sql, &mark->key.tenant);
    buffer_text(sql, ", ");
    quote_text(sql, mark->key.application);
    buffer_text(sql, ", ");
    quote_number(sql, mark->seq);
    buffer_text(sql, ", ");
    quote_bytes(sql, mark->script.bytes, DIGEST_BYTES);
    buffer_text(sql, ", ");
    quote_number(sql, mark->statement);
    buffer_text(sql, ", ");
    quote_number(sql, mark->position);
    buffer_format(sql, ", '%s', '%s', ", ledger_kind_text(mark->kind), state_texts[mark->state]);
    quote_ident(sql, &mark->job);
    buffer_text(sql, ", ");
    quote_ident(sql, &mark->token.attempt);
    buffer_text(sql, ", ");
    quote_number(sql, mark->at_us);
    buffer_text(sql, ", ");
    if (mark->state == PROGRESS_DONE) {
        quote_number(sql, mark->at_us);
    } else {
        buffer_text(sql, "NULL::bigint");
    }
}

void progress_sql_mark(buffer_t *sql, const progress_mark_t *mark) {
    buffer_text(sql, "WITH held AS MATERIALIZED (SELECT h.locked AS ok FROM (");
    fence_sql_holds(sql, &mark->key);
    buffer_text(sql, ") AS h), passed AS (");
    fence_sql_update(sql, &mark->key, &mark->token, "held");
    buffer_text(sql, "), marked AS (INSERT INTO drover.statement AS s (tenant_id, application, "
                     "seq, script_digest, statement, position, direction, state, job_id, "
                     "attempt_id, started_us, finished_us) SELECT ");
    sql_values(sql, mark);
    buffer_text(sql, " FROM passed ON CONFLICT (tenant_id, application, seq, script_digest, "
                     "statement) DO UPDATE SET state = EXCLUDED.state, job_id = EXCLUDED.job_id, "
                     "attempt_id = EXCLUDED.attempt_id, started_us = ");
    buffer_text(sql, mark->state == PROGRESS_DONE ? "s.started_us" : "EXCLUDED.started_us");
    buffer_text(sql, ", finished_us = EXCLUDED.finished_us RETURNING s.statement) SELECT (SELECT "
                     "ok FROM held) AS lock_held, EXISTS (SELECT FROM passed) AS fence_passed, "
                     "EXISTS (SELECT FROM marked) AS marked");
}

status_t progress_read_mark(const PGresult *result, error_t *err) {
    result_row_t row = {result, 0};
    bool held = false;
    bool passed = false;
    bool marked = false;
    TRY(result_bool(row, "lock_held", &held, err));
    TRY(result_bool(row, "fence_passed", &passed, err));
    TRY(result_bool(row, "marked", &marked, err));
    if (!held) {
        return error_set(err, ERROR_TRANSACTION_ESCAPED,
                         "this session no longer holds the tenant's lock");
    }
    if (!passed || !marked) {
        return error_set(err, ERROR_FENCED, "the tenant has seen a newer token than this job's");
    }
    return STATUS_OK;
}

void progress_sql_read(buffer_t *sql, const progress_of_t *of) {
    buffer_text(sql, "SELECT statement, state, started_us FROM drover.statement WHERE ");
    fence_sql_key(sql, &of->key);
    buffer_text(sql, " AND seq = ");
    quote_number(sql, of->seq);
    buffer_text(sql, " AND script_digest = ");
    quote_bytes(sql, of->script.bytes, DIGEST_BYTES);
    buffer_text(sql, " ORDER BY statement");
}

status_t progress_read(const PGresult *result, progress_found_t *ret_found, error_t *err) {
    progress_found_t found = {0};
    int count = PQntuples(result);
    for (int i = 0; i < count; i++) {
        result_row_t row = {result, i};
        const char *state = NULL;
        int64_t statement = 0;
        TRY(result_number(row, "statement", &statement, err));
        TRY(result_text(row, "state", &state, err));
        bool done = state != NULL && strcmp(state, state_texts[PROGRESS_DONE]) == 0;
        if (statement != i + 1 || (!done && i + 1 != count)) {
            return error_set(err, ERROR_LEDGER_EDITED,
                             "the records of a script's statements have a gap at statement %d",
                             i + 1);
        }
        if (done) {
            found.done = i + 1;
            continue;
        }
        found.started = i + 1;
        TRY(result_number(row, "started_us", &found.started_us, err));
    }
    *ret_found = found;
    return STATUS_OK;
}
