/*
 * store_bundle.h: bundles. A row in the catalog, the bytes as a file named by its digest.
 *
 * The file is whole and on disk before its row is committed: written as .partial, synced, renamed.
 * A file without a row is left over from a transaction that failed; pushing it again uses it.
 */
#ifndef DROVER_STORE_STORE_BUNDLE_H
#define DROVER_STORE_STORE_BUNDLE_H

#include "coordinator/store/store.h"

#include "common/base/digest.h"

typedef struct bundle_row {
    digest_t digest;
    const char *application;
    const char *head; /* version of the last migration */
    uint32_t migrations;
    int64_t size_bytes;
    uint32_t signatures;
    const char *pushed_by;
    int64_t pushed_us;
} bundle_row_t;

/* Write the file and the row; the caller has checked bytes against the digest. The same digest
 * again answers new = false; more signatures than before replace file and row. bundle->size_bytes
 * is the size of bytes. IO, DISK_FULL. */
MUST_CHECK status_t store_bundle_put(store_t *store, const bundle_row_t *bundle, const void *bytes,
                                     bool *ret_new, error_t *err);

/* The same for a file that is there already, whole and synced, in the folder of the bundles: it
 * takes the bundle's name, or stays where nothing is written. */
MUST_CHECK status_t store_bundle_adopt(store_t *store, const bundle_row_t *bundle, const char *path,
                                       bool *ret_new, error_t *err);

/* By a digest, the beginning of one (8 characters or more), or application@version, where the
 * newest pushed wins. BUNDLE_UNKNOWN; INVALID where a beginning fits several. */
MUST_CHECK status_t store_bundle_find(store_t *store, const char *text, arena_t *arena,
                                      bundle_row_t *ret_bundle, error_t *err);

/* Part of a bundle's file. */
typedef struct bundle_part {
    digest_t digest;
    uint64_t offset;
    void *buffer; /* the caller's */
    size_t room;  /* bytes wanted at most */
} bundle_part_t;

typedef struct bundle_part_read {
    size_t size;    /* bytes read, 0 at the end */
    uint64_t total; /* bytes of the whole file */
} bundle_part_read_t;

/* Read a part; what is in the file is not checked here. BUNDLE_UNKNOWN, IO. */
MUST_CHECK status_t store_bundle_read(store_t *store, const bundle_part_t *part,
                                      bundle_part_read_t *ret_read, error_t *err);

typedef status_t store_bundle_fn(void *context, const bundle_row_t *bundle, error_t *err);

/* Every bundle, newest first; application NULL is any. */
MUST_CHECK status_t store_bundle_each(store_t *store, const char *application, store_bundle_fn *fn,
                                      void *context, error_t *err);

#endif
