/* store_agent.h: agents and the clusters that they see, as rows. */
#ifndef DROVER_STORE_STORE_AGENT_H
#define DROVER_STORE_STORE_AGENT_H

#include "coordinator/engine/model.h"
#include "coordinator/store/store.h"

typedef enum agent_status {
    AGENT_KNOWN,
    AGENT_SUSPENDED, /* it lost its state: nothing forward until a person has looked */
    AGENT_RENEWED,   /* enrolled anew: whatever journal it comes with next is its own */
    AGENT_STATUS_COUNT
} agent_status_t;

/* How an agent stands, and since when and why it is suspended: 0 and "" where it is not. */
typedef struct agent_standing {
    agent_status_t status;
    int64_t since_us;
    const char *why;
} agent_standing_t;

typedef struct agent_row {
    agent_key_t key;
    const char *name;
    ident_t state; /* the journal's id */
    const char *software;
    uint32_t protocol;
    agent_status_t status;
    int64_t suspended_us; /* since when; 0: it is not */
    const char *suspended_why;
    uint64_t acknowledged; /* highest report number committed for this journal */
    int64_t first_seen_us;
    int64_t last_seen_us;
} agent_row_t;

/* How an agent that says hello stood in the catalog before. */
typedef struct agent_hello {
    bool known;
    bool state_changed;    /* another journal than before: the agent lost its state */
    agent_status_t status; /* as stored */
    uint64_t acknowledged; /* for this journal; 0 after a change */
} agent_hello_t;

/*
 * An agent said hello: insert it, or write its name, journal, software, protocol and last_seen_us.
 * A new journal starts at acknowledged 0. ERROR_PEER_NOT_ALLOWED: another key has that name
 * already (nothing is written, the transaction stays good).
 */
MUST_CHECK status_t store_agent_hello(store_t *store, const agent_row_t *agent,
                                      agent_hello_t *ret_hello, error_t *err);

MUST_CHECK status_t store_agent_touch(store_t *store, const agent_key_t *key, int64_t last_seen_us,
                                      error_t *err);

/* Never lowers it. */
MUST_CHECK status_t store_agent_set_acknowledged(store_t *store, const agent_key_t *key,
                                                 uint64_t acknowledged, error_t *err);

/* Nothing happens where the agent never said hello. */
MUST_CHECK status_t store_agent_set_status(store_t *store, const agent_key_t *key,
                                           const agent_standing_t *standing, error_t *err);

/* An agent whose key was taken out: its name is free for another key, its row keeps it with a mark
 * that no name can have. Nothing happens where the agent never said hello. */
MUST_CHECK status_t store_agent_release_name(store_t *store, const agent_key_t *key, error_t *err);

/* NOT_FOUND. Texts live in the arena. */
MUST_CHECK status_t store_agent_get(store_t *store, const agent_key_t *key, arena_t *arena,
                                    agent_row_t *ret_agent, error_t *err);

typedef status_t store_agent_fn(void *context, const agent_row_t *agent, error_t *err);

/* Every agent, by name. */
MUST_CHECK status_t store_agent_each(store_t *store, store_agent_fn *fn, void *context,
                                     error_t *err);

typedef struct cluster_row {
    uint64_t system_identifier; /* never 0 */
    const char *name;
    uint32_t server_version;
    uint32_t timeline;
    uint32_t parallel;
    agent_key_t agent; /* who holds, or held last, its lease; zeroed: nobody yet */
    int64_t lease_until_us;
    const char *problem;
    int64_t last_seen_us;
} cluster_row_t;

/* Insert, or write all but the lease. A server version, timeline or parallel of 0 keeps what is
 * known. INVALID for a system identifier of 0. */
MUST_CHECK status_t store_cluster_put(store_t *store, const cluster_row_t *cluster, error_t *err);

/* Write who holds the lease and until when (wall clock, for the reader's eyes). */
MUST_CHECK status_t store_cluster_set_lease(store_t *store, const cluster_row_t *cluster,
                                            error_t *err);

typedef status_t store_cluster_fn(void *context, const cluster_row_t *cluster, error_t *err);

/* Every cluster, by name. */
MUST_CHECK status_t store_cluster_each(store_t *store, store_cluster_fn *fn, void *context,
                                       error_t *err);

#endif
