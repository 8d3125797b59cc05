/*
 * agent_steps.c: the steps of one job as chains of answers, over the model of PostgreSQL: load,
 * check, protect, work, verify, settle. Source of each rule: the file of the same name in
 * agent/steps.
 */
#include "tests/sim/agent.h"

#include "tests/sim/oracle.h"

/* ---- the end of a step, and requests ---- */

void step_over(run_t *run, job_event_t event) {
    INVARIANT(!run->over);
    run->over = true;
    run->over_event = event;
}

/* As run_event_of in agent/steps/run.c. */
static job_event_t event_of(const answer_t *answer, bool committing) {
    switch (answer->code) {
    case ANSWER_OK:
        return JOB_EVENT_DONE;
    case ANSWER_LOST:
        return committing ? JOB_EVENT_UNKNOWN : JOB_EVENT_TRANSIENT;
    case ANSWER_UNREACHABLE:
    case ANSWER_STANDBY:
        return JOB_EVENT_TRANSIENT;
    case ANSWER_BUSY:
    case ANSWER_LOCKED:
    case ANSWER_IN_PROGRESS:
        return JOB_EVENT_LOCKED;
    case ANSWER_FENCED:
    case ANSWER_FAILED:
        return JOB_EVENT_FAILED;
    case ANSWER_GONE:
        return JOB_EVENT_GONE;
    case ANSWER_CODE_COUNT:
        break;
    }
    return JOB_EVENT_FAILED;
}

static error_code_t error_of(const answer_t *answer) {
    return answer->code == ANSWER_FENCED        ? ERROR_FENCED
           : answer->code == ANSWER_FAILED      ? ERROR_DB_SQL
           : answer->code == ANSWER_BUSY        ? ERROR_TENANT_BUSY
           : answer->code == ANSWER_GONE        ? ERROR_TENANT_GONE
           : answer->code == ANSWER_UNREACHABLE ? ERROR_DB_UNREACHABLE
                                                : ERROR_DB_CONNECTION_LOST;
}

void step_fail(run_t *run) {
    run->error = error_of(&run->answer);
    step_over(run, event_of(&run->answer, false));
}

/* The phase in which a loss leaves the outcome open. */
static void fail_committing(run_t *run) {
    run->error = error_of(&run->answer);
    step_over(run, event_of(&run->answer, true));
}

void step_disconnect(sim_t *sim, run_t *run) {
    if (run->connected && !sim_has(sim, BUG_LOCK_FORGOTTEN)) {
        server_leave(sim, run->session, true);
    }
    run->connected = false;
    run->locked = false;
    run->then = NULL;
}

bool step_is_ready(const run_t *run) {
    return run->connected && run->locked && run->stands && run->sequence > 0;
}

void step_ask(sim_t *sim, run_t *run, const request_t *request, run_next_fn *then) {
    run->then = then;
    if (!run->connected) {
        run->answer = (answer_t){.code = ANSWER_LOST};
        step_fail(run);
        return;
    }
    server_ask(sim, run->session, request);
}

/* ---- load ---- */

static bool is_behind_floor(const run_t *run) {
    return run->generation < run->what.generation_floor ||
           (run->generation == run->what.generation_floor &&
            run->sequence < run->what.sequence_floor);
}

static void on_loaded(sim_t *sim, agent_t *agent, run_t *run) {
    const ledger_t *ledger = &sim->server->databases[run->what.tenant].ledger;
    if (run->answer.code != ANSWER_OK) {
        step_fail(run);
        return;
    }
    run->locked = true;
    run->stands = true;
    run->generation = ledger->generation;
    run->sequence = ledger->sequence;
    run->position = ledger->position;
    run->head = ledger->head;
    if (is_behind_floor(run)) {
        run->error = ERROR_LEDGER_EDITED;
        step_over(run, JOB_EVENT_FAILED);
        return;
    }
    run_next_fn *next = run->loaded;
    run->loaded = NULL;
    next(sim, agent, run);
}

static void on_connected(sim_t *sim, agent_t *agent, run_t *run) {
    (void)agent;
    if (run->answer.code != ANSWER_OK) {
        step_fail(run);
        return;
    }
    step_ask(sim, run, &(request_t){.kind = REQUEST_LOAD, .time_us = 3 * SIM_MS}, on_loaded);
}

