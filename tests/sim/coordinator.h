/*
 * coordinator.h: one coordinator as the simulator has it: its catalog, its sessions with agents and
 * the hub around the production engine.
 *
 * The rules kept are those of coordinator/link (hub, carry, hello, reports, offers, jobs, results,
 * tickets) and coordinator/service: messages are taken in within a transaction, effects become
 * rows, one commit, and only then anything is sent; where the commit fails the engine is thrown
 * away and built again from the catalog.
 */
#ifndef DROVER_TESTS_SIM_COORDINATOR_H
#define DROVER_TESTS_SIM_COORDINATOR_H

#include "tests/sim/sim.h"

enum {
    COORDINATOR_OUTBOX = 1024,
    COORDINATOR_INBOX = 1024,
    COORDINATOR_JOBS = 32, /* in a message */
};

/* ---- the catalog ---- */

enum {
    CATALOG_META,
    CATALOG_AGENTS,   /* by agent */
    CATALOG_CLUSTERS, /* by cluster */
    CATALOG_TENANTS,  /* by tenant */
    CATALOG_ROLLOUTS,
    CATALOG_WAVES,
    CATALOG_TASKS,
    CATALOG_REPORTS,
    CATALOG_RESULTS,
    CATALOG_TICKETS,
    CATALOG_POINTS,
};

typedef struct catalog_meta {
    ident_t id;
    token_t token;
    bool held;
    uint32_t holds;
    uint32_t trust;
} catalog_meta_t;

typedef struct catalog_agent {
    bool known;
    bool suspended;
    ident_t state;
    uint64_t acknowledged;
} catalog_agent_t;

typedef struct catalog_cluster {
    bool held;
    uint32_t agent;
} catalog_cluster_t;

typedef struct catalog_tenant {
    bool known;
    bool gone;
    uint32_t cluster;
    uint32_t generation;
    uint32_t sequence;
    uint32_t position;
    uint64_t head;
    int64_t observed_us;
} catalog_tenant_t;

typedef struct catalog_rollout {
    ident_t id;
    rollout_kind_t kind;
    rollout_state_t state;
    uint32_t target;
    uint32_t current_wave;
    unreachable_policy_t unreachable;
    uint32_t attempts;
    uint32_t order; /* paper + 1; 0 none */
    bool ticketed;
    ident_t parent;
    int64_t task_timeout_us;
    int64_t created_us, started_us, finished_us, updated_us;
    uint32_t first_wave, wave_count;
    uint32_t first_task, task_count;
} catalog_rollout_t;

typedef struct catalog_task {
    ident_t job;
    ident_t attempt;
    uint32_t tenant;
    uint32_t cluster;
    uint32_t wave;
    task_state_t state;
    uint32_t attempts;
    uint32_t agent;
    uint32_t from, to, position;
    bool touched;
    uint32_t step;
    error_code_t error;
    uint32_t point; /* + 1 */
    int64_t started_us, finished_us, due_us;
} catalog_task_t;

typedef struct catalog_report {
    uint32_t agent;
    ident_t state;
    uint64_t number;
    ident_t job;
    ident_t attempt;
    int64_t finished_us;
    bool foreign;
} catalog_report_t;

typedef struct catalog_ticket {
    uint32_t order;
    uint32_t wave;
    uint32_t ticket; /* + 1 */
} catalog_ticket_t;

/* ---- sessions ---- */

typedef struct held_attempt {
    ident_t attempt;
    ident_t job;
    bool heard;
    bool cancel;
    int64_t sent_us;
} held_attempt_t;

typedef struct agent_session {
    bool online;
    bool settled;
    bool forgetful; /* its state is another than before */
    bool suspended; /* so that it gets nothing forward until a person has looked */
    bool refills;   /* it tells again what this catalog, which went back in time, lacks */
    bool offer;
    bool tell_leases;
    uint64_t connection;
    ident_t state;
    uint64_t acknowledged;
    uint64_t last_report;
    uint64_t said; /* number of its newest hello or beat */
    int64_t said_us;
    uint32_t capacity;
    uint32_t in_hand_said;
    int64_t progress_us;
    uint32_t cluster_count;
    cluster_seen_t clusters[SIM_AGENT_CLUSTERS];
    held_attempt_t *attempts;
    uint32_t attempt_count;
    uint32_t attempt_room;
    ident_t *in_hand;
    uint32_t in_hand_count;
} agent_session_t;

struct coordinator {
    sim_t *sim;
    uint32_t number;
    bool up;
    bool paused;
    bool retired; /* never started again */
    uint64_t life;
    int64_t clock_us;
    disk_t catalog;
    disk_t copy; /* of an earlier time */
    bool has_copy;
    engine_t *engine;
    effects_t effects;
    size_t carried;
    agent_session_t *sessions;
    bool offer_all;
    bool behind;
    bool ask_all;
    bool settle_asked;
    bool evidence;
    int64_t ask_again_us;
    int64_t judge_due_us; /* open waves' tickets are verified again */
    ident_t unrevertable;
    uint32_t counter; /* of a planted bug */
    message_t *outbox[COORDINATOR_OUTBOX];
    size_t outbox_sizes[COORDINATOR_OUTBOX];
    uint32_t outbox_count;
    message_t *inbox[COORDINATOR_INBOX];
    uint32_t inbox_count;
    uint32_t die_at;
};

static inline int64_t coordinator_wall(const sim_t *sim, const coordinator_t *self) {
    return sim->now_us + self->clock_us;
}

static inline const catalog_meta_t *catalog_meta(const coordinator_t *self) {
    return disk_row(&self->catalog, CATALOG_META, 0);
}

static inline agent_key_t agent_key_of(uint32_t agent) {
    agent_key_t key = {{0}};
    uint32_t number = agent + 1;
    memcpy(key.bytes, &number, sizeof number);
    return key;
}

