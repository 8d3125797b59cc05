/*
 * transaction_sql.c: what is sent; see transaction.h.
 *
 * Of a small statement in a young session most is planning, so that what can be a command without a
 * query (SET, SHOW) is one, and fence and record can be prepared. A prepared one must not be
 * planned anew for each execution, as the server does where parameters may change the plan: the
 * fence takes its only parameter from a setting of ours, the record is executed under
 * plan_cache_mode, which is the session's own again after the transaction.
 */
#include "common/base/cleanup.h"
#include "common/postgres/quote.h"
#include "common/postgres/session.h"
#include "common/postgres/transaction.h"
#include "common/postgres/transaction_words.h"

#include <inttypes.h>
#include <stdio.h>

/* BEGIN, two timeouts, the fence; path, role and a prepared fence's setting are one more each. */
enum { OPEN_STATEMENTS = 4 };

#define SETTING_HEAD "drover.head" /* of the ledger, for a prepared fence */

/* ---- opening ---- */

/*
 * One statement: lock, then fence, then the head, and a cast that fails where one is not as it
 * should be. An INSERT … ON CONFLICT, because planning is most of what a small statement costs and
 * this one needs no plan to find its row: its values are computed first (the lock), a row that is
 * there is locked and judged in its newest version, and one that is not there is seen by the epoch
 * that only our INSERT can have given it. The head is read in a snapshot older than the lock; the
 * record reads it again.
 */
static void sql_fence(buffer_t *sql, const transaction_begin_t *begin, const char *head) {
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
    buffer_format(sql, " ORDER BY seq DESC LIMIT 1), 0) <> %s THEN '" WORD_HEAD "' ELSE '", head);
    buffer_format(sql, "%" PRId64, begin->token.epoch);
    buffer_text(sql, "' END)::bigint, incarnation = EXCLUDED.incarnation, attempt = "
                     "EXCLUDED.attempt RETURNING (CASE WHEN f.epoch < 0 THEN '" WORD_NONE
                     "' ELSE '1' END)::integer AS opened, pg_current_xact_id() AS xid");
    buffer_text(sql, ";\n");
}

/* By a function: the list came from the server as one text. Not beside the fence: a statement that
 * changes the path is planned anew each time. */
static void sql_path(buffer_t *sql, const transaction_begin_t *begin) {
    if (begin->search_path != NULL) {
        buffer_text(sql, "SELECT pg_catalog.set_config('search_path', ");
        quote_text(sql, begin->search_path);
        buffer_text(sql, ", true);\n");
    }
}

static void sql_prepare_record(buffer_t *sql, const transaction_begin_t *begin);

/* Both statements, planned at their first execution. */
static void sql_prepare(buffer_t *sql, const transaction_begin_t *begin) {
    buffer_text(sql, "PREPARE " PREPARED_FENCE " AS ");
    sql_fence(sql, begin, "current_setting('" SETTING_HEAD "')::bigint");
    sql_prepare_record(sql, begin);
}

static session_reset_t reset_of(const transaction_begin_t *begin) {
    return (session_reset_t){.server_version = begin->server_version,
                             .keep_prepared = begin->way == TRANSACTION_PREPARED};
}

void transaction_sql_open(buffer_t *sql, const transaction_begin_t *begin) {
    session_reset_t reset = reset_of(begin);
    if (begin->reset_session) {
        session_sql_reset(sql, &reset);
    }
    if (begin->way == TRANSACTION_PREPARES) {
        sql_prepare(sql, begin);
    }
    buffer_format(sql,
                  "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE;\nSET LOCAL lock_timeout = %d;\n"
                  "SET LOCAL statement_timeout = %d;\n",
                  begin->lock_timeout_ms, begin->statement_timeout_ms);
    if (begin->way == TRANSACTION_PLAIN) {
        char head[24];
        (void)snprintf(head, sizeof head, "%" PRId64, begin->head_seq);
        sql_fence(sql, begin, head);
    } else {
        buffer_format(sql,
                      "SET LOCAL " SETTING_HEAD " = '%" PRId64 "';\nEXECUTE " PREPARED_FENCE ";\n",
                      begin->head_seq);
    }
    sql_path(sql, begin);
    if (begin->role != NULL) {
        buffer_text(sql, "SET LOCAL ROLE ");
        quote_name(sql, begin->role);
        buffer_text(sql, ";\n");
    }
}