void step_load(sim_t *sim, agent_t *agent, run_t *run, run_next_fn *next) {
    step_disconnect(sim, run);
    run->stands = false;
    run->sequence = run->generation = run->position = 0;
    run->loaded = next;
    session_t wanted = {.database = run->what.tenant,
                        .cluster = run->what.cluster,
                        .agent = agent->number,
                        .run = run->id};
    run->session = server_connect(sim, &wanted);
    run->session_life = sim->server->sessions[run->session].life;
    run->connected = true;
    step_ask(sim, run, &(request_t){.kind = REQUEST_CONNECT, .time_us = 5 * SIM_MS}, on_connected);
}

/* ---- check ---- */

static bool stands_at_target(const run_t *run) {
    bool works = run->what.kind == JOB_KIND_FORWARD || run->what.kind == JOB_KIND_UNDO;
    work_question_t question = {.kind = run->what.kind,
                                .position = run->position,
                                .target = run->what.target,
                                .bundle_head = SIM_POSITIONS};
    return works && work_direction(&question) == WORK_NONE;
}

static void check_done(sim_t *sim, agent_t *agent, run_t *run) {
    agent_report(
        sim, agent, run,
        &(agent_told_t){.step = JOB_STEP_CHECK, .outcome = JOB_OUTCOME_STARTED, .has_state = true});
    step_over(run, JOB_EVENT_DONE);
}

static void on_proved(sim_t *sim, agent_t *agent, run_t *run) {
    if (run->answer.code != ANSWER_OK) {
        run->error = ERROR_CHECK_FAILED;
        step_over(run, event_of(&run->answer, false));
        return;
    }
    check_done(sim, agent, run);
}

/* What stands past the ledger's head is drift, unless an earlier attempt left the next script half
 * done: the rest follows where that ended. */
static bool has_drifted(const ledger_t *ledger, const run_t *run) {
    bool more = false;
    for (uint32_t at = run->position + 1; at <= SIM_POSITIONS; at++) {
        more = more || ledger->effects[at] > 0;
    }
    bool goes_on = run->what.kind == JOB_KIND_FORWARD && !stands_at_target(run) &&
                   ledger->started == run->position + 1 &&
                   ledger->started_sequence == run->sequence + 1;
    return more && !goes_on;
}

static void check_loaded(sim_t *sim, agent_t *agent, run_t *run) {
    bool back = run->what.kind == JOB_KIND_UNDO && stands_at_target(run);
    if (run->what.kind != JOB_KIND_BASELINE && !back &&
        has_drifted(&sim->server->databases[run->what.tenant].ledger, run)) {
        run->error = ERROR_TENANT_DRIFT;
        step_over(run, JOB_EVENT_FAILED);
        return;
    }
    if (stands_at_target(run)) {
        step_over(run, JOB_EVENT_NOT_NEEDED);
        return;
    }
    if (run->what.kind != JOB_KIND_FORWARD) {
        check_done(sim, agent, run);
        return;
    }
    step_ask(sim, run, &(request_t){.kind = REQUEST_PROOF, .time_us = 4 * SIM_MS}, on_proved);
}

void step_check(sim_t *sim, agent_t *agent, run_t *run) {
    step_load(sim, agent, run, check_loaded);
}

/* ---- protect ---- */

static void protect_loaded(sim_t *sim, agent_t *agent, run_t *run) {
    step_protect(sim, agent, run);
}

/* The child's end: the point is whole and told. */
void agent_child(sim_t *sim, agent_t *agent, uint64_t id) {
    run_t *run = agent->runs;
    while (run != NULL && run->id != id) {
        run = run->next_run;
    }
    if (run == NULL || run->point == 0 || run->finished || run->over ||
        run->machine.state != JOB_PROTECTING) {
        return;
    }
    uint32_t point = run->point;
    run->point = 0;
    if (!sim->calm && chance_permille(&sim->weather, 20)) {
        static const job_event_t ENDS[] = {JOB_EVENT_TRANSIENT, JOB_EVENT_LOCKED, JOB_EVENT_FAILED,
                                           JOB_EVENT_REFUSED};
        run->error = ERROR_BACKUP_FAILED;
        step_over(run, ENDS[chance_below(&sim->weather, 4)]);
        return;
    }
    sim->server->points[point - 1].whole = true;
    agent_report(
        sim, agent, run,
        &(agent_told_t){.step = JOB_STEP_BACKUP, .outcome = JOB_OUTCOME_STARTED, .point = point});
    step_over(run, job_should_halt(&run->machine) ? JOB_EVENT_HALTED : JOB_EVENT_DONE);
}

