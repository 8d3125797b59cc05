/*
 * store_trust.h: who may sign what, as rows: trust files, revocations, enrolments, invitations.
 *
 * A document stands here as the bytes that were signed (document_encode); the columns beside it are
 * read out of it for looking up. Trust files and cards are not believed for having been stored: who
 * reads them verifies them. A revocation was verified before it was stored and holds from then on.
 */
#ifndef DROVER_STORE_STORE_TRUST_H
#define DROVER_STORE_STORE_TRUST_H

#include "common/base/digest.h"
#include "common/crypto/sign.h"
#include "coordinator/engine/model.h"
#include "coordinator/store/store.h"

/* A document's bytes. */
typedef struct store_paper {
    const void *bytes;
    size_t size; /* 0: none */
} store_paper_t;

typedef struct trust_file_row {
    int64_t version;
    digest_t digest;
    store_paper_t document;
    const char *published_by;
    int64_t published_us;
} trust_file_row_t;

/* Insert; a version that is there changes nothing and answers new = false. */
MUST_CHECK status_t store_trust_file_insert(store_t *store, const trust_file_row_t *file,
                                            bool *ret_new, error_t *err);

typedef status_t store_trust_file_fn(void *context, const trust_file_row_t *file, error_t *err);

/* Every trust file from a version on, ascending. */
MUST_CHECK status_t store_trust_file_each(store_t *store, int64_t from, store_trust_file_fn *fn,
                                          void *context, error_t *err);

typedef struct revocation_row {
    sign_public_t key; /* that was taken out */
    digest_t digest;
    store_paper_t document;
    int64_t received_us;
} revocation_row_t;

/* Insert; a key that was taken out before changes nothing and answers new = false. */
MUST_CHECK status_t store_revocation_insert(store_t *store, const revocation_row_t *revocation,
                                            bool *ret_new, error_t *err);

typedef status_t store_revocation_fn(void *context, const revocation_row_t *revocation,
                                     error_t *err);

/* Every revocation, oldest first. */
MUST_CHECK status_t store_revocation_each(store_t *store, store_revocation_fn *fn, void *context,
                                          error_t *err);

/* Numbers are stored in the catalog. */
typedef enum enrolment_state {
    ENROLMENT_PENDING = 1,
    ENROLMENT_ACCEPTED,
    ENROLMENT_REJECTED,
    ENROLMENT_REVOKED,
    ENROLMENT_STATE_END
} enrolment_state_t;

/* "pending", "accepted", "rejected", "revoked". */
const char *enrolment_state_text(enrolment_state_t state);

/* A host that asked to be an agent, and what became of it. */
typedef struct enrolment_row {
    sign_public_t sign;
    agent_key_t curve;
    const char *name;
    enrolment_state_t state;
    store_paper_t request;
    digest_t fingerprint; /* the request's id */
    store_paper_t card;   /* by which it is an agent */
    store_paper_t draft;  /* a card that lacks signatures */
    int64_t serial;       /* of the card; 0: none yet */
    int64_t expires_us;   /* of the card; 0: never */
    const char *reason;   /* why rejected or revoked */
    int64_t asked_us;
    int64_t decided_us; /* 0: not yet */
} enrolment_row_t;

/* Insert, or write all of it anew where the sign key has asked before. */
MUST_CHECK status_t store_enrolment_put(store_t *store, const enrolment_row_t *enrolment,
                                        error_t *err);

/* By the sign key; by a name, where one that is pending or accepted wins, then the latest. Texts
 * and documents live in the arena. NOT_FOUND. */
MUST_CHECK status_t store_enrolment_get(store_t *store, const sign_public_t *sign, arena_t *arena,
                                        enrolment_row_t *ret_enrolment, error_t *err);
MUST_CHECK status_t store_enrolment_by_name(store_t *store, const char *name, arena_t *arena,
                                            enrolment_row_t *ret_enrolment, error_t *err);

typedef status_t store_enrolment_fn(void *context, const enrolment_row_t *enrolment, error_t *err);

/* Every enrolment of a state, by name and time. */
MUST_CHECK status_t store_enrolment_each(store_t *store, enrolment_state_t state,
                                         store_enrolment_fn *fn, void *context, error_t *err);

/* How many are in a state. */
MUST_CHECK status_t store_enrolment_count(store_t *store, enrolment_state_t state,
                                          int64_t *ret_count, error_t *err);

/* A one-time key that a host may ask with. */
typedef struct invitation_row {
    agent_key_t curve; /* public half */
    const char *name;  /* of the agent to be */
    const char *made_by;
    int64_t made_us;
    int64_t expires_us;
    int64_t used_us; /* 0: not yet */
} invitation_row_t;

/* Insert. ERROR_INVALID where the key is known already (nothing is written, the transaction stays
 * good). */
MUST_CHECK status_t store_invitation_insert(store_t *store, const invitation_row_t *invitation,
                                            error_t *err);

/* NOT_FOUND. */
MUST_CHECK status_t store_invitation_get(store_t *store, const agent_key_t *curve, arena_t *arena,
                                         invitation_row_t *ret_invitation, error_t *err);

/* Mark it used; *ret_first is false where it was used before. */
typedef struct invitation_use {
    agent_key_t curve;
    int64_t used_us;
} invitation_use_t;

MUST_CHECK status_t store_invitation_use(store_t *store, const invitation_use_t *use,
                                         bool *ret_first, error_t *err);

typedef status_t store_invitation_fn(void *context, const invitation_row_t *invitation,
                                     error_t *err);

/* Every invitation that ends after now_us, used or not, by name. A used one stays open to the end:
 * the host may ask what became of its request. */
MUST_CHECK status_t store_invitation_each(store_t *store, int64_t now_us, store_invitation_fn *fn,
                                          void *context, error_t *err);

#endif
