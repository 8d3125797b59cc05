/* server.c: see server.h. Requests and what they do; faults of servers stand in server_faults.c. */
#include "tests/sim/server.h"

#include "tests/sim/agent.h"
#include "tests/sim/oracle.h"

#include <stdlib.h>

bool token_passes(const token_t *stands, const token_t *token) {
    return stands->epoch < token->epoch || (stands->epoch == token->epoch &&
                                            ident_equal(&stands->incarnation, &token->incarnation));
}

/* ---- ledgers ---- */

static void fold_row(ledger_t *ledger, const commit_t *commit) {
    ledger->generation = commit->generation;
    ledger->sequence = commit->sequence;
    ledger->head = commit->head;
    ledger->last_attempt = commit->attempt;
}

static void fold(ledger_t *ledger, const commit_t *commit) {
    bool piecewise = ledger->started == commit->position && ledger->built;
    if (commit->kind != COMMIT_RESTORE || commit->token.epoch != 0) {
        ledger->fence = commit->token;
    }
    switch (commit->kind) {
    case COMMIT_BASELINE:
        fold_row(ledger, commit);
        for (uint32_t at = 1; at <= SIM_POSITIONS; at++) {
            ledger->effects[at] = at <= commit->position; /* somebody vouches for that */
        }
        ledger->position = commit->position;
        break;
    case COMMIT_APPLY:
        fold_row(ledger, commit);
        ledger->effects[commit->position] += !piecewise;
        ledger->position = commit->position;
        ledger->started = 0;
        ledger->built = false;
        break;
    case COMMIT_UNDO:
        fold_row(ledger, commit);
        ledger->effects[commit->position]--;
        ledger->position = commit->position - 1;
        break;
    case COMMIT_RESTORE:
        fold_row(ledger, commit);
        break;
    case COMMIT_STARTED:
        ledger->started = commit->position;
        ledger->started_sequence = commit->sequence;
        ledger->built = false;
        break;
    case COMMIT_BUILT:
        ledger->effects[commit->position]++;
        ledger->built = true;
        break;
    case COMMIT_FENCE:
    case COMMIT_KIND_COUNT:
        break;
    }
}

void ledger_add(ledger_t *ledger, const commit_t *commit) {
    if (ledger->count == ledger->room) {
        ledger->room = ledger->room == 0 ? 16 : ledger->room * 2;
        ledger->commits = realloc(ledger->commits, ledger->room * sizeof *ledger->commits);
        INVARIANT(ledger->commits != NULL);
    }
    ledger->commits[ledger->count++] = *commit;
    fold(ledger, commit);
}

void ledger_copy(ledger_t *to, const ledger_t *from) {
    commit_t *commits = realloc(to->commits, (from->count + 4) * sizeof *commits);
    INVARIANT(commits != NULL);
    memcpy(commits, from->commits, from->count * sizeof *commits);
    *to = *from;
    to->commits = commits;
    to->room = from->count + 4;
}

/* ---- sessions ---- */

static session_t *session_at(sim_t *sim, uint32_t session) {
    return &sim->server->sessions[session];
}

static database_t *database_of(sim_t *sim, const session_t *session) {
    return &sim->server->databases[session->database];
}

uint32_t server_connect(sim_t *sim, const session_t *wanted) {
    server_t *server = sim->server;
    if (server->free_count == 0) {
        uint32_t room = server->session_room == 0 ? 64 : server->session_room * 2;
        server->sessions = realloc(server->sessions, room * sizeof *server->sessions);
        server->free_sessions = realloc(server->free_sessions, room * sizeof(uint32_t));
        INVARIANT(server->sessions != NULL && server->free_sessions != NULL);
        for (uint32_t i = room; i > server->session_room; i--) {
            server->sessions[i - 1] = (session_t){0};
            server->free_sessions[server->free_count++] = i - 1;
        }
        server->session_room = room;
    }
    uint32_t number = server->free_sessions[--server->free_count];
    session_t *session = &server->sessions[number];
    *session = *wanted;
    session->used = true;
    session->client = true;
    session->life = ++server->lives;
    server->session_count++;
    return number;
}

static void abort_transaction(session_t *session) {
    session->open = false;
    session->has_effect = false;
    session->has_row = false;
}

void server_end(sim_t *sim, uint32_t number, uint64_t life) {
    session_t *session = session_at(sim, number);
    if (!session->used || session->life != life || session->client) {
        return;
    }
    if (session->busy) {
        return; /* its statement goes on, and ends it */
    }
    database_t *database = database_of(sim, session);
    if (database->lock == number + 1) {
        database->lock = 0;
    }
    session->used = false;
    sim->server->free_sessions[sim->server->free_count++] = number;
    sim->server->session_count--;
}

