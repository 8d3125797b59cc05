/* restore_swap.c: see restore_swap.h. */
#include "agent/steps/restore_swap.h"
#include "common/base/failpoint.h"
#include "common/postgres/quote.h"
#include "common/postgres/result.h"

#include <string.h>

enum {
    ROUNDS = 100,        /* of waiting for others to leave, a tenth of a second each */
    FOREIGN_ROUNDS = 20, /* where some are not ours to end */
    SWAPS = 3,
};

static void wait_for_others(run_t *run);
static void rename_both(run_t *run);

static restore_plan_t *plan_of(run_t *run) {
    return restore_side_of(run)->plan;
}

const char *restore_swap_maintenance(const run_t *run) {
    const char *configured = run->cluster->connection.dbname;
    return configured != NULL ? configured : "postgres";
}

void restore_swap_sql_open(const run_t *run, int64_t limit, buffer_t *sql) {
    restore_side_role(run, sql, false);
    buffer_text(sql, ";ALTER DATABASE ");
    quote_name(sql, run->what.database);
    buffer_format(sql, " ALLOW_CONNECTIONS true CONNECTION LIMIT %d;RESET ROLE", (int)limit);
}

/* ---- failing: the tenant is opened again, or its outcome is unknown until it is ---- */

static void on_opened(run_t *run, connection_answer_t *answer) {
    if (answer->error.code != ERROR_NONE) {
        run->pending.retry = RETRY_UNKNOWN;
    } else {
        plan_of(run)->closed = false;
    }
    run_fail(run, &run->pending);
}

static void open_and_fail(run_t *run, const error_t *err) {
    const restore_side_t *side = restore_side_of(run);
    CLEANUP(buffer_free) buffer_t sql = {0};
    run->pending = *err;
    (void)error_context(&run->pending, "swapping %s in", side->database);
    if (connection_state(run->connection) != CONNECTION_IDLE) {
        run->pending.retry = RETRY_UNKNOWN; /* settling opens it */
        run_fail(run, &run->pending);
        return;
    }
    buffer_text(&sql, "ROLLBACK;");
    restore_swap_sql_open(run, side->connection_limit, &sql);
    run_send(run, &sql, &(run_request_t){0}, on_opened);
}

/* ---- the names ---- */

static void on_committed(run_t *run, connection_answer_t *answer) {
    error_t err = answer->error;
    FAILPOINT("agent.restore.swapped");
    if (err.code == ERROR_NONE &&
        transaction_read_commit(answer->results, answer->count, &err) == STATUS_OK) {
        run->touched = true;
        restore_side_of(run)->then(run);
        return;
    }
    if (err.retry == RETRY_UNKNOWN) {
        (void)error_context(&err, "committing the swap");
        run_fail(run, &err);
        return;
    }
    open_and_fail(run, &err);
}

static void on_again(run_t *run, connection_answer_t *answer) {
    if (answer->error.code != ERROR_NONE) {
        open_and_fail(run, &answer->error);
        return;
    }
    wait_for_others(run);
}

/* Both names were changed within the transaction that is open here; or the server had waited its
 * five seconds for sessions to leave, and somebody else had come. */
static void on_renamed(run_t *run, connection_answer_t *answer) {
    restore_plan_t *plan = plan_of(run);
    FAILPOINT("agent.restore.renamed");
    CLEANUP(buffer_free) buffer_t sql = {0};
    bool in_use = strcmp(answer->error.sqlstate, "55006") == 0;
    if (in_use && plan->swaps++ < SWAPS) {
        buffer_text(&sql, "ROLLBACK");
        run_send(run, &sql, &(run_request_t){0}, on_again);
        return;
    }
    if (answer->error.code != ERROR_NONE) {
        error_t err = answer->error;
        if (in_use) {
            (void)error_set(&err, ERROR_TENANT_BUSY, "somebody is still in the database: %.300s",
                            answer->error.message);
        }
        open_and_fail(run, &err);
        return;
    }
    buffer_text(&sql, "COMMIT");
    run_send(run, &sql, &(run_request_t){.phase = SQLSTATE_COMMITTING}, on_committed);
}

