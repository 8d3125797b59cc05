/*
 * bundle_internal.h: what bundle's files share: the layout of the bytes, and the checked views.
 */
#ifndef DROVER_MIGRATION_BUNDLE_INTERNAL_H
#define DROVER_MIGRATION_BUNDLE_INTERNAL_H

#include "common/base/buffer.h"
#include "common/migration/bundle.h"
#include "proto/bundle.pb-c.h"

#define BUNDLE_MAGIC "DRVBNDL\n"

enum {
    BUNDLE_AT_FORMAT = 8,
    BUNDLE_AT_MANIFEST_SIZE = 12,
    BUNDLE_AT_SIGNED = 16, /* how many places are taken */
    BUNDLE_AT_ZERO = 20,
    BUNDLE_AT_DIGEST = 24,
    BUNDLE_AT_PLACES = 56,
    BUNDLE_PLACE_BYTES = SIGN_PUBLIC_BYTES + SIGN_SIGNATURE_BYTES,
    BUNDLE_AT_MANIFEST = BUNDLE_AT_PLACES + BUNDLE_SIGNATURES * BUNDLE_PLACE_BYTES,
};

/* One place for a signature as it lies in the file; bytes only, so that it can be pointed at. */
typedef struct bundle_place {
    sign_public_t key;
    signature_t signature;
} bundle_place_t;

struct bundle {
    char *bytes; /* the whole file */
    size_t size;
    size_t manifest_size;
    digest_t digest;
    Drover__Bundle__Manifest *manifest; /* texts that the views below borrow */
    bundle_migration_t *migrations;     /* count */
    size_t count;
    bundle_script_t *scripts;       /* of all migrations, by position and kind */
    bundle_statement_t *statements; /* of all scripts */
    bundle_backfill_t *backfills;   /* count; those of migrations that have one */
    const char **versions;          /* count, ascending: for looking one up */
    uint32_t *positions;            /* of the same */
};

/* How many of each a manifest holds, before it is unpacked. */
typedef struct manifest_counts {
    size_t migrations;
    size_t scripts;
    size_t statements;
} manifest_counts_t;

/*
 * Walk a manifest's bytes without allocating: every field known, of its type, once unless it is a
 * list, in bounds, texts well-formed; lists no longer than their bound. Only what passes may be
 * unpacked. ERROR_BUNDLE_INVALID.
 */
MUST_CHECK status_t manifest_scan(text_span_t bytes, manifest_counts_t *ret_counts, error_t *err);

/* Check what an unpacked manifest says about itself. ERROR_BUNDLE_INVALID. */
MUST_CHECK status_t manifest_check(const Drover__Bundle__Manifest *manifest, error_t *err);

/* Read a bundle out of bytes that it takes over, whatever comes back. */
MUST_CHECK status_t bundle_adopt(char *bytes, size_t size, bundle_t **ret_bundle, error_t *err);

uint32_t bundle_get_u32(const char *bytes);
void bundle_put_u32(char *bytes, uint32_t number);

/* Signatures in the file, and the place at index. */
size_t bundle_signed(const bundle_t *bundle);
const bundle_place_t *bundle_place(const bundle_t *bundle, size_t index);

text_span_t bundle_manifest_bytes(const bundle_t *bundle);

#endif
