/* faults.c: see faults.h. */
#include "tests/sim/faults.h"

#include "tests/sim/agent.h"
#include "tests/sim/coordinator.h"
#include "tests/sim/oracle.h"

#include <stdlib.h>

#define WARM_UP_US (20 * SIM_S)
#define SPACING_US (4 * SIM_S)

static const char *const TEXTS[FAULT_KIND_COUNT] = {
    [FAULT_AGENT_CRASH] = "agent crash",
    [FAULT_AGENT_POINT] = "agent dies between two steps",
    [FAULT_AGENT_PAUSE] = "agent stopped",
    [FAULT_AGENT_DISK] = "agent's disk full",
    [FAULT_AGENT_CLOCK] = "agent's clock jumps",
    [FAULT_AGENT_STATE] = "agent's state lost",
    [FAULT_AGENT_MOVES] = "agent moves",
    [FAULT_COORDINATOR_CRASH] = "coordinator crash",
    [FAULT_COORDINATOR_POINT] = "coordinator dies between two steps",
    [FAULT_COORDINATOR_PAUSE] = "coordinator stopped",
    [FAULT_COORDINATOR_DISK] = "coordinator's disk full",
    [FAULT_COORDINATOR_CLOCK] = "coordinator's clock jumps",
    [FAULT_COPY_TAKEN] = "catalog copied",
    [FAULT_COPY_RESTORED] = "catalog restored",
    [FAULT_COPY_STARTED] = "copy started",
    [FAULT_CLUSTER_CRASH] = "cluster crash",
    [FAULT_FAIL_OVER] = "failover",
    [FAULT_SESSIONS_CUT] = "sessions cut",
    [FAULT_COMMIT_LOST] = "a commit's request or answer lost",
    [FAULT_CLUSTER_CUT] = "cluster cut off",
    [FAULT_NET_CUT] = "network cut",
    [FAULT_NET_ONE_WAY] = "network cut one way",
    [FAULT_WEATHER] = "bad network",
    [FAULT_SLOW] = "slow tenant",
    [FAULT_BAD_SCRIPT] = "script fails",
    [FAULT_UNFIT] = "check fails",
    [FAULT_GONE] = "tenant gone",
    [FAULT_OPERATOR] = "operator",
};

/* How often a kind is drawn beside the others, before the seed's own mix. */
static const uint8_t COMMON[FAULT_KIND_COUNT] = {
    [FAULT_AGENT_CRASH] = 6,
    [FAULT_AGENT_POINT] = 10,
    [FAULT_AGENT_PAUSE] = 6,
    [FAULT_AGENT_DISK] = 2,
    [FAULT_AGENT_CLOCK] = 1,
    [FAULT_AGENT_STATE] = 1,
    [FAULT_AGENT_MOVES] = 6,
    [FAULT_COORDINATOR_CRASH] = 3,
    [FAULT_COORDINATOR_POINT] = 6,
    [FAULT_COORDINATOR_PAUSE] = 2,
    [FAULT_COORDINATOR_DISK] = 2,
    [FAULT_COORDINATOR_CLOCK] = 1,
    [FAULT_COPY_TAKEN] = 3,
    [FAULT_COPY_RESTORED] = 1,
    [FAULT_COPY_STARTED] = 3,
    [FAULT_CLUSTER_CRASH] = 3,
    [FAULT_FAIL_OVER] = 3,
    [FAULT_SESSIONS_CUT] = 10,
    [FAULT_CLUSTER_CUT] = 4,
    [FAULT_NET_CUT] = 4,
    [FAULT_NET_ONE_WAY] = 4,
    [FAULT_WEATHER] = 5,
    [FAULT_SLOW] = 5,
    [FAULT_BAD_SCRIPT] = 5,
    [FAULT_COMMIT_LOST] = 8,
    [FAULT_UNFIT] = 4,
    [FAULT_GONE] = 1,
    [FAULT_OPERATOR] = 16,
};

const char *faults_text(fault_kind_t kind) {
    return TEXTS[kind];
}

