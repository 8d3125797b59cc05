/*
 * backup_file.h: the few file operations of this room that must not be got wrong. ENOSPC, EDQUOT
 * and EFBIG become ERROR_DISK_FULL naming the file.
 */
#ifndef DROVER_AGENT_BACKUP_FILE_H
#define DROVER_AGENT_BACKUP_FILE_H

#include "common/base/error.h"

#include <stdint.h>

/* err for the current errno: "cannot WHAT PATH: …". */
status_t backup_file_error(error_t *err, const char *what, const char *path);

/* Write all of it. */
typedef struct backup_write {
    int fd;
    const char *path; /* for messages */
    const void *bytes;
    size_t size;
} backup_write_t;
MUST_CHECK status_t backup_file_write(const backup_write_t *what, error_t *err);

/* Fsync a folder, so that names in it last. */
MUST_CHECK status_t backup_file_sync_folder(const char *folder, error_t *err);

/* Make a folder (0700) if it is missing, durably. */
MUST_CHECK status_t backup_file_make_folder(const char *folder, error_t *err);

#endif
