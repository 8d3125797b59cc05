/*
 * world.h: a coordinator's hub with its listener and catalog, and scripted peers that dial it, all
 * on one loop over loopback TCP. Every wait is for an event, with a deadline that only a defect
 * reaches.
 */
#ifndef DROVER_TESTS_LINK_WORLD_H
#define DROVER_TESTS_LINK_WORLD_H

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/wire/codec.h"
#include "common/wire/dialer.h"
#include "common/wire/field.h"
#include "coordinator/link/hub.h"
#include "coordinator/store/store_agent.h"
#include "coordinator/store/store_audit.h"
#include "coordinator/store/store_report.h"
#include "coordinator/store/store_rollout.h"
#include "coordinator/store/store_tenant.h"
#include "tests/unit/base/cmocka_all.h"
#include "tests/unit/coordinator/link/fleet.h"

enum { KINDS = 40, TENANTS = 4, CLUSTER = 77 };

/* A scripted peer. */
struct actor {
    world_t *world;
    const char *name;
    party_t party;
    curve_public_t key;
    uint8_t curve[CURVE_BYTES];
    sign_public_t sign;
    sign_secret_t secret;
    dialer_t *dialer;
    size_t connected;
    size_t count[KINDS];    /* messages by kind */
    message_t *last[KINDS]; /* newest of each kind */
    ident_t state;
    ident_t attempt; /* of the job that came last */
    ident_t job;
    uint64_t reported;
    int64_t trust_version; /* that its hello tells */
};

struct world {
    fleet_t fleet;
    keeper_t *keeper;
    /* of the next rollout */
    uint32_t waves;       /* which share its tenants; 0: 1 */
    uint32_t passed_over; /* bits of tasks for which its plan found nothing to do */
    bool backwards;       /* its tasks do not ascend by tenant */
    char folder[32];
    char catalog[64];
    char bundles[64];
    char endpoint[128];
    coordinator_config_t config;
    zloop_t *loop;
    zap_t *zap;
    listener_t *listener;
    store_t *store;
    store_identity_t identity;
    hub_t *hub;
    int timer;
    curve_public_t key;
    uint8_t curve[CURVE_BYTES];
    sign_public_t sign;
    sign_secret_t secret;
    actor_t a; /* agents */
    actor_t b;
    actor_t operator;
    ident_t rollout;  /* that was started last */
    ident_t again;    /* job that a retry means; null: all that failed */
    size_t rollbacks; /* times that the hub asked for one */
    bool rollbacks_refused;
    bool rollbacks_break;
};

/* cmocka's set-up and tear-down: *state is a world_t with the coordinator up, nobody connected. */
int world_set_up(void **state);
int world_tear_down(void **state);

/* End the coordinator as a process would, and start it on the same catalog and port. */
void world_stop(world_t *world);
/* A stop and a start; agent a dials again, the operator has hung up. */
void world_restart(world_t *world);
void world_start(world_t *world);

/* Set the table of keys anew: the operator, agent a, agent b, as many of them as count says. */
void world_enroll(world_t *world, size_t count);

void actor_dial(actor_t *actor);
void actor_hang_up(actor_t *actor);

/* Seal and send; signs where the kind is a signed one. */
void actor_send(actor_t *actor, Drover__Kind kind, const ProtobufCMessage *message);

/* Run the loop until so many messages of the kind came in all; answers the newest. */
const message_t *await_message(actor_t *actor, Drover__Kind kind, size_t count);

typedef bool condition_fn(world_t *world);
void await_condition(world_t *world, condition_fn *condition);

/* The usual words of an agent. */
Drover__Hello hello_of(actor_t *actor);
void say_hello(actor_t *actor);                      /* and wait for the welcome */
void say_hello_in_hand(actor_t *actor, bool has_it); /* its last job, or none; and wait */
void say_beat(actor_t *actor, uint32_t room, uint32_t in_hand);
void say_inventory(actor_t *actor); /* TENANTS of them, and wait for the ack */
Drover__Report report_of(actor_t *actor, Drover__Step step, Drover__Outcome outcome, bool final);
void say_report(actor_t *actor, Drover__Report *report);
/* The same beside a signed result. */
void say_report_and_result(actor_t *actor, Drover__Report *report, const buffer_t *result);

/* Ask as the operator. The world's service knows: start (rollout of TENANTS tasks under an order),
 * undo (of what that one's first wave did, under the same order), stop, approve (the approval is in
 * the catalog), resume, retry, break (an error after changing the engine and publishing a trust
 * file), refuse. Waits for the answer. */
const Drover__Answer *ask(world_t *world, const char *verb);

/* Agent a with its tenants in the catalog, and a rollout under way: its first job is with it. */
void get_going(world_t *world);
/* Part of a signed document, as it is answered. */
const Drover__PaperChunk *ask_paper(actor_t *actor, const digest_t *digest, uint64_t offset);

/* Read the catalog. */
ident_t tenant_id(uint32_t n);
rollout_t *stored_rollout(world_t *world); /* the caller destroys it */
size_t audit_count(world_t *world, const char *action);
size_t report_count(world_t *world, uint32_t tenant);

#endif
