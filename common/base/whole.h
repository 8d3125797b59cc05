/*
 * whole.h: files that are read whole, and replaced whole: a reader sees the old one or the new one,
 * never half, and after a power cut, too.
 * Sources: rename(2), fsync(2) of file and folder.
 */
#ifndef DROVER_BASE_WHOLE_H
#define DROVER_BASE_WHOLE_H

#include "common/base/error.h"

#include <sys/types.h>

/* A regular file of at most so many bytes; what names its kind for messages ("a bundle"). */
typedef struct whole_source {
    const char *path;
    size_t most_bytes;
    const char *what;
} whole_source_t;

/* Read it. *ret_bytes is the caller's to free and has a NUL behind its last byte. ERROR_NOT_FOUND,
 * IO, BOUND, NO_MEMORY. */
MUST_CHECK status_t whole_read(const whole_source_t *source, char **ret_bytes, size_t *ret_size,
                               error_t *err);

/* Where to, and with which rights, of which the umask takes its share. */
typedef struct whole_target {
    const char *path;
    mode_t mode;
} whole_target_t;

/* Write beside it, fsync, rename over it. Nothing is left behind on failure. ERROR_NOT_FOUND where
 * the folder is missing, DISK_FULL, IO. */
MUST_CHECK status_t whole_replace(const whole_target_t *target, const void *bytes, size_t size,
                                  error_t *err);

#endif
