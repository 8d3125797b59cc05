/*
 * internal.h: what the engine's files share. Nobody outside this folder includes it.
 */
#ifndef DROVER_COORDINATOR_ENGINE_INTERNAL_H
#define DROVER_COORDINATOR_ENGINE_INTERNAL_H

#include "coordinator/engine/engine.h"
#include "coordinator/engine/rollout_table.h"
#include "coordinator/engine/wave_table.h"

#define uthash_fatal(message) abort()
#include <uthash.h>

/* Tasks of one rollout on one cluster that wait for an agent, first come first served. */
typedef struct lane {
    uint64_t cluster;
    uint32_t head; /* ordinal + 1; 0 is empty */
    uint32_t tail;
    uint32_t in_flight; /* dispatched, running or unknown here */
    uint32_t unknown;   /* of those, the ones that nobody has word of */
} lane_t;

/* A rollout with what the engine keeps beside it. */
typedef struct run {
    rollout_t *rollout;
    lane_t *lanes; /* one a cluster, few */
    uint32_t lane_count;
    bool set_back;     /* the retry that is being answered set tasks back */
    bool asked;        /* EFFECT_ROLL_BACK is out and not answered; within one transaction */
    UT_hash_handle hh; /* by rollout id */
} run_t;

/* Where a job is found. */
typedef struct job_entry {
    ident_t job;
    run_t *run;
    uint32_t task;
    UT_hash_handle hh;
} job_entry_t;

typedef struct cluster_lease {
    uint64_t cluster;
    lease_state_t state;
    agent_key_t holder;
    int64_t expires_boot_us;
    int64_t free_since_us; /* wall clock; 0 while held */
    uint32_t parallel;     /* jobs at once that its agent takes for it; 0: not said yet */
    UT_hash_handle hh;
} cluster_lease_t;

struct engine {
    engine_options_t options;
    run_t *runs;
    job_entry_t *jobs;
    cluster_lease_t *leases;
    int64_t started_us; /* first time that came in: silence is counted from here at the earliest */
};

/* engine.c */
void effects_add(effects_t *effects, effect_t effect);
void run_touch(run_t *run, const event_t *event, effects_t *effects);

/* tasks.c */
void tasks_apply(engine_t *engine, run_t *run, uint32_t ordinal, task_event_t what,
                 const event_t *event, effects_t *effects);
/* What its agent should have and does not have, though it gets nothing forward now: nobody knows
 * how far it came, until it is sent again or taken back. */
void tasks_withhold(engine_t *engine, run_t *run, uint32_t ordinal, const event_t *event,
                    effects_t *effects);

void tasks_report(engine_t *engine, run_t *run, uint32_t ordinal, const event_t *event,
                  effects_t *effects);
/* What a person decides of a task whose outcome nobody can read; ignored where it is not in doubt.
 */
void tasks_rule(engine_t *engine, run_t *run, uint32_t ordinal, const event_t *event,
                effects_t *effects);
/* Its cluster has had no holder for so long; told only to tasks that wait for one. */
void tasks_out_of_reach(engine_t *engine, run_t *run, uint32_t ordinal, int64_t lasted_us,
                        const event_t *event, effects_t *effects);
void tasks_queue(run_t *run, uint32_t ordinal);
/* Take out the entry behind `before` (ordinal + 1; 0: the first one); its ordinal. */
uint32_t lane_remove(run_t *run, lane_t *lane, uint32_t before);
lane_t *lane_of(run_t *run, uint64_t cluster);

/* waves.c */
void waves_save(run_t *run, uint32_t wave, effects_t *effects);
void waves_apply(engine_t *engine, run_t *run, uint32_t wave, wave_event_t what,
                 const event_t *event, effects_t *effects);

/* rollouts.c */
void rollouts_apply(engine_t *engine, run_t *run, rollout_event_t what, const event_t *event,
                    effects_t *effects);
/* Say why the rollout stands where it stands, while it runs: what it was paused or stopped for
 * stays said. */
void rollouts_explain(run_t *run, const char *why, const event_t *event, effects_t *effects);
void rollouts_retry(engine_t *engine, run_t *run, const event_t *event, effects_t *effects);
void rollouts_tick(engine_t *engine, run_t *run, const event_t *event, effects_t *effects);

/* leases.c */
cluster_lease_t *leases_get(engine_t *engine, uint64_t cluster);
uint32_t leases_parallel(const engine_t *engine, uint64_t cluster);
void leases_seen(engine_t *engine, const event_t *event, effects_t *effects);
void leases_apply(engine_t *engine, cluster_lease_t *lease, lease_event_t what,
                  const event_t *event, effects_t *effects);
void leases_orphans(engine_t *engine, run_t *run, const event_t *event, effects_t *effects);

/* dispatch.c */
void dispatch_room(engine_t *engine, const event_t *event, effects_t *effects);

#endif
