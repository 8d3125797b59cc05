/* transaction.c: reading what the server answered; see transaction.h. */
#include "common/postgres/transaction.h"
#include "common/postgres/quote.h"
#include "common/postgres/result.h"
#include "common/postgres/sqlstate.h"
#include "common/postgres/transaction_words.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

/* ---- opening ---- */

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

/* Whether the words stand in the text and no longer name: "schema drover" is not "schema drovers".
 */
static bool says(const char *text, const char *words) {
    const char *found = strstr(text, words);
    unsigned char next = found == NULL ? '\0' : (unsigned char)found[strlen(words)];
    return found != NULL && isalnum(next) == 0 && next != '_';
}

static bool starts_with_trigger(const char *message) {
    return strncmp(message, WORD_TRIGGER ": ", strlen(WORD_TRIGGER ": ")) == 0;
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
        {"22P02", "\"" WORD_EDITED "\"", ERROR_LEDGER_EDITED,    "the ledger's rows are not those that were read: the script or another session touched them"},
        {"22P02", "\"" WORD_FENCE "\"",  ERROR_TRANSACTION_ESCAPED, "the script changed drover.fence"},
        {"22P02", "\"" WORD_GUARD "\"",  ERROR_TRANSACTION_ESCAPED, "the trigger that keeps drover.history append-only is gone or disabled"},
        {"22P02", "\"" WORD_SHAPE "\"",  ERROR_TRANSACTION_ESCAPED, "the script put a rule, a trigger, row security or a child on a table of schema drover, or replaced one"},
        {"42501", WORD_TRIGGER,          ERROR_TRANSACTION_ESCAPED, NULL},
        /* No right to give: neither may any script have. */
        {"42501", "schema drover",       ERROR_TRANSACTION_ESCAPED, NULL},
        {"42501", "session authorization", ERROR_TRANSACTION_ESCAPED, NULL},
    };
    /* clang-format on */
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (strcmp(err->sqlstate, words[i].state) != 0 || !says(err->message, words[i].words)) {
            continue;
        }
        if (words[i].message != NULL) {
            (void)error_set(err, words[i].code, "%s", words[i].message);
        } else {
            err->code = words[i].code;
            err->retry = error_code_retry(err->code);
            if (starts_with_trigger(err->message)) {
                sqlstate_vouch(err); /* our trigger's own words */
            }
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

static status_t escaped(error_t *err, const char *what) {
    return error_set(err, ERROR_TRANSACTION_ESCAPED, "%s", what);
}

static status_t judge_seen(PGresult *const *results, size_t count,
                           const transaction_record_t *record, error_t *err) {
    const PGresult *roles = find_column(results, count, "role");
    const PGresult *logins = find_column(results, count, "session_authorization");
    const char *role = NULL;
    const char *login = NULL;
    if (roles == NULL || logins == NULL) {
        return error_set(err, ERROR_DB_SQL, "the server's answer lacks what the script left");
    }
    TRY(result_text((result_row_t){roles, 0}, "role", &role, err));
    TRY(result_text((result_row_t){logins, 0}, "session_authorization", &login, err));
    if (login == NULL || strcmp(login, record->login) != 0) {
        return escaped(err, "the script changed the session's login");
    }
    const char *is = role == NULL || strcmp(role, "none") == 0 ? login : role;
    if (strcmp(is, record->role == NULL ? record->login : record->role) != 0) {
        return error_set(err, ERROR_TRANSACTION_ESCAPED, "the script changed the role to '%s'", is);
    }
    return STATUS_OK;
}

/* The INSERT's own refusal first: it says best what a script did that ended our transaction. */
status_t transaction_read_record(PGresult *const *results, size_t count,
                                 const transaction_record_t *record, error_t *err) {
    const PGresult *appended = find_column(results, count, "appended_seq");
    int64_t seq = 0;
    if (count > 0 && PQresultStatus(results[count - 1]) == PGRES_FATAL_ERROR) {
        (void)sqlstate_result(results[count - 1], SQLSTATE_RUNNING, err);
        transaction_explain(err);
        return STATUS_ERROR;
    }
    TRY(judge_seen(results, count, record, err));
    if (appended == NULL) {
        return error_set(err, ERROR_DB_SQL, "the server's answer lacks the ledger's new row");
    }
    TRY(result_number((result_row_t){appended, 0}, "appended_seq", &seq, err));
    if (seq != record->row->seq) {
        return error_set(err, ERROR_LEDGER_EDITED, "the ledger's new row is not the one sent");
    }
    return STATUS_OK;
}

bool transaction_statement_gone(const error_t *err) {
    return strcmp(err->sqlstate, "26000") == 0 && (strstr(err->message, PREPARED_FENCE) != NULL ||
                                                   strstr(err->message, PREPARED_RECORD) != NULL);
}

bool transaction_still_prepared(PGresult *const *results, size_t count) {
    error_t ignored = {0};
    int64_t statements = 0;
    const PGresult *result = find_column(results, count, "statements");
    return result != NULL &&
           result_number((result_row_t){result, 0}, "statements", &statements, &ignored) ==
               STATUS_OK &&
           statements == PREPARED_STATEMENTS;
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
