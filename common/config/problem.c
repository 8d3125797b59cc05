/* problem.c: see problem.h. */
#include "common/config/problem.h"
#include "common/base/cleanup.h"
#include "common/base/utf8.h"

#include <stdarg.h>
#include <string.h>

void problems_begin(problems_t *problems, const char *file) {
    memset(problems, 0, sizeof *problems);
    (void)snprintf(problems->file, sizeof problems->file, "%s", file);
}

/* Bytes of the character at text, at least 1; what is no UTF-8 counts byte by byte. */
static size_t character_bytes(const char *text, const char *end) {
    size_t n = utf8_size(text, (size_t)(end - text));
    return n > 0 ? n : 1;
}

/*
 * Copy the line around the column: cut to what fits, control bytes as blanks, so that a hostile
 * file cannot steer the terminal, and find where the caret goes.
 */
static void copy_source(problem_t *problem, const char *text) {
    for (int line = 1; line < problem->line; line++) {
        text = strchr(text, '\n');
        if (text == NULL) {
            return;
        }
        text++;
    }
    const char *end = text + strcspn(text, "\r\n");
    int skip = problem->column > 80 ? problem->column - 40 : 0;
    for (int i = 0; i < skip && text < end; i++) {
        text += character_bytes(text, end);
    }
    size_t used = 0;
    while (text < end) {
        size_t n = character_bytes(text, end);
        if (used + n >= sizeof problem->source - 1) {
            break;
        }
        if (utf8_size(text, n) == 0) {
            problem->source[used++] = '?';
        } else if (utf8_is_control(text, n)) {
            problem->source[used++] = ' ';
        } else {
            memcpy(problem->source + used, text, n);
            used += n;
        }
        text += n;
    }
    problem->source[used] = '\0';
    if (problem->column > 0) {
        problem->caret = problem->column - 1 - skip;
    }
}

void problems_add(problems_t *problems, const char *text, problem_place_t place, const char *format,
                  ...) {
    if (problems->count == PROBLEM_MAX) {
        problems->more++;
        return;
    }
    problem_t *problem = &problems->items[problems->count++];
    problem->line = place.line;
    problem->column = place.column;
    problem->caret = -1;
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(problem->message, sizeof problem->message, format, arguments);
    va_end(arguments);
    for (char *c = problem->message; *c != '\0'; c++) {
        if ((unsigned char)*c < 0x20 || *c == 0x7f) {
            *c = ' ';
        }
    }
    if (text != NULL && place.line > 0) {
        copy_source(problem, text);
    }
}

/* "file", "file:3" or "file:3:5". */
static const char *place_text(const char *file, const problem_t *problem, char *buffer,
                              size_t size) {
    if (problem->line == 0) {
        (void)snprintf(buffer, size, "%s", file);
    } else if (problem->column == 0) {
        (void)snprintf(buffer, size, "%s:%d", file, problem->line);
    } else {
        (void)snprintf(buffer, size, "%s:%d:%d", file, problem->line, problem->column);
    }
    return buffer;
}

status_t problems_check(const problems_t *problems, error_code_t code, error_t *err) {
    if (problems->count == 0) {
        return STATUS_OK;
    }
    char place[PROBLEM_TEXT_MAX + 32];
    const problem_t *first = &problems->items[0];
    size_t others = problems->count - 1 + problems->more;
    place_text(problems->file, first, place, sizeof place);
    if (others == 0) {
        return error_set(err, code, "%s: %s", place, first->message);
    }
    return error_set(err, code, "%s: %s (and %zu more)", place, first->message, others);
}

void problems_print(const problems_t *problems, FILE *out) {
    CLEANUP(buffer_free) buffer_t file = {0};
    CLEANUP(buffer_free) buffer_t message = {0};
    utf8_escape(problems->file, strlen(problems->file), &file);
    for (size_t i = 0; i < problems->count; i++) {
        const problem_t *problem = &problems->items[i];
        char place[PROBLEM_TEXT_MAX * 4 + 32];
        buffer_clear(&message);
        utf8_escape(problem->message, strlen(problem->message), &message);
        (void)fprintf(out, "%s: error: %s\n",
                      place_text(buffer_string(&file), problem, place, sizeof place),
                      buffer_string(&message));
        if (problem->source[0] != '\0') {
            (void)fprintf(out, "  | %s\n", problem->source);
            if (problem->caret >= 0) {
                (void)fprintf(out, "  | %*s^\n", problem->caret, "");
            }
        }
    }
    if (problems->more > 0) {
        (void)fprintf(out, "%s: %zu more not shown\n", buffer_string(&file), problems->more);
    }
}
