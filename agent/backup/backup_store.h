/*
 * backup_store.h: the folder of backups: DIR/TENANT/TIME-BACKUP.dbk and its .manifest.
 *
 * A file appears under its final name only whole, read back and fsynced; before, it has the suffix
 * .partial. The order of a backup's last steps is manifest, then the data file's rename, so that
 * every half-finished state has a .partial in it. Only backup_sweep and backup_remove delete.
 */
#ifndef DROVER_AGENT_BACKUP_STORE_H
#define DROVER_AGENT_BACKUP_STORE_H

#include "agent/backup/backup_manifest.h"

#define BACKUP_DATA_SUFFIX ".dbk"
#define BACKUP_MANIFEST_SUFFIX ".manifest"
#define BACKUP_PARTIAL_SUFFIX ".partial"

typedef enum backup_state {
    BACKUP_PRESENT,      /* manifest verified, file there and of its size */
    BACKUP_UNTRUSTED,    /* manifest not signed by a trusted key, or changed */
    BACKUP_MISSING,      /* manifest good, file gone */
    BACKUP_SIZE_DIFFERS, /* manifest good, file of another size */
    BACKUP_STATE_COUNT
} backup_state_t;

typedef struct backup_entry {
    backup_state_t state;
    backup_manifest_t manifest; /* zeroed where UNTRUSTED */
    char *path;                 /* of the manifest; the list's */
    error_t why;                /* for other states than PRESENT */
} backup_entry_t;

typedef struct backup_list {
    backup_entry_t *entries; /* oldest first (by manifest time, then path) */
    size_t count;
} backup_list_t;

const char *backup_state_text(backup_state_t state);

/* Read every manifest below dir, or those of one tenant (NULL: all). Verifies signatures; reads no
 * backup. ERROR_IO, ERROR_NO_MEMORY. Release with backup_list_free. */
MUST_CHECK status_t backup_list_read(const char *dir, const ident_t *tenant_id,
                                     const backup_trust_t *trust, backup_list_t *ret_list,
                                     error_t *err);
void backup_list_free(backup_list_t *list);

/* Remove what killed workers left below dir; files that a living worker holds are passed over.
 * Call it when the agent starts. ret_removed (may be NULL) counts files. */
MUST_CHECK status_t backup_sweep(const char *dir, int64_t *ret_removed, error_t *err);

/* Remove one backup, in an order that a crash leaves recognisable to backup_sweep. */
MUST_CHECK status_t backup_remove(const char *manifest_path, error_t *err);

/* ERROR_BACKUP_NO_ROOM, naming both sizes, where dir's disk has less than this for us. */
MUST_CHECK status_t backup_room(const char *dir, uint64_t need_bytes, error_t *err);

/* Paths of one backup; buffers of 4096. ERROR_BOUND where dir is too long. */
typedef struct backup_paths {
    char folder[4096];
    char data[4096];
    char data_partial[4096];
    char manifest[4096];
    char manifest_partial[4096];
} backup_paths_t;
MUST_CHECK status_t backup_paths_make(const char *dir, const backup_manifest_t *manifest,
                                      backup_paths_t *ret_paths, error_t *err);

/* The data file's path from its manifest's. ERROR_INVALID where it has no .manifest suffix. */
MUST_CHECK status_t backup_data_path(const char *manifest_path, char ret_path[4096], error_t *err);

#endif
