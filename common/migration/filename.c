/* filename.c: see filename.h. */
#include "common/migration/filename.h"

#include "common/base/limits.h"

#include <stdio.h>
#include <string.h>

static const char *const kind_texts[SCRIPT_COUNT] = {
    [SCRIPT_UP] = "up",
    [SCRIPT_UNDO] = "undo",
    [SCRIPT_VERIFY] = "verify",
    [SCRIPT_CHECK] = "check",
};

const char *script_kind_text(script_kind_t kind) {
    INVARIANT((unsigned)kind < SCRIPT_COUNT);
    return kind_texts[kind];
}

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

static bool is_word(char c) {
    return is_digit(c) || (c >= 'a' && c <= 'z') || c == '_';
}

bool filename_is_meant(const char *name) {
    if (name[0] == '.') {
        return false;
    }
    if ((name[0] == 'V' || name[0] == 'v') && is_digit(name[1])) {
        return true;
    }
    size_t length = strlen(name);
    return length >= 4 && strcasecmp(name + length - 4, ".sql") == 0;
}

/* Read "V001" at the start of name; *ret_rest is what follows. */
static status_t parse_version(const char *name, filename_t *filename, const char **ret_rest,
                              error_t *err) {
    if (name[0] != 'V' || !is_digit(name[1])) {
        return error_set(err, ERROR_MIGRATION_NAME, "'%s' does not begin with V and a number",
                         name);
    }
    const char *digits = name + 1;
    size_t count = strspn(digits, "0123456789");
    if (count < 3) {
        return error_set(err, ERROR_MIGRATION_NAME, "'%s': V and at least three digits, as V%s%.*s",
                         name, count == 1 ? "00" : "0", (int)count, digits);
    }
    if (count > 3 && digits[0] == '0') {
        return error_set(err, ERROR_MIGRATION_NAME, "'%s': padded with zeros beyond three digits",
                         name);
    }
    uint32_t number = 0;
    for (size_t i = 0; i < count && number <= LIMIT_MIGRATIONS; i++) {
        number = number * 10 + (uint32_t)(digits[i] - '0');
    }
    if (number == 0 || number > LIMIT_MIGRATIONS) {
        return error_set(err, ERROR_MIGRATION_NAME, "'%s': numbers go from 1 to %d", name,
                         LIMIT_MIGRATIONS);
    }
    filename->number = number;
    (void)filename_version(number, filename->version);
    *ret_rest = digits + count;
    return STATUS_OK;
}

/* Read ".sql", ".undo.sql" and their kin. */
static status_t parse_ending(const char *name, const char *ending, filename_t *filename,
                             error_t *err) {
    if (strcmp(ending, ".sql") == 0) {
        filename->kind = SCRIPT_UP;
        return STATUS_OK;
    }
    for (int kind = SCRIPT_UNDO; kind < SCRIPT_COUNT; kind++) {
        char expected[16];
        (void)snprintf(expected, sizeof expected, ".%s.sql", kind_texts[kind]);
        if (strcmp(ending, expected) == 0) {
            filename->kind = (script_kind_t)kind;
            return STATUS_OK;
        }
    }
    return error_set(err, ERROR_MIGRATION_NAME,
                     "'%s' ends with '%s', not .sql, .undo.sql, .verify.sql or .check.sql", name,
                     ending);
}

status_t filename_parse(const char *name, filename_t *ret_filename, error_t *err) {
    filename_t filename = {0};
    if (strlen(name) > 255) {
        return error_set(err, ERROR_MIGRATION_NAME, "a name of more than 255 bytes");
    }
    const char *rest = NULL;
    TRY(parse_version(name, &filename, &rest, err));
    if (rest[0] != '_' || rest[1] != '_') {
        return error_set(err, ERROR_MIGRATION_NAME,
                         "'%s': two underscores stand between the number and the description",
                         name);
    }
    rest += 2;
    const char *ending = strchr(rest, '.');
    size_t length = ending != NULL ? (size_t)(ending - rest) : strlen(rest);
    if (length == 0) {
        return error_set(err, ERROR_MIGRATION_NAME, "'%s' has no description", name);
    }
    if (length > LIMIT_NAME_BYTES) {
        return error_set(err, ERROR_MIGRATION_NAME,
                         "'%s': a description of more than %d characters", name, LIMIT_NAME_BYTES);
    }
    for (size_t i = 0; i < length; i++) {
        if (!is_word(rest[i])) {
            return error_set(err, ERROR_MIGRATION_NAME,
                             "'%s': a description has lower-case letters, digits and underscores",
                             name);
        }
    }
    memcpy(filename.description, rest, length);
    TRY(parse_ending(name, rest + length, &filename, err));
    *ret_filename = filename;
    return STATUS_OK;
}

const char *filename_version(uint32_t number, char buffer[VERSION_TEXT_SIZE]) {
    (void)snprintf(buffer, VERSION_TEXT_SIZE, "V%03u", number);
    return buffer;
}

/* Digits without V and leading zeros, or NULL where the text is no V and number. */
static const char *bare_number(const char *text) {
    if (*text == 'V' || *text == 'v') {
        text++;
    }
    if (*text == '\0' || text[strspn(text, "0123456789")] != '\0') {
        return NULL;
    }
    return text + strspn(text, "0");
}

bool filename_is_version(const char *text, const char *version) {
    const char *wanted = bare_number(text);
    const char *have = bare_number(version);
    return strcmp(text, version) == 0 ||
           (wanted != NULL && have != NULL && strcmp(wanted, have) == 0);
}

status_t filename_describe(const char *words, char ret_text[DESCRIPTION_TEXT_SIZE], error_t *err) {
    char text[DESCRIPTION_TEXT_SIZE];
    size_t size = 0;
    for (const char *p = words; *p != '\0'; p++) {
        char c = *p >= 'A' && *p <= 'Z' ? (char)(*p - 'A' + 'a') : *p;
        if (!is_word(c)) {
            c = '_';
        }
        if (c == '_' && (size == 0 || text[size - 1] == '_')) {
            continue;
        }
        if (size == LIMIT_NAME_BYTES) {
            return error_set(err, ERROR_INVALID, "a description has at most %d characters",
                             LIMIT_NAME_BYTES);
        }
        text[size++] = c;
    }
    while (size > 0 && text[size - 1] == '_') {
        size--;
    }
    if (size == 0) {
        return error_set(err, ERROR_INVALID,
                         "'%.100s' leaves no description: use letters and digits", words);
    }
    text[size] = '\0';
    memcpy(ret_text, text, size + 1);
    return STATUS_OK;
}
