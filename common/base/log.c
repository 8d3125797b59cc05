/* log.c: see log.h. */
#include "common/base/log.h"
#include "common/base/buffer.h"
#include "common/base/clock.h"
#include "common/base/utf8.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const char *const LEVEL_NAMES[LOG_LEVEL_COUNT] = {
    [LOG_DEBUG] = "debug",
    [LOG_INFO] = "info",
    [LOG_WARNING] = "warning",
    [LOG_ERROR] = "error",
};

static log_level_t threshold = LOG_INFO;

void log_set_level(log_level_t level) {
    INVARIANT(level < LOG_LEVEL_COUNT);
    threshold = level;
}

status_t log_level_parse(const char *text, log_level_t *ret_level, error_t *err) {
    for (int level = 0; level < LOG_LEVEL_COUNT; level++) {
        if (strcmp(LEVEL_NAMES[level], text) == 0) {
            *ret_level = (log_level_t)level;
            return STATUS_OK;
        }
    }
    return error_set(err, ERROR_INVALID, "'%s' is no log level (debug, info, warning, error)",
                     text);
}

static bool is_plain(const char *value) {
    if (value[0] == '\0') {
        return false;
    }
    size_t size = strlen(value);
    for (size_t at = 0; at < size;) {
        size_t step = utf8_size(value + at, size - at);
        if (step == 0 || utf8_is_control(value + at, step) || strchr(" \"=\\", value[at]) != NULL) {
            return false;
        }
        at += step;
    }
    return true;
}

static void append_value(buffer_t *line, const char *value) {
    if (is_plain(value)) {
        buffer_text(line, value);
        return;
    }
    buffer_char(line, '"');
    size_t plain = 0;
    for (const char *c = value; *c != '\0'; c += plain) {
        plain = strcspn(c, "\"\\\n");
        utf8_escape(c, plain, line);
        if (c[plain] == '\n') {
            buffer_text(line, "\\n");
        } else if (c[plain] != '\0') {
            buffer_char(line, '\\');
            buffer_char(line, c[plain]);
        }
        plain += c[plain] != '\0';
    }
    buffer_char(line, '"');
}

static void append_pair(buffer_t *line, const char *key, const char *value) {
    buffer_char(line, ' ');
    buffer_text(line, key);
    buffer_char(line, '=');
    append_value(line, value != NULL ? value : "");
}

static void open_line(buffer_t *line, log_level_t level, const char *event) {
    char now[CLOCK_TEXT_SIZE];
    buffer_format(line, "%s %s", clock_text(clock_wall_us(), now), LEVEL_NAMES[level]);
    append_pair(line, "event", event);
}

/* One fwrite a line, so that lines of several processes on one stderr do not mix. */
static void close_line(buffer_t *line) {
    buffer_char(line, '\n');
    if (!line->failed) {
        (void)fwrite(line->data, 1, line->size, stderr);
    }
}

void log_write(log_level_t level, const char *event, ...) {
    if (level < threshold) {
        return;
    }
    buffer_t line = {0};
    open_line(&line, level, event);
    va_list pairs;
    va_start(pairs, event);
    for (const char *key = va_arg(pairs, const char *); key != NULL;
         key = va_arg(pairs, const char *)) {
        append_pair(&line, key, va_arg(pairs, const char *));
    }
    va_end(pairs);
    close_line(&line);
    buffer_free(&line);
}

const char *log_number(int64_t number, char *buffer) {
    (void)snprintf(buffer, 24, "%" PRId64, number);
    return buffer;
}

void log_error(const char *event, const error_t *err) {
    char text[ERROR_TEXT_MAX + ERROR_CONTEXT_DEPTH * ERROR_CONTEXT_MAX + 32];
    log_write(LOG_ERROR, event, "error", error_line(err, text, sizeof text), "hint",
              error_code_hint(err->code), (char *)NULL);
}
