/*
 * warrant.h: whether one job may start: the last word, after its papers have come. Pure: whatever
 * it rests on is an argument, and nothing that the coordinator says of itself counts.
 *
 * A job is a claim of the coordinator's. Each thing it says is compared with what operators signed
 * (order, proof), with what release keys signed (bundle), and with what this agent sees by itself
 * (cluster, environment, labels, the number it accepted last, holds, stops, its own policy).
 */
#ifndef DROVER_AGENT_TRUST_WARRANT_H
#define DROVER_AGENT_TRUST_WARRANT_H

#include "agent/engine/job.h"
#include "agent/policy/policy.h"
#include "common/trust/order.h"

/* What the coordinator's job says. Borrowed. */
typedef struct warrant_job {
    job_kind_t kind;
    ident_t tenant;
    const char *application;
    digest_t bundle; /* zero: none */
    uint32_t target;
    bool accept_data_loss;
    const char *recovery_kind;
    const char *recovery_reason;
    bool trial_restore;
    ident_t reference; /* null: none */
    int64_t prune_keep_us;
    uint32_t prune_keep_count;
    digest_t order;   /* of the signed order; zero: none */
    ident_t order_id; /* by which the tenant's ledger will name the order */
    digest_t ticket;  /* zero: none */
    const void *proof;
    size_t proof_size;         /* 0: none */
    sign_public_t coordinator; /* the key that signed the batch it came in */
    digest_t take_back; /* of the take-back by which this agent made the job itself, so that no
                           coordinator signed it; zero: a coordinator's job */
} warrant_job_t;

/* What the agent sees by itself. Borrowed. */
typedef struct warrant_facts {
    int64_t now_us;
    uint64_t cluster; /* system identifier of the server at hand */
    const char *environment;
    selector_subject_t labels;
    const release_claim_t *bundle; /* NULL: none at hand */
    const policy_t *policy;        /* NULL: this host permits whatever was signed */
    policy_deed_t deed; /* for the policy; kind, tenant, time and recovery are filled in */
} warrant_facts_t;

/* All of it: the authority is the verified order's, the rest what the agent remembers. */
typedef struct warrant_case {
    const warrant_job_t *job;
    const warrant_facts_t *facts;
    const order_authority_t *authority;
    uint32_t open_wave; /* whose ticket was verified for this order; 0: none */
    order_accepted_t accepted;
    bool held;       /* a hold stands over the order's application and environment */
    bool stopped;    /* a signed stop names the order, or the take-back of a job of our own */
    bool taken_back; /* a signed take-back names the order */
    const order_authority_t *take_back; /* the verified one of job->take_back; NULL: none */
} warrant_case_t;

/* What a job that may start is bound to. */
typedef struct warrant {
    int64_t number; /* to be kept as accepted; 0: this job changes nothing that has a number */
    uint32_t wave;  /* of the order */
    bool main;      /* it does what the order is for: its outcome counts for the wave */
    /* Under a standing order: nobody signed where the tenant stood, so that agent/steps/standing.h
     * holds what is claimed of it against the ledger. Its jobs count for no wave. */
    bool standing;
    uint32_t claimed_from;
} warrant_t;

/* The action that a kind of job is. */
order_action_t warrant_action(job_kind_t kind);

/* Whether work of this kind is what a hold stops. */
bool warrant_is_forward(job_kind_t kind);

/* Whether a later wave's job of this kind needs its wave's ticket. */
bool warrant_needs_ticket(const order_t *order, job_kind_t kind);

/* Whether the job names an order and brings a proof. ERROR_ORDER_MISSING. */
MUST_CHECK status_t warrant_named(const warrant_job_t *job, error_t *err);

/* Whether neither a stop nor a hold keeps the job from going on. ERROR_CANCELLED, FLEET_HELD. */
MUST_CHECK status_t warrant_stands(const warrant_case_t *question, error_t *err);

/*
 * ORDER_MISSING where the job names no order or brings no proof. TRUST_KEY for a coordinator's key
 * that does not count any more: transient, its successor will send the job again. CANCELLED for a
 * stop, FLEET_HELD, ORDER_SCOPE where the job says something else than the order, BUNDLE_INVALID
 * where it comes without a bundle; else as order_admits, order_takes_bundle and policy_judge.
 */
MUST_CHECK status_t warrant_judge(const warrant_case_t *question, warrant_t *ret_warrant,
                                  error_t *err);

#endif
