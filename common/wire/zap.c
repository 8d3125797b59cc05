/*
 * zap.c: see zap.h. Requests are a handful of small frames from libzmq itself, within the process;
 * their content comes from strangers.
 */
#include "common/wire/zap.h"
#include "common/wire/zap_request.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define ZAP_ENDPOINT "inproc://zeromq.zap.01"

struct zap {
    zloop_t *loop;
    zsock_t *socket;
    zap_refused_fn *refused;
    void *context;
    zap_peer_t *peers; /* ordered by key */
    size_t peer_count;
    uint64_t refusals;
};

static int compare_peers(const void *a, const void *b) {
    const zap_peer_t *left = a;
    const zap_peer_t *right = b;
    return curve_public_compare(&left->key, &right->key);
}

static int compare_key(const void *key, const void *peer) {
    return curve_public_compare(key, &((const zap_peer_t *)peer)->key);
}

const zap_peer_t *zap_find(const zap_t *self, const curve_public_t *key) {
    if (self->peer_count == 0) {
        return NULL;
    }
    return bsearch(key, self->peers, self->peer_count, sizeof *self->peers, compare_key);
}

status_t zap_set_peers(zap_t *self, const zap_peer_t *peers, size_t count, error_t *err) {
    zap_peer_t *copy = NULL;
    if (count > 0) {
        copy = calloc(count, sizeof *copy);
        if (copy == NULL) {
            return error_set(err, ERROR_NO_MEMORY, "out of memory for %zu peers", count);
        }
        memcpy(copy, peers, count * sizeof *copy);
        qsort(copy, count, sizeof *copy, compare_peers);
    }
    for (size_t i = 1; i < count; i++) {
        if (curve_public_equal(&copy[i - 1].key, &copy[i].key)) {
            (void)error_set(err, ERROR_INVALID, "the peers %.128s and %.128s have one CURVE key",
                            copy[i - 1].name, copy[i].name);
            free(copy);
            return STATUS_ERROR;
        }
    }
    free(self->peers);
    self->peers = copy;
    self->peer_count = count;
    return STATUS_OK;
}

static void tell_refusal(zap_t *self, const zap_request_t *request, const char *key,
                         const char *reason) {
    self->refusals++;
    if (self->refused == NULL) {
        return;
    }
    char address[ZAP_TEXT_SIZE];
    char mechanism[ZAP_TEXT_SIZE];
    zap_request_show(request, ZAP_AT_ADDRESS, address);
    zap_request_show(request, ZAP_AT_MECHANISM, mechanism);
    zap_refusal_t refusal = {
        .address = address,
        .mechanism = mechanism,
        .key = key,
        .reason = reason,
        .count = self->refusals,
    };
    self->refused(self->context, &refusal);
}

static void reply(zap_t *self, const zap_request_t *request, const char *key, const char *reason) {
    char id[ZAP_TEXT_SIZE]; /* libzmq's is one byte, "1" */
    zap_request_show(request, ZAP_AT_ID, id);
    bool welcome = reason == NULL;
    /* a reply that cannot be sent leaves the handshake without an answer: it fails, closed */
    (void)zstr_sendx(self->socket, "1.0", id, welcome ? "200" : "400",
                     welcome ? "OK" : "not enrolled", welcome ? key : "", "", NULL);
}

static void judge(zap_t *self, const zap_request_t *request) {
    curve_public_t key;
    bool has_key;
    char text[CURVE_TEXT_SIZE] = "";
    const char *reason = zap_request_read(request, &key, &has_key);
    if (has_key) {
        (void)curve_public_text(&key, text);
    }
    if (reason == NULL && zap_find(self, &key) == NULL) {
        reason = "key is not enrolled";
    }
    reply(self, request, text, reason);
    if (reason != NULL) {
        tell_refusal(self, request, text, reason);
    }
}

static int on_request(zloop_t *loop, zsock_t *socket, void *context) {
    (void)loop;
    zap_t *self = context;
    zmsg_t *message = zmsg_recv(socket);
    if (message == NULL) {
        return 0;
    }
    zap_request_t request = {0};
    for (zframe_t *frame = zmsg_first(message); frame != NULL; frame = zmsg_next(message)) {
        if (request.count < ZAP_FRAMES) {
            request.frames[request.count] =
                (zap_frame_t){.bytes = zframe_data(frame), .size = zframe_size(frame)};
        }
        request.count++;
    }
    judge(self, &request);
    zmsg_destroy(&message);
    return 0;
}

status_t zap_new(zloop_t *loop, zap_refused_fn *refused, void *context, zap_t **ret_zap,
                 error_t *err) {
    CLEANUP(zap_destroy_p) zap_t *self = calloc(1, sizeof *self);
    if (self == NULL || (self->socket = zsock_new(ZMQ_REP)) == NULL) {
        return error_set(err, ERROR_NO_MEMORY, "no memory or no file for the handshake's handler");
    }
    self->refused = refused;
    self->context = context;
    if (zsock_bind(self->socket, "%s", ZAP_ENDPOINT) != 0) {
        return error_set(err, ERROR_ADDRESS_IN_USE,
                         "the process has a handler of handshakes already");
    }
    if (zloop_reader(loop, self->socket, on_request, self) != 0) {
        return error_set(err, ERROR_NO_MEMORY, "out of memory in the loop");
    }
    self->loop = loop;
    zloop_reader_set_tolerant(loop, self->socket);
    *ret_zap = TAKE(self);
    return STATUS_OK;
}

void zap_destroy(zap_t **self_p) {
    if (self_p == NULL || *self_p == NULL) {
        return;
    }
    zap_t *self = *self_p;
    if (self->loop != NULL) {
        zloop_reader_end(self->loop, self->socket);
    }
    if (self->socket != NULL) {
        /* a socket is closed later, by libzmq's own thread; its name must be free now */
        (void)zsock_unbind(self->socket, "%s", ZAP_ENDPOINT);
    }
    zsock_destroy(&self->socket);
    free(self->peers);
    free(self);
    *self_p = NULL;
}

uint64_t zap_refusals(const zap_t *self) {
    return self->refusals;
}
