/*
 * dialer.c: see dialer.h. The socket's monitor says when a connection stands. After a handshake
 * that failed for good libzmq ends the session without another try: the socket is then made anew.
 */
#include "common/wire/dialer.h"
#include "common/base/backoff.h"
#include "common/wire/outbox.h"

#include <errno.h>
#include <sodium.h>
#include <stdlib.h>

struct dialer {
    zloop_t *loop;
    zsock_t *socket;
    zsock_t *monitor;
    transport_options_t options;
    dialer_calls_t calls;
    char *endpoint;
    outbox_t outbox;
    bool connected;
    int tries;       /* failed handshakes in a row */
    int retry_timer; /* empties the outbox; -1: none */
    int redial_timer;
};

static int on_readable(zloop_t *loop, zsock_t *socket, void *context);
static int on_monitor(zloop_t *loop, zsock_t *socket, void *context);

static void close_sockets(dialer_t *self) {
    if (self->socket != NULL) {
        zloop_reader_end(self->loop, self->socket);
    }
    if (self->monitor != NULL) {
        zloop_reader_end(self->loop, self->monitor);
    }
    transport_close(&self->socket, &self->monitor);
}

static status_t open_sockets(dialer_t *self, error_t *err) {
    TRY(transport_socket(ZMQ_DEALER, &self->options, &self->socket, err));
    TRY(transport_call(self->socket, &self->options, err));
    TRY(transport_watch(self->socket, &self->monitor, err));
    if (zloop_reader(self->loop, self->monitor, on_monitor, self) != 0 ||
        zloop_reader(self->loop, self->socket, on_readable, self) != 0) {
        return error_set(err, ERROR_NO_MEMORY, "out of memory in the loop");
    }
    zloop_reader_set_tolerant(self->loop, self->monitor);
    zloop_reader_set_tolerant(self->loop, self->socket);
    if (zmq_connect(zsock_resolve(self->socket), self->endpoint) != 0) {
        return error_set(err, ERROR_INVALID, "cannot connect to %s: %s", self->endpoint,
                         zmq_strerror(zmq_errno()));
    }
    return STATUS_OK;
}

static void tell(dialer_t *self, dialer_event_t event, const char *reason) {
    if (self->calls.event != NULL) {
        self->calls.event(self->calls.context, event, reason);
    }
}

/* ------------------------------------------------------------------ connection */

static void redial_later(dialer_t *self);

static int on_redial(zloop_t *loop, int timer, void *context) {
    (void)loop;
    (void)timer; /* ran once, is gone */
    dialer_t *self = context;
    self->redial_timer = -1;
    close_sockets(self);
    error_t err; /* no file or no memory just now: the next try is the answer */
    if (open_sockets(self, &err) != STATUS_OK) {
        close_sockets(self);
        redial_later(self);
    }
    return 0;
}

static void redial_later(dialer_t *self) {
    if (self->redial_timer >= 0) {
        return;
    }
    backoff_t backoff = {.first_ms = self->options.reconnect_ms,
                         .most_ms = self->options.reconnect_max_ms};
    self->tries++;
    int64_t wait_ms = backoff_wait_ms(&backoff, self->tries, randombytes_random());
    self->redial_timer = zloop_timer(self->loop, (size_t)wait_ms, 1, on_redial, self);
}

static void lose(dialer_t *self, const char *reason) {
    outbox_clear(&self->outbox);
    if (self->connected) {
        self->connected = false;
        tell(self, DIALER_DISCONNECTED, reason);
    }
}

static void take_change(dialer_t *self, transport_change_t change) {
    switch (change) {
    case TRANSPORT_UP:
        self->connected = true;
        self->tries = 0;
        tell(self, DIALER_CONNECTED, "connected");
        return;
    case TRANSPORT_DOWN:
        lose(self, "the connection was closed");
        return;
    case TRANSPORT_REFUSED:
        lose(self, "the handshake was refused");
        redial_later(self);
        tell(self, DIALER_REFUSED, "the server does not know this key");
        return;
    case TRANSPORT_BROKEN:
        lose(self, "the handshake failed");
        redial_later(self);
        tell(self, DIALER_UNANSWERED, "the handshake failed: is the server's key the right one?");
        return;
    case TRANSPORT_DELAYED:
    case TRANSPORT_OTHER:
        return;
    case TRANSPORT_CHANGE_COUNT:
        break;
    }
    INVARIANT(false);
}

static int on_monitor(zloop_t *loop, zsock_t *socket, void *context) {
    (void)loop;
    dialer_t *self = context;
    transport_change_t change;
    while (transport_next(socket, &change)) {
        take_change(self, change);
    }
    return 0;
}

