/* session.c: see session.h. */
#include "coordinator/link/session.h"

#include <stdlib.h>
#include <string.h>

agent_key_t session_agent(const curve_public_t *key) {
    agent_key_t agent;
    _Static_assert(sizeof agent.bytes == sizeof key->bytes, "both are the same key");
    memcpy(agent.bytes, key->bytes, sizeof agent.bytes);
    return agent;
}

curve_public_t session_key(const agent_key_t *agent) {
    return curve_public_from(agent->bytes);
}

session_t *session_find(session_t *table, const curve_public_t *key) {
    session_t *session = NULL;
    HASH_FIND(hh, table, key, sizeof *key, session);
    return session;
}

status_t session_get(session_t **table, const curve_public_t *key, session_t **ret_session,
                     error_t *err) {
    session_t *session = session_find(*table, key);
    if (session == NULL) {
        session = calloc(1, sizeof *session);
        if (session == NULL) {
            return error_set(err, ERROR_NO_MEMORY, "out of memory for a session");
        }
        session->key = *key;
        session_t *head = *table;
        HASH_ADD(hh, head, key, sizeof session->key, session);
        *table = head;
    }
    *ret_session = session;
    return STATUS_OK;
}

void session_clear_attempts(session_t *session) {
    session_attempt_t *attempt = NULL;
    session_attempt_t *next = NULL;
    HASH_ITER(hh, session->attempts, attempt, next) {
        HASH_DEL(session->attempts, attempt);
        free(attempt);
    }
}

void session_free_all(session_t **table) {
    session_t *head = *table;
    session_t *session = NULL;
    session_t *next = NULL;
    HASH_ITER(hh, head, session, next) {
        HASH_DEL(head, session);
        session_clear_attempts(session);
        leftovers_free(&session->left);
        free(session->in_hand);
        free(session->clusters);
        free(session);
    }
    *table = NULL;
}

session_attempt_t *session_find_attempt(session_t *session, const ident_t *attempt) {
    session_attempt_t *entry = NULL;
    HASH_FIND(hh, session->attempts, attempt, sizeof *attempt, entry);
    return entry;
}

session_attempt_t *session_add_attempt(session_t *session, const ident_t *attempt,
                                       const ident_t *job) {
    session_attempt_t *entry = session_find_attempt(session, attempt);
    if (entry != NULL) {
        return entry;
    }
    entry = calloc(1, sizeof *entry);
    if (entry != NULL) {
        entry->attempt = *attempt;
        entry->job = *job;
        HASH_ADD(hh, session->attempts, attempt, sizeof entry->attempt, entry);
    }
    return entry;
}

void session_remove_attempt(session_t *session, const ident_t *attempt) {
    session_attempt_t *entry = session_find_attempt(session, attempt);
    if (entry != NULL) {
        HASH_DEL(session->attempts, entry);
        free(entry);
    }
}

uint32_t session_attempt_count(const session_t *session) {
    return HASH_COUNT(session->attempts);
}

status_t session_see(session_t *session, const session_cluster_t *cluster, error_t *err) {
    for (uint32_t i = 0; i < session->cluster_count; i++) {
        if (session->clusters[i].system_identifier == cluster->system_identifier) {
            session->clusters[i] = *cluster;
            return STATUS_OK;
        }
    }
    if (session->cluster_count >= LIMIT_CLUSTERS_PER_AGENT) {
        return error_set(err, ERROR_BOUND, "agent '%s' names more than %d clusters", session->name,
                         LIMIT_CLUSTERS_PER_AGENT);
    }
    session_cluster_t *clusters =
        realloc(session->clusters, (session->cluster_count + 1) * sizeof *clusters);
    if (clusters == NULL) {
        return error_set(err, ERROR_NO_MEMORY, "out of memory for a cluster");
    }
    session->clusters = clusters;
    session->clusters[session->cluster_count++] = *cluster;
    return STATUS_OK;
}
