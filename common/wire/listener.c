/*
 * listener.c: see listener.h. Frames are read with libzmq itself, because CZMQ copies each message
 * twice. Peers whose queue is not empty stand in a list of their own, tried again by a timer:
 * a ROUTER does not tell when one of its pipes has room again.
 */
#include "common/wire/listener.h"
#include "common/wire/outbox.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { ENDPOINT_SIZE = 256, ADDRESS_SIZE = 128 };

/* The claimed connection of one peer. */
typedef struct claim {
    curve_public_t key;
    route_t route;
    outbox_t outbox;
    bool waiting; /* is in the list of those with a queue */
    struct claim *next_waiting;
} claim_t;

struct listener {
    zloop_t *loop;
    zap_t *zap;
    zsock_t *socket;
    void *handle; /* libzmq's own, of socket */
    transport_options_t options;
    listener_calls_t calls;
    zhashx_t *claims; /* claim_t by key */
    claim_t *waiting;
    int timer; /* -1: none */
    char endpoint[ENDPOINT_SIZE];
};

/* ------------------------------------------------------------------ claims */

/* Public keys are as good as random, so that any eight bytes of one are a hash. */
static size_t hash_key(const void *key) {
    size_t hash;
    memcpy(&hash, ((const curve_public_t *)key)->bytes, sizeof hash);
    return hash;
}

static int compare_keys(const void *a, const void *b) {
    return curve_public_compare(a, b);
}

static claim_t *find_claim(const listener_t *self, const curve_public_t *key) {
    return zhashx_lookup(self->claims, key);
}

static void stop_waiting(listener_t *self, claim_t *claim) {
    if (!claim->waiting) {
        return;
    }
    claim_t **link = &self->waiting;
    while (*link != claim) {
        INVARIANT(*link != NULL);
        link = &(*link)->next_waiting;
    }
    *link = claim->next_waiting;
    claim->waiting = false;
}

static void drop_claim(listener_t *self, claim_t *claim) {
    stop_waiting(self, claim);
    outbox_clear(&claim->outbox);
    zhashx_delete(self->claims, &claim->key);
    free(claim);
}

static void tell(listener_t *self, listener_event_t event, const curve_public_t *key) {
    if (self->calls.event != NULL) {
        self->calls.event(self->calls.context, event, key);
    }
}

static bool same_route(const route_t *a, const route_t *b) {
    return a->size == b->size && memcmp(a->bytes, b->bytes, a->size) == 0;
}

status_t listener_claim(listener_t *self, const curve_public_t *key, const route_t *route,
                        error_t *err) {
    claim_t *claim = find_claim(self, key);
    if (claim == NULL) {
        claim = calloc(1, sizeof *claim);
        if (claim == NULL) {
            return error_set(err, ERROR_NO_MEMORY, "out of memory for a connection");
        }
        claim->key = *key;
        claim->outbox.most_messages = self->options.queue_messages;
        claim->outbox.most_bytes = self->options.queue_bytes;
        if (zhashx_insert(self->claims, &claim->key, claim) != 0) {
            free(claim);
            return error_set(err, ERROR_NO_MEMORY, "out of memory for a connection");
        }
    } else if (!same_route(&claim->route, route)) {
        stop_waiting(self, claim);
        outbox_clear(&claim->outbox);
    }
    claim->route = *route;
    return STATUS_OK;
}

void listener_release(listener_t *self, const curve_public_t *key) {
    claim_t *claim = find_claim(self, key);
    if (claim != NULL) {
        drop_claim(self, claim);
    }
}

bool listener_connected(const listener_t *self, const curve_public_t *key) {
    return find_claim(self, key) != NULL;
}

size_t listener_queued(const listener_t *self, const curve_public_t *key, size_t *ret_bytes) {
    const claim_t *claim = find_claim(self, key);
    *ret_bytes = claim == NULL ? 0 : claim->outbox.bytes;
    return claim == NULL ? 0 : claim->outbox.messages;
}

/* ------------------------------------------------------------------ sending */

/* 0, EAGAIN (the pipe is full) or EHOSTUNREACH. Mandatory routing is decided on the first frame. */
static int send_now(listener_t *self, const route_t *route, const void *bytes, size_t size) {
    if (zmq_send(self->handle, route->bytes, route->size, ZMQ_SNDMORE | ZMQ_DONTWAIT) < 0) {
        return zmq_errno() == EAGAIN ? EAGAIN : EHOSTUNREACH;
    }
    return zmq_send(self->handle, bytes, size, ZMQ_DONTWAIT) < 0 ? EHOSTUNREACH : 0;
}

