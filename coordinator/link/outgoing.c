/* outgoing.c: see outgoing.h. */
#include "coordinator/link/outgoing.h"

#include <stdlib.h>

static status_t make_room(outgoing_t *self, error_t *err) {
    if (self->count < self->room) {
        return STATUS_OK;
    }
    size_t room = self->room == 0 ? 64 : self->room * 2;
    outgoing_item_t *items = realloc(self->items, room * sizeof *items);
    if (items == NULL) {
        return error_set(err, ERROR_NO_MEMORY, "out of memory for messages");
    }
    self->items = items;
    self->room = room;
    return STATUS_OK;
}

status_t outgoing_add(outgoing_t *self, const outgoing_target_t *target, Drover__Kind kind,
                      const ProtobufCMessage *message, const sign_secret_t *secret, error_t *err) {
    TRY(make_room(self, err));
    outgoing_item_t *item = &self->items[self->count];
    *item = (outgoing_item_t){.key = target->key,
                              .route = target->route,
                              .answers = target->answers,
                              .number = target->number};
    if (codec_seal(kind, message, secret, &item->bytes, err) != STATUS_OK) {
        buffer_free(&item->bytes);
        return STATUS_ERROR;
    }
    self->count++;
    return STATUS_OK;
}

void outgoing_clear(outgoing_t *self) {
    for (size_t i = 0; i < self->count; i++) {
        buffer_free(&self->items[i].bytes);
    }
    self->count = 0;
}

void outgoing_free(outgoing_t *self) {
    outgoing_clear(self);
    free(self->items);
    *self = (outgoing_t){0};
}
