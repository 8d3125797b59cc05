/*
 * agent.h: one agent as the simulator has it: its journal, its jobs, its side of the conversation.
 *
 * The production engine (agent/engine) decides; what stands here keeps the rules of agent/loop.c,
 * crew.c, recruit.c, reports.c, link.c and of the steps: intent before action, one journal commit
 * before what it explains, reports numbered without a gap, leases that run from when what they
 * answer was sent.
 */
#ifndef DROVER_TESTS_SIM_AGENT_H
#define DROVER_TESTS_SIM_AGENT_H

#include "tests/sim/server.h"
#include "tests/sim/sim.h"

enum {
    AGENT_SLOTS = 2, /* jobs at once on a cluster */
    AGENT_AHEAD = 2, /* and more of them kept ready, per slot */
    AGENT_INBOX = 256,
};

/* ---- the journal ---- */

enum { JOURNAL_META, JOURNAL_JOBS, JOURNAL_REPORTS, JOURNAL_ACCEPTED };

typedef struct journal_meta {
    ident_t state;
    token_t seen;  /* the highest coordinator */
    uint64_t next; /* report number */
    bool held;
    uint32_t holds;
    uint32_t trust;
} journal_meta_t;

typedef struct journal_job {
    job_item_t what;
    uint32_t state; /* job_state_t */
    uint32_t tries;
    bool cancelled;
    bool finished;
} journal_job_t;

typedef struct journal_accepted {
    uint32_t tenant;
    uint32_t order;
    int64_t number;
} journal_accepted_t;

/* ---- a job in hand ---- */

typedef struct run run_t;
typedef void run_next_fn(sim_t *sim, agent_t *agent, run_t *run);

struct run {
    run_t *next_run;
    uint64_t id; /* of this run in this life */
    job_item_t what;
    uint32_t entry; /* of the journal */
    uint32_t place; /* index of its cluster at the agent */
    bool placed;
    job_machine_t machine;
    job_state_t last_state;
    uint8_t planned[TABLE_EFFECTS];
    bool begun;
    bool finished;
    bool resumed;
    bool given_back; /* begun without a lease, and unjudged: settled where it must be, and ends */
    bool refused;    /* the warrant said no */
    bool granted;    /* it was asked in this life, and said yes */
    bool worked;     /* the last look before the first work was taken */
    bool over;
    job_event_t over_event;
    error_code_t unfit;
    bool unfit_passes;
    bool held_back; /* unfit, which passes, before anything was begun */
    error_code_t error;
    int64_t wait_until_us;
    int64_t begun_us;
    /* the session */
    bool connected;
    bool locked;
    bool lost; /* the connection went, and it is not told yet */
    uint32_t session;
    uint64_t session_life;
    run_next_fn *then;   /* takes the answer */
    run_next_fn *loaded; /* goes on after a load */
    answer_t answer;
    /* where the tenant stands, as read under the lock */
    bool stands;
    uint32_t generation;
    uint32_t sequence;
    uint32_t position;
    uint64_t head;
    /* the change in hand */
    commit_t row;
    bool undo;
    bool blind; /* of a planted bug */
    uint64_t xid;
    bool touched;
    uint32_t wave;  /* of its order */
    bool main;      /* does what its order is for */
    uint32_t point; /* being taken, + 1 */
    bool closing;   /* a restore closed its tenant */
};

/* ---- the agent ---- */

typedef struct agent_place {
    uint32_t cluster;
    bool read; /* since the start */
    bool seen_writable;
    uint32_t timeline;
    int64_t until_us; /* lease, boot clock */
    bool denied;      /* the coordinator said that it is not ours */
    uint64_t since;   /* no word about it counts that answers an older number */
    uint32_t running;
    uint32_t queued;
    int64_t inventory_us; /* when it was read last */
    bool cut;             /* off from its servers */
} agent_place_t;

struct agent {
    uint32_t number;
    bool up;
    bool paused;
    uint64_t life;
    int64_t clock_us; /* of its wall clock, off the true one */
    disk_t journal;
    uint32_t coordinator; /* whose address it has */
    bool connected;
    bool welcomed;
    bool stopped;
    uint64_t connection;
    int64_t paused_us;
    agent_place_t places[SIM_AGENT_CLUSTERS];
    uint32_t place_count;
    run_t *runs;
    run_t **runs_end;
    uint64_t run_ids;
    bool settling;
    bool must_commit;
    uint64_t acknowledged;
    uint64_t acknowledged_seen; /* the highest ever, of this state; kept in its journal */
    uint64_t sent_report;
    int64_t tell_due_us;
    uint32_t ended_untold;
    uint32_t room_told;
    uint64_t said; /* number of the last hello or beat */
    int64_t hello_due_us;
    int64_t beat_due_us;
    bool clusters_changed;
    bool inventory_due;
    uint32_t opened[64]; /* order and wave whose ticket was verified */
    uint32_t opened_count;
    message_t *inbox[AGENT_INBOX];
    uint32_t inbox_count;
    uint32_t die_at;   /* places until it dies, 0: not */
    bool loses_commit; /* the next one's request or its answer */
    /* of the network between it and its coordinator */
    bool cut_up;
    bool cut_down;
    bool broken;       /* something was lost on this connection */
    int64_t broken_us; /* when that is found out */
    uint32_t loss;     /* of 1,000 */
    uint32_t doubling; /* of 1,000 */
    int64_t delay_us;  /* at most */
    int64_t last_up_us;
    int64_t last_down_us;
};

