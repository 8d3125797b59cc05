/*
 * oracle.c: what is judged as it happens: invariants 1 to 7, 9 and a part of 10. See oracle.h;
 * oracle_end.c judges what is left in the end.
 */
#include "tests/sim/oracle_books.h"

#include "tests/sim/agent.h"
#include "tests/sim/coordinator.h"
#include "tests/sim/oracle_people.h"

#include <stdlib.h>

#define HEARD_BY_ALL_US (10 * SIM_MINUTE)

static const char *const SENTENCES[ORACLE_INVARIANTS] = {
    "each migration commits at most once per generation, and once where it is reported done",
    "the ledger is a contiguous prefix of the bundle with the digests that were signed",
    "every apply has a recovery point of its tenant, taken after the approval and before it",
    "no tenant of a wave starts before the wave before it has passed, nor past the budget",
    "nothing starts without a valid order, in time, nor forward under a hold",
    "accepted tokens, numbers and attempts only grow, across restarts",
    "at most one live executor per tenant, and no write with a stale token",
    "a rollback ends for every tenant of its rollout in a bucket, and none is forgotten",
    "no forward step starts once its agent accepted the rollback, its lease or its rollout has "
    "ended",
    "every report made durable reaches the catalog once, but for the loss of an agent's state",
    "the catalog says applied exactly where the ledger does",
    "nothing is left behind: session, lock, closed tenant, transaction",
    "once the faults have stopped everything ends, or stands at a named blocker",
    "what is shown follows from what was ordered and reported, what is done from what was kept",
};

const char *oracle_sentence(unsigned invariant) {
    return invariant >= 1 && invariant <= ORACLE_INVARIANTS ? SENTENCES[invariant - 1]
                                                            : "an assertion of the engines";
}

oracle_t *oracle_new(sim_t *sim) {
    oracle_t *oracle = calloc(1, sizeof *oracle);
    INVARIANT(oracle != NULL);
    sim->oracle = oracle;
    oracle->books = calloc(sim->options.tenants, sizeof *oracle->books);
    oracle->agents = calloc(sim->options.agents, sizeof *oracle->agents);
    INVARIANT(oracle->books != NULL && oracle->agents != NULL);
    for (uint32_t t = 0; t < sim->options.tenants; t++) {
        oracle_refold(sim, t);
        oracle->books[t].generations = oracle->books[t].generation;
    }
    return oracle;
}

void oracle_free(oracle_t *oracle) {
    for (uint32_t i = 0; i < oracle->order_count; i++) {
        free(oracle->orders[i].reached);
    }
    free(oracle->orders);
    free(oracle->attempts);
    free(oracle->books);
    free(oracle->agents);
    free(oracle);
}

/* ---- books ---- */

/* What a commit does, by the oracle's own reckoning. */
static void enter(book_t *book, const commit_t *commit) {
    bool row = commit->kind != COMMIT_FENCE && commit->kind != COMMIT_STARTED &&
               commit->kind != COMMIT_BUILT;
    if (row) {
        book->sequence = commit->sequence;
        book->generation = commit->generation;
    }
    if (commit->token.epoch > book->highest.epoch) {
        book->highest = commit->token;
    }
    switch (commit->kind) {
    case COMMIT_BASELINE:
        for (uint32_t at = 1; at <= SIM_POSITIONS; at++) {
            book->effects[at] = at <= commit->position;
        }
        book->position = commit->position;
        break;
    case COMMIT_BUILT:
        book->effects[commit->position]++;
        book->built = commit->position;
        break;
    case COMMIT_APPLY:
        if (book->built != commit->position) {
            book->effects[commit->position]++;
        }
        book->built = 0;
        book->position = commit->position;
        break;
    case COMMIT_UNDO:
        book->effects[commit->position]--;
        book->position = commit->position - 1;
        break;
    case COMMIT_RESTORE:
    case COMMIT_FENCE:
    case COMMIT_STARTED:
    case COMMIT_KIND_COUNT:
        break;
    }
}

void oracle_refold(sim_t *sim, uint32_t tenant) {
    book_t *book = &sim->oracle->books[tenant];
    const ledger_t *ledger = &sim->server->databases[tenant].ledger;
    book_t fresh = {.excused = book->excused,
                    .ruled = book->ruled,
                    .times_back = book->times_back,
                    .generations = book->generations};
    for (uint32_t i = 0; i < ledger->count; i++) {
        enter(&fresh, &ledger->commits[i]);
    }
    *book = fresh;
}

