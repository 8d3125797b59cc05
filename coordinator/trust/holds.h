/*
 * holds.h: which holds stand, read anew from the catalog: what was signed and accepted there. The
 * rule is hold.h's, which agents go by, too.
 */
#ifndef DROVER_COORDINATOR_TRUST_HOLDS_H
#define DROVER_COORDINATOR_TRUST_HOLDS_H

#include "common/trust/hold.h"
#include "common/trust/order.h"
#include "coordinator/engine/model.h"
#include "coordinator/trust/keeper.h"

/* A hold that stands, or a release that no later one covers. */
typedef struct holds_word {
    hold_word_t word; /* texts in the arena */
    digest_t digest;  /* of the document */
    int64_t expires_us;
    bool releases;
} holds_word_t;

typedef struct holds {
    arena_t arena;
    holds_word_t *words; /* in the sequence in which they were accepted */
    size_t count;
    held_t held; /* of the keeper's environment */
} holds_t;

/* ERROR_STORE, NO_MEMORY. The caller frees it, after an error, too. */
MUST_CHECK status_t holds_read(const keeper_t *keeper, holds_t *ret_holds, error_t *err);
void holds_free(holds_t *holds);

/* Whether the catalog must not take this one: a hold that an accepted release ends already, or a
 * release of which every hold in its scope stands because it was issued later.
 * ERROR_ORDER_SUPERSEDED. One that was accepted before is none of these. */
MUST_CHECK status_t holds_check(const holds_t *holds, const order_t *order, error_t *err);

#endif
