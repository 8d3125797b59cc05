/* baseline.c: see baseline.h. */
#include "agent/steps/baseline.h"
#include "agent/steps/load.h"
#include "agent/steps/look.h"
#include "common/base/clock.h"
#include "common/base/failpoint.h"
#include "common/postgres/schema.h"

static void on_committed(run_t *run, connection_answer_t *answer) {
    error_t err = answer->error;
    if (err.code != ERROR_NONE ||
        transaction_read_commit(answer->results, answer->count, &err) != STATUS_OK ||
        run_keep_row(run, &run->change.row, &err) != STATUS_OK) {
        (void)error_context(&err, "committing the baseline");
        run_fail(run, &err);
        return;
    }
    run_over(run, JOB_EVENT_DONE);
}

static void on_appended(run_t *run, connection_answer_t *answer) {
    (void)answer;
    FAILPOINT("agent.baseline.recorded");
    CLEANUP(buffer_free) buffer_t sql = {0};
    buffer_text(&sql, "COMMIT");
    run_send(run, &sql, &(run_request_t){.phase = SQLSTATE_COMMITTING}, on_committed);
}

static void fill_row(run_t *run) {
    ledger_row_t *row = &run->change.row;
    *row = run_row(run, LEDGER_BASELINE);
    row->seq = run->standing.seq + 1;
    row->generation = run->standing.generation > 0 ? run->standing.generation : 1;
    row->position = (int32_t)run->what.target;
    row->bundle = run->what.bundle;
    row->previous = run->standing.head;
    const char *version = run->bundle != NULL && run->what.target > 0
                              ? bundle_migration(run->bundle, run->what.target - 1)->version
                              : "";
    (void)snprintf(row->version, sizeof row->version, "%s", version);
    ledger_seal(row, &run->shared->signer);
}

/* The schema is read inside the transaction; then the row. */
static void append(run_t *run) {
    fill_row(run);
    CLEANUP(buffer_free) buffer_t sql = {0};
    buffer_text(&sql, "INSERT INTO drover.history (");
    buffer_text(&sql, LEDGER_COLUMNS);
    buffer_text(&sql, ") VALUES (");
    ledger_sql_values(&sql, &run->change.row);
    buffer_text(&sql, ")");
    run_query(run, &sql, on_appended);
}

static void on_installed(run_t *run, connection_answer_t *answer) {
    const PGresult *fence = answer->results[answer->count - 1];
    if (PQntuples(fence) != 1) {
        error_t err = {0};
        (void)error_set(&err, ERROR_FENCED, "a newer coordinator owns tenant %s",
                        run->what.tenant_name);
        run_roll_back(run, &err);
        return;
    }
    look_begin(run, &(look_t){.in_transaction = true, .next = append});
}

static void install(run_t *run) {
    CLEANUP(buffer_free) buffer_t sql = {0};
    fence_key_t key = run_key(run);
    fence_token_t token = run_token(run);
    int have = run->identity.has_schema ? run->identity.schema_version : 0;
    identity_stamp_t stamp = {
        .tenant = run->what.tenant, .name = run->what.tenant_name, .created_us = clock_wall_us()};
    buffer_text(&sql, "BEGIN;\n");
    schema_sql_install(&sql, have);
    buffer_char(&sql, '\n');
    if (run->identity.tenant_count == 0) {
        identity_sql_stamp(&sql, &stamp);
        buffer_text(&sql, ";\n");
    }
    fence_sql_establish(&sql, &key, &token);
    run_query(run, &sql, on_installed);
}

void baseline_begin(run_t *run) {
    bool loaded = run->connection != NULL && connection_state(run->connection) == CONNECTION_IDLE;
    if (!loaded) {
        load_begin(run, baseline_begin);
        return;
    }
    const ledger_row_t *last = run->row_count > 0 ? &run->rows[run->row_count - 1] : NULL;
    error_t err = {0};
    if (last != NULL && last->kind == LEDGER_BASELINE &&
        (uint32_t)last->position == run->what.target) {
        run_over(run, JOB_EVENT_NOT_NEEDED);
        return;
    }
    if (last != NULL && last->kind != LEDGER_BASELINE) {
        (void)error_set(&err, ERROR_INVALID,
                        "tenant %s has a ledger already and stands at position %d",
                        run->what.tenant_name, (int)run->standing.position);
        run_fail(run, &err);
        return;
    }
    install(run);
}
