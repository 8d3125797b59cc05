/*
 * coordinator.c: the hub: one transaction of many messages, then its effects, then what they allow
 * to be sent; and the life and death of the process. Source of each rule: coordinator/link/hub.c,
 * carry.c, coordinator/store/store.c.
 */
#include "tests/sim/coordinator.h"

#include "tests/sim/agent.h"
#include "tests/sim/net.h"
#include "tests/sim/oracle.h"
#include "tests/sim/oracle_people.h"

#include <stdlib.h>

#define TICK_US (500 * SIM_MS)
#define POINT(sim, self) sim_point((sim), PLACE_COORDINATOR, (self)->number)

/* ---- sessions' attempts ---- */

held_attempt_t *session_find_attempt(agent_session_t *session, const ident_t *attempt) {
    for (uint32_t i = 0; i < session->attempt_count; i++) {
        if (ident_equal(&session->attempts[i].attempt, attempt)) {
            return &session->attempts[i];
        }
    }
    return NULL;
}

held_attempt_t *session_add_attempt(agent_session_t *session, const ident_t *attempt,
                                    const ident_t *job) {
    held_attempt_t *known = session_find_attempt(session, attempt);
    if (known != NULL) {
        return known;
    }
    if (session->attempt_count == session->attempt_room) {
        session->attempt_room = session->attempt_room == 0 ? 8 : session->attempt_room * 2;
        session->attempts =
            realloc(session->attempts, session->attempt_room * sizeof *session->attempts);
        INVARIANT(session->attempts != NULL);
    }
    held_attempt_t *entry = &session->attempts[session->attempt_count++];
    *entry = (held_attempt_t){.attempt = *attempt, .job = *job};
    return entry;
}

void session_remove_attempt(agent_session_t *session, const ident_t *attempt) {
    held_attempt_t *entry = session_find_attempt(session, attempt);
    if (entry != NULL) {
        *entry = session->attempts[--session->attempt_count];
    }
}

/* ---- the engine ---- */

event_t coordinator_event(sim_t *sim, coordinator_t *self, event_kind_t kind) {
    return (event_t){.kind = kind,
                     .now_us = coordinator_wall(sim, self),
                     .boot_us = sim->now_us,
                     .chance = chance_u32(&sim->chance)};
}

void coordinator_step(coordinator_t *self, const event_t *event) {
    people_step(self->sim, self->engine, event, &self->effects);
}

/* ---- what is said ---- */

message_t *coordinator_message(const sim_t *sim, const coordinator_t *self, uint32_t agent,
                               message_kind_t kind, size_t item_size, uint32_t count) {
    message_t *message = net_new(kind, item_size, count);
    message->agent = agent;
    message->coordinator = self->number;
    message->to_agent = true;
    message->connection = self->sessions[agent].connection;
    message->token = catalog_meta(self)->token;
    message->wall_us = coordinator_wall(sim, self);
    return message;
}

void coordinator_say(coordinator_t *self, message_t *message, size_t item_size) {
    if (self->outbox_count == COORDINATOR_OUTBOX) {
        free(message); /* the peer's queue is full */
        return;
    }
    self->outbox_sizes[self->outbox_count] = item_size;
    self->outbox[self->outbox_count++] = message;
}

static void drop_outbox(coordinator_t *self) {
    for (uint32_t i = 0; i < self->outbox_count; i++) {
        free(self->outbox[i]);
    }
    self->outbox_count = 0;
}

static void send_outbox(sim_t *sim, coordinator_t *self) {
    while (self->outbox_count > 0) {
        uint32_t count = self->outbox_count;
        self->outbox_count = 0;
        for (uint32_t i = 0; i < count; i++) {
            message_t *message = self->outbox[i];
            self->outbox[i] = NULL;
            net_send(sim, message, self->outbox_sizes[i]);
        }
    }
}

/* ---- before the commit ---- */

