/*
 * coordinator_talk.c: what agents say and what is answered. Source of each rule:
 * coordinator/link/hello.c, reports.c, results.c, inventory.c, news.c, outcome.c.
 */
#include "tests/sim/coordinator.h"

#include "tests/sim/oracle.h"
#include "tests/sim/server.h"

#include <stdio.h>
#include <stdlib.h>

/* ---- agents that lost their state: coordinator/link/suspended.c ---- */

held_t coordinator_held(const sim_t *sim, const coordinator_t *self, uint32_t agent) {
    static const char *const everything[] = {""};
    bool held = catalog_meta(self)->held && !sim_has(sim, BUG_NO_HOLD);
    return (held_t){.applications = everything,
                    .count = held || self->sessions[agent].suspended ? 1 : 0};
}

/* Whether another agent, that is not suspended, can act on the cluster instead. */
static bool yields(const sim_t *sim, const coordinator_t *self, uint32_t agent, uint32_t cluster) {
    for (uint32_t i = 0; self->sessions[agent].suspended && i < sim->options.agents; i++) {
        const agent_session_t *other = &self->sessions[i];
        for (uint32_t k = 0; other->online && !other->suspended && k < other->cluster_count; k++) {
            if (other->clusters[k].cluster == cluster && other->clusters[k].writable) {
                return true;
            }
        }
    }
    return false;
}

static void give_back(sim_t *sim, coordinator_t *self, uint32_t agent) {
    const agent_session_t *session = &self->sessions[agent];
    agent_key_t key = agent_key_of(agent);
    for (uint32_t i = 0; session->suspended && i < session->cluster_count; i++) {
        uint32_t cluster = session->clusters[i].cluster;
        agent_key_t holder;
        if (!engine_holder(self->engine, cluster + 1, &holder) ||
            memcmp(&holder, &key, sizeof key) != 0 || !yields(sim, self, agent, cluster)) {
            continue;
        }
        event_t event = coordinator_event(sim, self, EVENT_SEEN);
        event.agent = key;
        event.cluster = cluster + 1;
        event.parallel = session->clusters[i].parallel;
        coordinator_step(self, &event);
    }
}

/* ---- leases ---- */

static void fill_leases(sim_t *sim, coordinator_t *self, uint32_t agent, message_t *message) {
    const agent_session_t *session = &self->sessions[agent];
    agent_key_t key = agent_key_of(agent);
    int64_t margin_us = SIM_LEASE_US / 4;
    message->said = session->said;
    message->cluster_count = session->cluster_count;
    for (uint32_t i = 0; i < session->cluster_count; i++) {
        uint32_t cluster = session->clusters[i].cluster;
        int64_t left_us = engine_lease_left_us(self->engine, cluster + 1, &key, sim->now_us);
        message->clusters[i].cluster = cluster;
        message->clusters[i].lease_us =
            left_us > margin_us ? left_us + sim->now_us - session->said_us - margin_us : 0;
        if (sim_has(sim, BUG_GIVE_TWICE) && session->clusters[i].writable) {
            message->clusters[i].lease_us = SIM_LEASE_US;
        }
    }
}

void coordinator_tell_leases(sim_t *sim, coordinator_t *self, uint32_t agent) {
    message_t *message = coordinator_message(sim, self, agent, MESSAGE_LEASES, 0, 0);
    fill_leases(sim, self, agent, message);
    coordinator_say(self, message, 0);
}

void coordinator_tell_trust(sim_t *sim, coordinator_t *self, uint32_t agent) {
    message_t *message = coordinator_message(sim, self, agent, MESSAGE_TRUST, 0, 0);
    message->holds = catalog_meta(self)->holds;
    message->held = catalog_meta(self)->held;
    message->trust = catalog_meta(self)->trust;
    coordinator_say(self, message, 0);
}