void step_protect(sim_t *sim, agent_t *agent, run_t *run) {
    const paper_t *order = sim_paper(sim, run->what.order);
    bool waived = order != NULL && !order->dump && run->what.kind != JOB_KIND_BACKUP;
    if (waived || sim_has(sim, BUG_NO_POINT)) {
        agent_report(sim, agent, run,
                     &(agent_told_t){.step = JOB_STEP_BACKUP, .outcome = JOB_OUTCOME_STARTED});
        step_over(run, JOB_EVENT_DONE);
        return;
    }
    if (!step_is_ready(run)) {
        step_load(sim, agent, run, protect_loaded); /* the session was lost since the check */
        return;
    }
    run->point = server_point(sim, &(point_t){.tenant = run->what.tenant,
                                              .agent = agent->number,
                                              .attempt = run->what.attempt,
                                              .taken_us = sim->now_us});
    int64_t takes_us = chance_between(&sim->chance, 200 * SIM_MS, 20 * SIM_S) *
                       (int64_t)sim->server->databases[run->what.tenant].slow;
    sim_ask(sim, (sim_item_t){.at_us = sim->now_us + takes_us,
                              .event = SIM_AGENT_CHILD,
                              .who = agent->number,
                              .life = run->id});
}

/* ---- work: one migration after another ---- */

static void next_change(sim_t *sim, agent_t *agent, run_t *run);

commit_t step_row(const sim_t *sim, const agent_t *agent, const run_t *run) {
    (void)sim;
    return (commit_t){.sequence = run->sequence + 1,
                      .generation = run->generation,
                      .order = run->what.order,
                      .agent = agent->number,
                      .job = run->what.job,
                      .attempt = run->what.attempt,
                      .token = run->what.token};
}

static void keep_row(run_t *run) {
    run->sequence = run->row.sequence;
    run->generation = run->row.generation;
    run->head = run->row.head;
    run->position = run->row.kind == COMMIT_UNDO ? run->row.position - 1 : run->row.position;
    run->touched = true;
}

static void open_change(sim_t *sim, run_t *run);

/* Of a planted bug: what the ledger says now is not looked at. */
static void open_blindly(sim_t *sim, agent_t *agent, run_t *run) {
    (void)agent;
    open_change(sim, run);
}

static void on_committed(sim_t *sim, agent_t *agent, run_t *run) {
    AGENT_POINT(sim, agent);
    if (run->answer.code != ANSWER_OK) {
        if (run->answer.code == ANSWER_LOST && sim_has(sim, BUG_BLIND_RETRY)) {
            run->blind = true; /* as if nothing had been committed */
            step_load(sim, agent, run, open_blindly);
            return;
        }
        fail_committing(run);
        return;
    }
    run->xid = 0;
    keep_row(run);
    agent_report(sim, agent, run,
                 &(agent_told_t){.step = job_work_step(run->what.kind),
                                 .outcome = JOB_OUTCOME_STARTED,
                                 .has_state = true});
    next_change(sim, agent, run);
}

static void on_rolled_back(sim_t *sim, agent_t *agent, run_t *run) {
    (void)agent;
    (void)sim;
    /* what failed before the rollback is what is told */
    job_event_t event = run->over_event;
    run->xid = 0;
    step_over(run, event);
}

static void roll_back(sim_t *sim, run_t *run) {
    run->error = error_of(&run->answer);
    if (run->answer.code == ANSWER_LOST || run->answer.code == ANSWER_UNREACHABLE) {
        step_over(run, event_of(&run->answer, false));
        return;
    }
    run->over_event = event_of(&run->answer, false);
    step_ask(sim, run, &(request_t){.kind = REQUEST_ROLLBACK, .time_us = SIM_MS}, on_rolled_back);
}

static void on_recorded(sim_t *sim, agent_t *agent, run_t *run) {
    if (run->answer.code != ANSWER_OK) {
        roll_back(sim, run);
        return;
    }
    AGENT_POINT(sim, agent);
    step_ask(sim, run, &(request_t){.kind = REQUEST_COMMIT, .time_us = 5 * SIM_MS}, on_committed);
}

