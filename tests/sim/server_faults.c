/* server_faults.c: servers that come, crash, fail over and lose their clients. See server.h. */
#include "tests/sim/agent.h"
#include "tests/sim/oracle.h"
#include "tests/sim/server.h"

#include <stdlib.h>

server_t *server_new(sim_t *sim) {
    server_t *server = calloc(1, sizeof *server);
    INVARIANT(server != NULL);
    sim->server = server;
    server->database_count = sim->options.tenants;
    server->databases = calloc(sim->options.tenants, sizeof *server->databases);
    server->clusters = calloc(sim->options.agents + 1, sizeof *server->clusters);
    INVARIANT(server->databases != NULL && server->clusters != NULL);
    return server;
}

void server_free(server_t *server) {
    for (uint32_t i = 0; i < server->database_count; i++) {
        database_t *database = &server->databases[i];
        free(database->ledger.commits);
        while (database->replaced != NULL) {
            replaced_t *aside = database->replaced;
            database->replaced = aside->before;
            free(aside->ledger.commits);
            free(aside);
        }
    }
    for (uint32_t i = 0; i < server->point_count; i++) {
        free(server->points[i].ledger.commits);
    }
    free(server->databases);
    free(server->clusters);
    free(server->sessions);
    free(server->free_sessions);
    free(server->points);
    free(server);
}

/* The backend is gone at once, with what it had open. */
static void kill_session(sim_t *sim, uint32_t number) {
    session_t *session = &sim->server->sessions[number];
    bool client = session->client;
    bool busy = session->busy;
    session->client = false;
    session->busy = false;
    session->open = false;
    uint64_t run = session->run;
    uint32_t agent = session->agent;
    bool committing =
        busy &&
        (session->request.kind == REQUEST_COMMIT || session->request.kind == REQUEST_BUILD ||
         session->request.kind == REQUEST_MARK || session->request.kind == REQUEST_SWAP);
    server_end(sim, number, session->life);
    if (client) {
        agent_session_lost(sim, &(agent_lost_t){.agent = agent,
                                                .run = run,
                                                .session = number,
                                                .busy = busy,
                                                .committing = committing});
    }
}

static void end_sessions(sim_t *sim, uint32_t cluster) {
    for (uint32_t i = 0; i < sim->server->session_room; i++) {
        session_t *session = &sim->server->sessions[i];
        if (!session->used || session->cluster != cluster) {
            continue;
        }
        /* a COMMIT in hand may be on disk already */
        bool commits = session->busy && session->request.kind == REQUEST_COMMIT &&
                       chance_below(&sim->weather, 2) == 0;
        if (commits) {
            bool client = session->client;
            session->client = true;
            session->number++; /* what was to come is done now */
            session->busy = false;
            if (session->open && session->has_row && session->has_effect) {
                commit_t what = session->pending;
                what.at_us = sim->now_us;
                what.xid = session->xid;
                what.agent = session->agent;
                ledger_add(&sim->server->databases[session->database].ledger, &what);
                oracle_commits(sim, session->database, &what);
            }
            session->busy = true;
            session->client = client;
        }
        kill_session(sim, i);
    }
}

void server_crash(sim_t *sim, uint32_t cluster) {
    sim_tell(sim, "cluster %u crashes", cluster);
    end_sessions(sim, cluster);
    sim->server->clusters[cluster].up = false;
    sim_ask(sim,
            (sim_item_t){.at_us = sim->now_us + chance_between(&sim->weather, SIM_S, 20 * SIM_S),
                         .event = SIM_CLUSTER_UP,
                         .who = cluster});
}

/* Everything of the list that was committed since goes; the rest is folded anew. */
static uint32_t truncate_ledger(ledger_t *ledger, int64_t since_us) {
    uint32_t kept = ledger->count;
    while (kept > 1 && ledger->commits[kept - 1].at_us > since_us) {
        kept--;
    }
    uint32_t lost = ledger->count - kept;
    ledger_t fresh = {.commits = ledger->commits, .room = ledger->room};
    for (uint32_t i = 0; i < kept; i++) {
        commit_t commit = ledger->commits[i];
        ledger_add(&fresh, &commit);
    }
    *ledger = fresh;
    return lost;
}

/* Names are rows, too: databases have those that they had, and take sessions as they did. */
static bool take_names_back(sim_t *sim, database_t *database, int64_t since_us) {
    bool was_closed = database->closed_us != 0 && database->closed_us <= since_us &&
                      (database->closed || database->opened_us > since_us);
    bool any = false;
    while (database->replaced != NULL && database->replaced->swapped_us > since_us) {
        replaced_t *aside = database->replaced;
        sim_tell(sim, "tenant %u loses the swap of a restore", database->tenant);
        free(database->ledger.commits);
        database->ledger = aside->ledger;
        database->built = aside->built;
        database->built_point = aside->built_point;
        database->built_us = aside->built_us;
        database->replaced = aside->before;
        free(aside);
        any = true;
    }
    if (database->built_us > since_us) {
        database->built = 0;
    }
    if (was_closed != database->closed) {
        server_close(sim, database->tenant, was_closed);
        database->closed_for_good = was_closed;
    }
    return any;
}

/* The promoted server has all of the database as of one moment. */
static void go_back(sim_t *sim, database_t *database, int64_t since_us) {
    bool swapped = take_names_back(sim, database, since_us);
    uint32_t lost = truncate_ledger(&database->ledger, since_us);
    if (lost > 0) {
        sim_tell(sim, "tenant %u loses %u commits", database->tenant, lost);
    }
    if (lost > 0 || swapped) {
        database->incarnation++;
        oracle_fails_over(sim, database->tenant);
    }
}

void server_fail_over(sim_t *sim, uint32_t cluster, int64_t lost_us) {
    server_crash(sim, cluster);
    cluster_t *moved = &sim->server->clusters[cluster];
    moved->timeline++;
    if (!moved->all_see) {
        uint32_t start = chance_below(&sim->weather, sim->options.agents);
        for (uint32_t i = 0; i < sim->options.agents; i++) {
            uint32_t agent = (start + i) % sim->options.agents;
            if (agent_sees(sim, agent, cluster)) {
                moved->primary = agent;
                break;
            }
        }
    }
    for (uint32_t i = 0; i < sim->options.tenants; i++) {
        if (sim->server->databases[i].cluster == cluster) {
            go_back(sim, &sim->server->databases[i], sim->now_us - lost_us);
        }
    }
}

/* Only the connection goes: the backend finishes what it has, unless that never came. */
void server_cut_client(sim_t *sim, uint32_t number) {
    session_t *session = &sim->server->sessions[number];
    if (!session->used || !session->client) {
        return;
    }
    agent_lost_t lost = {.agent = session->agent,
                         .run = session->run,
                         .session = number,
                         .busy = session->busy,
                         .committing = session->busy && (session->request.kind == REQUEST_COMMIT ||
                                                         session->request.kind == REQUEST_BUILD ||
                                                         session->request.kind == REQUEST_MARK ||
                                                         session->request.kind == REQUEST_SWAP)};
    if (session->busy && session->sent && session->request.kind != REQUEST_COMMIT &&
        chance_below(&sim->weather, 3) == 0) {
        session->sent = false; /* lost on its way to the server */
    }
    sim_tell(sim, "session %u of tenant %u is cut%s", number, session->database,
             session->sent ? "" : " with its request");
    server_leave(sim, number, false);
    agent_session_lost(sim, &lost);
}
