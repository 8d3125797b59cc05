/*
 * agent_talk.c: the agent's side of the conversation, its reports, its life and death. Source of
 * each rule: agent/link.c, reports.c, results.c, main.c.
 */
#include "tests/sim/agent.h"

#include "tests/sim/coordinator.h"
#include "tests/sim/net.h"
#include "tests/sim/oracle.h"

#include <stdlib.h>

enum { BATCH_REPORTS = 16, WINDOW = 400 };

#define HELLO_AGAIN_US (5 * SIM_S)
#define TELL_WITHIN_US (100 * SIM_MS)
#define SILENCE_US (15 * SIM_S)
#define TICK_BUSY_US (250 * SIM_MS)
#define TICK_IDLE_US (1 * SIM_S)
#define INVENTORY_US (60 * SIM_S)

/* ---- reports ---- */

/* As results_outcome: 2 well, 1 failed, 0 no result. */
static uint32_t result_of(job_outcome_t outcome) {
    switch (outcome) {
    case JOB_OUTCOME_DONE:
    case JOB_OUTCOME_NOT_NEEDED:
    case JOB_OUTCOME_GONE:
        return 2;
    case JOB_OUTCOME_REFUSED:
    case JOB_OUTCOME_FAILED:
    case JOB_OUTCOME_CANCELLED:
        return 1;
    case JOB_OUTCOME_NONE:
    case JOB_OUTCOME_STARTED:
    case JOB_OUTCOME_TRANSIENT:
    case JOB_OUTCOME_UNKNOWN:
    case JOB_OUTCOME_COUNT:
        break;
    }
    return 0;
}

void agent_report(sim_t *sim, agent_t *agent, const run_t *run, const agent_told_t *told) {
    journal_meta_t *meta = disk_change(&agent->journal, JOURNAL_META, 0);
    report_t report = {
        .number = meta->next++,
        .job = run->what.job,
        .attempt = run->what.attempt,
        .tenant = run->what.tenant,
        .step = told->step,
        .outcome = told->outcome,
        .final = told->final,
        .has_state = told->has_state && run->stands && run->sequence > 0,
        .generation = run->generation,
        .sequence = run->sequence,
        .position = run->position,
        .head = run->head,
        .order = run->what.order,
        .wave = run->wave,
        .good = told->final && run->main ? result_of(told->outcome) : 0,
        .key = sim->key_from[agent->number],
        .error = told->error,
        .held_back = told->held_back,
        .point = told->point,
        .finished_us = agent_wall(sim, agent),
    };
    (void)disk_append(&agent->journal, JOURNAL_REPORTS, &report);
    bool good = told->outcome == JOB_OUTCOME_STARTED || told->outcome == JOB_OUTCOME_DONE ||
                told->outcome == JOB_OUTCOME_NOT_NEEDED;
    agent->ended_untold += told->final;
    if (good) {
        agent_reports_gather(sim, agent);
    } else {
        agent->tell_due_us = 1;
    }
}

void agent_reports_gather(const sim_t *sim, agent_t *agent) {
    if (agent->tell_due_us == 0) {
        agent->tell_due_us = sim->now_us + TELL_WITHIN_US;
    }
}

static bool starves(const agent_t *agent) {
    for (uint32_t i = 0; agent->ended_untold > 0 && i < agent->place_count; i++) {
        if (agent->places[i].until_us > 0 && agent->places[i].queued < AGENT_SLOTS) {
            return true;
        }
    }
    return false;
}

bool agent_reports_due(const sim_t *sim, const agent_t *agent) {
    return agent->tell_due_us != 0 && (sim->now_us >= agent->tell_due_us || starves(agent));
}

static message_t *message_of(const sim_t *sim, const agent_t *agent, message_kind_t kind,
                             size_t item_size, uint32_t count) {
    message_t *message = net_new(kind, item_size, count);
    message->agent = agent->number;
    message->coordinator = agent->coordinator;
    message->connection = agent->connection;
    message->state = agent_meta(agent)->state;
    message->wall_us = agent_wall(sim, agent);
    return message;
}

