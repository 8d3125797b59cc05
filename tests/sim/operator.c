/*
 * operator.c: orders at any moment, and what an operator does once the faults have stopped: looks
 * at what stands still and says go on, try again, stop, or take back.
 */
#include "tests/sim/agent.h"
#include "tests/sim/coordinator.h"
#include "tests/sim/faults.h"

#include <stdio.h>

static coordinator_t *any_up(sim_t *sim, uint32_t how) {
    for (uint32_t i = 0; i < sim->coordinator_count; i++) {
        coordinator_t *self = &sim->coordinators[(how + i) % sim->coordinator_count];
        if (self->up && !self->paused) {
            return self;
        }
    }
    return NULL;
}

static order_wish_t draw_wish(sim_t *sim, chance_t *chance, const coordinator_t *self) {
    uint32_t lowest = SIM_POSITIONS;
    for (uint32_t i = 0; i < sim->options.tenants; i++) {
        const catalog_tenant_t *known = disk_row(&self->catalog, CATALOG_TENANTS, i);
        if (known->known && known->position < lowest) {
            lowest = known->position;
        }
    }
    uint32_t target = lowest + 1 + chance_below(chance, 4);
    static const rollout_kind_t STILL[] = {KIND_BASELINE, KIND_BACKUP, KIND_LOOK, KIND_PRUNE};
    bool still = chance_below(chance, 8) == 0;
    return (order_wish_t){
        .kind = still ? STILL[chance_below(chance, 4)] : KIND_FORWARD,
        .target = target < SIM_POSITIONS ? target : SIM_POSITIONS - 1,
        .waves = 1 + chance_below(chance, SIM_WAVES - 1),
        .on_failure = (failure_policy_t)chance_below(chance, ON_FAILURE_COUNT),
        .unreachable = (unreachable_policy_t)chance_below(chance, UNREACHABLE_POLICY_COUNT),
        .attempts = 1 + chance_below(chance, 4),
        .budget = chance_below(chance, 3),
        .parallel = chance_below(chance, 3) == 0 ? 1 + chance_below(chance, 6) : 0,
        .dump = chance_below(chance, 4) != 0,
        .soak = chance_below(chance, 4) == 0,
        .approval = chance_below(chance, 6) == 0,
        .look = chance_below(chance, 6) == 0,
        .life_us = chance_below(chance, 6) == 0 ? 2 * SIM_MINUTE : 8 * SIM_HOUR,
        .deadline_us = chance_below(chance, 5) == 0 ? 30 * SIM_S : 0,
    };
}

static rollout_t *draw_rollout(chance_t *chance, coordinator_t *self) {
    size_t count = engine_rollout_count(self->engine);
    return count == 0 ? NULL
                      : engine_rollout_at(self->engine, chance_below(chance, (uint32_t)count));
}

static void approve(sim_t *sim, const rollout_t *rollout) {
    uint32_t order = catalog_paper(rollout);
    for (uint32_t w = 0; order != 0 && w < SIM_WAVES; w++) {
        sim->papers[order - 1].waves[w].approved |= w <= rollout->current_wave;
    }
}

static void settle(sim_t *sim, coordinator_t *self) {
    coordinator_settle(sim, self);
}

/* Agents that lost their state, once somebody has looked: as many of them as the odds say. */
static void resume_agents(sim_t *sim, coordinator_t *self, uint32_t how, uint32_t odds) {
    chance_t chance = {.state = how};
    for (uint32_t i = 0; i < sim->options.agents; i++) {
        const catalog_agent_t *row = disk_row(&self->catalog, CATALOG_AGENTS, i);
        if (row->suspended && chance_below(&chance, odds) == 0) {
            orders_resume_agent(sim, self, i);
        }
    }
}

/* A person takes the key of an agent out, once in some seeds; its words count no more. */
static void take_key(sim_t *sim, coordinator_t *self, chance_t *chance) {
    uint32_t agent = chance_below(chance, sim->options.agents);
    if (sim->trust == 0 && chance_below(chance, 40) == 0) {
        (void)sim_revoke(sim, agent);
        orders_trust(sim, self);
    }
}

