/*
 * internal.h: what the files of this room share. Nobody outside it includes it.
 *
 * A handler answers STATUS_OK where the message was dealt with, a refusal to the peer included;
 * STATUS_ERROR means that what was taken in since the last commit must be given up.
 */
#ifndef DROVER_COORDINATOR_LINK_INTERNAL_H
#define DROVER_COORDINATOR_LINK_INTERNAL_H

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/throttle.h"
#include "coordinator/link/hub.h"
#include "coordinator/link/outgoing.h"
#include "coordinator/link/proofs.h"
#include "coordinator/link/session.h"
#include "coordinator/store/store_agent.h"
#include "coordinator/store/store_audit.h"
#include "coordinator/store/store_tenant.h"
#include "coordinator/trust/holds.h"

typedef struct upload upload_t; /* bundles.c: a bundle that an operator is pushing */
typedef struct bundle_prover bundle_prover_t;
typedef struct asker asker_t; /* askers.c: a key that asks questions */

struct hub {
    hub_options_t options;
    hub_service_t service;
    listener_t *listener;
    engine_t *engine;
    effects_t effects;
    size_t carried; /* effects of this transaction that the store has */
    outgoing_t outgoing;
    session_t *sessions;
    proofs_t *proofs; /* of the orders under way */
    upload_t *uploads;
    bundle_prover_t *prover; /* the proof that is under way, or NULL */
    upload_t *proving;       /* of what; NULL where that was given up */
    asker_t *askers;         /* by key: how often each is answered */
    throttle_t *unheard;     /* messages of keys that left, by key: unheard.c */
    uint64_t dropped;        /* messages that broke a rule of the protocol */
    uint32_t taken;          /* messages since the last commit */
    int64_t now_us;          /* wall clock, read once a message */
    int64_t boot_us;         /* boot clock, likewise */
    bool offer_all;          /* what is ready changed: every agent with room is asked */
    bool ask_all;            /* every wave asks for its ticket, or has it judged, again */
    int64_t judge_due_us;    /* wall clock: when tickets of open waves are judged anyway */
    holds_t holds;           /* that stand: nothing forward leaves under them */
    bool look;               /* what agents must know may have changed: see news.c */
    bool suspended_look;     /* an operator may have let a suspended agent go on */
    uint64_t trust_seen;     /* keeper_changes, as last looked at */
    digest_t news;           /* over what agents were told, or would be */
    bool sweep;              /* something came that a standing order may be about */
    int64_t swept_boot_us;   /* when they were looked at last */
    bool draining;
    bool refilling;          /* the catalog went back in time: nothing is dispatched (refill.c) */
    bool refill_look;        /* who still has to hand over may have changed */
    int64_t refill_since_us; /* of the last recovery, open or over; 0: there was none */
    bool raised;             /* the epoch was raised within this run */
    int64_t keep_since_us;   /* reports made since then stay with the agents; 0: not looked up */
    int64_t keep_boot_us;    /* when that was looked up */
    size_t refill_waits;     /* agents that it waited for, as it was logged last */
    bool recalled;           /* rollouts that are over were brought back for late word of them */
    bool broken;
    error_t fault;        /* where broken */
    ident_t unrevertable; /* rollout whose automatic rollback broke a transaction */
    error_t unrevertable_why;
};

/* hub.c */
void hub_read_clocks(hub_t *self);
MUST_CHECK status_t hub_begin(hub_t *self, error_t *err); /* the transaction, once */
void hub_abandon(hub_t *self, const char *what, const error_t *err);
event_t hub_event(const hub_t *self, event_kind_t kind, const curve_public_t *agent);
void hub_step(hub_t *self, const event_t *event);

/* Keep a message to a peer's current connection for after the commit; out of memory is logged: the
 * peer asks again. */
void hub_say(hub_t *self, const curve_public_t *key, Drover__Kind kind,
             const ProtobufCMessage *message);

/* The same for an answer to one message. */
void hub_reply(hub_t *self, const listener_message_t *to, Drover__Kind kind,
               const ProtobufCMessage *message, uint32_t number);
void hub_refuse(hub_t *self, const listener_message_t *to, const error_t *err);

/* An audit row of the coordinator's own, or of a peer. */
MUST_CHECK status_t hub_audit(hub_t *self, const audit_row_t *row, error_t *err);

/* hello.c: HELLO, AGENT_BEAT, GOODBYE */
MUST_CHECK status_t hello_take(hub_t *self, const listener_message_t *from,
                               const Drover__Hello *hello, error_t *err);
