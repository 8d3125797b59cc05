/*
 * hub.h: the coordinator's conversation: what peers say goes in, the engine decides, the store
 * keeps it, and only then is anything answered or sent.
 *
 * Invariants: the messages of one wake-up share one commit (hub_settle), bounded by
 * limits.commit_batch. Nothing that depends on a change leaves before the change is committed.
 * After a failed commit nothing leaves at all: the engine is thrown away and built again from the
 * store, and the peers, who were not acknowledged, say everything again. A peer is its
 * authenticated key; what it claims to be is compared with that and never believed beyond it.
 */
#ifndef DROVER_COORDINATOR_LINK_HUB_H
#define DROVER_COORDINATOR_LINK_HUB_H

#include "common/config/coordinator_config.h"
#include "common/wire/listener.h"
#include "coordinator/service/service.h"
#include "coordinator/trust/keeper.h"

typedef struct hub hub_t;

/* What operators ask is answered in another room; see service.h for each one's contract. */
typedef struct hub_service {
    void *context;
    status_t (*answer)(void *context, const service_question_t *question,
                       service_answer_t *ret_answer, effects_t *effects, error_t *err);
    void (*free_answer)(service_answer_t *answer);
    status_t (*roll_back)(void *context, const rollout_t *rollout, uint32_t wave,
                          const service_moment_t *moment, service_way_back_t *ret_way,
                          effects_t *effects, error_t *err);
    /* Make what is due under standing orders; NULL: there are none. */
    status_t (*sweep)(void *context, const service_moment_t *moment, effects_t *effects,
                      error_t *err);
} hub_service_t;

/* All borrowed for the hub's life. */
typedef struct hub_options {
    const coordinator_config_t *config;
    store_t *store;
    store_identity_t identity; /* as store_start answered it */
    const sign_secret_t *sign; /* coordinator's key */
    keeper_t *keeper;          /* read again where a transaction is given up */
} hub_options_t;

/* Build the engine from the store: open rollouts, leases of the clusters. */
MUST_CHECK status_t hub_new(const hub_options_t *options, hub_t **ret_hub, error_t *err);
void hub_destroy(hub_t **self_p);
DEFINE_CLEANUP(hub_t, hub_destroy)

/* Where the engine stands: for service_new. Its value changes after a failed commit. */
engine_t **hub_engine(hub_t *self);

/* Who this run is: where a newer run was heard of, that changes. Borrowed. */
const store_identity_t *hub_identity(const hub_t *self);

/* Both must be set before the loop runs; borrowed. */
void hub_set_service(hub_t *self, const hub_service_t *service);
void hub_set_listener(hub_t *self, listener_t *listener);

/* Take one message in; what follows from it waits for hub_settle. */
void hub_receive(hub_t *self, const listener_message_t *message);

/* Commit what was taken in, then send. Called when a wake-up is through; cheap with nothing open.
 */
void hub_settle(hub_t *self);

/* Time passes: leases end, soaks end, waits end. Settles. */
void hub_tick(hub_t *self);

/* The table of enrolled keys was set anew: sessions of keys that are no longer agents' end at once,
 * and what they have in hand is unknown from now on. Settles. */
void hub_peers_changed(hub_t *self, const zap_t *zap);

/* What the listener noticed about a connection. */
void hub_notice(hub_t *self, listener_event_t event, const curve_public_t *key);

/* From now on nothing new is dispatched. */
void hub_drain(hub_t *self);

/* Whether all that was committed has left our queues. */
bool hub_is_idle(const hub_t *self);

/* Messages that broke a rule of the protocol, since the start: refused, and nothing else. */
uint64_t hub_dropped(const hub_t *self);

/* Whether the store failed so that even the engine could not be built again: the program ends. */
bool hub_is_broken(const hub_t *self, error_t *ret_err);

#endif
