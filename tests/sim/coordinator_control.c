/*
 * coordinator_control.c: what operators say of rollouts that stand: pause, resume, stop, retry,
 * rule; holds, the trust file and suspended agents. Source of each rule:
 * coordinator/service/verbs_control.c, verbs_resolve.c, verbs_agents.c, coordinator/trust.
 */
#include "tests/sim/coordinator.h"

#include "tests/sim/oracle.h"
#include "tests/sim/server.h"

static bool order_has_ended(sim_t *sim, coordinator_t *self, const rollout_t *rollout) {
    const paper_t *order = sim_paper(sim, catalog_paper(rollout));
    return order != NULL && coordinator_wall(sim, self) > order->expires_us + SIM_SKEW_US;
}

bool orders_control(sim_t *sim, coordinator_t *self, rollout_t *rollout, event_kind_t what) {
    uint32_t states = what == EVENT_PAUSE ? IN(ROLLOUT_RUNNING)
                      : what == EVENT_RESUME
                          ? IN(ROLLOUT_PAUSED)
                          : IN(ROLLOUT_PLANNED) | IN(ROLLOUT_RUNNING) | IN(ROLLOUT_PAUSED) |
                                IN(ROLLOUT_STOPPING) | IN(ROLLOUT_REVERTING);
    if ((states & IN(rollout->state)) == 0 ||
        (what == EVENT_RESUME && order_has_ended(sim, self, rollout))) {
        return false;
    }
    event_t event = coordinator_event(sim, self, what);
    event.rollout = rollout->id;
    coordinator_step(self, &event);
    self->offer_all = true;
    return true;
}

static bool is_meant(const rollout_t *rollout, const task_t *task) {
    return task_is_ordered(rollout, task) &&
           (task_state_is_failure(task->state) || task_is_left_out(task));
}

bool orders_retry(sim_t *sim, coordinator_t *self, rollout_t *rollout, bool one) {
    uint32_t states = IN(ROLLOUT_RUNNING) | IN(ROLLOUT_PAUSED) | IN(ROLLOUT_INCOMPLETE);
    if ((states & IN(rollout->state)) == 0 || order_has_ended(sim, self, rollout)) {
        return false;
    }
    bool *busy = orders_busy(sim, self, rollout->kind, &rollout->id);
    const task_t *chosen = NULL;
    bool taken = false;
    for (uint32_t i = 0; i < rollout->task_count; i++) {
        const task_t *task = &rollout->tasks[i];
        if (is_meant(rollout, task)) {
            chosen = chosen == NULL ? task : chosen;
            taken = taken || busy[orders_tenant(task)] ||
                    catalog_taken_back(self, &rollout->id, orders_tenant(task));
        }
    }
    free(busy);
    if (chosen == NULL || taken) {
        return false;
    }
    const wave_t *wave = &rollout->waves[chosen->wave];
    if (one && wave->on_failure != ON_FAILURE_CONTINUE &&
        wave->failed - task_state_is_failure(chosen->state) > wave->budget + wave->forgiven) {
        return false; /* it would fail again before anybody tried */
    }
    event_t event = coordinator_event(sim, self, EVENT_RETRY);
    event.rollout = rollout->id;
    for (uint32_t w = 0; one && w < rollout->wave_count; w++) {
        rollout->waves[w].forgiven++;
    }
    event.job = one ? chosen->job : (ident_t){{0}};
    coordinator_step(self, &event);
    for (uint32_t w = 0; one && w < rollout->wave_count; w++) {
        rollout->waves[w].forgiven--;
    }
    self->offer_all = true;
    return true;
}

void orders_trust(sim_t *sim, coordinator_t *self) {
    catalog_meta_t *meta = disk_change(&self->catalog, CATALOG_META, 0);
    meta->trust = sim->trust;
    for (uint32_t i = 0; i < sim->options.agents; i++) {
        if (self->sessions[i].online) {
            coordinator_tell_trust(sim, self, i);
        }
    }
    self->ask_all = true;
}

