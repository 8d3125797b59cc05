/*
 * merkle.h: trees of digests, of the shape of RFC 9162 section 2.1: a tree of n leaves is split at
 * the largest power of two below n. Pure but for memory.
 *
 * Leaves and nodes are hashed under two domains of ours instead of the RFC's prefix bytes: a node
 * never passes as a leaf. The number of leaves is no part of the root (index 0 of 3 and of 4 look
 * alike on the way up): who verifies takes it from where it is signed beside the root.
 */
#ifndef DROVER_TRUST_MERKLE_H
#define DROVER_TRUST_MERKLE_H

#include "common/base/cleanup.h"
#include "common/base/digest.h"

enum {
    MERKLE_PATH = 20, /* digests in a path, at most: 2^20 leaves */
    MERKLE_LEAVES = 1 << MERKLE_PATH,
};

typedef struct merkle_path {
    uint32_t index;
    uint32_t count; /* leaves of the tree, from 1 */
    size_t size;
    digest_t digests[MERKLE_PATH]; /* from the leaf upwards */
} merkle_path_t;

typedef struct merkle merkle_t;

/* Build all levels over count (1 … MERKLE_LEAVES) items, which are hashed as leaves here: 64 bytes
 * a leaf. ERROR_BOUND, NO_MEMORY. */
MUST_CHECK status_t merkle_new(const digest_t *items, size_t count, merkle_t **ret_merkle,
                               error_t *err);

digest_t merkle_root(const merkle_t *merkle);

/* The path of one item. */
void merkle_path(const merkle_t *merkle, uint32_t index, merkle_path_t *ret_path);

/* Whether the item stands at path->index of the path->count items under root. RFC 9162 2.1.3.2. */
bool merkle_verify(const digest_t *root, const digest_t *item, const merkle_path_t *path);

void merkle_destroy(merkle_t **merkle_p);
DEFINE_CLEANUP(merkle_t, merkle_destroy)

#endif
