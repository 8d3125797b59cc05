/* keytext.c: see keytext.h. Reads line by line in the one order there is. */
#include "common/crypto/keytext.h"
#include "common/base/digest.h"

#include <ctype.h>
#include <inttypes.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

typedef struct kind_row {
    const char *word;
    key_form_t form;
} kind_row_t;

static const kind_row_t KINDS[KEY_KIND_COUNT] = {
    [KEY_RELEASE] = {"release", KEY_FORM_SIGN},
    [KEY_OPERATOR] = {"operator", KEY_FORM_SIGN},
    [KEY_COORDINATOR] = {"coordinator", KEY_FORM_SIGN},
    [KEY_AGENT] = {"agent", KEY_FORM_SIGN},
    [KEY_CURVE] = {"curve", KEY_FORM_CURVE},
    [KEY_BACKUP] = {"backup", KEY_FORM_SEAL},
    [KEY_RECOVERY] = {"recovery", KEY_FORM_SEAL},
    [KEY_ROOT] = {"root", KEY_FORM_SIGN},
};

/* The 85 characters of ZeroMQ RFC 32, by value. */
static const char Z85[] = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                          ".-:+=^!/*?&<>()[]{}@%$#";

enum { LINE_MOST = 512 };

const char *keytext_kind_text(key_kind_t kind) {
    INVARIANT((int)kind >= 0 && kind < KEY_KIND_COUNT);
    return KINDS[kind].word;
}

key_form_t keytext_form(key_kind_t kind) {
    INVARIANT((int)kind >= 0 && kind < KEY_KIND_COUNT);
    return KINDS[kind].form;
}

status_t keytext_kind_parse(const char *text, key_kind_t *ret_kind, error_t *err) {
    for (int kind = 0; kind < KEY_KIND_COUNT; kind++) {
        if (strcmp(KINDS[kind].word, text) == 0) {
            *ret_kind = (key_kind_t)kind;
            return STATUS_OK;
        }
    }
    return error_set(err, ERROR_INVALID, "'%.40s' is no kind of key", text);
}

bool keytext_name_ok(const char *name) {
    size_t size = strlen(name);
    if (size == 0 || size > LIMIT_NAME_BYTES) {
        return false;
    }
    for (const char *at = name; *at != '\0'; at++) {
        bool letter =
            (*at >= 'a' && *at <= 'z') || (*at >= 'A' && *at <= 'Z') || (*at >= '0' && *at <= '9');
        if (!letter && strchr("._@+-", *at) == NULL) {
            return false;
        }
    }
    return true;
}

const char *keytext_z85(const uint8_t bytes[KEYTEXT_KEY_BYTES], char buffer[Z85_KEY_SIZE]) {
    char *at = buffer;
    for (size_t i = 0; i < KEYTEXT_KEY_BYTES; i += 4) {
        uint32_t value = (uint32_t)bytes[i] << 24 | (uint32_t)bytes[i + 1] << 16 |
                         (uint32_t)bytes[i + 2] << 8 | bytes[i + 3];
        for (int digit = 4; digit >= 0; digit--) {
            at[digit] = Z85[value % 85];
            value /= 85;
        }
        at += 5;
    }
    *at = '\0';
    return buffer;
}

status_t keytext_z85_parse(const char *text, uint8_t ret_bytes[KEYTEXT_KEY_BYTES], error_t *err) {
    uint8_t bytes[KEYTEXT_KEY_BYTES];
    if (strlen(text) != Z85_KEY_SIZE - 1) {
        return error_set(err, ERROR_KEY_FILE, "a curve key is 40 characters of Z85");
    }
    for (size_t i = 0; i < KEYTEXT_KEY_BYTES; i += 4, text += 5) {
        uint64_t value = 0;
        for (size_t digit = 0; digit < 5; digit++) {
            const char *found = strchr(Z85, text[digit]);
            if (found == NULL) {
                sodium_memzero(bytes, sizeof bytes);
                return error_set(err, ERROR_KEY_FILE, "a curve key is 40 characters of Z85");
            }
            value = value * 85 + (uint64_t)(found - Z85);
        }
        if (value > UINT32_MAX) {
            sodium_memzero(bytes, sizeof bytes);
            return error_set(err, ERROR_KEY_FILE, "a curve key is 40 characters of Z85");
        }
        for (size_t byte = 0; byte < 4; byte++) {
            bytes[i + byte] = (uint8_t)(value >> (24 - 8 * byte));
        }
    }
    memcpy(ret_bytes, bytes, sizeof bytes);
    sodium_memzero(bytes, sizeof bytes);
    return STATUS_OK;
}

static const char *half_text(key_kind_t kind, const uint8_t *bytes, char *buffer) {
    return keytext_form(kind) == KEY_FORM_CURVE ? keytext_z85(bytes, buffer)
                                                : hex_text(bytes, KEYTEXT_KEY_BYTES, buffer);
}

const char *keytext_public_text(const key_public_t *key, char buffer[KEYTEXT_PUBLIC_SIZE]) {
    return half_text(key->kind, key->bytes, buffer);
}

