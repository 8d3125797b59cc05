/* change.c: see change.h. */
#include "agent/steps/change.h"
#include "agent/steps/look.h"
#include "agent/steps/piecewise.h"
#include "agent/steps/proof.h"
#include "common/base/clock.h"
#include "common/base/failpoint.h"

#include <string.h>

static void record(run_t *run);

transaction_begin_t change_settings(const run_t *run) {
    const bundle_script_t *script = run->change.script;
    return (transaction_begin_t){
        .key = run_key(run),
        .token = run_token(run),
        .head_seq = run->standing.seq,
        .role = run_role(run),
        .search_path = run->identity.search_path[0] != '\0' ? run->identity.search_path : NULL,
        .lock_timeout_ms = (int)run_lock_timeout_ms(run, script),
        .statement_timeout_ms = (int)run_statement_timeout_ms(run, script),
        .reset_session = run->dirty_session,
        .server_version = connection_server_version(run->connection),
        .login = run->identity.login,
    };
}

/* Where in the script the server found the fault, as a context. */
static void locate(run_t *run, const connection_answer_t *answer, error_t *err) {
    const char *version = run->change.migration->version;
    const char *what = run->change.undo ? "undoing" : "applying";
    int position =
        answer->count > 0 && run->change.opening != NULL
            ? transaction_script_position(answer->results[answer->count - 1], run->change.opening)
            : 0;
    if (position <= 0) {
        (void)error_context(err, "%s %s", what, version);
        return;
    }
    int line = 1;
    const char *c = run->change.script->text;
    for (int at = 1; at < position && *c != '\0'; c++) {
        line += *c == '\n';
        at += ((unsigned char)*c & 0xC0) != 0x80; /* the server counts characters */
    }
    (void)error_context(err, "%s %s, line %d of its script", what, version, line);
}

/* ---- after the script ---- */

static void on_committed(run_t *run, connection_answer_t *answer) {
    error_t err = answer->error;
    FAILPOINT("agent.change.committed");
    if (err.code != ERROR_NONE ||
        transaction_read_commit(answer->results, answer->count, &err) != STATUS_OK) {
        (void)error_context(&err, "committing %s", run->change.migration->version);
        run_fail(run, &err);
        return;
    }
    if (run_keep_row(run, &run->change.row, &err) != STATUS_OK) {
        run_fail(run, &err);
        return;
    }
    if (!digest_is_null(&run->change.before)) {
        shape_key_t key = {.before = run->change.before,
                           .script = run->change.script->digest,
                           .server_major = connection_server_version(run->connection) / 10000};
        shape_put(
            run->shared->shapes, &key,
            &(shape_after_t){.strict = run->change.row.strict, .logical = run->change.row.logical});
    }
    run_tell(run, &(run_report_t){.step = job_work_step(run->what.kind),
                                  .outcome = JOB_OUTCOME_STARTED,
                                  .started_us = run->change.started_us,
                                  .finished_us = run->change.row.finished_us,
                                  .has_state = true,
                                  .version = run->change.migration->version,
                                  .sql = &run->change.script->digest});
    run->change.next(run);
}

static transaction_record_t record_of(const run_t *run) {
    return (transaction_record_t){.row = &run->change.row,
                                  .xid = run->change.xid,
                                  .role = run_role(run),
                                  .login = run->identity.login,
                                  .prepared =
                                      run->change.way != TRANSACTION_PLAIN && !run->change.last};
}

/* ---- a prepared statement of ours that a script took away ---- */

static void on_gone_rolled_back(run_t *run, connection_answer_t *answer) {
    if (answer->error.code != ERROR_NONE) {
        run_disconnect(run);
        run_fail(run, &run->pending);
        return;
    }
    change_t again = {.migration = run->change.migration,
                      .undo = run->change.undo,
                      .last = run->change.last,
                      .next = run->change.next};
    run->fingerprint = (fingerprint_t){.strict = run->change.before};
    change_begin(run, &again);
}

/* The change is rolled back and made once more, with whole texts. */
static void make_plain(run_t *run, const error_t *err) {
    run->pending = *err;
    run->plain = true;
    CLEANUP(buffer_free) buffer_t sql = {0};
    buffer_text(&sql, "ROLLBACK");
    run_send(run, &sql, &(run_request_t){0}, on_gone_rolled_back);
}

static void on_recorded(run_t *run, connection_answer_t *answer) {
    error_t err = {0};
    transaction_record_t what = record_of(run);
    if (answer->lost) {
        err = answer->error;
        run_fail(run, &err);
        return;
    }
    if (transaction_read_record(answer->results, answer->count, &what, &err) != STATUS_OK) {
        if (what.prepared && transaction_statement_gone(&err)) {
            make_plain(run, &err);
            return;
        }
        (void)error_context(&err, "recording %s", run->change.migration->version);
        run_roll_back(run, &err);
        return;
    }
    run->prepared = what.prepared && transaction_still_prepared(answer->results, answer->count);
    CLEANUP(buffer_free) buffer_t sql = {0};
    buffer_text(&sql, "COMMIT");
    FAILPOINT("agent.change.recorded");
    run_send(run, &sql, &(run_request_t){.phase = SQLSTATE_COMMITTING}, on_committed);
}

static void fill_row(run_t *run) {
    const bundle_migration_t *migration = run->change.migration;
    const bundle_script_t *undo = migration->scripts[SCRIPT_UNDO];
    static const digest_t NONE;
    ledger_row_t *row = &run->change.row;
    *row = run_row(run, run->change.undo ? LEDGER_UNDO : LEDGER_APPLY);
    row->seq = run->standing.seq + 1;
    row->generation = run->standing.generation;
    row->position = (int32_t)migration->position;
    row->script = migration->scripts[SCRIPT_UP]->digest;
    row->undo = undo != NULL ? undo->digest : NONE;
    row->bundle = run->what.bundle;
    row->started_us = run->change.started_us;
    row->previous = run->standing.head;
    (void)snprintf(row->version, sizeof row->version, "%s", migration->version);
    ledger_seal(row, &run->shared->signer);
}

