/* waves.c: one wave's transitions. The table is wave_table.c. */
#include "coordinator/engine/internal.h"

/* More failures than the budget and what a resume accepted. */
static bool budget_spent(const wave_t *wave) {
    return wave->on_failure != ON_FAILURE_CONTINUE &&
           (uint64_t)wave->failed > (uint64_t)wave->budget + wave->forgiven;
}

/* Every later wave of an order asks, and a first one that needs an approval: whether there is
 * anything to wait for is found out by whoever knows the order. */
static bool is_gated(const rollout_t *rollout, uint32_t number) {
    return rollout->ticketed && (number > 0 || rollout->waves[number].needs_approval);
}

static uint32_t conditions_of(const rollout_t *rollout, uint32_t number) {
    const wave_t *wave = &rollout->waves[number];
    return (wave->settled == wave->count ? WAVE_IF_SETTLED : 0U) |
           (budget_spent(wave) ? WAVE_IF_SPENT : 0U) |
           (wave->soak_for_us > 0 ? WAVE_IF_SOAKS : 0U) |
           (is_gated(rollout, number) ? WAVE_IF_GATED : 0U);
}

/*
 * Every pending task of the wave may be dispatched from now on. Where the wave had failed, agents
 * that asked for work dropped its ready tasks from their lanes: those come back.
 */
static void release(engine_t *engine, run_t *run, uint32_t number, const event_t *event,
                    effects_t *effects) {
    const wave_t *wave = &run->rollout->waves[number];
    for (uint32_t i = wave->first; i < wave->first + wave->count; i++) {
        tasks_apply(engine, run, i, TASK_EVENT_OPENED, event, effects);
        if (run->rollout->tasks[i].state == TASK_READY) {
            tasks_queue(run, i);
        }
    }
}

/* What nobody has been given waits with its wave; what an agent has in hand it finishes. */
static void withhold(engine_t *engine, run_t *run, uint32_t number, const event_t *event,
                     effects_t *effects) {
    const wave_t *wave = &run->rollout->waves[number];
    for (uint32_t i = wave->first; i < wave->first + wave->count; i++) {
        tasks_apply(engine, run, i, TASK_EVENT_WITHHELD, event, effects);
    }
}

/* What a row of one wave has done. */
typedef struct turn {
    uint32_t number;
    const table_row_t *row;
    const event_t *event;
} turn_t;

static void carry_out(engine_t *engine, run_t *run, const turn_t *turn, wave_effect_t what,
                      effects_t *effects) {
    uint32_t number = turn->number;
    const event_t *event = turn->event;
    bool current = number == run->rollout->current_wave;
    switch (what) {
    case WAVE_DO_RELEASE:
        release(engine, run, number, event, effects);
        break;
    case WAVE_DO_SOAK:
        run->rollout->waves[number].soak_us = event->now_us;
        break;
    case WAVE_DO_TELL_PASSED:
        if (current) {
            rollouts_apply(engine, run, ROLLOUT_EVENT_WAVE_PASSED, event, effects);
        }
        break;
    case WAVE_DO_TELL_FAILED:
        rollouts_apply(engine, run, ROLLOUT_EVENT_WAVE_FAILED, event, effects);
        break;
    case WAVE_DO_JUDGE:
        waves_apply(engine, run, number, WAVE_EVENT_JUDGED, event, effects);
        break;
    case WAVE_DO_ASK:
        effects_add(effects,
                    (effect_t){.kind = EFFECT_TICKET, .rollout = run->rollout, .wave = number});
        break;
    case WAVE_DO_EXPLAIN:
        rollouts_explain(run, turn->row->why, event, effects);
        break;
    case WAVE_DO_WITHHOLD:
        withhold(engine, run, number, event, effects);
        break;
    case WAVE_DO_NOTHING:
    case WAVE_EFFECT_COUNT:
        break;
    }
}

/* Times that follow from the state. */
static void stamp(wave_t *wave, wave_state_t before, const event_t *event) {
    if (wave->state == WAVE_OPEN && wave->opened_us == 0) {
        wave->opened_us = event->now_us;
    }
    bool over =
        wave->state == WAVE_PASSED || wave->state == WAVE_FAILED || wave->state == WAVE_CANCELLED;
    if (wave->state != before) {
        wave->finished_us = over ? event->now_us : 0;
    }
}

void waves_save(run_t *run, uint32_t number, effects_t *effects) {
    wave_t *wave = &run->rollout->waves[number];
    if (!wave->dirty) {
        wave->dirty = true;
        effects_add(effects,
                    (effect_t){.kind = EFFECT_SAVE_WAVE, .rollout = run->rollout, .wave = number});
    }
}

void waves_apply(engine_t *engine, run_t *run, uint32_t number, wave_event_t what,
                 const event_t *event, effects_t *effects) {
    wave_t *wave = &run->rollout->waves[number];
    wave_state_t before = wave->state;
    const table_row_t *row = table_find(&WAVE_MACHINE, (uint8_t)before, (uint8_t)what,
                                        conditions_of(run->rollout, number));
    wave->state = (wave_state_t)table_next(row, (uint8_t)before);
    stamp(wave, before, event);
    if (wave->state != before) {
        waves_save(run, number, effects);
        effects_add(effects, (effect_t){.kind = EFFECT_AUDIT,
                                        .rollout = run->rollout,
                                        .wave = number,
                                        .machine = &WAVE_MACHINE,
                                        .row = row});
    }
    const turn_t turn = {.number = number, .row = row, .event = event};
    for (size_t i = 0; i < TABLE_EFFECTS; i++) {
        carry_out(engine, run, &turn, (wave_effect_t)row->effects[i], effects);
    }
}
