/* output.c: see output.h. Tables are drawn by libsmartcols (util-linux). */
#include "cli/output.h"
#include "common/base/cleanup.h"
#include "common/base/utf8.h"

#include <inttypes.h>
#include <libsmartcols/libsmartcols.h>
#include <stdarg.h>
#include <string.h>
#include <time.h>

output_t output_choose(const command_input_t *input, output_form_t configured) {
    const char *form = command_text(input, "output");
    const char *term = getenv("TERM");
    const char *no_color = getenv("NO_COLOR");
    bool terminal = isatty(STDOUT_FILENO) == 1 && term != NULL && strcmp(term, "dumb") != 0;
    output_t output = {.form = configured, .live = terminal};
    if (form != NULL) {
        output.form = strcmp(form, "json") == 0 ? OUTPUT_JSON : OUTPUT_TABLE;
    }
    output.colour =
        terminal && !command_switch(input, "no-color") && (no_color == NULL || no_color[0] == '\0');
    return output;
}

void output_escape(const char *text, buffer_t *out) {
    utf8_escape(text, strlen(text), out);
}

void output_lines(const char *text, const char *indent, buffer_t *out) {
    size_t length = strcspn(text, "\n");
    utf8_escape(text, length, out);
    buffer_char(out, '\n');
    while (text[length] == '\n' && text[length + 1] != '\0') { /* each turn takes one line */
        text += length + 1;
        length = strcspn(text, "\n");
        buffer_text(out, indent);
        utf8_escape(text, length, out);
        buffer_char(out, '\n');
    }
}