static void see_clusters(sim_t *sim, coordinator_t *self, const message_t *message) {
    agent_session_t *session = &self->sessions[message->agent];
    for (uint32_t i = 0; i < message->cluster_count; i++) {
        if (!message->clusters[i].known) {
            continue;
        }
        uint32_t at = 0;
        while (at < session->cluster_count &&
               session->clusters[at].cluster != message->clusters[i].cluster) {
            at++;
        }
        session->cluster_count += at == session->cluster_count;
        session->clusters[at] = message->clusters[i];
        event_t event = coordinator_event(sim, self, EVENT_SEEN);
        event.agent = agent_key_of(message->agent);
        event.cluster = message->clusters[i].cluster + 1;
        event.writable = message->clusters[i].writable &&
                         !yields(sim, self, message->agent, message->clusters[i].cluster);
        event.parallel = message->clusters[i].parallel;
        coordinator_step(self, &event);
    }
}

static void claim_free(sim_t *sim, coordinator_t *self, uint32_t agent) {
    const agent_session_t *session = &self->sessions[agent];
    for (uint32_t i = 0; i < session->cluster_count; i++) {
        agent_key_t holder;
        if (!session->clusters[i].writable ||
            engine_holder(self->engine, session->clusters[i].cluster + 1, &holder) ||
            yields(sim, self, agent, session->clusters[i].cluster)) {
            continue;
        }
        event_t event = coordinator_event(sim, self, EVENT_SEEN);
        event.agent = agent_key_of(agent);
        event.cluster = session->clusters[i].cluster + 1;
        event.writable = true;
        event.parallel = session->clusters[i].parallel;
        coordinator_step(self, &event);
    }
}

/* ---- hello ---- */

static void refuse(sim_t *sim, coordinator_t *self, const message_t *message) {
    message_t *answer = coordinator_message(sim, self, message->agent, MESSAGE_REFUSED, 0, 0);
    answer->connection = message->connection;
    coordinator_say(self, answer, 0);
}

/* An agent that has seen a newer run of this catalog: what runs here is an old copy of it. */
static bool check_epoch(sim_t *sim, coordinator_t *self, const token_t *seen) {
    const token_t *own = &catalog_meta(self)->token;
    bool same_run = ident_equal(&seen->incarnation, &own->incarnation);
    if (seen->epoch < own->epoch || (seen->epoch == own->epoch && same_run) ||
        sim_has(sim, BUG_IGNORE_EPOCH) ||
        (sim_has(sim, BUG_EQUAL_EPOCH) && seen->epoch == own->epoch)) {
        return true;
    }
    self->behind = true;
    return false;
}

static bool check_hello(sim_t *sim, coordinator_t *self, const message_t *message) {
    int64_t apart_us = message->wall_us - coordinator_wall(sim, self);
    const catalog_agent_t *known = disk_row(&self->catalog, CATALOG_AGENTS, message->agent);
    bool changed = known->known && !ident_equal(&known->state, &message->state);
    if (apart_us > SIM_SKEW_US || apart_us < -SIM_SKEW_US ||
        !check_epoch(sim, self, &message->token)) {
        return false;
    }
    return !known->known || changed || message->number >= known->acknowledged;
}

static bool is_waited_for(const coordinator_t *self, const agent_session_t *session,
                          const held_attempt_t *entry) {
    const task_t *task = engine_task(self->engine, &entry->job);
    bool own = task != NULL && task->state != TASK_PENDING && task->state != TASK_READY &&
               ident_equal(&task->attempt, &entry->attempt);
    return own || session->refills;
}

static bool is_taken_back(const coordinator_t *self, const rollout_t *rollout) {
    for (uint32_t i = 0; i < disk_count(&self->catalog, CATALOG_ROLLOUTS); i++) {
        const catalog_rollout_t *row = disk_row(&self->catalog, CATALOG_ROLLOUTS, i);
        if (ident_equal(&row->parent, &rollout->id)) {
            return true;
        }
    }
    return false;
}

static bool is_given_up(const coordinator_t *self, const agent_session_t *session,
                        const held_attempt_t *entry) {
    const rollout_t *rollout = engine_rollout_of(self->engine, &entry->job);
    const task_t *task = engine_task(self->engine, &entry->job);
    return rollout != NULL &&
           (rollout_state_is_called_off(rollout->state) || !is_waited_for(self, session, entry) ||
            (task->state == TASK_OUTSTANDING && is_taken_back(self, rollout)));
}

