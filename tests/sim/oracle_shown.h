/* oracle_shown.h: what stood before an event, for the files of invariant 14 only. */
#ifndef DROVER_TESTS_SIM_ORACLE_SHOWN_H
#define DROVER_TESTS_SIM_ORACLE_SHOWN_H

#include "tests/sim/sim.h"

typedef struct shown_rollout {
    rollout_t *rollout;
    rollout_state_t state;
    uint32_t current;
    size_t first_wave;
    size_t first_task;
} shown_rollout_t;

typedef struct shown_wave {
    wave_state_t state;
    uint32_t failed;
} shown_wave_t;

typedef struct shown_task {
    uint8_t state;
    bool ordered;  /* a signed order names it */
    bool left_out; /* skipped, though nobody asked for that */
} shown_task_t;

typedef struct shown {
    sim_t *sim;
    engine_t *engine;
    const event_t *event; /* NULL: one that must be ignored */
    const effects_t *effects;
    size_t effects_before;
    shown_rollout_t *rollouts;
    size_t count, rollout_room;
    shown_wave_t *waves;
    size_t wave_count, wave_room;
    shown_task_t *tasks;
    size_t task_count, task_room;
    uint32_t *holders; /* by cluster: agent; UINT32_MAX none */
    size_t holder_room;
    bool has_task; /* of a report or a ruling; its texts may be gone */
    task_t task;
} shown_t;

void shown_wrong(const shown_t *at, const rollout_t *rollout, const char *format, ...)
    PRINTF_LIKE(3, 4);
uint32_t shown_holder(const shown_t *at, uint32_t cluster);
void shown_must_be_same(const shown_t *at, const shown_rollout_t *was, const char *why);
/* Whether the event had this asked for: of a task, or of a wave where it is a ticket. */
bool shown_asks(const shown_t *at, effect_kind_t kind, const rollout_t *rollout, uint32_t number);

/* oracle_shown.c: what each event must come to. */
void shown_judge_event(const shown_t *at);
/* oracle_rest.c: what must hold behind any event. */
void shown_judge_rest(const shown_t *at, const shown_rollout_t *was);

#endif
