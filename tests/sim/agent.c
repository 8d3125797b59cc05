/*
 * agent.c: the agent's jobs. Machines take their events, the journal is committed where something
 * waits for it, then what the commit allows is started. Source of each rule: agent/loop.c, crew.c,
 * recruit.c.
 */
#include "tests/sim/agent.h"

#include "tests/sim/oracle.h"
#include "tests/sim/oracle_people.h"

#include <stdlib.h>

enum { ROUNDS_MOST = 1000 };

/* ---- the journal ---- */

bool agent_commit(sim_t *sim, agent_t *agent) {
    agent->must_commit = false;
    if (!disk_is_dirty(&agent->journal)) {
        return true;
    }
    AGENT_POINT(sim, agent);
    if (!disk_commit(&agent->journal)) {
        return false;
    }
    oracle_journals(sim, agent->number);
    AGENT_POINT(sim, agent);
    return true;
}

static void give_up(sim_t *sim, agent_t *agent) {
    sim_tell(sim, "agent %u cannot write its journal and stops", agent->number);
    agent->stopped = true;
}

static void keep_progress(agent_t *agent, const run_t *run) {
    journal_job_t *entry = disk_change(&agent->journal, JOURNAL_JOBS, run->entry);
    entry->state = (uint32_t)run->machine.state;
    entry->tries = run->machine.tries;
    entry->cancelled = run->machine.cancelled;
    entry->finished = run->finished;
}

/* ---- machines ---- */

static bool wants(const table_row_t *row, job_effect_t effect) {
    for (size_t i = 0; i < TABLE_EFFECTS; i++) {
        if (row->effects[i] == (uint8_t)effect) {
            return true;
        }
    }
    return false;
}

static bool end_may_wait(job_kind_t kind) {
    return kind == JOB_KIND_FORWARD || kind == JOB_KIND_UNDO || kind == JOB_KIND_BASELINE ||
           kind == JOB_KIND_LOOK;
}

static bool is_held_back(const run_t *run) {
    static const unsigned BEFORE =
        IN(JOB_ACCEPTED) | IN(JOB_CHECKING) | IN(JOB_PROTECTING) | IN(JOB_WAITING);
    bool unbegun = !run->resumed && !run->machine.begun && (BEFORE & IN(run->last_state)) != 0;
    return run->machine.state == JOB_TRANSIENT &&
           (run->held_back || (unbegun && run->machine.leaseless));
}

static void finish(sim_t *sim, agent_t *agent, run_t *run) {
    job_outcome_t outcome = job_outcome_of(run->machine.state);
    bool good = outcome == JOB_OUTCOME_DONE || outcome == JOB_OUTCOME_NOT_NEEDED;
    if (!good && run->error == ERROR_NONE) {
        run->error = ERROR_CANCELLED;
    }
    run->finished = true;
    agent->must_commit = agent->must_commit || !good || !end_may_wait(run->what.kind);
    agent_report(sim, agent, run,
                 &(agent_told_t){.step = job_step_of(run->what.kind, run->last_state),
                                 .outcome = outcome,
                                 .final = true,
                                 .has_state = true,
                                 .held_back = is_held_back(run),
                                 .error = good ? ERROR_NONE : run->error});
    keep_progress(agent, run);
    oracle_ends(sim, agent->number, &run->what, outcome);
}

static void take(sim_t *sim, agent_t *agent, run_t *run, job_event_t event) {
    job_machine_t was = run->machine;
    job_state_t before = was.state;
    const table_row_t *row = job_take(&run->machine, event, chance_u32(&sim->chance));
    people_job(sim, &was, event, &run->machine, row);
    bool intent = wants(row, JOB_DO_WORK) || wants(row, JOB_DO_SETTLE);
    memcpy(run->planned, row->effects, sizeof run->planned);
    sim_tell(sim, "agent %u attempt %08x tenant %u: %s + %s -> %s (job:%u)", agent->number,
             sim_short(&run->what.attempt), run->what.tenant, JOB_MACHINE.states[before],
             JOB_MACHINE.events[event], JOB_MACHINE.states[run->machine.state], row->id);
    if (!job_state_is_final(before)) {
        run->last_state = before;
    }
    if (wants(row, JOB_DO_ARM)) {
        run->wait_until_us = sim->now_us + run->machine.wait_ms * SIM_MS;
    }
    if (wants(row, JOB_DO_DOUBT)) {
        agent->must_commit = true;
        agent_report(sim, agent, run,
                     &(agent_told_t){.step = JOB_STEP_SETTLE,
                                     .outcome = JOB_OUTCOME_UNKNOWN,
                                     .error = run->error});
    }
    if (wants(row, JOB_DO_FINISH)) {
        finish(sim, agent, run);
        return;
    }
    if (intent && !sim_has(sim, BUG_NO_INTENT)) {
        agent->must_commit = true;
        keep_progress(agent, run);
    }
}

