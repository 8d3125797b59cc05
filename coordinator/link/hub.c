/* hub.c: see hub.h. One transaction of many messages: begin, take in, settle, give up. */
#include "common/base/failpoint.h"
#include "common/crypto/random.h"
#include "coordinator/link/internal.h"
#include "coordinator/store/store_standing.h"
#include "coordinator/store/store_agent.h"
#include "coordinator/store/store_rollout.h"

#include <stdlib.h>
#include <string.h>

enum { RETRY_FIRST_MS = 1000, RETRY_MOST_MS = 60000 };

/* ------------------------------------------------------------------ the engine and the store */

static status_t restore_lease(void *context, const cluster_row_t *cluster, error_t *err) {
    (void)err;
    hub_t *self = context;
    static const agent_key_t nobody;
    if (cluster->lease_until_us != 0 && memcmp(&cluster->agent, &nobody, sizeof nobody) != 0) {
        engine_restore_lease(self->engine, cluster->system_identifier, &cluster->agent,
                             self->boot_us);
    }
    return STATUS_OK;
}

static status_t adopt_open(hub_t *self, error_t *err) {
    rollout_list_t list = {0};
    TRY(store_rollout_load_open(self->options.store, &list, err));
    status_t status = STATUS_OK;
    for (size_t i = 0; i < list.count && status == STATUS_OK; i++) {
        if (engine_adopt(self->engine, &list.rollouts[i]) == NULL) {
            status = error_set(err, ERROR_NO_MEMORY, "out of memory for the open rollouts");
        }
    }
    store_rollout_list_free(&list);
    return status;
}

/* Build the engine as the store knows it. */
static status_t load(hub_t *self, error_t *err) {
    const coordinator_config_t *config = self->options.config;
    engine_options_t options = {
        .lease_us = config->lease_us,
        .unreachable_us = config->unreachable_after_us,
        .retry = {.first_ms = RETRY_FIRST_MS, .most_ms = RETRY_MOST_MS},
    };
    engine_destroy(&self->engine);
    self->engine = engine_new(&options);
    if (self->engine == NULL) {
        return error_set(err, ERROR_NO_MEMORY, "out of memory for the engine");
    }
    TRY(adopt_open(self, err));
    proofs_free(self);
    TRY(refill_load(self, err));
    self->ask_all = true; /* what opens a wave may have come while nobody looked */
    TRY(news_begin(self, err));
    return store_cluster_each(self->options.store, restore_lease, self, err);
}

status_t hub_new(const hub_options_t *options, hub_t **ret_hub, error_t *err) {
    CLEANUP(hub_destroy_p) hub_t *self = calloc(1, sizeof *self);
    if (self == NULL) {
        return error_set(err, ERROR_NO_MEMORY, "out of memory for the hub");
    }
    INVARIANT(options->keeper != NULL);
    self->options = *options;
    hub_read_clocks(self);
    TRY(unheard_open(self, err));
    self->sweep = true; /* whatever came before the restart */
    TRY(load(self, err));
    *ret_hub = TAKE(self);
    return STATUS_OK;
}

void hub_destroy(hub_t **self_p) {
    if (self_p == NULL || *self_p == NULL) {
        return;
    }
    hub_t *self = *self_p;
    store_rollback(self->options.store);
    bundles_free(self);
    holds_free(&self->holds);
    proofs_free(self);
    session_free_all(&self->sessions);
    outgoing_free(&self->outgoing);
    effects_free(&self->effects);
    engine_destroy(&self->engine);
    throttle_destroy(&self->unheard);
    askers_free(self);
    free(self);
    *self_p = NULL;
}

engine_t **hub_engine(hub_t *self) {
    return &self->engine;
}

const store_identity_t *hub_identity(const hub_t *self) {
    return &self->options.identity;
}

void hub_set_service(hub_t *self, const hub_service_t *service) {
    self->service = *service;
}

void hub_set_listener(hub_t *self, listener_t *listener) {
    self->listener = listener;
}

void hub_read_clocks(hub_t *self) {
    self->now_us = clock_wall_us();
    self->boot_us = clock_boot_us();
}

