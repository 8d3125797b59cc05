/*
 * log.h: one line a fact, on stderr, in logfmt: time level event key=value …
 *
 * Libraries never log; loops and main do. Fields are typed pairs; a value with spaces, quotes or
 * control bytes is quoted and escaped, so that hostile names cannot forge a line. Secrets and rows
 * are never fields.
 */
#ifndef DROVER_BASE_LOG_H
#define DROVER_BASE_LOG_H

#include "common/base/error.h"

#include <stdint.h>

typedef enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARNING, LOG_ERROR, LOG_LEVEL_COUNT } log_level_t;

/* Only lines of this level and above are written; LOG_INFO at start. */
void log_set_level(log_level_t level);

/* Read "debug", "info", "warning" or "error". ERROR_INVALID for any other word. */
MUST_CHECK status_t log_level_parse(const char *text, log_level_t *ret_level, error_t *err);

/*
 * Write one line. event is a short phrase ("job done"); then pairs of key and text value, both
 * const char *, ended by NULL. A NULL value prints as empty. Use LOG_NUMBER for numbers.
 */
void log_write(log_level_t level, const char *event, ...) __attribute__((sentinel));

#define log_debug(...) log_write(LOG_DEBUG, __VA_ARGS__, (char *)NULL)
#define log_info(...) log_write(LOG_INFO, __VA_ARGS__, (char *)NULL)
#define log_warning(...) log_write(LOG_WARNING, __VA_ARGS__, (char *)NULL)

/* Text of a number that lives to the end of the full expression: for use as a log value. */
#define LOG_NUMBER(n) log_number((int64_t)(n), (char[24]){0})
const char *log_number(int64_t number, char *buffer);

/* Write an error once, with its code, SQLSTATE and chain; never the server's detail. */
void log_error(const char *event, const error_t *err);

#endif