static void write_lease(coordinator_t *self, const effect_t *effect) {
    catalog_cluster_t *row =
        disk_change(&self->catalog, CATALOG_CLUSTERS, (uint32_t)effect->cluster - 1);
    row->held = effect->granted;
    row->agent = agent_of_key(&effect->agent);
    self->sessions[row->agent].tell_leases = true;
}

static void save_task(coordinator_t *self, const effect_t *effect) {
    task_t *task = &effect->rollout->tasks[effect->task];
    catalog_save_task(self, effect->rollout, effect->task);
    task->dirty = false;
    if (!task_state_is_in_flight(task->state) && agent_of_key(&task->agent) != UINT32_MAX) {
        agent_session_t *session = &self->sessions[agent_of_key(&task->agent)];
        const held_attempt_t *entry = session_find_attempt(session, &task->attempt);
        if (entry != NULL && !entry->heard) {
            session_remove_attempt(session, &task->attempt);
        }
    }
    const wave_t *wave = &effect->rollout->waves[effect->wave];
    self->offer_all = self->offer_all || task->state == TASK_READY ||
                      (task_state_is_final(task->state) && wave->max_parallel > 0);
}

static void note_job(sim_t *sim, coordinator_t *self, const effect_t *effect) {
    const task_t *task = &effect->rollout->tasks[effect->task];
    held_attempt_t *entry = session_add_attempt(&self->sessions[agent_of_key(&effect->agent)],
                                                &task->attempt, &task->job);
    entry->sent_us = sim->now_us;
    entry->heard = false;
}

static void note_cancel(coordinator_t *self, const effect_t *effect) {
    const task_t *task = &effect->rollout->tasks[effect->task];
    held_attempt_t *entry =
        session_find_attempt(&self->sessions[agent_of_key(&effect->agent)], &task->attempt);
    if (entry != NULL) {
        entry->cancel = true;
    }
}

static void roll_back(sim_t *sim, coordinator_t *self, const effect_t *effect) {
    rollout_t *rollout = effect->rollout;
    if (rollout->state != ROLLOUT_REVERTING) {
        return;
    }
    error_code_t why = orders_revert(sim, self, rollout, effect->wave);
    event_t event = coordinator_event(sim, self, EVENT_REVERTED);
    event.rollout = rollout->id;
    if (why != ERROR_NONE) {
        event.kind = EVENT_UNREVERTED;
        event.words = "order it by hand";
    }
    coordinator_step(self, &event);
    self->offer_all = true;
}

static void store_one(sim_t *sim, coordinator_t *self, const effect_t *effect) {
    switch (effect->kind) {
    case EFFECT_SAVE_ROLLOUT:
        catalog_save_rollout(self, effect->rollout);
        effect->rollout->dirty = false;
        self->offer_all = true;
        break;
    case EFFECT_SAVE_WAVE:
        catalog_save_wave(self, effect->rollout, effect->wave);
        effect->rollout->waves[effect->wave].dirty = false;
        self->offer_all = true;
        break;
    case EFFECT_SAVE_TASK:
        save_task(self, effect);
        break;
    case EFFECT_AUDIT:
        sim_tell(sim, "coordinator %u rollout %08x wave %u: %s:%u %s", self->number,
                 sim_short(&effect->rollout->id), effect->wave, effect->machine->name,
                 effect->row->id, effect->row->why);
        break;
    case EFFECT_SEND_JOB:
        note_job(sim, self, effect);
        break;
    case EFFECT_SEND_CANCEL:
        note_cancel(self, effect);
        break;
    case EFFECT_ROLL_BACK:
        roll_back(sim, self, effect);
        break;
    case EFFECT_TICKET:
        tickets_ask(sim, self, effect);
        break;
    case EFFECT_LEASE:
        self->offer_all = true;
        write_lease(self, effect);
        break;
    case EFFECT_KIND_COUNT:
        break;
    }
}

