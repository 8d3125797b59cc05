/*
 * bundle.h: a directory of migrations frozen into one file.
 *
 * Invariants: a bundle in memory has been checked whole (bounds, sizes, every digest, UTF-8,
 * positions without gap, versions without duplicate, every signature present is its key's) before
 * its first field can be read; it never changes afterwards except that signatures are added.
 * Building is deterministic: the same directory gives the same bytes.
 *
 * File: 56 bytes of header (magic, format, manifest size, number of signatures, zero, bundle
 * digest), 32 places for a key and its signature (ascending by key, the unused ones zero), the
 * manifest (proto/bundle.proto), then each script followed by one NUL, by migration and script
 * kind. Numbers are big-endian. Places are fixed so that signing moves no script.
 *
 * The bundle's digest is hash(HASH_BUNDLE, manifest bytes), which name every script's digest;
 * signatures are over the manifest bytes under SIGN_BUNDLE. Neither depends on the signatures.
 */
#ifndef DROVER_MIGRATION_BUNDLE_H
#define DROVER_MIGRATION_BUNDLE_H

#include "common/crypto/sign.h"
#include "common/migration/directory.h"

enum {
    BUNDLE_FORMAT = 1,
    BUNDLE_SIGNATURES = 32, /* most in one bundle */
    BUNDLE_MAJORS = 16,
    BUNDLE_STATEMENTS = 100000, /* most that one manifest lists */
    BUNDLE_MANIFEST_BYTES = 16 * 1024 * 1024,
};

/* Numbers stand in bundles: append only. Repeatable and patch come later, under numbers of theirs.
 */
typedef enum bundle_kind { BUNDLE_VERSIONED, BUNDLE_KIND_COUNT } bundle_kind_t;

typedef struct bundle_statement {
    size_t offset; /* in the script's text */
    size_t length;
    statement_kind_t kind;
    const char *index_schema; /* "" where not written */
    const char *index_name;
    const char *table_schema;
    const char *table_name;
} bundle_statement_t;

typedef struct bundle_script {
    const char *text; /* followed by a NUL */
    size_t size;
    digest_t digest;
    bool transactional;           /* false: transaction=none */
    int64_t lock_timeout_ms;      /* -1: not said */
    int64_t statement_timeout_ms; /* -1: not said */
    size_t statement_count;
    /* statement_count of them for a verify or check script and for one that is not transactional,
     * so that the agent need not parse; else NULL */
    const bundle_statement_t *statements; /* ascending by offset */
} bundle_script_t;

typedef struct bundle_backfill {
    const char *table;
    const char *key;
    uint32_t batch;
    int64_t pause_ms;
} bundle_backfill_t;

typedef struct bundle_migration {
    const char *version; /* "V001" */
    uint32_t position;   /* from 1 */
    const char *description;
    bundle_kind_t kind;
    phase_t phase;
    const char *irreversible;                     /* the reason, or "" */
    const bundle_backfill_t *backfill;            /* NULL where there is none */
    const bundle_script_t *scripts[SCRIPT_COUNT]; /* NULL where there is none; up never is */
} bundle_migration_t;

typedef struct bundle bundle_t; /* opaque; what accessors answer lives as long as it */

typedef struct bundle_options {
    const char *application; /* letters, digits, _ - . after a letter; at most LIMIT_NAME_BYTES */
    const uint32_t *majors;  /* PostgreSQL majors it is for, ascending; none is any */
    size_t major_count;
} bundle_options_t;

/* Freeze a directory. ERROR_LINT where its findings hold errors, ERROR_BOUND past
 * LIMIT_BUNDLE_BYTES, ERROR_INVALID for the options. The caller destroys the bundle. */
MUST_CHECK status_t bundle_build(const directory_t *directory, const bundle_options_t *options,
                                 bundle_t **ret_bundle, error_t *err);

/* Read a bundle out of memory (a file, or chunks put together again); copies what it needs.
 * ERROR_BUNDLE_INVALID says what is wrong; ERROR_BOUND past LIMIT_BUNDLE_BYTES. */
MUST_CHECK status_t bundle_read(const void *bytes, size_t size, bundle_t **ret_bundle,
                                error_t *err);

/* Read a bundle file. ERROR_NOT_FOUND, ERROR_IO, else as bundle_read. */
MUST_CHECK status_t bundle_open(const char *path, bundle_t **ret_bundle, error_t *err);

/* Write a bundle to a file: beside it, fsynced, then renamed over it. ERROR_IO, ERROR_DISK_FULL. */
MUST_CHECK status_t bundle_write(const bundle_t *bundle, const char *path, error_t *err);

/* Add this key's signature; signing twice with one key changes nothing. ERROR_BOUND past
 * BUNDLE_SIGNATURES. */
MUST_CHECK status_t bundle_sign(bundle_t *bundle, const sign_secret_t *secret, error_t *err);

/* What a signer elsewhere (HSM, KMS, CI) signs with Ed25519: 32 bytes. */
digest_t bundle_to_sign(const bundle_t *bundle);

/* Add a signature made elsewhere. ERROR_SIGNATURE where it is not this key's. */
MUST_CHECK status_t bundle_add_signature(bundle_t *bundle, const sign_public_t *key,
                                         const signature_t *signature, error_t *err);

/* Whether at least threshold distinct ones of the keys have signed; a threshold of 0 is refused.
 * ERROR_BUNDLE_UNSIGNED. */
MUST_CHECK status_t bundle_verify(const bundle_t *bundle, const sign_public_t *keys, size_t count,
                                  size_t threshold, error_t *err);

/* The keys that signed, ascending; each signature was checked when it came in. Whether a key is
 * one to trust is bundle_verify's. */
size_t bundle_signer_count(const bundle_t *bundle);
const sign_public_t *bundle_signer(const bundle_t *bundle, size_t index);
const signature_t *bundle_signature(const bundle_t *bundle, size_t index);

const digest_t *bundle_digest(const bundle_t *bundle);
const char *bundle_application(const bundle_t *bundle);
size_t bundle_major_count(const bundle_t *bundle);
uint32_t bundle_major(const bundle_t *bundle, size_t index);

/* Whether it may run on this major: it is listed, or none is. */
bool bundle_suits_major(const bundle_t *bundle, uint32_t major);

/* The whole file as bytes, for chunks; a signature added later shows in them. */
text_span_t bundle_bytes(const bundle_t *bundle);

/* Migrations, index 0 … count - 1; index i has position i + 1. */
size_t bundle_count(const bundle_t *bundle);
const bundle_migration_t *bundle_migration(const bundle_t *bundle, size_t index);

/* Position of a version ("V007"; "7" and "v7" find it too), or 0 where there is none. */
uint32_t bundle_position_of_version(const bundle_t *bundle, const char *version);

/* Whether newer continues older: every migration of older stands unchanged in newer, at its
 * position. ERROR_BUNDLE_CHANGED names the file and both digests. */
MUST_CHECK status_t bundle_compare(const bundle_t *older, const bundle_t *newer, error_t *err);

/* The same against the directory as it stands now. */
MUST_CHECK status_t bundle_compare_with_directory(const bundle_t *older,
                                                  const directory_t *directory, error_t *err);

/* The name that an application may have. ERROR_INVALID. */
MUST_CHECK status_t bundle_check_application(const char *name, error_t *err);

void bundle_destroy(bundle_t **bundle_p);
DEFINE_CLEANUP(bundle_t, bundle_destroy)

#endif