status_t keytext_public_parse(const char *text, key_kind_t kind, uint8_t *ret_bytes, error_t *err) {
    if (keytext_form(kind) == KEY_FORM_CURVE) {
        return keytext_z85_parse(text, ret_bytes, err);
    }
    /* An error of hex_parse may quote its text, and this one may be a secret. */
    error_t ignored;
    uint8_t bytes[KEYTEXT_KEY_BYTES];
    if (strlen(text) != 2 * (size_t)KEYTEXT_KEY_BYTES ||
        hex_parse(text, KEYTEXT_KEY_BYTES, bytes, &ignored) != STATUS_OK) {
        return error_set(err, ERROR_KEY_FILE, "a key is 64 hexadecimal digits");
    }
    memcpy(ret_bytes, bytes, sizeof bytes);
    sodium_memzero(bytes, sizeof bytes);
    return STATUS_OK;
}

/* --- reading --------------------------------------------------------------------------------- */

typedef struct cursor {
    const keytext_source_t *source;
    size_t at;
    int line_number;
    char line[LINE_MOST];
} cursor_t;

static status_t wrong(const cursor_t *cursor, error_t *err, const char *format, ...)
    PRINTF_LIKE(3, 4);

static status_t wrong(const cursor_t *cursor, error_t *err, const char *format, ...) {
    char what[ERROR_FIELD_MAX];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(what, sizeof what, format, arguments);
    va_end(arguments);
    return error_set(err, ERROR_KEY_FILE, "%s:%d: %s", cursor->source->path, cursor->line_number,
                     what);
}

/* Copy the next line, without its end, into cursor->line. */
static status_t next_line(cursor_t *cursor, const char *expected, error_t *err) {
    const char *start = cursor->source->bytes + cursor->at;
    size_t left = cursor->source->size - cursor->at;
    cursor->line_number++;
    if (left == 0) {
        return wrong(cursor, err, "the file ends where '%s' should stand", expected);
    }
    const char *end = memchr(start, '\n', left);
    if (end == NULL) {
        return wrong(cursor, err, "the line is not ended");
    }
    size_t size = (size_t)(end - start);
    if (size >= LINE_MOST) {
        return wrong(cursor, err, "the line is too long");
    }
    for (size_t i = 0; i < size; i++) {
        if (start[i] < ' ' || start[i] > '~') {
            return wrong(cursor, err, "a character outside printable ASCII");
        }
    }
    memcpy(cursor->line, start, size);
    cursor->line[size] = '\0';
    cursor->at += size + 1;
    return STATUS_OK;
}

/* The value of the next line, which must be "label: value"; borrowed until the next line. */
static status_t next_value(cursor_t *cursor, const char *label, char **ret_value, error_t *err) {
    TRY(next_line(cursor, label, err));
    size_t size = strlen(label);
    if (strncmp(cursor->line, label, size) != 0 || strncmp(cursor->line + size, ": ", 2) != 0) {
        return wrong(cursor, err, "'%s: ' should stand here", label);
    }
    *ret_value = cursor->line + size + 2;
    return STATUS_OK;
}

static status_t read_title(cursor_t *cursor, keytext_t *text, bool *ret_public, error_t *err) {
    TRY(next_line(cursor, "drover … key", err));
    for (int kind = 0; kind < KEY_KIND_COUNT; kind++) {
        char title[64];
        (void)snprintf(title, sizeof title, "drover %s key", KINDS[kind].word);
        bool secret = strcmp(cursor->line, title) == 0;
        (void)snprintf(title, sizeof title, "drover %s public key", KINDS[kind].word);
        *ret_public = strcmp(cursor->line, title) == 0;
        if (secret || *ret_public) {
            text->key.kind = (key_kind_t)kind;
            return STATUS_OK;
        }
    }
    return wrong(cursor, err, "this is no key file of drover's: it does not begin as one");
}

static status_t read_half(cursor_t *cursor, key_kind_t kind, const char *value, uint8_t *ret_bytes,
                          error_t *err) {
    error_t inner;
    if (keytext_public_parse(value, kind, ret_bytes, &inner) != STATUS_OK) {
        return wrong(cursor, err, "%s", inner.message);
    }
    return STATUS_OK;
}

static bool read_number(const char *word, uint64_t *ret_number) {
    uint64_t number = 0;
    size_t size = strlen(word);
    if (size == 0 || size > 15 || (word[0] == '0' && size > 1)) {
        return false;
    }
    for (; *word != '\0'; word++) {
        if (!isdigit((unsigned char)*word)) {
            return false;
        }
        number = number * 10 + (uint64_t)(*word - '0');
    }
    *ret_number = number;
    return true;
}

static bool read_hex(const char *word, size_t size, uint8_t *ret_bytes) {
    error_t ignored;
    return strlen(word) == 2 * size && hex_parse(word, size, ret_bytes, &ignored) == STATUS_OK;
}

