/*
 * session.h: agents that said hello to this run of the coordinator, and what each has in hand.
 *
 * A session is memory only: what must outlive the process stands in the store. It stays when the
 * connection goes, since the agent's attempts do; a new hello fills it anew.
 */
#ifndef DROVER_COORDINATOR_LINK_SESSION_H
#define DROVER_COORDINATOR_LINK_SESSION_H

#include "common/wire/curve.h"
#include "coordinator/engine/model.h"
#include "coordinator/link/leftovers.h"

#define uthash_fatal(message) abort()
#include <uthash.h>

enum { SESSION_PROBLEM_BYTES = 512 };

/* An attempt that was given to the agent and that has not ended. */
typedef struct session_attempt {
    ident_t attempt;
    ident_t job;
    int64_t sent_boot_us;
    bool heard;  /* the agent said something about it: it has it */
    bool left;   /* a message with it was sent since the hello, which did not name it */
    bool barred; /* it cannot be sent: no proof of it can be made, however often that is tried */
    bool cancel; /* the agent was asked to stop it, which is repeated until it answers */
    UT_hash_handle hh;
} session_attempt_t;

typedef struct session_cluster {
    uint64_t system_identifier;
    bool writable;
    uint32_t parallel;
    bool standby; /* read, and without a problem: it is no primary */
} session_cluster_t;

typedef struct session {
    curve_public_t key;
    char name[LIMIT_NAME_BYTES + 1];
    ident_t state; /* the journal's id */
    bool online;
    bool suspended;
    bool refills;                        /* its reports may be of tries that the catalog forgot */
    bool late;                           /* it does so after an operator went on without it */
    bool silent;                         /* its silence was logged */
    char problem[SESSION_PROBLEM_BYTES]; /* why it left, or which cluster it could not read */
    uint64_t acknowledged;
    uint64_t last_report;     /* as hello said */
    int64_t trust_version;    /* of the newest trust file that it has, or was sent */
    int64_t heard_boot_us;    /* anything */
    uint64_t said;            /* number of its newest hello or beat; 0: an older agent gives none */
    int64_t said_boot_us;     /* when that one was read */
    int64_t progress_boot_us; /* hello, or reports that were new */
    int64_t touched_us;       /* wall clock: when last_seen was last written */
    uint32_t capacity;        /* jobs that it may have at once, as its last beat said */
    uint32_t in_hand_said;    /* as its last beat said */
    ident_t *in_hand;         /* attempts of its hello; NULL once the engine was told */
    uint32_t in_hand_count;
    bool settled;     /* the engine was told what it has in hand: it may get more */
    bool forgetful;   /* it said hello with another state than before, and is not settled yet */
    bool offer;       /* is to be offered work at the next commit */
    bool tell_leases; /* a lease of it changed: send a beat after the commit */
    session_cluster_t *clusters;
    uint32_t cluster_count;
    leftover_list_t *left; /* behind, as it found */
    ident_t snapshot;      /* inventory that is coming in */
    uint32_t next_part;    /* that follows in it */
    bool snapshot_whole;
    session_attempt_t *attempts; /* by attempt */
    UT_hash_handle hh;           /* by key */
} session_t;

/* The table is the list's head; NULL is empty. */
session_t *session_find(session_t *table, const curve_public_t *key);

/* The session of this key, made where there is none. ERROR_NO_MEMORY. */
MUST_CHECK status_t session_get(session_t **table, const curve_public_t *key,
                                session_t **ret_session, error_t *err);

/* Release every session. */
void session_free_all(session_t **table);

/* Forget what the agent has in hand. */
void session_clear_attempts(session_t *session);

/* An attempt is with the agent: found or made. NULL when memory ran out. */
session_attempt_t *session_add_attempt(session_t *session, const ident_t *attempt,
                                       const ident_t *job);
session_attempt_t *session_find_attempt(session_t *session, const ident_t *attempt);
void session_remove_attempt(session_t *session, const ident_t *attempt);
uint32_t session_attempt_count(const session_t *session);

/* Remember how the agent sees a cluster. ERROR_BOUND past LIMIT_CLUSTERS_PER_AGENT. */
MUST_CHECK status_t session_see(session_t *session, const session_cluster_t *cluster, error_t *err);

/* An agent's key in the engine's form and back: the same bytes. */
agent_key_t session_agent(const curve_public_t *key);
curve_public_t session_key(const agent_key_t *agent);

#endif