static void take_in_hand(sim_t *sim, coordinator_t *self, const message_t *message) {
    agent_session_t *session = &self->sessions[message->agent];
    const in_hand_t *items = (const in_hand_t *)(message + 1);
    session->attempt_count = 0;
    free(session->in_hand);
    session->in_hand = calloc(message->count + 1, sizeof *session->in_hand);
    INVARIANT(session->in_hand != NULL);
    session->in_hand_count = 0;
    for (uint32_t i = 0; i < message->count; i++) {
        session->in_hand[session->in_hand_count++] = items[i].attempt;
        catalog_recall(sim, self, &items[i].job);
        held_attempt_t *entry = session_add_attempt(session, &items[i].attempt, &items[i].job);
        entry->heard = true;
        entry->sent_us = sim->now_us;
        entry->cancel = is_given_up(self, session, entry);
    }
    session->in_hand_said = session->in_hand_count;
}

void coordinator_settle_agent(sim_t *sim, coordinator_t *self, uint32_t agent) {
    agent_session_t *session = &self->sessions[agent];
    if (!sim_has(sim, BUG_JOB_FORGOTTEN)) {
        event_t event = coordinator_event(sim, self, EVENT_IN_HAND);
        event.agent = agent_key_of(agent);
        event.fresh = session->in_hand;
        event.fresh_count = session->in_hand_count;
        event.forgetful = session->forgetful;
        event.held = session->suspended ? coordinator_held(sim, self, agent) : (held_t){0};
        coordinator_step(self, &event);
    }
    free(session->in_hand);
    session->in_hand = NULL;
    session->in_hand_count = 0;
    session->settled = true;
    session->offer = true;
}

static void take_hello(sim_t *sim, coordinator_t *self, const message_t *message) {
    if (!check_hello(sim, self, message)) {
        refuse(sim, self, message);
        return;
    }
    catalog_agent_t *row = disk_change(&self->catalog, CATALOG_AGENTS, message->agent);
    bool forgetful = row->known && !ident_equal(&row->state, &message->state);
    if (!row->known || !ident_equal(&row->state, &message->state)) {
        *row = (catalog_agent_t){
            .known = true, .state = message->state, .suspended = forgetful || row->suspended};
    }
    agent_session_t *session = &self->sessions[message->agent];
    bool was_settled = session->settled;
    session->online = true;
    session->connection = message->connection;
    session->state = message->state;
    session->acknowledged = row->acknowledged;
    session->last_report = message->number;
    session->said = message->said;
    session->said_us = sim->now_us;
    session->refills = message->acknowledged_seen > row->acknowledged;
    session->progress_us = sim->now_us;
    session->capacity = 0;
    session->settled = false;
    session->suspended = row->suspended;
    session->forgetful = forgetful || (session->forgetful && !was_settled);
    session->cluster_count = 0;
    take_in_hand(sim, self, message);
    see_clusters(sim, self, message);
    event_t alive = coordinator_event(sim, self, EVENT_ALIVE);
    alive.agent = agent_key_of(message->agent);
    coordinator_step(self, &alive);
    if (session->acknowledged >= session->last_report) {
        coordinator_settle_agent(sim, self, message->agent);
    }
    message_t *welcome = coordinator_message(sim, self, message->agent, MESSAGE_WELCOME, 0, 0);
    welcome->number = session->acknowledged;
    fill_leases(sim, self, message->agent, welcome);
    coordinator_say(self, welcome, 0);
    coordinator_tell_trust(sim, self, message->agent);
}

/* ---- beats ---- */

static void repeat_cancels(sim_t *sim, coordinator_t *self, uint32_t agent) {
    agent_session_t *session = &self->sessions[agent];
    for (uint32_t i = session->attempt_count; i > 0; i--) {
        held_attempt_t *entry = &session->attempts[i - 1];
        entry->cancel = entry->cancel || is_given_up(self, session, entry);
        if (entry->cancel) {
            jobs_cancel(sim, self, agent, &entry->attempt);
        }
        if (!entry->heard && !is_waited_for(self, session, entry)) {
            *entry = session->attempts[--session->attempt_count]; /* said once: it never came */
        }
    }
}