void oracle_signed(sim_t *sim, uint32_t order) {
    oracle_t *oracle = sim->oracle;
    if (order > oracle->order_room) {
        uint32_t room = order * 2 + 16;
        oracle->orders = realloc(oracle->orders, room * sizeof *oracle->orders);
        INVARIANT(oracle->orders != NULL);
        memset(oracle->orders + oracle->order_room, 0,
               (room - oracle->order_room) * sizeof *oracle->orders);
        oracle->order_room = room;
    }
    const paper_t *paper = sim_paper(sim, order);
    order_book_t *book = &oracle->orders[order - 1];
    *book = (order_book_t){.reached = calloc(paper->leaf_count + 1, sizeof *book->reached)};
    INVARIANT(book->reached != NULL);
    oracle->order_count = order;
    for (uint32_t i = 0; i < paper->leaf_count; i++) {
        book->reached[i] = oracle->books[paper->leaves[i].tenant].position >= paper->leaves[i].to;
    }
}

/* Of every order that names the tenant, whether it stands where that wants it. */
static void note_reached(sim_t *sim, uint32_t tenant) {
    for (uint32_t order = 1; order <= sim->paper_count; order++) {
        const paper_t *paper = sim_paper(sim, order);
        uint32_t leaf = paper->leaf_of[tenant];
        if (leaf != 0 && sim->oracle->books[tenant].position >= paper->leaves[leaf - 1].to) {
            sim->oracle->orders[order - 1].reached[leaf - 1] = true;
        }
    }
}

/* ---- 1: at most once ---- */

static void judge_once(sim_t *sim, uint32_t tenant, const commit_t *commit) {
    const book_t *book = &sim->oracle->books[tenant];
    bool adds = commit->kind == COMMIT_BUILT ||
                (commit->kind == COMMIT_APPLY && book->built != commit->position);
    if (adds && book->effects[commit->position] > 0) {
        sim_fail(sim, 1, "tenant %u: migration %u is committed again in generation %u", tenant,
                 commit->position, commit->generation);
    }
}

/* ---- 2: the ledger's rows follow each other ---- */

static void judge_ledger(sim_t *sim, uint32_t tenant, const commit_t *commit) {
    const book_t *book = &sim->oracle->books[tenant];
    if (commit->kind == COMMIT_FENCE || commit->kind == COMMIT_STARTED ||
        commit->kind == COMMIT_BUILT) {
        return;
    }
    bool follows = commit->sequence == book->sequence + 1;
    bool digest = commit->kind != COMMIT_APPLY || commit->bundle == commit->position * 31 + 7;
    bool place = true;
    if (commit->kind == COMMIT_APPLY) {
        place = commit->position == book->position + 1 && commit->generation == book->generation;
    } else if (commit->kind == COMMIT_UNDO) {
        place = commit->position == book->position && commit->generation == book->generation;
    } else if (commit->kind == COMMIT_RESTORE) {
        place = commit->generation == book->generation + 1;
    }
    if (!follows || !digest || !place) {
        sim_fail(sim, 2, "tenant %u: row %u for migration %u does not follow row %u at %u", tenant,
                 commit->sequence, commit->position, book->sequence, book->position);
    }
}

/* ---- 3: recovery points ---- */

static void judge_point(sim_t *sim, uint32_t tenant, const commit_t *commit) {
    const paper_t *order = sim_paper(sim, commit->order);
    if (commit->kind != COMMIT_APPLY || order == NULL || !order->dump) {
        return;
    }
    for (uint32_t i = sim->server->point_count; i > 0; i--) {
        const point_t *point = &sim->server->points[i - 1];
        if (point->tenant == tenant && point->whole && point->taken_us >= order->signed_us) {
            return;
        }
    }
    sim_fail(sim, 3, "tenant %u: migration %u has no recovery point since order %u was signed",
             tenant, commit->position, commit->order);
}

/* ---- 4: waves ---- */