void server_leave(sim_t *sim, uint32_t number, bool soon) {
    session_t *session = session_at(sim, number);
    if (!session->used || !session->client) {
        return;
    }
    session->client = false;
    session->answered = false;
    if (session->busy) {
        return;
    }
    if (soon) {
        server_end(sim, number, session->life);
        return;
    }
    sim_ask(sim, (sim_item_t){.at_us = sim->now_us + chance_between(&sim->weather, 0, 60 * SIM_S),
                              .event = SIM_BACKEND_END,
                              .who = number,
                              .life = session->life});
}

/* ---- what a request does ---- */

static void commit(sim_t *sim, session_t *session, commit_t what) {
    database_t *database = database_of(sim, session);
    what.at_us = sim->now_us;
    what.xid = session->xid;
    what.agent = session->client ? session->agent : UINT32_MAX;
    ledger_add(&database->ledger, &what);
    sim_tell(sim, "tenant %u commits kind %d position %u sequence %u epoch %llu attempt %08x",
             session->database, (int)what.kind, what.position, what.sequence,
             (unsigned long long)what.token.epoch, sim_short(&what.attempt));
    oracle_commits(sim, session->database, &what);
}

static bool fence_lets(const sim_t *sim, const ledger_t *ledger, const request_t *request) {
    return sim_has(sim, BUG_NO_FENCE) || token_passes(&ledger->fence, &request->commit.token) ||
           (sim_has(sim, BUG_EQUAL_EPOCH) && ledger->fence.epoch == request->commit.token.epoch);
}

static bool has_lock(const sim_t *sim, const database_t *database, uint32_t session) {
    return database->lock == session + 1 || sim_has(sim, BUG_NO_LOCK);
}

/* What is decided as the request arrives, before its script runs. */
static answer_code_t admit(sim_t *sim, uint32_t number) {
    session_t *session = session_at(sim, number);
    database_t *database = database_of(sim, session);
    const request_t *request = &session->request;
    bool writes = request->kind == REQUEST_OPEN || request->kind == REQUEST_MARK ||
                  request->kind == REQUEST_FENCE || request->kind == REQUEST_SWAP;
    if (!writes) {
        return ANSWER_OK;
    }
    if (request->kind == REQUEST_OPEN && database->lock == 0) {
        database->lock = number + 1; /* the transaction's own */
    }
    if (!has_lock(sim, database, number)) {
        return ANSWER_BUSY;
    }
    if (!fence_lets(sim, &database->ledger, request)) {
        return ANSWER_FENCED;
    }
    bool compares = request->kind == REQUEST_OPEN || request->kind == REQUEST_SWAP;
    bool moved = request->head_sequence != database->ledger.sequence ||
                 request->head != database->ledger.head;
    if (compares && moved && !request->blind) {
        return ANSWER_BUSY;
    }
    return ANSWER_OK;
}

static void begin(sim_t *sim, uint32_t number) {
    session_t *session = session_at(sim, number);
    const request_t *request = &session->request;
    session->answer = (answer_t){.code = admit(sim, number)};
    if (session->answer.code != ANSWER_OK) {
        return;
    }
    if (request->kind == REQUEST_OPEN) {
        session->open = true;
        session->xid = ++sim->server->xids;
        session->pending = request->commit;
        session->has_effect = session->has_row = false;
    }
    if (request->kind == REQUEST_OPEN || request->kind == REQUEST_BUILD ||
        request->kind == REQUEST_SWAP) {
        oracle_starts(sim, number);
    }
}

void server_ask(sim_t *sim, uint32_t number, const request_t *request) {
    session_t *session = session_at(sim, number);
    INVARIANT(session->used && session->client && !session->busy);
    session->request = *request;
    session->busy = true;
    session->sent = true;
    session->answered = false;
    session->number++;
    int64_t takes_us = request->time_us * (int64_t)database_of(sim, session)->slow;
    if (request->kind != REQUEST_CONNECT) {
        begin(sim, number);
    } else {
        session->answer = (answer_t){0};
    }
    if (session->answer.code != ANSWER_OK) {
        takes_us = 2 * SIM_MS;
    }
    sim_ask(sim, (sim_item_t){.at_us = sim->now_us + takes_us,
                              .event = SIM_BACKEND,
                              .who = number,
                              .life = session->number << 32 | (session->life & UINT32_MAX)});
}

