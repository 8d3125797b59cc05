/*
 * coordinator_jobs.c: who gets work, what leaves after the commit, and what opens a later wave.
 * Source of each rule: coordinator/link/offers.c, jobs.c, tickets.c.
 */
#include "tests/sim/coordinator.h"

#include "tests/sim/oracle.h"

#include <stdlib.h>

enum { FRESH = 32 };

#define ASK_AGAIN_US SIM_S
#define JUDGE_AGAIN_US (60 * SIM_S)

/* ---- jobs ---- */

static uint32_t tenant_of(const task_t *task) {
    uint32_t tenant = 0;
    memcpy(&tenant, task->tenant.bytes, sizeof tenant);
    return tenant - 1;
}

/* The wave of the order that a wave of the rollout is; UINT32_MAX: nobody in it has a leaf. */
static uint32_t order_wave(const sim_t *sim, const rollout_t *rollout, uint32_t wave) {
    const paper_t *order = sim_paper(sim, catalog_paper(rollout));
    for (uint32_t i = 0; order != NULL && i < rollout->waves[wave].count; i++) {
        const task_t *task = &rollout->tasks[rollout->waves[wave].first + i];
        uint32_t leaf = order->leaf_of[tenant_of(task)];
        if (leaf != 0 && task_is_ordered(rollout, task)) {
            return order->leaves[leaf - 1].wave;
        }
    }
    return UINT32_MAX;
}

static uint32_t ticket_of(const coordinator_t *self, uint32_t order, uint32_t wave) {
    for (uint32_t i = disk_count(&self->catalog, CATALOG_TICKETS); i > 0; i--) {
        const catalog_ticket_t *row = disk_row(&self->catalog, CATALOG_TICKETS, i - 1);
        if (row->order == order && row->wave == wave) {
            return row->ticket;
        }
    }
    return 0;
}

void jobs_send_one(sim_t *sim, coordinator_t *self, const rollout_t *rollout, const task_t *task) {
    uint32_t tenant = tenant_of(task);
    uint32_t agent = agent_of_key(&task->agent);
    const held_t held = coordinator_held(sim, self, agent);
    if (rollout_is_held(rollout, &held)) {
        return; /* kept back; it is offered again */
    }
    const catalog_tenant_t *known = disk_row(&self->catalog, CATALOG_TENANTS, tenant);
    uint32_t own_target = rollout->waves[task->wave].target_position;
    uint32_t wave = order_wave(sim, rollout, task->wave);
    message_t *message = coordinator_message(sim, self, agent, MESSAGE_JOBS, sizeof(job_item_t), 1);
    message->wall_us += SIM_LEASE_US; /* when it expires */
    job_item_t *job = (job_item_t *)(message + 1);
    *job = (job_item_t){
        .job = task->job,
        .attempt = task->attempt,
        .rollout = rollout->id,
        .kind = (job_kind_t)rollout->kind,
        .tenant = tenant,
        .cluster = (uint32_t)task->system_identifier - 1,
        .target = own_target != 0 ? own_target : rollout->target_position,
        .order = catalog_paper(rollout),
        .ticket =
            wave != UINT32_MAX && wave > 0 ? ticket_of(self, catalog_paper(rollout), wave) : 0,
        .point = rollout->kind == KIND_RESTORE && task->reference != NULL
                     ? (uint32_t)strtoul(task->reference, NULL, 10)
                     : 0,
        .generation_floor = known->generation,
        .sequence_floor = known->sequence,
        .deadline_us = rollout->task_timeout_us,
        .token = catalog_meta(self)->token,
    };
    sim_tell(sim, "coordinator %u sends attempt %08x of tenant %u to agent %u", self->number,
             sim_short(&task->attempt), tenant, agent);
    oracle_sends(sim, self->number, agent, job);
    coordinator_say(self, message, sizeof(job_item_t));
}

void jobs_cancel(sim_t *sim, coordinator_t *self, uint32_t agent, const ident_t *attempt) {
    message_t *message = coordinator_message(sim, self, agent, MESSAGE_CANCEL, sizeof(ident_t), 1);
    *(ident_t *)(message + 1) = *attempt;
    coordinator_say(self, message, sizeof(ident_t));
}