/* ---- carrying out ---- */

static bool refuse(run_t *run, job_effect_t effect) {
    bool looks = effect == JOB_DO_SETTLE && run->refused && run->placed;
    if (run->unfit == ERROR_NONE || looks) {
        return false;
    }
    run->error = run->unfit;
    run->held_back = run->unfit_passes && !run->resumed;
    step_over(run, run->unfit_passes ? JOB_EVENT_TRANSIENT
                   : !run->resumed   ? JOB_EVENT_REFUSED
                                     : JOB_EVENT_FAILED);
    return true;
}

static bool work_is_refused(sim_t *sim, agent_t *agent, run_t *run) {
    if (run->worked || run->resumed) {
        return false;
    }
    if (agent_stands(sim, agent, run)) {
        run->worked = true;
        return false;
    }
    run->error = run->unfit;
    run->held_back = run->unfit_passes;
    step_over(run, run->unfit_passes ? JOB_EVENT_TRANSIENT : JOB_EVENT_FAILED);
    return true;
}

static void start(sim_t *sim, agent_t *agent, run_t *run, job_effect_t effect) {
    if (refuse(run, effect) || (effect == JOB_DO_WORK && work_is_refused(sim, agent, run))) {
        return;
    }
    AGENT_POINT(sim, agent);
    switch (effect) {
    case JOB_DO_CHECK:
        step_check(sim, agent, run);
        break;
    case JOB_DO_PROTECT:
        step_protect(sim, agent, run);
        break;
    case JOB_DO_WORK:
        step_work(sim, agent, run);
        break;
    case JOB_DO_VERIFY:
        step_verify(sim, agent, run);
        break;
    case JOB_DO_SETTLE:
        step_settle(sim, agent, run);
        break;
    case JOB_DO_NOTHING:
    case JOB_DO_ARM:
    case JOB_DO_DOUBT:
    case JOB_DO_TRUST:
    case JOB_DO_FINISH:
    case JOB_EFFECT_COUNT:
        break;
    }
}

static bool carry_out(sim_t *sim, agent_t *agent, run_t *run) {
    uint8_t planned[TABLE_EFFECTS];
    memcpy(planned, run->planned, sizeof planned);
    memset(run->planned, 0, sizeof run->planned);
    bool any = false;
    for (size_t i = 0; i < TABLE_EFFECTS; i++) {
        if (planned[i] >= JOB_DO_CHECK && planned[i] <= JOB_DO_SETTLE) {
            start(sim, agent, run, (job_effect_t)planned[i]);
            any = true;
        }
    }
    return any;
}

static void place(agent_t *agent, run_t *run) {
    bool all_read = true;
    for (uint32_t i = 0; i < agent->place_count; i++) {
        all_read = all_read && agent->places[i].read;
        if (agent->places[i].read && agent->places[i].cluster == run->what.cluster) {
            run->placed = true;
            run->place = i;
            agent->places[i].queued++;
            return;
        }
    }
    if (all_read) {
        run->unfit = ERROR_TENANT_MISMATCH;
    }
}

/* Begins without a lease, and unjudged: it is given back, settled first where it was at work. */
static bool is_denied(const sim_t *sim, const agent_t *agent, const run_t *run) {
    return agent->places[run->place].denied && agent->welcomed && !sim_has(sim, BUG_NO_LEASE);
}

