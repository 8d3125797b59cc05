/*
 * order.h: what operators order, and whether it holds. Pure but for memory: time is an argument.
 *
 * Reading (order_read) tells what a document says; verifying (order_verify) tells that enough of
 * the right people signed it, in time, for this fleet, and what it permits; admitting
 * (order_admits) tells that it permits one action on one tenant. An agent does all three before
 * every job, and accepts the number of the leaf (persisted) before it acts.
 */
#ifndef DROVER_TRUST_ORDER_H
#define DROVER_TRUST_ORDER_H

#include "common/base/limits.h"
#include "common/trust/proof.h"
#include "common/trust/tally.h"

/* Longest life of an order: accepted ids are kept so long. */
#define ORDER_LIFE_US (92 * TRUST_DAY_US)

enum { ORDER_FORMAT = 1 };

/* Numbers stand in documents: append only. */
typedef enum order_kind {
    ORDER_ROLLOUT = 1,
    ORDER_ROLLBACK,
    ORDER_BASELINE,
    ORDER_BACKUP,
    ORDER_RESTORE,
    ORDER_PRUNE,
    ORDER_LOOK,
    ORDER_STOP,
    ORDER_HOLD,
    ORDER_RELEASE_HOLD,
    ORDER_RETRY,
    ORDER_APPROVE_WAVE,
    ORDER_TAKE_BACK,
    ORDER_KIND_END
} order_kind_t;

/* What an agent may do to a tenant; bits of order_authority_t.permits. */
typedef enum order_action {
    ACTION_FORWARD = 1 << 0,
    ACTION_UNDO = 1 << 1,
    ACTION_RESTORE = 1 << 2,
    ACTION_BASELINE = 1 << 3,
    ACTION_BACKUP = 1 << 4,
    ACTION_PRUNE = 1 << 5,
    ACTION_LOOK = 1 << 6,
} order_action_t;

typedef struct order_wave {
    uint32_t count;
    digest_t root;
    uint32_t budget_count;
    uint32_t budget_percent_bp;
    bool needs_approval;
    int64_t soak_us;
    /* a tenant of which no statement says anything is no failure; who puts tickets together may
     * then keep statements back */
    bool silence_passes;
} order_wave_t;

typedef struct order {
    ident_t fleet;
    ident_t id;
    order_kind_t kind;
    const char *application;
    const char *environment;
    digest_t bundle; /* zero: none */
    uint32_t target_position;
    bool accept_data_loss;
    const char *recovery_kind; /* "", "dump", "external", "none" */
    const char *recovery_reason;
    const char *trial_restore;
    const order_wave_t *waves;
    size_t wave_count;
    uint32_t tenants_total; /* order_write computes it, and the root */
    digest_t merkle_root;
    int64_t issued_us;
    int64_t not_before_us;
    int64_t expires_us;
    sign_public_t proposer;
    bool undo_authorized;
    digest_t subject; /* zero: none */
    uint32_t subject_wave;
    int64_t trust_version;
    digest_t plan; /* zero: none */
    /* of a prune: backups that are younger, or among so many newest ones, stay; 0: as the agent's
     * own retention says */
    int64_t prune_keep_us;
    uint32_t prune_keep_count;
    /* of a rollout, instead of waves: a selector in its canonical text. Whatever tenant matches it
     * may be moved to the target until the order ends, tenants to come included. "" or NULL: none
     */
    const char *standing;
    /* of the document; order_write ignores them */
    digest_t digest;
    const sign_public_t *signers;
    size_t signer_count;
} order_t;

const char *order_kind_text(order_kind_t kind);
/* Whether it stands open for whatever tenant matches its selector; then it has no waves. */
bool order_is_standing(const order_t *order);
/* Whether an order of this kind names tenants; the others name an order or the fleet. */
bool order_kind_has_tenants(order_kind_t kind);
/* The roles of which any one's threshold is enough for this kind, as bits of 1U << role. */
unsigned order_kind_roles(order_kind_t kind);
/* Failures that a wave may have: the larger of its count and its share. */
uint32_t order_wave_budget(const order_wave_t *wave);

/* Make the unsigned document; checks what order_read checks. ERROR_ORDER_INVALID, BOUND. */
MUST_CHECK status_t order_write(const order_t *order, document_t **ret_document, error_t *err);

/* Read a document and check that it makes sense, whoever signed, or nobody yet: a draft has no
 * signers. What is answered is independent of the document. ERROR_TRUST_KIND, TRUST_DOCUMENT,
 * ORDER_INVALID. */
MUST_CHECK status_t order_read(const document_t *document, order_t **ret_order, error_t *err);

void order_destroy(order_t **order_p);
DEFINE_CLEANUP(order_t, order_destroy)

/* What order_verify found; borrows view's trust and the order. Good until either changes: a newer
 * trust file or a revocation means verifying again. */