static uint32_t who_of(sim_t *sim, chance_t *chance, fault_kind_t kind) {
    switch (kind) {
    case FAULT_COORDINATOR_CRASH:
    case FAULT_COORDINATOR_POINT:
    case FAULT_COORDINATOR_PAUSE:
    case FAULT_COORDINATOR_DISK:
    case FAULT_COORDINATOR_CLOCK:
    case FAULT_COPY_TAKEN:
    case FAULT_COPY_RESTORED:
    case FAULT_COPY_STARTED:
    case FAULT_OPERATOR:
        return chance_below(chance, sim->options.coordinators);
    case FAULT_CLUSTER_CRASH:
    case FAULT_FAIL_OVER:
        return chance_below(chance, sim->server->cluster_count);
    case FAULT_SLOW:
    case FAULT_BAD_SCRIPT:
    case FAULT_UNFIT:
    case FAULT_GONE:
        return chance_below(chance, sim->options.tenants);
    case FAULT_AGENT_CRASH:
    case FAULT_AGENT_POINT:
    case FAULT_AGENT_PAUSE:
    case FAULT_AGENT_DISK:
    case FAULT_AGENT_CLOCK:
    case FAULT_AGENT_STATE:
    case FAULT_AGENT_MOVES:
    case FAULT_SESSIONS_CUT:
    case FAULT_COMMIT_LOST:
    case FAULT_CLUSTER_CUT:
    case FAULT_NET_CUT:
    case FAULT_NET_ONE_WAY:
    case FAULT_WEATHER:
    case FAULT_KIND_COUNT:
        break;
    }
    return chance_below(chance, sim->options.agents);
}

faults_t *faults_new(sim_t *sim) {
    faults_t *faults = calloc(1, sizeof *faults);
    INVARIANT(faults != NULL);
    sim->faults = faults;
    chance_t chance = {.state = sim->options.seed ^ UINT64_C(0xFA0175)};
    uint32_t weights[FAULT_KIND_COUNT];
    uint32_t total = 0;
    for (int i = 0; i < FAULT_KIND_COUNT; i++) {
        uint32_t mix = chance_below(&chance, 5); /* of this seed: none … four times */
        weights[i] = COMMON[i] * mix;
        weights[i] += i == FAULT_OPERATOR && weights[i] == 0 ? 4 : 0;
        total += weights[i];
    }
    faults->count = sim->options.faults;
    faults->kept =
        sim->options.faults_kept < faults->count ? sim->options.faults_kept : faults->count;
    faults->items = calloc(faults->count + 1, sizeof *faults->items);
    INVARIANT(faults->items != NULL);
    int64_t at_us = WARM_UP_US;
    for (uint32_t i = 0; i < faults->count; i++) {
        uint32_t drawn = chance_below(&chance, total);
        int kind = 0;
        while (drawn >= weights[kind]) {
            drawn -= weights[kind++];
        }
        at_us += chance_between(&chance, 0, 2 * SPACING_US);
        faults->items[i] = (fault_t){.at_us = at_us,
                                     .kind = (fault_kind_t)kind,
                                     .who = who_of(sim, &chance, (fault_kind_t)kind),
                                     .how = chance_u32(&chance),
                                     .for_us = chance_between(&chance, SIM_S, 60 * SIM_S)};
        if (i < faults->kept) {
            sim_ask(sim, (sim_item_t){.at_us = at_us, .event = SIM_FAULT, .who = i});
        }
    }
    faults->end_us =
        (faults->kept > 0 ? faults->items[faults->kept - 1].at_us : WARM_UP_US) + 20 * SIM_S;
    return faults;
}

void faults_free(faults_t *faults) {
    free(faults->items);
    free(faults);
}

/* ---- agents ---- */

static void clear_network(agent_t *agent) {
    agent->cut_up = agent->cut_down = false;
    agent->loss = agent->doubling = 0;
    agent->delay_us = 0;
}

static void cut_network(agent_t *agent, bool up, bool down) {
    agent->cut_up = up;
    agent->cut_down = down;
}