/* An agent that is connected can read the ledger: the cluster's holder, or who had the task. */
static bool has_reader(const coordinator_t *self, const task_t *task) {
    agent_key_t holder;
    uint32_t had = agent_of_key(&task->agent);
    return (engine_holder(self->engine, task->system_identifier, &holder) &&
            self->sessions[agent_of_key(&holder)].online) ||
           had == UINT32_MAX || self->sessions[had].online;
}

static bool is_at_work_in(const sim_t *sim, uint32_t tenant) {
    for (uint32_t i = 0; i < sim->server->session_room; i++) {
        if (sim->server->sessions[i].used && sim->server->sessions[i].database == tenant) {
            return true;
        }
    }
    return false;
}

/* A person looks at the tenant's database by other means, and rules what it says, where nobody is
 * at work in it. */
bool orders_rule(sim_t *sim, coordinator_t *self, rollout_t *rollout, const task_t *task) {
    uint32_t tenant = orders_tenant(task);
    const database_t *database = &sim->server->databases[tenant];
    uint32_t own = rollout->waves[task->wave].target_position;
    uint32_t target = own != 0 ? own : rollout->target_position;
    bool doubted = task->state == TASK_UNKNOWN || task->state == TASK_OUTSTANDING;
    if (!doubted || has_reader(self, task) || is_at_work_in(sim, tenant)) {
        return false;
    }
    bool applied = rollout->kind == KIND_FORWARD && database->ledger.position >= target;
    report_facts_t facts = {.job = task->job,
                            .event = database->gone ? TASK_EVENT_RULED_GONE
                                     : applied      ? TASK_EVENT_RULED_DONE
                                                    : TASK_EVENT_RULED_NOT,
                            .has_position = !database->gone,
                            .position = applied ? target : task->from_position,
                            .touched = applied || (task->touched && database->gone),
                            .error_code = ERROR_OUTCOME_RULED,
                            .error = "ruled",
                            .notes = "ruled"};
    sim_tell(sim, "a person rules tenant %u of rollout %08x: event %d", tenant,
             sim_short(&rollout->id), (int)facts.event);
    oracle_rules(sim, tenant);
    event_t event = coordinator_event(sim, self, EVENT_RULE);
    event.report = &facts;
    coordinator_step(self, &event);
    if (database->gone) {
        catalog_tenant_t *row = disk_change(&self->catalog, CATALOG_TENANTS, tenant);
        row->gone = true;
    }
    self->offer_all = true;
    return true;
}

void orders_hold(sim_t *sim, coordinator_t *self, bool hold) {
    catalog_meta_t *meta = disk_change(&self->catalog, CATALOG_META, 0);
    sim->holds++;
    sim->held = hold;
    meta->held = hold;
    meta->holds = sim->holds;
    for (uint32_t i = 0; i < sim->options.agents; i++) {
        if (self->sessions[i].online) {
            coordinator_tell_trust(sim, self, i);
        }
    }
    self->offer_all = true;
}

/* As go_on in coordinator/link/suspended.c. */
void orders_resume_agent(sim_t *sim, coordinator_t *self, uint32_t agent) {
    agent_session_t *session = &self->sessions[agent];
    catalog_agent_t *row = disk_change(&self->catalog, CATALOG_AGENTS, agent);
    sim_tell(sim, "operator lets agent %u go on at coordinator %u", agent, self->number);
    row->suspended = false;
    session->suspended = false;
    session->offer = true;
    if (!session->online || !session->settled) {
        return;
    }
    ident_t *in_hand = calloc(session->attempt_count + 1, sizeof *in_hand);
    INVARIANT(in_hand != NULL);
    for (uint32_t i = 0; i < session->attempt_count; i++) {
        in_hand[i] = session->attempts[i].attempt;
    }
    event_t event = coordinator_event(sim, self, EVENT_IN_HAND);
    event.agent = agent_key_of(agent);
    event.fresh = in_hand;
    event.fresh_count = session->attempt_count;
    coordinator_step(self, &event);
    free(in_hand);
}
