/*
 * zap.h: who may connect: ZeroMQ's authentication handler, on the owner's loop.
 *
 * Only CURVE with a key of the table is let in; every other mechanism, key, domain or malformed
 * request is refused with 400. One handler serves all sockets of the process. Its answer names the
 * key as User-Id (64 hexadecimal digits), which then stands on every frame of that connection. A
 * handshake is the only time that ZeroMQ asks: receivers look each message's key up again
 * (zap_find), so that a removed key is out at once. Source: RFC 27/ZAP.
 */
#ifndef DROVER_WIRE_ZAP_H
#define DROVER_WIRE_ZAP_H

#include "common/base/cleanup.h"
#include "common/base/limits.h"
#include "common/crypto/sign.h"
#include "common/wire/curve.h"
#include "common/wire/party.h"

#include <czmq.h>
/* czmq.h brings syslog.h, whose macros would stand for the levels of log.h */
#undef LOG_DEBUG
#undef LOG_INFO
#undef LOG_WARNING

typedef struct zap zap_t;

/* An enrolled peer: what its authenticated key stands for. */
typedef struct zap_peer {
    curve_public_t key;
    sign_public_t sign; /* key that must have signed what it signs */
    party_t party;
    char name[LIMIT_NAME_BYTES + 1];
} zap_peer_t;

/* All texts are made printable and borrowed for the call. */
typedef struct zap_refusal {
    const char *address;
    const char *mechanism;
    const char *key; /* hexadecimal, "" where there was none */
    const char *reason;
    uint64_t count; /* refusals so far, this one included */
} zap_refusal_t;

/* Called once a refusal; the owner logs it, at its own rate. May be NULL. */
typedef void zap_refused_fn(void *context, const zap_refusal_t *refusal);

/* Bind the handler and serve it on the loop, which must outlive it. Begins with an empty table.
 * ERROR_ADDRESS_IN_USE where the process has one already. */
MUST_CHECK status_t zap_new(zloop_t *loop, zap_refused_fn *refused, void *context, zap_t **ret_zap,
                            error_t *err);
void zap_destroy(zap_t **self_p);
DEFINE_CLEANUP(zap_t, zap_destroy)

/* Replace the table by these peers (copied). ERROR_INVALID: a key twice; the table stays. */
MUST_CHECK status_t zap_set_peers(zap_t *self, const zap_peer_t *peers, size_t count, error_t *err);

/* The peer with this key, NULL where none is enrolled. Borrowed until the next zap_set_peers. */
const zap_peer_t *zap_find(const zap_t *self, const curve_public_t *key);

uint64_t zap_refusals(const zap_t *self);

#endif