void jobs_send_effects(sim_t *sim, coordinator_t *self) {
    for (size_t i = 0; i < self->effects.count; i++) {
        const effect_t *effect = &self->effects.items[i];
        if (effect->kind == EFFECT_SEND_JOB) {
            jobs_send_one(sim, self, effect->rollout, &effect->rollout->tasks[effect->task]);
        }
    }
    for (size_t i = 0; i < self->effects.count; i++) {
        const effect_t *effect = &self->effects.items[i];
        if (effect->kind == EFFECT_SEND_CANCEL) {
            jobs_cancel(sim, self, agent_of_key(&effect->agent),
                        &effect->rollout->tasks[effect->task].attempt);
        }
    }
}

/* ---- offers ---- */

static uint32_t room_of(const coordinator_t *self, const agent_session_t *session) {
    if (!session->online || !session->settled || self->behind) {
        return 0;
    }
    return session->capacity > session->attempt_count ? session->capacity - session->attempt_count
                                                      : 0;
}

static ident_t fresh_attempt(sim_t *sim, coordinator_t *self) {
    if (!sim_has(sim, BUG_COUNTED_ATTEMPT)) {
        return chance_ident(&sim->chance);
    }
    ident_t id = {{0}};
    uint32_t number = ++self->counter;
    memcpy(id.bytes, &number, sizeof number);
    return id;
}

static uint32_t offer(sim_t *sim, coordinator_t *self, uint32_t agent, uint32_t room) {
    ident_t fresh[FRESH];
    uint32_t count = room < FRESH ? room : FRESH;
    for (uint32_t i = 0; i < count; i++) {
        fresh[i] = fresh_attempt(sim, self);
    }
    event_t event = coordinator_event(sim, self, EVENT_ROOM);
    event.agent = agent_key_of(agent);
    event.room = count;
    event.held = coordinator_held(sim, self, agent);
    event.fresh = fresh;
    event.fresh_count = count;
    size_t before = self->effects.count;
    coordinator_step(self, &event);
    uint32_t given = 0;
    for (size_t i = before; i < self->effects.count; i++) {
        const effect_t *effect = &self->effects.items[i];
        if (effect->kind == EFFECT_SEND_JOB) {
            given++;
            oracle_gives(sim, self->number, &effect->rollout->id,
                         &effect->rollout->tasks[effect->task].job);
        }
    }
    return given;
}

void jobs_offer(sim_t *sim, coordinator_t *self) {
    bool all = self->offer_all;
    self->offer_all = false;
    for (uint32_t i = 0; i < sim->options.agents; i++) {
        agent_session_t *session = &self->sessions[i];
        if (!all && !session->offer) {
            continue;
        }
        session->offer = false;
        agent_key_t key = agent_key_of(i);
        uint32_t room = room_of(self, session);
        while (room > 0 && engine_has_ready(self->engine, &key)) {
            uint32_t given = offer(sim, self, i, room);
            if (given == 0) {
                break;
            }
            room -= given;
        }
    }
}

static void sweep(sim_t *sim, coordinator_t *self, agent_session_t *session) {
    if (!session->online || !session->settled || session->attempt_count <= session->in_hand_said) {
        return;
    }
    for (uint32_t i = 0; i < session->attempt_count; i++) {
        held_attempt_t *entry = &session->attempts[i];
        const task_t *task = engine_task(self->engine, &entry->job);
        bool owed = task != NULL && (task->state == TASK_DISPATCHED || task->state == TASK_UNKNOWN);
        if (entry->heard || sim->now_us - entry->sent_us < SIM_OFFER_US || !owed ||
            !ident_equal(&task->attempt, &entry->attempt)) {
            continue;
        }
        entry->sent_us = sim->now_us;
        jobs_send_one(sim, self, engine_rollout_of(self->engine, &entry->job), task);
    }
}

void jobs_sweep(sim_t *sim, coordinator_t *self) {
    for (uint32_t i = 0; self->up && i < sim->options.agents; i++) {
        sweep(sim, self, &self->sessions[i]);
    }
    if (self->up && self->outbox_count > 0) {
        coordinator_settle(sim, self);
    }
}

/* ---- tickets ---- */

