/*
 * agent_restore.c: a restore builds a database beside the tenant and swaps the names; nothing of it
 * is remembered but in the databases. Source of each rule: agent/steps/restore*.c.
 */
#include "tests/sim/agent.h"

#include "tests/sim/oracle.h"

static bool is_restored(const sim_t *sim, const run_t *run) {
    const ledger_t *ledger = &sim->server->databases[run->what.tenant].ledger;
    for (uint32_t i = 0; i < ledger->count; i++) {
        if (ledger->commits[i].kind == COMMIT_RESTORE &&
            ident_equal(&ledger->commits[i].job, &run->what.job)) {
            return true;
        }
    }
    return false;
}

static void conclude(sim_t *sim, agent_t *agent, run_t *run) {
    run->touched = true;
    agent_report(sim, agent, run,
                 &(agent_told_t){
                     .step = JOB_STEP_RESTORE, .outcome = JOB_OUTCOME_STARTED, .has_state = true});
    step_over(run, JOB_EVENT_DONE);
}

static void reloaded(sim_t *sim, agent_t *agent, run_t *run) {
    if (!is_restored(sim, run)) {
        run->error = ERROR_INTERNAL;
        step_over(run, JOB_EVENT_FAILED);
        return;
    }
    conclude(sim, agent, run);
}

static void on_reopened(sim_t *sim, agent_t *agent, run_t *run) {
    (void)sim;
    (void)agent;
    /* what failed before is told, but for a tenant that is closed still */
    job_event_t event = run->answer.code == ANSWER_OK ? run->over_event : JOB_EVENT_UNKNOWN;
    run->closing = run->answer.code != ANSWER_OK;
    step_over(run, event);
}

static void open_and_fail(sim_t *sim, run_t *run) {
    if (run->answer.code == ANSWER_LOST) {
        run->error = ERROR_DB_OUTCOME_UNKNOWN;
        step_over(run, JOB_EVENT_UNKNOWN);
        return;
    }
    run->over_event = run->answer.code == ANSWER_BUSY ? JOB_EVENT_LOCKED : JOB_EVENT_FAILED;
    run->error = run->answer.code == ANSWER_FENCED ? ERROR_FENCED : ERROR_TENANT_BUSY;
    step_ask(sim, run, &(request_t){.kind = REQUEST_CLOSE, .undo = true, .time_us = 2 * SIM_MS},
             on_reopened);
}

static void on_swapped(sim_t *sim, agent_t *agent, run_t *run) {
    AGENT_POINT(sim, agent);
    if (run->answer.code != ANSWER_OK) {
        open_and_fail(sim, run);
        return;
    }
    step_load(sim, agent, run, reloaded);
}

static void on_closed(sim_t *sim, agent_t *agent, run_t *run) {
    AGENT_POINT(sim, agent);
    if (run->answer.code != ANSWER_OK) {
        open_and_fail(sim, run);
        return;
    }
    commit_t row = step_row(sim, agent, run);
    step_ask(sim, run,
             &(request_t){.kind = REQUEST_SWAP,
                          .commit = row,
                          .head_sequence = run->sequence,
                          .head = run->head,
                          .floor = run->what.generation_floor,
                          .time_us = chance_between(&sim->chance, 5 * SIM_MS, 2 * SIM_S)},
             on_swapped);
}

static void on_created(sim_t *sim, agent_t *agent, run_t *run) {
    AGENT_POINT(sim, agent);
    if (run->answer.code != ANSWER_OK) {
        step_fail(run);
        return;
    }
    if (job_should_halt(&run->machine)) {
        step_over(run, JOB_EVENT_HALTED);
        return;
    }
    step_ask(sim, run, &(request_t){.kind = REQUEST_CLOSE, .time_us = 3 * SIM_MS}, on_closed);
}

static void on_fenced(sim_t *sim, agent_t *agent, run_t *run) {
    (void)agent;
    if (run->answer.code != ANSWER_OK) {
        step_fail(run);
        return;
    }
    request_t create = {.kind = REQUEST_CREATE,
                        .commit = step_row(sim, agent, run),
                        .point = run->what.point,
                        .time_us = chance_between(&sim->chance, 500 * SIM_MS, 20 * SIM_S)};
    step_ask(sim, run, &create, on_created);
}

static void after_load(sim_t *sim, agent_t *agent, run_t *run) {
    if (is_restored(sim, run)) {
        conclude(sim, agent, run);
        return;
    }
    if (run->what.point == 0 || !sim->server->points[run->what.point - 1].whole) {
        run->error = ERROR_RECOVERY_POINT;
        step_over(run, JOB_EVENT_FAILED);
        return;
    }
    if (job_should_halt(&run->machine)) {
        step_over(run, JOB_EVENT_HALTED);
        return;
    }
    commit_t row = step_row(sim, agent, run);
    step_ask(sim, run, &(request_t){.kind = REQUEST_FENCE, .commit = row, .time_us = 3 * SIM_MS},
             on_fenced);
}

static void surveyed(sim_t *sim, agent_t *agent, run_t *run) {
    database_t *database = &sim->server->databases[run->what.tenant];
    if (run->answer.code == ANSWER_GONE) {
        step_fail(run);
        return;
    }
    if (run->answer.code != ANSWER_OK) {
        run->error = ERROR_DB_UNREACHABLE;
        step_over(run, run->answer.code == ANSWER_LOST && run->closing ? JOB_EVENT_UNKNOWN
                                                                       : JOB_EVENT_TRANSIENT);
        return;
    }
    if (database->closed && database->lock != 0) {
        run->error = ERROR_DB_LOCK_TIMEOUT; /* a swap is under way whose client is gone */
        step_over(run, JOB_EVENT_UNKNOWN);  /* until it is open, nothing else matters */
        return;
    }
    server_close(sim, run->what.tenant, false);
    run->closing = false;
    if (run->machine.state == JOB_SETTLING) {
        step_disconnect(sim, run);
        step_over(run, JOB_EVENT_DONE);
        return;
    }
    step_load(sim, agent, run, after_load);
}

void step_restore(sim_t *sim, agent_t *agent, run_t *run, bool settling) {
    (void)settling;
    step_disconnect(sim, run);
    session_t wanted = {.database = run->what.tenant,
                        .cluster = run->what.cluster,
                        .agent = agent->number,
                        .run = run->id,
                        .maintenance = true};
    run->session = server_connect(sim, &wanted);
    run->session_life = sim->server->sessions[run->session].life;
    run->connected = true;
    step_ask(sim, run, &(request_t){.kind = REQUEST_CONNECT, .time_us = 5 * SIM_MS}, surveyed);
}