status_t hub_begin(hub_t *self, error_t *err) {
    return store_in_transaction(self->options.store) ? STATUS_OK
                                                     : store_begin(self->options.store, err);
}

event_t hub_event(const hub_t *self, event_kind_t kind, const curve_public_t *agent) {
    event_t event = {
        .kind = kind, .now_us = self->now_us, .boot_us = self->boot_us, .chance = random_u32()};
    if (agent != NULL) {
        event.agent = session_agent(agent);
    }
    return event;
}

void hub_step(hub_t *self, const event_t *event) {
    engine_step(self->engine, event, &self->effects);
}

status_t hub_audit(hub_t *self, const audit_row_t *row, error_t *err) {
    audit_row_t stamped = *row;
    stamped.time_us = self->now_us;
    TRY(hub_begin(self, err));
    return store_audit_append(self->options.store, &stamped, err);
}

/* ------------------------------------------------------------------ what is said */

static void keep(hub_t *self, const outgoing_target_t *target, Drover__Kind kind,
                 const ProtobufCMessage *message, const sign_secret_t *secret) {
    error_t err = {0};
    if (outgoing_add(&self->outgoing, target, kind, message, secret, &err) != STATUS_OK) {
        log_error("message not sent", &err);
    }
}

void hub_say(hub_t *self, const curve_public_t *key, Drover__Kind kind,
             const ProtobufCMessage *message) {
    keep(self, &(outgoing_target_t){.key = *key}, kind, message, NULL);
}

void hub_reply(hub_t *self, const listener_message_t *to, Drover__Kind kind,
               const ProtobufCMessage *message, uint32_t number) {
    outgoing_target_t target = {
        .key = to->peer->key, .route = to->route, .answers = true, .number = number};
    keep(self, &target, kind, message, NULL);
}

void hub_refuse(hub_t *self, const listener_message_t *to, const error_t *err) {
    char line[ERROR_TEXT_MAX];
    Drover__Refused refused = DROVER__REFUSED__INIT;
    char code[LIMIT_NAME_BYTES];
    (void)snprintf(code, sizeof code, "%s", error_code_text(err->code));
    (void)snprintf(line, sizeof line, "%s", err->message);
    refused.code = code;
    refused.message = line;
    hub_reply(self, to, DROVER__KIND__KIND_REFUSED, &refused.base, 0);
    log_warning("peer refused", "peer", to->peer->name, "address", to->address, "code",
                error_code_text(err->code), "reason", err->message);
}

bool hub_send_now(hub_t *self, const curve_public_t *key, const buffer_t *bytes) {
    error_t err = {0};
    if (listener_send(self->listener, key, bytes->data, bytes->size, &err) == STATUS_OK) {
        return true;
    }
    const session_t *session = session_find(self->sessions, key);
    log_debug("message not delivered", "agent", session != NULL ? session->name : "", "code",
              error_code_text(err.code), "reason", err.message);
    return false;
}

static void send_outgoing(hub_t *self) {
    for (size_t i = 0; i < self->outgoing.count; i++) {
        outgoing_item_t *item = &self->outgoing.items[i];
        error_t err = {0};
        if (!item->answers) {
            (void)hub_send_now(self, &item->key, &item->bytes);
        } else if (listener_answer(self->listener, &item->route, item->bytes.data, item->bytes.size,
                                   &err) != STATUS_OK) {
            log_debug("answer not delivered", "code", error_code_text(err.code), "reason",
                      err.message);
        }
    }
    outgoing_clear(&self->outgoing);
}

/* ------------------------------------------------------------------ settle, or give up */

/* Operators who wait are told; nobody else hears anything. */
static void answer_failures(hub_t *self, const error_t *err) {
    outgoing_t lost = self->outgoing;
    self->outgoing = (outgoing_t){0};
    for (size_t i = 0; i < lost.count; i++) {
        if (lost.items[i].answers && lost.items[i].number != 0) {
            zap_peer_t peer = {.key = lost.items[i].key};
            listener_message_t to = {.peer = &peer, .route = lost.items[i].route};
            questions_fail(self, &to, lost.items[i].number, err);
        }
    }
    outgoing_free(&lost);
}