size_t transaction_open_statements(const transaction_begin_t *begin) {
    session_reset_t reset = reset_of(begin);
    return OPEN_STATEMENTS + (begin->role != NULL ? 1U : 0U) +
           (begin->search_path != NULL ? 1U : 0U) + (begin->way != TRANSACTION_PLAIN ? 1U : 0U) +
           (begin->way == TRANSACTION_PREPARES ? (size_t)PREPARED_STATEMENTS : 0) +
           (begin->reset_session ? session_reset_statements(&reset) : 0);
}

/* ---- record ---- */

/*
 * What the script left behind, seen before it is set back. No name is looked up, so the script's
 * search_path does not matter. A script that ended our transaction is seen by the row below.
 */
static const char sql_seen[] = "SHOW role;\nSHOW session_authorization;\nSET LOCAL ROLE NONE;\n"
                               "SET LOCAL search_path = pg_catalog, pg_temp;\n"
                               "SET LOCAL synchronous_commit = on;\n"
                               "SET LOCAL statement_timeout = 0;\n";

/* Expressions for what differs between the rows of a chain: literals, or a statement's parameters.
 */
typedef struct seq_terms {
    const char *xid;
    const char *seq;
    const char *previous;
} seq_terms_t;

/* What stays. */
typedef struct seq_keys {
    fence_key_t key;
    fence_token_t token;
    const char *login;
} seq_keys_t;

/*
 * The value of seq, or a cast that fails: so no row is written where a condition does not hold, and
 * the transaction is spoiled for a COMMIT by mistake. The count shows a row taken out of the
 * middle; one put in after the head meets our own INSERT's key. One scan: planning costs more than
 * the rows.
 */
static void sql_seq(buffer_t *sql, const seq_keys_t *keys, const seq_terms_t *terms) {
    buffer_format(sql,
                  "(CASE WHEN COALESCE(pg_current_xact_id_if_assigned()::text, '') <> %s THEN "
                  "'" WORD_ESCAPED "' WHEN current_user <> session_user OR session_user <> ",
                  terms->xid);
    quote_text(sql, keys->login);
    buffer_text(sql, " THEN '" WORD_LOGIN "' WHEN NOT ");
    fence_sql_is(sql, &keys->key, &keys->token);
    buffer_format(
        sql,
        " THEN '" WORD_FENCE "' WHEN (SELECT count(*) <> %s - 1 OR (%s > 1 AND count(*) "
        "FILTER (WHERE seq = %s - 1 AND row_digest = %s) <> 1) FROM drover.history WHERE ",
        terms->seq, terms->seq, terms->seq, terms->previous);
    fence_sql_key(sql, &keys->key);
    buffer_format(sql, ") THEN '" WORD_EDITED "' ELSE %s::text END)::bigint", terms->seq);
}

/* The record's INSERT as a statement of parameters: a row's values in order, then the xid. How many
 * prepared statements the session has after it tells whether the script left some or took ours. */
static void sql_prepare_record(buffer_t *sql, const transaction_begin_t *begin) {
    static const seq_terms_t terms = {.xid = "$28", .seq = "$3", .previous = "$24"};
    _Static_assert(LEDGER_COLUMN_COUNT + 1 == 28 && LEDGER_COLUMN_SEQ == 3 &&
                       LEDGER_COLUMN_PREVIOUS == 24,
                   "the terms name the ledger's columns");
    seq_keys_t keys = {.key = begin->key, .token = begin->token, .login = begin->login};
    buffer_format(sql,
                  "PREPARE " PREPARED_RECORD " (%s, text) AS INSERT INTO drover.history (%s) "
                  "VALUES (",
                  LEDGER_TYPES, LEDGER_COLUMNS);
    for (int column = 1; column <= LEDGER_COLUMN_COUNT; column++) {
        if (column == LEDGER_COLUMN_SEQ) {
            sql_seq(sql, &keys, &terms);
        } else {
            buffer_format(sql, "$%d", column);
        }
        buffer_text(sql, column < LEDGER_COLUMN_COUNT ? ", " : "");
    }
    buffer_text(sql, ") RETURNING seq AS appended_seq, (SELECT count(*) FROM "
                     "pg_prepared_statement()) AS statements;\n");
}

