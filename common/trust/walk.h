/*
 * walk.h: containers (Document, Ticket, Statement) field by field, in the one encoding there is:
 * fields in ascending order, numbers and lengths in their shortest form, nothing empty, nothing
 * unknown. Nothing is copied.
 */
#ifndef DROVER_TRUST_WALK_H
#define DROVER_TRUST_WALK_H

#include "common/base/buffer.h"
#include "common/wire/scan.h"

typedef struct walk {
    const uint8_t *at;
    size_t left;
    uint32_t last;    /* number of the last field */
    uint32_t most;    /* highest number that the container has */
    uint32_t many;    /* the number of its repeated field, 0: it has none */
    const char *what; /* for messages: "document" */
} walk_t;

/* Read the next field; *ret_more is false at the end. ERROR_TRUST_DOCUMENT. */
MUST_CHECK status_t walk_next(walk_t *walk, scan_field_t *ret_field, bool *ret_more, error_t *err);

/* Append a field in that encoding; nothing where the value is 0 or empty. */
void walk_put_number(buffer_t *out, unsigned number, uint64_t value);
void walk_put_bytes(buffer_t *out, unsigned number, const void *bytes, size_t size);

/* Big-endian numbers of fixed layouts. */
void walk_put_u32(buffer_t *out, uint32_t value);
void walk_put_u64(buffer_t *out, uint64_t value);
uint32_t walk_u32(const uint8_t bytes[4]);
uint64_t walk_u64(const uint8_t bytes[8]);

#endif
