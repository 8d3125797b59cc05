/*
 * sim.h: one simulated fleet: its clock, its events, and what travels in it.
 *
 * One thread and one seed. Everything that happens is an event in a heap ordered by time and then
 * by the order in which it was asked for; all chance comes from the seed. The engines are the
 * production ones (coordinator/engine, agent/engine); coordinator.h, agent.h, server.h and net.h
 * are the shells around them, which keep the rules that coordinator/link, coordinator/service,
 * agent/ and PostgreSQL keep. Signatures are facts here: a paper stands for the document that
 * people signed, and nobody can make another.
 */
#ifndef DROVER_TESTS_SIM_SIM_H
#define DROVER_TESTS_SIM_SIM_H

#include "agent/engine/job.h"
#include "coordinator/engine/engine.h"
#include "tests/sim/bugs.h"
#include "tests/sim/chance.h"
#include "tests/sim/disk.h"

enum {
    SIM_COORDINATORS = 3,
    SIM_AGENT_CLUSTERS = 3,
    SIM_POSITIONS = 30, /* migrations in the bundle, at most */
    SIM_WAVES = 6,
};

#define SIM_MS INT64_C(1000)
#define SIM_S INT64_C(1000000)
#define SIM_MINUTE (60 * SIM_S)
#define SIM_HOUR (60 * SIM_MINUTE)

/* The configuration's defaults, as docs/configuration.md has them. */
#define SIM_LEASE_US (30 * SIM_S)
#define SIM_UNREACHABLE_US (15 * SIM_S)
#define SIM_HEARTBEAT_US (5 * SIM_S)
#define SIM_OFFER_US (30 * SIM_S)
#define SIM_SKEW_US (5 * SIM_MINUTE)

typedef struct sim sim_t;
typedef struct coordinator coordinator_t;
typedef struct agent agent_t;
typedef struct server server_t;
typedef struct oracle oracle_t;
typedef struct faults faults_t;

/* ---- events ---- */

typedef enum sim_event {
    SIM_MESSAGE,            /* pointer: message */
    SIM_COORDINATOR_TICK,   /* who, life */
    SIM_COORDINATOR_SETTLE, /* who, life */
    SIM_COORDINATOR_START,  /* who, life */
    SIM_COORDINATOR_WAKE,   /* who, life */
    SIM_AGENT_TICK,         /* who, life */
    SIM_AGENT_START,        /* who, life */
    SIM_AGENT_WAKE,         /* who */
    SIM_AGENT_POLL,         /* who: a session of it was lost */
    SIM_AGENT_CHILD,        /* who, life, pointer as number: a dump is done */
    SIM_BACKEND,            /* who: session; life: its request */
    SIM_BACKEND_END,        /* who: session; life: its incarnation */
    SIM_CLUSTER_UP,         /* who */
    SIM_FAULT,              /* who: number of the fault */
    SIM_OPERATOR,           /* the operator looks at the fleet */
    SIM_EVENT_COUNT
} sim_event_t;

typedef struct sim_item {
    int64_t at_us;
    uint64_t order; /* of asking */
    sim_event_t event;
    uint32_t who;
    uint64_t life;
    void *pointer;
} sim_item_t;

/* ---- papers: what people signed ---- */

typedef struct leaf {
    uint32_t tenant;
    uint32_t wave;
    uint32_t from;
    uint32_t to;
    uint32_t point; /* recovery point that a restore uses, + 1; 0: none */
    int64_t number;
} leaf_t;

typedef struct paper_wave {
    uint32_t count;
    uint32_t budget;
    int64_t soak_us;
    bool needs_approval;
    bool silence_passes;
    bool approved; /* somebody else signed that too */
} paper_wave_t;

