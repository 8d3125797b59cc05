/* store_agent.c: see store_agent.h. */
#include "coordinator/store/store_agent.h"
#include "coordinator/store/query.h"

#include <stdio.h>
#include <string.h>

/* Read a row of AGENT_GET or AGENT_LIST; texts are kept in the arena, or borrowed without one. */
static agent_row_t read_agent(query_t *query, arena_t *arena) {
    return (agent_row_t){
        .key = query_key_at(query, 0),
        .name = arena != NULL ? query_keep_at(query, 1, arena) : query_text_at(query, 1),
        .state = query_ident_at(query, 2),
        .software = arena != NULL ? query_keep_at(query, 3, arena) : query_text_at(query, 3),
        .protocol = query_u32_at(query, 4),
        .status = (agent_status_t)query_enum_at(query, 5, AGENT_STATUS_COUNT),
        .acknowledged = (uint64_t)query_number_at(query, 6),
        .first_seen_us = query_number_at(query, 7),
        .last_seen_us = query_number_at(query, 8),
        .suspended_us = query_number_at(query, 9),
        .suspended_why = arena != NULL ? query_keep_at(query, 10, arena) : query_text_at(query, 10),
    };
}

/* How the agent stood before. */
static status_t known_as(store_t *store, const agent_row_t *agent, agent_hello_t *ret_hello,
                         error_t *err) {
    CLEANUP(query_end) query_t query = query_begin(store, STATEMENT_AGENT_GET, err);
    query_key(&query, 1, &agent->key);
    bool row = false;
    TRY(query_next(&query, &row));
    agent_hello_t hello = {.known = row};
    if (row) {
        agent_row_t known = read_agent(&query, NULL);
        hello.state_changed = !ident_equal(&known.state, &agent->state);
        hello.status = known.status;
        hello.acknowledged = hello.state_changed ? 0 : known.acknowledged;
    }
    TRY(query_check(&query));
    *ret_hello = hello;
    return STATUS_OK;
}

static status_t check_name(store_t *store, const agent_row_t *agent, error_t *err) {
    CLEANUP(query_end) query_t query = query_begin(store, STATEMENT_AGENT_BY_NAME, err);
    query_text(&query, 1, agent->name);
    bool row = false;
    TRY(query_next(&query, &row));
    if (row) {
        agent_key_t owner = query_key_at(&query, 0);
        TRY(query_check(&query));
        if (memcmp(&owner, &agent->key, sizeof owner) != 0) {
            return error_set(err, ERROR_PEER_NOT_ALLOWED, "agent name '%s' belongs to key %s",
                             agent->name, query_text_at(&query, 0));
        }
    }
    return STATUS_OK;
}

status_t store_agent_hello(store_t *store, const agent_row_t *agent, agent_hello_t *ret_hello,
                           error_t *err) {
    agent_hello_t hello = {0};
    TRY(check_name(store, agent, err));
    TRY(known_as(store, agent, &hello, err));
    CLEANUP(query_end) query_t query = query_begin(store, STATEMENT_AGENT_HELLO, err);
    query_key(&query, 1, &agent->key);
    query_text(&query, 2, agent->name);
    query_ident(&query, 3, &agent->state);
    query_text(&query, 4, agent->software);
    query_number(&query, 5, agent->protocol);
    query_number(&query, 6, agent->status);
    query_number(&query, 7, (int64_t)hello.acknowledged);
    query_number(&query, 8, agent->last_seen_us);
    query_number(&query, 9, agent->last_seen_us);
    TRY(query_run(&query, NULL));
    *ret_hello = hello;
    return STATUS_OK;
}

status_t store_agent_touch(store_t *store, const agent_key_t *key, int64_t last_seen_us,
                           error_t *err) {
    CLEANUP(query_end) query_t query = query_begin(store, STATEMENT_AGENT_TOUCH, err);
    query_key(&query, 1, key);
    query_number(&query, 2, last_seen_us);
    return query_run(&query, NULL);
}

status_t store_agent_set_acknowledged(store_t *store, const agent_key_t *key, uint64_t acknowledged,
                                      error_t *err) {
    CLEANUP(query_end) query_t query = query_begin(store, STATEMENT_AGENT_ACKNOWLEDGE, err);
    query_key(&query, 1, key);
    query_number(&query, 2, (int64_t)acknowledged);
    return query_run(&query, NULL);
}

