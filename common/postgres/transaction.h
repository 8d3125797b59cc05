/*
 * transaction.h: a migration's transaction in three round trips, and what became of it.
 *
 *   1. transaction_sql_open + the script      one simple-protocol string
 *   2. transaction_sql_record                 again one string: role seen, reset, checked, appended
 *   3. "COMMIT"                               alone, so that a lost reply means one thing
 *
 * The opening raises in the server when lock or fence is not ours, so that nothing of the script
 * runs; the server knows no error of ours, hence a cast that fails with a text of ours
 * (transaction_explain reads it). The record is one INSERT whose seq is such a cast too, of the
 * recheck: same transaction id (so our transaction, and its transaction-scoped lock, never ended),
 * fence ours, head as expected, login and role back. Where one fails, no row is written and nothing
 * can be committed; transaction_read_record names what failed, from a failed answer as well. After
 * anything but STATUS_OK send "ROLLBACK".
 *
 * In a chain both are planned once: an opening can PREPARE them (TRANSACTION_PREPARES) and the next
 * ones EXECUTE them. Scripts share the session, so such a statement may be gone
 * (transaction_statement_gone: roll back and do the same again, plain) or, by malice, another's
 * under our name. That gives a script nothing that it could not have: who may PREPARE may as well
 * become our login (the server forbids both in the same restricted contexts) and put a trigger on
 * our tables. But the ledger must not rest on it: a chain's last record is sent plain, cannot be
 * replaced, and looks at all rows before it.
 *
 * A script that COMMITs runs its rest outside our transaction: what it committed itself stays (that
 * is what lint is for), but no ledger row is written, and the record says TRANSACTION_ESCAPED. If
 * it then fails, the error is the script's own: after every failed script ROLLBACK and ask
 * transaction_sql_settled for the opening's xid (read_open works on a failed answer too); COMMITTED
 * there is TRANSACTION_ESCAPED with something left behind.
 */
#ifndef DROVER_POSTGRES_TRANSACTION_H
#define DROVER_POSTGRES_TRANSACTION_H

#include "common/postgres/ledger.h"

typedef enum transaction_way {
    TRANSACTION_PLAIN,    /* the statements' whole texts */
    TRANSACTION_PREPARES, /* prepare them first: worth it where more migrations follow */
    TRANSACTION_PREPARED, /* this session has them, of the same key, token and search_path */
    TRANSACTION_WAY_COUNT
} transaction_way_t;

typedef struct transaction_begin {
    fence_key_t key;
    fence_token_t token;
    int64_t head_seq;         /* ledger head that the job knows; 0: none yet */
    const char *role;         /* the owner for scripts; NULL stays the login */
    const char *search_path;  /* as in SET search_path, list and quotes included; NULL stays ours */
    int lock_timeout_ms;      /* 0: none */
    int statement_timeout_ms; /* 0: none */
    bool reset_session;       /* session_sql_reset first, in the same round trip */
    int server_version;
    transaction_way_t way;
    const char *login; /* for PREPARES: session_user, as transaction_record_t has it */
} transaction_begin_t;

/* Append the opening. Ends in ";\n": the script may follow. */
void transaction_sql_open(buffer_t *sql, const transaction_begin_t *begin);

/* How many statements, and so results, the opening has: connection_request_t's keep_first. */
size_t transaction_open_statements(const transaction_begin_t *begin);

typedef struct transaction_opened {
    char xid[24]; /* pg_current_xact_id() */
} transaction_opened_t;

/* Read the opening's part of the answer; the script's results follow at index
 * transaction_open_statements. Errors of the answer go to transaction_explain first. */
MUST_CHECK status_t transaction_read_open(PGresult *const *results, size_t count,
                                          transaction_opened_t *ret_opened, error_t *err);

/*
 * Where an error is the opening's cast, turn it into TENANT_BUSY, FENCED or TENANT_NO_LEDGER, or
 * for a head that moved into TENANT_BUSY; where a script was refused the ledger, our schema or
 * another login, into TRANSACTION_ESCAPED. Other errors stay as they are.
 */
void transaction_explain(error_t *err);

/*
 * The server gives an error's position in characters of the whole string sent. Convert it to one in
 * the script (1 …), given the opening's text; 0 where it has none or stands in the opening.
 */
int transaction_script_position(const PGresult *result, const char *opening);

typedef struct transaction_record {
    const ledger_row_t *row; /* sealed; its previous and seq say which head is expected */
    const char *xid;         /* of transaction_opened_t */
    const char *role;        /* role that the script ran as; NULL: the login */
    const char *login;       /* session_user as identity read it */
    bool prepared;           /* the opening was PREPARES or PREPARED */
} transaction_record_t;

/* Append the record's string. */
void transaction_sql_record(buffer_t *sql, const transaction_record_t *record);

/*
 * Append, behind a script, what lets its deferred triggers fire now, as the script's role and under
 * its timeouts. At COMMIT they would fire as the login, behind everything that judges a script.
 */
void transaction_sql_settle(buffer_t *sql);

/* Append to it that the ledger's trigger still stands, and that no table of ours got a rule, a
 * trigger, row security or a child: for a chain's last record, because a script that did that would
 * leave the ledger open. */
void transaction_sql_guard(buffer_t *sql);

/* Judge its answer, which may be an error's (but not a lost connection's): TRANSACTION_ESCAPED
 * (transaction ended, role or login changed, fence or trigger touched: the fence's row is locked
 * since the opening, so that it is the script's doing), LEDGER_EDITED (the head is not the expected
 * one). */
MUST_CHECK status_t transaction_read_record(PGresult *const *results, size_t count,
                                            const transaction_record_t *record, error_t *err);

/* Whether the error says that a prepared statement of ours is not there any more. */
bool transaction_statement_gone(const error_t *err);

/* Whether, as the answer to a good prepared record tells, the session holds our prepared statements
 * and no other: else the next opening must not be PREPARED. */
bool transaction_still_prepared(PGresult *const *results, size_t count);

/* COMMIT of a transaction that had failed answers ROLLBACK, and no error: ERROR_DB_SQL here. */
MUST_CHECK status_t transaction_read_commit(PGresult *const *results, size_t count, error_t *err);

/*
 * Unknown outcome: after reconnecting and taking the tenant's session lock, ask this until it says
 * settled, then read the ledger by attempt. The lock alone tells it for backends that took the lock
 * (it is released after the commit is visible), the transaction id for all.
 */
void transaction_sql_settled(buffer_t *sql, const char *xid);
typedef enum transaction_fate {
    TRANSACTION_IN_PROGRESS,
    TRANSACTION_COMMITTED,
    TRANSACTION_ABORTED,
    TRANSACTION_FORGOTTEN, /* too old for the server to say; it is over */
    TRANSACTION_FATE_COUNT
} transaction_fate_t;
MUST_CHECK status_t transaction_read_settled(const PGresult *result, transaction_fate_t *ret_fate,
                                             error_t *err);

#endif