static void put_bytes(int64_t bytes, buffer_t *out) {
    static const char *const UNITS[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    double value = (double)bytes;
    size_t unit = 0;
    while (value >= 1024 && unit + 1 < sizeof UNITS / sizeof UNITS[0]) {
        value /= 1024;
        unit++;
    }
    buffer_format(out, unit == 0 ? "%.0f %s" : "%.1f %s", value, UNITS[unit]);
}

/* Two units at most: what follows would not be read. */
static void put_duration(int64_t us, buffer_t *out) {
    int64_t s = us / 1000000;
    if (us < 0) {
        buffer_text(out, "-");
    } else if (us < 1000000) {
        buffer_format(out, "%" PRId64 "ms", us / 1000);
    } else if (s < 60) {
        buffer_format(out, "%" PRId64 ".%" PRId64 "s", s, us % 1000000 / 100000);
    } else if (s < 3600) {
        buffer_format(out, "%" PRId64 "m %" PRId64 "s", s / 60, s % 60);
    } else if (s < 86400) {
        buffer_format(out, "%" PRId64 "h %" PRId64 "m", s / 3600, s % 3600 / 60);
    } else {
        buffer_format(out, "%" PRId64 "d %" PRId64 "h", s / 86400, s % 86400 / 3600);
    }
}

static void put_time(const output_t *output, int64_t us, buffer_t *out) {
    time_t seconds = (time_t)(us / 1000000);
    struct tm parts;
    char text[64];
    bool known =
        output->utc ? gmtime_r(&seconds, &parts) != NULL : localtime_r(&seconds, &parts) != NULL;
    if (us <= 0 || !known) {
        buffer_text(out, "-");
        return;
    }
    (void)strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S", &parts);
    buffer_format(out, "%s%s", text, output->utc ? "Z" : "");
}

static bool are_texts(const json_t *list) {
    size_t index = 0;
    const json_t *item = NULL;
    json_array_foreach(list, index, item) {
        if (!json_is_string(item)) {
            return false;
        }
    }
    return json_is_array(list);
}

/* Names as people write them: "here, there". */
static void put_texts(const json_t *list, buffer_t *out) {
    size_t index = 0;
    const json_t *item = NULL;
    json_array_foreach(list, index, item) {
        buffer_text(out, index > 0 ? ", " : "");
        output_escape(json_string_value(item), out);
    }
    buffer_text(out, json_array_size(list) == 0 ? "-" : "");
}

void output_cell(const output_t *output, column_kind_t kind, const json_t *value, buffer_t *out) {
    if (value == NULL || json_is_null(value)) {
        buffer_text(out, "-");
        return;
    }
    if (json_is_string(value) && kind == COLUMN_ID) {
        char id[OUTPUT_ID_SIZE];
        output_escape(output_id(json_string_value(value), id), out);
        return;
    }
    if (json_is_string(value)) {
        output_escape(json_string_value(value), out);
        return;
    }
    if (json_is_boolean(value)) {
        buffer_text(out, json_is_true(value) ? "yes" : "no");
        return;
    }
    if (are_texts(value)) {
        put_texts(value, out);
        return;
    }
    if (!json_is_integer(value)) {
        CLEANUP(free_p)
        char *text = json_dumps(value, JSON_COMPACT | JSON_SORT_KEYS | JSON_ENCODE_ANY);
        output_escape(text != NULL ? text : "?", out);
        return;
    }
    int64_t number = (int64_t)json_integer_value(value);
    switch (kind) {
    case COLUMN_BYTES:
        put_bytes(number, out);
        return;
    case COLUMN_DURATION:
        put_duration(number, out);
        return;
    case COLUMN_TIME:
        put_time(output, number, out);
        return;
    case COLUMN_AGE:
        put_duration(number > 0 ? number : -1, out);
        return;
    case COLUMN_TEXT:
    case COLUMN_NUMBER:
    case COLUMN_STATE:
    case COLUMN_YES:
    case COLUMN_ID:
    case COLUMN_KIND_COUNT:
        buffer_format(out, "%" PRId64, number);
        return;
    }
}

/* What a state's word means to the eye. */
static const char *colour_of(const char *state) {
    static const struct {
        const char *word;
        const char *colour;
    } COLOURS[] = {
        {"done", "green"},         {"applied", "green"},       {"verified", "green"},
        {"online", "green"},       {"finished", "green"},      {"rolled_back", "green"},
        {"succeeded", "green"},    {"passed", "green"},        {"ok", "green"},
        {"failed", "red"},         {"unreachable", "red"},     {"refused", "red"},
        {"incomplete", "red"},     {"late", "yellow"},         {"gone", "magenta"},
        {"unknown", "magenta"},    {"quarantined", "magenta"}, {"suspended", "magenta"},
        {"clone", "magenta"},      {"paused", "yellow"},       {"stopping", "yellow"},
        {"stopped", "yellow"},     {"reverting", "yellow"},    {"waiting", "yellow"},
        {"outstanding", "yellow"}, {"stale", "yellow"},        {"running", "cyan"},
        {"dispatched", "cyan"},    {"open", "cyan"},           {"soaking", "cyan"},
        {"fresh", "green"},        {"expires soon", "yellow"}, {"expired", "red"},
    };
    for (size_t i = 0; i < sizeof COLOURS / sizeof COLOURS[0]; i++) {
        if (strcmp(COLOURS[i].word, state) == 0) {
            return COLOURS[i].colour;
        }
    }
    return NULL;
}

static void table_free(struct libscols_table **table) {
    if (*table != NULL) {
        scols_unref_table(*table);
    }
}

static status_t no_memory(error_t *err) {
    return error_set(err, ERROR_NO_MEMORY, "no memory for a table");
}

static status_t add_row(const output_t *output, const output_view_t *view,
                        struct libscols_table *table, const json_t *row, error_t *err) {
    struct libscols_line *line = scols_table_new_line(table, NULL);
    if (line == NULL) {
        return no_memory(err);
    }
    for (size_t i = 0; i < view->count; i++) {
        CLEANUP(buffer_free) buffer_t cell = {0};
        output_cell(output, view->columns[i].kind, document_at(row, view->columns[i].path), &cell);
        TRY(buffer_check(&cell, err));
        if (scols_line_set_data(line, i, buffer_string(&cell)) != 0) {
            return no_memory(err);
        }
        const char *colour =
            view->columns[i].kind == COLUMN_STATE ? colour_of(buffer_string(&cell)) : NULL;
        if (colour != NULL && output->colour &&
            scols_cell_set_color(scols_line_get_cell(line, i), colour) != 0) {
            return no_memory(err);
        }
    }
    return STATUS_OK;
}

static bool is_right(column_kind_t kind) {
    return kind == COLUMN_NUMBER || kind == COLUMN_BYTES || kind == COLUMN_DURATION ||
           kind == COLUMN_AGE;
}

status_t output_table(const output_t *output, const output_view_t *view, const json_t *document,
                      buffer_t *out, error_t *err) {
    const json_t *rows = document_at(document, view->rows);
    CLEANUP(table_free) struct libscols_table *table = scols_new_table();
    CLEANUP(free_p) char *text = NULL;
    if (table == NULL) {
        return no_memory(err);
    }
    if (json_array_size(rows) == 0) {
        return STATUS_OK;
    }
    (void)scols_table_enable_colors(table, output->colour ? 1 : 0);
    (void)scols_table_enable_nowrap(table, 1);
    /* a name that the terminal's width cut could not be copied: long lines wrap instead */
    (void)scols_table_set_termforce(table, SCOLS_TERMFORCE_NEVER);
    for (size_t i = 0; i < view->count; i++) {
        int flags = is_right(view->columns[i].kind) ? SCOLS_FL_RIGHT : 0;
        if (scols_table_new_column(table, view->columns[i].title, 0, flags) == NULL) {
            return no_memory(err);
        }
    }
    size_t index = 0;
    json_t *row = NULL;
    json_array_foreach(rows, index, row) {
        TRY(add_row(output, view, table, row, err));
    }
    if (scols_print_table_to_string(table, &text) != 0) {
        return no_memory(err);
    }
    buffer_text(out, text);
    if (out->size > 0 && out->data[out->size - 1] != '\n') {
        buffer_char(out, '\n');
    }
    return STATUS_OK;
}

void output_pairs(const output_t *output, const output_view_t *view, const json_t *document,
                  buffer_t *out) {
    size_t width = 0;
    for (size_t i = 0; i < view->count; i++) {
        size_t length = strlen(view->columns[i].title);
        width = length > width ? length : width;
    }
    for (size_t i = 0; i < view->count; i++) {
        const output_column_t *column = &view->columns[i];
        const json_t *value = document_at(document, column->path);
        bool said = value != NULL && !json_is_null(value) &&
                    !(json_is_string(value) && json_string_length(value) == 0);
        if (!said) {
            continue;
        }
        buffer_format(out, "%-*s  ", (int)width, column->title);
        if (column->kind == COLUMN_STATE && json_is_string(value)) {
            output_state(output, json_string_value(value), out);
        } else {
            output_cell(output, column->kind, value, out);
        }
        buffer_char(out, '\n');
    }
}

void output_state(const output_t *output, const char *state, buffer_t *out) {
    static const struct {
        const char *colour;
        const char *sequence; /* ECMA-48 SGR */
    } SEQUENCES[] = {{"green", "\033[32m"},
                     {"red", "\033[31m"},
                     {"magenta", "\033[35m"},
                     {"yellow", "\033[33m"},
                     {"cyan", "\033[36m"}};
    const char *colour = output->colour ? colour_of(state) : NULL;
    for (size_t i = 0; colour != NULL && i < sizeof SEQUENCES / sizeof SEQUENCES[0]; i++) {
        if (strcmp(SEQUENCES[i].colour, colour) == 0) {
            buffer_text(out, SEQUENCES[i].sequence);
        }
    }
    output_escape(state, out);
    if (colour != NULL) {
        buffer_text(out, "\033[0m");
    }
}

const char *output_id(const char *id, char buffer[OUTPUT_ID_SIZE]) {
    (void)snprintf(buffer, OUTPUT_ID_SIZE, "%s", id);
    return buffer;
}

status_t output_flush(const buffer_t *text, FILE *out, error_t *err) {
    TRY(buffer_check(text, err));
    if (fputs(buffer_string(text), out) < 0 || fflush(out) != 0) {
        return error_set(err, ERROR_IO, "cannot write the result: %m");
    }
    return STATUS_OK;
}

status_t output_json(const json_t *document, buffer_t *out, error_t *err) {
    CLEANUP(free_p)
    char *text = json_dumps(document, JSON_INDENT(2) | JSON_SORT_KEYS | JSON_ENCODE_ANY);
    if (text == NULL) {
        return error_set(err, ERROR_NO_MEMORY, "no memory for JSON");
    }
    utf8_escape_json(text, strlen(text), out);
    buffer_char(out, '\n');
    return buffer_check(out, err);
}

status_t output_write(const output_t *output, const output_view_t *view, const json_t *document,
                      FILE *out, error_t *err) {
    if (output->form == OUTPUT_JSON || view == NULL) {
        CLEANUP(buffer_free) buffer_t text = {0};
        TRY(output_json(document, &text, err));
        TRY(output_flush(&text, out, err));
    } else if (json_array_size(document_at(document, view->rows)) > 0) {
        CLEANUP(buffer_free) buffer_t text = {0};
        TRY(output_table(output, view, document, &text, err));
        TRY(output_flush(&text, out, err));
    } else if (view->empty != NULL) {
        output_say("%s", view->empty);
    }
    if (fflush(out) != 0 || ferror(out) != 0) {
        return error_set(err, ERROR_IO, "cannot write the result: %m");
    }
    return STATUS_OK;
}

void output_say(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    CLEANUP(buffer_free) buffer_t shown = {0};
    char *text = NULL;
    int size = vasprintf(&text, format, arguments);
    va_end(arguments);
    if (size >= 0) {
        utf8_escape(text, (size_t)size, &shown);
        free(text);
    }
    (void)fprintf(stderr, "drover: %s\n", buffer_string(&shown));
}
