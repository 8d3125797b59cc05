/*
 * store.h: the coordinator's catalog. One open store per catalog and process.
 *
 * Writes stand between store_begin and store_commit: many events, one commit. A write that fails
 * spoils its transaction: store_commit then refuses, and nothing of it stays. After a failed
 * commit the transaction is rolled back, what is on disk is what the last good commit left, and
 * the caller must throw its state in memory away and load it again. Reads are allowed anywhere and
 * see the open transaction's own writes.
 *
 * Rows are structs that borrow: given to a function that writes, their texts need live only for
 * the call; handed to a callback, only until it returns; read into an arena, as long as the arena.
 * A NULL text is written as ''; a text read into a row is never NULL. A callback may read other
 * rows and write, but must not use the list function that it is called from.
 *
 * One SQL text serves SQLite and PostgreSQL (statements.def); driver.h is the seam. Text is
 * compared by bytes: a PostgreSQL catalog must have the collation "C".
 */
#ifndef DROVER_STORE_STORE_H
#define DROVER_STORE_STORE_H

#include "common/base/arena.h"
#include "common/base/cleanup.h"
#include "common/base/ident.h"

typedef struct store store_t;

typedef struct store_options {
    const char *catalog;  /* path of the SQLite file, created where it is missing */
    const char *bundles;  /* folder of the bundles, created where it is missing; NULL: none */
    const char *software; /* recorded with the migrations that are applied */
    int64_t now_us;       /* wall clock */
} store_options_t;

/* Who this run of the coordinator is; (epoch, incarnation) is the fencing token. */
typedef struct store_identity {
    ident_t id;          /* of the catalog, drawn when it was made */
    uint64_t epoch;      /* one higher at every start */
    ident_t incarnation; /* drawn at every start */
} store_identity_t;

/*
 * Open the catalog, take sole ownership of it and bring its schema up to date.
 * ERROR_STORE_LOCKED names the process that holds it; STORE_VERSION: a newer program wrote it;
 * STORE_CHANGED: an applied migration differs from this program's; NOT_BUILT for postgresql://…;
 * DISK_FULL, IO, STORE.
 */
MUST_CHECK status_t store_open(const store_options_t *options, store_t **ret_store, error_t *err);

/* Roll back what is open, close the catalog and give up its ownership. */
void store_destroy(store_t **self);
DEFINE_CLEANUP(store_t, store_destroy)

/* Begin this run: raise the epoch and draw an incarnation, in a commit of its own. */
MUST_CHECK status_t store_start(store_t *store, store_identity_t *ret_identity, error_t *err);

/* The identity as the catalog has it. ERROR_STORE where it has none. */
MUST_CHECK status_t store_identity_get(store_t *store, store_identity_t *ret_identity,
                                       error_t *err);

/* Within a transaction: raise the epoch past one that somebody has seen, and draw an incarnation
 * anew. ERROR_STORE where no epoch is left. */
MUST_CHECK status_t store_raise(store_t *store, uint64_t above, store_identity_t *ret_identity,
                                error_t *err);

MUST_CHECK status_t store_begin(store_t *store, error_t *err);

/* On disk when STATUS_OK comes back; rolled back otherwise. DISK_FULL, STORE. */
MUST_CHECK status_t store_commit(store_t *store, error_t *err);

/* Give up the open transaction; none open is fine. */
void store_rollback(store_t *store);

bool store_in_transaction(const store_t *store);

/* A small fact of the catalog by name. NOT_FOUND where it was never written. */
MUST_CHECK status_t store_meta_get(store_t *store, const char *key, arena_t *arena,
                                   const char **ret_value, error_t *err);

typedef struct store_meta {
    const char *key;
    const char *value;
} store_meta_t;

MUST_CHECK status_t store_meta_put(store_t *store, const store_meta_t *meta, error_t *err);

#endif