status_t store_agent_set_status(store_t *store, const agent_key_t *key,
                                const agent_standing_t *standing, error_t *err) {
    CLEANUP(query_end) query_t query = query_begin(store, STATEMENT_AGENT_SET_STATUS, err);
    query_key(&query, 1, key);
    query_number(&query, 2, standing->status);
    query_number(&query, 3, standing->since_us);
    query_text(&query, 4, standing->why);
    return query_run(&query, NULL);
}

status_t store_agent_release_name(store_t *store, const agent_key_t *key, error_t *err) {
    char mark[32];
    char digits[9];
    (void)snprintf(mark, sizeof mark, " (revoked %s)", hex_text(key->bytes, 4, digits));
    CLEANUP(query_end) query_t query = query_begin(store, STATEMENT_AGENT_RELEASE_NAME, err);
    query_key(&query, 1, key);
    query_text(&query, 2, mark);
    return query_run(&query, NULL);
}

status_t store_agent_get(store_t *store, const agent_key_t *key, arena_t *arena,
                         agent_row_t *ret_agent, error_t *err) {
    CLEANUP(query_end) query_t query = query_begin(store, STATEMENT_AGENT_GET, err);
    query_key(&query, 1, key);
    bool row = false;
    TRY(query_next(&query, &row));
    if (!row) {
        char text[2 * sizeof key->bytes + 1];
        return error_set(err, ERROR_NOT_FOUND, "no agent has key %s",
                         hex_text(key->bytes, sizeof key->bytes, text));
    }
    agent_row_t agent = read_agent(&query, arena);
    TRY(query_check(&query));
    *ret_agent = agent;
    return STATUS_OK;
}

status_t store_agent_each(store_t *store, store_agent_fn *fn, void *context, error_t *err) {
    CLEANUP(query_end) query_t query = query_begin(store, STATEMENT_AGENT_LIST, err);
    for (;;) { /* ends with the rows */
        bool row = false;
        TRY(query_next(&query, &row));
        if (!row) {
            return STATUS_OK;
        }
        agent_row_t agent = read_agent(&query, NULL);
        TRY(query_check(&query));
        TRY(fn(context, &agent, err));
    }
}

status_t store_cluster_put(store_t *store, const cluster_row_t *cluster, error_t *err) {
    if (cluster->system_identifier == 0) {
        return error_set(err, ERROR_INVALID, "cluster '%s' has no system identifier",
                         cluster->name != NULL ? cluster->name : "");
    }
    CLEANUP(query_end) query_t query = query_begin(store, STATEMENT_CLUSTER_PUT, err);
    query_unsigned(&query, 1, cluster->system_identifier);
    query_text(&query, 2, cluster->name);
    query_number(&query, 3, cluster->server_version);
    query_number(&query, 4, cluster->timeline);
    query_number(&query, 5, cluster->parallel);
    query_text(&query, 6, cluster->problem);
    query_number(&query, 7, cluster->last_seen_us);
    return query_run(&query, NULL);
}

status_t store_cluster_set_lease(store_t *store, const cluster_row_t *cluster, error_t *err) {
    CLEANUP(query_end) query_t query = query_begin(store, STATEMENT_CLUSTER_LEASE, err);
    query_unsigned(&query, 1, cluster->system_identifier);
    query_key(&query, 2, &cluster->agent);
    query_number(&query, 3, cluster->lease_until_us);
    return query_run(&query, NULL);
}

status_t store_cluster_each(store_t *store, store_cluster_fn *fn, void *context, error_t *err) {
    CLEANUP(query_end) query_t query = query_begin(store, STATEMENT_CLUSTER_LIST, err);
    for (;;) { /* ends with the rows */
        bool row = false;
        TRY(query_next(&query, &row));
        if (!row) {
            return STATUS_OK;
        }
        cluster_row_t cluster = {
            .system_identifier = query_unsigned_at(&query, 0),
            .name = query_text_at(&query, 1),
            .server_version = query_u32_at(&query, 2),
            .timeline = query_u32_at(&query, 3),
            .parallel = query_u32_at(&query, 4),
            .agent = query_key_at(&query, 5),
            .lease_until_us = query_number_at(&query, 6),
            .problem = query_text_at(&query, 7),
            .last_seen_us = query_number_at(&query, 8),
        };
        TRY(query_check(&query));
        TRY(fn(context, &cluster, err));
    }
}