static inline uint32_t agent_of_key(const agent_key_t *key) {
    uint32_t number = 0;
    memcpy(&number, key->bytes, sizeof number);
    return number - 1;
}

coordinator_t *coordinators_new(sim_t *sim);
void coordinators_free(sim_t *sim);

/* A process and its faults. */
void coordinator_start(sim_t *sim, coordinator_t *self);
void coordinator_crash(sim_t *sim, coordinator_t *self);
void coordinator_pause(sim_t *sim, coordinator_t *self, int64_t for_us);
void coordinator_wake(sim_t *sim, coordinator_t *self);
void coordinator_restore_copy(sim_t *sim, coordinator_t *self);
void coordinator_tick(sim_t *sim, coordinator_t *self);
void coordinator_settle(sim_t *sim, coordinator_t *self);
void coordinator_receive(sim_t *sim, coordinator_t *self, message_t *message);
void coordinator_lost(sim_t *sim, coordinator_t *self, uint32_t agent);

/* catalog.c: the engine and the catalog. */
void catalog_define(disk_t *disk);
void catalog_begin(sim_t *sim, coordinator_t *self);
void catalog_insert(coordinator_t *self, const rollout_t *rollout);
void catalog_save_rollout(coordinator_t *self, const rollout_t *rollout);
void catalog_save_wave(coordinator_t *self, const rollout_t *rollout, uint32_t wave);
void catalog_save_task(coordinator_t *self, const rollout_t *rollout, uint32_t task);
void catalog_load_engine(sim_t *sim, coordinator_t *self);
/* Bring a rollout that is over back into the engine where the job is of one. */
void catalog_recall(sim_t *sim, coordinator_t *self, const ident_t *job);
rollout_t *catalog_rollout_of_paper(coordinator_t *self, uint32_t order);
/* Whether a rollback of the rollout names the tenant. */
bool catalog_taken_back(coordinator_t *self, const ident_t *rollout, uint32_t tenant);
uint32_t catalog_paper(const rollout_t *rollout);

/* coordinator_talk.c */
event_t coordinator_event(sim_t *sim, coordinator_t *self, event_kind_t kind);
void coordinator_step(coordinator_t *self, const event_t *event);
void coordinator_say(coordinator_t *self, message_t *message, size_t item_size);
void coordinator_take(sim_t *sim, coordinator_t *self, const message_t *message);
/* What does not go forward with the agent, all or nothing. */
held_t coordinator_held(const sim_t *sim, const coordinator_t *self, uint32_t agent);
void coordinator_settle_agent(sim_t *sim, coordinator_t *self, uint32_t agent);
void coordinator_tell_leases(sim_t *sim, coordinator_t *self, uint32_t agent);
void coordinator_tell_trust(sim_t *sim, coordinator_t *self, uint32_t agent);
message_t *coordinator_message(const sim_t *sim, const coordinator_t *self, uint32_t agent,
                               message_kind_t kind, size_t item_size, uint32_t count);
held_attempt_t *session_find_attempt(agent_session_t *session, const ident_t *attempt);
held_attempt_t *session_add_attempt(agent_session_t *session, const ident_t *attempt,
                                    const ident_t *job);
void session_remove_attempt(agent_session_t *session, const ident_t *attempt);

/* coordinator_jobs.c */
void jobs_send_effects(sim_t *sim, coordinator_t *self);
void jobs_send_one(sim_t *sim, coordinator_t *self, const rollout_t *rollout, const task_t *task);
void jobs_cancel(sim_t *sim, coordinator_t *self, uint32_t agent, const ident_t *attempt);
void jobs_offer(sim_t *sim, coordinator_t *self);
void jobs_sweep(sim_t *sim, coordinator_t *self);
void tickets_ask(sim_t *sim, coordinator_t *self, const effect_t *effect);
void tickets_look(sim_t *sim, coordinator_t *self);

/* coordinator_orders.c: what operators order. False where it is refused. */
typedef struct order_wish {
    rollout_kind_t kind;
    uint32_t target;
    uint32_t waves;
    failure_policy_t on_failure;
    unreachable_policy_t unreachable;
    uint32_t attempts;
    uint32_t budget;
    uint32_t parallel;
    bool dump;
    bool soak;
    bool approval;
    bool look;
    int64_t life_us;
    int64_t deadline_us;
} order_wish_t;

bool orders_start(sim_t *sim, coordinator_t *self, const order_wish_t *wish);
/* Tenants that another rollout of that kind has in its hands, but for one rollout's; owned. */
bool *orders_busy(sim_t *sim, coordinator_t *self, rollout_kind_t kind, const ident_t *except);
uint32_t orders_tenant(const task_t *task);
bool orders_roll_back(sim_t *sim, coordinator_t *self, rollout_t *parent, bool restore);
bool orders_control(sim_t *sim, coordinator_t *self, rollout_t *rollout, event_kind_t event);
bool orders_retry(sim_t *sim, coordinator_t *self, rollout_t *rollout, bool one);
void orders_hold(sim_t *sim, coordinator_t *self, bool hold);
/* Let an agent go on that lost its state. */
void orders_resume_agent(sim_t *sim, coordinator_t *self, uint32_t agent);
/* The newest trust file comes to this coordinator. */
void orders_trust(sim_t *sim, coordinator_t *self);
/* What only a person can decide of a task in doubt; as verbs_resolve.c. */
bool orders_rule(sim_t *sim, coordinator_t *self, rollout_t *rollout, const task_t *task);
/* EFFECT_ROLL_BACK's answer: 0 it is under way or there was nothing to do, else why not. */
error_code_t orders_revert(sim_t *sim, coordinator_t *self, rollout_t *rollout, uint32_t wave);

#endif