static bool may_begin(sim_t *sim, agent_t *agent, run_t *run) {
    if (run->begun || run->finished) {
        return false;
    }
    if (!run->placed && run->unfit == ERROR_NONE) {
        place(agent, run);
    }
    if (run->unfit != ERROR_NONE || !run->placed) {
        return run->unfit != ERROR_NONE;
    }
    const agent_place_t *at = &agent->places[run->place];
    bool ours = at->until_us > sim->now_us || sim_has(sim, BUG_NO_LEASE);
    if (is_denied(sim, agent, run)) {
        return true;
    }
    if (at->running >= AGENT_SLOTS || !ours) {
        return false;
    }
    run->granted = agent_judge(sim, agent, run);
    run->refused = !run->granted;
    return true;
}

static void begin(sim_t *sim, agent_t *agent, run_t *run) {
    run->begun = true;
    run->begun_us = sim->now_us;
    run->given_back = run->placed && is_denied(sim, agent, run);
    run->machine.leaseless = run->given_back;
    if (run->placed) {
        agent->places[run->place].running++;
        agent->places[run->place].queued--;
    }
    if (run->unfit == ERROR_NONE && !job_should_halt(&run->machine) && !run->resumed) {
        oracle_begins(sim, agent->number, &run->what);
    }
    take(sim, agent, run, run->resumed ? JOB_EVENT_RESUMED : JOB_EVENT_BEGUN);
}

static void dismiss(sim_t *sim, agent_t *agent) {
    run_t **link = &agent->runs;
    while (*link != NULL) {
        run_t *run = *link;
        if (!run->finished) {
            link = &run->next_run;
            continue;
        }
        *link = run->next_run;
        if (run->placed) {
            agent->places[run->place].running -= run->begun;
            agent->places[run->place].queued -= !run->begun;
        }
        step_disconnect(sim, run);
        free(run);
    }
    agent->runs_end = link;
}

static bool crew_carry_out(sim_t *sim, agent_t *agent) {
    bool any = false;
    for (run_t *run = agent->runs; run != NULL; run = run->next_run) {
        any = carry_out(sim, agent, run) || any;
    }
    dismiss(sim, agent);
    for (run_t *run = agent->runs; run != NULL; run = run->next_run) {
        if (may_begin(sim, agent, run)) {
            begin(sim, agent, run);
            any = true;
        }
    }
    return any;
}

static void tell(sim_t *sim, agent_t *agent) {
    if (agent_reports_due(sim, agent) && !agent_commit(sim, agent)) {
        give_up(sim, agent);
        return;
    }
    if (disk_is_dirty(&agent->journal)) {
        agent_reports_gather(sim, agent);
    } else {
        agent_say_due(sim, agent);
    }
}

void agent_settle(sim_t *sim, agent_t *agent) {
    if (agent->settling || agent->stopped || !agent->up || agent->paused) {
        return;
    }
    agent->settling = true;
    bool again = true;
    for (int round = 0; again && !agent->stopped && round < ROUNDS_MOST; round++) {
        for (run_t *run = agent->runs; run != NULL; run = run->next_run) {
            if (run->over) {
                run->over = false;
                take(sim, agent, run, run->over_event);
            }
        }
        if (agent->must_commit && !agent_commit(sim, agent)) {
            give_up(sim, agent);
            break;
        }
        again = crew_carry_out(sim, agent);
    }
    if (!agent->stopped) {
        tell(sim, agent);
    }
    agent->settling = false;
    if (agent->stopped) {
        agent_crash(sim, agent); /* the process ends; its supervisor starts it again */
    }
}

/* ---- what comes ---- */

static run_t *recruit(sim_t *sim, agent_t *agent, const job_item_t *what, uint32_t entry) {
    (void)sim;
    const paper_t *order = sim_paper(sim, what->order);
    run_t *run = calloc(1, sizeof *run);
    INVARIANT(run != NULL);
    run->id = agent->life << 32 | ++agent->run_ids;
    run->what = *what;
    run->entry = entry;
    run->machine = (job_machine_t){
        .kind = what->kind,
        .state = JOB_ACCEPTED,
        .protects = order == NULL || order->dump || what->kind == JOB_KIND_FORWARD ||
                    what->kind == JOB_KIND_BACKUP,
        .backoff = {.first_ms = 100, .most_ms = 5000, .attempts = 8},
    };
    run->unfit = what->expired ? ERROR_JOB_EXPIRED : ERROR_NONE;
    run->unfit_passes = what->expired;
    place(agent, run);
    *agent->runs_end = run;
    agent->runs_end = &run->next_run;
    return run;
}