static void sql_rename(buffer_t *sql, const char *from, const char *to) {
    buffer_text(sql, ";\nALTER DATABASE ");
    quote_name(sql, from);
    buffer_text(sql, " RENAME TO ");
    quote_name(sql, to);
}

static void sql_comment(buffer_t *sql, const char *database, const char *comment) {
    buffer_text(sql, ";\nCOMMENT ON DATABASE ");
    quote_name(sql, database);
    buffer_text(sql, " IS ");
    quote_text(sql, comment);
}

static void sql_limit(buffer_t *sql, const char *database, int64_t limit) {
    buffer_text(sql, ";\nALTER DATABASE ");
    quote_name(sql, database);
    buffer_format(sql, " CONNECTION LIMIT %d", (int)limit);
}

static void rename_both(run_t *run) {
    const restore_side_t *side = restore_side_of(run);
    CLEANUP(buffer_free) buffer_t sql = {0};
    CLEANUP(buffer_free) buffer_t marker = {0};
    restore_marker_t kept = {.tenant = run->what.tenant,
                             .job = run->what.job,
                             .phase = RESTORE_KEPT,
                             .limit = side->connection_limit};
    restore_marker_text(&kept, &marker);
    buffer_text(&sql, "BEGIN;\n");
    restore_side_role(run, &sql, true);
    sql_rename(&sql, run->what.database, side->plan->kept);
    sql_rename(&sql, side->database, run->what.database);
    sql_comment(&sql, side->plan->kept, buffer_string(&marker));
    sql_comment(&sql, run->what.database, side->comment);
    sql_limit(&sql, side->plan->kept, side->connection_limit);
    sql_limit(&sql, run->what.database, side->connection_limit);
    run_send(run, &sql, &(run_request_t){0}, on_renamed);
}

/* ---- everybody out ---- */

/* Under the tenant's lock and with nobody else inside: still what the new ledger cites, and ours?
 */
static void on_last_look(run_t *run, connection_answer_t *answer) {
    restore_side_t *side = restore_side_of(run);
    error_t err = answer->error;
    CLEANUP(buffer_free) buffer_t sql = {0};
    bool good = false;
    if (err.code == ERROR_NONE) {
        result_row_t row = {answer->results[0], 0};
        if (result_bool(row, "good", &good, &err) == STATUS_OK && !good) {
            (void)error_set(&err, ERROR_TENANT_BUSY,
                            "the tenant's ledger, fence or lock changed while the restore was "
                            "prepared");
        }
    }
    restore_side_exchange(run); /* the maintenance session is in hand again */
    if (err.code != ERROR_NONE) {
        open_and_fail(run, &err);
        return;
    }
    connection_destroy(&side->tenant);
    side->plan->rounds = 0;
    restore_side_role(run, &sql, false);
    buffer_text(&sql, ";ALTER DATABASE ");
    quote_name(&sql, run->what.database);
    buffer_text(&sql, " ALLOW_CONNECTIONS false;RESET ROLE");
    run_send(run, &sql, &(run_request_t){0}, on_again);
}

static void last_look(run_t *run) {
    const restore_plan_t *plan = plan_of(run);
    CLEANUP(buffer_free) buffer_t sql = {0};
    fence_key_t key = run_key(run);
    fence_token_t token = run_token(run);
    restore_side_exchange(run);
    buffer_text(&sql, "SELECT ");
    fence_sql_is(&sql, &key, &token);
    buffer_text(&sql, " AND (");
    fence_sql_holds(&sql, &key);
    buffer_text(&sql, ") AND COALESCE((SELECT row_digest FROM drover.history WHERE ");
    fence_sql_key(&sql, &key);
    buffer_text(&sql, " ORDER BY seq DESC LIMIT 1) = ");
    quote_digest(&sql, &plan->old_head);
    buffer_text(&sql, ", false) AS good");
    run_send(run, &sql, &(run_request_t){0}, on_last_look);
}

