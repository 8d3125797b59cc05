/* migrate.c: see migrate.h. */
#include "coordinator/store/migrate.h"
#include "common/crypto/hash.h"
#include "coordinator/store/query.h"

#include <string.h>

const char MIGRATE_TABLE[] = "CREATE TABLE IF NOT EXISTS catalog_migration ("
                             "number INTEGER NOT NULL PRIMARY KEY, "
                             "name TEXT NOT NULL, "
                             "digest TEXT NOT NULL, "
                             "software TEXT NOT NULL, "
                             "applied_us BIGINT NOT NULL)";

static digest_t digest_of(const migrate_file_t *file) {
    return hash_of(HASH_SCRIPT, file->text, *file->size);
}

/* The build made the plan; a gap in it is our mistake and must not reach a catalog. */
static status_t check_plan(const migrate_plan_t *plan, error_t *err) {
    for (size_t i = 0; i < plan->count; i++) {
        if (strtoul(plan->files[i].name, NULL, 10) != i + 1) {
            return error_set(err, ERROR_INTERNAL, "catalog migration '%s' stands in place %zu",
                             plan->files[i].name, i + 1);
        }
    }
    return STATUS_OK;
}

/* Compare one row of catalog_migration with the plan. */
static status_t check_row(query_t *query, const migrate_plan_t *plan, size_t expected,
                          error_t *err) {
    int64_t number = query_number_at(query, 0);
    if (number > (int64_t)plan->count) {
        return error_set(err, ERROR_STORE_VERSION,
                         "the catalog has migration '%s', this program knows %zu of them",
                         query_text_at(query, 1), plan->count);
    }
    if (number != (int64_t)expected) {
        return error_set(err, ERROR_STORE_CHANGED, "the catalog lacks migration %zu but has '%s'",
                         expected, query_text_at(query, 1));
    }
    const migrate_file_t *file = &plan->files[number - 1];
    digest_t known = query_digest_at(query, 2);
    TRY(query_check(query));
    digest_t built = digest_of(file);
    if (!digest_equal(&known, &built)) {
        char texts[2][DIGEST_TEXT_SIZE];
        return error_set(err, ERROR_STORE_CHANGED,
                         "catalog migration '%s' was applied with digest %s, this program has %s",
                         file->name, digest_text(&known, texts[0]), digest_text(&built, texts[1]));
    }
    return STATUS_OK;
}

static status_t check_applied(store_t *store, const migrate_plan_t *plan, size_t *ret_applied,
                              error_t *err) {
    CLEANUP(query_end) query_t query = query_begin(store, STATEMENT_MIGRATION_LIST, err);
    size_t applied = 0;
    for (bool row = true;; applied++) {
        TRY(query_next(&query, &row));
        if (!row) {
            break;
        }
        TRY(check_row(&query, plan, applied + 1, err));
    }
    *ret_applied = applied;
    return STATUS_OK;
}

static status_t insert_row(store_t *store, const migrate_plan_t *plan, size_t at, error_t *err) {
    digest_t digest = digest_of(&plan->files[at]);
    CLEANUP(query_end) query_t query = query_begin(store, STATEMENT_MIGRATION_INSERT, err);
    query_number(&query, 1, (int64_t)at + 1);
    query_text(&query, 2, plan->files[at].name);
    query_digest(&query, 3, &digest);
    query_text(&query, 4, plan->software);
    query_number(&query, 5, plan->now_us);
    return query_run(&query, NULL);
}

static status_t apply_one(store_t *store, const migrate_plan_t *plan, size_t at, error_t *err) {
    TRY(store_begin(store, err));
    status_t status = store->driver->ops->exec(store->driver, plan->files[at].text, err);
    if (status == STATUS_OK) {
        status = insert_row(store, plan, at, err);
    }
    if (status == STATUS_OK) {
        status = store_commit(store, err);
    }
    if (status != STATUS_OK) {
        store_rollback(store);
        return error_context(err, "catalog migration '%s'", plan->files[at].name);
    }
    return STATUS_OK;
}

status_t migrate_apply(store_t *store, const migrate_plan_t *plan, error_t *err) {
    TRY(check_plan(plan, err));
    TRY(store->driver->ops->exec(store->driver, MIGRATE_TABLE, err));
    size_t applied = 0;
    TRY(check_applied(store, plan, &applied, err));
    for (size_t i = applied; i < plan->count; i++) {
        TRY(apply_one(store, plan, i, err));
    }
    return STATUS_OK;
}
