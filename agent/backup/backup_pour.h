/*
 * backup_pour.h: sealed bytes in, pg_dump's bytes out, everything checked on the way: each chunk's
 * authenticator, zstd's own checksum over the content, the end of both, and all sizes and the
 * sealed file's digest to compare with the manifest. Internal to this room.
 *
 * One cryptographic digest is enough: the sealed bytes and their key fix what they open to, that
 * fixes what it decompresses to, and zstd's checksum (XXH64, over what was fed to the compressor)
 * tells whether that is the dump. A frame without that checksum is refused. Digests of the two
 * inner layers would prove nothing more, for a twelfth of a backup's processor time.
 */
#ifndef DROVER_AGENT_BACKUP_POUR_H
#define DROVER_AGENT_BACKUP_POUR_H

#include "agent/backup/backup_manifest.h"

/* Takes the content as it comes out. */
typedef status_t (*backup_sink_t)(void *context, const void *bytes, size_t size, error_t *err);

typedef struct backup_layers {
    uint64_t plain_bytes;
    uint64_t compressed_bytes;
    uint64_t sealed_bytes;
    digest_t sealed;
} backup_layers_t;

typedef struct backup_pour backup_pour_t;

/* Where the content goes. */
typedef struct backup_outlet {
    backup_sink_t sink;
    void *context;
} backup_outlet_t;

/* Takes the reader over, whatever comes back. */
MUST_CHECK status_t backup_pour_new(sealed_reader_t **reader_p, const backup_outlet_t *outlet,
                                    backup_pour_t **ret_pour, error_t *err);
MUST_CHECK status_t backup_pour(backup_pour_t *pour, const void *bytes, size_t size, error_t *err);
MUST_CHECK status_t backup_pour_end(backup_pour_t *pour, backup_layers_t *ret_layers, error_t *err);
void backup_pour_destroy(backup_pour_t **pour_p);

/* ERROR_BACKUP_CORRUPT naming the layer where the two differ. */
MUST_CHECK status_t backup_layers_compare(const backup_layers_t *expected,
                                          const backup_layers_t *found, error_t *err);

/* The layers as a manifest has them. */
backup_layers_t backup_layers_of(const backup_manifest_t *manifest);

#endif
