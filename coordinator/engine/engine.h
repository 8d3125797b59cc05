/*
 * engine.h: the coordinator's decisions. Pure: an event comes in with the time and the chance it
 * needs, the state changes in place, effects come out. No clock, no I/O, no randomness, no log.
 *
 * The caller (loop.c in production, a simulator in tests) commits what is dirty, then carries out
 * the effects; when a commit fails it throws the engine away and builds it again from the store.
 */
#ifndef DROVER_COORDINATOR_ENGINE_ENGINE_H
#define DROVER_COORDINATOR_ENGINE_ENGINE_H

#include "common/base/backoff.h"
#include "common/base/cleanup.h"
#include "common/base/table.h"
#include "coordinator/engine/lease_table.h"
#include "coordinator/engine/model.h"
#include "coordinator/engine/task_table.h"

typedef struct engine_options {
    int64_t lease_us; /* how long an agent may act without being heard */
    int64_t
        unreachable_us; /* how long a cluster may have no holder before the spec's policy counts */
    backoff_t retry;    /* waits between attempts of one task */
} engine_options_t;

typedef struct engine engine_t;

typedef enum event_kind {
    EVENT_START,      /* operator: rollout */
    EVENT_PAUSE,      /* operator: rollout */
    EVENT_RESUME,     /* operator: rollout */
    EVENT_STOP,       /* operator: rollout */
    EVENT_RETRY,      /* operator: rollout, and job where only one task is meant */
    EVENT_REVERTED,   /* answer to EFFECT_ROLL_BACK: rollout; its rollback is under way */
    EVENT_UNREVERTED, /* the same: rollout, words; its rollback could not be started */
    EVENT_TICKET,     /* answer to EFFECT_TICKET: rollout, wave; what opens it is stored */
    EVENT_UNTICKETED, /* the same: rollout, wave, words; it cannot be opened yet */
    EVENT_EVIDENCE,   /* results or an approval came: rollout; a wave that awaits asks again */
    EVENT_LAPSED,     /* trust changed: rollout, wave; what opened it would not open it today */
    EVENT_SEEN,       /* agent says how a cluster looks: agent, cluster, writable, parallel */
    EVENT_ALIVE,      /* agent was heard: agent; renews the leases that it holds */
    EVENT_GOODBYE,    /* agent leaves: agent */
    EVENT_IN_HAND,    /* agent said hello: agent, fresh (attempts that it has in hand), held */
    EVENT_ROOM,       /* agent can take jobs: agent, room, fresh (that many random ids), held */
    EVENT_REPORT,     /* agent reported: agent, report */
    EVENT_RULE,       /* operator: what only a person can decide of a task in doubt: report */
    EVENT_TICK,       /* time passes */
    EVENT_KIND_COUNT
} event_kind_t;

/* What a report says, without the wire's form. Texts are borrowed for the call. */
typedef struct report_facts {
    ident_t job;
    ident_t attempt;
    task_event_t event; /* TASK_EVENT_STARTED for a step that is not the last */
    uint32_t step;
    bool has_position;
    uint32_t position;
    bool touched; /* the attempt committed something, or may have */
    bool found;   /* of a try that the catalog, which went back in time, may not know */
    bool unspent; /* transient, and nothing was begun, since something has to be waited for: it
                     counts for no try */
    error_code_t error_code; /* ERROR_NONE where there is none */
    const char *sqlstate;
    const char *error;
    const char *reference;
    const char *notes;
} report_facts_t;

typedef struct event {
    event_kind_t kind;
    int64_t now_us;  /* wall clock */
    int64_t boot_us; /* boot clock */
    uint32_t chance; /* 32 random bits */
    ident_t rollout;
    ident_t job;
    uint32_t wave;
    const char *words; /* why, for the operator, behind the row's own; or NULL. Borrowed */
    agent_key_t agent;
    uint64_t cluster;
    bool writable;
    uint32_t parallel;
    uint32_t room;
    held_t held;          /* what does not go forward: of these nothing is given out */
    const ident_t *fresh; /* EVENT_ROOM: room random ids; EVENT_IN_HAND: attempts in hand */
    uint32_t fresh_count;
    bool forgetful; /* EVENT_IN_HAND: it lost its state, and with it what its attempts did */
    const report_facts_t *report;
} event_t;

