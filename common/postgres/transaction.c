/* transaction.c: see transaction.h. */
#include "common/postgres/transaction.h"
#include "common/base/cleanup.h"
#include "common/postgres/quote.h"
#include "common/postgres/result.h"
#include "common/postgres/session.h"
#include "common/postgres/sqlstate.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* Texts that opening and record cast to a number in order to fail; transaction_explain knows them.
 */
#define WORD_BUSY "drover: busy"
#define WORD_FENCED "drover: fenced"
#define WORD_NONE "drover: none"
#define WORD_HEAD "drover: head"
#define WORD_ESCAPED "drover: escaped"
#define WORD_LOGIN "drover: login"
#define WORD_EDITED "drover: edited"
#define WORD_TRIGGER "drover.history is append-only"

/* BEGIN, two timeouts, the fence; a role's is one more */
enum { OPEN_STATEMENTS = 4 };

static void sql_setting(buffer_t *sql, const char *name, const char *value) {
    buffer_format(sql, ", pg_catalog.set_config('%s', ", name);
    quote_text(sql, value);
    buffer_text(sql, ", true)");
}

/* ---- opening ---- */

/*
 * One statement: lock, then fence, then the head, and a cast that fails where one is not as it
 * should be. An INSERT … ON CONFLICT, because planning is most of what a small statement costs and
 * this one needs no plan to find its row: its values are computed first (the lock), a row that is
 * there is locked and judged in its newest version, and one that is not there is seen by the epoch
 * that only our INSERT can have given it. The head is read in a snapshot older than the lock; the
 * record reads it again.
 */
static void sql_fence(buffer_t *sql, const transaction_begin_t *begin) {
    buffer_text(sql, "INSERT INTO drover.fence AS f (tenant_id, application, epoch, incarnation, "
                     "attempt) VALUES (");
    quote_ident(sql, &begin->key.tenant);
    buffer_text(sql, ", ");
    quote_text(sql, begin->key.application);
    buffer_text(sql, ", (CASE WHEN pg_try_advisory_xact_lock(");
    quote_number(sql, fence_lock_key(&begin->key));
    buffer_text(sql, ") THEN '-1' ELSE '" WORD_BUSY "' END)::bigint, ");
    quote_ident(sql, &begin->token.incarnation);
    buffer_text(sql, ", ");
    quote_ident(sql, &begin->token.attempt);
    buffer_text(sql,
                ") ON CONFLICT (tenant_id, application) DO UPDATE SET epoch = (CASE WHEN NOT ");
    fence_sql_passes(sql, &begin->token);
    buffer_text(sql,
                " THEN '" WORD_FENCED "' WHEN COALESCE((SELECT seq FROM drover.history WHERE ");
    fence_sql_key(sql, &begin->key);
    buffer_text(sql, " ORDER BY seq DESC LIMIT 1), 0) <> ");
    quote_number(sql, begin->head_seq);
    buffer_text(sql, " THEN '" WORD_HEAD "' ELSE '");
    buffer_format(sql, "%" PRId64, begin->token.epoch);
    buffer_text(sql, "' END)::bigint, incarnation = EXCLUDED.incarnation, attempt = "
                     "EXCLUDED.attempt RETURNING (CASE WHEN f.epoch < 0 THEN '" WORD_NONE
                     "' ELSE '1' END)::integer AS opened, pg_current_xact_id() AS xid");
    if (begin->search_path != NULL) {
        sql_setting(sql, "search_path", begin->search_path);
    }
    buffer_text(sql, ";\n");
}

void transaction_sql_open(buffer_t *sql, const transaction_begin_t *begin) {
    if (begin->reset_session) {
        session_sql_reset(sql, begin->server_version);
    }
    buffer_format(sql,
                  "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE;\nSET LOCAL lock_timeout = %d;\n"
                  "SET LOCAL statement_timeout = %d;\n",
                  begin->lock_timeout_ms, begin->statement_timeout_ms);
    sql_fence(sql, begin);
    if (begin->role != NULL) {
        buffer_text(sql, "SET LOCAL ROLE ");
        quote_name(sql, begin->role);
        buffer_text(sql, ";\n");
    }
}

size_t transaction_open_statements(const transaction_begin_t *begin) {
    return OPEN_STATEMENTS + (begin->role != NULL ? 1U : 0U) +
           (begin->reset_session ? (size_t)SESSION_RESET_STATEMENTS : 0);
}

/* The first result that has this column, or NULL. */
static const PGresult *find_column(PGresult *const *results, size_t count, const char *column) {
    for (size_t i = 0; i < count; i++) {
        if (results[i] != NULL && PQntuples(results[i]) == 1 &&
            PQfnumber(results[i], column) >= 0) {
            return results[i];
        }
    }
    return NULL;
}

