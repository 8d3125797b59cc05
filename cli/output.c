/* output.c: see output.h. Tables are drawn by libsmartcols (util-linux). */
#include "cli/output.h"
#include "common/base/cleanup.h"

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

const json_t *output_find(const json_t *document, const char *path) {
    while (document != NULL && path[0] != '\0') { /* each turn steps over a member's name */
        char name[64];
        size_t length = strcspn(path, ".");
        INVARIANT(length < sizeof name);
        memcpy(name, path, length);
        name[length] = '\0';
        document = json_object_get(document, name);
        path += length + (path[length] == '.' ? 1 : 0);
    }
    return document;
}

/* Control bytes and what is no UTF-8 text cannot reach the terminal. */
static void put_text(const char *text, buffer_t *out) {
    for (const unsigned char *c = (const unsigned char *)text; *c != '\0'; c++) {
        if (*c < 0x20 || *c == 0x7f) {
            buffer_format(out, "\\x%02x", (unsigned)*c);
        } else if (*c == 0xC2 && c[1] >= 0x80 && c[1] < 0xA0) { /* C1 controls in UTF-8 */
            buffer_format(out, "\\u%04x", (unsigned)c[1]);
            c++;
        } else {
            buffer_char(out, (char)*c);
        }
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

void output_cell(const output_t *output, column_kind_t kind, const json_t *value, buffer_t *out) {
    if (value == NULL || json_is_null(value)) {
        buffer_text(out, "-");
        return;
    }
    if (json_is_string(value)) {
        put_text(json_string_value(value), out);
        return;
    }
    if (json_is_boolean(value)) {
        buffer_text(out, json_is_true(value) ? "yes" : "no");
        return;
    }
    if (!json_is_integer(value)) {
        CLEANUP(free_p)
        char *text = json_dumps(value, JSON_COMPACT | JSON_SORT_KEYS | JSON_ENCODE_ANY);
        put_text(text != NULL ? text : "?", out);
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
    case COLUMN_TEXT:
    case COLUMN_NUMBER:
    case COLUMN_STATE:
    case COLUMN_YES:
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
        {"failed", "red"},         {"unreachable", "red"},     {"refused", "red"},
        {"unknown", "magenta"},    {"quarantined", "magenta"}, {"paused", "yellow"},
        {"outstanding", "yellow"}, {"stale", "yellow"},        {"running", "cyan"},
        {"soaking", "cyan"},
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
        output_cell(output, view->columns[i].kind, output_find(row, view->columns[i].path), &cell);
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
    return kind == COLUMN_NUMBER || kind == COLUMN_BYTES || kind == COLUMN_DURATION;
}

static status_t write_table(const output_t *output, const output_view_t *view, const json_t *rows,
                            FILE *out, error_t *err) {
    CLEANUP(table_free) struct libscols_table *table = scols_new_table();
    if (table == NULL || scols_table_set_stream(table, out) != 0) {
        return no_memory(err);
    }
    (void)scols_table_enable_colors(table, output->colour ? 1 : 0);
    (void)scols_table_enable_nowrap(table, 1);
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
    if (scols_print_table(table) != 0) {
        return error_set(err, ERROR_IO, "cannot write the table: %m");
    }
    return STATUS_OK;
}

status_t output_write(const output_t *output, const output_view_t *view, const json_t *document,
                      FILE *out, error_t *err) {
    const json_t *rows = view != NULL ? output_find(document, view->rows) : NULL;
    if (output->form == OUTPUT_JSON || view == NULL) {
        if (json_dumpf(document, out, JSON_INDENT(2) | JSON_SORT_KEYS | JSON_ENCODE_ANY) != 0) {
            return error_set(err, ERROR_IO, "cannot write JSON: %m");
        }
        (void)fputc('\n', out);
    } else if (json_array_size(rows) > 0) {
        TRY(write_table(output, view, rows, out, err));
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
    (void)fputs("drover: ", stderr);
    (void)vfprintf(stderr, format, arguments);
    (void)fputc('\n', stderr);
    va_end(arguments);
}