static void cut_sessions(sim_t *sim, uint32_t agent) {
    for (uint32_t i = 0; i < sim->server->session_room; i++) {
        if (sim->server->sessions[i].used && sim->server->sessions[i].agent == agent) {
            server_cut_client(sim, i);
        }
    }
}

static void move(sim_t *sim, agent_t *agent, uint32_t how) {
    uint32_t to = how % sim->coordinator_count;
    if (to != agent->coordinator) {
        agent_disconnect(sim, agent);
        agent->coordinator = to;
    }
}

static void strike_agent(sim_t *sim, const fault_t *fault, bool ends) {
    agent_t *agent = &sim->agents[fault->who];
    agent_place_t *at = &agent->places[fault->how % agent->place_count];
    switch (fault->kind) {
    case FAULT_AGENT_CRASH:
        if (fault->how % 4 == 0) {
            agent_say_goodbye(sim, agent); /* it was asked to stop at once */
        }
        agent_crash(sim, agent);
        break;
    case FAULT_AGENT_POINT:
        agent->die_at = 1 + fault->how % 24;
        break;
    case FAULT_AGENT_PAUSE:
        agent_pause(sim, agent, fault->for_us * (fault->how % 3 == 0 ? 4 : 1));
        break;
    case FAULT_AGENT_DISK:
        agent->journal.full = !ends;
        break;
    case FAULT_AGENT_CLOCK:
        agent->clock_us = ends ? 0 : fault->how % 2 == 0 ? SIM_HOUR : -SIM_HOUR;
        break;
    case FAULT_AGENT_STATE:
        agent_lose_state(sim, agent);
        break;
    case FAULT_AGENT_MOVES:
        move(sim, agent, fault->how);
        break;
    case FAULT_SESSIONS_CUT:
        cut_sessions(sim, fault->who);
        break;
    case FAULT_COMMIT_LOST:
        agent->loses_commit = true;
        break;
    case FAULT_CLUSTER_CUT:
        at->cut = !ends;
        if (!ends) {
            cut_sessions(sim, fault->who);
        }
        break;
    case FAULT_NET_CUT:
        cut_network(agent, !ends, !ends);
        break;
    case FAULT_NET_ONE_WAY:
        cut_network(agent, !ends && fault->how % 2 == 0, !ends && fault->how % 2 == 1);
        break;
    case FAULT_COORDINATOR_CRASH:
    case FAULT_COORDINATOR_POINT:
    case FAULT_COORDINATOR_PAUSE:
    case FAULT_COORDINATOR_DISK:
    case FAULT_COORDINATOR_CLOCK:
    case FAULT_COPY_TAKEN:
    case FAULT_COPY_RESTORED:
    case FAULT_COPY_STARTED:
    case FAULT_CLUSTER_CRASH:
    case FAULT_FAIL_OVER:
    case FAULT_WEATHER:
    case FAULT_SLOW:
    case FAULT_BAD_SCRIPT:
    case FAULT_UNFIT:
    case FAULT_GONE:
    case FAULT_OPERATOR:
    case FAULT_KIND_COUNT: /* the weather; the others never come here */
        agent->loss = ends ? 0 : fault->how % 300;
        agent->doubling = ends ? 0 : fault->how / 300 % 300;
        agent->delay_us = ends ? 0 : (int64_t)(fault->how / 90000 % 8) * SIM_S;
        break;
    }
}

/* ---- coordinators ---- */

static void start_copy(sim_t *sim, const fault_t *fault) {
    coordinator_t *from = &sim->coordinators[fault->who];
    uint32_t other = (fault->who + 1) % sim->options.coordinators;
    coordinator_t *to = &sim->coordinators[other];
    if (to == from || to->up || !from->has_copy || from->life == 0) {
        return;
    }
    sim_tell(sim, "coordinator %u is started from a copy of %u", other, fault->who);
    disk_copy(&to->catalog, fault->how % 2 == 0 ? &from->copy : &from->catalog);
    oracle_catalog_back(sim, other);
    to->retired = false;
    sim->coordinator_count =
        sim->coordinator_count > other + 1 ? sim->coordinator_count : other + 1;
    coordinator_start(sim, to);
}

