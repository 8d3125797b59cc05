/*
 * server.h: a model of PostgreSQL: clusters, databases, sessions that outlive their clients.
 *
 * A database is the list of what was committed in it; everything else about it is folded from that.
 * A restore puts another list in its place. A failover goes back to one moment of the cluster: the
 * list's tail goes, and a database that was put in place since goes with its name. A session is a
 * backend: it finishes the statement in hand whether or not its client is there, holds the tenant's
 * lock until it ends, and a COMMIT may be done while nobody hears of it.
 */
#ifndef DROVER_TESTS_SIM_SERVER_H
#define DROVER_TESTS_SIM_SERVER_H

#include "tests/sim/sim.h"

typedef enum commit_kind {
    COMMIT_BASELINE, /* row */
    COMMIT_APPLY,    /* row; and its effect, but for one that was made piecewise */
    COMMIT_UNDO,     /* row and effect */
    COMMIT_RESTORE,  /* row; opens a generation */
    COMMIT_FENCE,    /* the fence alone */
    COMMIT_STARTED,  /* a piecewise statement is about to run */
    COMMIT_BUILT,    /* its effect */
    COMMIT_KIND_COUNT
} commit_kind_t;

typedef struct commit {
    commit_kind_t kind;
    uint32_t position;
    uint32_t generation;
    uint32_t sequence;
    uint64_t head;   /* digest of the row, chained */
    uint32_t bundle; /* which bytes ran, as a number that each position has */
    uint32_t order;
    uint32_t agent;
    ident_t job;
    ident_t attempt;
    token_t token;
    uint64_t xid;
    int64_t at_us;
} commit_t;

typedef struct ledger {
    commit_t *commits;
    uint32_t count;
    uint32_t room;
    /* folded */
    uint32_t generation;
    uint32_t sequence;
    uint32_t position;
    uint64_t head;
    ident_t last_attempt; /* of the last row */
    token_t fence;
    uint8_t effects[SIM_POSITIONS + 1]; /* how often each migration stands */
    uint32_t started;                   /* position whose piecewise statement was started, 0 none */
    uint32_t started_sequence;          /* the row that was to follow */
    bool built;                         /* and it came to its end */
} ledger_t;

typedef struct point {
    uint32_t tenant;
    uint32_t agent;
    ident_t attempt;
    int64_t taken_us; /* as of when it shows the tenant */
    bool whole;
    ledger_t ledger; /* what it holds */
} point_t;

/* What a swap of names put aside: a failover may bring it back. */
typedef struct replaced {
    struct replaced *before;
    ledger_t ledger;
    int64_t swapped_us;
    uint32_t built; /* as below */
    uint32_t built_point;
    int64_t built_us;
} replaced_t;

typedef struct database {
    uint32_t tenant;
    uint32_t cluster;
    bool gone;
    ledger_t ledger;
    uint32_t lock; /* session + 1 */
    uint32_t slow; /* factor of every statement's time */
    uint32_t bad;  /* position whose script fails, 0 none */
    bool unfit;    /* its check refuses it */
    bool closed;   /* to new sessions, while a restore swaps names */
    int64_t closed_us;
    int64_t opened_us;
    bool closed_for_good; /* whoever would open it knows nothing of it: a person does */
    uint32_t built;       /* a restore's database stands beside it: job's short name */
    bool built_ready;
    uint32_t built_point; /* what it was made of, + 1 */
    int64_t built_us;
    replaced_t *replaced; /* by restores, the last one first */
    uint64_t incarnation; /* raised by failovers and restores: what was known before may be gone */
} database_t;

typedef struct cluster {
    bool up;
    uint32_t timeline;
    bool all_see;     /* every agent reaches the primary, wherever it is */
    uint32_t primary; /* agent beside the primary, where not all see it */
} cluster_t;

typedef enum request_kind {
    REQUEST_CONNECT,
    REQUEST_LOAD,   /* lock, ledger */
    REQUEST_PROOF,  /* a check or verify script */
    REQUEST_OPEN,   /* BEGIN, lock, fence, head, script */
    REQUEST_RECORD, /* the ledger's row */
    REQUEST_COMMIT,
    REQUEST_ROLLBACK,
    REQUEST_FATE,   /* what became of a transaction */
    REQUEST_MARK,   /* that a piecewise statement is about to run, committed */
    REQUEST_BUILD,  /* that statement */
    REQUEST_FENCE,  /* the fence alone, committed */
    REQUEST_CREATE, /* a restore's database beside the tenant */
    REQUEST_CLOSE,  /* the tenant to new sessions */
    REQUEST_SWAP,   /* both names, committed */
    REQUEST_KIND_COUNT
} request_kind_t;