MUST_CHECK status_t hello_beat(hub_t *self, session_t *session, const Drover__AgentBeat *beat,
                               error_t *err);
MUST_CHECK status_t hello_goodbye(hub_t *self, session_t *session, const Drover__Goodbye *goodbye,
                                  error_t *err);
/* Tell the engine what the agent has in hand, once its old reports are in. */
MUST_CHECK status_t hello_settle(hub_t *self, session_t *session, error_t *err);
/* Tell the agent which clusters it may act on. */
void hello_tell_leases(hub_t *self, session_t *session);

/* suspended.c: an agent that lost its state gets nothing forward until a person has looked */
/* An agent said hello and is written: whether that suspends it; *known as it stands from now on. */
MUST_CHECK status_t suspended_hello(hub_t *self, const listener_message_t *from,
                                    agent_hello_t *known, error_t *err);
/* What does not go forward with this agent; of NULL, what goes with nobody. Borrowed. */
held_t suspended_held(const hub_t *self, const session_t *session);
/* What the agent hears of it, for its log: why it is suspended, "" where it is not. */
char *suspended_word(const session_t *session);
/* Whether it is suspended and another agent that is not could act on the cluster. */
bool suspended_yields(const hub_t *self, const session_t *session, uint64_t cluster);
/* Give the clusters back in which another agent can act. */
void suspended_beat(hub_t *self, const session_t *session);
/* Where an operator let one go on: what it lacks is sent; before what the engine wants is carried
 * out. */
MUST_CHECK status_t suspended_look(hub_t *self, error_t *err);

/* refill.c: a catalog that went back in time is filled again from agents' kept reports */
/* Whether some run of this catalog may have had the epoch: each start raises it by one. */
bool refill_is_plausible(const hub_t *self, uint64_t epoch);
/* How the catalog stands, at the start and after what was given up. */
MUST_CHECK status_t refill_load(hub_t *self, error_t *err);
/* An agent said hello, and is written: whether it knows more than the catalog; *known as it is to
 * go on. */
MUST_CHECK status_t refill_hello(hub_t *self, const listener_message_t *from,
                                 const Drover__Hello *hello, agent_hello_t *known, error_t *err);
/* The session that follows: whether its reports fill the catalog again. */
MUST_CHECK status_t refill_begin(hub_t *self, session_t *session, error_t *err);
/* A tenant's fence is past this run's epoch. */
MUST_CHECK status_t refill_fence(hub_t *self, const session_t *session,
                                 const Drover__TenantSeen *seen, error_t *err);
/* A final report about a job that the catalog does not know. */
MUST_CHECK status_t refill_lost(hub_t *self, const session_t *session, const Drover__Report *report,
                                error_t *err);
/* More of its reports came in: whether that was all. */
MUST_CHECK status_t refill_progress(hub_t *self, session_t *session, error_t *err);
/* Leave recovery mode where its rule says so; before what the engine wants is carried out. */
MUST_CHECK status_t refill_leave(hub_t *self, error_t *err);

/* inventory.c */
/* What an agent says of one application, as the catalog keeps it. Borrows from the message. */
application_row_t inventory_application(const Drover__ApplicationSeen *seen, int64_t observed_us);
MUST_CHECK status_t inventory_take(hub_t *self, session_t *session,
                                   const Drover__Inventory *inventory, error_t *err);

/* reports.c */
/* Bring back the rollout that the job is of, where it is over and was forgotten. */
MUST_CHECK status_t reports_recall(hub_t *self, const ident_t *job, error_t *err);
MUST_CHECK status_t reports_take(hub_t *self, const listener_message_t *from, session_t *session,
                                 const envelope_t *envelope, const Drover__Reports *reports,
                                 error_t *err);

/* bundles.c */
MUST_CHECK status_t bundles_want(hub_t *self, const listener_message_t *from,
                                 const Drover__BundleWant *want, error_t *err);
MUST_CHECK status_t bundles_put(hub_t *self, const listener_message_t *from,
                                const Drover__BundlePut *put, error_t *err);

/* Take in what was proved on a thread meanwhile. */
void bundles_tick(hub_t *self);
void bundles_free(hub_t *self);

/* questions.c */
MUST_CHECK status_t questions_take(hub_t *self, const listener_message_t *from,
                                   const envelope_t *envelope, const Drover__Question *question,
                                   error_t *err);
