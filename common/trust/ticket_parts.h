/*
 * ticket_parts.h: a ticket's bytes as its parts, bounded; nothing of it is believed yet.
 */
#ifndef DROVER_TRUST_TICKET_PARTS_H
#define DROVER_TRUST_TICKET_PARTS_H

#include "common/trust/ticket.h"
#include "common/trust/walk.h"

typedef struct parts {
    digest_t order;
    uint32_t wave;
    leaf_t *leaves; /* owned: parts_free */
    size_t leaf_count;
    const uint8_t *approval; /* borrowed from the ticket's bytes; NULL: none */
    size_t approval_size;
    walk_t rest; /* at the first statement, if there is one */
    size_t statement_count;
} parts_t;

/* Borrowed bytes of one statement. */
typedef struct statement {
    const uint8_t *card;
    size_t card_size;
    const uint8_t *result;
    size_t result_size;
} statement_t;

/* Read all but the statements, which are only counted. ERROR_TICKET_INVALID, TRUST_DOCUMENT,
 * BOUND. */
MUST_CHECK status_t parts_read(const void *bytes, size_t size, parts_t *ret_parts, error_t *err);

/* Read the next statement at parts->rest. */
MUST_CHECK status_t parts_next(parts_t *parts, statement_t *ret_statement, bool *ret_more,
                               error_t *err);

void parts_free(parts_t *parts);

#endif
