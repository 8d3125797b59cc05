/* quote.c: see quote.h. */
#include "common/postgres/quote.h"

#include <inttypes.h>
#include <string.h>

void quote_text(buffer_t *sql, const char *text) {
    if (text == NULL) {
        buffer_text(sql, "NULL");
        return;
    }
    /* A space in front, because E'…' glued to a word before it would be part of that word. */
    buffer_text(sql, strchr(text, '\\') != NULL ? " E'" : "'");
    for (const char *run = text; *run != '\0';) {
        size_t plain = strcspn(run, "'\\");
        buffer_append(sql, run, plain);
        run += plain;
        if (*run != '\0') {
            const char twice[] = {*run, *run};
            buffer_append(sql, twice, sizeof twice);
            run++;
        }
    }
    buffer_char(sql, '\'');
}

void quote_name(buffer_t *sql, const char *name) {
    buffer_char(sql, '"');
    for (const char *c = name; *c != '\0'; c++) {
        if (*c == '"') {
            buffer_char(sql, '"');
        }
        buffer_char(sql, *c);
    }
    buffer_char(sql, '"');
}

void quote_number(buffer_t *sql, int64_t number) {
    if (number == INT64_MIN) {
        /* The minus is an operator to PostgreSQL, and the number without it has no bigint. */
        buffer_text(sql, "('-9223372036854775808'::bigint)");
        return;
    }
    buffer_format(sql, number < 0 ? "(%" PRId64 ")" : "%" PRId64, number);
}

void quote_ident(buffer_t *sql, const ident_t *id) {
    if (id == NULL || ident_is_null(id)) {
        buffer_text(sql, "NULL::uuid");
        return;
    }
    char text[IDENT_TEXT_SIZE];
    buffer_char(sql, '\'');
    buffer_text(sql, ident_text(id, text));
    buffer_text(sql, "'::uuid");
}

void quote_bytes(buffer_t *sql, const void *bytes, size_t size) {
    static const char digits[] = "0123456789abcdef";
    if (bytes == NULL) {
        buffer_text(sql, "NULL::bytea");
        return;
    }
    buffer_text(sql, " E'\\\\x");
    const uint8_t *byte = bytes;
    char block[128]; /* a record is mostly digests: not a digit at a time */
    size_t used = 0;
    for (size_t i = 0; i < size; i++) {
        block[used++] = digits[byte[i] >> 4];
        block[used++] = digits[byte[i] & 15];
        if (used == sizeof block || i + 1 == size) {
            buffer_append(sql, block, used);
            used = 0;
        }
    }
    buffer_text(sql, "'::bytea");
}

void quote_digest(buffer_t *sql, const digest_t *digest) {
    bool none = digest == NULL || digest_is_null(digest);
    quote_bytes(sql, none ? NULL : digest->bytes, DIGEST_BYTES);
}
