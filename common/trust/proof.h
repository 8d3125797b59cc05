/*
 * proof.h: one tenant's place in an order (leaf), and its way to the wave's root (proof). Pure but
 * for memory.
 */
#ifndef DROVER_TRUST_PROOF_H
#define DROVER_TRUST_PROOF_H

#include "common/base/buffer.h"
#include "common/base/ident.h"
#include "common/trust/merkle.h"

typedef struct leaf {
    ident_t tenant;
    uint64_t cluster; /* PostgreSQL's system identifier; 0: wherever the tenant is */
    int64_t number;   /* grows per tenant and application: the order's issued_us, never more */
    uint32_t from_position;
    uint32_t to_position;
    ident_t reference; /* the backup that a restore or a backup's check uses; else null */
} leaf_t;

typedef struct proof {
    leaf_t leaf;
    uint32_t wave;
    merkle_path_t path; /* its count is set by order_admits, from the order */
} proof_t;

/* What the leaves of one wave have in common, and the leaves: strictly ascending by tenant. */
typedef struct leaves {
    const char *application;
    uint32_t wave;
    const leaf_t *leaves;
    size_t count;
} leaves_t;

/* hash("drover/leaf/1", application, wave, the leaf's fields). */
digest_t leaf_digest(const leaves_t *leaves, const leaf_t *leaf);

/* The tree of a wave. ERROR_TICKET_INVALID where leaves do not ascend, ERROR_BOUND. */
MUST_CHECK status_t leaves_tree(const leaves_t *leaves, merkle_t **ret_merkle, error_t *err);

/* The leaf of a tenant, NULL where there is none. */
const leaf_t *leaves_find(const leaves_t *leaves, const ident_t *tenant);

enum { PROOF_BYTES = 64 + MERKLE_PATH * DIGEST_BYTES }; /* most that a proof takes */

void proof_encode(const proof_t *proof, buffer_t *out);
/* ERROR_ORDER_PROOF. */
MUST_CHECK status_t proof_decode(const void *bytes, size_t size, proof_t *ret_proof, error_t *err);

#endif
