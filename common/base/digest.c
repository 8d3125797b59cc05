/* digest.c: see digest.h. */
#include "common/base/digest.h"

#include <string.h>

static const char HEX[] = "0123456789abcdef";

static int hex_value(char c) {
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }
    if (c >= 'A' && c <= 'F') {
        return c - 'A' + 10;
    }
    return -1;
}

bool digest_equal(const digest_t *a, const digest_t *b) {
    return memcmp(a->bytes, b->bytes, DIGEST_BYTES) == 0;
}

bool digest_is_null(const digest_t *digest) {
    static const digest_t NONE;
    return digest_equal(digest, &NONE);
}

const char *digest_text(const digest_t *digest, char buffer[DIGEST_TEXT_SIZE]) {
    return hex_text(digest->bytes, DIGEST_BYTES, buffer);
}

status_t digest_parse(const char *text, digest_t *ret_digest, error_t *err) {
    digest_t digest;
    TRY(hex_parse(text, DIGEST_BYTES, digest.bytes, err));
    *ret_digest = digest;
    return STATUS_OK;
}

const char *hex_text(const void *bytes, size_t size, char *buffer) {
    const uint8_t *from = bytes;
    for (size_t i = 0; i < size; i++) {
        buffer[2 * i] = HEX[from[i] >> 4];
        buffer[2 * i + 1] = HEX[from[i] & 0x0F];
    }
    buffer[2 * size] = '\0';
    return buffer;
}

status_t hex_parse(const char *text, size_t size, uint8_t *ret_bytes, error_t *err) {
    if (strlen(text) != 2 * size) {
        return error_set(err, ERROR_INVALID,
                         "expected %zu hexadecimal digits, found %zu characters", 2 * size,
                         strlen(text));
    }
    for (size_t i = 0; i < 2 * size; i++) {
        if (hex_value(text[i]) < 0) {
            return error_set(err, ERROR_INVALID, "'%c' at position %zu is no hexadecimal digit",
                             text[i], i + 1);
        }
    }
    for (size_t i = 0; i < size; i++) {
        ret_bytes[i] = (uint8_t)(hex_value(text[2 * i]) << 4 | hex_value(text[2 * i + 1]));
    }
    return STATUS_OK;
}
