/*
 * trust_draft.h: a trust file while it is being written: the lists of a trust_t with room to change
 * them. Texts are borrowed from whoever gave them.
 */
#ifndef DROVER_CLI_TRUST_DRAFT_H
#define DROVER_CLI_TRUST_DRAFT_H

#include "common/crypto/keytext.h"
#include "common/trust/arena.h"
#include "common/trust/trust.h"

typedef struct trust_draft {
    trust_t trust; /* its lists are those below */
    trust_key_t *keys;
    trust_threshold_t *thresholds;
    sign_public_t *agents;
    arena_t arena;
} trust_draft_t;

/* Begin with a copy of what stands in `from`, or with nothing where it is NULL. ERROR_NO_MEMORY.
 * Released by trust_draft_free, usable with CLEANUP. */
MUST_CHECK status_t trust_draft_begin(const trust_t *from, trust_draft_t *ret_draft, error_t *err);
void trust_draft_free(trust_draft_t *draft);

/* Add a key by its public half; its kind says its use. *ret_key is the new row, or the active one
 * that stands there with this key. ERROR_TRUST_CHOICE where the kind signs nothing that the trust
 * file rules, or the key was retired or revoked; ERROR_BOUND. */
MUST_CHECK status_t trust_draft_key(trust_draft_t *draft, const key_public_t *key,
                                    trust_key_t **ret_key, error_t *err);

/* Give a key one more role; one that it has stays as it is. ERROR_BOUND. */
MUST_CHECK status_t trust_draft_grant(trust_draft_t *draft, trust_key_t *key,
                                      const trust_grant_t *grant, error_t *err);

/* Set the threshold of a role and scope; count 0 takes the row out. ERROR_TRUST_CHOICE where there
 * is none to take out; ERROR_BOUND. */
MUST_CHECK status_t trust_draft_threshold(trust_draft_t *draft, const trust_threshold_t *row,
                                          error_t *err);

/* End active keys of a person, or the one key whose hexadecimal begins so (8 digits at least).
 * ERROR_TRUST_CHOICE where there is none, or several begin so. */
typedef struct trust_draft_end {
    const char *who;
    trust_use_t only; /* 0: keys of every use */
    trust_standing_t standing;
    const char *reason;
    int64_t at_us;
} trust_draft_end_t;

MUST_CHECK status_t trust_draft_end(trust_draft_t *draft, const trust_draft_end_t *end,
                                    error_t *err);

/* Put an agent's key on the list of the revoked. ERROR_TRUST_CHOICE where it is there; ERROR_BOUND.
 */
MUST_CHECK status_t trust_draft_agent(trust_draft_t *draft, const sign_public_t *key, error_t *err);

#endif
