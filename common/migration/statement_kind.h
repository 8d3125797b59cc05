/*
 * statement_kind.h: what a statement means to whoever runs it, as a table. Pure.
 */
#ifndef DROVER_MIGRATION_STATEMENT_KIND_H
#define DROVER_MIGRATION_STATEMENT_KIND_H

#include <stdbool.h>
#include <stddef.h>

/* Numbers stand in bundles: append only. */
typedef enum statement_kind {
    STATEMENT_ORDINARY,
    STATEMENT_QUERY,       /* answers rows and is no SELECT INTO */
    STATEMENT_TRANSACTION, /* BEGIN, COMMIT, ROLLBACK, SAVEPOINT, PREPARE TRANSACTION … */
    STATEMENT_COPY_CLIENT, /* COPY from stdin or to stdout */
    STATEMENT_CREATE_INDEX_CONCURRENTLY,
    STATEMENT_DROP_INDEX_CONCURRENTLY,
    STATEMENT_REINDEX_CONCURRENTLY,
    STATEMENT_REINDEX_MANY, /* REINDEX SCHEMA, DATABASE, SYSTEM */
    STATEMENT_VACUUM,
    STATEMENT_CLUSTER_ALL, /* CLUSTER without a table */
    STATEMENT_DETACH_CONCURRENTLY,
    STATEMENT_CREATE_DATABASE,
    STATEMENT_DROP_DATABASE,
    STATEMENT_MOVE_DATABASE, /* ALTER DATABASE … SET TABLESPACE */
    STATEMENT_CREATE_TABLESPACE,
    STATEMENT_DROP_TABLESPACE,
    STATEMENT_ALTER_SYSTEM,
    STATEMENT_CREATE_SUBSCRIPTION,
    STATEMENT_ALTER_SUBSCRIPTION, /* … REFRESH, or that refreshes */
    STATEMENT_DROP_SUBSCRIPTION,
    STATEMENT_DISCARD_ALL,
    STATEMENT_LOCK_TABLE, /* fails outside a transaction block */
    STATEMENT_KIND_COUNT
} statement_kind_t;

typedef enum statement_where {
    STATEMENT_ANYWHERE,     /* in a transaction block or outside */
    STATEMENT_OUTSIDE_ONLY, /* the server refuses it in a transaction block */
    STATEMENT_INSIDE_ONLY,  /* and this one outside */
    STATEMENT_NOWHERE       /* not in a script of ours */
} statement_where_t;

/* How the statement is written, for messages: "CREATE INDEX CONCURRENTLY". */
const char *statement_kind_text(statement_kind_t kind);

statement_where_t statement_kind_where(statement_kind_t kind);

/* Whether it may run in a transaction block. */
bool statement_kind_transactional(statement_kind_t kind);

#endif
