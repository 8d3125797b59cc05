/*
 * fleet.h: who may sign what in a world: a trust file with one operator and one approver, cards of
 * the agents, and the orders, results and approvals that they sign.
 */
#ifndef DROVER_TESTS_LINK_FLEET_H
#define DROVER_TESTS_LINK_FLEET_H

#include "common/trust/ticket.h"
#include "coordinator/engine/model.h"
#include "coordinator/store/store_trust.h"
#include "coordinator/trust/keeper.h"

enum { FLEET_WAVES = 2 };

typedef struct fleet {
    char pin[64]; /* path */
    ident_t id;
    sign_public_t root;
    sign_secret_t root_secret;
    sign_public_t gate; /* approves waves, and cannot order */
    sign_secret_t gate_secret;
    trust_t *trust; /* as pinned */
    /* what the operator has in the next trust file beside admin; NULL: the role operator, for all.
     * Else that is the approver's. */
    const trust_grant_t *operator_grant;
    /* the next order that is made: fields of its waves */
    uint32_t budget;
    bool needs_approval;
    int64_t soak_us;
    bool of_others; /* it names other tenants than the rollout has */
    bool ended;     /* whatever is stored now */
    /* the last one that was made */
    digest_t order;
} fleet_t;

typedef struct world world_t;
typedef struct actor actor_t;

/* Make the keys and the pin's file. */
void fleet_open(world_t *world);
void fleet_close(world_t *world);

/* The next version of the trust file: signed as it must be, and published by the keeper, in the
 * transaction that is open, or in one of its own. */
void fleet_publish(world_t *world);

/* An agent's card, in the catalog. */
void fleet_card(world_t *world, const actor_t *actor, enrolment_state_t state);
void fleet_revoke(world_t *world, const actor_t *actor);

/* The order of a rollout that is to be inserted: sets its order_digest and ticketed, and stores the
 * document as accepted. */
void fleet_order(world_t *world, rollout_t *rollout);

/* An order without tenants, accepted; or one that has ended since. */
void fleet_say(world_t *world, order_kind_t kind);
void fleet_say_ended(world_t *world, order_kind_t kind);
/* A hold or a release of one application. */
void fleet_say_of(world_t *world, order_kind_t kind, const char *application);

/* A take-back of this order, by the operator or by the approver, who may not: as a document's
 * bytes, which the caller frees; its digest. */
typedef struct fleet_back {
    digest_t subject;
    bool by_approver;
} fleet_back_t;
digest_t fleet_take_back(world_t *world, const fleet_back_t *back, buffer_t *out);

/* An approval of a wave of the last order; by the operator who ordered it, or by the approver. */
typedef struct fleet_approval {
    uint32_t wave;
    bool by_proposer;
} fleet_approval_t;
void fleet_approve(world_t *world, const fleet_approval_t *approval);

/* A result over tenants of one wave of the last order, as that agent signs it. The caller frees the
 * bytes. */
typedef struct fleet_words {
    uint32_t wave;
    uint32_t first; /* tenants first … first + count - 1 of tenant_id */
    uint32_t count;
    result_outcome_t outcome;
    int64_t later_us; /* than now */
} fleet_words_t;
void fleet_result(world_t *world, const actor_t *actor, const fleet_words_t *words, buffer_t *out);

/* Judge a job's proof as an agent does: order_open with the pinned trust file, order_admits. */
typedef struct fleet_deed {
    ident_t tenant;
    order_action_t action;
    uint32_t target;
    uint32_t open_wave;
} fleet_deed_t;
MUST_CHECK status_t fleet_admits(world_t *world, const fleet_deed_t *deed,
                                 ProtobufCBinaryData proof, error_t *err);

/* Verify a ticket's bytes as an agent does. */
MUST_CHECK status_t fleet_opens(world_t *world, const ticket_claim_t *claim,
                                ticket_verdict_t *ret_verdict, error_t *err);

#endif
