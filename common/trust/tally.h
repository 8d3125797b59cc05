/*
 * tally.h: whether enough of the right people signed. Pure.
 *
 * A signer counts when its key is known, active, begun, not revoked, and one of its grants gives
 * the role for the application, the environment and (where one is at hand) the tenant. One person
 * counts once, with however many keys. Where several thresholds fit, the highest holds, and who
 * proposed the thing counts only if all of them say so; where none fits, nothing is enough.
 */
#ifndef DROVER_TRUST_TALLY_H
#define DROVER_TRUST_TALLY_H

#include "common/trust/trust.h"

/* A retired key counts for what it signed before it retired, where the question says when. */
#define TALLY_ACTIVE_ONLY INT64_MAX /* signed now: only active keys */
#define TALLY_ANY_DATE INT64_MIN    /* the date does not matter: retired keys count, too */

typedef struct tally_question {
    trust_role_t role;
    const char *application;
    const char *environment;
    const selector_subject_t *tenant; /* NULL: selectors are not looked at */
    const sign_public_t *signers;
    size_t signer_count;
    const sign_public_t *proposer; /* must be among those who count; NULL: nobody proposed it */
    const sign_public_t *left_out; /* whose person does not count where a threshold says so */
    int64_t signed_us;             /* TALLY_… or when it says that it was signed */
} tally_question_t;

typedef struct tally {
    uint32_t needed; /* 0: no threshold fits, and nothing is enough */
    size_t count;
    bool proposer_signed;                            /* and counts for the role and scope */
    const trust_key_t *counted[DOCUMENT_SIGNATURES]; /* one per person; borrowed from the trust */
} tally_t;

/* Who counts and how many are needed, enough or not: for people to read. tally_reach decides. */
tally_t tally_count(const trust_view_t *view, const tally_question_t *question);

/* ERROR_TRUST_THRESHOLD says how many are missing and why the others did not count. */
MUST_CHECK status_t tally_reach(const trust_view_t *view, const tally_question_t *question,
                                tally_t *ret_tally, error_t *err);

/* Whether the trust file names one of the signers at all: asked before a body is parsed, so that a
 * stranger's bytes never reach a parser. ERROR_TRUST_THRESHOLD. */
MUST_CHECK status_t tally_knows(const trust_view_t *view, const document_t *document, error_t *err);

/* Whether the ADMIN threshold signed a document that said at this time that it was signed.
 * ERROR_TRUST_THRESHOLD. */
MUST_CHECK status_t tally_admins(const trust_view_t *view, const document_t *document,
                                 int64_t signed_us, error_t *err);

/* What is asked about: "" is not asked about, so that a grant for anything in it fits. */
typedef struct tally_scope {
    const char *application;
    const char *environment;
} tally_scope_t;

/* The roles that one key has by itself, as bits of 1U << role: it is known and active, and a grant
 * gives the role somewhere within the scope, to at least some tenants. For doors that one person
 * opens; what needs a threshold is tally_reach's. An expired trust file's keys have them, too: they
 * show, stop and publish the next one. 0: none. */
unsigned tally_grants(const trust_view_t *view, const sign_public_t *key,
                      const tally_scope_t *scope);

/* How many root keys of a trust file signed, one per person; they have no grants. */
typedef struct tally_roots {
    const trust_t *trust;
    const document_t *document;
} tally_roots_t;

size_t tally_count_roots(const tally_roots_t *roots);

#endif