static uint32_t make_ticket(sim_t *sim, coordinator_t *self, uint32_t order, uint32_t wave) {
    const paper_t *paper = sim_paper(sim, order);
    ticket_t ticket = {.order = order, .wave = wave, .approved = paper->waves[wave].approved};
    uint32_t room = 0;
    for (uint32_t i = 0; !ticket.approved && i < disk_count(&self->catalog, CATALOG_RESULTS); i++) {
        const statement_t *row = disk_row(&self->catalog, CATALOG_RESULTS, i);
        if (row->order != order || row->wave != wave - 1) {
            continue;
        }
        if (ticket.count == room) {
            room = room == 0 ? 16 : room * 2;
            ticket.statements = realloc(ticket.statements, room * sizeof *ticket.statements);
            INVARIANT(ticket.statements != NULL);
        }
        ticket.statements[ticket.count++] = *row;
    }
    if (!sim_ticket_opens(sim, &ticket, coordinator_wall(sim, self), catalog_meta(self)->trust) &&
        !sim_has(sim, BUG_STALE_EVIDENCE)) {
        free(ticket.statements);
        return 0;
    }
    return sim_keep_ticket(sim, &ticket);
}

void tickets_ask(sim_t *sim, coordinator_t *self, const effect_t *effect) {
    rollout_t *rollout = effect->rollout;
    if (rollout->waves[effect->wave].state != WAVE_AWAITING) {
        return;
    }
    uint32_t order = catalog_paper(rollout);
    uint32_t wave = order_wave(sim, rollout, effect->wave);
    bool waits = wave != UINT32_MAX && wave > 0;
    uint32_t ticket = waits ? make_ticket(sim, self, order, wave) : 0;
    event_t event = coordinator_event(sim, self, EVENT_TICKET);
    event.rollout = rollout->id;
    event.wave = effect->wave;
    if (ticket != 0) {
        catalog_ticket_t row = {.order = order, .wave = wave, .ticket = ticket};
        (void)disk_append(&self->catalog, CATALOG_TICKETS, &row);
    } else if (waits) {
        event.kind = EVENT_UNTICKETED;
        event.words = "not proved yet";
        self->ask_again_us = coordinator_wall(sim, self) + ASK_AGAIN_US;
    }
    coordinator_step(self, &event);
    self->offer_all = true;
}

/* What opened a wave may open it no longer: a key was taken out. */
static void judge_open(sim_t *sim, coordinator_t *self, const rollout_t *rollout, uint32_t number) {
    uint32_t wave = order_wave(sim, rollout, number);
    if (!rollout->ticketed || rollout->waves[number].state != WAVE_OPEN || wave == UINT32_MAX ||
        wave == 0 || sim_has(sim, BUG_STALE_EVIDENCE)) {
        return;
    }
    uint32_t ticket = ticket_of(self, catalog_paper(rollout), wave);
    if (ticket != 0 && !sim_ticket_opens(sim, &sim->tickets[ticket - 1],
                                         coordinator_wall(sim, self), catalog_meta(self)->trust)) {
        event_t event = coordinator_event(sim, self, EVENT_LAPSED);
        event.rollout = rollout->id;
        event.wave = number;
        coordinator_step(self, &event);
    }
}

static void judge_all(sim_t *sim, coordinator_t *self) {
    for (size_t i = 0; i < engine_rollout_count(self->engine); i++) {
        const rollout_t *rollout = engine_rollout_at(self->engine, i);
        for (uint32_t w = 0; w < rollout->wave_count; w++) {
            judge_open(sim, self, rollout, w);
        }
    }
    self->judge_due_us = coordinator_wall(sim, self) + JUDGE_AGAIN_US;
}

/* A retry or a resume opened waves within this transaction whose tickets are of another day. */
static void judge_opened(sim_t *sim, coordinator_t *self) {
    size_t count = self->effects.count;
    for (size_t i = self->carried; i < count; i++) {
        effect_t effect = self->effects.items[i];
        if (effect.kind == EFFECT_SAVE_WAVE) {
            judge_open(sim, self, effect.rollout, effect.wave);
        }
    }
}

void tickets_look(sim_t *sim, coordinator_t *self) {
    if (self->ask_all || coordinator_wall(sim, self) >= self->judge_due_us) {
        judge_all(sim, self);
    } else {
        judge_opened(sim, self);
    }
    bool due = self->ask_again_us != 0 && coordinator_wall(sim, self) >= self->ask_again_us;
    if (!self->ask_all && !self->evidence && !due) {
        return;
    }
    self->ask_all = self->evidence = false;
    self->ask_again_us = 0;
    for (size_t i = 0; i < engine_rollout_count(self->engine); i++) {
        event_t event = coordinator_event(sim, self, EVENT_EVIDENCE);
        event.rollout = engine_rollout_at(self->engine, i)->id;
        coordinator_step(self, &event);
    }
}