/* What sessions know may come from what was given up: every agent says hello anew. */
static void forget_sessions(hub_t *self) {
    for (session_t *session = self->sessions; session != NULL; session = session->hh.next) {
        listener_release(self->listener, &session->key);
    }
    session_free_all(&self->sessions);
}

void hub_abandon(hub_t *self, const char *what, const error_t *err) {
    log_error(what, err);
    error_t told = *err;
    store_rollback(self->options.store);
    effects_clear(&self->effects);
    self->carried = 0;
    self->taken = 0;
    self->offer_all = true;
    forget_sessions(self);
    error_t fault = {0};
    if (keeper_reload(self->options.keeper, &fault) != STATUS_OK ||
        load(self, &fault) != STATUS_OK) {
        log_error("catalog unreadable", &fault);
        self->broken = true;
        self->fault = fault;
    }
    answer_failures(self, &told);
    send_outgoing(self);
}

static status_t write_all(hub_t *self, error_t *err) {
    TRY(news_look(self, err));
    TRY(suspended_look(self, err));
    TRY(refill_leave(self, err));
    tickets_look(self);
    /* offers follow from what was taken in, and a rollback that starts makes new ones */
    for (int round = 0; round < 4; round++) {
        TRY(carry_store(self, err));
        offers_make(self);
        if (self->carried == self->effects.count) {
            break;
        }
    }
    TRY(carry_store(self, err));
    if (self->effects.failed) {
        return error_set(err, ERROR_NO_MEMORY, "out of memory for the engine's effects");
    }
    if (!store_in_transaction(self->options.store)) {
        return STATUS_OK;
    }
    FAILPOINT("coordinator.before-commit");
    TRY(store_commit(self->options.store, err));
    FAILPOINT("coordinator.after-commit");
    return STATUS_OK;
}

void hub_settle(hub_t *self) {
    error_t err = {0};
    if (self->broken) {
        return;
    }
    if (write_all(self, &err) != STATUS_OK) {
        hub_abandon(self, "commit failed", &err);
        return;
    }
    self->taken = 0;
    self->carried = 0;
    carry_send(self);
    carry_release(self);
    effects_clear(&self->effects);
    send_outgoing(self);
    FAILPOINT("coordinator.sent");
}

/* ------------------------------------------------------------------ taking in */

/* The session that a message of an agent belongs to, or NULL where it must say hello first. */
static session_t *speaking(hub_t *self, const listener_message_t *from) {
    session_t *session = from->current ? session_find(self->sessions, &from->peer->key) : NULL;
    error_t err = {0};
    if (session == NULL || !session->online) {
        (void)error_set(&err, ERROR_HELLO_FIRST, "no hello came on this connection");
        hub_refuse(self, from, &err);
        return NULL;
    }
    session->heard_boot_us = self->boot_us;
    session->silent = false;
    return session;
}

static status_t take_agent(hub_t *self, const listener_message_t *from, const envelope_t *envelope,
                           const message_t *message, error_t *err) {
    if (message->kind == DROVER__KIND__KIND_HELLO) {
        return hello_take(self, from, message->hello, err);
    }
    session_t *session = speaking(self, from);
    if (session == NULL) {
        return STATUS_OK;
    }
    /* kinds are the peer's to choose, and codec_open lets only an agent's own through */
    if (message->kind == DROVER__KIND__KIND_AGENT_BEAT) {
        return hello_beat(self, session, message->agent_beat, err);
    }
    self->sweep = true;
    if (message->kind == DROVER__KIND__KIND_INVENTORY) {
        return inventory_take(self, session, message->inventory, err);
    }
    if (message->kind == DROVER__KIND__KIND_REPORTS) {
        return reports_take(self, from, session, envelope, message->reports, err);
    }
    if (message->kind == DROVER__KIND__KIND_BUNDLE_WANT) {
        return bundles_want(self, from, message->bundle_want, err);
    }
    if (message->kind == DROVER__KIND__KIND_PAPER_WANT) {
        return papers_want(self, from, message->paper_want, err);
    }
    INVARIANT(message->kind == DROVER__KIND__KIND_GOODBYE);
    return hello_goodbye(self, session, message->goodbye, err);
}

