/*
 * statement_kind.c: see statement_kind.h. Source: the callers of PreventInTransactionBlock and
 * RequireTransactionBlock in PostgreSQL 15, and the Notes of each command's page in its manual.
 */
#include "common/migration/statement_kind.h"

#include "common/base/status.h"

typedef struct kind_row {
    const char *text;
    statement_where_t where;
} kind_row_t;

// clang-format off
static const kind_row_t kinds[STATEMENT_KIND_COUNT] = {
    [STATEMENT_ORDINARY]                  = {"a statement", STATEMENT_ANYWHERE},
    [STATEMENT_QUERY]                     = {"a query", STATEMENT_ANYWHERE},
    [STATEMENT_TRANSACTION]               = {"transaction control", STATEMENT_NOWHERE},
    [STATEMENT_COPY_CLIENT]               = {"COPY from or to the client", STATEMENT_NOWHERE},
    [STATEMENT_CREATE_INDEX_CONCURRENTLY] = {"CREATE INDEX CONCURRENTLY", STATEMENT_OUTSIDE_ONLY},
    [STATEMENT_DROP_INDEX_CONCURRENTLY]   = {"DROP INDEX CONCURRENTLY", STATEMENT_OUTSIDE_ONLY},
    [STATEMENT_REINDEX_CONCURRENTLY]      = {"REINDEX CONCURRENTLY", STATEMENT_OUTSIDE_ONLY},
    [STATEMENT_REINDEX_MANY]              = {"REINDEX SCHEMA, DATABASE or SYSTEM", STATEMENT_OUTSIDE_ONLY},
    [STATEMENT_VACUUM]                    = {"VACUUM", STATEMENT_OUTSIDE_ONLY},
    [STATEMENT_CLUSTER_ALL]               = {"CLUSTER without a table", STATEMENT_OUTSIDE_ONLY},
    [STATEMENT_DETACH_CONCURRENTLY]       = {"DETACH PARTITION CONCURRENTLY", STATEMENT_OUTSIDE_ONLY},
    [STATEMENT_CREATE_DATABASE]           = {"CREATE DATABASE", STATEMENT_OUTSIDE_ONLY},
    [STATEMENT_DROP_DATABASE]             = {"DROP DATABASE", STATEMENT_OUTSIDE_ONLY},
    [STATEMENT_MOVE_DATABASE]             = {"ALTER DATABASE SET TABLESPACE", STATEMENT_OUTSIDE_ONLY},
    [STATEMENT_CREATE_TABLESPACE]         = {"CREATE TABLESPACE", STATEMENT_OUTSIDE_ONLY},
    [STATEMENT_DROP_TABLESPACE]           = {"DROP TABLESPACE", STATEMENT_OUTSIDE_ONLY},
    [STATEMENT_ALTER_SYSTEM]              = {"ALTER SYSTEM", STATEMENT_OUTSIDE_ONLY},
    [STATEMENT_CREATE_SUBSCRIPTION]       = {"CREATE SUBSCRIPTION", STATEMENT_OUTSIDE_ONLY},
    [STATEMENT_ALTER_SUBSCRIPTION]        = {"ALTER SUBSCRIPTION that refreshes", STATEMENT_OUTSIDE_ONLY},
    [STATEMENT_DROP_SUBSCRIPTION]         = {"DROP SUBSCRIPTION", STATEMENT_OUTSIDE_ONLY},
    [STATEMENT_DISCARD_ALL]               = {"DISCARD ALL", STATEMENT_NOWHERE},
    [STATEMENT_LOCK_TABLE]                = {"LOCK TABLE", STATEMENT_INSIDE_ONLY},
};
// clang-format on

const char *statement_kind_text(statement_kind_t kind) {
    INVARIANT((unsigned)kind < STATEMENT_KIND_COUNT);
    return kinds[kind].text;
}

statement_where_t statement_kind_where(statement_kind_t kind) {
    INVARIANT((unsigned)kind < STATEMENT_KIND_COUNT);
    return kinds[kind].where;
}

bool statement_kind_transactional(statement_kind_t kind) {
    statement_where_t where = statement_kind_where(kind);
    return where == STATEMENT_ANYWHERE || where == STATEMENT_INSIDE_ONLY;
}
