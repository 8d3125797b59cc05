/*
 * error.h: what went wrong, in words that an operator can act on.
 *
 * A leaf sets the error, callers add context on the way out, and only a loop or main prints it,
 * once. An error_t is a plain value of fixed size: no ownership, no allocation, copied by
 * assignment. Text that does not fit is cut at a character's boundary.
 */
#ifndef DROVER_BASE_ERROR_H
#define DROVER_BASE_ERROR_H

#include "common/base/status.h"

#include <stdbool.h>
#include <stddef.h>

/* Stable names of all errors; the texts behind them stand in errors.def. */
typedef enum error_code {
    ERROR_NONE = 0,
#define X(name, code, exit_code, retry, hint) ERROR_##name,
#include "common/base/errors.def"
#undef X
    ERROR_COUNT
} error_code_t;

/* Whether trying again can help. UNKNOWN: read the target first, never try again blindly. */
typedef enum retry_class {
    RETRY_PERMANENT,
    RETRY_TRANSIENT,
    RETRY_UNKNOWN,
    RETRY_COUNT
} retry_class_t;

enum {
    ERROR_TEXT_MAX = 512,
    ERROR_FIELD_MAX = 256,
    ERROR_CONTEXT_MAX = 160,
    ERROR_CONTEXT_DEPTH = 4,
};

typedef struct error {
    error_code_t code;
    retry_class_t retry;               /* from the code, unless the leaf knew better */
    char message[ERROR_TEXT_MAX];      /* lower case, no full stop */
    char sqlstate[6];                  /* five characters where PostgreSQL answered, else "" */
    char detail[ERROR_FIELD_MAX];      /* server DETAIL; may carry rows: never logged, see redact */
    char server_hint[ERROR_FIELD_MAX]; /* server HINT */
    char constraint[ERROR_FIELD_MAX];  /* constraint, table or column that PostgreSQL named */
    int context_count;                 /* contexts in use, innermost first */
    char context[ERROR_CONTEXT_DEPTH][ERROR_CONTEXT_MAX];
} error_t;

/* Set err to a fresh error and answer STATUS_ERROR, so that a leaf can `return error_set(...)`. */
status_t error_set(error_t *err, error_code_t code, const char *format, ...) PRINTF_LIKE(3, 4);

/* Add a context ("applying V012 to tenant acme"); beyond ERROR_CONTEXT_DEPTH the outermost is
 * replaced. Answers STATUS_ERROR. */
status_t error_context(error_t *err, const char *format, ...) PRINTF_LIKE(2, 3);

/* Make err say "no error". */
void error_clear(error_t *err);

/* The stable code ("DRV-3004"), the name ("DB_SQL"), the exit code and the hint of a code. */
const char *error_code_text(error_code_t code);
const char *error_code_name(error_code_t code);
int error_code_exit(error_code_t code);
const char *error_code_hint(error_code_t code);
retry_class_t error_code_retry(error_code_t code);

/* The code that has this stable text, or ERROR_NONE. */
error_code_t error_code_parse(const char *text);

/*
 * One line for logs and reports: "DRV-3004 [23505] applying V012 to tenant acme: message". Never
 * holds the server's detail. Writes at most size bytes, terminated; answers buffer.
 */
const char *error_line(const error_t *err, char *buffer, size_t size);

/* Print the error as an operator reads it on stderr: the line, then HINT. program may be NULL. */
void error_print(const error_t *err, const char *program);

#endif
