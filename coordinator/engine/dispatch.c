/*
 * dispatch.c: which ready tasks an agent with room gets. Rollbacks go before everything else; then
 * rollouts in the order in which they came; bounds of wave and cluster hold. Of a held application
 * nothing goes forward.
 */
#include "coordinator/engine/internal.h"

#include <string.h>

/* Whether the wave's bounds admit one more task on this lane. */
static bool wave_has_room(const wave_t *wave, const lane_t *lane) {
    return (wave->max_parallel == 0 || wave->in_flight < wave->max_parallel) &&
           (wave->max_parallel_per_cluster == 0 ||
            lane->in_flight < wave->max_parallel_per_cluster);
}

static bool has_several_open(const rollout_t *rollout) {
    uint32_t open = 0;
    for (uint32_t w = 0; w < rollout->wave_count && open < 2; w++) {
        open += rollout->waves[w].state == WAVE_OPEN;
    }
    return open > 1;
}

/*
 * The first entry that may go now, as lane_remove wants it; false where there is none. On the way,
 * entries are dropped whose task is no longer ready or whose wave is not open (its release queues
 * them again). What a full wave has queued is passed over where another wave is open too (a retry
 * went back to an earlier one): it must not stand in that one's way.
 */
static bool lane_find(run_t *run, lane_t *lane, uint32_t *ret_before) {
    const rollout_t *rollout = run->rollout;
    uint32_t before = 0;
    for (uint32_t at = lane->head; at != 0;) { /* ends with the lane */
        const task_t *task = &rollout->tasks[at - 1];
        const wave_t *wave = &rollout->waves[task->wave];
        uint32_t next = task->next_ready;
        if (task->state != TASK_READY || wave->state != WAVE_OPEN) {
            (void)lane_remove(run, lane, before);
        } else if (wave_has_room(wave, lane)) {
            *ret_before = before;
            return true;
        } else if (!has_several_open(rollout)) {
            return false;
        } else {
            before = at;
        }
        at = next;
    }
    return false;
}

/* Jobs that a cluster may have with its agent: those that run, and some that are ready to. */
enum { AHEAD = 2 };

/* How many more jobs the cluster takes, of all rollouts together. */
static uint32_t cluster_room(const engine_t *engine, uint64_t cluster) {
    uint64_t most = (uint64_t)leases_parallel(engine, cluster) * (1 + AHEAD);
    if (most == 0) {
        return UINT32_MAX; /* not said: the agent's room bounds it */
    }
    uint64_t in_flight = 0;
    for (run_t *run = engine->runs; run != NULL; run = run->hh.next) {
        const lane_t *lane = lane_of(run, cluster);
        /* what nobody has word of must not keep a successor from its work */
        in_flight += lane != NULL ? lane->in_flight - lane->unknown : 0;
    }
    return in_flight < most ? (uint32_t)(most - in_flight) : 0;
}

static uint32_t dispatch_lane(engine_t *engine, run_t *run, lane_t *lane, uint32_t given,
                              const event_t *event, effects_t *effects) {
    rollout_t *rollout = run->rollout;
    uint32_t free_places = cluster_room(engine, lane->cluster);
    uint32_t before = 0;
    while (free_places-- > 0 && given < event->room && given < event->fresh_count &&
           lane_find(run, lane, &before)) {
        uint32_t ordinal = lane_remove(run, lane, before);
        task_t *task = &rollout->tasks[ordinal];
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

void dispatch_room(engine_t *engine, const event_t *event, effects_t *effects) {
    uint32_t given = 0;
    for (int round = 0; round < 2; round++) {
        for (run_t *run = engine->runs; run != NULL; run = run->hh.next) {
            if (run->rollout->state != ROLLOUT_RUNNING ||
                rollout_is_held(run->rollout, &event->held) ||
                rollout_takes_back(run->rollout) != (round == 0)) {
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
            uint32_t before = 0;
            if (lane_find(run, &run->lanes[i], &before) &&
                engine_holder(engine, run->lanes[i].cluster, &holder) &&
                memcmp(&holder, agent, sizeof holder) == 0) {
                return true;
            }
        }
    }
    return false;
}