/* What nobody can read, a person decides. */
static void rule(sim_t *sim, coordinator_t *self, chance_t *chance) {
    rollout_t *rollout = draw_rollout(chance, self);
    if (rollout == NULL || chance_below(chance, 4) != 0) {
        return;
    }
    for (uint32_t i = 0; i < rollout->task_count; i++) {
        if (orders_rule(sim, self, rollout, &rollout->tasks[i])) {
            return;
        }
    }
}

void operator_decide(sim_t *sim) {
    coordinator_t *self = any_up(sim, chance_u32(&sim->people));
    if (self != NULL && !sim->options.big) {
        take_key(sim, self, &sim->people);
        rule(sim, self, &sim->people);
        settle(sim, self);
    }
}

void operator_order(sim_t *sim, uint32_t how) {
    chance_t chance = {.state = how};
    coordinator_t *self = any_up(sim, chance_u32(&chance));
    if (self == NULL) {
        return;
    }
    resume_agents(sim, self, how, 3);
    rollout_t *rollout = draw_rollout(&chance, self);
    uint32_t what = chance_below(&chance, 20);
    if (what < 6 || rollout == NULL) {
        order_wish_t wish = draw_wish(sim, &chance, self);
        (void)orders_start(sim, self, &wish);
    } else if (what < 8) {
        (void)orders_control(sim, self, rollout, EVENT_PAUSE);
    } else if (what < 10) {
        (void)orders_control(sim, self, rollout, EVENT_RESUME);
    } else if (what < 11) {
        (void)orders_control(sim, self, rollout, EVENT_STOP);
    } else if (what < 13) {
        (void)orders_retry(sim, self, rollout, chance_below(&chance, 2) == 0);
    } else if (what < 17) {
        (void)orders_roll_back(sim, self, rollout, chance_below(&chance, 2) == 0);
    } else if (what < 18) {
        approve(sim, rollout);
        self->ask_all = true;
    } else {
        orders_hold(sim, self, !sim->held);
    }
    settle(sim, self);
}

/* ---- after the faults ---- */

static void calm_one(sim_t *sim, coordinator_t *self, rollout_t *rollout) {
    chance_t chance = {.state = chance_next(&sim->weather)};
    const wave_t *wave = &rollout->waves[rollout->current_wave];
    if (rollout->state == ROLLOUT_PAUSED) {
        uint32_t what = chance_below(&chance, 4);
        if (what == 0) {
            (void)orders_retry(sim, self, rollout, false);
        } else if (what == 1) {
            (void)orders_roll_back(sim, self, rollout, chance_below(&chance, 3) == 0);
        } else {
            (void)orders_control(sim, self, rollout, what == 2 ? EVENT_RESUME : EVENT_STOP);
        }
    } else if (rollout->state == ROLLOUT_RUNNING && wave->state == WAVE_AWAITING) {
        approve(sim, rollout);
        self->ask_all = true;
    }
}

/* Agents know of a hold that a catalog which went back forgot, and give its jobs back; the status
 * names it, and the command that ends it. */
static bool is_held(const rollout_t *rollout) {
    for (uint32_t i = 0; i < rollout->task_count; i++) {
        const task_t *task = &rollout->tasks[i];
        if (task->given_back > 0 && task->error_code == ERROR_FLEET_HELD) {
            return true;
        }
    }
    return false;
}

static bool any_held(const coordinator_t *self) {
    for (size_t i = 0; i < engine_rollout_count(self->engine); i++) {
        if (is_held(engine_rollout_at(self->engine, i))) {
            return true;
        }
    }
    return false;
}

