/*
 * transport.h: what listener, dialer and asker have in common: their options and CURVE sockets.
 */
#ifndef DROVER_WIRE_TRANSPORT_H
#define DROVER_WIRE_TRANSPORT_H

#include "common/base/cleanup.h"
#include "common/wire/bounds.h"
#include "common/wire/curve.h"

#include <czmq.h>
/* czmq.h brings syslog.h, whose macros would stand for the levels of log.h */
#undef LOG_DEBUG
#undef LOG_INFO
#undef LOG_WARNING

/* The domain of our handshakes: without one libzmq would ask nobody and let every key in. */
#define TRANSPORT_DOMAIN "drover"

typedef struct transport_options {
    const char *endpoint;  /* "tcp://host:port"; a listener's port may be * */
    const uint8_t *secret; /* own CURVE key, CURVE_BYTES, borrowed for the object's life */
    curve_public_t server; /* dialer and asker: key that the server must have */
    int handshake_ms;      /* 0: WIRE_HANDSHAKE_MS */
    int reconnect_ms;      /* 0: WIRE_RECONNECT_MS */
    int reconnect_max_ms;  /* 0: WIRE_RECONNECT_MAX_MS */
    int pipe_messages;     /* 0: WIRE_PIPE_MESSAGES */
    size_t queue_messages; /* 0: WIRE_QUEUE_MESSAGES */
    size_t queue_bytes;    /* 0: WIRE_QUEUE_BYTES */
} transport_options_t;

/*
 * Once at the start of a program that uses sockets: keeps CZMQ from installing signal handlers and
 * from printing, and raises the limit of open files to what the system allows, so that idle
 * connections do not use it up.
 */
MUST_CHECK status_t transport_start(error_t *err);

/* Where options say 0, the numbers of bounds.h. */
transport_options_t transport_defaults(const transport_options_t *options);

/* A socket of this type with the options' bounds and times set, not yet bound or connected. */
MUST_CHECK status_t transport_socket(int type, const transport_options_t *options,
                                     zsock_t **ret_socket, error_t *err);

/* Make it a CURVE server that asks our handler, or a CURVE client of options->server. */
MUST_CHECK status_t transport_serve(zsock_t *socket, const transport_options_t *options,
                                    error_t *err);
MUST_CHECK status_t transport_call(zsock_t *socket, const transport_options_t *options,
                                   error_t *err);

/* Set one option of libzmq; value of size bytes. ERROR_INTERNAL names the option. */
MUST_CHECK status_t transport_set(zsock_t *socket, int option, const void *value, size_t size,
                                  error_t *err);
MUST_CHECK status_t transport_set_int(zsock_t *socket, int option, int value, error_t *err);

/* What became of a connection, as a socket's monitor tells it. */
typedef enum transport_change {
    TRANSPORT_OTHER,
    TRANSPORT_UP,      /* handshake done */
    TRANSPORT_DOWN,    /* closed */
    TRANSPORT_REFUSED, /* handshake refused: our key is not enrolled; libzmq tries no more */
    TRANSPORT_BROKEN,  /* handshake failed in another way */
    TRANSPORT_DELAYED, /* the address does not answer; libzmq tries again */
    TRANSPORT_CHANGE_COUNT
} transport_change_t;

/* Begin to watch a socket: answers the PAIR that its events arrive on. */
MUST_CHECK status_t transport_watch(zsock_t *socket, zsock_t **ret_monitor, error_t *err);

/* Read one event without waiting; false where there is none. */
bool transport_next(zsock_t *monitor, transport_change_t *ret_change);

/* Stop watching, close both. Safe on NULL. */
void transport_close(zsock_t **socket_p, zsock_t **monitor_p);

/* Send one frame without waiting: 0, or the errno (EAGAIN: the pipe is full). */
int transport_send_now(zsock_t *socket, const void *bytes, size_t size);

#endif
