/* error.c: see error.h. The list of codes is errors.def; nothing here names a single one. */
#include "common/base/error.h"
#include "common/base/cleanup.h"
#include "common/base/utf8.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

typedef struct code_row {
    const char *name;
    const char *text;
    int exit_code;
    retry_class_t retry;
    const char *hint;
} code_row_t;

static const code_row_t CODES[ERROR_COUNT] = {
    [ERROR_NONE] = {"NONE", "DRV-0000", 0, RETRY_PERMANENT, ""},
#define X(name, code, exit_code, retry, hint)                                                      \
    [ERROR_##name] = {#name, code, exit_code, RETRY_##retry, hint},
#include "common/base/errors.def"
#undef X
};

/* Cut a text that was formatted into a full buffer before a character that is not whole. */
static void cut_at_character(char *text, size_t size) {
    size_t length = strlen(text);
    if (length + 1 < size) {
        return;
    }
    while (length > 0 && ((unsigned char)text[length - 1] & 0xC0) == 0x80) {
        length--;
    }
    if (length > 0 && (unsigned char)text[length - 1] >= 0xC0) {
        length--;
    }
    text[length] = '\0';
}

static const code_row_t *row_of(error_code_t code) {
    INVARIANT((int)code >= 0 && code < ERROR_COUNT);
    return &CODES[code];
}

status_t error_set(error_t *err, error_code_t code, const char *format, ...) {
    INVARIANT(err != NULL);
    /* Formatted aside first: a caller may rephrase an error from its own text. */
    char message[ERROR_TEXT_MAX];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    cut_at_character(message, sizeof message);
    error_clear(err);
    err->code = code;
    err->retry = row_of(code)->retry;
    memcpy(err->message, message, sizeof message);
    return STATUS_ERROR;
}

status_t error_context(error_t *err, const char *format, ...) {
    INVARIANT(err != NULL);
    int slot =
        err->context_count < ERROR_CONTEXT_DEPTH ? err->context_count++ : ERROR_CONTEXT_DEPTH - 1;
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(err->context[slot], ERROR_CONTEXT_MAX, format, arguments);
    va_end(arguments);
    cut_at_character(err->context[slot], ERROR_CONTEXT_MAX);
    return STATUS_ERROR;
}

void error_clear(error_t *err) {
    memset(err, 0, sizeof *err);
}

const char *error_code_text(error_code_t code) {
    return row_of(code)->text;
}

const char *error_code_name(error_code_t code) {
    return row_of(code)->name;
}

int error_code_exit(error_code_t code) {
    return row_of(code)->exit_code;
}

const char *error_code_hint(error_code_t code) {
    return row_of(code)->hint;
}

retry_class_t error_code_retry(error_code_t code) {
    return row_of(code)->retry;
}

error_code_t error_code_parse(const char *text) {
    for (int code = 0; code < ERROR_COUNT; code++) {
        if (strcmp(CODES[code].text, text) == 0) {
            return (error_code_t)code;
        }
    }
    return ERROR_NONE;
}

const char *error_line(const error_t *err, char *buffer, size_t size) {
    INVARIANT(size > 0);
    size_t used = 0;
    int n = snprintf(buffer, size, "%s ", error_code_text(err->code));
    used = n > 0 && (size_t)n < size ? (size_t)n : size - 1;
    if (err->sqlstate[0] != '\0' && used < size - 1) {
        n = snprintf(buffer + used, size - used, "[%s] ", err->sqlstate);
        used = n > 0 && (size_t)n < size - used ? used + (size_t)n : size - 1;
    }
    for (int i = err->context_count - 1; i >= 0 && used < size - 1; i--) {
        n = snprintf(buffer + used, size - used, "%s: ", err->context[i]);
        used = n > 0 && (size_t)n < size - used ? used + (size_t)n : size - 1;
    }
    (void)snprintf(buffer + used, size - used, "%s", err->message);
    cut_at_character(buffer, size);
    return buffer;
}

/*
 * A line of ours with names of others in it: nothing of them may steer the terminal, or pass for a
 * line of its own. A selector's text and caret stand indented below their message, and stay so.
 */
static void put_shown(const char *text, buffer_t *out) {
    size_t size = strlen(text);
    size_t start = 0;
    for (size_t at = 0; at + 2 < size; at++) {
        if (text[at] == '\n' && text[at + 1] == ' ' && text[at + 2] == ' ') {
            utf8_escape(text + start, at - start, out);
            buffer_char(out, '\n');
            start = at + 1;
        }
    }
    utf8_escape(text + start, size - start, out);
}

void error_print(const error_t *err, const char *program) {
    char line[ERROR_TEXT_MAX + ERROR_CONTEXT_DEPTH * ERROR_CONTEXT_MAX + 32];
    CLEANUP(buffer_free) buffer_t text = {0};
    put_shown(error_line(err, line, sizeof line), &text);
    (void)fprintf(stderr, "%s%s%s\n", program != NULL ? program : "", program != NULL ? ": " : "",
                  text.failed ? error_code_text(err->code) : buffer_string(&text));
    if (err->constraint[0] != '\0') {
        buffer_clear(&text);
        put_shown(err->constraint, &text);
        (void)fprintf(stderr, "CONSTRAINT: %s\n", buffer_string(&text));
    }
    if (error_code_hint(err->code)[0] != '\0') {
        (void)fprintf(stderr, "HINT: %s\n", error_code_hint(err->code));
    }
}
