/*
 * buffer.h: a growing run of bytes, always followed by a NUL that is not counted.
 *
 * A buffer_t lives in its owner (zeroed is empty) and is released by buffer_free. Appending never
 * fails in the middle of a chain: an allocation that fails or a passed bound makes the buffer
 * "failed", later appends do nothing, and buffer_check tells at the end.
 */
#ifndef DROVER_BASE_BUFFER_H
#define DROVER_BASE_BUFFER_H

#include "common/base/error.h"

typedef struct buffer {
    char *data;   /* NULL while empty, else NUL-terminated */
    size_t size;  /* bytes in use, without the NUL */
    size_t room;  /* bytes allocated */
    size_t limit; /* most bytes that may be held; 0 is no limit */
    bool failed;  /* out of memory, or past the limit */
} buffer_t;

void buffer_append(buffer_t *buffer, const void *bytes, size_t size);
void buffer_text(buffer_t *buffer, const char *text);
void buffer_char(buffer_t *buffer, char c);
void buffer_format(buffer_t *buffer, const char *format, ...) PRINTF_LIKE(2, 3);

/* The text so far, never NULL; borrowed until the next append. */
const char *buffer_string(const buffer_t *buffer);

/* Forget the content, keep the memory. */
void buffer_clear(buffer_t *buffer);

/* ERROR_NO_MEMORY or ERROR_BOUND where an append failed. */
MUST_CHECK status_t buffer_check(const buffer_t *buffer, error_t *err);

/* Hand the memory to the caller, who frees it; the buffer is empty afterwards. NULL when empty. */
char *buffer_take(buffer_t *buffer);

/* Release the memory; a zeroed or freed buffer is fine. Usable with CLEANUP. */
void buffer_free(buffer_t *buffer);

#endif