static status_t take(hub_t *self, const listener_message_t *from, const envelope_t *envelope,
                     const message_t *message, error_t *err) {
    if (from->peer->party == PARTY_AGENT) {
        return take_agent(self, from, envelope, message, err);
    }
    if (from->peer->party == PARTY_NEWCOMER) {
        return enroll_take(self, from, message->enroll, err);
    }
    if (message->kind == DROVER__KIND__KIND_QUESTION) {
        self->sweep = true; /* it may end a hold, or resume what stood still */
        return questions_take(self, from, envelope, message->question, err);
    }
    INVARIANT(message->kind == DROVER__KIND__KIND_BUNDLE_PUT);
    return bundles_put(self, from, message->bundle_put, err);
}

/* Open, verify and take one message in; a question of one that asks too often is refused. */
static void receive(hub_t *self, const listener_message_t *from, const envelope_t *envelope,
                    bool refused) {
    error_t err = {0};
    CLEANUP(message_destroy_p) message_t *message = NULL;
    if (codec_unpack(envelope, envelope->kind->domain != NULL ? &from->peer->sign : NULL, &message,
                     &err) != STATUS_OK) {
        self->dropped++;
        hub_refuse(self, from, &err);
        return;
    }
    if (refused) {
        askers_refuse(self, from, message->question->number);
    } else if (take(self, from, envelope, message, &err) != STATUS_OK) {
        hub_abandon(self, "message not taken in", &err);
        return;
    }
    if (++self->taken >= self->options.config->limits.commit_batch) {
        hub_settle(self);
    }
}

static bool open_envelope(hub_t *self, const listener_message_t *from, envelope_t *envelope) {
    error_t err = {0};
    if (codec_open(from->bytes, from->size, from->peer->party, envelope, &err) == STATUS_OK) {
        return true;
    }
    self->dropped++;
    hub_refuse(self, from, &err);
    return false;
}

/* One that waited: as if it had come now. */
static void take_waiting(hub_t *self, const listener_message_t *from) {
    envelope_t envelope;
    if (!self->broken && open_envelope(self, from, &envelope)) {
        receive(self, from, &envelope, false);
    }
}

void hub_receive(hub_t *self, const listener_message_t *from) {
    envelope_t envelope;
    askers_verdict_t verdict = ASKERS_NOW;
    if (self->broken) {
        return;
    }
    hub_read_clocks(self);
    if (!open_envelope(self, from, &envelope)) {
        return;
    }
    if (envelope.kind->kind == DROVER__KIND__KIND_QUESTION) { /* before its signature costs time */
        verdict = askers_admit(self, from);
    }
    if (verdict != ASKERS_LATER) {
        receive(self, from, &envelope, verdict == ASKERS_REFUSED);
    }
}

/* ------------------------------------------------------------------ time */

/* Agents that were not heard for too long: told once each. */
static void watch_silence(hub_t *self) {
    for (session_t *session = self->sessions; session != NULL; session = session->hh.next) {
        if (session->online && !session->silent &&
            self->boot_us - session->heard_boot_us >= self->options.config->unreachable_after_us) {
            session->silent = true;
            log_warning("agent silent", "agent", session->name);
        }
    }
}

/* Standing orders take in who came since: when something did, and not all the time. */
static status_t sweep(hub_t *self, error_t *err) {
    bool due = self->sweep &&
               self->boot_us - self->swept_boot_us >= self->options.config->standing_sweep_us;
    if (!due || self->draining || self->service.sweep == NULL) {
        return STATUS_OK;
    }
    CLEANUP(arena_free) arena_t arena = {0};
    standing_list_t list = {0};
    service_moment_t moment = {.now_us = self->now_us, .boot_us = self->boot_us};
    self->sweep = false;
    self->swept_boot_us = self->boot_us;
    TRY(store_standing_list(self->options.store, false, &arena, &list, err));
    if (list.count == 0) { /* the usual fleet: no commit for nothing */
        return STATUS_OK;
    }
    TRY(hub_begin(self, err));
    return self->service.sweep(self->service.context, &moment, &self->effects, err);
}

