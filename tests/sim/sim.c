/* sim.c: see sim.h. The heap of events, the world of a seed, and one run of it. */
#include "tests/sim/sim.h"

#include "tests/sim/agent.h"
#include "tests/sim/coordinator.h"
#include "tests/sim/faults.h"
#include "tests/sim/net.h"
#include "tests/sim/oracle.h"
#include "tests/sim/probe.h"
#include "tests/sim/server.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define OPERATOR_US (30 * SIM_S)
#define REST_US (90 * SIM_S)
#define LIVE_US (3 * SIM_HOUR)
enum { PROBES = 6 };

#define EVENTS_MOST UINT64_C(400000000)

static jmp_buf dead; /* where a process that dies in the middle of something leaves to */

/* ---- the heap ---- */

static bool before(const sim_item_t *a, const sim_item_t *b) {
    return a->at_us < b->at_us || (a->at_us == b->at_us && a->order < b->order);
}

void sim_ask(sim_t *sim, sim_item_t item) {
    if (sim->heap_count == sim->heap_room) {
        sim->heap_room = sim->heap_room == 0 ? 4096 : sim->heap_room * 2;
        sim->heap = realloc(sim->heap, sim->heap_room * sizeof *sim->heap);
        INVARIANT(sim->heap != NULL);
    }
    item.order = sim->asked++;
    size_t at = sim->heap_count++;
    while (at > 0 && before(&item, &sim->heap[(at - 1) / 2])) {
        sim->heap[at] = sim->heap[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    sim->heap[at] = item;
}

static sim_item_t take(sim_t *sim) {
    sim_item_t first = sim->heap[0];
    sim_item_t last = sim->heap[--sim->heap_count];
    size_t at = 0;
    for (;;) { /* ends at a leaf */
        size_t child = 2 * at + 1;
        if (child >= sim->heap_count) {
            break;
        }
        if (child + 1 < sim->heap_count && before(&sim->heap[child + 1], &sim->heap[child])) {
            child++;
        }
        if (!before(&sim->heap[child], &last)) {
            break;
        }
        sim->heap[at] = sim->heap[child];
        at = child;
    }
    sim->heap[at] = last;
    return first;
}

/* ---- what is told ---- */

void sim_tell(sim_t *sim, const char *format, ...) {
    char line[256];
    va_list arguments;
    va_start(arguments, format);
    int size = vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    uint64_t hash = sim->hash ^ (uint64_t)sim->now_us;
    for (int i = 0; i < size && i < (int)sizeof line - 1; i++) {
        hash = (hash ^ (uint8_t)line[i]) * UINT64_C(0x100000001B3);
    }
    sim->hash = hash;
    if (sim->options.trace) {
        (void)printf("%12.6f  %s\n", (double)sim->now_us / 1e6, line);
    }
}

void sim_fail(sim_t *sim, unsigned invariant, const char *format, ...) {
    if (sim->failure[0] != '\0') {
        return;
    }
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(sim->failure, sizeof sim->failure, format, arguments);
    va_end(arguments);
    sim->failed_invariant = invariant;
    sim->over = true;
    sim_tell(sim, "INVARIANT %u: %s", invariant, sim->failure);
}

void sim_hold(sim_t *sim, message_t *message) {
    INVARIANT(sim->in_hand_count < sizeof sim->in_hand / sizeof sim->in_hand[0]);
    sim->in_hand[sim->in_hand_count++] = message;
}

void sim_point(sim_t *sim, sim_place_t place, uint32_t who) {
    uint32_t *left =
        place == PLACE_AGENT ? &sim->agents[who].die_at : &sim->coordinators[who].die_at;
    if (*left == 0 || --*left > 0) {
        return;
    }
    if (place == PLACE_AGENT) {
        agent_crash(sim, &sim->agents[who]);
    } else {
        coordinator_crash(sim, &sim->coordinators[who]);
    }
    longjmp(dead, 1);
}

/* ---- papers and tickets ---- */

const paper_t *sim_paper(const sim_t *sim, uint32_t order) {
    return order == 0 || order > sim->paper_count ? NULL : &sim->papers[order - 1];
}

uint32_t sim_sign(sim_t *sim, paper_t *paper) {
    if (sim->paper_count == sim->paper_room) {
        sim->paper_room = sim->paper_room == 0 ? 32 : sim->paper_room * 2;
        sim->papers = realloc(sim->papers, sim->paper_room * sizeof *sim->papers);
        INVARIANT(sim->papers != NULL);
    }
    paper->signed_us = sim->now_us;
    paper->leaf_of = calloc(sim->options.tenants + 1, sizeof *paper->leaf_of);
    INVARIANT(paper->leaf_of != NULL);
    for (uint32_t i = 0; i < paper->leaf_count; i++) {
        paper->leaf_of[paper->leaves[i].tenant] = i + 1;
    }
    sim->papers[sim->paper_count++] = *paper;
    oracle_signed(sim, sim->paper_count);
    return sim->paper_count;
}

uint32_t sim_keep_ticket(sim_t *sim, const ticket_t *ticket) {
    if (sim->ticket_count == sim->ticket_room) {
        sim->ticket_room = sim->ticket_room == 0 ? 32 : sim->ticket_room * 2;
        sim->tickets = realloc(sim->tickets, sim->ticket_room * sizeof *sim->tickets);
        INVARIANT(sim->tickets != NULL);
    }
    sim->tickets[sim->ticket_count++] = *ticket;
    return sim->ticket_count;
}

/* What a ticket's statements say, by tenant: the first one + 1, and from each the next + 1. */
typedef struct words {
    uint32_t *first;
    uint32_t *next;
} words_t;

/* Whether who judges by this trust still counts the word: its key was not taken out since. */
static bool counts(const sim_t *sim, const statement_t *said, uint32_t trust) {
    return said->key == sim->key_from[said->agent] || sim->key_from[said->agent] > trust;
}

static words_t read_words(const sim_t *sim, const ticket_t *ticket, uint32_t trust) {
    words_t words = {.first = calloc(sim->options.tenants + 1, sizeof *words.first),
                     .next = calloc(ticket->count + 1, sizeof *words.next)};
    INVARIANT(words.first != NULL && words.next != NULL);
    for (uint32_t i = 0; i < ticket->count; i++) {
        if (!counts(sim, &ticket->statements[i], trust)) {
            continue;
        }
        uint32_t *first = &words.first[ticket->statements[i].tenant];
        words.next[i] = *first;
        *first = i + 1;
    }
    return words;
}

/* Of one agent's words about a tenant the latest counts; what two agents disagree about is a
 * failure; what nobody calls well is one, but where silence passes. */
static bool is_well(const paper_wave_t *wave, const ticket_t *ticket, const words_t *words,
                    uint32_t tenant, int64_t *newest_us) {
    bool well = false;
    bool failed = false;
    for (uint32_t i = words->first[tenant]; i != 0; i = words->next[i - 1]) {
        const statement_t *said = &ticket->statements[i - 1];
        bool latest = true;
        for (uint32_t k = words->first[tenant]; k != 0; k = words->next[k - 1]) {
            const statement_t *other = &ticket->statements[k - 1];
            latest = latest && (other->agent != said->agent || other->issued_us <= said->issued_us);
        }
        *newest_us = said->issued_us > *newest_us ? said->issued_us : *newest_us;
        well = well || (latest && said->good);
        failed = failed || (latest && !said->good);
    }
    return words->first[tenant] != 0 ? well && !failed : wave->silence_passes;
}

bool sim_ticket_opens(const sim_t *sim, const ticket_t *ticket, int64_t now_us, uint32_t trust) {
    const paper_t *paper = sim_paper(sim, ticket->order);
    if (ticket->wave == 0 || ticket->wave >= paper->wave_count) {
        return false;
    }
    if (ticket->approved) {
        return paper->waves[ticket->wave].approved;
    }
    if (paper->waves[ticket->wave].needs_approval) {
        return false;
    }
    const paper_wave_t *wave = &paper->waves[ticket->wave - 1];
    int64_t newest_us = paper->issued_us;
    uint32_t failures = 0;
    words_t words = read_words(sim, ticket, trust);
    for (uint32_t i = 0; i < paper->leaf_count; i++) {
        if (paper->leaves[i].wave == ticket->wave - 1) {
            failures += !is_well(wave, ticket, &words, paper->leaves[i].tenant, &newest_us);
        }
    }
    free(words.first);
    free(words.next);
    return failures <= wave->budget && newest_us + wave->soak_us <= now_us + SIM_SKEW_US;
}

uint32_t sim_revoke(sim_t *sim, uint32_t agent) {
    sim_tell(sim, "the key of agent %u is taken out, and it has another one", agent);
    sim->key_from[agent] = ++sim->trust;
    return sim->trust;
}

/* ---- the world ---- */

static void make_tenants(sim_t *sim) {
    for (uint32_t t = 0; t < sim->options.tenants; t++) {
        database_t *database = &sim->server->databases[t];
        *database = (database_t){
            .tenant = t, .cluster = t % sim->server->cluster_count, .slow = 1, .incarnation = 1};
        commit_t first = {.kind = COMMIT_BASELINE,
                          .position = 1 + chance_below(&sim->chance, 3),
                          .generation = 1,
                          .sequence = 1,
                          .head = chance_next(&sim->chance)};
        ledger_add(&database->ledger, &first);
    }
}

static void make_clusters(sim_t *sim) {
    uint32_t agents = sim->options.agents;
    uint32_t count = agents < 3 ? 1 : agents - agents / 3;
    count = count < sim->options.tenants ? count : sim->options.tenants;
    sim->server->cluster_count = count;
    for (uint32_t c = 0; c < count; c++) {
        sim->server->clusters[c] =
            (cluster_t){.up = true, .timeline = 1, .all_see = chance_below(&sim->chance, 2) == 0};
    }
    for (uint32_t a = 0; a < agents; a++) {
        agent_t *agent = &sim->agents[a];
        agent->places[agent->place_count++].cluster = a % count;
        uint32_t other = chance_below(&sim->chance, count);
        if (!sim->options.big && other != a % count && chance_below(&sim->chance, 2) == 0) {
            agent->places[agent->place_count++].cluster = other;
        }
        if (a < count) {
            sim->server->clusters[a].primary = a;
        }
    }
}

static void make(sim_t *sim, const sim_options_t *options) {
    *sim = (sim_t){.options = *options};
    sim->chance.state = options->seed * UINT64_C(0x9E3779B97F4A7C15) + 1;
    sim->weather.state = options->seed * UINT64_C(0xD1B54A32D192ED03) + 7;
    sim->people.state = options->seed * UINT64_C(0xA24BAED4963EE407) + 5;
    sim->probes.state = options->seed * UINT64_C(0x8CB92BA72F3D8DD7) + 3;
    sim->key_from = calloc(options->agents, sizeof *sim->key_from);
    INVARIANT(sim->key_from != NULL);
    (void)server_new(sim);
    (void)agents_new(sim);
    make_clusters(sim);
    make_tenants(sim);
    (void)coordinators_new(sim);
    sim->oracle = oracle_new(sim);
    (void)faults_new(sim);
    coordinator_start(sim, &sim->coordinators[0]);
    for (uint32_t i = 0; i < options->agents; i++) {
        sim_ask(sim, (sim_item_t){.at_us = chance_between(&sim->chance, 0, 2 * SIM_S),
                                  .event = SIM_AGENT_START,
                                  .who = i});
    }
    sim_ask(sim, (sim_item_t){.at_us = 8 * SIM_S + 333, .event = SIM_OPERATOR});
}

static void unmake(sim_t *sim) {
    for (size_t i = 0; i < sim->heap_count; i++) {
        if (sim->heap[i].event == SIM_MESSAGE) {
            free(sim->heap[i].pointer);
        }
    }
    free(sim->heap);
    agents_free(sim);
    coordinators_free(sim);
    faults_free(sim->faults);
    oracle_free(sim->oracle);
    server_free(sim->server);
    for (uint32_t i = 0; i < sim->paper_count; i++) {
        free(sim->papers[i].leaves);
        free(sim->papers[i].leaf_of);
    }
    for (uint32_t i = 0; i < sim->ticket_count; i++) {
        free(sim->tickets[i].statements);
    }
    free(sim->papers);
    free(sim->key_from);
    free(sim->tickets);
}

/* ---- one run ---- */

static void on_agent(sim_t *sim, const sim_item_t *item) {
    agent_t *agent = &sim->agents[item->who];
    bool current = agent->life == item->life;
    if (item->event == SIM_AGENT_START && (current || item->life == 0)) {
        agent_start(sim, agent);
    } else if (item->event == SIM_AGENT_TICK && current) {
        agent_next_tick(sim, agent);
    } else if (item->event == SIM_AGENT_WAKE && current) {
        agent_wake(sim, agent);
    } else if (item->event == SIM_AGENT_POLL) {
        agent_poll(sim, agent);
    } else if (item->event == SIM_AGENT_CHILD && agent->up && item->life >> 32 == agent->life) {
        if (agent->paused) { /* it is looked at when the agent wakes */
            sim_item_t again = *item;
            again.at_us = sim->now_us + SIM_S;
            sim_ask(sim, again);
            return;
        }
        agent_child(sim, agent, item->life);
        agent_settle(sim, agent);
    }
}

static void on_coordinator(sim_t *sim, const sim_item_t *item) {
    coordinator_t *self = &sim->coordinators[item->who];
    if (self->life != item->life) {
        return;
    }
    if (item->event == SIM_COORDINATOR_START) {
        coordinator_start(sim, self);
    } else if (item->event == SIM_COORDINATOR_TICK) {
        coordinator_tick(sim, self);
    } else if (item->event == SIM_COORDINATOR_WAKE) {
        coordinator_wake(sim, self);
    } else {
        coordinator_settle(sim, self);
    }
}

static int64_t rested_us; /* since when nothing is left to do; 0: something is */

static void probe(sim_t *sim) {
    for (uint32_t i = 0; !sim->options.big && i < PROBES; i++) {
        coordinator_t *self = &sim->coordinators[i % sim->coordinator_count];
        if (self->up && !sim->over) {
            probe_rollout(sim, self);
        }
        probe_jobs(sim);
    }
}

static void on_operator(sim_t *sim) {
    char why[400] = "";
    probe(sim);
    sim_ask(sim, (sim_item_t){.at_us = sim->now_us + OPERATOR_US, .event = SIM_OPERATOR});
    if (!sim->calm && sim->now_us >= sim->faults->end_us) {
        faults_stop(sim);
        rested_us = 0;
    } else if (!sim->calm) {
        operator_order(sim, chance_u32(&sim->chance) | 1);
        operator_decide(sim);
    } else if (sim->now_us - sim->faults->end_us < 12 * OPERATOR_US) {
        operator_calm(sim);
    } else if (!operator_at_rest(sim, why, sizeof why)) {
        rested_us = 0;
        if (sim->now_us - sim->faults->end_us > LIVE_US) {
            sim_fail(sim, 13, "not at rest %lld minutes after the last fault: %s",
                     (long long)(LIVE_US / SIM_MINUTE), why);
        }
    } else if (rested_us == 0) {
        rested_us = sim->now_us;
    } else if (sim->now_us - rested_us >= REST_US) {
        sim->over = true;
    }
}

static void dispatch(sim_t *sim, const sim_item_t *item) {
    switch (item->event) {
    case SIM_MESSAGE:
        net_deliver(sim, item->pointer);
        break;
    case SIM_COORDINATOR_TICK:
    case SIM_COORDINATOR_SETTLE:
    case SIM_COORDINATOR_START:
    case SIM_COORDINATOR_WAKE:
        on_coordinator(sim, item);
        break;
    case SIM_AGENT_TICK:
    case SIM_AGENT_START:
    case SIM_AGENT_WAKE:
    case SIM_AGENT_POLL:
    case SIM_AGENT_CHILD:
        on_agent(sim, item);
        break;
    case SIM_BACKEND:
        server_backend(sim, item->who, item->life);
        break;
    case SIM_BACKEND_END:
        server_end(sim, item->who, item->life);
        break;
    case SIM_CLUSTER_UP:
        sim->server->clusters[item->who].up = true;
        break;
    case SIM_FAULT:
        faults_strike(sim, item->who, item->life != 0);
        break;
    case SIM_OPERATOR:
        on_operator(sim);
        break;
    case SIM_EVENT_COUNT:
        break;
    }
}

static void free_in_hand(sim_t *sim) {
    while (sim->in_hand_count > 0) {
        free(sim->in_hand[--sim->in_hand_count]);
    }
}

static void loop(sim_t *sim) {
    rested_us = 0;
    (void)setjmp(dead);
    free_in_hand(sim);
    while (!sim->over && sim->heap_count > 0 && sim->events < EVENTS_MOST) {
        sim_item_t item = take(sim);
        sim->now_us = item.at_us;
        sim->events++;
        sim->hash = (sim->hash ^ (uint64_t)item.at_us ^ (uint64_t)item.event << 56 ^ item.who) *
                    UINT64_C(0x100000001B3);
        dispatch(sim, &item);
        free_in_hand(sim);
    }
    if (!sim->over) {
        sim_fail(sim, 13, "no end after %llu events", (unsigned long long)sim->events);
    }
}

void sim_run(const sim_options_t *options, sim_result_t *ret_result) {
    static sim_t sim; /* survives the jump */
    make(&sim, options);
    loop(&sim);
    if (sim.failure[0] == '\0') {
        oracle_judges_end(&sim, sim.faults->survivor);
    }
    *ret_result = (sim_result_t){.failed = sim.failure[0] != '\0',
                                 .invariant = sim.failed_invariant,
                                 .hash = sim.hash,
                                 .events = sim.events,
                                 .virtual_us = sim.now_us};
    memcpy(ret_result->why, sim.failure, sizeof ret_result->why);
    unmake(&sim);
}
