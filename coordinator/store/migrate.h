/*
 * migrate.h: bring a catalog's schema up to date with this program's.
 *
 * The files of migrations/catalog are built into the program. Each is applied in one transaction
 * together with its row in catalog_migration, in order, once. An applied file never changes: its
 * digest is compared at every start.
 */
#ifndef DROVER_STORE_MIGRATE_H
#define DROVER_STORE_MIGRATE_H

#include "coordinator/store/store.h"

typedef struct migrate_file {
    const char *name; /* "0001_core.sql": the number leads */
    const char *text;
    const size_t *size;
} migrate_file_t;

typedef struct migrate_plan {
    const migrate_file_t *files; /* numbers 1, 2, … in order */
    size_t count;
    const char *software;
    int64_t now_us;
} migrate_plan_t;

/* The program's own files; made by the build. */
extern const migrate_file_t MIGRATE_FILES[];
extern const size_t MIGRATE_FILE_COUNT;

/* The statement that makes catalog_migration, which keeps what was applied. */
extern const char MIGRATE_TABLE[];

/* Apply what is missing. STORE_VERSION where the catalog has more than the plan; STORE_CHANGED with
 * both digests where an applied one differs; INTERNAL for a plan with a gap. */
MUST_CHECK status_t migrate_apply(store_t *store, const migrate_plan_t *plan, error_t *err);

#endif