static void carry_store(sim_t *sim, coordinator_t *self) {
    while (self->carried < self->effects.count) {
        effect_t effect = self->effects.items[self->carried++];
        store_one(sim, self, &effect);
    }
}

static bool write_all(sim_t *sim, coordinator_t *self) {
    tickets_look(sim, self);
    for (int round = 0; round < 4; round++) {
        carry_store(sim, self);
        jobs_offer(sim, self);
        if (self->carried == self->effects.count) {
            break;
        }
    }
    carry_store(sim, self);
    if (!disk_is_dirty(&self->catalog)) {
        return true;
    }
    if (sim_has(sim, BUG_SEND_FIRST)) {
        jobs_send_effects(sim, self);
        send_outbox(sim, self);
    } else if (sim_has(sim, BUG_ACK_FIRST)) {
        send_outbox(sim, self);
    }
    POINT(sim, self);
    if (!disk_commit(&self->catalog)) {
        return false;
    }
    POINT(sim, self);
    return true;
}

/* ---- after it ---- */

static bool has_outstanding(const rollout_t *rollout) {
    for (uint32_t i = 0; i < rollout->task_count; i++) {
        if (rollout->tasks[i].state == TASK_OUTSTANDING) {
            return true;
        }
    }
    return false;
}

/* What agents have in hand of it still is of tries that nobody waits for. */
static void give_up_all(coordinator_t *self, const rollout_t *over, agent_session_t *session) {
    for (uint32_t i = 0; i < session->attempt_count; i++) {
        held_attempt_t *entry = &session->attempts[i];
        entry->cancel = entry->cancel || engine_rollout_of(self->engine, &entry->job) == over;
    }
}

static void release(sim_t *sim, coordinator_t *self) {
    for (size_t i = 0; i < self->effects.count; i++) {
        const effect_t *effect = &self->effects.items[i];
        bool saved = effect->kind == EFFECT_SAVE_ROLLOUT || effect->kind == EFFECT_SAVE_TASK;
        if (!saved || !rollout_state_is_final(effect->rollout->state) ||
            has_outstanding(effect->rollout)) {
            continue;
        }
        rollout_t *over = effect->rollout;
        for (size_t k = i; k < self->effects.count; k++) {
            if (self->effects.items[k].rollout == over) {
                self->effects.items[k] = (effect_t){.kind = EFFECT_LEASE};
            }
        }
        ident_t id = over->id;
        for (uint32_t k = 0; k < sim->options.agents; k++) {
            give_up_all(self, over, &self->sessions[k]);
        }
        engine_release(self->engine, &id);
    }
}

/* Every agent says hello anew: what sessions know may come from what was given up. */
static void forget_sessions(sim_t *sim, coordinator_t *self) {
    for (uint32_t i = 0; i < sim->options.agents; i++) {
        agent_session_t *session = &self->sessions[i];
        free(session->attempts);
        free(session->in_hand);
        *session = (agent_session_t){0};
    }
}

static void abandon(sim_t *sim, coordinator_t *self) {
    sim_tell(sim, "coordinator %u cannot commit and gives its transaction up", self->number);
    disk_abort(&self->catalog);
    effects_clear(&self->effects);
    self->carried = 0;
    drop_outbox(self);
    self->offer_all = true;
    forget_sessions(sim, self);
    catalog_load_engine(sim, self);
}

static void tell_leases(sim_t *sim, coordinator_t *self) {
    for (uint32_t i = 0; i < sim->options.agents; i++) {
        if (self->sessions[i].tell_leases && self->sessions[i].online) {
            coordinator_tell_leases(sim, self, i);
        }
        self->sessions[i].tell_leases = false;
    }
}

