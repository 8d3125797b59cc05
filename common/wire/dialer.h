/*
 * dialer.h: the agent's end: a DEALER with CURVE, on the owner's loop.
 *
 * It connects and keeps connecting: ZeroMQ tries again by itself with a growing pause after a lost
 * connection, and never after a refused handshake, so that there the dialer starts anew with the
 * same pauses. Messages wait in a bounded queue only while connected; a lost connection drops them,
 * for the journal, not the socket, remembers what must be said again.
 */
#ifndef DROVER_WIRE_DIALER_H
#define DROVER_WIRE_DIALER_H

#include "common/wire/transport.h"

typedef struct dialer dialer_t;

typedef enum dialer_event {
    DIALER_CONNECTED,    /* handshake done: say hello */
    DIALER_DISCONNECTED, /* was connected, is no more */
    DIALER_REFUSED,      /* the server does not know our key */
    DIALER_UNANSWERED,   /* a handshake failed otherwise: wrong server key, or no such protocol */
    DIALER_EVENT_COUNT
} dialer_event_t;

typedef struct dialer_calls {
    void *context;
    void (*receive)(void *context, const void *bytes, size_t size);
    /* After the last receive of a wake-up. May be NULL. */
    void (*drained)(void *context);
    /* reason is one line, borrowed. May be NULL. */
    void (*event)(void *context, dialer_event_t event, const char *reason);
} dialer_calls_t;

/* ERROR_INVALID: no such address. The loop must outlive the dialer. */
MUST_CHECK status_t dialer_new(zloop_t *loop, const transport_options_t *options,
                               const dialer_calls_t *calls, dialer_t **ret_dialer, error_t *err);
void dialer_destroy(dialer_t **self_p);
DEFINE_CLEANUP(dialer_t, dialer_destroy)

bool dialer_connected(const dialer_t *self);

/* Give a connection up that stands and is of no use, DIALER_DISCONNECTED with this reason, and dial
 * anew. Nothing where there is none: that is tried again by itself. Not from within receive. */
void dialer_redial(dialer_t *self, const char *reason);

/* ERROR_WIRE_UNREACHABLE: not connected. ERROR_WIRE_BUSY: the queue is full. ERROR_BOUND: larger
 * than LIMIT_MESSAGE_BYTES. */
MUST_CHECK status_t dialer_send(dialer_t *self, const void *bytes, size_t size, error_t *err);

/* Messages that wait in our queue. */
size_t dialer_queued(const dialer_t *self);

#endif
