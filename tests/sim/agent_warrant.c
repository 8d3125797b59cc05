/*
 * agent_warrant.c: whether what people signed permits a job. Signatures are facts; what they permit
 * is judged as agent/trust/warrant.c, court.c and common/trust/order_verify.c do.
 */
#include "tests/sim/agent.h"

/* What leaves a tenant at another version than before: it has a number. */
static bool is_change(job_kind_t kind) {
    return kind == JOB_KIND_FORWARD || kind == JOB_KIND_UNDO || kind == JOB_KIND_RESTORE ||
           kind == JOB_KIND_BASELINE;
}

static bool is_forward(job_kind_t kind) {
    return kind == JOB_KIND_FORWARD || kind == JOB_KIND_BASELINE;
}

static bool refuse(run_t *run, error_code_t code, bool passes) {
    run->unfit = code;
    run->unfit_passes = passes;
    return false;
}

/* ---- what may change between the judgement and the first work ---- */

bool agent_stands(sim_t *sim, agent_t *agent, run_t *run) {
    const paper_t *order = sim_paper(sim, run->what.order);
    if (order == NULL) {
        return refuse(run, ERROR_ORDER_MISSING, false);
    }
    if (agent_meta(agent)->held && is_forward(run->what.kind) && !sim_has(sim, BUG_NO_HOLD)) {
        return refuse(run, ERROR_FLEET_HELD, true);
    }
    return true;
}

/* ---- waves ---- */

/* A ticket that would open its wave, had no key been taken out: the coordinator makes another. */
static bool has_lapsed(const sim_t *sim, const agent_t *agent, const run_t *run) {
    return run->what.ticket != 0 &&
           sim_ticket_opens(sim, &sim->tickets[run->what.ticket - 1], agent_wall(sim, agent), 0);
}

static bool wave_is_open(sim_t *sim, agent_t *agent, const run_t *run, const leaf_t *leaf) {
    uint32_t name = run->what.order * SIM_WAVES + leaf->wave;
    for (uint32_t i = 0; i < agent->opened_count; i++) {
        if (agent->opened[i] == name) {
            return true;
        }
    }
    if (sim_has(sim, BUG_STALE_EVIDENCE)) {
        return true;
    }
    if (run->what.ticket == 0) {
        return false;
    }
    const ticket_t *ticket = &sim->tickets[run->what.ticket - 1];
    if (ticket->order != run->what.order || ticket->wave != leaf->wave ||
        !sim_ticket_opens(sim, ticket, agent_wall(sim, agent), agent_meta(agent)->trust)) {
        return false;
    }
    uint32_t place = agent->opened_count < 64 ? agent->opened_count++ : name % 64;
    agent->opened[place] = name;
    return true;
}

/* ---- numbers ---- */

static bool accept_number(sim_t *sim, agent_t *agent, const run_t *run, const leaf_t *leaf) {
    for (uint32_t i = 0; i < disk_count(&agent->journal, JOURNAL_ACCEPTED); i++) {
        const journal_accepted_t *row = disk_row(&agent->journal, JOURNAL_ACCEPTED, i);
        if (row->tenant != run->what.tenant) {
            continue;
        }
        bool older = leaf->number < row->number;
        bool another = leaf->number == row->number && row->order != run->what.order;
        if ((older || another) && !sim_has(sim, BUG_NO_NUMBER)) {
            return false;
        }
        journal_accepted_t *changed = disk_change(&agent->journal, JOURNAL_ACCEPTED, i);
        changed->number = leaf->number;
        changed->order = run->what.order;
        return true;
    }
    journal_accepted_t fresh = {
        .tenant = run->what.tenant, .order = run->what.order, .number = leaf->number};
    (void)disk_append(&agent->journal, JOURNAL_ACCEPTED, &fresh);
    return true;
}

/* ---- the whole ---- */

static bool is_in_time(sim_t *sim, agent_t *agent, run_t *run, const paper_t *order) {
    int64_t wall_us = agent_wall(sim, agent);
    if (wall_us > order->expires_us + SIM_SKEW_US && !sim_has(sim, BUG_NO_EXPIRY)) {
        return refuse(run, ERROR_ORDER_EXPIRED, false);
    }
    return wall_us >= order->issued_us - SIM_SKEW_US || refuse(run, ERROR_ORDER_EARLY, true);
}

bool agent_judge(sim_t *sim, agent_t *agent, run_t *run) {
    if (run->what.expired) {
        return refuse(run, ERROR_JOB_EXPIRED, true);
    }
    const paper_t *order = sim_paper(sim, run->what.order);
    if (order == NULL) {
        return refuse(run, ERROR_ORDER_MISSING, false);
    }
    if (!is_in_time(sim, agent, run, order)) {
        return false;
    }
    uint32_t index = order->leaf_of[run->what.tenant];
    if (index == 0) {
        return refuse(run, ERROR_ORDER_PROOF, false);
    }
    const leaf_t *leaf = &order->leaves[index - 1];
    bool own_undo = order->kind == KIND_FORWARD && run->what.kind == JOB_KIND_UNDO;
    if (!own_undo && (int)order->kind != (int)run->what.kind) {
        return refuse(run, ERROR_ORDER_SCOPE, false);
    }
    uint32_t target = own_undo ? leaf->from : leaf->to;
    if (is_change(run->what.kind) && run->what.target != target) {
        return refuse(run, ERROR_ORDER_SCOPE, false);
    }
    if (run->what.kind == JOB_KIND_RESTORE && run->what.point != leaf->point) {
        return refuse(run, ERROR_ORDER_TENANT, false);
    }
    bool waits = leaf->wave > 0 && !own_undo && run->what.kind != JOB_KIND_LOOK;
    if (waits && !wave_is_open(sim, agent, run, leaf)) {
        bool lapsed = has_lapsed(sim, agent, run);
        return refuse(run, lapsed ? ERROR_CARD_REVOKED : ERROR_TICKET_ORDER, lapsed);
    }
    if (!agent_stands(sim, agent, run)) {
        return false;
    }
    if (is_change(run->what.kind) && !accept_number(sim, agent, run, leaf)) {
        return refuse(run, ERROR_ORDER_SUPERSEDED, false);
    }
    if (is_change(run->what.kind)) {
        agent_supersede(agent, run);
    }
    run->wave = leaf->wave;
    run->main = !own_undo;
    return true;
}
