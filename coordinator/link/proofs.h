/*
 * proofs.h: whom an order names, and each tenant's way to the root of its wave.
 *
 * An order's waves are those of its rollout in which it names a tenant (task_is_ordered), so that
 * their numbers differ where a wave has none. Leaves are made from the rollout's tasks as they were
 * launched; a tree is believed only where its root is the one that the order's signers signed.
 * Trees are made when they are first needed and stay while a rollout of theirs is with the engine.
 *
 * A rollback that the engine started by itself runs under its parent's order: it has the parent's
 * leaves, and no tickets.
 */
#ifndef DROVER_COORDINATOR_LINK_PROOFS_H
#define DROVER_COORDINATOR_LINK_PROOFS_H

#include "common/trust/order.h"
#include "coordinator/engine/model.h"

#define uthash_fatal(message) abort()
#include <uthash.h>

enum { PROOFS_NO_WAVE = UINT32_MAX };

typedef struct hub hub_t;

typedef struct proofs_wave {
    leaves_t leaves;
    leaf_t *items;      /* of leaves */
    uint32_t *ordinals; /* task of each leaf, in the order's rollout */
    merkle_t *tree;
    digest_t ticket;   /* that opens it; zero: not asked for yet, or there is none */
    uint64_t judged;   /* keeper_changes when the ticket was found to hold; 0: not yet */
    int64_t judged_us; /* wall clock of that */
} proofs_wave_t;

/* What is known of one order. */
typedef struct proofs {
    digest_t digest;
    document_t *document;
    order_t *order;
    ident_t owner; /* rollout that was started by it */
    proofs_wave_t *waves;
    size_t wave_count;
    uint32_t *wave_of; /* order wave of each wave of the owner, or PROOFS_NO_WAVE */
    uint32_t owner_waves;
    bool evidence;        /* results came that are not looked at yet */
    int64_t ask_again_us; /* wall clock: when time alone may open the next wave; 0: never */
    error_t problem;      /* the order and its rollout do not fit: nothing is done under it */
    UT_hash_handle hh;    /* by digest */
} proofs_t;

/* The order of a rollout, which is with the engine. ERROR_NOT_FOUND where it has none,
 * ERROR_ORDER_INVALID where its tenants are not those that the order names; TRUST_DOCUMENT,
 * TRUST_SIGNATURE, STORE. */
MUST_CHECK status_t proofs_find(hub_t *self, const rollout_t *rollout, proofs_t **ret_proofs,
                                error_t *err);

/* What was found before of an order, or NULL. */
proofs_t *proofs_known(const hub_t *self, const digest_t *order);

/* The order's wave that a wave of its own rollout is; PROOFS_NO_WAVE where nobody is named there.
 */
uint32_t proofs_wave_of(const proofs_t *proofs, uint32_t rollout_wave);

/* Of a standing order, which names no tenants, what is claimed of a tenant of one of its sweeps.
 * ERROR_ORDER_PROOF for what is no sweep's. */
MUST_CHECK status_t proofs_claim(const proofs_t *proofs, const rollout_t *rollout,
                                 const task_t *task, buffer_t *out, error_t *err);

/* The tenant's proof, of at most PROOF_BYTES. ERROR_ORDER_PROOF where the order does not name it.
 */
MUST_CHECK status_t proofs_make(const proofs_t *proofs, const ident_t *tenant, buffer_t *out,
                                uint32_t *ret_wave, error_t *err);

/* The task that a leaf of the wave is of, in the order's rollout; false where it has no such
 * tenant. */
bool proofs_task(const proofs_t *proofs, uint32_t wave, const ident_t *tenant,
                 uint32_t *ret_ordinal);

/* Forget orders of which no rollout is with the engine any more; or all. */
void proofs_sweep(hub_t *self);
void proofs_free(hub_t *self);

#endif
