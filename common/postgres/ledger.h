/*
 * ledger.h: drover.history, the truth about a tenant, as values: chain, signatures, fold.
 *
 * Rows are appended, never edited. Each row's digest covers its fields and the digest of the row
 * before it, and the agent signs the digest; so an edit, an insertion or a removal inside the chain
 * shows (a cut tail does not: the catalog and the agent keep each tenant's head). Every field is
 * chosen by the agent before the INSERT, none by the server. Pure apart from the SQL it builds.
 */
#ifndef DROVER_POSTGRES_LEDGER_H
#define DROVER_POSTGRES_LEDGER_H

#include "common/base/buffer.h"
#include "common/base/limits.h"
#include "common/crypto/sign.h"
#include "common/postgres/fence.h"

#include <libpq-fe.h>

typedef enum ledger_kind {
    LEDGER_APPLY,
    LEDGER_UNDO,
    LEDGER_BASELINE,   /* position and generation are taken as given */
    LEDGER_RESTORE,    /* opens a generation */
    LEDGER_ADOPT,      /* opens a generation */
    LEDGER_PATCH,      /* moves no position: it is where the tenant stands */
    LEDGER_REPEATABLE, /* same */
    LEDGER_KIND_COUNT
} ledger_kind_t;

/* "apply", "undo" …, as stored; and back: ERROR_INVALID for other words. */
const char *ledger_kind_text(ledger_kind_t kind);
MUST_CHECK status_t ledger_kind_parse(const char *text, ledger_kind_t *ret_kind, error_t *err);

enum { LEDGER_TEXT_SIZE = LIMIT_NAME_BYTES + 1, LEDGER_STAMP_SIZE = 129 };

/* A null digest or id is SQL NULL, and so is an empty stamp. Times are microseconds UTC. */
typedef struct ledger_row {
    ident_t tenant;
    char application[LEDGER_TEXT_SIZE];
    int64_t seq; /* 1 … without gap, over all generations */
    int32_t generation;
    ledger_kind_t kind;
    int32_t position; /* of the migration in its bundle: applied, or undone; a baseline's, restore's
                         or adopt's is where the tenant stands */
    char version[LEDGER_TEXT_SIZE];
    digest_t script; /* of what ran: the script, or for UNDO the forward script that is undone */
    digest_t undo;   /* of the undo script: known at APPLY, run at UNDO */
    digest_t bundle;
    ident_t order;
    ident_t rollout;
    ident_t job;
    ident_t attempt;
    int64_t epoch;
    ident_t incarnation;
    int64_t started_us;
    int64_t finished_us;
    char actor[LEDGER_TEXT_SIZE];
    digest_t strict;  /* schema fingerprint after the row */
    digest_t logical; /* same, without order, comments, grants */
    char stamp[LEDGER_STAMP_SIZE];
    digest_t cites;    /* RESTORE, ADOPT: head of the database that was left */
    digest_t previous; /* digest of the row before; null for seq 1 */
    digest_t digest;   /* of this row */
    sign_public_t agent;
    signature_t signature; /* agent's, over digest, under SIGN_LEDGER */
} ledger_row_t;

/* The digest of a row's canonical form: every field in order, `previous` included; digest, agent
 * and signature left out (the agent's key is bound by its signature). */
digest_t ledger_digest(const ledger_row_t *row);

/* Fill digest, agent and signature of a row that is otherwise complete. */
typedef struct ledger_signer {
    const sign_public_t *key;
    const sign_secret_t *secret;
} ledger_signer_t;
void ledger_seal(ledger_row_t *row, const ledger_signer_t *signer);

/*
 * Check rows (oldest first): seq without gap, previous matches, digest matches, signature matches
 * the key in the row. trusts may be NULL, else says whether an agent's key is known. Rows may start
 * in the middle: then the first one's `previous` is taken on trust. ERROR_LEDGER_EDITED names the
 * first bad row; *ret_bad (may be NULL) gets its index.
 */
typedef bool ledger_trusts_fn(const sign_public_t *agent, void *context);
typedef struct ledger_rows {
    const ledger_row_t *rows;
    size_t count;
} ledger_rows_t;
MUST_CHECK status_t ledger_verify_chain(ledger_rows_t rows, ledger_trusts_fn *trusts, void *context,
                                        size_t *ret_bad, error_t *err);

/* Where the tenant stands after some rows. */
typedef struct ledger_standing {
    int64_t seq; /* 0: no row */
    int32_t generation;
    int32_t position;               /* 0: nothing applied */
    char version[LEDGER_TEXT_SIZE]; /* of that position; "" where position is 0 or the row that
                                       applied it is not among those given */
    digest_t head;
} ledger_standing_t;

/* Fold rows, oldest first and from seq 1. APPLY must be position + 1, UNDO the position itself:
 * ERROR_LEDGER_EDITED otherwise. */
MUST_CHECK status_t ledger_fold(ledger_rows_t rows, ledger_standing_t *ret_standing, error_t *err);

/* Fold one more row into a standing (zeroed at start). */
MUST_CHECK status_t ledger_step(ledger_standing_t *standing, const ledger_row_t *row, error_t *err);

/* ---- SQL ---- */

typedef struct ledger_range {
    int64_t after_seq; /* rows with a higher seq */
    int most;          /* at most so many, oldest first */
} ledger_range_t;
void ledger_sql_read(buffer_t *sql, const fence_key_t *key, ledger_range_t range);
/* The rows that an attempt or a job wrote, oldest first: what happened to it after all. */
void ledger_sql_read_attempt(buffer_t *sql, const fence_key_t *key, const ident_t *attempt);
void ledger_sql_read_job(buffer_t *sql, const fence_key_t *key, const ident_t *job);

/* Read one row of such an answer; PQntuples says how many there are. */
MUST_CHECK status_t ledger_read(const PGresult *result, int index, ledger_row_t *ret_row,
                                error_t *err);

/* "(columns)" and the row's values in the same order, for an INSERT. */
extern const char LEDGER_COLUMNS[];
extern const char LEDGER_TYPES[]; /* of the columns, for a PREPARE */
enum { LEDGER_COLUMN_COUNT = 27, LEDGER_COLUMN_SEQ = 3, LEDGER_COLUMN_PREVIOUS = 24 };
void ledger_sql_values(buffer_t *sql, const ledger_row_t *row);
/* The same, with an expression of the caller's in the place of seq. */
void ledger_sql_values_with(buffer_t *sql, const ledger_row_t *row, const char *seq);

#endif
