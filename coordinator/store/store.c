/* store.c: opening, transactions, identity. See store.h. */
#include "coordinator/store/store.h"
#include "common/crypto/random.h"
#include "coordinator/store/migrate.h"
#include "coordinator/store/query.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static status_t open_driver(const char *catalog, driver_t **ret_driver, error_t *err) {
    if (strncmp(catalog, "postgresql://", 13) == 0 || strncmp(catalog, "postgres://", 11) == 0) {
        return error_set(err, ERROR_NOT_BUILT, "a catalog in PostgreSQL");
    }
    if (*catalog == '\0') {
        return error_set(err, ERROR_INVALID, "the catalog's path is empty");
    }
    return sqlite_driver_open(catalog, ret_driver, err);
}

static status_t open_bundles(store_t *store, const char *folder, error_t *err) {
    if (folder == NULL) {
        return STATUS_OK;
    }
    if (mkdir(folder, 0700) != 0 && errno != EEXIST) {
        return error_set(err, ERROR_IO, "cannot make the folder of bundles '%s': %s", folder,
                         strerror(errno));
    }
    store->bundles = strdup(folder);
    return store->bundles != NULL ? STATUS_OK
                                  : error_set(err, ERROR_NO_MEMORY, "out of memory for the store");
}

static status_t set_up(store_t *store, const store_options_t *options, error_t *err) {
    TRY(open_driver(options->catalog, &store->driver, err));
    TRY(open_bundles(store, options->bundles, err));
    migrate_plan_t plan = {.files = MIGRATE_FILES,
                           .count = MIGRATE_FILE_COUNT,
                           .software = options->software,
                           .now_us = options->now_us};
    TRY(migrate_apply(store, &plan, err));
    return store_audit_find_end(store, &store->audit, err);
}

status_t store_open(const store_options_t *options, store_t **ret_store, error_t *err) {
    CLEANUP(store_destroy_p) store_t *store = calloc(1, sizeof *store);
    if (store == NULL) {
        return error_set(err, ERROR_NO_MEMORY, "out of memory for the store");
    }
    if (set_up(store, options, err) != STATUS_OK) {
        return error_context(err, "opening catalog '%.100s'", options->catalog);
    }
    *ret_store = TAKE(store);
    return STATUS_OK;
}

void store_destroy(store_t **self) {
    if (self == NULL || *self == NULL) {
        return;
    }
    store_t *store = *self;
    if (store->driver != NULL) {
        store_rollback(store);
        for (int id = 0; id < STATEMENT_COUNT; id++) {
            if (store->statements[id] != NULL) {
                store->driver->ops->finalize(store->statements[id]);
            }
        }
        store->driver->ops->destroy(store->driver);
    }
    free(store->bundles);
    free(store);
    *self = NULL;
}

status_t store_begin(store_t *store, error_t *err) {
    INVARIANT(!store->in_transaction);
    TRY(store->driver->ops->begin(store->driver, err));
    store->in_transaction = true;
    store->spoiled = false;
    store->audit_begun = store->audit;
    return STATUS_OK;
}

void store_rollback(store_t *store) {
    if (store->in_transaction) {
        store->driver->ops->rollback(store->driver);
        store->in_transaction = false;
        store->audit = store->audit_begun;
    }
}

status_t store_commit(store_t *store, error_t *err) {
    INVARIANT(store->in_transaction);
    if (store->spoiled) {
        store_rollback(store);
        return error_set(err, ERROR_STORE, "a write failed, so its transaction was rolled back");
    }
    if (store->driver->ops->commit(store->driver, err) != STATUS_OK) {
        store_rollback(store);
        return STATUS_ERROR;
    }
    store->in_transaction = false;
    return STATUS_OK;
}

bool store_in_transaction(const store_t *store) {
    return store->in_transaction;
}

status_t store_meta_get(store_t *store, const char *key, arena_t *arena, const char **ret_value,
                        error_t *err) {
    CLEANUP(query_end) query_t query = query_begin(store, STATEMENT_META_GET, err);
    query_text(&query, 1, key);
    bool row = false;
    TRY(query_next(&query, &row));
    if (!row) {
        return error_set(err, ERROR_NOT_FOUND, "the catalog has no '%s'", key);
    }
    const char *value = query_keep_at(&query, 0, arena);
    TRY(query_check(&query));
    *ret_value = value;
    return STATUS_OK;
}

