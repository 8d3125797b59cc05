/* file.h: whole files: read with a bound, written so that a crash leaves the old or the new one. */
#ifndef DROVER_CLI_FILE_H
#define DROVER_CLI_FILE_H

#include "common/base/buffer.h"

/* Append a file's bytes. buffer->limit bounds it. ERROR_NOT_FOUND, ERROR_IO, ERROR_BOUND. */
MUST_CHECK status_t file_read(const char *path, buffer_t *buffer, error_t *err);

/* Write beside it, fsync, rename over it; mode 0600. ERROR_IO, ERROR_DISK_FULL. */
MUST_CHECK status_t file_replace(const char *path, const buffer_t *text, error_t *err);

#endif
