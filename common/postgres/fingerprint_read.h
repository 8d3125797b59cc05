/*
 * fingerprint_read.h: from the rows of fingerprint_sql to the lines of the canonical text.
 */
#ifndef DROVER_POSTGRES_FINGERPRINT_READ_H
#define DROVER_POSTGRES_FINGERPRINT_READ_H

#include "common/postgres/fingerprint.h"
#include "common/postgres/fingerprint_objects.h"

enum { LINE_LOGICAL = 'L', LINE_STRICT = 'S', LINE_DATABASE = 'D' };

typedef struct fingerprint_line {
    const char *text; /* terminated, without the line's end */
    size_t size;
    char class; /* LINE_… */
} fingerprint_line_t;

typedef struct fingerprint_row {
    const fingerprint_kind_t *kind;
    const char *const *values; /* one a field of the kind; NULL is NULL */
    object_t *object;          /* what it speaks of; NULL: left out */
} fingerprint_row_t;

typedef struct fingerprint_reader {
    objects_t objects;
    fingerprint_row_t *rows;
    size_t row_count;
    fingerprint_line_t *lines;
    size_t line_count, line_room;
    size_t bytes; /* of all lines */
    const fingerprint_exceptions_t *exceptions;
    buffer_t work; /* scratch of the line being made */
} fingerprint_reader_t;

/* The number that a cell begins with, 0 where it begins with none. The cells are the server's own
 * oids and numbers, thousands a result: strtoul, with its locale and signs, was a tenth of the
 * reading. */
uint32_t fingerprint_oid(const char *cell);

/* Split, resolve and sort: fills lines, ordered by bytes. */
MUST_CHECK status_t fingerprint_read(fingerprint_reader_t *self, const PGresult *result,
                                     error_t *err);
void fingerprint_reader_free(fingerprint_reader_t *self);

/* Turn the resolved rows into lines (fingerprint_lines.c); failures show in objects.failed. */
void fingerprint_make_lines(fingerprint_reader_t *self);

#endif
