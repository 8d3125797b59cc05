/* finding.c: see finding.h. */
#include "common/migration/finding.h"

#include "common/base/cleanup.h"
#include "common/base/utf8.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

const char *finding_severity_text(finding_severity_t severity) {
    static const char *const texts[FINDING_SEVERITY_COUNT] = {
        [FINDING_ERROR] = "error",
        [FINDING_WARNING] = "warning",
    };
    INVARIANT((unsigned)severity < FINDING_SEVERITY_COUNT);
    return texts[severity];
}

/* Room for one more; NULL where it is not kept. */
static finding_t *next(finding_list_t *list) {
    if (list->count == FINDING_MAX) {
        list->dropped++;
        return NULL;
    }
    if (list->count == list->room) {
        size_t room = list->room == 0 ? 16 : list->room * 2;
        finding_t *items = realloc(list->items, room * sizeof *items);
        if (items == NULL) {
            list->failed = true;
            return NULL;
        }
        list->items = items;
        list->room = room;
    }
    finding_t *finding = &list->items[list->count];
    memset(finding, 0, sizeof *finding);
    return finding;
}

static void free_texts(finding_t *finding) {
    free(finding->file);
    free(finding->message);
    free(finding->source);
}

/* Keep what next() gave, unless a text could not be had. */
static void keep(finding_list_t *list, finding_t *finding, bool source_wanted) {
    if (finding->file == NULL || finding->message == NULL ||
        (source_wanted && finding->source == NULL)) {
        free_texts(finding);
        list->failed = true;
        return;
    }
    list->count++;
}

static int characters(const char *from, const char *to) {
    int count = 0;
    for (; from < to; from++) {
        count += ((unsigned char)*from & 0xC0) != 0x80;
    }
    return count;
}

/* A copy that is safe to show, and to put into JSON: names of files are any bytes. NULL: no memory.
 */
static char *escaped(const char *text) {
    buffer_t copy = {0};
    utf8_escape(text, strlen(text), &copy);
    if (copy.failed || text[0] == '\0') {
        buffer_free(&copy);
        return text[0] == '\0' ? strdup("") : NULL;
    }
    return buffer_take(&copy);
}

void finding_add(finding_list_t *list, finding_at_t at, const char *rule, const char *format, ...) {
    list->errors++;
    finding_t *finding = next(list);
    if (finding == NULL) {
        return;
    }
    finding->rule = rule;
    finding->severity = FINDING_ERROR;
    finding->file = escaped(at.file);
    va_list arguments;
    va_start(arguments, format);
    CLEANUP(free_p) char *message = NULL;
    if (vasprintf(&message, format, arguments) < 0) {
        message = NULL;
    }
    va_end(arguments);
    finding->message = message != NULL ? escaped(message) : NULL;
    bool source_wanted = at.text.bytes != NULL;
    if (source_wanted) {
        size_t offset = at.offset < at.text.size ? at.offset : at.text.size;
        text_span_t line = text_line(at.text, offset);
        finding->place = text_place(at.text, offset);
        finding->source = strndup(line.bytes, line.size);
        finding->caret = at.text.size > 0 ? characters(line.bytes, at.text.bytes + offset) : 0;
    }
    keep(list, finding, source_wanted);
}

void finding_copy(finding_list_t *list, const finding_t *from) {
    list->errors += from->severity == FINDING_ERROR;
    finding_t *finding = next(list);
    if (finding == NULL) {
        return;
    }
    *finding = *from;
    finding->file = strdup(from->file);
    finding->message = strdup(from->message);
    finding->source = from->source != NULL ? strdup(from->source) : NULL;
    keep(list, finding, from->source != NULL);
}

status_t finding_list_check(const finding_list_t *list, error_t *err) {
    if (list->failed) {
        return error_set(err, ERROR_NO_MEMORY, "out of memory after %zu findings", list->count);
    }
    return STATUS_OK;
}

static int compare(const finding_t *a, const finding_t *b) {
    int order = strcmp(a->file, b->file);
    if (order == 0) {
        order = (a->place.line > b->place.line) - (a->place.line < b->place.line);
    }
    if (order == 0) {
        order = (a->place.column > b->place.column) - (a->place.column < b->place.column);
    }
    return order != 0 ? order : strcmp(a->rule, b->rule);
}

/* Insertion: stable, and a list has at most FINDING_MAX. */
void finding_list_sort(finding_list_t *list) {
    for (size_t i = 1; i < list->count; i++) {
        finding_t moved = list->items[i];
        size_t at = i;
        while (at > 0 && compare(&list->items[at - 1], &moved) > 0) {
            list->items[at] = list->items[at - 1];
            at--;
        }
        list->items[at] = moved;
    }
}

/* "file:line:column: ", as far as it is known. */
static void print_place(const finding_t *finding, buffer_t *out) {
    if (finding->file[0] != '\0') {
        buffer_format(out, "%s:", finding->file);
        if (finding->place.line > 0) {
            buffer_format(out, "%d:%d:", finding->place.line, finding->place.column);
        }
        buffer_char(out, ' ');
    }
}

status_t finding_list_refuse(const finding_list_t *list, error_t *err) {
    TRY(finding_list_check(list, err));
    if (list->errors == 0) {
        return STATUS_OK;
    }
    for (size_t i = 0; i < list->count; i++) {
        const finding_t *finding = &list->items[i];
        if (finding->severity == FINDING_ERROR) {
            CLEANUP(buffer_free) buffer_t place = {0};
            print_place(finding, &place);
            return error_set(err, ERROR_LINT, "%zu %s, the first: %s%s [%s]", list->errors,
                             list->errors == 1 ? "finding" : "findings", buffer_string(&place),
                             finding->message, finding->rule);
        }
    }
    return error_set(err, ERROR_LINT, "%zu findings", list->errors);
}

/* The line with nothing in it that could steer a terminal, then the caret. */
static void print_source(const finding_t *finding, buffer_t *out) {
    buffer_text(out, "    ");
    utf8_columns(finding->source, strlen(finding->source), out);
    buffer_text(out, "\n    ");
    for (int i = 0; i < finding->caret; i++) {
        buffer_char(out, ' ');
    }
    buffer_text(out, "^\n");
}

void finding_print(const finding_t *finding, buffer_t *out) {
    print_place(finding, out);
    buffer_format(out, "%s: %s [%s]\n", finding_severity_text(finding->severity), finding->message,
                  finding->rule);
    if (finding->source != NULL && finding->source[0] != '\0') {
        print_source(finding, out);
    }
    if (finding->hint != NULL) {
        buffer_format(out, "    HINT: %s\n", finding->hint);
    }
}

void finding_list_free(finding_list_t *list) {
    for (size_t i = 0; i < list->count; i++) {
        free_texts(&list->items[i]);
    }
    free(list->items);
    memset(list, 0, sizeof *list);
}
