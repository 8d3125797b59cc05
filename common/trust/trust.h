/*
 * trust.h: who may sign what in one fleet. Pure but for memory: time is an argument.
 *
 * A trust file is a document whose body names every key with its person, roles, scopes, and the
 * thresholds. The root keys sign it, and nothing else. A fleet's chain starts at the pin, a trust
 * file given out of band; from version N only N + 1 is accepted, signed by the thresholds of both
 * N's and N + 1's root keys. Whoever acts on a trust file has persisted its version and digest
 * before (trust_seen_t).
 * Source: The Update Framework, specification 1.0.33, sections 5.3 and 6.1.
 */
#ifndef DROVER_TRUST_TRUST_H
#define DROVER_TRUST_TRUST_H

#include "common/base/ident.h"
#include "common/selector/selector.h"
#include "common/trust/document.h"

#define TRUST_MINUTE_US (INT64_C(60) * 1000 * 1000)
#define TRUST_DAY_US (24 * 60 * TRUST_MINUTE_US)
/* Clocks may differ by so much. */
#define TRUST_SKEW_US (5 * TRUST_MINUTE_US)
/* An alarm stands so long before a trust file expires. */
#define TRUST_WARNING_US (7 * TRUST_DAY_US)
/* Longest life of a trust file, and longest grace for undo past it. */
#define TRUST_LIFE_US (731 * TRUST_DAY_US)
#define TRUST_GRACE_US (31 * TRUST_DAY_US)

enum {
    TRUST_FORMAT = 1,
    TRUST_KEYS = 1024,
    TRUST_GRANTS = 16, /* of one key */
    TRUST_THRESHOLDS = 256,
    TRUST_REVOKED_AGENTS = 4096,
    TRUST_REASON_BYTES = 256,
    TRUST_SELECTOR_BYTES = 1024,
};

/* All numbers stand in documents: append only, same as in trust.proto. */
typedef enum trust_use {
    TRUST_ROOT = 1,
    TRUST_RELEASE,
    TRUST_OPERATOR,
    TRUST_COORDINATOR,
    TRUST_USE_END
} trust_use_t;

typedef enum trust_standing {
    TRUST_ACTIVE = 1,
    TRUST_RETIRED,
    TRUST_REVOKED,
    TRUST_STANDING_END
} trust_standing_t;

typedef enum trust_role {
    ROLE_VIEWER = 1, /* signs nothing; the coordinator answers its questions */
    ROLE_OPERATOR,   /* orders of every kind but approvals */
    ROLE_APPROVER,   /* opens waves that need an approval */
    ROLE_ADMIN,      /* agents' cards, revocations */
    ROLE_ROLLBACK,   /* rollback, restore, stop and hold; of what a released bundle contains */
    ROLE_RELEASE,    /* bundles; only keys of that use */
    ROLE_END
} trust_role_t;

typedef struct trust_grant {
    trust_role_t role;
    const char *application;  /* "": all */
    const char *environment;  /* "": all */
    const char *selector;     /* "": all tenants */
    const selector_t *parsed; /* of selector; trust_read makes it, trust_write ignores it */
} trust_grant_t;

typedef struct trust_key {
    sign_public_t key;
    trust_use_t use;
    const char *name;  /* the person; keys of one name (in any case) count once */
    uint8_t curve[32]; /* zero: none */
    trust_standing_t standing;
    int64_t from_us;
    int64_t until_us; /* 0 while active */
    const char *reason;
    const trust_grant_t *grants;
    size_t grant_count;
} trust_key_t;

typedef struct trust_threshold {
    trust_role_t role;
    uint32_t count;
    const char *application;
    const char *environment;
    bool proposer_counts;
} trust_threshold_t;

typedef struct trust {
    ident_t fleet;
    int64_t version;
    int64_t issued_us;
    int64_t expires_us;
    uint32_t root_threshold;
    const trust_key_t *keys;
    size_t key_count;
    const trust_threshold_t *thresholds;
    size_t threshold_count;
    const sign_public_t *revoked_agents; /* ascending */
    size_t revoked_agent_count;
    int64_t undo_grace_us;
    digest_t digest; /* the document's id; trust_write ignores it */
} trust_t;