/* An Answer that says what went wrong. */
void questions_fail(hub_t *self, const listener_message_t *to, uint32_t number, const error_t *err);

/* papers.c: orders and tickets, for whoever judges a job by them */
MUST_CHECK status_t papers_want(hub_t *self, const listener_message_t *from,
                                const Drover__PaperWant *want, error_t *err);

/* results.c: what agents signed about their tenants of a wave */
MUST_CHECK status_t results_take(hub_t *self, const listener_message_t *from,
                                 const session_t *session, const Drover__Reports *reports,
                                 error_t *err);

/* tickets.c: what opens a later wave */
/* Carry out EFFECT_TICKET and tell the engine how that went. */
void tickets_ask(hub_t *self, const effect_t *effect);
/* Have those asked for again of which more is known now, and those that hold no longer taken from
 * their waves; before what the engine wants is carried out, and so before anything of theirs is
 * given out. */
void tickets_look(hub_t *self);
/* The ticket that opened a later wave of the order. ERROR_TICKET_ORDER where none did. */
MUST_CHECK status_t tickets_of(hub_t *self, proofs_t *proofs, uint32_t wave, digest_t *ret_ticket,
                               error_t *err);

/* news.c: trust files, revocations, holds and stops, as agents must know them */
/* How all that stands now, without telling anybody. */
MUST_CHECK status_t news_begin(hub_t *self, error_t *err);
/* Where it changed within this transaction: tell every agent after the commit. */
MUST_CHECK status_t news_look(hub_t *self, error_t *err);
/* Tell an agent that said hello what it lacks. */
MUST_CHECK status_t news_tell(hub_t *self, session_t *session, error_t *err);

/* askers.c: how often one operator's key is answered, and what of it waits */
typedef enum askers_verdict {
    ASKERS_NOW,     /* within its rate */
    ASKERS_LATER,   /* kept, and taken up as time passes */
    ASKERS_REFUSED, /* as much of it waits already as may */
} askers_verdict_t;
askers_verdict_t askers_admit(hub_t *self, const listener_message_t *from);
/* Answer a refused one: ERROR_ASKED_TOO_OFTEN. */
void askers_refuse(hub_t *self, const listener_message_t *from, uint32_t number);
/* Take up what waited long enough. */
typedef void askers_take_fn(hub_t *self, const listener_message_t *message);
void askers_tick(hub_t *self, askers_take_fn *take);
/* Drop what waits of keys that are no operator's any more. */
void askers_peers_changed(hub_t *self, const zap_t *zap);
void askers_free(hub_t *self);

/* unheard.c: messages of a key that left while it is connected: dropped, counted and told */
MUST_CHECK status_t unheard_open(hub_t *self, error_t *err);
MUST_CHECK status_t unheard_note(hub_t *self, const curve_public_t *key, error_t *err);
/* Tell what was counted since. */
MUST_CHECK status_t unheard_tick(hub_t *self, error_t *err);

/* enroll.c: a host without a card asks for one */
MUST_CHECK status_t enroll_take(hub_t *self, const listener_message_t *from,
                                const Drover__Enroll *enroll, error_t *err);

/* carry.c: carry out what the engine wants, in the store and, after the commit, outside. */
MUST_CHECK status_t carry_store(hub_t *self, error_t *err);
void carry_send(hub_t *self);
void carry_release(hub_t *self); /* forget rollouts that are over and stored */

/* offers.c: who gets work */
void offers_make(hub_t *self);
void offers_sweep(hub_t *self); /* jobs that an agent never mentioned are sent again */

/* jobs.c: batches of signed jobs */
typedef struct jobs_item {
    curve_public_t key;
    const rollout_t *rollout;
    const task_t *task;
} jobs_item_t;

/* Send these to their agents: as few messages as the bounds allow. Items of one agent need not
 * stand together. */
void jobs_send(hub_t *self, jobs_item_t *items, size_t count);

/* Settle what was called off and cannot be sent, for want of a document that is whole: its agent
 * never had it, and nobody else would ever bring word of it. */
void jobs_end_unsent(hub_t *self);

/* Ask one agent to stop attempts after the step in hand. */
void jobs_cancel(hub_t *self, const curve_public_t *key, const ident_t *attempts, size_t count);

/* Send sealed bytes now: to a peer, in its queue where it is slow. False where it is gone. */
bool hub_send_now(hub_t *self, const curve_public_t *key, const buffer_t *bytes);

#endif
