/*
 * dispatch.c: which ready tasks an agent with room gets. Rollbacks go before everything else; then
 * rollouts in the order in which they came; bounds of wave and cluster hold.
 */
#include "coordinator/engine/internal.h"

#include <string.h>

/* Whether the wave's bounds admit one more task on this lane. */
static bool wave_has_room(const wave_t *wave, const lane_t *lane) {
    return wave->state == WAVE_OPEN &&
           (wave->max_parallel == 0 || wave->in_flight < wave->max_parallel) &&
           (wave->max_parallel_per_cluster == 0 ||
            lane->in_flight < wave->max_parallel_per_cluster);
}

/* Drop entries whose task is no longer ready; false where the lane is empty. */
static bool lane_settle(run_t *run, lane_t *lane) {
    while (lane->head != 0 && run->rollout->tasks[lane->head - 1].state != TASK_READY) {
        (void)lane_pop(run, lane);
    }
    return lane->head != 0;
}

static uint32_t dispatch_lane(engine_t *engine, run_t *run, lane_t *lane, uint32_t given,
                              const event_t *event, effects_t *effects) {
    rollout_t *rollout = run->rollout;
    while (given < event->room && given < event->fresh_count && lane_settle(run, lane)) {
        task_t *task = &rollout->tasks[lane->head - 1];
        if (!wave_has_room(&rollout->waves[task->wave], lane)) {
            break;
        }
        uint32_t ordinal = lane_pop(run, lane);
        task->attempt = event->fresh[given++];
        task->attempts++;
        task->agent = event->agent;
        tasks_apply(engine, run, ordinal, TASK_EVENT_DISPATCHED, event, effects);
    }
    return given;
}

static bool holds(const engine_t *engine, uint64_t cluster, const event_t *event) {
    return engine_lease_left_us(engine, cluster, &event->agent, event->boot_us) > 0;
}

static bool takes_back(const rollout_t *rollout) {
    return rollout->kind == KIND_UNDO || rollout->kind == KIND_RESTORE;
}

void dispatch_room(engine_t *engine, const event_t *event, effects_t *effects) {
    uint32_t given = 0;
    for (int round = 0; round < 2; round++) {
        for (run_t *run = engine->runs; run != NULL; run = run->hh.next) {
            if (run->rollout->state != ROLLOUT_RUNNING ||
                takes_back(run->rollout) != (round == 0)) {
                continue;
            }
            for (uint32_t i = 0; i < run->lane_count && given < event->room; i++) {
                if (holds(engine, run->lanes[i].cluster, event)) {
                    given = dispatch_lane(engine, run, &run->lanes[i], given, event, effects);
                }
            }
        }
    }
}

bool engine_has_ready(const engine_t *engine, const agent_key_t *agent) {
    for (run_t *run = engine->runs; run != NULL; run = run->hh.next) {
        for (uint32_t i = 0; run->rollout->state == ROLLOUT_RUNNING && i < run->lane_count; i++) {
            agent_key_t holder;
            if (run->lanes[i].head != 0 && engine_holder(engine, run->lanes[i].cluster, &holder) &&
                memcmp(&holder, agent, sizeof holder) == 0) {
                return true;
            }
        }
    }
    return false;
}