typedef struct paper {
    rollout_kind_t kind;
    uint32_t target;
    bool dump;           /* a recovery point is demanded; else it is waived with a reason */
    uint32_t takes_back; /* the paper that this one takes back, + 1; 0: none */
    int64_t issued_us;
    int64_t expires_us;
    int64_t signed_us; /* by no clock of the fleet's */
    leaf_t *leaves;
    uint32_t leaf_count;
    uint32_t *leaf_of; /* by tenant: leaf + 1, 0 none */
    paper_wave_t waves[SIM_WAVES];
    uint32_t wave_count;
} paper_t;

/* What one agent signed of one tenant of a wave. */
typedef struct statement {
    uint32_t order; /* paper + 1 */
    uint32_t wave;
    uint32_t agent;
    uint32_t tenant;
    uint32_t good; /* done, or there already */
    uint32_t key;  /* the trust in which its agent's key stood then */
    int64_t issued_us;
} statement_t;

typedef struct ticket {
    uint32_t order; /* paper + 1 */
    uint32_t wave;
    bool approved;
    statement_t *statements;
    uint32_t count;
} ticket_t;

const paper_t *sim_paper(const sim_t *sim, uint32_t order);
/* Takes the leaves over. Answers the paper's number + 1. */
uint32_t sim_sign(sim_t *sim, paper_t *paper);
uint32_t sim_keep_ticket(sim_t *sim, const ticket_t *ticket);

/* Whether a ticket opens its wave at this time and by this trust; as common/trust/ticket.c judges.
 */
bool sim_ticket_opens(const sim_t *sim, const ticket_t *ticket, int64_t now_us, uint32_t trust);

/* People take an agent's key out and enrol it anew: what it signed before counts no more wherever
 * that trust is known. */
uint32_t sim_revoke(sim_t *sim, uint32_t agent);

/* ---- what travels ---- */

typedef enum message_kind {
    MESSAGE_HELLO,
    MESSAGE_BEAT,
    MESSAGE_INVENTORY,
    MESSAGE_REPORTS,
    MESSAGE_GOODBYE,
    MESSAGE_WELCOME,
    MESSAGE_LEASES,
    MESSAGE_ACK,
    MESSAGE_JOBS,
    MESSAGE_CANCEL,
    MESSAGE_TRUST,
    MESSAGE_REFUSED,
    MESSAGE_KIND_COUNT
} message_kind_t;

typedef struct token {
    uint64_t epoch;
    ident_t incarnation;
} token_t;

typedef struct cluster_seen {
    uint32_t cluster;
    bool known; /* read since the agent's start */
    bool writable;
    bool problem;
    uint32_t parallel;
    int64_t lease_us; /* from the coordinator: valid so long; 0: not */
} cluster_seen_t;

typedef struct job_item {
    ident_t job;
    ident_t attempt;
    ident_t rollout;
    job_kind_t kind;
    uint32_t tenant;
    uint32_t cluster;
    uint32_t target;
    uint32_t order;  /* paper + 1 */
    uint32_t ticket; /* + 1 */
    uint32_t point;  /* recovery point, + 1 */
    uint32_t generation_floor;
    uint32_t sequence_floor;
    int64_t deadline_us;
    bool expired; /* at the agent: it came after its end */
    token_t token;
} job_item_t;

typedef struct report {
    uint64_t number;
    ident_t job;
    ident_t attempt;
    uint32_t tenant;
    job_step_t step;
    job_outcome_t outcome;
    bool final;
    bool has_state;
    uint32_t generation;
    uint32_t sequence;
    uint32_t position;
    uint64_t head;
    uint32_t order; /* paper + 1 */
    uint32_t wave;  /* of the order */
    uint32_t good;  /* of a result: 1 failed, 2 well; 0: no result */
    uint32_t key;   /* that signed it: see statement */
    error_code_t error;
    bool held_back;
    uint32_t point; /* recovery point taken, + 1 */
    int64_t finished_us;
} report_t;

/* Where a tenant stands, as inventory tells. */
typedef struct head_seen {
    uint32_t tenant;
    uint32_t generation;
    uint32_t sequence;
    uint32_t position;
    uint64_t head;
    bool gone;
    int64_t observed_us;
} head_seen_t;

