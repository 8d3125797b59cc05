/*
 * trust_file.h: documents on disk. The one place of this room that does I/O. A reader sees a whole
 * old file or a whole new one, never half; a write that answered OK survives a power cut.
 */
#ifndef DROVER_TRUST_TRUST_FILE_H
#define DROVER_TRUST_TRUST_FILE_H

#include "common/trust/document.h"

/* ERROR_NOT_FOUND, ERROR_IO, ERROR_BOUND, else as document_decode_file. */
MUST_CHECK status_t trust_file_read(const char *path, document_t **ret_document, error_t *err);

/* Write beside the path, fsync, rename over it, fsync the folder. ERROR_IO, ERROR_DISK_FULL. */
MUST_CHECK status_t trust_file_write(const document_t *document, const char *path, error_t *err);

#endif
