/*
 * backup_manifest.h: the signed account of one backup, beside its file.
 *
 *     drover backup manifest 1
 *     key: the agent's public key, hexadecimal
 *     signature: hexadecimal, SIGN_BACKUP over every byte after the empty line
 *
 *     { … JSON … }
 *
 * The JSON's bytes are verified before they are parsed and never written again to verify. Times are
 * microseconds since 1970 UTC; 64-bit sizes and times travel as JSON integers.
 */
#ifndef DROVER_AGENT_BACKUP_MANIFEST_H
#define DROVER_AGENT_BACKUP_MANIFEST_H

#include "common/base/buffer.h"
#include "common/base/digest.h"
#include "common/base/ident.h"
#include "common/base/limits.h"
#include "common/crypto/sealed.h"
#include "common/crypto/sign.h"

enum {
    BACKUP_MANIFEST_MAX = 64 * 1024,
    BACKUP_TEXT_MAX = 256, /* of cluster, database, versions, file: with the terminator */
    BACKUP_LSN_MAX = 32,
};

/* What is in the file, in order of the layers; part of the format. */
#define BACKUP_FORMAT "pg_dump custom, zstd, drover sealed 1"

typedef struct backup_manifest {
    /* The caller's facts, fixed before the dump starts. */
    ident_t backup_id;
    ident_t tenant_id;
    ident_t rollout_id;                        /* null: none */
    ident_t job_id;                            /* null: none */
    char tenant_name[LIMIT_NAME_BYTES + 1];    /* as the agent's configuration calls it */
    char application[LIMIT_NAME_BYTES + 1];    /* whose ledger the head below is */
    char cluster[BACKUP_TEXT_MAX];             /* system identifier */
    char database[BACKUP_TEXT_MAX];            /* name at the time */
    char owner[BACKUP_TEXT_MAX];               /* of the database */
    char ledger_version[LIMIT_NAME_BYTES + 1]; /* version that the tenant stood at; "" for none */
    int64_t server_version;                    /* server_version_num */
    char lsn[BACKUP_LSN_MAX];                  /* pg_current_wal_lsn() before the dump began */
    digest_t fingerprint_strict;               /* null: not taken */
    digest_t fingerprint_logical;              /* null: not taken */
    digest_t ledger_head;                      /* null: no ledger yet */

    /* Filled by the worker. */
    char tool_version[BACKUP_TEXT_MAX]; /* pg_dump --version */
    char file[BACKUP_TEXT_MAX];         /* name of the sealed file, without its folder */
    int64_t started_us;
    int64_t finished_us;
    uint64_t plain_bytes; /* pg_dump's output */
    uint64_t compressed_bytes;
    uint64_t sealed_bytes; /* size of the file */
    digest_t sealed;       /* HASH_BACKUP of the file; see backup_pour.h on the layers within */
    int32_t recipient_count;
    seal_public_t recipients[SEALED_RECIPIENTS_MAX];
} backup_manifest_t;

/* JSON of a manifest. ERROR_INVALID where a text is no UTF-8. */
MUST_CHECK status_t backup_manifest_encode(const backup_manifest_t *manifest, buffer_t *ret_json,
                                           error_t *err);

/* Read such JSON, strictly: every field, each of its type, nothing else. ERROR_BACKUP_CORRUPT. */
typedef struct backup_bytes {
    const void *data;
    size_t size;
} backup_bytes_t;
MUST_CHECK status_t backup_manifest_decode(backup_bytes_t json, backup_manifest_t *ret_manifest,
                                           error_t *err);

/* Who signs; who may have signed. */
typedef struct backup_signer {
    const sign_public_t *key;
    const sign_secret_t *secret;
} backup_signer_t;

typedef struct backup_trust {
    const sign_public_t *keys; /* the agent's key, and those it had before */
    size_t count;
} backup_trust_t;

/* The whole file's bytes, signed. */
MUST_CHECK status_t backup_manifest_seal(const backup_manifest_t *manifest,
                                         const backup_signer_t *signer, buffer_t *ret_file,
                                         error_t *err);

/*
 * Verify and read a file's bytes. ERROR_SIGNATURE where the key is not trusted or the signature is
 * not its own; ERROR_BACKUP_CORRUPT where the text is no manifest.
 */
MUST_CHECK status_t backup_manifest_open(backup_bytes_t file, const backup_trust_t *trust,
                                         backup_manifest_t *ret_manifest, error_t *err);

/* The same of a file; ERROR_IO or ERROR_NOT_FOUND where it cannot be read. */
MUST_CHECK status_t backup_manifest_read(const char *path, const backup_trust_t *trust,
                                         backup_manifest_t *ret_manifest, error_t *err);

#endif