typedef struct in_hand {
    ident_t job;
    ident_t attempt;
} in_hand_t;

typedef struct message {
    message_kind_t kind;
    uint32_t agent;
    uint32_t coordinator;
    bool to_agent;
    uint64_t connection;
    ident_t state;
    token_t token;
    int64_t wall_us;            /* sender's; of jobs: when they expire */
    uint64_t number;            /* last report; acknowledged */
    uint64_t said;              /* number of a hello or beat; of a grant: of what it answers */
    uint64_t acknowledged_seen; /* of HELLO: by any coordinator, ever */
    uint32_t room;
    uint32_t in_hand;
    uint32_t holds; /* of TRUST: how often the fleet was held or released */
    uint32_t trust; /* of TRUST: its version */
    bool held;
    uint32_t cluster_count;
    cluster_seen_t clusters[SIM_AGENT_CLUSTERS];
    uint32_t count; /* items behind it */
} message_t;

static inline void *message_items(message_t *message) {
    return message + 1;
}

/* ---- the fleet ---- */

typedef struct sim_options {
    uint64_t seed;
    uint32_t coordinators;
    uint32_t agents;
    uint32_t tenants;
    uint32_t faults;
    uint32_t faults_kept; /* only the first so many happen */
    bug_t bug;
    bool trace;
    bool big; /* few orders, over everything */
} sim_options_t;

struct sim {
    sim_options_t options;
    chance_t chance;  /* of the shells */
    chance_t weather; /* of the network */
    chance_t people;  /* of what they decide beside their orders */
    chance_t probes;  /* of what is tried out on copies: the fleet has no part in it */
    int64_t now_us;
    uint64_t asked;
    sim_item_t *heap;
    size_t heap_count;
    size_t heap_room;
    uint64_t events;
    uint64_t hash; /* of everything that happened */
    bool calm;     /* the faults have stopped */
    bool over;
    coordinator_t *coordinators;
    uint32_t coordinator_count;
    agent_t *agents;
    server_t *server;
    oracle_t *oracle;
    faults_t *faults;
    paper_t *papers;
    uint32_t paper_count;
    uint32_t paper_room;
    ticket_t *tickets;
    uint32_t ticket_count;
    uint32_t ticket_room;
    bool held; /* the signed hold that stands */
    uint32_t holds;
    uint32_t trust;     /* its version: how often a key was taken out */
    uint32_t *key_from; /* by agent: the trust since which its key stands */
    message_t *in_hand[2048];
    uint32_t in_hand_count;
    char failure[512]; /* empty: none yet */
    unsigned failed_invariant;
};

void sim_ask(sim_t *sim, sim_item_t item);

/* A message in hand: freed when the event is over, even one that a crash cut short. */
void sim_hold(sim_t *sim, message_t *message);

/* Note what happened: into the hash always, into the trace where it is kept. */
void sim_tell(sim_t *sim, const char *format, ...) PRINTF_LIKE(2, 3);

/* The oracle's word: the run has failed. Only the first one counts. */
void sim_fail(sim_t *sim, unsigned invariant, const char *format, ...) PRINTF_LIKE(3, 4);

static inline bool sim_has(const sim_t *sim, bug_t bug) {
    return sim->options.bug == bug;
}

static inline uint32_t sim_short(const ident_t *id) {
    uint32_t value = 0;
    memcpy(&value, id->bytes, sizeof value);
    return value;
}

/* What a run came to. */
typedef struct sim_result {
    bool failed;
    unsigned invariant; /* 0: an assertion or a crash */
    char why[512];
    uint64_t hash;
    uint64_t events;
    int64_t virtual_us;
} sim_result_t;

void sim_run(const sim_options_t *options, sim_result_t *ret_result);

/* A place where a process may die: between two writes, before or after a send. */
typedef enum sim_place { PLACE_AGENT, PLACE_COORDINATOR } sim_place_t;
void sim_point(sim_t *sim, sim_place_t place, uint32_t who);

#endif
