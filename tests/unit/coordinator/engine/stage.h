/*
 * stage.h: an engine with hand-made rollouts, driven event by event. After every step the counters
 * that the engine keeps are compared with a recount, and what is dirty counts as committed.
 */
#ifndef DROVER_TESTS_ENGINE_STAGE_H
#define DROVER_TESTS_ENGINE_STAGE_H

#include "coordinator/engine/engine.h"
#include "tests/unit/base/cmocka_all.h"

#define SECONDS(n) (INT64_C(1000000) * (n))

enum {
    STAGE_WAVES = 4,
    STAGE_ROOM = 64,
    STAGE_ALL = UINT32_MAX, /* as a task: every one */
    LEASE_SECONDS = 30,
    REACH_SECONDS = 100,
    RETRY_SECONDS = 8, /* the longest wait between two tries */
};

typedef struct stage {
    engine_t *engine;
    effects_t effects; /* of the last step */
    int64_t now_us;
    int64_t boot_us;
    uint32_t chance;
    uint32_t fresh;  /* attempts handed out */
    uint64_t digest; /* over all effects and states so far */
} stage_t;

typedef struct wave_plan {
    uint32_t count;
    uint32_t parallel;
    uint32_t per_cluster;
    failure_policy_t on_failure;
    uint32_t budget;
    int64_t soak_us;
    bool approved; /* opens by an approval only */
} wave_plan_t;

typedef struct rollout_plan {
    uint32_t number; /* becomes the id; 1 or more */
    rollout_kind_t kind;
    unreachable_policy_t unreachable;
    uint32_t attempts; /* 0: 2 */
    uint32_t clusters; /* tasks go round; 0: 1 */
    wave_plan_t waves[STAGE_WAVES];
    uint32_t wave_count; /* 0: 1 */
    bool ticketed;
} rollout_plan_t;

void stage_open(stage_t *stage);
void stage_close(stage_t *stage);

/* A rollout as the store would give it; the caller owns it until it is adopted. */
rollout_t *stage_plan(const rollout_plan_t *plan);
rollout_t *stage_adopt(stage_t *stage, rollout_t *rollout);
/* Both, and started; agent 1 holds clusters 1 … clusters. */
rollout_t *stage_start(stage_t *stage, const rollout_plan_t *plan);

/* What a store would give back of a rollout. */
rollout_t *stage_copy(const rollout_t *rollout);

ident_t stage_id(uint32_t kind, uint32_t number);
agent_key_t stage_agent(uint32_t number);

/* Events. Each clears the effects of the one before. */
void stage_step(stage_t *stage, event_t *event);
void stage_ask(stage_t *stage, event_kind_t kind, const rollout_t *rollout);
void stage_retry(stage_t *stage, const rollout_t *rollout, uint32_t task);
/* The answer to EFFECT_TICKET: the wave opens, or words say why not. */
void stage_ticket(stage_t *stage, const rollout_t *rollout, uint32_t wave);
void stage_deny(stage_t *stage, const rollout_t *rollout, uint32_t wave, const char *words);
/* What opened the wave holds no longer. */
void stage_lapse(stage_t *stage, const rollout_t *rollout, uint32_t wave);
typedef struct sight {
    uint32_t agent;
    uint32_t cluster;
    bool standby;
    uint32_t parallel;
} sight_t;
void stage_seen(stage_t *stage, sight_t sight);
void stage_alive(stage_t *stage, uint32_t agent);
void stage_goodbye(stage_t *stage, uint32_t agent);
/* Time passes, the agents 1 … alive_agents are heard first. */
void stage_tick(stage_t *stage, int64_t seconds, uint32_t alive_agents);
/* The agent asks for so many jobs; answers how many were sent. */
size_t stage_room(stage_t *stage, uint32_t agent, uint32_t room);
/* The same while an application is held; "": all. */
typedef struct stage_held {
    uint32_t agent;
    uint32_t room;
    const char *application;
} stage_held_t;
size_t stage_room_held(stage_t *stage, const stage_held_t *held);
/* The agent says hello with the attempts of the tasks [first, first + count) in hand. */
typedef struct task_range {
    uint32_t first;
    uint32_t count;
} task_range_t;
void stage_in_hand(stage_t *stage, uint32_t agent, const rollout_t *rollout, task_range_t range);
/* The task's agent reports on its current attempt. */
void stage_report(stage_t *stage, const rollout_t *rollout, uint32_t task, task_event_t what);
void stage_report_touched(stage_t *stage, const rollout_t *rollout, uint32_t task,
                          task_event_t what);
void stage_report_facts(stage_t *stage, const agent_key_t *agent, const report_facts_t *facts);

/* Effects of the last step. */
size_t stage_count(const stage_t *stage, effect_kind_t kind);
/* The row of this machine that the last step told the audit log, or 0. */
uint32_t stage_told(const stage_t *stage, const table_machine_t *machine);

/* Recount what the engine keeps; fails the test where they differ. */
void stage_check(stage_t *stage);

#define assert_task(rollout, ordinal, wanted)                                                      \
    assert_int_equal((int)(rollout)->tasks[ordinal].state, (int)(wanted))
#define assert_wave(rollout, number, wanted)                                                       \
    assert_int_equal((int)(rollout)->waves[number].state, (int)(wanted))
#define assert_rollout(rollout, wanted) assert_int_equal((int)(rollout)->state, (int)(wanted))

typedef struct case_list {
    const struct CMUnitTest *items;
    size_t count;
} case_list_t;

case_list_t cases_rollout(void);
case_list_t cases_retry(void);
case_list_t cases_task(void);
case_list_t cases_found(void);
case_list_t cases_lease(void);
case_list_t cases_dispatch(void);
case_list_t cases_row(void);
case_list_t cases_ticket(void);

/* All of them, a list of each file; ret_count says how many lists. */
typedef case_list_t case_list_fn(void);
case_list_fn *const *stage_case_lists(size_t *ret_count);

#endif
