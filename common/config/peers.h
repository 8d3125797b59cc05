/*
 * peers.h: peers.yaml, the list of who may talk to the coordinator.
 *
 *     peers:
 *       - name: agent-eu-1
 *         kind: agent
 *         curve: "…40 characters of Z85…"
 *         sign: "…64 hexadecimal digits…"
 *
 * Names, CURVE keys and signing keys are unique. At most LIMIT_AGENTS peers. An empty list is
 * `peers: []`: nobody may.
 */
#ifndef DROVER_CONFIG_PEERS_H
#define DROVER_CONFIG_PEERS_H

#include "common/base/cleanup.h"
#include "common/config/yaml.h"

typedef enum peer_kind { PEER_AGENT, PEER_OPERATOR, PEER_KIND_COUNT } peer_kind_t;

enum {
    PEER_KEY_BYTES = 32,
    PEER_CURVE_TEXT_SIZE = 41, /* Z85 with the terminator */
};

typedef struct peer {
    char *name;
    peer_kind_t kind;
    char *curve_text;              /* Z85, 40 characters */
    char *sign_text;               /* 64 lower-case hexadecimal digits */
    uint8_t curve[PEER_KEY_BYTES]; /* CURVE public key */
    uint8_t sign[PEER_KEY_BYTES];  /* Ed25519 public key */
} peer_t;

typedef struct peers peers_t;

MUST_CHECK status_t peers_load(const char *path, problems_t *problems, peers_t **ret_peers,
                               error_t *err);
MUST_CHECK status_t peers_parse(const yaml_text_t *text, problems_t *problems, peers_t **ret_peers,
                                error_t *err);

size_t peers_count(const peers_t *peers);
const peer_t *peers_at(const peers_t *peers, size_t index);

/* The peer with this CURVE public key, or NULL: a binary search over the raw bytes. */
const peer_t *peers_by_curve(const peers_t *peers, const uint8_t key[PEER_KEY_BYTES]);

/* The same by the Z85 text that a frame's User-Id carries. */
const peer_t *peers_by_curve_text(const peers_t *peers, const char *z85);

/* The peer of this name, or NULL. */
const peer_t *peers_by_name(const peers_t *peers, const char *name);

const char *peer_kind_text(peer_kind_t kind);

void peers_destroy(peers_t **peers);
DEFINE_CLEANUP(peers_t, peers_destroy)

#endif
