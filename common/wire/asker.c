/*
 * asker.c: see asker.h. A question is sent only over a connection that stands, and never a second
 * time by itself: whether to ask again is the caller's to say.
 */
#include "common/wire/asker.h"
#include "common/base/clock.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct asker {
    transport_options_t options;
    char *endpoint;
    zsock_t *socket;
    zsock_t *monitor;
    bool connected;
    bool delayed; /* the address did not answer */
};

static void hang_up(asker_t *self) {
    transport_close(&self->socket, &self->monitor);
    self->connected = false;
    self->delayed = false;
}

static status_t dial(asker_t *self, error_t *err) {
    if (self->socket != NULL) {
        return STATUS_OK;
    }
    TRY(transport_socket(ZMQ_DEALER, &self->options, &self->socket, err));
    TRY(transport_call(self->socket, &self->options, err));
    TRY(transport_watch(self->socket, &self->monitor, err));
    if (zmq_connect(zsock_resolve(self->socket), self->endpoint) != 0) {
        return error_set(err, ERROR_INVALID, "cannot connect to %s: %s", self->endpoint,
                         zmq_strerror(zmq_errno()));
    }
    return STATUS_OK;
}

/* Note what happened to the connection; an error ends the question. */
static status_t take_change(asker_t *self, transport_change_t change, error_t *err) {
    switch (change) {
    case TRANSPORT_UP:
        self->connected = true;
        return STATUS_OK;
    case TRANSPORT_DOWN:
        self->connected = false;
        return STATUS_OK;
    case TRANSPORT_DELAYED:
        self->delayed = true;
        return STATUS_OK;
    case TRANSPORT_REFUSED:
        return error_set(err, ERROR_PEER_UNKNOWN, "the coordinator at %s does not know this key",
                         self->endpoint);
    case TRANSPORT_BROKEN:
        return error_set(err, ERROR_WIRE_UNREACHABLE,
                         "the handshake with %s failed: its key is not the configured one",
                         self->endpoint);
    case TRANSPORT_OTHER:
        return STATUS_OK;
    case TRANSPORT_CHANGE_COUNT:
        break;
    }
    INVARIANT(false);
    return STATUS_ERROR;
}

/* Wait until something happens or the time is up; then note all changes. */
static status_t wait_change(asker_t *self, int64_t until_us, bool *ret_late, error_t *err) {
    int64_t left_us = until_us - clock_boot_us();
    zmq_pollitem_t items[] = {
        {.socket = zsock_resolve(self->monitor), .events = ZMQ_POLLIN},
        {.socket = zsock_resolve(self->socket), .events = ZMQ_POLLIN},
    };
    *ret_late = left_us <= 0;
    if (zmq_poll(items, 2, *ret_late ? 0 : (long)(left_us / US_PER_MS + 1)) < 0 &&
        zmq_errno() != EINTR) {
        return error_set(err, ERROR_IO, "waiting for %s: %s", self->endpoint,
                         zmq_strerror(zmq_errno()));
    }
    transport_change_t change;
    while (transport_next(self->monitor, &change)) {
        TRY(take_change(self, change, err));
    }
    return STATUS_OK;
}

static status_t connect_by(asker_t *self, int64_t until_us, error_t *err) {
    int64_t most_us = clock_boot_us() + WIRE_CONNECT_MS * US_PER_MS;
    int64_t end_us = until_us < most_us ? until_us : most_us;
    bool late = false;
    TRY(dial(self, err));
    while (!self->connected) {
        if (late) {
            return error_set(err, ERROR_WIRE_UNREACHABLE, "%s %s", self->endpoint,
                             self->delayed ? "does not take connections"
                                           : "does not complete a handshake");
        }
        TRY(wait_change(self, end_us, &late, err));
    }
    return STATUS_OK;
}

