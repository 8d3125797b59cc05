/*
 * join.h: the rows in which a coordinator answers an export, as the lines of its file. Pure but for
 * memory.
 *
 * One row is one line, but where a row says `more`: then rows of type `more` follow, and their
 * payloads belong to the first one's.
 */
#ifndef DROVER_AUDIT_JOIN_H
#define DROVER_AUDIT_JOIN_H

#include "common/base/buffer.h"
#include "common/base/cleanup.h"

#include <jansson.h>
#include <stdint.h>

/* Zeroed at the start. */
typedef struct audit_join {
    json_t *open; /* a row whose payload goes on, or NULL */
    buffer_t payload;
    uint64_t lines; /* written so far */
} audit_join_t;

/* Append the line that a row completes, if it does. Borrows the row. ERROR_AUDIT_LINE where rows do
 * not fit each other, NO_MEMORY. */
MUST_CHECK status_t audit_join_row(audit_join_t *join, json_t *row, buffer_t *out, error_t *err);

/* No row follows. ERROR_AUDIT_LINE where one is missing. */
MUST_CHECK status_t audit_join_end(const audit_join_t *join, error_t *err);

void audit_join_free(audit_join_t *join);

#endif
