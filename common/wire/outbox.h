/*
 * outbox.h: what one peer is to be sent and its pipe does not take yet: a queue with two bounds.
 */
#ifndef DROVER_WIRE_OUTBOX_H
#define DROVER_WIRE_OUTBOX_H

#include "common/base/error.h"

typedef struct outbox_entry outbox_entry_t;

/* Lives in its owner; zeroed but for the bounds is empty. */
typedef struct outbox {
    size_t most_messages;
    size_t most_bytes;
    size_t messages;
    size_t bytes;
    outbox_entry_t *first;
    outbox_entry_t *last;
} outbox_t;

/* Queue a copy. ERROR_WIRE_BUSY: full, and nothing was queued. ERROR_NO_MEMORY. */
MUST_CHECK status_t outbox_push(outbox_t *outbox, const void *bytes, size_t size, error_t *err);

/* The oldest message, borrowed; NULL where there is none. */
const void *outbox_peek(const outbox_t *outbox, size_t *ret_size);

/* Forget the oldest; forget all. */
void outbox_pop(outbox_t *outbox);
void outbox_clear(outbox_t *outbox);

#endif