void agent_send_reports(sim_t *sim, agent_t *agent) {
    uint64_t next = agent_meta(agent)->next;
    while (agent->welcomed && agent->sent_report + 1 < next &&
           agent->sent_report - agent->acknowledged < WINDOW) {
        uint64_t left = next - 1 - agent->sent_report;
        uint32_t count = left < BATCH_REPORTS ? (uint32_t)left : BATCH_REPORTS;
        message_t *message = message_of(sim, agent, MESSAGE_REPORTS, sizeof(report_t), count);
        report_t *items = message_items(message);
        for (uint32_t i = 0; i < count; i++) {
            const report_t *kept =
                disk_row(&agent->journal, JOURNAL_REPORTS, (uint32_t)agent->sent_report + i);
            items[i] = *kept;
        }
        agent->sent_report += count;
        net_send(sim, message, sizeof(report_t));
        AGENT_POINT(sim, agent);
    }
    agent->ended_untold = 0;
    agent->tell_due_us = agent->sent_report + 1 < next ? 1 : 0;
}

/* ---- what is said ---- */

/* As leases_number: the moment, or one more than the last. */
static uint64_t next_number(const sim_t *sim, agent_t *agent) {
    uint64_t now = (uint64_t)sim->now_us;
    agent->said = now > agent->said ? now : agent->said + 1;
    return agent->said;
}

/* What it says that it cannot act on it gives back, and does not act on. */
static void fill_clusters(agent_t *agent, message_t *message) {
    message->cluster_count = agent->place_count;
    for (uint32_t i = 0; i < agent->place_count; i++) {
        agent_place_t *at = &agent->places[i];
        if (!at->seen_writable) {
            at->until_us = 0;
            at->since = message->said;
        }
        message->clusters[i] = (cluster_seen_t){.cluster = at->cluster,
                                                .known = at->read,
                                                .writable = at->seen_writable,
                                                .parallel = AGENT_SLOTS};
    }
}

void agent_say_hello(sim_t *sim, agent_t *agent) {
    agent->must_commit = true;
    agent_settle(sim, agent);
    if (!agent->up || agent->stopped) {
        return;
    }
    uint32_t count = 0;
    for (const run_t *run = agent->runs; run != NULL; run = run->next_run) {
        count++;
    }
    message_t *message = message_of(sim, agent, MESSAGE_HELLO, sizeof(in_hand_t), count);
    in_hand_t *items = message_items(message);
    for (const run_t *run = agent->runs; run != NULL; run = run->next_run) {
        *items++ = (in_hand_t){.job = run->what.job, .attempt = run->what.attempt};
    }
    message->number = agent_meta(agent)->next - 1;
    message->token = agent_meta(agent)->seen;
    message->acknowledged_seen = agent->acknowledged_seen;
    message->holds = agent_meta(agent)->holds;
    message->said = next_number(sim, agent);
    fill_clusters(agent, message);
    agent->hello_due_us = sim->now_us + HELLO_AGAIN_US;
    net_send(sim, message, sizeof(in_hand_t));
}

uint32_t agent_room(const agent_t *agent) {
    int64_t room = 0;
    for (uint32_t i = 0; i < agent->place_count; i++) {
        const agent_place_t *at = &agent->places[i];
        int64_t free = AGENT_SLOTS * (1 + AGENT_AHEAD) - (int64_t)at->queued - at->running;
        room += at->until_us > 0 && free > 0 ? free : 0;
    }
    return (uint32_t)room;
}

static void say_beat(sim_t *sim, agent_t *agent, bool with_clusters) {
    message_t *message = message_of(sim, agent, MESSAGE_BEAT, 0, 0);
    message->said = next_number(sim, agent);
    message->room = agent_room(agent);
    for (const run_t *run = agent->runs; run != NULL; run = run->next_run) {
        message->in_hand++;
    }
    if (with_clusters) {
        fill_clusters(agent, message);
    }
    agent->room_told = message->room;
    agent->beat_due_us = sim->now_us + SIM_HEARTBEAT_US;
    net_send(sim, message, 0);
}

/* Only what lies at a writable primary is read: a standby lags. */
static uint32_t readable(const sim_t *sim, const agent_t *agent, head_seen_t *items) {
    uint32_t count = 0;
    for (uint32_t i = 0; i < agent->place_count; i++) {
        uint32_t cluster = agent->places[i].cluster;
        if (!server_writable(sim, agent->number, cluster) || agent->places[i].cut) {
            continue;
        }
        for (uint32_t t = cluster; t < sim->options.tenants; t += sim->server->cluster_count) {
            const ledger_t *ledger = &sim->server->databases[t].ledger;
            if (items != NULL) {
                items[count] = (head_seen_t){.tenant = t,
                                             .generation = ledger->generation,
                                             .sequence = ledger->sequence,
                                             .position = ledger->position,
                                             .head = ledger->head,
                                             .gone = sim->server->databases[t].gone,
                                             .observed_us = agent_wall(sim, agent)};
            }
            count++;
        }
    }
    return count;
}