static void strike_coordinator(sim_t *sim, const fault_t *fault, bool ends) {
    coordinator_t *self = &sim->coordinators[fault->who];
    switch (fault->kind) {
    case FAULT_COORDINATOR_CRASH:
        coordinator_crash(sim, self);
        break;
    case FAULT_COORDINATOR_POINT:
        self->die_at = 1 + fault->how % 24;
        break;
    case FAULT_COORDINATOR_PAUSE:
        coordinator_pause(sim, self, fault->for_us);
        break;
    case FAULT_COORDINATOR_DISK:
        self->catalog.full = !ends;
        break;
    case FAULT_COORDINATOR_CLOCK:
        self->clock_us = ends ? 0 : fault->how % 2 == 0 ? SIM_HOUR : -SIM_HOUR;
        break;
    case FAULT_COPY_TAKEN:
        disk_copy(&self->copy, &self->catalog);
        self->has_copy = true;
        break;
    case FAULT_COPY_RESTORED:
        coordinator_restore_copy(sim, self);
        break;
    case FAULT_COPY_STARTED:
        start_copy(sim, fault);
        break;
    case FAULT_AGENT_CRASH:
    case FAULT_AGENT_POINT:
    case FAULT_AGENT_PAUSE:
    case FAULT_AGENT_DISK:
    case FAULT_AGENT_CLOCK:
    case FAULT_AGENT_STATE:
    case FAULT_AGENT_MOVES:
    case FAULT_CLUSTER_CRASH:
    case FAULT_FAIL_OVER:
    case FAULT_SESSIONS_CUT:
    case FAULT_COMMIT_LOST:
    case FAULT_CLUSTER_CUT:
    case FAULT_NET_CUT:
    case FAULT_NET_ONE_WAY:
    case FAULT_WEATHER:
    case FAULT_SLOW:
    case FAULT_BAD_SCRIPT:
    case FAULT_UNFIT:
    case FAULT_GONE:
    case FAULT_OPERATOR:
    case FAULT_KIND_COUNT: /* the operator; the others never come here */
        operator_order(sim, fault->how);
        break;
    }
}

/* ---- databases ---- */

static void strike_tenant(sim_t *sim, const fault_t *fault, bool ends) {
    database_t *database = &sim->server->databases[fault->who];
    if (fault->kind == FAULT_SLOW) {
        database->slow = ends ? 1 : 20 + fault->how % 100;
    } else if (fault->kind == FAULT_BAD_SCRIPT) {
        database->bad = ends ? 0 : database->ledger.position + 1 + fault->how % 2;
    } else if (fault->kind == FAULT_UNFIT) {
        database->unfit = !ends;
    } else if (!ends) {
        sim_tell(sim, "tenant %u is dropped", fault->who);
        database->gone = true;
        oracle_excuses(sim, fault->who);
    }
}

static bool has_end(const fault_t *fault) {
    static const uint32_t LASTING = IN(FAULT_AGENT_DISK) | IN(FAULT_AGENT_CLOCK) |
                                    IN(FAULT_COORDINATOR_DISK) | IN(FAULT_COORDINATOR_CLOCK) |
                                    IN(FAULT_CLUSTER_CUT) | IN(FAULT_NET_CUT) |
                                    IN(FAULT_NET_ONE_WAY) | IN(FAULT_WEATHER) | IN(FAULT_SLOW) |
                                    IN(FAULT_BAD_SCRIPT) | IN(FAULT_UNFIT);
    return (LASTING & IN(fault->kind)) != 0;
}