static bool is_known(const agent_t *agent, const ident_t *attempt) {
    for (uint32_t i = disk_count(&agent->journal, JOURNAL_JOBS); i > 0; i--) {
        const journal_job_t *job = disk_row(&agent->journal, JOURNAL_JOBS, i - 1);
        if (ident_equal(&job->what.attempt, attempt)) {
            return true;
        }
    }
    return false;
}

void agent_accept(sim_t *sim, agent_t *agent, const message_t *message) {
    const job_item_t *jobs = (const job_item_t *)(message + 1);
    for (uint32_t i = 0; i < message->count; i++) {
        if (!is_known(agent, &jobs[i].attempt)) {
            journal_job_t entry = {.what = jobs[i], .state = JOB_ACCEPTED};
            entry.what.expired = message->wall_us < agent_wall(sim, agent);
            uint32_t at = disk_append(&agent->journal, JOURNAL_JOBS, &entry);
            (void)recruit(sim, agent, &entry.what, at);
        }
    }
    agent->must_commit = true;
}

void agent_resume(sim_t *sim, agent_t *agent) {
    for (uint32_t i = 0; i < disk_count(&agent->journal, JOURNAL_JOBS); i++) {
        const journal_job_t *job = disk_row(&agent->journal, JOURNAL_JOBS, i);
        if (job->finished) {
            continue;
        }
        run_t *run = recruit(sim, agent, &job->what, i);
        run->machine.state = (job_state_t)job->state;
        run->machine.tries = job->tries;
        run->machine.cancelled = job->cancelled;
        run->resumed = job->state != JOB_ACCEPTED;
        if (run->resumed && run->unfit == ERROR_JOB_EXPIRED) {
            run->unfit = ERROR_NONE; /* what it left is read first; then agent_judge has spoken */
        }
    }
}

static void cancel(sim_t *sim, agent_t *agent, run_t *run) {
    if (!run->over) {
        take(sim, agent, run, JOB_EVENT_CANCEL);
    }
}

void agent_cancel(sim_t *sim, agent_t *agent, const ident_t *attempts, uint32_t count) {
    for (uint32_t i = 0; i < count; i++) {
        for (run_t *run = agent->runs; run != NULL; run = run->next_run) {
            if (ident_equal(&run->what.attempt, &attempts[i]) && !run->finished) {
                run->machine.cancelled = true;
                cancel(sim, agent, run);
            }
        }
    }
}

static void tick_run(sim_t *sim, agent_t *agent, run_t *run) {
    if (run->finished || run->over || !run->placed) {
        return;
    }
    bool held = agent->places[run->place].until_us > sim->now_us || sim_has(sim, BUG_NO_LEASE);
    if (run->begun && !held && !run->machine.leaseless) {
        run->machine.leaseless = true;
        cancel(sim, agent, run);
    } else if (held && (!run->given_back || sim_has(sim, BUG_UNJUDGED))) {
        run->machine.leaseless = false;
    }
    bool late = run->begun && run->what.deadline_us > 0 &&
                sim->now_us - run->begun_us > run->what.deadline_us;
    if (late && !run->machine.cancelled) {
        run->machine.cancelled = true;
        cancel(sim, agent, run);
    }
    if (run->machine.state == JOB_WAITING && sim->now_us >= run->wait_until_us && !run->finished) {
        take(sim, agent, run, JOB_EVENT_DUE);
    }
}

/* A newer order of the tenant was accepted: what is at work under another one stops at its seam.
 * Asked for between two rounds, so that no event is taken: it would go over what is planned. */
void agent_supersede(agent_t *agent, const run_t *by) {
    for (run_t *run = agent->runs; run != NULL; run = run->next_run) {
        if (run != by && run->what.tenant == by->what.tenant && run->what.order != by->what.order &&
            !run->finished) {
            run->machine.cancelled = true;
        }
    }
}