/* Send what waits for one peer; false where its connection is gone. */
static bool flush(listener_t *self, claim_t *claim) {
    size_t size = 0;
    for (const void *bytes = outbox_peek(&claim->outbox, &size); bytes != NULL;
         bytes = outbox_peek(&claim->outbox, &size)) {
        int failed = send_now(self, &claim->route, bytes, size);
        if (failed != 0) {
            return failed == EAGAIN;
        }
        outbox_pop(&claim->outbox);
    }
    return true;
}

static int on_retry(zloop_t *loop, int timer, void *context) {
    listener_t *self = context;
    for (claim_t *claim = self->waiting; claim != NULL;) {
        claim_t *next = claim->next_waiting;
        if (!flush(self, claim)) {
            curve_public_t key = claim->key;
            drop_claim(self, claim);
            tell(self, LISTENER_GONE, &key);
            /* the owner may have changed the list: the rest is for the next time */
            return 0;
        }
        if (claim->outbox.messages == 0) {
            stop_waiting(self, claim);
        }
        claim = next;
    }
    if (self->waiting == NULL) {
        (void)zloop_timer_end(loop, timer);
        self->timer = -1;
    }
    return 0;
}

static status_t queue(listener_t *self, claim_t *claim, const void *bytes, size_t size,
                      error_t *err) {
    TRY(outbox_push(&claim->outbox, bytes, size, err));
    if (!claim->waiting) {
        claim->waiting = true;
        claim->next_waiting = self->waiting;
        self->waiting = claim;
    }
    if (self->timer < 0) {
        self->timer = zloop_timer(self->loop, WIRE_RETRY_MS, 0, on_retry, self);
        if (self->timer < 0) {
            return error_set(err, ERROR_NO_MEMORY, "out of memory in the loop");
        }
    }
    return STATUS_OK;
}

static status_t check_size(size_t size, error_t *err) {
    if (size > LIMIT_MESSAGE_BYTES) {
        return error_set(err, ERROR_BOUND, "a message of %zu bytes, more than %d", size,
                         LIMIT_MESSAGE_BYTES);
    }
    return STATUS_OK;
}

status_t listener_send(listener_t *self, const curve_public_t *key, const void *bytes, size_t size,
                       error_t *err) {
    TRY(check_size(size, err));
    claim_t *claim = find_claim(self, key);
    if (zap_find(self->zap, key) == NULL) {
        listener_release(self, key);
        return error_set(err, ERROR_PEER_UNKNOWN, "the peer is no longer enrolled");
    }
    if (claim == NULL) {
        return error_set(err, ERROR_AGENT_UNREACHABLE, "the agent is not connected");
    }
    if (claim->outbox.messages > 0) {
        return queue(self, claim, bytes, size, err); /* never overtakes what waits */
    }
    int failed = send_now(self, &claim->route, bytes, size);
    if (failed == EAGAIN) {
        return queue(self, claim, bytes, size, err);
    }
    if (failed != 0) {
        curve_public_t gone = claim->key;
        drop_claim(self, claim);
        tell(self, LISTENER_GONE, &gone);
        return error_set(err, ERROR_AGENT_UNREACHABLE, "the agent's connection is closed");
    }
    return STATUS_OK;
}

status_t listener_answer(listener_t *self, const route_t *route, const void *bytes, size_t size,
                         error_t *err) {
    TRY(check_size(size, err));
    int failed = send_now(self, route, bytes, size);
    if (failed == EAGAIN) {
        return error_set(err, ERROR_WIRE_BUSY, "the peer does not read its answers");
    }
    if (failed != 0) {
        return error_set(err, ERROR_AGENT_UNREACHABLE, "the peer's connection is closed");
    }
    return STATUS_OK;
}

/* ------------------------------------------------------------------ receiving */

/* The enrolled peer that sent a frame, NULL where its key was removed since. */
static const zap_peer_t *sender_of(listener_t *self, zmq_msg_t *frame, curve_public_t *ret_key) {
    const char *user = zmq_msg_gets(frame, "User-Id");
    error_t ignored; /* the handler gave no such id: then there is no peer */
    if (user == NULL || curve_public_parse(user, ret_key, &ignored) != STATUS_OK) {
        return NULL;
    }
    return zap_find(self->zap, ret_key);
}

static void deliver(listener_t *self, const route_t *route, zmq_msg_t *frame) {
    curve_public_t key = {{0}};
    const zap_peer_t *peer = sender_of(self, frame, &key);
    if (peer == NULL) {
        listener_release(self, &key);
        tell(self, LISTENER_REVOKED, &key);
        return;
    }
    const char *address = zmq_msg_gets(frame, "Peer-Address");
    const claim_t *claim = find_claim(self, &key);
    listener_message_t message = {
        .peer = peer,
        .route = *route,
        .current = claim != NULL && same_route(&claim->route, route),
        .address = address != NULL ? address : "",
        .bytes = zmq_msg_data(frame),
        .size = zmq_msg_size(frame),
    };
    self->calls.receive(self->calls.context, &message);
}

