/*
 * query.h: asking one prepared statement; for the files of this room only.
 *
 *     CLEANUP(query_end) query_t q = query_begin(store, STATEMENT_META_GET, err);
 *     query_text(&q, 1, key);
 *     TRY(query_next(&q, &row));
 *
 * A statement is prepared at its first use and kept. Binding and reading never fail in the middle
 * of a chain: the first error sticks, and query_run, query_next or query_check tell. Bound texts
 * and bytes are borrowed until query_end. Two open queries of one statement are a defect.
 */
#ifndef DROVER_STORE_QUERY_H
#define DROVER_STORE_QUERY_H

#include "common/base/digest.h"
#include "coordinator/engine/model.h"
#include "coordinator/store/driver.h"
#include "coordinator/store/store.h"
#include "coordinator/store/store_audit.h"

typedef enum statement_id {
#define X(name, kind, text) STATEMENT_##name,
#include "coordinator/store/statements.def"
#undef X
    STATEMENT_COUNT
} statement_id_t;

typedef enum statement_kind { STATEMENT_READ, STATEMENT_WRITE } statement_kind_t;

typedef struct statement_text {
    const char *name;
    statement_kind_t kind;
    const char *sql;
} statement_text_t;

/* Indexed by statement_id_t. */
extern const statement_text_t STATEMENTS[STATEMENT_COUNT];

struct store {
    driver_t *driver;
    char *bundles; /* folder, or NULL */
    bool in_transaction;
    bool spoiled; /* a write of the open transaction failed */
    bool in_use[STATEMENT_COUNT];
    driver_statement_t *statements[STATEMENT_COUNT]; /* NULL until first used */
    const store_audit_signer_t *audit_signer;        /* NULL: heads are not signed */
    store_audit_end_t audit;                         /* where the audit log stands */
    store_audit_end_t audit_begun;                   /* the same when the open transaction began */
};

typedef struct query {
    store_t *store;
    statement_id_t id;
    driver_statement_t *statement; /* NULL after a failed begin */
    const driver_ops_t *ops;
    error_t *err;
    bool failed;
} query_t;

query_t query_begin(store_t *store, statement_id_t id, error_t *err);
void query_end(query_t *query);

/* Bind parameter n, from 1. A NULL text is ''; a null id, key or digest is ''. */
void query_number(query_t *query, int n, int64_t value);
void query_flag(query_t *query, int n, bool value);
void query_text(query_t *query, int n, const char *text);
void query_bytes(query_t *query, int n, driver_bytes_t bytes);
void query_ident(query_t *query, int n, const ident_t *id);
void query_digest(query_t *query, int n, const digest_t *digest);
void query_key(query_t *query, int n, const agent_key_t *key);
void query_unsigned(query_t *query, int n, uint64_t value); /* as decimal text */
void query_error_code(query_t *query, int n, error_code_t code);

/* Run a write; ret_changed (may be NULL) gets the rows it touched. Afterwards the query may be
 * bound and run again. */
MUST_CHECK status_t query_run(query_t *query, int64_t *ret_changed);

/* Step to the next row. */
MUST_CHECK status_t query_next(query_t *query, bool *ret_row);

/* Whether anything failed so far. */
MUST_CHECK status_t query_check(const query_t *query);

/* Read a column of the row, from 0. Borrowed until the next row. */
int64_t query_number_at(query_t *query, int column);
bool query_flag_at(query_t *query, int column);
uint32_t query_u32_at(query_t *query, int column);
const char *query_text_at(query_t *query, int column);
driver_bytes_t query_bytes_at(query_t *query, int column);
ident_t query_ident_at(query_t *query, int column);
digest_t query_digest_at(query_t *query, int column);
agent_key_t query_key_at(query_t *query, int column);
uint64_t query_unsigned_at(query_t *query, int column);
error_code_t query_error_code_at(query_t *query, int column);

/* Read a number that must be below count: an enum as stored. */
uint32_t query_enum_at(query_t *query, int column, uint32_t count);

/* A copy in an arena. */
const char *query_keep_at(query_t *query, int column, arena_t *arena);

driver_bytes_t query_keep_bytes_at(query_t *query, int column, arena_t *arena);

/* The same for an engine's structs, which own their texts: in an arena, or on the heap where arena
 * is NULL. _or_null: NULL where it is ''. */
char *query_own_at(query_t *query, int column, arena_t *arena);
char *query_own_or_null_at(query_t *query, int column, arena_t *arena);

/* A page's bounds: "from the newest" is written as 0. */
int64_t query_newest(int64_t before);

/* Prepare every statement now: an error names the one that does not fit the schema. */
MUST_CHECK status_t query_prepare_all(store_t *store, error_t *err);

#endif
