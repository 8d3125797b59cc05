/* proof.c: see proof.h. */
#include "common/trust/proof.h"

#include "common/base/cleanup.h"
#include "common/crypto/hash.h"
#include "common/trust/walk.h"

#include <string.h>

/* Offsets of a proof's fields. */
enum {
    AT_CLUSTER = 16,
    AT_NUMBER = 24,
    AT_FROM = 32,
    AT_TO = 36,
    AT_REFERENCE = 40,
    AT_WAVE = 56,
    AT_INDEX = 60,
    AT_PATH = 64
};

digest_t leaf_digest(const leaves_t *leaves, const leaf_t *leaf) {
    hash_t hash;
    hash_begin(&hash, HASH_LEAF);
    hash_add_text(&hash, leaves->application);
    hash_add_number(&hash, leaves->wave);
    hash_add(&hash, leaf->tenant.bytes, IDENT_BYTES);
    hash_add_number(&hash, (int64_t)leaf->cluster);
    hash_add_number(&hash, leaf->number);
    hash_add_number(&hash, leaf->from_position);
    hash_add_number(&hash, leaf->to_position);
    hash_add(&hash, leaf->reference.bytes, IDENT_BYTES);
    return hash_end(&hash);
}

status_t leaves_tree(const leaves_t *leaves, merkle_t **ret_merkle, error_t *err) {
    CLEANUP(free_p) digest_t *items = calloc(leaves->count + 1, sizeof *items);
    if (items == NULL) {
        return error_set(err, ERROR_NO_MEMORY, "out of memory for a wave of %zu tenants",
                         leaves->count);
    }
    for (size_t i = 0; i < leaves->count; i++) {
        const leaf_t *leaf = &leaves->leaves[i];
        /* only a shape: what is doubled or out of place is found once at most, and counts as a
         * failure otherwise */
        if (i > 0 && ident_compare(&leaves->leaves[i - 1].tenant, &leaf->tenant) >= 0) {
            return error_set(err, ERROR_TICKET_INVALID,
                             "wave %u: its tenants do not ascend by id, each once",
                             leaves->wave + 1);
        }
        items[i] = leaf_digest(leaves, leaf);
    }
    return merkle_new(items, leaves->count, ret_merkle, err);
}

const leaf_t *leaves_find(const leaves_t *leaves, const ident_t *tenant) {
    size_t low = 0;
    size_t high = leaves->count;
    while (low < high) { /* halves each turn */
        size_t middle = low + (high - low) / 2;
        int order = ident_compare(&leaves->leaves[middle].tenant, tenant);
        if (order == 0) {
            return &leaves->leaves[middle];
        }
        low = order < 0 ? middle + 1 : low;
        high = order < 0 ? high : middle;
    }
    return NULL;
}

void proof_encode(const proof_t *proof, buffer_t *out) {
    buffer_append(out, proof->leaf.tenant.bytes, IDENT_BYTES);
    walk_put_u64(out, proof->leaf.cluster);
    walk_put_u64(out, (uint64_t)proof->leaf.number);
    walk_put_u32(out, proof->leaf.from_position);
    walk_put_u32(out, proof->leaf.to_position);
    buffer_append(out, proof->leaf.reference.bytes, IDENT_BYTES);
    walk_put_u32(out, proof->wave);
    walk_put_u32(out, proof->path.index);
    for (size_t i = 0; i < proof->path.size; i++) {
        buffer_append(out, proof->path.digests[i].bytes, DIGEST_BYTES);
    }
}

status_t proof_decode(const void *bytes, size_t size, proof_t *ret_proof, error_t *err) {
    if (size < AT_PATH || size > PROOF_BYTES || (size - AT_PATH) % DIGEST_BYTES != 0) {
        return error_set(err, ERROR_ORDER_PROOF, "%zu bytes are no proof", size);
    }
    const uint8_t *at = bytes;
    memset(ret_proof, 0, sizeof *ret_proof);
    memcpy(ret_proof->leaf.tenant.bytes, at, IDENT_BYTES);
    ret_proof->leaf.cluster = walk_u64(at + AT_CLUSTER);
    ret_proof->leaf.number = (int64_t)walk_u64(at + AT_NUMBER);
    ret_proof->leaf.from_position = walk_u32(at + AT_FROM);
    ret_proof->leaf.to_position = walk_u32(at + AT_TO);
    memcpy(ret_proof->leaf.reference.bytes, at + AT_REFERENCE, IDENT_BYTES);
    ret_proof->wave = walk_u32(at + AT_WAVE);
    ret_proof->path.index = walk_u32(at + AT_INDEX);
    ret_proof->path.size = (size - AT_PATH) / DIGEST_BYTES;
    memcpy(ret_proof->path.digests, at + AT_PATH, size - AT_PATH);
    return STATUS_OK;
}
