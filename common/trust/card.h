/*
 * card.h: an agent's card, by which the ADMIN threshold lets a key speak as an agent, and
 * revocations, by which the same threshold takes out an agent's, operator's, release or
 * coordinator key before the next trust file does. Pure but for memory.
 */
#ifndef DROVER_TRUST_CARD_H
#define DROVER_TRUST_CARD_H

#include "common/base/limits.h"
#include "common/trust/tally.h"

enum { CARD_FORMAT = 1, REVOCATION_FORMAT = 1, CARD_CLUSTERS = LIMIT_CLUSTERS_PER_AGENT };

typedef struct card {
    ident_t fleet;
    sign_public_t key;
    uint8_t curve[32];
    const char *name;
    const uint64_t *clusters; /* none: any */
    size_t cluster_count;
    int64_t issued_us;
    int64_t expires_us; /* 0: never */
    int64_t serial;
    digest_t digest; /* of the document; card_write ignores it */
} card_t;

MUST_CHECK status_t card_write(const card_t *card, document_t **ret_document, error_t *err);
/* Read whoever signed. ERROR_TRUST_KIND, TRUST_DOCUMENT, CARD_INVALID. */
MUST_CHECK status_t card_read(const document_t *document, card_t **ret_card, error_t *err);
/* Read and verify: ADMIN threshold, fleet, in time, not revoked. ERROR_TRUST_FLEET, CARD_TIME,
 * CARD_REVOKED, TRUST_THRESHOLD, else as card_read. */
MUST_CHECK status_t card_verify(const trust_view_t *view, const document_t *document,
                                card_t **ret_card, error_t *err);
/* Whether the agent may speak for this cluster (a system identifier). */
bool card_speaks_for(const card_t *card, uint64_t cluster);

void card_destroy(card_t **card_p);
DEFINE_CLEANUP(card_t, card_destroy)

typedef struct revocation {
    ident_t fleet;
    sign_public_t key;
    int64_t at_us;
    char reason[TRUST_REASON_BYTES + 1];
} revocation_t;

MUST_CHECK status_t revocation_write(const revocation_t *revocation, document_t **ret_document,
                                     error_t *err);
MUST_CHECK status_t revocation_read(const document_t *document, revocation_t *ret_revocation,
                                    error_t *err);
/* Read and verify: ADMIN threshold, fleet, no root key. view->revoked may be NULL. */
MUST_CHECK status_t revocation_verify(const trust_view_t *view, const document_t *document,
                                      revocation_t *ret_revocation, error_t *err);

/* Add a key to the revoked, once. ERROR_NO_MEMORY. A zeroed set is empty. */
MUST_CHECK status_t revoked_add(revoked_t *revoked, const sign_public_t *key, error_t *err);
bool revoked_has(const revoked_t *revoked, const sign_public_t *key);
void revoked_free(revoked_t *revoked);

#endif
