/*
 * listener.h: the coordinator's end: a ROUTER with CURVE, on the owner's loop.
 *
 * Every message is handed over with the peer that its connection authenticated as, looked up anew
 * in the handler's table. Routing ids are ZeroMQ's own and name connections, never peers. A peer's
 * current connection is the one that listener_claim chose last (on an accepted hello: the newest
 * wins); an operator may have several at once and is answered on the one that asked.
 *
 * ROUTER_MANDATORY is on: a peer that is gone or does not read is an error of the send. For the
 * current connection a bounded queue holds what its pipe does not take; when that is full too the
 * message is refused. Nothing sent is known to have arrived. Source: zmq_setsockopt(3).
 */
#ifndef DROVER_WIRE_LISTENER_H
#define DROVER_WIRE_LISTENER_H

#include "common/wire/transport.h"
#include "common/wire/zap.h"

typedef struct listener listener_t;

/* A connection, as a value that may be kept: it never becomes another peer's. */
typedef struct route {
    uint8_t size;
    uint8_t bytes[15];
} route_t;

/* All borrowed for the call. */
typedef struct listener_message {
    const zap_peer_t *peer;
    route_t route;
    bool current;        /* route is the peer's claimed connection */
    const char *address; /* "192.0.2.7", for logs and audit */
    const void *bytes;
    size_t size;
} listener_message_t;

typedef enum listener_event {
    LISTENER_REVOKED,   /* a message on a connection whose key is no longer enrolled: dropped */
    LISTENER_MALFORMED, /* more than one frame: dropped */
    LISTENER_GONE,      /* the claimed connection of this peer is closed: claim and queue dropped */
    LISTENER_EVENT_COUNT
} listener_event_t;

typedef struct listener_calls {
    void *context;
    void (*receive)(void *context, const listener_message_t *message);
    /* After the last receive of a wake-up: the place to commit and to send. May be NULL. */
    void (*drained)(void *context);
    /* key is NULL where it is not known. May be NULL. */
    void (*event)(void *context, listener_event_t event, const curve_public_t *key);
} listener_calls_t;

/* ERROR_ADDRESS_IN_USE: the port is taken. ERROR_INVALID: no such address. The loop and the handler
 * must outlive the listener. */
MUST_CHECK status_t listener_new(zloop_t *loop, zap_t *zap, const transport_options_t *options,
                                 const listener_calls_t *calls, listener_t **ret_listener,
                                 error_t *err);
void listener_destroy(listener_t **self_p);
DEFINE_CLEANUP(listener_t, listener_destroy)

/* Address that it is bound to, with the real port. */
const char *listener_endpoint(const listener_t *self);

/* Make this route the peer's current connection; what was queued for an older one is dropped.
 * ERROR_NO_MEMORY. */
MUST_CHECK status_t listener_claim(listener_t *self, const curve_public_t *key,
                                   const route_t *route, error_t *err);

/* Forget the peer's current connection and its queue. */
void listener_release(listener_t *self, const curve_public_t *key);

/* Whether the peer has a current connection. */
bool listener_connected(const listener_t *self, const curve_public_t *key);

/*
 * Send to the peer's current connection. ERROR_AGENT_UNREACHABLE: it has none, or it is closed (its
 * claim is dropped). ERROR_WIRE_BUSY: it does not read and its queue is full. ERROR_PEER_UNKNOWN:
 * no longer enrolled. ERROR_BOUND: larger than LIMIT_MESSAGE_BYTES.
 */
MUST_CHECK status_t listener_send(listener_t *self, const curve_public_t *key, const void *bytes,
                                  size_t size, error_t *err);

/* Answer on one connection, without a queue. The same errors. */
MUST_CHECK status_t listener_answer(listener_t *self, const route_t *route, const void *bytes,
                                    size_t size, error_t *err);

/* Messages and bytes that wait for this peer in our queue. */
size_t listener_queued(const listener_t *self, const curve_public_t *key, size_t *ret_bytes);

#endif
