/*
 * output.h: results on stdout, as a table for people or as JSON for programs.
 *
 * One JSON document is both: a table is a view of its rows through columns. Text from elsewhere
 * (names, messages) cannot steer the terminal: control bytes are shown escaped. Colours only where
 * stdout is a terminal that has them.
 */
#ifndef DROVER_CLI_OUTPUT_H
#define DROVER_CLI_OUTPUT_H

#include "cli/command.h"
#include "cli/document.h"

#include <stdio.h>

typedef enum output_form { OUTPUT_TABLE, OUTPUT_JSON, OUTPUT_FORM_COUNT } output_form_t;

typedef struct output {
    output_form_t form;
    bool colour; /* stdout may be coloured */
    bool live;   /* stdout is a terminal that can be redrawn */
    bool utc;    /* times are shown in UTC rather than the local zone */
} output_t;

/* How a JSON value becomes a cell; a value that is null or absent is "-", texts in an array are
 * parted by commas. */
typedef enum column_kind {
    COLUMN_TEXT,     /* a text as it is */
    COLUMN_NUMBER,   /* a number, to the right */
    COLUMN_BYTES,    /* a number of bytes as 12.3 MiB, to the right */
    COLUMN_DURATION, /* microseconds as 1m 12s, to the right */
    COLUMN_TIME,     /* microseconds since 1970 as 2026-03-01 03:00:00 */
    COLUMN_STATE,    /* a text, coloured by what it says */
    COLUMN_YES,      /* true as yes, false as no */
    COLUMN_ID,       /* an id or digest, its first characters: enough to name it by */
    COLUMN_AGE,      /* microseconds that passed, to the right; 0 and less are "-" */
    COLUMN_KIND_COUNT
} column_kind_t;

typedef struct output_column {
    const char *title;
    const char *path; /* "cluster.name": members by dots */
    column_kind_t kind;
} output_column_t;

typedef struct output_view {
    const output_column_t *columns;
    size_t count;
    const char *rows;  /* path of the array in the document; "" is the document itself */
    const char *empty; /* what stderr says where there are no rows; NULL: nothing */
} output_view_t;

#define OUTPUT_COLUMNS(array) .columns = (array), .count = sizeof(array) / sizeof(array)[0]

/*
 * From -o, else the form of the configuration, and from NO_COLOR, --no-color, TERM and the
 * terminal.
 */
output_t output_choose(const command_input_t *input, output_form_t configured);

/* Append the document as JSON that a terminal may see. ERROR_NO_MEMORY. */
MUST_CHECK status_t output_json(const json_t *document, buffer_t *out, error_t *err);

/* Write the document: as JSON whole, as a table through the view. ERROR_IO, ERROR_NO_MEMORY. */
MUST_CHECK status_t output_write(const output_t *output, const output_view_t *view,
                                 const json_t *document, FILE *out, error_t *err);

/* Append the rows as a table; nothing where there are none. ERROR_NO_MEMORY. */
MUST_CHECK status_t output_table(const output_t *output, const output_view_t *view,
                                 const json_t *document, buffer_t *out, error_t *err);

/*
 * Append one object as lines of a title and its value; members that are absent, null or "" are left
 * out. The view's rows and empty are not used.
 */
void output_pairs(const output_t *output, const output_view_t *view, const json_t *document,
                  buffer_t *out);

/* Append a text from elsewhere with its control bytes escaped. */
void output_escape(const char *text, buffer_t *out);

/* Append such a text and a line feed. Its own line feeds stay: what follows one stands after the
 * indent. */
void output_lines(const char *text, const char *indent, buffer_t *out);

/* Write what was appended. ERROR_NO_MEMORY where that failed, ERROR_IO. */
MUST_CHECK status_t output_flush(const buffer_t *text, FILE *out, error_t *err);

/* One cell's text; for tests and for lines that are no table. */
void output_cell(const output_t *output, column_kind_t kind, const json_t *value, buffer_t *out);

enum { OUTPUT_ID_SIZE = 9 };

/* The first characters of an id; answers buffer. */
const char *output_id(const char *id, char buffer[OUTPUT_ID_SIZE]);

/* Append a state's word, coloured where output has colours. */
void output_state(const output_t *output, const char *state, buffer_t *out);

/* A message on stderr, after "drover: ". */
void output_say(const char *format, ...) PRINTF_LIKE(1, 2);

#endif