void agent_tick(sim_t *sim, agent_t *agent) {
    if (!agent->up || agent->paused) {
        return;
    }
    for (uint32_t i = 0; i < agent->place_count; i++) {
        agent_place_t *at = &agent->places[i];
        bool writable = server_writable(sim, agent->number, at->cluster) && !at->cut;
        bool reached = sim->server->clusters[at->cluster].up && !at->cut;
        uint32_t timeline = sim->server->clusters[at->cluster].timeline;
        if (reached && (!at->read || writable != at->seen_writable || at->timeline != timeline)) {
            agent->inventory_due = agent->inventory_due || at->timeline != timeline || !at->read;
            at->read = true;
            at->seen_writable = writable;
            at->timeline = timeline;
            agent->clusters_changed = true;
        } else if (!reached && at->seen_writable) {
            at->seen_writable = false;
            agent->clusters_changed = true;
        }
    }
    for (run_t *run = agent->runs; run != NULL; run = run->next_run) {
        tick_run(sim, agent, run);
    }
    agent_settle(sim, agent);
    if (agent->up) {
        agent_link_tick(sim, agent);
    }
}

/* ---- answers ---- */

/* Before an answer lets a run go on: a process that was stopped may be past its lease, and its
 * timers may be behind. */
static void watch_leases(sim_t *sim, agent_t *agent) {
    for (run_t *run = agent->runs; run != NULL; run = run->next_run) {
        tick_run(sim, agent, run);
    }
}

void agent_answered(sim_t *sim, uint32_t number) {
    session_t *session = &sim->server->sessions[number];
    agent_t *agent = &sim->agents[session->agent];
    if (!agent->up || agent->paused) {
        return; /* it is read when the agent wakes */
    }
    session->answered = false;
    watch_leases(sim, agent);
    for (run_t *run = agent->runs; run != NULL; run = run->next_run) {
        if (run->id == session->run && run->connected && run->session == number &&
            run->then != NULL && !run->over) {
            run_next_fn *then = run->then;
            run->then = NULL;
            run->answer = session->answer;
            then(sim, agent, run);
            break;
        }
    }
    agent_settle(sim, agent);
}

/* Told from within a fault: the agent looks at it as an event of its own. */
void agent_session_lost(sim_t *sim, const agent_lost_t *lost) {
    agent_t *agent = &sim->agents[lost->agent];
    for (run_t *run = agent->runs; run != NULL; run = run->next_run) {
        if (run->id == lost->run && run->connected && run->session == lost->session) {
            run->connected = false;
            run->locked = false;
            run->lost = true;
            sim_ask(sim, (sim_item_t){
                             .at_us = sim->now_us, .event = SIM_AGENT_POLL, .who = agent->number});
        }
    }
}

void agent_poll(sim_t *sim, agent_t *agent) {
    if (agent->up && !agent->paused) {
        watch_leases(sim, agent);
    }
    for (run_t *run = agent->runs; run != NULL && agent->up && !agent->paused;
         run = run->next_run) {
        run_next_fn *then = run->then;
        if (run->lost && then != NULL && !run->over) {
            run->then = NULL;
            run->answer = (answer_t){.code = ANSWER_LOST};
            run->lost = false;
            then(sim, agent, run);
        }
        run->lost = false;
        if (run->connected && run->then != NULL && sim->server->sessions[run->session].answered) {
            sim->server->sessions[run->session].answered = false;
            then = run->then;
            run->then = NULL;
            run->answer = sim->server->sessions[run->session].answer;
            then(sim, agent, run);
        }
    }
    agent_settle(sim, agent);
}

bool agent_loses_commit(sim_t *sim, uint32_t number) {
    bool loses = sim->agents[number].loses_commit;
    sim->agents[number].loses_commit = false;
    return loses;
}

bool agent_is_cut_off(const sim_t *sim, uint32_t number, uint32_t cluster) {
    const agent_t *agent = &sim->agents[number];
    for (uint32_t i = 0; i < agent->place_count; i++) {
        if (agent->places[i].cluster == cluster) {
            return agent->places[i].cut;
        }
    }
    return true;
}

bool agent_sees(const sim_t *sim, uint32_t number, uint32_t cluster) {
    const agent_t *agent = &sim->agents[number];
    for (uint32_t i = 0; i < agent->place_count; i++) {
        if (agent->places[i].cluster == cluster) {
            return true;
        }
    }
    return false;
}

void agent_drop_runs(sim_t *sim, agent_t *agent) {
    while (agent->runs != NULL) {
        run_t *run = agent->runs;
        agent->runs = run->next_run;
        if (run->connected) {
            server_leave(sim, run->session, true);
        }
        free(run);
    }
    agent->runs_end = &agent->runs;
}