static void say_inventory(sim_t *sim, agent_t *agent) {
    uint32_t count = readable(sim, agent, NULL);
    agent->inventory_due = false;
    message_t *message = message_of(sim, agent, MESSAGE_INVENTORY, sizeof(head_seen_t), count);
    (void)readable(sim, agent, message_items(message));
    net_send(sim, message, sizeof(head_seen_t));
}

void agent_say_goodbye(sim_t *sim, agent_t *agent) {
    if (agent->up && agent->welcomed && agent->connected && !agent->paused) {
        net_send(sim, message_of(sim, agent, MESSAGE_GOODBYE, 0, 0), 0);
    }
}

void agent_say_due(sim_t *sim, agent_t *agent) {
    if (!agent->welcomed || !agent->connected) {
        return;
    }
    if (agent_reports_due(sim, agent)) {
        agent_send_reports(sim, agent);
    }
    if (agent_room(agent) > agent->room_told) {
        say_beat(sim, agent, false);
    }
}

/* ---- what is heard ---- */

bool agent_seen_passes(const sim_t *sim, const token_t *seen, const token_t *token) {
    bool known =
        token->epoch == seen->epoch && ident_equal(&token->incarnation, &seen->incarnation);
    return known || token->epoch > seen->epoch || sim_has(sim, BUG_IGNORE_EPOCH) ||
           (sim_has(sim, BUG_EQUAL_EPOCH) && token->epoch == seen->epoch);
}

static bool may_command(sim_t *sim, agent_t *agent, const token_t *token) {
    const journal_meta_t *meta = agent_meta(agent);
    if (!agent_seen_passes(sim, &meta->seen, token)) {
        return false;
    }
    if (token->epoch != meta->seen.epoch ||
        !ident_equal(&token->incarnation, &meta->seen.incarnation)) {
        journal_meta_t *changed = disk_change(&agent->journal, JOURNAL_META, 0);
        changed->seen = *token;
        agent->must_commit = true;
    }
    return true;
}

/* As leases_take. */
static void take_leases(agent_t *agent, const message_t *message) {
    for (uint32_t i = 0; i < message->cluster_count; i++) {
        for (uint32_t k = 0; k < agent->place_count; k++) {
            agent_place_t *at = &agent->places[k];
            if (at->cluster == message->clusters[i].cluster && message->said >= at->since) {
                int64_t valid_us = message->clusters[i].lease_us;
                at->since = message->said;
                at->until_us = valid_us > 0 ? (int64_t)message->said + valid_us : 0;
                at->denied = valid_us == 0;
            }
        }
    }
}

static void on_welcome(sim_t *sim, agent_t *agent, const message_t *message) {
    if (!may_command(sim, agent, &message->token)) {
        return;
    }
    agent->welcomed = true;
    agent->acknowledged = message->number;
    agent->sent_report = message->number;
    agent->tell_due_us = 1;
    agent->inventory_due = true;
    take_leases(agent, message);
    say_beat(sim, agent, true);
}

static void on_trust(sim_t *sim, agent_t *agent, const message_t *message) {
    (void)sim;
    if (message->trust > agent_meta(agent)->trust) {
        journal_meta_t *meta = disk_change(&agent->journal, JOURNAL_META, 0);
        meta->trust = message->trust;
        agent->opened_count = 0; /* tickets are verified again */
        agent->must_commit = true;
    }
    if (message->holds > agent_meta(agent)->holds) {
        journal_meta_t *meta = disk_change(&agent->journal, JOURNAL_META, 0);
        meta->holds = message->holds;
        meta->held = message->held;
        agent->must_commit = true;
    }
}