static void sql_plain_record(buffer_t *sql, const transaction_record_t *record) {
    CLEANUP(buffer_free) buffer_t xid = {0};
    CLEANUP(buffer_free) buffer_t previous = {0};
    CLEANUP(buffer_free) buffer_t seq = {0};
    const ledger_row_t *row = record->row;
    seq_keys_t keys = {.key = {row->tenant, row->application},
                       .token = {row->epoch, row->incarnation, row->attempt},
                       .login = record->login};
    char number[24];
    quote_text(&xid, record->xid);
    quote_digest(&previous, &row->previous);
    (void)snprintf(number, sizeof number, "%" PRId64, row->seq);
    seq_terms_t terms = {
        .xid = buffer_string(&xid), .seq = number, .previous = buffer_string(&previous)};
    sql_seq(&seq, &keys, &terms);
    buffer_format(sql, "INSERT INTO drover.history (%s) VALUES (", LEDGER_COLUMNS);
    ledger_sql_values_with(sql, row, buffer_string(&seq));
    buffer_text(sql, ") RETURNING seq AS appended_seq");
    sql->failed = sql->failed || seq.failed || xid.failed || previous.failed;
}

void transaction_sql_record(buffer_t *sql, const transaction_record_t *record) {
    buffer_text(sql, sql_seen);
    if (!record->prepared) {
        sql_plain_record(sql, record);
        return;
    }
    buffer_text(sql,
                "SET LOCAL plan_cache_mode = force_generic_plan;\nEXECUTE " PREPARED_RECORD " (");
    ledger_sql_values(sql, record->row);
    buffer_text(sql, ", ");
    quote_text(sql, record->xid);
    buffer_text(sql, ")");
}

void transaction_sql_settle(buffer_t *sql) {
    buffer_text(sql, "\n;\nSET CONSTRAINTS ALL IMMEDIATE");
}

/* Of drover.history_is_append_only in migrations/tenant: a body of another's might do nothing. */
#define APPEND_ONLY_MD5 "25c28fbf506e674f30f95e36c095856f"

/* BEFORE UPDATE, DELETE or TRUNCATE, for each statement: bits of pg_trigger.tgtype. */
#define APPEND_ONLY_TYPE "58"

void transaction_sql_guard(buffer_t *sql) {
    buffer_text(
        sql, ";\nSELECT (CASE WHEN NOT EXISTS (SELECT FROM pg_trigger AS t JOIN pg_proc AS p ON "
             "p.oid = t.tgfoid WHERE t.tgrelid = 'drover.history'::regclass AND t.tgname = "
             "'append_only' AND t.tgenabled = 'A' AND t.tgtype = " APPEND_ONLY_TYPE
             " AND t.tgqual IS NULL AND t.tgattr::text = '' AND md5(p.prosrc) = "
             "'" APPEND_ONLY_MD5 "') THEN '" WORD_GUARD "' WHEN (SELECT count(*) FROM pg_trigger "
             "WHERE tgrelid = 'drover.history'::regclass) <> 1 OR EXISTS (SELECT FROM pg_class "
             "WHERE relnamespace = 'drover'::regnamespace AND (relkind NOT IN ('r', 'i') OR "
             "relhasrules OR relrowsecurity OR relforcerowsecurity OR relhassubclass OR "
             "relhastriggers AND relname <> 'history')) THEN '" WORD_SHAPE
             "' ELSE '1' END)::integer AS guarded");
}
