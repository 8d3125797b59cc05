/*
 * text.h: what every script must be before anything else is asked of it (UTF-8, no byte-order
 * mark, no NUL, at most LIMIT_SCRIPT_BYTES), and where a byte of it stands. Pure.
 *
 * Lines and columns count from 1; a column counts characters, not bytes, as editors do.
 */
#ifndef DROVER_MIGRATION_TEXT_H
#define DROVER_MIGRATION_TEXT_H

#include "common/base/error.h"

typedef struct text_span {
    const char *bytes;
    size_t size;
} text_span_t;

typedef struct text_place {
    int line;
    int column;
} text_place_t;

/*
 * Offset of the first byte that is no well-formed UTF-8 (overlong forms, surrogates and NUL are
 * not), or the size where all are. Source: RFC 3629, table 3-7 of the Unicode Standard.
 */
size_t text_utf8_length(const void *bytes, size_t size);

/*
 * Whether the bytes may be a script. ERROR_BOUND past 16 MiB, ERROR_ENCODING for a byte-order mark,
 * invalid UTF-8 or a NUL; ret_offset (may be NULL) gets where, on failure only.
 */
MUST_CHECK status_t text_check(text_span_t text, size_t *ret_offset, error_t *err);

/* Line and column of a byte; an offset past the end is the end. */
text_place_t text_place(text_span_t text, size_t offset);

/* The line (without its end) that holds a byte, cut to 200 bytes around it. */
text_span_t text_line(text_span_t text, size_t offset);

/* Offset of the end of the -- comment that begins at offset. A lone carriage return ends it, as in
 * PostgreSQL's scanner: what stands after it runs. */
size_t text_end_of_comment(text_span_t text, size_t offset);

/* Offset after the block comment that begins at offset; comments nest, as in PostgreSQL. */
size_t text_skip_comment(text_span_t text, size_t offset);

/* Offset of the first byte that is neither white space nor comment, at or after offset. */
size_t text_skip_blank(text_span_t text, size_t offset);

#endif
