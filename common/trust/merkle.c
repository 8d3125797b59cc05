/*
 * merkle.c: see merkle.h. Level by level, a last node without a sibling goes up as it is: that is
 * the RFC's tree, since a split at the largest power of two leaves whole subtrees on the left.
 */
#include "common/trust/merkle.h"

#include "common/crypto/hash.h"

#include <string.h>

enum { LEVELS = MERKLE_PATH + 1 };

struct merkle {
    size_t counts[LEVELS];
    digest_t *levels[LEVELS]; /* into nodes; leaves first */
    size_t level_count;
    digest_t nodes[];
};

static digest_t leaf_of(const digest_t *item) {
    return hash_of(HASH_MERKLE_LEAF, item->bytes, DIGEST_BYTES);
}

static digest_t node_of(const digest_t *left, const digest_t *right) {
    hash_t hash;
    hash_begin(&hash, HASH_MERKLE_NODE);
    hash_add(&hash, left->bytes, DIGEST_BYTES);
    hash_add(&hash, right->bytes, DIGEST_BYTES);
    return hash_end(&hash);
}

/* Levels with their counts; answers how many nodes there are. */
static size_t measure(merkle_t *merkle, size_t count) {
    size_t total = 0;
    merkle->level_count = 0;
    for (size_t level = count;; level = (level + 1) / 2) { /* halves down to one */
        merkle->counts[merkle->level_count++] = level;
        total += level;
        if (level == 1) {
            return total;
        }
    }
}

status_t merkle_new(const digest_t *items, size_t count, merkle_t **ret_merkle, error_t *err) {
    if (count == 0 || count > MERKLE_LEAVES) {
        return error_set(err, ERROR_BOUND, "a tree of %zu tenants: it has 1 to %d", count,
                         (int)MERKLE_LEAVES);
    }
    merkle_t shape;
    size_t total = measure(&shape, count);
    merkle_t *merkle = malloc(sizeof *merkle + total * sizeof(digest_t));
    if (merkle == NULL) {
        return error_set(err, ERROR_NO_MEMORY, "out of memory for a tree of %zu tenants", count);
    }
    (void)measure(merkle, count);
    digest_t *at = merkle->nodes;
    for (size_t level = 0; level < merkle->level_count; level++) {
        merkle->levels[level] = at;
        const digest_t *below = level == 0 ? items : merkle->levels[level - 1];
        size_t below_count = level == 0 ? count : merkle->counts[level - 1];
        for (size_t i = 0; i < merkle->counts[level]; i++) {
            at[i] = level == 0                 ? leaf_of(&below[i])
                    : 2 * i + 1 == below_count ? below[2 * i]
                                               : node_of(&below[2 * i], &below[2 * i + 1]);
        }
        at += merkle->counts[level];
    }
    *ret_merkle = merkle;
    return STATUS_OK;
}

digest_t merkle_root(const merkle_t *merkle) {
    return merkle->levels[merkle->level_count - 1][0];
}

void merkle_path(const merkle_t *merkle, uint32_t index, merkle_path_t *ret_path) {
    INVARIANT(index < merkle->counts[0]);
    memset(ret_path, 0, sizeof *ret_path);
    ret_path->index = index;
    ret_path->count = (uint32_t)merkle->counts[0];
    size_t at = index;
    for (size_t level = 0; level + 1 < merkle->level_count; level++, at /= 2) {
        size_t sibling = at ^ 1;
        if (sibling < merkle->counts[level]) {
            ret_path->digests[ret_path->size++] = merkle->levels[level][sibling];
        }
    }
}

bool merkle_verify(const digest_t *root, const digest_t *item, const merkle_path_t *path) {
    if (path->count == 0 || path->count > MERKLE_LEAVES || path->index >= path->count ||
        path->size > MERKLE_PATH) {
        return false;
    }
    digest_t at = leaf_of(item);
    size_t index = path->index;
    size_t used = 0;
    for (size_t count = path->count; count > 1; count = (count + 1) / 2, index /= 2) {
        if ((index ^ 1) >= count) {
            continue; /* the last one goes up alone */
        }
        if (used == path->size) {
            return false;
        }
        const digest_t *sibling = &path->digests[used++];
        at = index % 2 == 0 ? node_of(&at, sibling) : node_of(sibling, &at);
    }
    return used == path->size && digest_equal(&at, root);
}

void merkle_destroy(merkle_t **merkle_p) {
    if (merkle_p != NULL && *merkle_p != NULL) {
        free(*merkle_p);
        *merkle_p = NULL;
    }
}