static void record(run_t *run) {
    fill_row(run);
    CLEANUP(buffer_free) buffer_t sql = {0};
    transaction_record_t what = record_of(run);
    transaction_sql_record(&sql, &what);
    if (run->change.last) {
        transaction_sql_guard(&sql);
    }
    run_send(run, &sql, &(run_request_t){0}, on_recorded);
}

/* A chain's last schema is read; one between is remembered from a tenant of the same shape. */
static void fingerprint(run_t *run) {
    shape_key_t key = {.before = run->change.before,
                       .script = run->change.script->digest,
                       .server_major = connection_server_version(run->connection) / 10000};
    shape_after_t after;
    bool known = !run->change.last && !digest_is_null(&run->change.before) &&
                 shape_get(run->shared->shapes, &key, &after);
    if (known) {
        run->fingerprint = (fingerprint_t){.strict = after.strict, .logical = after.logical};
        run->stamp[0] = '\0';
        record(run);
        return;
    }
    look_begin(run, &(look_t){.in_transaction = true, .next = record});
}

void change_conclude(run_t *run) {
    FAILPOINT("agent.change.scripted");
    const bundle_script_t *verify = run->change.migration->scripts[SCRIPT_VERIFY];
    if (verify == NULL || run->change.undo) {
        fingerprint(run);
        return;
    }
    proof_begin(run, &(proof_t){.script = verify,
                                .version = run->change.migration->version,
                                .in_transaction = true,
                                .failure = ERROR_VERIFY_FAILED,
                                .next = fingerprint});
}

/* ---- the script ---- */

/* A script that failed is rolled back; one that had committed part of itself is told apart. */
static void on_fate(run_t *run, connection_answer_t *answer) {
    error_t ignored = {0};
    transaction_fate_t fate = TRANSACTION_ABORTED;
    bool read = answer->error.code == ERROR_NONE &&
                transaction_read_settled(answer->results[0], &fate, &ignored) == STATUS_OK;
    run->change.xid[0] = '\0';
    if (read && fate == TRANSACTION_COMMITTED) {
        error_t err = {0};
        (void)error_set(&err, ERROR_TRANSACTION_ESCAPED,
                        "the script committed part of itself and then failed: %.200s",
                        run->pending.message);
        run_fail(run, &err);
        return;
    }
    run_fail(run, &run->pending);
}

static void on_failed_rolled_back(run_t *run, connection_answer_t *answer) {
    if (answer->error.code != ERROR_NONE || run->change.xid[0] == '\0') {
        run->change.xid[0] = '\0';
        run_fail(run, &run->pending);
        return;
    }
    CLEANUP(buffer_free) buffer_t sql = {0};
    transaction_sql_settled(&sql, run->change.xid);
    run_send(run, &sql, &(run_request_t){0}, on_fate);
}

static void on_script(run_t *run, connection_answer_t *answer) {
    error_t err = answer->error;
    error_t ignored = {0};
    transaction_opened_t opened = {0};
    bool open = transaction_read_open(answer->results, answer->count, &opened,
                                      err.code == ERROR_NONE ? &err : &ignored) == STATUS_OK;
    memcpy(run->change.xid, opened.xid, sizeof run->change.xid);
    if (err.code == ERROR_NONE && open) {
        change_conclude(run);
        return;
    }
    if (!answer->lost && run->change.way == TRANSACTION_PREPARED &&
        transaction_statement_gone(&err)) {
        make_plain(run, &err);
        return;
    }
    transaction_explain(&err);
    locate(run, answer, &err);
    if (answer->lost) {
        run_fail(run, &err);
        return;
    }
    run->pending = err;
    CLEANUP(buffer_free) buffer_t sql = {0};
    buffer_text(&sql, "ROLLBACK");
    run_send(run, &sql, &(run_request_t){0}, on_failed_rolled_back);
}

/* Preparing pays where more migrations follow in this session. */
static transaction_way_t choose_way(const run_t *run) {
    if (run->prepared) {
        return TRANSACTION_PREPARED;
    }
    return run->change.last || run->plain ? TRANSACTION_PLAIN : TRANSACTION_PREPARES;
}

void change_begin(run_t *run, const change_t *change) {
    const bundle_script_t *script =
        change->migration->scripts[change->undo ? SCRIPT_UNDO : SCRIPT_UP];
    INVARIANT(script != NULL);
    free(run->change.opening);
    run->change = (run_change_t){.migration = change->migration,
                                 .script = script,
                                 .undo = change->undo,
                                 .last = change->last,
                                 .next = change->next,
                                 .before = run->fingerprint.strict,
                                 .started_us = clock_wall_us()};
    transaction_way_t way = choose_way(run);
    run->prepared = false; /* until the record has seen them */
    if (!script->transactional) {
        piecewise_begin(run);
        return;
    }
    CLEANUP(buffer_free) buffer_t sql = {0};
    transaction_begin_t begin = change_settings(run);
    begin.way = run->change.way = way;
    transaction_sql_open(&sql, &begin);
    run->change.opening = strdup(buffer_string(&sql));
    buffer_append(&sql, script->text, script->size);
    transaction_sql_settle(&sql);
    run->dirty_session = true;
    run_request_t request = {.discard_rows = true,
                             .keep_first = transaction_open_statements(&begin),
                             .timeout_ms = script->statement_timeout_ms == 0 ? -1 : 0};
    FAILPOINT("agent.change.begin");
    run_send(run, &sql, &request, on_script);
}