status_t transaction_read_open(PGresult *const *results, size_t count,
                               transaction_opened_t *ret_opened, error_t *err) {
    /* The opening's statements come first, so no row of the script can stand in for its own. */
    const PGresult *result = find_column(results, count, "xid");
    transaction_opened_t opened = {0};
    if (result == NULL) {
        return error_set(err, ERROR_DB_SQL, "the server's answer lacks the transaction's id");
    }
    TRY(result_copy((result_row_t){result, 0}, "xid", opened.xid, sizeof opened.xid, err));
    *ret_opened = opened;
    return STATUS_OK;
}

void transaction_explain(error_t *err) {
    /* clang-format off */
    static const struct {
        const char *state, *words;
        error_code_t code;
        const char *message;
    } words[] = {
        {"22P02", "\"" WORD_BUSY "\"",   ERROR_TENANT_BUSY,      "another session holds the tenant's lock"},
        {"22P02", "\"" WORD_FENCED "\"", ERROR_FENCED,           "the tenant has seen a newer token than this job's"},
        {"22P02", "\"" WORD_NONE "\"",   ERROR_TENANT_NO_LEDGER, "the tenant has no fence for this application"},
        {"22P02", "\"" WORD_HEAD "\"",   ERROR_TENANT_BUSY,      "the ledger has moved since it was read"},
        {"22P02", "\"" WORD_ESCAPED "\"", ERROR_TRANSACTION_ESCAPED, "the script ended our transaction"},
        {"22P02", "\"" WORD_LOGIN "\"",  ERROR_TRANSACTION_ESCAPED, "the session did not return to its login"},
        {"22P02", "\"" WORD_EDITED "\"", ERROR_LEDGER_EDITED,    "the ledger's rows are not those that were read"},
        {"42501", WORD_TRIGGER,          ERROR_TRANSACTION_ESCAPED, NULL},
    };
    /* clang-format on */
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (strcmp(err->sqlstate, words[i].state) != 0 ||
            strstr(err->message, words[i].words) == NULL) {
            continue;
        }
        if (words[i].message != NULL) {
            (void)error_set(err, words[i].code, "%s", words[i].message);
        } else {
            err->code = words[i].code;
            err->retry = error_code_retry(err->code);
        }
        return;
    }
}

int transaction_script_position(const PGresult *result, const char *opening) {
    const char *text = PQresultErrorField(result, PG_DIAG_STATEMENT_POSITION);
    long position = text == NULL ? 0 : strtol(text, NULL, 10);
    long before = 0;
    for (const char *c = opening; *c != '\0'; c++) {
        before += ((unsigned char)*c & 0xC0) != 0x80 ? 1 : 0;
    }
    return position > before ? (int)(position - before) : 0;
}

/* ---- record ---- */

/*
 * What the script left behind, seen before anything is set back. Everything is qualified, because
 * the search_path is the script's; no operator is used for the same reason.
 */
static void sql_seen(buffer_t *sql) {
    buffer_text(sql, "SELECT current_user::pg_catalog.text AS role_seen, "
                     "session_user::pg_catalog.text AS login_seen, "
                     "COALESCE(pg_catalog.pg_current_xact_id_if_assigned()::pg_catalog.text, '') "
                     "AS xid_seen");
    sql_setting(sql, "search_path", "pg_catalog, pg_temp");
    sql_setting(sql, "synchronous_commit", "on");
    sql_setting(sql, "statement_timeout", "0");
    sql_setting(sql, "role", "none");
    buffer_text(sql, ";\n");
}

/*
 * The value of seq, or a cast that fails: so no row is written where a condition does not hold, and
 * the transaction is spoiled for a COMMIT by mistake. The count shows a row taken out of the
 * middle; one put in after the head meets our own INSERT's key. One scan: planning costs more than
 * the rows.
 */
static void sql_seq(buffer_t *sql, const transaction_record_t *record) {
    const ledger_row_t *row = record->row;
    fence_key_t key = {row->tenant, row->application};
    fence_token_t token = {row->epoch, row->incarnation, row->attempt};
    buffer_text(sql, "(CASE WHEN COALESCE(pg_current_xact_id_if_assigned()::text, '') <> ");
    quote_text(sql, record->xid);
    buffer_text(sql,
                " THEN '" WORD_ESCAPED "' WHEN current_user <> session_user OR session_user <> ");
    quote_text(sql, record->login);
    buffer_text(sql, " THEN '" WORD_LOGIN "' WHEN NOT ");
    fence_sql_is(sql, &key, &token);
    buffer_text(sql, " THEN '" WORD_FENCED "' WHEN (SELECT count(*) <> ");
    quote_number(sql, row->seq - 1);
    if (row->seq > 1) {
        buffer_text(sql, " OR count(*) FILTER (WHERE seq = ");
        quote_number(sql, row->seq - 1);
        buffer_text(sql, " AND row_digest = ");
        quote_digest(sql, &row->previous);
        buffer_text(sql, ") <> 1");
    }
    buffer_text(sql, " FROM drover.history WHERE ");
    fence_sql_key(sql, &key);
    buffer_format(sql, ") THEN '" WORD_EDITED "' ELSE '%" PRId64 "' END)::bigint", row->seq);
}