static status_t judge_others(run_t *run, const PGresult *result, int64_t *ret_others,
                             error_t *err) {
    restore_plan_t *plan = plan_of(run);
    result_row_t row = {result, 0};
    const char *foreign = NULL;
    TRY(result_number(row, "others", ret_others, err));
    TRY(result_text(row, "foreign_name", &foreign, err));
    unsigned most = foreign != NULL ? FOREIGN_ROUNDS : ROUNDS;
    if (*ret_others == 0 || ++plan->rounds < most) {
        return STATUS_OK;
    }
    if (foreign == NULL) {
        return error_set(err, ERROR_TENANT_BUSY, "%d sessions do not end", (int)*ret_others);
    }
    return error_set(err, ERROR_DB_RIGHTS,
                     "sessions of role %s are in the way, and %s may not end them: grant it "
                     "pg_signal_backend, or membership in that role",
                     foreign, run->identity.login);
}

static void on_others(run_t *run, connection_answer_t *answer) {
    error_t err = answer->error;
    int64_t others = 0;
    if (err.code != ERROR_NONE ||
        judge_others(run, answer->results[answer->count - 1], &others, &err) != STATUS_OK) {
        open_and_fail(run, &err);
        return;
    }
    if (others > 0) {
        wait_for_others(run);
    } else if (restore_side_of(run)->tenant != NULL) {
        last_look(run);
    } else {
        rename_both(run);
    }
}

/*
 * End the sessions that we may end, and count them all but our own. The server tells no event when
 * one has left, hence a tenth of a second between two looks. A session's kind is hidden from us
 * where its role is another's; one without a role is the server's own.
 */
static void wait_for_others(run_t *run) {
    const restore_side_t *side = restore_side_of(run);
    CLEANUP(buffer_free) buffer_t sql = {0};
    int own = side->tenant != NULL ? connection_backend_pid(side->tenant) : 0;
    if (side->plan->rounds > 0) {
        buffer_text(&sql, "SELECT pg_sleep(0.1);");
    }
    buffer_text(
        &sql,
        "SELECT count(*) AS others, min(name) FILTER (WHERE NOT allowed) AS foreign_name, count(*) "
        "FILTER (WHERE CASE WHEN allowed THEN pg_terminate_backend(pid) END) AS ended FROM (SELECT "
        "a.pid, a.usename::text AS name, (NOT r.rolsuper OR me.rolsuper) AND "
        "(pg_has_role(me.oid, r.oid, 'USAGE') OR pg_has_role(me.oid, 'pg_signal_backend', "
        "'USAGE')) AS allowed FROM pg_stat_activity AS a JOIN pg_roles AS r ON r.oid = a.usesysid "
        "CROSS JOIN (SELECT * FROM pg_roles WHERE rolname = session_user) AS me WHERE a.datname "
        "= ");
    quote_text(&sql, run->what.database);
    buffer_format(&sql, " AND a.pid <> %d) AS s", own);
    run_send(run, &sql, &(run_request_t){0}, on_others);
}

static void on_closed(run_t *run, connection_answer_t *answer) {
    FAILPOINT("agent.restore.closed");
    if (answer->error.code != ERROR_NONE) {
        open_and_fail(run, &answer->error);
        return;
    }
    wait_for_others(run);
}

static void close_tenant(run_t *run) {
    restore_plan_t *plan = plan_of(run);
    CLEANUP(buffer_free) buffer_t sql = {0};
    plan->closed = true;
    restore_side_role(run, &sql, false);
    buffer_text(&sql, ";ALTER DATABASE ");
    quote_name(&sql, run->what.database);
    buffer_text(&sql, " CONNECTION LIMIT 0;RESET ROLE");
    run_send(run, &sql, &(run_request_t){0}, on_closed);
}

void restore_swap_begin(run_t *run, run_next_fn *next) {
    restore_side_of(run)->then = next;
    restore_side_park(run);
    run_connect_to(run, restore_swap_maintenance(run), close_tenant);
}