typedef struct request {
    request_kind_t kind;
    commit_t commit;        /* OPEN, RECORD, MARK, BUILD, FENCE, SWAP: what it writes */
    uint32_t head_sequence; /* OPEN: the head that was read */
    uint64_t head;
    bool undo;
    bool blind;   /* REQUEST_OPEN of a planted bug */
    uint64_t xid; /* FATE */
    uint32_t point;
    uint32_t floor; /* SWAP, CREATE: generation at least */
    bool drops;     /* BUILD: drop the unfinished one first */
    int64_t time_us;
} request_t;

typedef enum answer_code {
    ANSWER_OK,
    ANSWER_LOST,        /* the connection went; the request may have been done */
    ANSWER_UNREACHABLE, /* nothing was sent */
    ANSWER_BUSY,        /* another session has the lock, or the head moved */
    ANSWER_LOCKED,      /* a table's lock was not had in time */
    ANSWER_FENCED,
    ANSWER_FAILED, /* the script, or a script's answer */
    ANSWER_STANDBY,
    ANSWER_GONE,
    ANSWER_IN_PROGRESS, /* FATE */
    ANSWER_CODE_COUNT
} answer_code_t;

typedef struct answer {
    answer_code_t code;
    uint64_t xid;
    bool committed; /* FATE */
} answer_t;

typedef struct session {
    bool used;
    bool client;      /* somebody is at the other end */
    bool busy;        /* a request is in hand */
    bool maintenance; /* in the server's own database: no tenant keeps it out */
    bool sent;        /* false: lost before it arrived, it is not done */
    bool answered;    /* an answer waits for a paused client */
    answer_t answer;
    uint64_t life;   /* of the session */
    uint64_t number; /* of the request */
    uint32_t database;
    uint32_t cluster;
    uint32_t agent;
    uint64_t run; /* of the agent */
    request_t request;
    bool open;  /* a transaction */
    bool locks; /* holds the tenant's lock */
    uint64_t xid;
    commit_t pending;
    bool has_effect;
    bool has_row;
} session_t;

struct server {
    cluster_t *clusters;
    uint32_t cluster_count;
    database_t *databases; /* by tenant */
    uint32_t database_count;
    session_t *sessions;
    uint32_t session_count;
    uint32_t session_room;
    uint32_t *free_sessions;
    uint32_t free_count;
    point_t *points;
    uint32_t point_count;
    uint32_t point_room;
    uint64_t lives;
    uint64_t xids;
};

server_t *server_new(sim_t *sim);
void server_free(server_t *server);

/* A session is asked for; its first answer says whether it is there. */
uint32_t server_connect(sim_t *sim, const session_t *wanted);
void server_ask(sim_t *sim, uint32_t session, const request_t *request);
/* The client is no more, or gave the session up. `soon`: the server notices at once. */
void server_leave(sim_t *sim, uint32_t session, bool soon);

void server_backend(sim_t *sim, uint32_t number, uint64_t asked);
void server_end(sim_t *sim, uint32_t session, uint64_t life);

/* Whether the agent reaches a writable primary of the cluster. */
bool server_writable(const sim_t *sim, uint32_t agent, uint32_t cluster);

/* Close a tenant to new sessions, or open it. */
void server_close(sim_t *sim, uint32_t tenant, bool closed);

/* Faults. */
void server_crash(sim_t *sim, uint32_t cluster);                      /* restarts by itself */
void server_fail_over(sim_t *sim, uint32_t cluster, int64_t lost_us); /* commits since are lost */
void server_cut_client(sim_t *sim, uint32_t session);

/* A dump begins: what it will hold, answers the point + 1. */
uint32_t server_point(sim_t *sim, const point_t *point);
void ledger_add(ledger_t *ledger, const commit_t *commit);
void ledger_copy(ledger_t *to, const ledger_t *from);

bool token_passes(const token_t *stands, const token_t *token);

#endif