typedef struct order_authority {
    trust_view_t view;
    const order_t *order;
    trust_role_t role; /* by which it was accepted */
    tally_t tally;     /* who counted */
    unsigned permits;  /* order_action_t bits */
    bool accepted;     /* as order_verify was told */
    bool expired;      /* the trust file is: only the way back is left, for its grace */
} order_authority_t;

/* accepted: this very order (by digest) was accepted and persisted before. Then keys that retired
 * since still count, and past the trust file's end its undo keeps the grace.
 * ERROR_TRUST_FLEET, ORDER_EXPIRED, ORDER_EARLY, TRUST_STALE (needs a newer trust file),
 * TRUST_EXPIRED, TRUST_THRESHOLD. */
MUST_CHECK status_t order_verify(const trust_view_t *view, const order_t *order, bool accepted,
                                 order_authority_t *ret_authority, error_t *err);

/* What a new order has of the signatures that it needs, enough or not: by the role that lacks the
 * fewest (role 0: no threshold fits). For people to read; order_verify and ticket_approval decide.
 * approved: of an approval, the order that it approves, whose proposer may not count; else NULL. */
typedef struct order_count {
    trust_role_t role;
    tally_t tally;
} order_count_t;

order_count_t order_count(const trust_view_t *view, const order_t *order, const order_t *approved);

/* tally_knows, order_read and order_verify in that sequence: what an agent does with an order that
 * came over the wire or from a file. The caller destroys the order, after the authority. */
typedef struct order_source {
    const document_t *document;
    bool accepted;
} order_source_t;

MUST_CHECK status_t order_open(const trust_view_t *view, const order_source_t *source,
                               order_t **ret_order, order_authority_t *ret_authority, error_t *err);

/*
 * The highest number that was accepted for a tenant and application, and of which order; and the
 * highest of an order that was no baseline. A baseline only says where a tenant stands: it does not
 * take a new tenant out of reach of a standing order that is older than itself.
 */
typedef struct order_accepted {
    int64_t number; /* 0: none yet */
    digest_t order;
    int64_t moved; /* 0: none yet */
    digest_t moved_order;
} order_accepted_t;

/* What is about to be done, as the agent itself sees it; nothing of it comes from the order. */
typedef struct order_deed {
    order_action_t action;
    ident_t tenant;
    uint64_t cluster;         /* system identifier of the server at hand */
    const char *environment;  /* of this agent; "" in a fleet without */
    uint32_t target_position; /* where the tenant is to be after it; LOOK, BACKUP, PRUNE: ignored */
    ident_t reference;        /* RESTORE, BACKUP: the backup that is used; null: none */
    uint32_t open_wave;       /* the wave whose ticket was verified for this order; 0: none */
    const selector_subject_t *labels;
    order_accepted_t accepted;
} order_deed_t;

/*
 * Whether the order permits the deed by this proof, whose path.count it sets. On OK the agent
 * persists proof->leaf.number and the order's digest before it acts; LOOK, BACKUP and PRUNE change
 * no version, so their number is neither compared nor to be kept. Waves after the first need
 * open_wave, but for LOOK and for a rollout's own undo. ERROR_ORDER_SCOPE, ORDER_PROOF,
 * ORDER_TENANT, ORDER_SUPERSEDED, TICKET_ORDER, TRUST_EXPIRED, TRUST_THRESHOLD (a signer's selector
 * leaves this tenant out).
 *
 * A standing order proves no tenant: the proof is a bare leaf without a path, a claim whose tenant,
 * number and target are compared with the deed and the order, while deed->labels decides whether
 * the tenant is meant. Where the tenant stood before, from_position, nobody signed: an undo needs
 * this order to be the one that moved the tenant last, and whoever carries it out compares the
 * ledger (agent/steps/standing.h).
 */
MUST_CHECK status_t order_admits(const order_authority_t *authority, const order_deed_t *deed,
                                 proof_t *proof, error_t *err);

/*
 * Whether a take-back that was verified speaks of this rollout order, and its signers may for this
 * tenant. It permits nothing by itself: what it sets off, order_admits has to permit as the order's
 * own undo. ERROR_ORDER_SCOPE, TRUST_THRESHOLD (a signer's selector leaves this tenant out).
 */
MUST_CHECK status_t order_taken_back(const order_authority_t *take_back, const order_t *order,
                                     const selector_subject_t *labels, error_t *err);

/* A bundle as release.c takes it out of a bundle_t. */
typedef struct release_claim {
    digest_t digest;
    const char *application;
    const sign_public_t *signers; /* whose signatures were checked when the bundle came in */
    size_t signer_count;
} release_claim_t;

/* Whether the release threshold signed it. forward: new work, so active keys only; backward,
 * retired keys count, too. ERROR_TRUST_THRESHOLD. */
MUST_CHECK status_t release_verify(const trust_view_t *view, const release_claim_t *claim,
                                   bool forward, error_t *err);

/* release_verify, and that it is the bundle that the order names, for its application.
 * ERROR_ORDER_BUNDLE. */
MUST_CHECK status_t order_takes_bundle(const order_authority_t *authority,
                                       const release_claim_t *claim, error_t *err);

#endif