static void take_beat(sim_t *sim, coordinator_t *self, const message_t *message) {
    agent_session_t *session = &self->sessions[message->agent];
    if (message->said < session->said) {
        return; /* overtaken */
    }
    session->said = message->said;
    session->said_us = sim->now_us;
    see_clusters(sim, self, message);
    event_t alive = coordinator_event(sim, self, EVENT_ALIVE);
    alive.agent = agent_key_of(message->agent);
    coordinator_step(self, &alive);
    give_back(sim, self, message->agent);
    claim_free(sim, self, message->agent);
    session->capacity = message->room + message->in_hand;
    session->in_hand_said = message->in_hand;
    session->offer = true;
    repeat_cancels(sim, self, message->agent);
    coordinator_tell_leases(sim, self, message->agent);
    session->tell_leases = false;
}

/* ---- inventory ---- */

/* What was noted by a clock that stood ahead outweighs nothing. */
static bool is_stale(const catalog_tenant_t *known, const head_seen_t *seen, int64_t now_us) {
    return known->known && seen->observed_us < known->observed_us && known->observed_us <= now_us;
}

/* As store_tenant_judge: a newer head always counts, an older one only where it was seen later, and
 * not where its agent said hello since (late). Seen by a clock that may run ahead. */
static void put_head(sim_t *sim, coordinator_t *self, head_seen_t seen, bool late) {
    catalog_tenant_t *row = disk_change(&self->catalog, CATALOG_TENANTS, seen.tenant);
    int64_t now_us = coordinator_wall(sim, self);
    bool newer = seen.generation > row->generation ||
                 (seen.generation == row->generation && seen.sequence > row->sequence);
    seen.observed_us = seen.observed_us < now_us ? seen.observed_us : now_us;
    if (row->known && !newer && (late || is_stale(row, &seen, now_us))) {
        return;
    }
    row->known = true;
    row->generation = seen.generation;
    row->sequence = seen.sequence;
    row->position = seen.position;
    row->head = seen.head;
    row->observed_us = seen.observed_us;
}

static void take_inventory(sim_t *sim, coordinator_t *self, const message_t *message) {
    const head_seen_t *items = (const head_seen_t *)(message + 1);
    for (uint32_t i = 0; i < message->count; i++) {
        catalog_tenant_t *row = disk_change(&self->catalog, CATALOG_TENANTS, items[i].tenant);
        row->gone = items[i].gone;
        row->cluster = sim->server->databases[items[i].tenant].cluster;
        put_head(sim, self, items[i], false);
    }
}

/* ---- reports ---- */

/* As outcome_event and outcome_touched. */
static task_event_t event_of(const report_t *report) {
    if (!report->final) {
        return report->outcome == JOB_OUTCOME_UNKNOWN ? TASK_EVENT_UNKNOWN : TASK_EVENT_STARTED;
    }
    static const task_event_t EVENTS[JOB_OUTCOME_COUNT] = {
        [JOB_OUTCOME_NONE] = TASK_EVENT_STARTED,
        [JOB_OUTCOME_STARTED] = TASK_EVENT_STARTED,
        [JOB_OUTCOME_DONE] = TASK_EVENT_DONE,
        [JOB_OUTCOME_NOT_NEEDED] = TASK_EVENT_NOT_NEEDED,
        [JOB_OUTCOME_REFUSED] = TASK_EVENT_REFUSED,
        [JOB_OUTCOME_FAILED] = TASK_EVENT_FAILED,
        [JOB_OUTCOME_TRANSIENT] = TASK_EVENT_TRANSIENT,
        [JOB_OUTCOME_UNKNOWN] = TASK_EVENT_UNKNOWN,
        [JOB_OUTCOME_CANCELLED] = TASK_EVENT_CANCELLED,
        [JOB_OUTCOME_GONE] = TASK_EVENT_GONE,
    };
    return EVENTS[report->outcome];
}

static bool step_changes(job_step_t step) {
    return step == JOB_STEP_APPLY || step == JOB_STEP_UNDO || step == JOB_STEP_RESTORE ||
           step == JOB_STEP_BASELINE;
}