static answer_code_t connect_done(sim_t *sim, const session_t *session) {
    const database_t *database = &sim->server->databases[session->database];
    if (!sim->server->clusters[session->cluster].up ||
        agent_is_cut_off(sim, session->agent, session->cluster)) {
        return ANSWER_UNREACHABLE;
    }
    if (database->gone) {
        return ANSWER_GONE;
    }
    if (database->closed && !session->maintenance) {
        return ANSWER_UNREACHABLE;
    }
    return server_writable(sim, session->agent, session->cluster) ? ANSWER_OK : ANSWER_STANDBY;
}

static answer_code_t load_done(sim_t *sim, uint32_t number) {
    session_t *session = session_at(sim, number);
    database_t *database = database_of(sim, session);
    if (sim_has(sim, BUG_NO_LOCK)) {
        return ANSWER_OK;
    }
    if (database->lock != 0 && database->lock != number + 1) {
        return ANSWER_BUSY;
    }
    database->lock = number + 1;
    session->locks = true;
    return ANSWER_OK;
}

static answer_code_t script_done(sim_t *sim, session_t *session) {
    const database_t *database = database_of(sim, session);
    if (!session->request.undo && database->bad != 0 &&
        session->pending.position == database->bad) {
        return ANSWER_FAILED;
    }
    if (!sim->calm && chance_permille(&sim->weather, 15)) {
        return ANSWER_LOCKED;
    }
    session->has_effect = true;
    return ANSWER_OK;
}

static answer_code_t record_done(sim_t *sim, session_t *session) {
    const ledger_t *ledger = &database_of(sim, session)->ledger;
    const request_t *request = &session->request;
    if (!session->open) {
        return ANSWER_FAILED;
    }
    if (!fence_lets(sim, ledger, request)) {
        return ANSWER_FENCED;
    }
    if (request->commit.sequence != ledger->sequence + 1 && !request->blind) {
        return ANSWER_FAILED;
    }
    session->pending = request->commit;
    session->has_row = true;
    return ANSWER_OK;
}

static answer_code_t commit_done(sim_t *sim, session_t *session) {
    bool whole = session->open && session->has_row && session->has_effect;
    if (whole) {
        ledger_t *ledger = &database_of(sim, session)->ledger;
        token_t stood = ledger->fence;
        commit(sim, session, session->pending);
        if (sim_has(sim, BUG_FENCE_SELECT)) {
            ledger->fence = stood; /* looked at, and not written */
        }
    }
    abort_transaction(session);
    return whole ? ANSWER_OK : ANSWER_FAILED;
}

void server_close(sim_t *sim, uint32_t tenant, bool closed) {
    database_t *database = &sim->server->databases[tenant];
    if (database->closed == closed) {
        return;
    }
    database->closed = closed;
    database->closed_for_good = false;
    *(closed ? &database->closed_us : &database->opened_us) = sim->now_us;
}

/* Both names change: the tenant's database is put aside, what was built takes its place. */
static void change_names(sim_t *sim, database_t *database) {
    replaced_t *aside = calloc(1, sizeof *aside);
    INVARIANT(aside != NULL);
    *aside = (replaced_t){.before = database->replaced,
                          .ledger = database->ledger,
                          .swapped_us = sim->now_us,
                          .built = database->built,
                          .built_point = database->built_point,
                          .built_us = database->built_us};
    database->replaced = aside;
    database->ledger = (ledger_t){0};
    ledger_copy(&database->ledger, &sim->server->points[database->built_point - 1].ledger);
    database->incarnation++;
    database->built = 0;
    server_close(sim, database->tenant, false);
}

static answer_code_t swap_done(sim_t *sim, session_t *session) {
    database_t *database = database_of(sim, session);
    const request_t *request = &session->request;
    if (database->built != sim_short(&request->commit.job) || !database->built_ready) {
        return ANSWER_FAILED;
    }
    ledger_t *ledger = &database->ledger;
    uint32_t generation = ledger->generation > request->floor ? ledger->generation : request->floor;
    change_names(sim, database);
    oracle_goes_back(sim, session->database);
    if (sim_has(sim, BUG_GENERATION)) {
        generation = ledger->generation - 1;
    }
    while (ledger->generation <= generation) {
        commit_t row = request->commit;
        row.kind = COMMIT_RESTORE;
        row.generation = ledger->generation + 1;
        row.sequence = ledger->sequence + 1;
        row.position = ledger->position;
        row.head = ledger->head * UINT64_C(0x9E3779B97F4A7C15) + row.generation;
        if (sim_has(sim, BUG_RESTORE_FENCE)) {
            row.token = (token_t){0};
        }
        commit(sim, session, row);
    }
    oracle_swapped(sim, session->database);
    return ANSWER_OK;
}