static bool wave_has_passed(sim_t *sim, uint32_t order, uint32_t wave) {
    const paper_t *paper = sim_paper(sim, order);
    order_book_t *book = &sim->oracle->orders[order - 1];
    uint32_t short_of = 0;
    if (book->passed[wave]) {
        return true;
    }
    for (uint32_t i = 0; i < paper->leaf_count; i++) {
        const leaf_t *leaf = &paper->leaves[i];
        short_of +=
            leaf->wave == wave && !book->reached[i] && !sim->oracle->books[leaf->tenant].excused;
    }
    book->passed[wave] = short_of <= paper->waves[wave].budget;
    return book->passed[wave];
}

static void judge_wave(sim_t *sim, uint32_t tenant, const commit_t *commit) {
    const paper_t *order = sim_paper(sim, commit->order);
    if (commit->kind != COMMIT_APPLY || order == NULL || order->leaf_of[tenant] == 0) {
        return;
    }
    uint32_t wave = order->leaves[order->leaf_of[tenant] - 1].wave;
    bool waits = wave > 0 && !order->waves[wave].approved && !order->waves[wave - 1].silence_passes;
    if (waits && !wave_has_passed(sim, commit->order, wave - 1)) {
        sim_fail(sim, 4, "tenant %u of wave %u of order %u starts, and wave %u has not passed",
                 tenant, wave, commit->order, wave - 1);
    }
}

/* Failures that the catalog knows of, against what the order tolerates and operators accepted. */
static void judge_budget(sim_t *sim, const coordinator_t *self, const catalog_rollout_t *row,
                         const catalog_task_t *given) {
    const paper_t *paper = sim_paper(sim, row->order);
    const wave_t *wave = disk_row(&self->catalog, CATALOG_WAVES, row->first_wave + given->wave);
    uint32_t leaf = paper != NULL ? paper->leaf_of[given->tenant] : 0;
    uint32_t failed = 0;
    if (leaf == 0 || (int)paper->kind != (int)row->kind) {
        return;
    }
    for (uint32_t k = 0; k < row->task_count; k++) {
        const catalog_task_t *task = disk_row(&self->catalog, CATALOG_TASKS, row->first_task + k);
        failed += task->wave == given->wave && task_state_is_failure(task->state) &&
                  paper->leaf_of[task->tenant] != 0;
    }
    uint32_t budget = paper->waves[paper->leaves[leaf - 1].wave].budget;
    if (failed > budget + wave->forgiven) {
        sim_fail(sim, 4,
                 "tenant %u is given out, and %u failures of wave %u of rollout %08x spent its %u "
                 "and the %u that were accepted",
                 given->tenant, failed, given->wave, sim_short(&row->id), budget, wave->forgiven);
    }
}

void oracle_gives(sim_t *sim, uint32_t coordinator, const ident_t *rollout, const ident_t *job) {
    const coordinator_t *self = &sim->coordinators[coordinator];
    if (sim->options.big && sim_short(job) % 64 != 0) {
        return; /* each costs a look at the whole rollout */
    }
    for (uint32_t i = disk_count(&self->catalog, CATALOG_ROLLOUTS); i > 0; i--) {
        const catalog_rollout_t *row = disk_row(&self->catalog, CATALOG_ROLLOUTS, i - 1);
        for (uint32_t k = 0; ident_equal(&row->id, rollout) && k < row->task_count; k++) {
            const catalog_task_t *task =
                disk_row(&self->catalog, CATALOG_TASKS, row->first_task + k);
            if (ident_equal(&task->job, job)) {
                judge_budget(sim, self, row, task);
                return;
            }
        }
    }
}

/* ---- 5: orders ---- */

void oracle_begins(sim_t *sim, uint32_t agent, const job_item_t *job) {
    const paper_t *order = sim_paper(sim, job->order);
    const agent_t *by = &sim->agents[agent];
    if (order == NULL || order->leaf_of[job->tenant] == 0) {
        sim_fail(sim, 5, "tenant %u: a job without an order that names it begins", job->tenant);
        return;
    }
    bool forward = job->kind == JOB_KIND_FORWARD || job->kind == JOB_KIND_BASELINE;
    if (agent_wall(sim, by) > order->expires_us + SIM_SKEW_US) {
        sim_fail(sim, 5, "tenant %u: order %u has ended, and a job of it begins", job->tenant,
                 job->order);
    }
    if (forward && agent_meta(by)->held) {
        sim_fail(sim, 5, "tenant %u: a job forward begins under a hold", job->tenant);
    }
}