static void record(sim_t *sim, agent_t *agent, run_t *run) {
    (void)agent;
    step_ask(
        sim, run,
        &(request_t){
            .kind = REQUEST_RECORD, .commit = run->row, .blind = run->blind, .time_us = 3 * SIM_MS},
        on_recorded);
}

static void on_script(sim_t *sim, agent_t *agent, run_t *run) {
    run->xid = run->answer.xid;
    if (run->answer.code != ANSWER_OK) {
        roll_back(sim, run);
        return;
    }
    record(sim, agent, run);
}

static int64_t script_time(sim_t *sim) {
    uint32_t kind = chance_below(&sim->chance, 20);
    return kind == 0   ? chance_between(&sim->chance, SIM_S, 40 * SIM_S)
           : kind <= 3 ? chance_between(&sim->chance, 100 * SIM_MS, 2 * SIM_S)
                       : chance_between(&sim->chance, 5 * SIM_MS, 100 * SIM_MS);
}

static void open_change(sim_t *sim, run_t *run) {
    request_t open = {.kind = REQUEST_OPEN,
                      .commit = run->row,
                      .head_sequence = run->sequence,
                      .head = run->head,
                      .undo = run->undo,
                      .blind = run->blind,
                      .time_us = script_time(sim)};
    step_ask(sim, run, &open, on_script);
}

/* ---- what cannot run in a transaction ---- */

static void on_built(sim_t *sim, agent_t *agent, run_t *run) {
    (void)agent;
    if (run->answer.code != ANSWER_OK) {
        fail_committing(run);
        return;
    }
    open_change(sim, run); /* its row follows in a transaction of its own */
}

static void build(sim_t *sim, run_t *run) {
    step_ask(sim, run,
             &(request_t){.kind = REQUEST_BUILD,
                          .commit = run->row,
                          .time_us = chance_between(&sim->chance, 100 * SIM_MS, 30 * SIM_S)},
             on_built);
}

static void on_marked(sim_t *sim, agent_t *agent, run_t *run) {
    (void)agent;
    if (run->answer.code != ANSWER_OK) {
        step_fail(run);
        return;
    }
    build(sim, run);
}

/* An index that was being built when its attempt ended is looked for, not believed in. */
static void begin_piecewise(sim_t *sim, run_t *run) {
    const ledger_t *ledger = &sim->server->databases[run->what.tenant].ledger;
    if (ledger->started == run->row.position && ledger->built &&
        ledger->started_sequence == run->row.sequence) {
        open_change(sim, run);
        return;
    }
    step_ask(sim, run,
             &(request_t){.kind = REQUEST_MARK, .commit = run->row, .time_us = 3 * SIM_MS},
             on_marked);
}

static bool is_piecewise(uint32_t position) {
    return position % 7 == 3;
}

static work_direction_t direction_of(const run_t *run) {
    work_question_t question = {.kind = run->what.kind,
                                .position = run->position,
                                .target = run->what.target,
                                .bundle_head = SIM_POSITIONS};
    return work_direction(&question);
}

static void next_change(sim_t *sim, agent_t *agent, run_t *run) {
    work_direction_t direction = direction_of(run);
    if (direction == WORK_NONE || run->what.kind == JOB_KIND_BASELINE) {
        step_over(run, JOB_EVENT_DONE);
        return;
    }
    if (job_should_halt(&run->machine)) {
        step_over(run, JOB_EVENT_HALTED);
        return;
    }
    AGENT_POINT(sim, agent);
    run->undo = direction == WORK_BACK;
    run->row = step_row(sim, agent, run);
    run->row.kind = run->undo ? COMMIT_UNDO : COMMIT_APPLY;
    run->row.position = run->undo ? run->position : run->position + 1;
    run->row.bundle = run->row.position * 31 + 7;
    run->row.head = run->head * UINT64_C(0x9E3779B97F4A7C15) + run->row.position * 2 + run->undo +
                    sim_short(&run->what.attempt);
    if (!run->undo && is_piecewise(run->row.position)) {
        begin_piecewise(sim, run);
        return;
    }
    open_change(sim, run);
}

/* ---- baseline ---- */

static commit_kind_t last_row(const ledger_t *ledger) {
    for (uint32_t i = ledger->count; i > 0; i--) {
        commit_kind_t kind = ledger->commits[i - 1].kind;
        if (kind != COMMIT_FENCE && kind != COMMIT_STARTED && kind != COMMIT_BUILT) {
            return kind;
        }
    }
    return COMMIT_BASELINE;
}