bool dialer_connected(const dialer_t *self) {
    return self->connected;
}

void dialer_redial(dialer_t *self, const char *reason) {
    if (self->connected) {
        close_sockets(self);
        lose(self, reason);
        redial_later(self);
    }
}

/* ------------------------------------------------------------------ messages */

static int on_readable(zloop_t *loop, zsock_t *socket, void *context) {
    (void)loop;
    dialer_t *self = context;
    void *handle = zsock_resolve(socket);
    int count = 0;
    for (; count < WIRE_WAKE_MESSAGES; count++) {
        zmq_msg_t frame;
        (void)zmq_msg_init(&frame);
        if (zmq_msg_recv(&frame, handle, ZMQ_DONTWAIT) < 0) {
            (void)zmq_msg_close(&frame);
            break;
        }
        /* a frame of a message of several is no envelope: the receiver refuses each */
        self->calls.receive(self->calls.context, zmq_msg_data(&frame), zmq_msg_size(&frame));
        (void)zmq_msg_close(&frame);
    }
    if (count > 0 && self->calls.drained != NULL) {
        self->calls.drained(self->calls.context);
    }
    return 0;
}

static void flush(dialer_t *self) {
    size_t size = 0;
    for (const void *bytes = outbox_peek(&self->outbox, &size); bytes != NULL;
         bytes = outbox_peek(&self->outbox, &size)) {
        if (transport_send_now(self->socket, bytes, size) != 0) {
            return;
        }
        outbox_pop(&self->outbox);
    }
}

static int on_retry(zloop_t *loop, int timer, void *context) {
    dialer_t *self = context;
    if (self->socket != NULL) {
        flush(self);
    }
    if (self->outbox.messages == 0) {
        (void)zloop_timer_end(loop, timer);
        self->retry_timer = -1;
    }
    return 0;
}

status_t dialer_send(dialer_t *self, const void *bytes, size_t size, error_t *err) {
    if (size > LIMIT_MESSAGE_BYTES) {
        return error_set(err, ERROR_BOUND, "a message of %zu bytes, more than %d", size,
                         LIMIT_MESSAGE_BYTES);
    }
    if (!self->connected) {
        return error_set(err, ERROR_WIRE_UNREACHABLE, "not connected to %s", self->endpoint);
    }
    if (self->outbox.messages == 0 && transport_send_now(self->socket, bytes, size) == 0) {
        return STATUS_OK;
    }
    TRY(outbox_push(&self->outbox, bytes, size, err));
    if (self->retry_timer < 0) {
        self->retry_timer = zloop_timer(self->loop, WIRE_RETRY_MS, 0, on_retry, self);
        if (self->retry_timer < 0) {
            return error_set(err, ERROR_NO_MEMORY, "out of memory in the loop");
        }
    }
    return STATUS_OK;
}

size_t dialer_queued(const dialer_t *self) {
    return self->outbox.messages;
}

/* ------------------------------------------------------------------ making and ending */

status_t dialer_new(zloop_t *loop, const transport_options_t *options, const dialer_calls_t *calls,
                    dialer_t **ret_dialer, error_t *err) {
    INVARIANT(calls->receive != NULL);
    CLEANUP(dialer_destroy_p) dialer_t *self = calloc(1, sizeof *self);
    if (self == NULL) {
        return error_set(err, ERROR_NO_MEMORY, "out of memory for a connection");
    }
    self->loop = loop;
    self->options = transport_defaults(options);
    self->calls = *calls;
    self->retry_timer = self->redial_timer = -1;
    self->outbox.most_messages = self->options.queue_messages;
    self->outbox.most_bytes = self->options.queue_bytes;
    self->endpoint = strdup(options->endpoint);
    if (self->endpoint == NULL) {
        return error_set(err, ERROR_NO_MEMORY, "out of memory for a connection");
    }
    self->options.endpoint = self->endpoint;
    TRY(open_sockets(self, err));
    *ret_dialer = TAKE(self);
    return STATUS_OK;
}

void dialer_destroy(dialer_t **self_p) {
    if (self_p == NULL || *self_p == NULL) {
        return;
    }
    dialer_t *self = *self_p;
    close_sockets(self);
    if (self->retry_timer >= 0) {
        (void)zloop_timer_end(self->loop, self->retry_timer);
    }
    if (self->redial_timer >= 0) {
        (void)zloop_timer_end(self->loop, self->redial_timer);
    }
    outbox_clear(&self->outbox);
    free(self->endpoint);
    free(self);
    *self_p = NULL;
}