void coordinator_settle(sim_t *sim, coordinator_t *self) {
    self->settle_asked = false;
    if (!self->up || self->paused) {
        return;
    }
    if (!write_all(sim, self)) {
        abandon(sim, self);
        return;
    }
    self->carried = 0;
    tell_leases(sim, self);
    if (!sim_has(sim, BUG_SEND_FIRST)) {
        jobs_send_effects(sim, self);
    }
    release(sim, self);
    effects_clear(&self->effects);
    send_outbox(sim, self);
    POINT(sim, self);
}

static void ask_settle(sim_t *sim, coordinator_t *self) {
    if (!self->settle_asked) {
        self->settle_asked = true;
        sim_ask(sim,
                (sim_item_t){.at_us = sim->now_us + chance_between(&sim->weather, 0, 2 * SIM_MS),
                             .event = SIM_COORDINATOR_SETTLE,
                             .who = self->number,
                             .life = self->life});
    }
}

/* ---- taking in ---- */

void coordinator_receive(sim_t *sim, coordinator_t *self, message_t *message) {
    if (!self->up) {
        free(message);
        return;
    }
    if (self->paused) {
        if (self->inbox_count < COORDINATOR_INBOX) {
            self->inbox[self->inbox_count++] = message;
        } else {
            free(message);
        }
        return;
    }
    sim_hold(sim, message);
    coordinator_take(sim, self, message);
    ask_settle(sim, self);
}

void coordinator_lost(sim_t *sim, coordinator_t *self, uint32_t agent) {
    (void)sim;
    if (self->up) {
        self->sessions[agent].online = false;
    }
}

void coordinator_tick(sim_t *sim, coordinator_t *self) {
    if (!self->up || self->paused) {
        return;
    }
    for (uint32_t i = 0; i < sim->options.agents; i++) {
        agent_session_t *session = &self->sessions[i];
        if (session->online && !session->settled &&
            sim->now_us - session->progress_us >= SIM_LEASE_US) {
            coordinator_settle_agent(sim, self, i);
        }
    }
    event_t event = coordinator_event(sim, self, EVENT_TICK);
    coordinator_step(self, &event);
    self->offer_all = self->offer_all || self->effects.count > 0;
    coordinator_settle(sim, self);
    jobs_sweep(sim, self);
    sim_ask(sim, (sim_item_t){.at_us = sim->now_us + TICK_US,
                              .event = SIM_COORDINATOR_TICK,
                              .who = self->number,
                              .life = self->life});
}

/* ---- life and death ---- */

/* Each start raises the epoch and draws an incarnation, in a commit of its own. */
static bool raise_epoch(sim_t *sim, coordinator_t *self) {
    catalog_meta_t *meta = disk_change(&self->catalog, CATALOG_META, 0);
    meta->token.epoch++;
    meta->token.incarnation = chance_ident(&sim->chance);
    return disk_commit(&self->catalog);
}

void coordinator_start(sim_t *sim, coordinator_t *self) {
    if (self->up || self->retired) {
        return;
    }
    self->life++;
    if (!raise_epoch(sim, self)) {
        self->catalog.full = false; /* room is made before it is started again */
        INVARIANT(raise_epoch(sim, self));
    }
    sim_tell(sim, "coordinator %u starts with epoch %llu", self->number,
             (unsigned long long)catalog_meta(self)->token.epoch);
    self->up = true;
    self->paused = false;
    self->behind = false;
    self->settle_asked = false;
    self->offer_all = true;
    self->carried = 0;
    self->counter = 0;
    self->evidence = false;
    self->ask_again_us = 0;
    effects_clear(&self->effects);
    forget_sessions(sim, self);
    catalog_load_engine(sim, self);
    sim_ask(sim, (sim_item_t){.at_us = sim->now_us + TICK_US,
                              .event = SIM_COORDINATOR_TICK,
                              .who = self->number,
                              .life = self->life});
}