static inline int64_t agent_wall(const sim_t *sim, const agent_t *agent) {
    return sim->now_us + agent->clock_us;
}

static inline const journal_meta_t *agent_meta(const agent_t *agent) {
    return disk_row(&agent->journal, JOURNAL_META, 0);
}

agent_t *agents_new(sim_t *sim);
void agents_free(sim_t *sim);

/* A process and its faults. */
void agent_start(sim_t *sim, agent_t *agent);
void agent_crash(sim_t *sim, agent_t *agent);
void agent_pause(sim_t *sim, agent_t *agent, int64_t for_us);
void agent_wake(sim_t *sim, agent_t *agent);
void agent_lose_state(sim_t *sim, agent_t *agent);
void agent_tick(sim_t *sim, agent_t *agent);
void agent_poll(sim_t *sim, agent_t *agent); /* sessions that were answered or lost */
void agent_next_tick(sim_t *sim, agent_t *agent);
void agent_settle(sim_t *sim, agent_t *agent);

/* The conversation. */
void agent_receive(sim_t *sim, agent_t *agent, message_t *message);
void agent_disconnect(sim_t *sim, agent_t *agent);
void agent_hear(sim_t *sim, agent_t *agent, const message_t *message);
void agent_say_hello(sim_t *sim, agent_t *agent);
void agent_say_goodbye(sim_t *sim, agent_t *agent);
void agent_say_due(sim_t *sim, agent_t *agent);
void agent_link_tick(sim_t *sim, agent_t *agent);
uint32_t agent_room(const agent_t *agent);

/* Reports. */
typedef struct agent_told {
    job_step_t step;
    job_outcome_t outcome;
    bool final;
    bool has_state;
    bool held_back;
    uint32_t point;
    error_code_t error;
} agent_told_t;

void agent_report(sim_t *sim, agent_t *agent, const run_t *run, const agent_told_t *told);
bool agent_reports_due(const sim_t *sim, const agent_t *agent);
void agent_reports_gather(const sim_t *sim, agent_t *agent);
void agent_send_reports(sim_t *sim, agent_t *agent);

/* Jobs. */
void agent_accept(sim_t *sim, agent_t *agent, const message_t *message);
void agent_cancel(sim_t *sim, agent_t *agent, const ident_t *attempts, uint32_t count);
void agent_resume(sim_t *sim, agent_t *agent);
void agent_drop_runs(sim_t *sim, agent_t *agent);
bool agent_commit(sim_t *sim, agent_t *agent);
bool agent_judge(sim_t *sim, agent_t *agent, run_t *run);
void agent_supersede(agent_t *agent, const run_t *by);
bool agent_stands(sim_t *sim, agent_t *agent, run_t *run);
bool agent_seen_passes(const sim_t *sim, const token_t *seen, const token_t *token);

/* Steps. */
void step_check(sim_t *sim, agent_t *agent, run_t *run);
void step_protect(sim_t *sim, agent_t *agent, run_t *run);
void step_work(sim_t *sim, agent_t *agent, run_t *run);
void step_verify(sim_t *sim, agent_t *agent, run_t *run);
void step_settle(sim_t *sim, agent_t *agent, run_t *run);
void step_over(run_t *run, job_event_t event);
void step_fail(run_t *run);
void step_disconnect(sim_t *sim, run_t *run);
void step_load(sim_t *sim, agent_t *agent, run_t *run, run_next_fn *next);
void step_ask(sim_t *sim, run_t *run, const request_t *request, run_next_fn *then);
void step_restore(sim_t *sim, agent_t *agent, run_t *run, bool settling);
bool step_is_ready(const run_t *run);
commit_t step_row(const sim_t *sim, const agent_t *agent, const run_t *run);
void agent_child(sim_t *sim, agent_t *agent, uint64_t run);

/* From the servers. */
typedef struct agent_lost {
    uint32_t agent;
    uint64_t run;
    uint32_t session;
    bool busy;
    bool committing;
} agent_lost_t;

void agent_answered(sim_t *sim, uint32_t session);
void agent_session_lost(sim_t *sim, const agent_lost_t *lost);
bool agent_loses_commit(sim_t *sim, uint32_t agent); /* once, where that was ordained */
bool agent_is_cut_off(const sim_t *sim, uint32_t agent, uint32_t cluster);
bool agent_sees(const sim_t *sim, uint32_t agent, uint32_t cluster);

/* Something of it may go wrong here: see sim_point. */
#define AGENT_POINT(sim, agent) sim_point((sim), PLACE_AGENT, (agent)->number)

#endif
