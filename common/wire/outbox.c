/* outbox.c: see outbox.h. */
#include "common/wire/outbox.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct outbox_entry {
    outbox_entry_t *next;
    size_t size;
    uint8_t bytes[];
};

status_t outbox_push(outbox_t *outbox, const void *bytes, size_t size, error_t *err) {
    if (outbox->messages >= outbox->most_messages || size > outbox->most_bytes ||
        outbox->bytes > outbox->most_bytes - size) {
        return error_set(err, ERROR_WIRE_BUSY, "the peer's queue is full: %zu messages, %zu bytes",
                         outbox->messages, outbox->bytes);
    }
    outbox_entry_t *entry = malloc(sizeof *entry + size);
    if (entry == NULL) {
        return error_set(err, ERROR_NO_MEMORY, "out of memory for a message of %zu bytes", size);
    }
    entry->next = NULL;
    entry->size = size;
    memcpy(entry->bytes, bytes, size);
    if (outbox->last == NULL) {
        outbox->first = entry;
    } else {
        outbox->last->next = entry;
    }
    outbox->last = entry;
    outbox->messages++;
    outbox->bytes += size;
    return STATUS_OK;
}

const void *outbox_peek(const outbox_t *outbox, size_t *ret_size) {
    if (outbox->first == NULL) {
        return NULL;
    }
    *ret_size = outbox->first->size;
    return outbox->first->bytes;
}

void outbox_pop(outbox_t *outbox) {
    outbox_entry_t *entry = outbox->first;
    INVARIANT(entry != NULL);
    outbox->first = entry->next;
    if (outbox->first == NULL) {
        outbox->last = NULL;
    }
    outbox->messages--;
    outbox->bytes -= entry->size;
    free(entry);
}

void outbox_clear(outbox_t *outbox) {
    while (outbox->first != NULL) {
        outbox_pop(outbox);
    }
}