/* "argon2id OPS MEMORY SALT NONCE BOX" */
static status_t read_locked(cursor_t *cursor, char *value, keytext_t *text, error_t *err) {
    char *rest = NULL;
    const char *words[7];
    size_t count = 0;
    for (char *word = strtok_r(value, " ", &rest); word != NULL && count < 7;
         word = strtok_r(NULL, " ", &rest)) {
        words[count++] = word;
    }
    if (count != 6 || strcmp(words[0], "argon2id") != 0 || !read_number(words[1], &text->ops) ||
        !read_number(words[2], &text->memory_bytes) ||
        !read_hex(words[3], KEYTEXT_SALT_BYTES, text->salt) ||
        !read_hex(words[4], KEYTEXT_NONCE_BYTES, text->nonce) ||
        !read_hex(words[5], KEYTEXT_BOX_BYTES, text->box)) {
        return wrong(cursor, err, "'locked' takes argon2id and its five values");
    }
    return STATUS_OK;
}

static status_t read_secret(cursor_t *cursor, keytext_t *text, error_t *err) {
    TRY(next_line(cursor, "secret", err));
    if (strncmp(cursor->line, "secret: ", 8) == 0) {
        text->secret = KEYTEXT_PLAIN;
        return read_half(cursor, text->key.kind, cursor->line + 8, text->plain, err);
    }
    if (strncmp(cursor->line, "locked: ", 8) == 0) {
        text->secret = KEYTEXT_LOCKED;
        return read_locked(cursor, cursor->line + 8, text, err);
    }
    return wrong(cursor, err, "'secret: ' or 'locked: ' should stand here");
}

static status_t read_lines(cursor_t *cursor, keytext_t *text, error_t *err) {
    bool is_public = false;
    char *value = NULL;
    TRY(read_title(cursor, text, &is_public, err));
    TRY(next_value(cursor, "version", &value, err));
    if (strcmp(value, "1") != 0) {
        return wrong(cursor, err, "version '%s', this program reads 1", value);
    }
    TRY(next_value(cursor, "name", &value, err));
    if (!keytext_name_ok(value)) {
        return wrong(cursor, err, "a name is 1 to %d letters, digits and ._@+-",
                     (int)LIMIT_NAME_BYTES);
    }
    (void)snprintf(text->key.name, sizeof text->key.name, "%s", value);
    TRY(next_value(cursor, "public", &value, err));
    TRY(read_half(cursor, text->key.kind, value, text->key.bytes, err));
    if (!is_public) {
        TRY(read_secret(cursor, text, err));
    }
    if (cursor->at != cursor->source->size) {
        cursor->line_number++;
        return wrong(cursor, err, "nothing may follow here");
    }
    return STATUS_OK;
}

status_t keytext_parse(const keytext_source_t *source, keytext_t *ret_text, error_t *err) {
    keytext_t text;
    cursor_t cursor;
    memset(&text, 0, sizeof text);
    memset(&cursor, 0, sizeof cursor);
    cursor.source = source;
    status_t status = source->size > KEYTEXT_MAX
                          ? error_set(err, ERROR_KEY_FILE, "%s: larger than %d bytes", source->path,
                                      (int)KEYTEXT_MAX)
                          : read_lines(&cursor, &text, err);
    if (status == STATUS_OK) {
        *ret_text = text;
    }
    sodium_memzero(&text, sizeof text);
    sodium_memzero(&cursor, sizeof cursor);
    return status;
}

/* --- writing --------------------------------------------------------------------------------- */

static size_t add(char *buffer, size_t used, const char *format, ...) PRINTF_LIKE(3, 4);

static size_t add(char *buffer, size_t used, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    int size = vsnprintf(buffer + used, KEYTEXT_MAX - used, format, arguments);
    va_end(arguments);
    INVARIANT(size >= 0 && (size_t)size < KEYTEXT_MAX - used);
    return used + (size_t)size;
}

size_t keytext_format(const keytext_t *text, char buffer[KEYTEXT_MAX]) {
    char half[KEYTEXT_PUBLIC_SIZE];
    char hex[2 * KEYTEXT_BOX_BYTES + 1];
    size_t used =
        add(buffer, 0, "drover %s %s\nversion: 1\nname: %s\npublic: %s\n",
            keytext_kind_text(text->key.kind), text->secret == KEYTEXT_NONE ? "public key" : "key",
            text->key.name, keytext_public_text(&text->key, half));
    switch (text->secret) {
    case KEYTEXT_NONE:
        break;
    case KEYTEXT_PLAIN:
        used = add(buffer, used, "secret: %s\n", half_text(text->key.kind, text->plain, half));
        break;
    case KEYTEXT_LOCKED:
        used = add(buffer, used, "locked: argon2id %" PRIu64 " %" PRIu64, text->ops,
                   text->memory_bytes);
        used = add(buffer, used, " %s", hex_text(text->salt, KEYTEXT_SALT_BYTES, hex));
        used = add(buffer, used, " %s", hex_text(text->nonce, KEYTEXT_NONCE_BYTES, hex));
        used = add(buffer, used, " %s\n", hex_text(text->box, KEYTEXT_BOX_BYTES, hex));
        break;
    }
    sodium_memzero(half, sizeof half);
    return used;
}