status_t store_meta_put(store_t *store, const store_meta_t *meta, error_t *err) {
    CLEANUP(query_end) query_t query = query_begin(store, STATEMENT_META_PUT, err);
    query_text(&query, 1, meta->key);
    query_text(&query, 2, meta->value);
    return query_run(&query, NULL);
}

static status_t put_ident(store_t *store, const char *key, const ident_t *id, error_t *err) {
    char text[IDENT_TEXT_SIZE];
    store_meta_t meta = {.key = key, .value = ident_text(id, text)};
    return store_meta_put(store, &meta, err);
}

/* The catalog's id: read, or drawn where this is its first start. */
static status_t own_id(store_t *store, ident_t *ret_id, error_t *err) {
    CLEANUP(arena_free) arena_t arena = {0};
    const char *text = NULL;
    if (store_meta_get(store, "coordinator", &arena, &text, err) == STATUS_OK) {
        return ident_parse(text, ret_id, err);
    }
    if (err->code != ERROR_NOT_FOUND) {
        return STATUS_ERROR;
    }
    ident_t id = random_ident();
    TRY(put_ident(store, "coordinator", &id, err));
    *ret_id = id;
    return STATUS_OK;
}

static status_t read_epoch(store_t *store, uint64_t *ret_epoch, error_t *err) {
    CLEANUP(arena_free) arena_t arena = {0};
    const char *text = "0";
    if (store_meta_get(store, "epoch", &arena, &text, err) != STATUS_OK &&
        err->code != ERROR_NOT_FOUND) {
        return STATUS_ERROR;
    }
    char *end = NULL;
    errno = 0;
    uint64_t epoch = strtoull(text, &end, 10);
    if (errno != 0 || *end != '\0' || epoch >= (uint64_t)INT64_MAX) {
        return error_set(err, ERROR_STORE, "the catalog's epoch is '%s'", text);
    }
    error_clear(err);
    *ret_epoch = epoch;
    return STATUS_OK;
}

/* Past the catalog's own and past one that was seen elsewhere. */
static status_t raise_epoch(store_t *store, uint64_t above, uint64_t *ret_epoch, error_t *err) {
    uint64_t epoch = 0;
    char value[24];
    TRY(read_epoch(store, &epoch, err));
    if (above >= (uint64_t)INT64_MAX) {
        return error_set(err, ERROR_STORE, "no epoch is left after %" PRIu64, above);
    }
    epoch = (epoch > above ? epoch : above) + 1;
    (void)snprintf(value, sizeof value, "%" PRIu64, epoch);
    store_meta_t meta = {.key = "epoch", .value = value};
    TRY(store_meta_put(store, &meta, err));
    *ret_epoch = epoch;
    return STATUS_OK;
}

status_t store_raise(store_t *store, uint64_t above, store_identity_t *ret_identity, error_t *err) {
    store_identity_t identity = {0};
    TRY(own_id(store, &identity.id, err));
    TRY(raise_epoch(store, above, &identity.epoch, err));
    identity.incarnation = random_ident();
    TRY(put_ident(store, "incarnation", &identity.incarnation, err));
    *ret_identity = identity;
    return STATUS_OK;
}

static status_t get_ident(store_t *store, const char *key, ident_t *ret_id, error_t *err) {
    CLEANUP(arena_free) arena_t arena = {0};
    const char *text = NULL;
    TRY(store_meta_get(store, key, &arena, &text, err));
    return ident_parse(text, ret_id, err);
}

status_t store_identity_get(store_t *store, store_identity_t *ret_identity, error_t *err) {
    store_identity_t identity = {0};
    if (get_ident(store, "coordinator", &identity.id, err) != STATUS_OK ||
        get_ident(store, "incarnation", &identity.incarnation, err) != STATUS_OK ||
        read_epoch(store, &identity.epoch, err) != STATUS_OK) {
        return error_context(err, "reading the catalog's identity");
    }
    *ret_identity = identity;
    return STATUS_OK;
}

status_t store_start(store_t *store, store_identity_t *ret_identity, error_t *err) {
    store_identity_t identity = {0};
    TRY(store_begin(store, err));
    if (store_raise(store, 0, &identity, err) != STATUS_OK) {
        store_rollback(store);
        return error_context(err, "raising the catalog's epoch");
    }
    TRY(store_commit(store, err));
    error_clear(err);
    *ret_identity = identity;
    return STATUS_OK;
}