/* The connection may stand a moment before its pipe does: try until the pipe takes the message. */
static status_t send_by(asker_t *self, const buffer_t *sealed, int64_t until_us, error_t *err) {
    for (;;) {
        int failed = transport_send_now(self->socket, sealed->data, sealed->size);
        if (failed == 0) {
            return STATUS_OK;
        }
        int64_t left_us = until_us - clock_boot_us();
        if (failed != EAGAIN || left_us <= 0) {
            return error_set(err, ERROR_WIRE_UNREACHABLE, "%s takes no message: %s", self->endpoint,
                             zmq_strerror(failed));
        }
        zmq_pollitem_t item = {.socket = zsock_resolve(self->socket), .events = ZMQ_POLLOUT};
        (void)zmq_poll(&item, 1, (long)(left_us / US_PER_MS + 1));
    }
}

static status_t refusal(const Drover__Refused *refused, error_t *err) {
    error_code_t code = error_code_parse(refused->code);
    return error_set(err, code == ERROR_NONE ? ERROR_PEER_NOT_ALLOWED : code, "%s",
                     refused->message);
}

/* Read what has arrived; *ret_answer stays NULL where the answer is not among it. */
static status_t read_answers(asker_t *self, uint32_t number, message_t **ret_answer, error_t *err) {
    for (;;) {
        zmq_msg_t frame;
        (void)zmq_msg_init(&frame);
        if (zmq_msg_recv(&frame, zsock_resolve(self->socket), ZMQ_DONTWAIT) < 0) {
            (void)zmq_msg_close(&frame);
            return STATUS_OK;
        }
        CLEANUP(message_destroy_p) message_t *message = NULL;
        status_t status = codec_receive(zmq_msg_data(&frame), zmq_msg_size(&frame),
                                        PARTY_COORDINATOR, NULL, &message, err);
        (void)zmq_msg_close(&frame);
        TRY(status);
        if (message->kind == DROVER__KIND__KIND_REFUSED) {
            return refusal(message->refused, err);
        }
        bool answers = number == ASKER_ENROLLED ? message->kind == DROVER__KIND__KIND_ENROLLED
                                                : message->kind == DROVER__KIND__KIND_ANSWER &&
                                                      message->answer->number == number;
        if (answers) {
            *ret_answer = TAKE(message);
            return STATUS_OK;
        }
    }
}

static status_t await_answer(asker_t *self, uint32_t number, int64_t until_us,
                             message_t **ret_answer, error_t *err) {
    bool late = false;
    for (;;) {
        TRY(read_answers(self, number, ret_answer, err));
        if (*ret_answer != NULL) {
            return STATUS_OK;
        }
        if (late || !self->connected) {
            return error_set(err, ERROR_WIRE_TIMEOUT, "%s %s", self->endpoint,
                             late ? "did not answer in time"
                                  : "closed the connection before it answered");
        }
        TRY(wait_change(self, until_us, &late, err));
    }
}

status_t asker_ask(asker_t *self, const buffer_t *sealed, uint32_t number, int timeout_ms,
                   message_t **ret_answer, error_t *err) {
    int64_t until_us = clock_boot_us() + timeout_ms * US_PER_MS;
    message_t *answer = NULL;
    if (connect_by(self, until_us, err) != STATUS_OK ||
        send_by(self, sealed, until_us, err) != STATUS_OK ||
        await_answer(self, number, until_us, &answer, err) != STATUS_OK) {
        hang_up(self); /* the next question begins on a connection of its own */
        return STATUS_ERROR;
    }
    *ret_answer = answer;
    return STATUS_OK;
}

status_t asker_new(const transport_options_t *options, asker_t **ret_asker, error_t *err) {
    CLEANUP(asker_destroy_p) asker_t *self = calloc(1, sizeof *self);
    if (self == NULL || (self->endpoint = strdup(options->endpoint)) == NULL) {
        return error_set(err, ERROR_NO_MEMORY, "out of memory for a connection");
    }
    self->options = transport_defaults(options);
    self->options.endpoint = self->endpoint;
    TRY(dial(self, err));
    *ret_asker = TAKE(self);
    return STATUS_OK;
}

void asker_destroy(asker_t **self_p) {
    if (self_p == NULL || *self_p == NULL) {
        return;
    }
    asker_t *self = *self_p;
    hang_up(self);
    free(self->endpoint);
    free(self);
    *self_p = NULL;
}