void coordinator_crash(sim_t *sim, coordinator_t *self) {
    if (!self->up) {
        return;
    }
    sim_tell(sim, "coordinator %u dies", self->number);
    self->up = false;
    self->paused = false;
    self->die_at = 0;
    disk_abort(&self->catalog);
    effects_clear(&self->effects);
    self->carried = 0;
    drop_outbox(self);
    for (uint32_t i = 0; i < self->inbox_count; i++) {
        free(self->inbox[i]);
    }
    self->inbox_count = 0;
    forget_sessions(sim, self);
    engine_destroy(&self->engine);
    for (uint32_t i = 0; i < sim->options.agents; i++) {
        agent_t *agent = &sim->agents[i];
        if (agent->up && agent->coordinator == self->number && !agent->paused) {
            agent->connected = agent->welcomed = false;
        }
    }
    if (!self->retired) {
        int64_t after_us = chance_between(&sim->weather, SIM_S, 60 * SIM_S);
        sim_ask(sim, (sim_item_t){.at_us = sim->now_us + after_us,
                                  .event = SIM_COORDINATOR_START,
                                  .who = self->number,
                                  .life = self->life});
    }
}

void coordinator_pause(sim_t *sim, coordinator_t *self, int64_t for_us) {
    if (!self->up || self->paused) {
        return;
    }
    sim_tell(sim, "coordinator %u is stopped for %lld ms", self->number,
             (long long)(for_us / SIM_MS));
    self->paused = true;
    sim_ask(sim, (sim_item_t){.at_us = sim->now_us + for_us,
                              .event = SIM_COORDINATOR_WAKE,
                              .who = self->number,
                              .life = self->life});
}

void coordinator_wake(sim_t *sim, coordinator_t *self) {
    if (!self->up || !self->paused) {
        return;
    }
    sim_tell(sim, "coordinator %u wakes", self->number);
    self->paused = false;
    while (self->inbox_count > 0 && self->up) {
        message_t *message = self->inbox[0];
        self->inbox_count--;
        memmove(self->inbox, self->inbox + 1, self->inbox_count * sizeof self->inbox[0]);
        sim_hold(sim, message);
        coordinator_take(sim, self, message);
    }
    coordinator_settle(sim, self);
    sim_ask(sim, (sim_item_t){.at_us = sim->now_us,
                              .event = SIM_COORDINATOR_TICK,
                              .who = self->number,
                              .life = self->life});
}

void coordinator_restore_copy(sim_t *sim, coordinator_t *self) {
    if (!self->has_copy) {
        return;
    }
    sim_tell(sim, "coordinator %u gets an older copy of its catalog", self->number);
    coordinator_crash(sim, self);
    disk_copy(&self->catalog, &self->copy);
    oracle_catalog_back(sim, self->number);
}

coordinator_t *coordinators_new(sim_t *sim) {
    sim->coordinators = calloc(sim->options.coordinators, sizeof *sim->coordinators);
    INVARIANT(sim->coordinators != NULL);
    for (uint32_t i = 0; i < sim->options.coordinators; i++) {
        coordinator_t *self = &sim->coordinators[i];
        self->sim = sim;
        self->number = i;
        self->sessions = calloc(sim->options.agents, sizeof *self->sessions);
        INVARIANT(self->sessions != NULL);
        catalog_define(&self->catalog);
        catalog_define(&self->copy);
        catalog_begin(sim, self);
    }
    sim->coordinator_count = 1;
    return sim->coordinators;
}

void coordinators_free(sim_t *sim) {
    for (uint32_t i = 0; i < sim->options.coordinators; i++) {
        coordinator_t *self = &sim->coordinators[i];
        forget_sessions(sim, self);
        drop_outbox(self);
        for (uint32_t k = 0; k < self->inbox_count; k++) {
            free(self->inbox[k]);
        }
        engine_destroy(&self->engine);
        effects_free(&self->effects);
        disk_free(&self->catalog);
        disk_free(&self->copy);
        free(self->sessions);
    }
    free(sim->coordinators);
}
