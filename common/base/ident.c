/* ident.c: see ident.h. */
#include "common/base/ident.h"
#include "common/base/digest.h"

#include <string.h>

ident_t ident_from_bytes(const uint8_t random[IDENT_BYTES]) {
    ident_t id;
    memcpy(id.bytes, random, IDENT_BYTES);
    id.bytes[6] = (uint8_t)((id.bytes[6] & 0x0F) | 0x40);
    id.bytes[8] = (uint8_t)((id.bytes[8] & 0x3F) | 0x80);
    return id;
}

bool ident_is_null(const ident_t *id) {
    static const ident_t NONE;
    return ident_equal(id, &NONE);
}

bool ident_equal(const ident_t *a, const ident_t *b) {
    return memcmp(a->bytes, b->bytes, IDENT_BYTES) == 0;
}

int ident_compare(const ident_t *a, const ident_t *b) {
    return memcmp(a->bytes, b->bytes, IDENT_BYTES);
}

/* Where the dashes of the 36-character form stand. */
static bool is_dash(size_t at) {
    return at == 8 || at == 13 || at == 18 || at == 23;
}

const char *ident_text(const ident_t *id, char buffer[IDENT_TEXT_SIZE]) {
    char digits[2 * IDENT_BYTES + 1];
    (void)hex_text(id->bytes, IDENT_BYTES, digits);
    size_t from = 0;
    for (size_t at = 0; at < IDENT_TEXT_SIZE - 1; at++) {
        buffer[at] = is_dash(at) ? '-' : digits[from++];
    }
    buffer[IDENT_TEXT_SIZE - 1] = '\0';
    return buffer;
}

status_t ident_parse(const char *text, ident_t *ret_id, error_t *err) {
    char digits[2 * IDENT_BYTES + 1];
    size_t to = 0;
    bool good = strlen(text) == IDENT_TEXT_SIZE - 1;
    for (size_t at = 0; good && at < IDENT_TEXT_SIZE - 1; at++) {
        if (is_dash(at)) {
            good = text[at] == '-';
        } else {
            digits[to++] = text[at];
        }
    }
    digits[to] = '\0';
    if (!good || hex_parse(digits, IDENT_BYTES, ret_id->bytes, err) != STATUS_OK) {
        return error_set(err, ERROR_INVALID, "'%.40s' is not an id", text);
    }
    return STATUS_OK;
}