/* ---- 6: only forward ---- */

void oracle_journals(sim_t *sim, uint32_t agent) {
    agent_book_t *book = &sim->oracle->agents[agent];
    const agent_t *by = &sim->agents[agent];
    const journal_meta_t *meta = agent_meta(by);
    bool same = meta->seen.epoch == book->seen.epoch &&
                ident_equal(&meta->seen.incarnation, &book->seen.incarnation);
    if (!same && meta->seen.epoch <= book->seen.epoch) {
        sim_fail(sim, 6, "agent %u obeys epoch %llu after %llu", agent,
                 (unsigned long long)meta->seen.epoch, (unsigned long long)book->seen.epoch);
    }
    if (meta->next < book->next) {
        sim_fail(sim, 6, "agent %u numbers its reports from %llu again", agent,
                 (unsigned long long)meta->next);
    }
    book->seen = meta->seen;
    book->next = meta->next;
}

/* Called with each number as it is accepted: by the books of the tenant, not of the journal. */
static void judge_number(sim_t *sim, uint32_t tenant, const commit_t *commit) {
    const paper_t *order = sim_paper(sim, commit->order);
    book_t *book = &sim->oracle->books[tenant];
    if (order == NULL || order->leaf_of[tenant] == 0 || commit->agent >= sim->options.agents) {
        return;
    }
    int64_t number = order->leaves[order->leaf_of[tenant] - 1].number;
    if (book->number_agent == commit->agent + 1 && number < book->number &&
        book->number_times == sim->oracle->agents[commit->agent].losses) {
        sim_fail(sim, 6, "tenant %u: agent %u works under an older order than before", tenant,
                 commit->agent);
    }
    book->number_agent = commit->agent + 1;
    book->number = number;
    book->number_times = sim->oracle->agents[commit->agent].losses;
}

/* Attempts are handed out once: a small open table, by id. */
static void judge_attempt(sim_t *sim, const job_item_t *job) {
    oracle_t *oracle = sim->oracle;
    if ((oracle->attempt_count + 1) * 2 > oracle->attempt_room) {
        uint32_t room = oracle->attempt_room == 0 ? 1024 : oracle->attempt_room * 2;
        attempt_book_t *wider = calloc(room, sizeof *wider);
        INVARIANT(wider != NULL);
        for (uint32_t i = 0; i < oracle->attempt_room; i++) {
            if (!ident_is_null(&oracle->attempts[i].attempt)) {
                uint32_t at = sim_short(&oracle->attempts[i].attempt) % room;
                while (!ident_is_null(&wider[at].attempt)) {
                    at = (at + 1) % room;
                }
                wider[at] = oracle->attempts[i];
            }
        }
        free(oracle->attempts);
        oracle->attempts = wider;
        oracle->attempt_room = room;
    }
    uint32_t at = sim_short(&job->attempt) % oracle->attempt_room;
    while (!ident_is_null(&oracle->attempts[at].attempt) &&
           !ident_equal(&oracle->attempts[at].attempt, &job->attempt)) {
        at = (at + 1) % oracle->attempt_room;
    }
    attempt_book_t *entry = &oracle->attempts[at];
    if (!ident_is_null(&entry->attempt) && !ident_equal(&entry->job, &job->job)) {
        sim_fail(sim, 6, "an attempt's id is handed out for tenant %u, and was before",
                 job->tenant);
    }
    oracle->attempt_count += ident_is_null(&entry->attempt);
    *entry = (attempt_book_t){.attempt = job->attempt, .job = job->job};
}

/* An agent that lost its state moves nobody forward until a person has looked. */
static void judge_suspended(sim_t *sim, uint32_t coordinator, uint32_t agent,
                            const job_item_t *job) {
    const coordinator_t *self = &sim->coordinators[coordinator];
    const catalog_agent_t *row = disk_row(&self->catalog, CATALOG_AGENTS, agent);
    bool forward = job->kind == JOB_KIND_FORWARD || job->kind == JOB_KIND_BASELINE;
    if (row->suspended && forward) {
        sim_fail(sim, 5, "tenant %u: agent %u is suspended, and attempt %08x goes to it",
                 job->tenant, agent, sim_short(&job->attempt));
    }
}