void operator_calm(sim_t *sim) {
    coordinator_t *self = &sim->coordinators[sim->faults->survivor];
    if (self->behind) {
        faults_raise(sim);
    }
    if (!self->up || self->paused) {
        return;
    }
    if (sim->held || catalog_meta(self)->held || any_held(self)) {
        orders_hold(sim, self, false);
    }
    resume_agents(sim, self, 1, 1);
    if (catalog_meta(self)->trust < sim->trust) {
        orders_trust(sim, self);
    }
    size_t count = engine_rollout_count(self->engine);
    for (size_t i = 0; i < count && i < engine_rollout_count(self->engine); i++) {
        calm_one(sim, self, engine_rollout_at(self->engine, i));
    }
    settle(sim, self);
}

/* A reason for which the coordinator waits that is told to operators. */
static bool is_blocked(const rollout_t *rollout) {
    return rollout->state == ROLLOUT_PAUSED || is_held(rollout) ||
           (rollout->state == ROLLOUT_RUNNING &&
            rollout->waves[rollout->current_wave].state == WAVE_AWAITING);
}

/* The first of its tasks that has not ended, and who could end it. */
static void tell_open(const sim_t *sim, const coordinator_t *self, const rollout_t *rollout,
                      char *ret_why, size_t size) {
    for (uint32_t i = 0; i < rollout->task_count; i++) {
        const task_t *task = &rollout->tasks[i];
        uint32_t tenant = 0;
        memcpy(&tenant, task->tenant.bytes, sizeof tenant);
        if (!task_state_is_final(task->state)) {
            agent_key_t holder = agent_key_of(UINT32_MAX);
            (void)engine_holder(self->engine, task->system_identifier, &holder);
            uint32_t who = agent_of_key(&task->agent);
            who = who < sim->options.agents ? who : agent_of_key(&holder);
            who = who < sim->options.agents ? who : 0;
            const agent_t *agent = &sim->agents[who];
            (void)snprintf(ret_why, size,
                           "rollout %08x (kind %d, state %d, wave %u) waits for tenant %u in state "
                           "%d at agent %d, attempt %08x; the lease is agent %d's; agent %u is up "
                           "%d, paused %d, connected %d, welcomed %d, room %u, session %d%d",
                           sim_short(&rollout->id), (int)rollout->kind, (int)rollout->state,
                           rollout->current_wave, tenant - 1, (int)task->state,
                           (int)agent_of_key(&task->agent), sim_short(&task->attempt),
                           (int)agent_of_key(&holder), who, agent->up, agent->paused,
                           agent->connected, agent->welcomed, agent_room(agent),
                           self->sessions[who].online, self->sessions[who].settled);
            return;
        }
    }
    (void)snprintf(ret_why, size, "rollout %08x is in state %d, and every task has ended",
                   sim_short(&rollout->id), (int)rollout->state);
}

bool operator_at_rest(sim_t *sim, char *ret_why, size_t size) {
    coordinator_t *self = &sim->coordinators[sim->faults->survivor];
    for (size_t i = 0; i < engine_rollout_count(self->engine); i++) {
        const rollout_t *rollout = engine_rollout_at(self->engine, i);
        if (!rollout_state_is_final(rollout->state) && !is_blocked(rollout)) {
            tell_open(sim, self, rollout, ret_why, size);
            return false;
        }
    }
    for (uint32_t i = 0; i < sim->options.agents; i++) {
        const agent_t *agent = &sim->agents[i];
        const catalog_agent_t *row = disk_row(&self->catalog, CATALOG_AGENTS, i);
        if (!agent->up || !agent->welcomed || agent->runs != NULL ||
            row->acknowledged + 1 != agent_meta(agent)->next) {
            (void)snprintf(ret_why, size, "agent %u: up %d, welcomed %d, %s, reports %llu of %llu",
                           i, agent->up, agent->welcomed,
                           agent->runs != NULL ? "has jobs" : "has no jobs",
                           (unsigned long long)row->acknowledged,
                           (unsigned long long)agent_meta(agent)->next - 1);
            return false;
        }
    }
    if (sim->server->session_count > 0) { /* statements that go on without their clients */
        (void)snprintf(ret_why, size, "%u sessions are open", sim->server->session_count);
        return false;
    }
    return true;
}