void hub_tick(hub_t *self) {
    if (self->broken) {
        return;
    }
    hub_read_clocks(self);
    error_t err = {0};
    for (session_t *session = self->sessions; session != NULL; session = session->hh.next) {
        /* an agent that has lost the reports it owes is not waited for beyond a lease */
        if (session->online && !session->settled && !self->refilling &&
            self->boot_us - session->progress_boot_us >= self->options.config->lease_us &&
            hello_settle(self, session, &err) != STATUS_OK) {
            hub_abandon(self, "agent not settled", &err);
            return;
        }
    }
    if (unheard_tick(self, &err) != STATUS_OK) {
        hub_abandon(self, "dropped messages not told", &err);
        return;
    }
    bundles_tick(self);
    askers_tick(self, take_waiting);
    if (self->broken) {
        return;
    }
    if (!self->refilling) { /* time stands still for rollouts whose standing is not known */
        jobs_end_unsent(self);
        if (sweep(self, &err) != STATUS_OK) {
            hub_abandon(self, "standing orders not carried out", &err);
            return;
        }
        event_t event = hub_event(self, EVENT_TICK, NULL);
        hub_step(self, &event);
    }
    self->offer_all = self->offer_all || self->effects.count > 0;
    watch_silence(self);
    hub_settle(self);
    if (!self->broken && !self->draining) {
        offers_sweep(self);
    }
}

/* As if it had said goodbye; but what it said last of its clusters is not believed any more. */
static void drop_session(hub_t *self, session_t *session) {
    event_t event = hub_event(self, EVENT_GOODBYE, &session->key);
    listener_release(self->listener, &session->key);
    hub_step(self, &event);
    session->online = false;
    session->capacity = 0;
    session->cluster_count = 0;
    (void)snprintf(session->problem, sizeof session->problem, "no longer enrolled");
    log_warning("agent dropped", "agent", session->name, "reason", "no longer enrolled");
}

void hub_peers_changed(hub_t *self, const zap_t *zap) {
    if (self->broken) {
        return;
    }
    hub_read_clocks(self);
    for (session_t *session = self->sessions; session != NULL; session = session->hh.next) {
        const zap_peer_t *peer = zap_find(zap, &session->key);
        bool agent = peer != NULL && peer->party == PARTY_AGENT;
        if (session->online && !agent) {
            drop_session(self, session);
        }
    }
    askers_peers_changed(self, zap);
    self->refill_look = true; /* one that was waited for may have left */
    hub_settle(self);
}

static void note_offline(session_t *session, const char *reason) {
    if (session != NULL && session->online) {
        session->online = false;
        log_info("agent offline", "agent", session->name, "reason", reason);
    }
}

void hub_notice(hub_t *self, listener_event_t event, const curve_public_t *key) {
    session_t *session = key != NULL ? session_find(self->sessions, key) : NULL;
    error_t err = {0};
    switch (event) {
    case LISTENER_GONE:
        note_offline(session, "connection closed");
        break;
    case LISTENER_REVOKED:
        note_offline(session, "no longer enrolled");
        if (!self->broken && unheard_note(self, key, &err) != STATUS_OK) {
            hub_abandon(self, "a dropped message not told", &err);
        }
        break;
    case LISTENER_MALFORMED:
        log_warning("message dropped", "reason", "more than one frame");
        break;
    case LISTENER_EVENT_COUNT:
        break;
    }
}

void hub_drain(hub_t *self) {
    self->draining = true;
}

bool hub_is_idle(const hub_t *self) {
    for (const session_t *session = self->sessions; session != NULL; session = session->hh.next) {
        size_t bytes = 0;
        if (session->online && listener_queued(self->listener, &session->key, &bytes) > 0) {
            return false;
        }
    }
    return !store_in_transaction(self->options.store) && self->outgoing.count == 0;
}

uint64_t hub_dropped(const hub_t *self) {
    return self->dropped;
}

bool hub_is_broken(const hub_t *self, error_t *ret_err) {
    if (self->broken) {
        *ret_err = self->fault;
    }
    return self->broken;
}