void oracle_sends(sim_t *sim, uint32_t coordinator, uint32_t agent, const job_item_t *job) {
    judge_attempt(sim, job);
    judge_suspended(sim, coordinator, agent, job);
}

/* ---- 7: one at a time, and none that is stale ---- */

static void judge_alone(sim_t *sim, uint32_t number) {
    const session_t *own = &sim->server->sessions[number];
    for (uint32_t i = 0; i < sim->server->session_room; i++) {
        const session_t *other = &sim->server->sessions[i];
        bool works =
            other->used && i != number && other->database == own->database &&
            (other->open ||
             (other->busy && other->answer.code == ANSWER_OK &&
              (other->request.kind == REQUEST_BUILD || other->request.kind == REQUEST_SWAP)));
        if (works) {
            sim_fail(sim, 7, "tenant %u: attempts %08x and %08x are at work at once", own->database,
                     sim_short(&own->request.commit.attempt),
                     sim_short(&other->request.commit.attempt));
        }
    }
}

static void judge_token(sim_t *sim, uint32_t tenant, const commit_t *commit) {
    const book_t *book = &sim->oracle->books[tenant];
    if (commit->kind != COMMIT_BUILT && !token_passes(&book->highest, &commit->token)) {
        sim_fail(sim, 7, "tenant %u: epoch %llu writes after epoch %llu", tenant,
                 (unsigned long long)commit->token.epoch, (unsigned long long)book->highest.epoch);
    }
}

/* ---- 9: nothing forward after the rollback was accepted, or the lease has ended ---- */

/* An attempt that nobody waits for any more must not go on: judged once no fault keeps its agent
 * from hearing that, and with time enough to have heard it. */
static void judge_called_off(sim_t *sim, uint32_t tenant, const commit_t *what) {
    for (uint32_t i = 0; sim->calm && i < sim->coordinator_count; i++) {
        const coordinator_t *self = &sim->coordinators[i];
        for (uint32_t k = disk_count(&self->catalog, CATALOG_ROLLOUTS); self->up && k > 0; k--) {
            const catalog_rollout_t *row = disk_row(&self->catalog, CATALOG_ROLLOUTS, k - 1);
            bool off = row->state == ROLLOUT_STOPPED || row->state == ROLLOUT_FAILED;
            if (row->order == what->order && row->kind == KIND_FORWARD && off &&
                sim->now_us - row->finished_us > HEARD_BY_ALL_US) {
                sim_fail(sim, 9, "tenant %u: forward under order %u, whose rollout was called off",
                         tenant, what->order);
            }
        }
    }
}

static void judge_forward(sim_t *sim, const session_t *session) {
    const commit_t *what = &session->request.commit;
    const agent_t *agent = &sim->agents[session->agent];
    uint32_t tenant = session->database;
    if (sim->oracle->books[tenant].built == what->position) {
        return; /* the end of a step that began before: its effect stands, its row is missing */
    }
    judge_called_off(sim, tenant, what);
    for (uint32_t i = 0; i < disk_count(&agent->journal, JOURNAL_ACCEPTED); i++) {
        const journal_accepted_t *row = disk_row(&agent->journal, JOURNAL_ACCEPTED, i);
        const paper_t *accepted = sim_paper(sim, row->order);
        if (row->tenant == tenant && accepted != NULL && accepted->takes_back == what->order) {
            sim_fail(sim, 9, "tenant %u: forward again under order %u, which agent %u takes back",
                     tenant, what->order, session->agent);
        }
    }
    const token_t *obeyed = &agent_meta(agent)->seen; /* whose word on leases counts for it */
    for (uint32_t i = 0; i < sim->coordinator_count; i++) {
        const coordinator_t *self = &sim->coordinators[i];
        const token_t *token = &catalog_meta(self)->token;
        agent_key_t holder;
        if (self->up && !self->paused && agent->coordinator == i &&
            ident_equal(&token->incarnation, &obeyed->incarnation) &&
            ident_equal(&token->incarnation, &what->token.incarnation) &&
            engine_holder(self->engine, session->cluster + 1, &holder) &&
            agent_of_key(&holder) != session->agent) {
            sim_fail(sim, 9, "tenant %u: agent %u goes forward, the lease is agent %u's", tenant,
                     session->agent, agent_of_key(&holder));
        }
    }
}

/* ---- what happens ---- */