static void tell_engine(sim_t *sim, coordinator_t *self, uint32_t agent, const report_t *report,
                        bool found) {
    const task_t *task = engine_task(self->engine, &report->job);
    const rollout_t *rollout = engine_rollout_of(self->engine, &report->job);
    char reference[16];
    report_facts_t facts = {.job = report->job,
                            .attempt = report->attempt,
                            .event = event_of(report),
                            .step = (uint32_t)report->step,
                            .has_position = report->has_state,
                            .position = report->position,
                            .found = found,
                            .unspent = report->error == ERROR_CARD_REVOKED,
                            .error_code = report->error};
    facts.unspent = facts.event == TASK_EVENT_TRANSIENT && report->held_back;
    bool moved = report->has_state && report->position != task->from_position;
    facts.touched = moved || report->outcome == JOB_OUTCOME_UNKNOWN ||
                    (report->outcome == JOB_OUTCOME_DONE && step_changes(report->step));
    if (rollout->kind != KIND_RESTORE && report->point != 0) {
        (void)snprintf(reference, sizeof reference, "%u", report->point);
        facts.reference = reference;
    }
    event_t event = coordinator_event(sim, self, EVENT_REPORT);
    event.agent = agent_key_of(agent);
    event.report = &facts;
    coordinator_step(self, &event);
}

static void apply_report(sim_t *sim, coordinator_t *self, uint32_t agent, const report_t *report,
                         bool found) {
    if (report->has_state) {
        head_seen_t seen = {.tenant = report->tenant,
                            .generation = report->generation,
                            .sequence = report->sequence,
                            .position = report->position,
                            .head = report->head,
                            .observed_us = report->finished_us};
        put_head(sim, self, seen, report->number <= self->sessions[agent].last_report);
    }
    if (report->point != 0) {
        (void)disk_append(&self->catalog, CATALOG_POINTS, &report->point);
    }
    if (report->final && report->outcome == JOB_OUTCOME_GONE) {
        catalog_tenant_t *row = disk_change(&self->catalog, CATALOG_TENANTS, report->tenant);
        row->gone = true;
    }
    tell_engine(sim, self, agent, report, found);
}

static bool sees(const agent_session_t *session, uint64_t system_identifier) {
    for (uint32_t i = 0; i < session->cluster_count; i++) {
        if (session->clusters[i].cluster + 1 == system_identifier) {
            return true;
        }
    }
    return false;
}

/* As is_found and store_report_is_overtaken: a try that this catalog forgot, and no later word. */
static bool is_found(const coordinator_t *self, const agent_session_t *session, const task_t *task,
                     const report_t *report) {
    if (!session->refills || !sees(session, task->system_identifier)) {
        return false;
    }
    for (uint32_t i = 0; i < disk_count(&self->catalog, CATALOG_REPORTS); i++) {
        const catalog_report_t *row = disk_row(&self->catalog, CATALOG_REPORTS, i);
        if (!row->foreign && ident_equal(&row->job, &report->job) &&
            !ident_equal(&row->attempt, &report->attempt) &&
            row->finished_us > report->finished_us) {
            return false;
        }
    }
    return true;
}

static void take_report(sim_t *sim, coordinator_t *self, uint32_t agent, const report_t *report) {
    agent_session_t *session = &self->sessions[agent];
    catalog_recall(sim, self, &report->job);
    const task_t *task = engine_task(self->engine, &report->job);
    agent_key_t key = agent_key_of(agent);
    bool own = task != NULL && memcmp(&task->agent, &key, sizeof key) == 0;
    bool current = own && ident_equal(&task->attempt, &report->attempt);
    bool found = task != NULL && !current && is_found(self, session, task, report);
    held_attempt_t *entry = session_find_attempt(session, &report->attempt);
    if (entry != NULL) {
        entry->heard = true;
    }
    if (entry != NULL && report->final) {
        session_remove_attempt(session, &report->attempt);
    }
    if (sim_has(sim, BUG_DROP_REPORT) && chance_permille(&sim->chance, 20)) {
        return;
    }
    catalog_report_t row = {.agent = agent,
                            .state = session->state,
                            .number = report->number,
                            .job = report->job,
                            .attempt = report->attempt,
                            .finished_us = report->finished_us,
                            .foreign = !own && !found};
    (void)disk_append(&self->catalog, CATALOG_REPORTS, &row);
    if (own || found) {
        apply_report(sim, self, agent, report, found);
    }
}