static void baseline(sim_t *sim, agent_t *agent, run_t *run) {
    if (last_row(&sim->server->databases[run->what.tenant].ledger) != COMMIT_BASELINE) {
        run->error = ERROR_INVALID;
        step_over(run, JOB_EVENT_FAILED);
        return;
    }
    if (run->position == run->what.target) {
        step_over(run, JOB_EVENT_NOT_NEEDED);
        return;
    }
    run->row = step_row(sim, agent, run);
    run->row.kind = COMMIT_BASELINE;
    run->row.generation = run->generation > 0 ? run->generation : 1;
    run->row.position = run->what.target;
    run->row.head = run->head * UINT64_C(0x9E3779B97F4A7C15) + 1;
    run->undo = true; /* nothing of it can fail */
    open_change(sim, run);
}

static void work_loaded(sim_t *sim, agent_t *agent, run_t *run) {
    if (run->what.kind == JOB_KIND_BASELINE) {
        baseline(sim, agent, run);
        return;
    }
    next_change(sim, agent, run);
}

void step_work(sim_t *sim, agent_t *agent, run_t *run) {
    if (run->what.kind == JOB_KIND_RESTORE) {
        step_restore(sim, agent, run, false);
        return;
    }
    if (run->what.kind == JOB_KIND_BACKUP_CHECK || run->what.kind == JOB_KIND_PRUNE) {
        step_over(run, JOB_EVENT_DONE);
        return;
    }
    if (step_is_ready(run)) {
        work_loaded(sim, agent, run);
        return;
    }
    step_load(sim, agent, run, work_loaded);
}

/* ---- verify ---- */

static void on_verified(sim_t *sim, agent_t *agent, run_t *run) {
    (void)sim;
    (void)agent;
    if (run->answer.code != ANSWER_OK) {
        step_fail(run);
        return;
    }
    step_over(run, JOB_EVENT_DONE);
}

static void verify_loaded(sim_t *sim, agent_t *agent, run_t *run) {
    bool moves = run->what.kind == JOB_KIND_FORWARD || run->what.kind == JOB_KIND_UNDO;
    (void)agent;
    if (moves && run->position != run->what.target) {
        run->error = ERROR_LEDGER_EDITED;
        step_over(run, JOB_EVENT_FAILED);
        return;
    }
    request_kind_t asks = run->what.kind == JOB_KIND_FORWARD ? REQUEST_PROOF : REQUEST_FATE;
    step_ask(sim, run, &(request_t){.kind = asks, .time_us = 3 * SIM_MS}, on_verified);
}

void step_verify(sim_t *sim, agent_t *agent, run_t *run) {
    if (step_is_ready(run)) {
        verify_loaded(sim, agent, run);
        return;
    }
    step_load(sim, agent, run, verify_loaded);
}

/* ---- settle ---- */

static void settled(sim_t *sim, agent_t *agent, run_t *run) {
    const ledger_t *ledger = &sim->server->databases[run->what.tenant].ledger;
    run->touched = run->touched || ident_equal(&ledger->last_attempt, &run->what.attempt);
    agent_report(sim, agent, run,
                 &(agent_told_t){
                     .step = JOB_STEP_SETTLE, .outcome = JOB_OUTCOME_STARTED, .has_state = true});
    step_over(run, JOB_EVENT_DONE);
}

static void on_fate(sim_t *sim, agent_t *agent, run_t *run) {
    if (run->answer.code != ANSWER_OK) {
        step_fail(run);
        return;
    }
    run->xid = 0;
    step_load(sim, agent, run, settled);
}

static void settle_loaded(sim_t *sim, agent_t *agent, run_t *run) {
    if (run->xid == 0) {
        settled(sim, agent, run);
        return;
    }
    step_ask(sim, run, &(request_t){.kind = REQUEST_FATE, .xid = run->xid, .time_us = 2 * SIM_MS},
             on_fate);
}

void step_settle(sim_t *sim, agent_t *agent, run_t *run) {
    if (run->what.kind == JOB_KIND_RESTORE) {
        step_restore(sim, agent, run, true);
        return;
    }
    if (run->what.kind == JOB_KIND_BACKUP_CHECK || run->what.kind == JOB_KIND_PRUNE) {
        step_over(run, JOB_EVENT_DONE);
        return;
    }
    step_load(sim, agent, run, settle_loaded);
}