static answer_code_t create_done(sim_t *sim, session_t *session) {
    database_t *database = database_of(sim, session);
    database->built = sim_short(&session->request.commit.job);
    database->built_point = session->request.point;
    database->built_ready = true;
    database->built_us = sim->now_us;
    return ANSWER_OK;
}

static void fate_done(sim_t *sim, session_t *session) {
    const database_t *database = database_of(sim, session);
    for (uint32_t i = 0; i < sim->server->session_room; i++) {
        const session_t *other = &sim->server->sessions[i];
        if (other->used && other->open && other->xid == session->request.xid) {
            session->answer.code = ANSWER_IN_PROGRESS;
        }
    }
    for (uint32_t i = 0; i < database->ledger.count; i++) {
        session->answer.committed =
            session->answer.committed || database->ledger.commits[i].xid == session->request.xid;
    }
}

static answer_code_t carry_out(sim_t *sim, uint32_t number) {
    session_t *session = session_at(sim, number);
    database_t *database = database_of(sim, session);
    commit_t what = session->request.commit;
    switch (session->request.kind) {
    case REQUEST_CONNECT:
        return connect_done(sim, session);
    case REQUEST_LOAD:
        return load_done(sim, number);
    case REQUEST_PROOF:
        return database->unfit ? ANSWER_FAILED : ANSWER_OK;
    case REQUEST_OPEN:
        return script_done(sim, session);
    case REQUEST_RECORD:
        return record_done(sim, session);
    case REQUEST_COMMIT:
        return commit_done(sim, session);
    case REQUEST_ROLLBACK:
        abort_transaction(session);
        return ANSWER_OK;
    case REQUEST_FATE:
        fate_done(sim, session);
        return session->answer.code;
    case REQUEST_MARK:
        what.kind = COMMIT_STARTED;
        commit(sim, session, what);
        return ANSWER_OK;
    case REQUEST_BUILD:
        if (database->ledger.effects[what.position] > 0) {
            return ANSWER_FAILED; /* it exists already */
        }
        what.kind = COMMIT_BUILT;
        what.token = database->ledger.fence;
        commit(sim, session, what);
        return ANSWER_OK;
    case REQUEST_FENCE:
        what.kind = COMMIT_FENCE;
        commit(sim, session, what);
        return ANSWER_OK;
    case REQUEST_CREATE:
        return create_done(sim, session);
    case REQUEST_CLOSE:
        server_close(sim, session->database, !session->request.undo);
        return ANSWER_OK;
    case REQUEST_SWAP:
        return swap_done(sim, session);
    case REQUEST_KIND_COUNT:
        break;
    }
    return ANSWER_FAILED;
}

void server_backend(sim_t *sim, uint32_t number, uint64_t asked) {
    session_t *session = session_at(sim, number);
    uint64_t expected = session->number << 32 | (session->life & UINT32_MAX);
    if (!session->used || !session->busy || asked != expected) {
        return;
    }
    bool cut = session->request.kind == REQUEST_COMMIT && session->client &&
               agent_loses_commit(sim, session->agent);
    if (cut && chance_below(&sim->weather, 3) == 0) {
        session->sent = false; /* the request is what was lost */
    }
    if (session->sent && session->answer.code == ANSWER_OK) {
        answer_code_t code = carry_out(sim, number);
        session = session_at(sim, number);
        session->answer.code = code;
        session->answer.xid = session->xid;
    }
    if (cut) {
        server_cut_client(sim, number);
    }
    session->busy = false;
    if (!session->client) {
        server_end(sim, number, session->life);
        return;
    }
    session->answered = true;
    agent_answered(sim, number);
}

bool server_writable(const sim_t *sim, uint32_t agent, uint32_t cluster) {
    const cluster_t *seen = &sim->server->clusters[cluster];
    return seen->up && (seen->all_see || seen->primary == agent);
}

uint32_t server_point(sim_t *sim, const point_t *point) {
    server_t *server = sim->server;
    if (server->point_count == server->point_room) {
        server->point_room = server->point_room == 0 ? 32 : server->point_room * 2;
        server->points = realloc(server->points, server->point_room * sizeof *server->points);
        INVARIANT(server->points != NULL);
    }
    point_t *made = &server->points[server->point_count++];
    *made = *point;
    made->ledger = (ledger_t){0};
    ledger_copy(&made->ledger, &server->databases[point->tenant].ledger);
    return server->point_count;
}