void agent_hear(sim_t *sim, agent_t *agent, const message_t *message) {
    switch (message->kind) {
    case MESSAGE_WELCOME:
        on_welcome(sim, agent, message);
        break;
    case MESSAGE_LEASES:
        take_leases(agent, message);
        break;
    case MESSAGE_ACK:
        if (message->number > agent->acknowledged) {
            agent->acknowledged = message->number;
            agent->acknowledged_seen = agent->acknowledged_seen > message->number
                                           ? agent->acknowledged_seen
                                           : message->number;
            oracle_acknowledges(sim, message->coordinator, agent->number, message->number);
        }
        break;
    case MESSAGE_JOBS:
        if (may_command(sim, agent, &message->token)) {
            agent_accept(sim, agent, message);
        }
        break;
    case MESSAGE_CANCEL:
        if (may_command(sim, agent, &message->token)) {
            agent_cancel(sim, agent, (const ident_t *)(message + 1), message->count);
        }
        break;
    case MESSAGE_TRUST:
        on_trust(sim, agent, message);
        break;
    case MESSAGE_REFUSED:
        agent->welcomed = false;
        break;
    case MESSAGE_HELLO:
    case MESSAGE_BEAT:
    case MESSAGE_INVENTORY:
    case MESSAGE_REPORTS:
    case MESSAGE_GOODBYE:
    case MESSAGE_KIND_COUNT:
        break;
    }
    agent_settle(sim, agent);
}

void agent_receive(sim_t *sim, agent_t *agent, message_t *message) {
    bool current = agent->up && agent->connected && message->connection == agent->connection &&
                   message->coordinator == agent->coordinator;
    if (!current) {
        free(message);
        return;
    }
    if (agent->paused) {
        if (agent->inbox_count < AGENT_INBOX) {
            agent->inbox[agent->inbox_count++] = message;
        } else {
            free(message);
        }
        return;
    }
    sim_hold(sim, message);
    agent_hear(sim, agent, message);
}

/* ---- the connection ---- */

void agent_disconnect(sim_t *sim, agent_t *agent) {
    if (agent->connected) {
        coordinator_lost(sim, &sim->coordinators[agent->coordinator], agent->number);
    }
    agent->connected = false;
    agent->welcomed = false;
}

void agent_link_tick(sim_t *sim, agent_t *agent) {
    bool cut = agent->broken && sim->now_us >= agent->broken_us;
    if (agent->connected && (cut || !sim->coordinators[agent->coordinator].up)) {
        agent_disconnect(sim, agent);
    }
    if (!agent->connected) {
        if (net_open(sim, agent->number)) {
            agent->connected = true;
            agent->broken = false;
            agent->connection++;
            agent_say_hello(sim, agent);
        }
        return;
    }
    if (!agent->welcomed) {
        if (sim->now_us >= agent->hello_due_us) {
            agent_say_hello(sim, agent);
        }
        return;
    }
    if (sim->now_us >= agent->beat_due_us) {
        bool changed = agent->clusters_changed;
        agent->clusters_changed = false;
        say_beat(sim, agent, changed);
    }
    if (agent->inventory_due || sim->now_us >= agent->places[0].inventory_us) {
        agent->places[0].inventory_us = sim->now_us + INVENTORY_US;
        say_inventory(sim, agent);
    }
}

/* ---- life and death ---- */

static void ask_tick(sim_t *sim, const agent_t *agent) {
    int64_t wait_us = agent->runs != NULL || agent->tell_due_us != 0 ? TICK_BUSY_US : TICK_IDLE_US;
    sim_ask(sim, (sim_item_t){.at_us = sim->now_us + wait_us,
                              .event = SIM_AGENT_TICK,
                              .who = agent->number,
                              .life = agent->life});
}

void agent_next_tick(sim_t *sim, agent_t *agent) {
    if (!agent->paused) {
        agent_tick(sim, agent);
    }
    if (agent->up) {
        ask_tick(sim, agent);
    }
}

void agent_start(sim_t *sim, agent_t *agent) {
    if (agent->up) {
        return;
    }
    sim_tell(sim, "agent %u starts", agent->number);
    agent->up = true;
    agent->life++;
    agent->paused = false;
    agent->stopped = false;
    agent->settling = false;
    agent->must_commit = false;
    agent->connected = agent->welcomed = false;
    agent->tell_due_us = 0;
    agent->ended_untold = 0;
    agent->room_told = 0;
    agent->opened_count = 0;
    agent->acknowledged = agent->sent_report = 0;
    for (uint32_t i = 0; i < agent->place_count; i++) {
        agent_place_t *at = &agent->places[i];
        *at = (agent_place_t){.cluster = at->cluster, .cut = at->cut};
    }
    agent->runs_end = &agent->runs;
    agent_resume(sim, agent);
    ask_tick(sim, agent);
}

