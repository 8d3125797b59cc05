/*
 * schema.h: the schema `drover` in a tenant's database, as numbered scripts embedded at build time
 * from migrations/tenant/. It is made and owned by Drover's login; nobody else has rights in it.
 */
#ifndef DROVER_POSTGRES_SCHEMA_H
#define DROVER_POSTGRES_SCHEMA_H

#include "common/base/buffer.h"
#include "common/base/digest.h"

typedef struct schema_script {
    int version;      /* 1 … */
    const char *name; /* "0001_ledger" */
    const char *sql;
} schema_script_t;

/* The scripts in order; the last one's version is the newest that this program knows. */
const schema_script_t *schema_scripts(size_t *ret_count);
int schema_version(void);

/*
 * Append the scripts after version `from` (0: none is there), each with its row in
 * drover.schema_version, for one transaction that the caller opens and commits. The session must be
 * pinned and its role none.
 */
void schema_sql_install(buffer_t *sql, int from);

#endif