/* A result is kept only as its own agent's word about tenants that it was given. */
static void take_result(coordinator_t *self, uint32_t agent, const report_t *report) {
    const rollout_t *rollout = catalog_rollout_of_paper(self, report->order);
    agent_key_t key = agent_key_of(agent);
    if (report->good == 0 || rollout == NULL) {
        return;
    }
    bool given = false;
    for (uint32_t i = 0; i < rollout->task_count && !given; i++) {
        uint32_t tenant = 0;
        memcpy(&tenant, rollout->tasks[i].tenant.bytes, sizeof tenant);
        given =
            tenant == report->tenant + 1 && memcmp(&rollout->tasks[i].agent, &key, sizeof key) == 0;
    }
    if (given) {
        statement_t statement = {.order = report->order,
                                 .wave = report->wave,
                                 .agent = agent,
                                 .tenant = report->tenant,
                                 .good = report->good == 2,
                                 .key = report->key,
                                 .issued_us = report->finished_us};
        (void)disk_append(&self->catalog, CATALOG_RESULTS, &statement);
        self->evidence = true;
    }
}

static void take_reports(sim_t *sim, coordinator_t *self, const message_t *message) {
    agent_session_t *session = &self->sessions[message->agent];
    const report_t *items = (const report_t *)(message + 1);
    if (!ident_equal(&message->state, &session->state)) {
        refuse(sim, self, message);
        return;
    }
    bool any = false;
    for (uint32_t i = 0; i < message->count; i++) {
        if (items[i].number == session->acknowledged + 1) {
            take_report(sim, self, message->agent, &items[i]);
            session->acknowledged++;
            any = true;
        }
    }
    for (uint32_t i = 0; any && i < message->count; i++) {
        take_result(self, message->agent, &items[i]);
    }
    if (any) {
        catalog_agent_t *row = disk_change(&self->catalog, CATALOG_AGENTS, message->agent);
        row->acknowledged = session->acknowledged;
        session->progress_us = sim->now_us;
        session->offer = true;
        session->refills = session->refills && session->acknowledged < session->last_report;
        if (!session->settled && session->acknowledged >= session->last_report) {
            coordinator_settle_agent(sim, self, message->agent);
        }
    }
    message_t *ack = coordinator_message(sim, self, message->agent, MESSAGE_ACK, 0, 0);
    ack->number = session->acknowledged;
    coordinator_say(self, ack, 0);
}

/* ---- the whole ---- */

void coordinator_take(sim_t *sim, coordinator_t *self, const message_t *message) {
    agent_session_t *session = &self->sessions[message->agent];
    if (message->kind == MESSAGE_HELLO) {
        if (message->connection >= session->connection) {
            take_hello(sim, self, message);
        }
        return;
    }
    /* of a connection that was closed behind it, its last word is read all the same */
    bool leaves = message->kind == MESSAGE_GOODBYE && session->connection == message->connection;
    if ((!session->online && !leaves) || session->connection != message->connection) {
        refuse(sim, self, message);
        return;
    }
    switch (message->kind) {
    case MESSAGE_BEAT:
        take_beat(sim, self, message);
        break;
    case MESSAGE_INVENTORY:
        take_inventory(sim, self, message);
        break;
    case MESSAGE_REPORTS:
        take_reports(sim, self, message);
        break;
    case MESSAGE_GOODBYE: {
        event_t event = coordinator_event(sim, self, EVENT_GOODBYE);
        event.agent = agent_key_of(message->agent);
        coordinator_step(self, &event);
        session->online = false;
        session->capacity = 0;
        break;
    }
    case MESSAGE_HELLO:
    case MESSAGE_WELCOME:
    case MESSAGE_LEASES:
    case MESSAGE_ACK:
    case MESSAGE_JOBS:
    case MESSAGE_CANCEL:
    case MESSAGE_TRUST:
    case MESSAGE_REFUSED:
    case MESSAGE_KIND_COUNT:
        break;
    }
}