/* What an attempt was permitted before its agent died counts for nothing. */
static void judge_granted(sim_t *sim, const session_t *session) {
    for (const run_t *run = sim->agents[session->agent].runs; run != NULL; run = run->next_run) {
        if (run->id == session->run && !run->granted) {
            sim_fail(sim, 5, "tenant %u: agent %u changes it, and did not find a warrant for that",
                     session->database, session->agent);
        }
    }
}

void oracle_starts(sim_t *sim, uint32_t number) {
    const session_t *session = &sim->server->sessions[number];
    const commit_t *what = &session->request.commit;
    judge_alone(sim, number);
    judge_granted(sim, session);
    people_begins(sim, &sim->agents[session->agent], &what->attempt);
    if (what->kind == COMMIT_APPLY) {
        judge_wave(sim, session->database, what);
        judge_forward(sim, session);
    }
}

void oracle_commits(sim_t *sim, uint32_t tenant, const commit_t *commit) {
    book_t *book = &sim->oracle->books[tenant];
    judge_once(sim, tenant, commit);
    judge_ledger(sim, tenant, commit);
    judge_point(sim, tenant, commit);
    judge_token(sim, tenant, commit);
    judge_number(sim, tenant, commit);
    enter(book, commit);
    note_reached(sim, tenant);
}

/* The rows that catch up with generations between came with the names, all at once: nobody ever saw
 * the tenant at one of them. */
void oracle_swapped(sim_t *sim, uint32_t tenant) {
    book_t *book = &sim->oracle->books[tenant];
    if (book->generation <= book->generations) {
        sim_fail(sim, 2, "tenant %u: generation %u was seen before", tenant, book->generation);
    }
    book->generations = book->generation;
}

void oracle_goes_back(sim_t *sim, uint32_t tenant) {
    sim->oracle->books[tenant].times_back++;
    oracle_refold(sim, tenant);
    note_reached(sim, tenant); /* a lost way back leaves it where it was before */
}

void oracle_fails_over(sim_t *sim, uint32_t tenant) {
    oracle_goes_back(sim, tenant);
    sim->oracle->books[tenant].generations = sim->oracle->books[tenant].generation;
}

void oracle_excuses(sim_t *sim, uint32_t tenant) {
    sim->oracle->books[tenant].excused = true;
}

void oracle_rules(sim_t *sim, uint32_t tenant) {
    sim->oracle->books[tenant].ruled = true;
}

void oracle_state_lost(sim_t *sim, uint32_t agent) {
    agent_book_t *book = &sim->oracle->agents[agent];
    *book = (agent_book_t){.losses = book->losses + 1};
}

void oracle_catalog_back(sim_t *sim, uint32_t coordinator) {
    sim->oracle->catalogs_back |= UINT32_C(1) << coordinator;
}

/* ---- 1 and 10, as they are said ---- */

void oracle_ends(sim_t *sim, uint32_t agent, const job_item_t *job, job_outcome_t outcome) {
    const book_t *book = &sim->oracle->books[job->tenant];
    const paper_t *order = sim_paper(sim, job->order);
    (void)agent;
    if (outcome != JOB_OUTCOME_DONE || job->kind != JOB_KIND_FORWARD || order == NULL ||
        order->leaf_of[job->tenant] == 0) {
        return;
    }
    bool reached = sim->oracle->orders[job->order - 1].reached[order->leaf_of[job->tenant] - 1];
    if (!reached && book->times_back == 0) {
        sim_fail(sim, 1, "tenant %u: attempt %08x says done, and the tenant is at %u of %u",
                 job->tenant, sim_short(&job->attempt), book->position, job->target);
    }
}

void oracle_acknowledges(sim_t *sim, uint32_t coordinator, uint32_t agent, uint64_t number) {
    const coordinator_t *self = &sim->coordinators[coordinator];
    const catalog_agent_t *row = disk_row(&self->catalog, CATALOG_AGENTS, agent);
    bool back = (sim->oracle->catalogs_back & UINT32_C(1) << coordinator) != 0;
    if (!back && row->known && ident_equal(&row->state, &agent_meta(&sim->agents[agent])->state) &&
        row->acknowledged < number) {
        sim_fail(sim, 10, "report %llu of agent %u is acknowledged, the catalog has %llu",
                 (unsigned long long)number, agent, (unsigned long long)row->acknowledged);
    }
}