void faults_strike(sim_t *sim, uint32_t number, bool ends) {
    const fault_t *fault = &sim->faults->items[number];
    if (sim->calm) {
        return;
    }
    sim_tell(sim, "fault %u%s: %s, %u", number, ends ? " ends" : "", TEXTS[fault->kind],
             fault->who);
    if (!ends && has_end(fault)) {
        sim_ask(sim, (sim_item_t){.at_us = sim->now_us + fault->for_us,
                                  .event = SIM_FAULT,
                                  .who = number,
                                  .life = 1});
    }
    if (fault->kind <= FAULT_AGENT_MOVES ||
        (fault->kind >= FAULT_SESSIONS_CUT && fault->kind <= FAULT_WEATHER)) {
        strike_agent(sim, fault, ends);
    } else if (fault->kind == FAULT_CLUSTER_CRASH) {
        server_crash(sim, fault->who);
    } else if (fault->kind == FAULT_FAIL_OVER) {
        server_fail_over(sim, fault->who, fault->for_us / 4);
    } else if (fault->kind >= FAULT_SLOW && fault->kind <= FAULT_GONE) {
        strike_tenant(sim, fault, ends);
    } else {
        strike_coordinator(sim, fault, ends);
    }
}

/* ---- the weather clears ---- */

/* The one that most has been seen of: what agents know is not older than it where that can be. */
static uint32_t choose_survivor(const sim_t *sim) {
    uint32_t best = 0;
    for (uint32_t i = 1; i < sim->coordinator_count; i++) {
        const token_t *token = &catalog_meta(&sim->coordinators[i])->token;
        if (token->epoch > catalog_meta(&sim->coordinators[best])->token.epoch) {
            best = i;
        }
    }
    return best;
}

static void mend_agent(sim_t *sim, agent_t *agent) {
    clear_network(agent);
    agent->journal.full = false;
    agent->clock_us = 0;
    agent->die_at = 0;
    for (uint32_t i = 0; i < agent->place_count; i++) {
        agent->places[i].cut = false;
    }
    if (agent->coordinator != sim->faults->survivor) {
        agent_disconnect(sim, agent);
        agent->coordinator = sim->faults->survivor;
    }
}

/* Whether a token that was seen lets this one pass. */
static bool is_obeyed(const sim_t *sim, const token_t *token) {
    for (uint32_t i = 0; i < sim->options.agents; i++) {
        if (!token_passes(&agent_meta(&sim->agents[i])->seen, token)) {
            return false;
        }
    }
    for (uint32_t i = 0; i < sim->options.tenants; i++) {
        if (!token_passes(&sim->server->databases[i].ledger.fence, token)) {
            return false;
        }
    }
    return true;
}

void faults_raise(sim_t *sim) {
    coordinator_t *survivor = &sim->coordinators[sim->faults->survivor];
    while (!survivor->up || survivor->behind || !is_obeyed(sim, &catalog_meta(survivor)->token)) {
        survivor->retired = true; /* no start of its own beside ours */
        coordinator_crash(sim, survivor);
        survivor->retired = false;
        coordinator_start(sim, survivor);
    }
}

void faults_stop(sim_t *sim) {
    sim_tell(sim, "the faults stop");
    sim->calm = true;
    uint32_t survivor = choose_survivor(sim);
    sim->faults->survivor = survivor;
    for (uint32_t i = 0; i < sim->options.coordinators; i++) {
        coordinator_t *self = &sim->coordinators[i];
        self->catalog.full = false;
        self->clock_us = 0;
        self->die_at = 0;
        self->retired = i != survivor;
        if (i != survivor) {
            coordinator_crash(sim, self);
        } else if (self->paused) {
            coordinator_wake(sim, self);
        }
    }
    for (uint32_t i = 0; i < sim->options.tenants; i++) {
        sim->server->databases[i].slow = 1;
        sim->server->databases[i].bad = 0;
        sim->server->databases[i].unfit = false;
        if (sim->server->databases[i].closed_for_good) {
            server_close(sim, i, false); /* by an operator: inventory tells who is closed */
        }
    }
    /* an agent from which the primary moved away settles what it left there only once it reaches
     * it again: operators give every agent all hosts */
    for (uint32_t i = 0; i < sim->server->cluster_count; i++) {
        sim->server->clusters[i].all_see = true;
    }
    faults_raise(sim);
    for (uint32_t i = 0; i < sim->options.agents; i++) {
        mend_agent(sim, &sim->agents[i]);
    }
}