typedef enum effect_kind {
    EFFECT_SAVE_ROLLOUT, /* rollout row is dirty */
    EFFECT_SAVE_WAVE,    /* wave row is dirty */
    EFFECT_SAVE_TASK,    /* task row is dirty */
    EFFECT_AUDIT,        /* a transition that the audit log tells: machine, row */
    EFFECT_SEND_JOB,     /* after the commit: to agent */
    EFFECT_SEND_CANCEL,  /* after the commit: to agent */
    EFFECT_ROLL_BACK,    /* plan and start a rollback of what the wave touched; say how it went */
    EFFECT_TICKET,       /* find what opens the wave and store it; say how it went */
    EFFECT_LEASE,        /* lease of a cluster changed: save holder, tell agent */
    EFFECT_KIND_COUNT
} effect_kind_t;

typedef struct effect {
    effect_kind_t kind;
    rollout_t *rollout;
    uint32_t wave;
    uint32_t task; /* ordinal */
    agent_key_t agent;
    uint64_t cluster;
    bool granted; /* EFFECT_LEASE */
    const table_machine_t *machine;
    const table_row_t *row;
} effect_t;

/* Effects of one step or of many, in order. Owned by the caller; zeroed is empty. */
typedef struct effects {
    effect_t *items;
    size_t count;
    size_t room;
    bool failed; /* out of memory: treat like a failed commit */
} effects_t;

void effects_clear(effects_t *effects);
void effects_free(effects_t *effects);

engine_t *engine_new(const engine_options_t *options);
void engine_destroy(engine_t **self);

/*
 * Take a rollout in: new, or built from the store. Counters and queues are made from its tasks.
 * NULL when memory ran out (the rollout is destroyed either way). The engine owns it from now on.
 */
rollout_t *engine_adopt(engine_t *engine, rollout_t **rollout_p);

/* Forget a rollout whose state is final and stored. */
void engine_release(engine_t *engine, const ident_t *rollout);

/* The same with all whose state is final, but for those that still wait for word of a task. True
 * where there was one. */
bool engine_release_over(engine_t *engine);

/* Whether word of one of its tasks may still come. */
bool engine_is_owed_word(const rollout_t *rollout);

/* A cluster's lease as the store remembers it: held by this agent until a lease from now on. */
void engine_restore_lease(engine_t *engine, uint64_t cluster, const agent_key_t *holder,
                          int64_t boot_us);

/* Borrowed; NULL where unknown. */
rollout_t *engine_rollout(engine_t *engine, const ident_t *rollout);
task_t *engine_task(engine_t *engine, const ident_t *job);
rollout_t *engine_rollout_of(engine_t *engine, const ident_t *job);
size_t engine_rollout_count(const engine_t *engine);
rollout_t *engine_rollout_at(engine_t *engine, size_t index);

/* Who holds a cluster; false where nobody does. */
bool engine_holder(const engine_t *engine, uint64_t cluster, agent_key_t *ret_holder);

/* Whether this agent may act on the cluster now, and for how much longer. */
int64_t engine_lease_left_us(const engine_t *engine, uint64_t cluster, const agent_key_t *agent,
                             int64_t boot_us);

/* Take one event in. Appends effects; the same state and event always give the same ones. */
void engine_step(engine_t *engine, const event_t *event, effects_t *effects);

/* Whether agents could be given work: some running rollout has ready tasks on their clusters. */
bool engine_has_ready(const engine_t *engine, const agent_key_t *agent);

#endif