void transaction_sql_record(buffer_t *sql, const transaction_record_t *record) {
    CLEANUP(buffer_free) buffer_t seq = {0};
    sql_seq(&seq, record);
    sql_seen(sql);
    buffer_format(sql, "INSERT INTO drover.history (%s) VALUES (", LEDGER_COLUMNS);
    ledger_sql_values_with(sql, record->row, buffer_string(&seq));
    buffer_text(sql, ") RETURNING seq AS appended_seq");
    sql->failed = sql->failed || seq.failed;
}

static status_t escaped(error_t *err, const char *what) {
    return error_set(err, ERROR_TRANSACTION_ESCAPED, "%s", what);
}

static status_t judge_seen(const PGresult *result, const transaction_record_t *record,
                           error_t *err) {
    result_row_t row = {result, 0};
    const char *role = NULL;
    const char *login = NULL;
    const char *xid = NULL;
    TRY(result_text(row, "role_seen", &role, err));
    TRY(result_text(row, "login_seen", &login, err));
    TRY(result_text(row, "xid_seen", &xid, err));
    if (xid == NULL || strcmp(xid, record->xid) != 0) {
        return escaped(err, "the script ended our transaction");
    }
    if (login == NULL || strcmp(login, record->login) != 0) {
        return escaped(err, "the script changed the session's login");
    }
    if (role == NULL || strcmp(role, record->role == NULL ? record->login : record->role) != 0) {
        return error_set(err, ERROR_TRANSACTION_ESCAPED, "the script changed the role to '%s'",
                         role == NULL ? "" : role);
    }
    return STATUS_OK;
}

status_t transaction_read_record(PGresult *const *results, size_t count,
                                 const transaction_record_t *record, error_t *err) {
    const PGresult *seen = find_column(results, count, "xid_seen");
    const PGresult *appended = find_column(results, count, "appended_seq");
    if (seen == NULL) {
        return error_set(err, ERROR_DB_SQL, "the server's answer lacks what the script left");
    }
    TRY(judge_seen(seen, record, err));
    int64_t seq = 0;
    const PGresult *last = results[count - 1];
    if (PQresultStatus(last) == PGRES_FATAL_ERROR) {
        (void)sqlstate_result(last, SQLSTATE_RUNNING, err);
        transaction_explain(err);
        return STATUS_ERROR;
    }
    if (appended == NULL) {
        return error_set(err, ERROR_DB_SQL, "the server's answer lacks the ledger's new row");
    }
    return result_number((result_row_t){appended, 0}, "appended_seq", &seq, err);
}

status_t transaction_read_commit(PGresult *const *results, size_t count, error_t *err) {
    const char *tag = count == 0 || results[0] == NULL ? "" : PQcmdStatus(results[0]);
    if (strcmp(tag, "COMMIT") != 0) {
        return error_set(err, ERROR_DB_SQL, "COMMIT was answered '%s': nothing was committed", tag);
    }
    return STATUS_OK;
}

/* ---- unknown outcome ---- */

void transaction_sql_settled(buffer_t *sql, const char *xid) {
    /* An id that this server has not reached was lost with a failover; asking for it is an error,
     * so it is compared with a new one first. */
    buffer_text(sql, "SELECT CASE WHEN pg_current_xact_id() < ");
    quote_text(sql, xid);
    buffer_text(sql, "::xid8 THEN 'aborted' ELSE pg_xact_status(");
    quote_text(sql, xid);
    buffer_text(sql, "::xid8) END AS fate");
}

status_t transaction_read_settled(const PGresult *result, transaction_fate_t *ret_fate,
                                  error_t *err) {
    static const char *const texts[TRANSACTION_FATE_COUNT] = {
        [TRANSACTION_IN_PROGRESS] = "in progress",
        [TRANSACTION_COMMITTED] = "committed",
        [TRANSACTION_ABORTED] = "aborted",
    };
    const char *text = NULL;
    TRY(result_text((result_row_t){result, 0}, "fate", &text, err));
    if (text == NULL) {
        *ret_fate = TRANSACTION_FORGOTTEN;
        return STATUS_OK;
    }
    for (int fate = 0; fate < TRANSACTION_FATE_COUNT; fate++) {
        if (texts[fate] != NULL && strcmp(text, texts[fate]) == 0) {
            *ret_fate = (transaction_fate_t)fate;
            return STATUS_OK;
        }
    }
    return error_set(err, ERROR_DB_SQL, "the server's pg_xact_status says '%s'", text);
}