/* The highest trust file ever seen: persisted with fsync before anything is done with it. */
typedef struct trust_seen {
    int64_t version; /* 0: none yet */
    digest_t digest;
} trust_seen_t;

/* Keys that revocation documents took out since the trust file was written (card.h adds them). */
typedef struct revoked {
    sign_public_t *keys; /* ascending */
    size_t count;
    size_t room;
} revoked_t;

/* What every verification looks through. */
typedef struct trust_view {
    const trust_t *trust;
    const revoked_t *revoked; /* may be NULL: none */
    int64_t now_us;
} trust_view_t;

typedef enum trust_freshness { TRUST_FRESH, TRUST_WARNING, TRUST_EXPIRED } trust_freshness_t;

const char *trust_use_text(trust_use_t use);
const char *trust_standing_text(trust_standing_t standing);
const char *trust_role_text(trust_role_t role);
/* ERROR_INVALID for a word that is none. */
MUST_CHECK status_t trust_use_parse(const char *text, trust_use_t *ret_use, error_t *err);
MUST_CHECK status_t trust_role_parse(const char *text, trust_role_t *ret_role, error_t *err);

/* Make the unsigned document of a trust file; checks what trust_read checks but the signatures.
 * ERROR_TRUST_RULES, BOUND. */
MUST_CHECK status_t trust_write(const trust_t *trust, document_t **ret_document, error_t *err);

/* Read a body and check that it makes sense, whoever signed: for showing a draft, and for signing
 * it. All that is answered lives until trust_destroy. ERROR_TRUST_DOCUMENT, TRUST_RULES. */
MUST_CHECK status_t trust_read(const document_t *document, trust_t **ret_trust, error_t *err);

/* Read a trust file that is to be a pin: signed by its own root threshold. ERROR_TRUST_THRESHOLD,
 * else as trust_read. */
MUST_CHECK status_t trust_pin(const document_t *document, trust_t **ret_trust, error_t *err);

/* Read the trust file that follows current: same fleet, exactly the next version, not issued
 * before it, nor in the future, signed by both root thresholds. ERROR_TRUST_FLEET, TRUST_VERSION,
 * TRUST_TIME, TRUST_THRESHOLD, else as trust_read. */
typedef struct trust_step {
    const trust_t *current;
    const document_t *next;
    int64_t now_us;
} trust_step_t;

MUST_CHECK status_t trust_follow(const trust_step_t *step, trust_t **ret_trust, error_t *err);

/* Whether a trust file may be used by one who has seen `seen`. ERROR_TRUST_ROLLBACK for a lower
 * version, ERROR_TRUST_FORK for another file of that version: both are worth an alarm. */
MUST_CHECK status_t trust_check_seen(const trust_t *trust, const trust_seen_t *seen, error_t *err);

/* FRESH, WARNING for its last week, EXPIRED later than the skew past its end. */
trust_freshness_t trust_freshness(const trust_view_t *view);

/* The row of a key, whatever its standing; NULL where there is none. */
const trust_key_t *trust_find(const trust_t *trust, const sign_public_t *key);

/* Whether a row's key may sign now: active, begun, and not taken out since. */
bool trust_is_active(const trust_view_t *view, const trust_key_t *key);

/* The row of an operator or coordinator whose transport key this is, if active; else NULL. */
const trust_key_t *trust_find_curve(const trust_view_t *view, const uint8_t curve[32]);

/* How a key stood at a moment: ACTIVE between from and until. Before from it is REVOKED's equal:
 * *ret_known false. For audits: a revoked key was active before. */
trust_standing_t trust_standing_at(const trust_key_t *key, int64_t at_us, bool *ret_known);

/* Whether a coordinator's key may sign job envelopes now. ERROR_TRUST_KEY. */
MUST_CHECK status_t trust_coordinator(const trust_view_t *view, const sign_public_t *key,
                                      error_t *err);

/* Whether a key is on the trust file's list of agents or among the later revocations. */
bool trust_is_revoked(const trust_view_t *view, const sign_public_t *key);

void trust_destroy(trust_t **trust_p);
DEFINE_CLEANUP(trust_t, trust_destroy)

#endif
