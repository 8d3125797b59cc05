/*
 * progress.h: drover.statement, how far a script outside a transaction has come.
 *
 * Each statement is recorded before (started) and after (done), each record in a transaction of its
 * own that passes the fence. A resumed attempt finds statements done, and at most one started,
 * whose fate it reads from the catalog. Records belong to the ledger row that the script is making
 * (its seq) and to the script's digest.
 */
#ifndef DROVER_POSTGRES_PROGRESS_H
#define DROVER_POSTGRES_PROGRESS_H

#include "common/postgres/ledger.h"

typedef enum progress_state {
    PROGRESS_STARTED,
    PROGRESS_DONE,
    PROGRESS_STATE_COUNT
} progress_state_t;

typedef struct progress_mark {
    fence_key_t key;
    fence_token_t token;
    int64_t seq;     /* of the ledger row to come: head + 1 */
    digest_t script; /* of the script that runs (the undo script, for an undo) */
    ident_t job;
    int32_t position;
    ledger_kind_t kind; /* LEDGER_APPLY or LEDGER_UNDO … */
    int32_t statement;  /* 1 … */
    progress_state_t state;
    int64_t at_us;
} progress_mark_t;

/*
 * One statement, a transaction by itself: passes the fence and writes the mark where the session
 * lock is held by this session and the fence passed. One row with verdicts comes back.
 */
void progress_sql_mark(buffer_t *sql, const progress_mark_t *mark);
/* FENCED, or TRANSACTION_ESCAPED where the session's lock is gone. */
MUST_CHECK status_t progress_read_mark(const PGresult *result, error_t *err);

/* Read back: rows (statement, state) of one script, in order. */
typedef struct progress_of {
    fence_key_t key;
    int64_t seq;
    digest_t script;
} progress_of_t;
void progress_sql_read(buffer_t *sql, const progress_of_t *of);

typedef struct progress_found {
    int32_t done;    /* statements 1 … done are done */
    int32_t started; /* the one that was started and not finished; 0: none */
    int64_t started_us;
} progress_found_t;
MUST_CHECK status_t progress_read(const PGresult *result, progress_found_t *ret_found,
                                  error_t *err);

#endif
