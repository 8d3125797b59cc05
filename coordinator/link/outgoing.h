/*
 * outgoing.h: messages that wait for the commit that explains them.
 */
#ifndef DROVER_COORDINATOR_LINK_OUTGOING_H
#define DROVER_COORDINATOR_LINK_OUTGOING_H

#include "common/base/buffer.h"
#include "common/wire/codec.h"
#include "common/wire/listener.h"

/* One message. An answer goes back on the route that asked; everything else to the peer's current
 * connection. */
typedef struct outgoing_item {
    curve_public_t key;
    route_t route;
    bool answers;    /* by route */
    uint32_t number; /* of the question, so that a failed commit can be told */
    buffer_t bytes;
} outgoing_item_t;

/* Zeroed is empty. */
typedef struct outgoing {
    outgoing_item_t *items;
    size_t count;
    size_t room;
} outgoing_t;

/* Where a message goes; see outgoing_item_t. */
typedef struct outgoing_target {
    curve_public_t key;
    route_t route;
    bool answers;
    uint32_t number;
} outgoing_target_t;

/* Seal a message and keep it. NO_MEMORY, or what codec_seal answers. */
MUST_CHECK status_t outgoing_add(outgoing_t *self, const outgoing_target_t *target,
                                 Drover__Kind kind, const ProtobufCMessage *message,
                                 const sign_secret_t *secret, error_t *err);

/* Forget all, keep the list's memory. */
void outgoing_clear(outgoing_t *self);
void outgoing_free(outgoing_t *self);

#endif