void agent_crash(sim_t *sim, agent_t *agent) {
    if (!agent->up) {
        return;
    }
    sim_tell(sim, "agent %u dies", agent->number);
    agent_disconnect(sim, agent);
    agent->up = false;
    agent->paused = false;
    agent->settling = false;
    agent->die_at = 0;
    disk_abort(&agent->journal);
    agent_drop_runs(sim, agent);
    for (uint32_t i = 0; i < agent->inbox_count; i++) {
        free(agent->inbox[i]);
    }
    agent->inbox_count = 0;
    sim_ask(sim,
            (sim_item_t){.at_us = sim->now_us + chance_between(&sim->weather, SIM_S, 30 * SIM_S),
                         .event = SIM_AGENT_START,
                         .who = agent->number,
                         .life = agent->life});
}

void agent_pause(sim_t *sim, agent_t *agent, int64_t for_us) {
    if (!agent->up || agent->paused) {
        return;
    }
    sim_tell(sim, "agent %u is stopped for %lld ms", agent->number, (long long)(for_us / SIM_MS));
    agent->paused = true;
    agent->paused_us = sim->now_us;
    sim_ask(sim, (sim_item_t){.at_us = sim->now_us + for_us,
                              .event = SIM_AGENT_WAKE,
                              .who = agent->number,
                              .life = agent->life});
}

/* What came meanwhile is read first, then what is due. */
void agent_wake(sim_t *sim, agent_t *agent) {
    if (!agent->up || !agent->paused) {
        return;
    }
    sim_tell(sim, "agent %u wakes", agent->number);
    agent->paused = false;
    bool timers_first = chance_below(&sim->weather, 2) == 0;
    if (timers_first) {
        agent_tick(sim, agent);
    }
    while (agent->inbox_count > 0 && agent->up) {
        message_t *message = agent->inbox[0];
        agent->inbox_count--;
        memmove(agent->inbox, agent->inbox + 1, agent->inbox_count * sizeof agent->inbox[0]);
        sim_hold(sim, message);
        agent_hear(sim, agent, message);
    }
    if (agent->up) {
        agent_poll(sim, agent);
    }
    if (agent->up && sim->now_us - agent->paused_us > SILENCE_US) {
        agent_disconnect(sim, agent);
    }
}

static void new_journal(sim_t *sim, agent_t *agent) {
    disk_clear(&agent->journal);
    journal_meta_t meta = {.state = chance_ident(&sim->chance), .next = 1};
    (void)disk_append(&agent->journal, JOURNAL_META, &meta);
    (void)disk_commit(&agent->journal);
}

void agent_lose_state(sim_t *sim, agent_t *agent) {
    sim_tell(sim, "agent %u loses its state", agent->number);
    agent_crash(sim, agent);
    oracle_state_lost(sim, agent->number);
    for (uint32_t i = 0; i < sim->options.tenants; i++) { /* its restores are lost with it */
        sim->server->databases[i].closed_for_good = sim->server->databases[i].closed;
    }
    agent->journal.full = false;
    agent->acknowledged_seen = 0;
    new_journal(sim, agent);
}

agent_t *agents_new(sim_t *sim) {
    agent_t *agents = calloc(sim->options.agents, sizeof *agents);
    INVARIANT(agents != NULL);
    sim->agents = agents;
    for (uint32_t i = 0; i < sim->options.agents; i++) {
        agent_t *agent = &agents[i];
        agent->number = i;
        agent->runs_end = &agent->runs;
        disk_define(&agent->journal, JOURNAL_META, sizeof(journal_meta_t));
        disk_define(&agent->journal, JOURNAL_JOBS, sizeof(journal_job_t));
        disk_define(&agent->journal, JOURNAL_REPORTS, sizeof(report_t));
        disk_define(&agent->journal, JOURNAL_ACCEPTED, sizeof(journal_accepted_t));
        new_journal(sim, agent);
    }
    return agents;
}

void agents_free(sim_t *sim) {
    for (uint32_t i = 0; i < sim->options.agents; i++) {
        agent_t *agent = &sim->agents[i];
        agent_drop_runs(sim, agent);
        for (uint32_t k = 0; k < agent->inbox_count; k++) {
            free(agent->inbox[k]);
        }
        disk_free(&agent->journal);
    }
    free(sim->agents);
}