/* Read the frames behind one that should have been the last. */
static void skip_rest(listener_t *self, zmq_msg_t *frame) {
    while (zmq_msg_more(frame) != 0 && zmq_msg_recv(frame, self->handle, ZMQ_DONTWAIT) >= 0) {
        /* a message's frames arrive together */
    }
}

/* Read one message; false where there is none. */
static bool receive_one(listener_t *self) {
    zmq_msg_t frame;
    (void)zmq_msg_init(&frame);
    if (zmq_msg_recv(&frame, self->handle, ZMQ_DONTWAIT) < 0) {
        (void)zmq_msg_close(&frame);
        return false;
    }
    route_t route = {0};
    bool whole = zmq_msg_size(&frame) <= sizeof route.bytes && zmq_msg_more(&frame) != 0;
    if (whole) {
        route.size = (uint8_t)zmq_msg_size(&frame);
        memcpy(route.bytes, zmq_msg_data(&frame), route.size);
        whole = zmq_msg_recv(&frame, self->handle, ZMQ_DONTWAIT) >= 0 && zmq_msg_more(&frame) == 0;
    }
    if (whole) {
        deliver(self, &route, &frame);
    } else {
        skip_rest(self, &frame);
        tell(self, LISTENER_MALFORMED, NULL);
    }
    (void)zmq_msg_close(&frame);
    return true;
}

static int on_readable(zloop_t *loop, zsock_t *socket, void *context) {
    (void)loop;
    (void)socket;
    listener_t *self = context;
    int count = 0;
    while (count < WIRE_WAKE_MESSAGES && receive_one(self)) {
        count++;
    }
    if (count > 0 && self->calls.drained != NULL) {
        self->calls.drained(self->calls.context);
    }
    return 0;
}

/* ------------------------------------------------------------------ making and ending */

static status_t bind_socket(listener_t *self, error_t *err) {
    self->handle = zsock_resolve(self->socket);
    if (zmq_bind(self->handle, self->options.endpoint) != 0) {
        int failed = zmq_errno();
        error_code_t code = failed == EADDRINUSE ? ERROR_ADDRESS_IN_USE
                            : failed == EACCES   ? ERROR_IO
                                                 : ERROR_INVALID;
        return error_set(err, code, "cannot listen on %s: %s", self->options.endpoint,
                         zmq_strerror(failed));
    }
    size_t size = sizeof self->endpoint;
    if (zmq_getsockopt(self->handle, ZMQ_LAST_ENDPOINT, self->endpoint, &size) != 0) {
        return error_set(err, ERROR_INTERNAL, "the bound address cannot be read: %s",
                         zmq_strerror(zmq_errno()));
    }
    return STATUS_OK;
}

status_t listener_new(zloop_t *loop, zap_t *zap, const transport_options_t *options,
                      const listener_calls_t *calls, listener_t **ret_listener, error_t *err) {
    INVARIANT(zap != NULL && calls->receive != NULL);
    CLEANUP(listener_destroy_p) listener_t *self = calloc(1, sizeof *self);
    if (self == NULL || (self->claims = zhashx_new()) == NULL) {
        return error_set(err, ERROR_NO_MEMORY, "out of memory for a listener");
    }
    zhashx_set_key_hasher(self->claims, hash_key);
    zhashx_set_key_comparator(self->claims, compare_keys);
    zhashx_set_key_duplicator(self->claims, NULL);
    zhashx_set_key_destructor(self->claims, NULL);
    self->zap = zap;
    self->options = transport_defaults(options);
    self->calls = *calls;
    self->timer = -1;
    TRY(transport_socket(ZMQ_ROUTER, &self->options, &self->socket, err));
    TRY(transport_serve(self->socket, &self->options, err));
    TRY(bind_socket(self, err));
    if (zloop_reader(loop, self->socket, on_readable, self) != 0) {
        return error_set(err, ERROR_NO_MEMORY, "out of memory in the loop");
    }
    zloop_reader_set_tolerant(loop, self->socket);
    self->loop = loop;
    *ret_listener = TAKE(self);
    return STATUS_OK;
}

void listener_destroy(listener_t **self_p) {
    if (self_p == NULL || *self_p == NULL) {
        return;
    }
    listener_t *self = *self_p;
    if (self->loop != NULL) {
        zloop_reader_end(self->loop, self->socket);
        if (self->timer >= 0) {
            (void)zloop_timer_end(self->loop, self->timer);
        }
    }
    while (self->claims != NULL && zhashx_size(self->claims) > 0) {
        drop_claim(self, zhashx_first(self->claims));
    }
    zhashx_destroy(&self->claims);
    zsock_destroy(&self->socket);
    free(self);
    *self_p = NULL;
}

const char *listener_endpoint(const listener_t *self) {
    return self->endpoint;
}
