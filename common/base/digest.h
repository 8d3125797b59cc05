/*
 * digest.h: 256-bit digests as values, and hexadecimal. Computing one is crypto's (hash.h).
 */
#ifndef DROVER_BASE_DIGEST_H
#define DROVER_BASE_DIGEST_H

#include "common/base/error.h"

#include <stdint.h>

enum {
    DIGEST_BYTES = 32,
    DIGEST_TEXT_SIZE = 65, /* with the terminator */
};

typedef struct digest {
    uint8_t bytes[DIGEST_BYTES];
} digest_t;

bool digest_equal(const digest_t *a, const digest_t *b);
bool digest_is_null(const digest_t *digest);

/* Write 64 lower-case hexadecimal digits; answers buffer. */
const char *digest_text(const digest_t *digest, char buffer[DIGEST_TEXT_SIZE]);

/* Read 64 hexadecimal digits. ERROR_INVALID where they are none. */
MUST_CHECK status_t digest_parse(const char *text, digest_t *ret_digest, error_t *err);

/* Hexadecimal of any bytes; buffer holds 2 * size + 1 characters. */
const char *hex_text(const void *bytes, size_t size, char *buffer);

/* Read exactly size bytes of hexadecimal. ERROR_INVALID where the text is no such thing. */
MUST_CHECK status_t hex_parse(const char *text, size_t size, uint8_t *ret_bytes, error_t *err);

#endif
