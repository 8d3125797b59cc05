/* leases.c: who may act on a cluster. The table is lease_table.c. */
#include "coordinator/engine/internal.h"

#include <stdlib.h>
#include <string.h>

cluster_lease_t *leases_get(engine_t *engine, uint64_t cluster) {
    cluster_lease_t *lease = NULL;
    HASH_FIND(hh, engine->leases, &cluster, sizeof cluster, lease);
    if (lease == NULL) {
        lease = calloc(1, sizeof *lease);
        INVARIANT(lease != NULL);
        lease->cluster = cluster;
        lease->state = LEASE_FREE;
        HASH_ADD(hh, engine->leases, cluster, sizeof cluster, lease);
    }
    return lease;
}

/* Tasks that the holder has in hand on this cluster: nobody knows how they stand. */
static void silence(engine_t *engine, const cluster_lease_t *lease, const event_t *event,
                    effects_t *effects) {
    for (run_t *run = engine->runs; run != NULL; run = run->hh.next) {
        const lane_t *lane = lane_of(run, lease->cluster);
        for (uint32_t i = 0; lane != NULL && lane->in_flight > 0 && i < run->rollout->task_count;
             i++) {
            const task_t *task = &run->rollout->tasks[i];
            if (task->system_identifier == lease->cluster && task_state_is_in_flight(task->state) &&
                memcmp(&task->agent, &lease->holder, sizeof task->agent) == 0) {
                tasks_apply(engine, run, i, TASK_EVENT_SILENT, event, effects);
            }
        }
    }
}

static void carry_out(engine_t *engine, cluster_lease_t *lease, lease_effect_t what,
                      const event_t *event, effects_t *effects) {
    switch (what) {
    case LEASE_DO_GRANT:
        lease->holder = event->agent;
        lease->expires_boot_us = event->boot_us + engine->options.lease_us;
        lease->free_since_us = 0;
        break;
    case LEASE_DO_SILENCE:
        silence(engine, lease, event, effects);
        break;
    case LEASE_DO_DENY:
    case LEASE_DO_NOTHING:
    case LEASE_EFFECT_COUNT:
        break;
    }
}

void leases_apply(engine_t *engine, cluster_lease_t *lease, lease_event_t what,
                  const event_t *event, effects_t *effects) {
    bool is_holder = memcmp(&lease->holder, &event->agent, sizeof lease->holder) == 0;
    const table_row_t *row = table_find(&LEASE_MACHINE, (uint8_t)lease->state, (uint8_t)what,
                                        is_holder ? LEASE_IF_HOLDER : 0);
    lease_state_t before = lease->state;
    lease->state = (lease_state_t)table_next(row, (uint8_t)lease->state);
    if (lease->state == LEASE_FREE && lease->free_since_us == 0) {
        lease->free_since_us = event->now_us;
    }
    for (size_t i = 0; i < TABLE_EFFECTS; i++) {
        carry_out(engine, lease, (lease_effect_t)row->effects[i], event, effects);
    }
    if (lease->state != before) {
        effects_add(effects, (effect_t){.kind = EFFECT_LEASE,
                                        .cluster = lease->cluster,
                                        .agent = lease->holder,
                                        .granted = lease->state == LEASE_HELD});
    }
}

/* An agent that lost the lease may go on reporting from its last step; when it falls silent then,
 * no lease ends any more. */
void leases_orphans(engine_t *engine, run_t *run, const event_t *event, effects_t *effects) {
    const rollout_t *rollout = run->rollout;
    for (uint32_t i = 0; rollout->in_flight > 0 && i < rollout->task_count; i++) {
        const task_t *task = &rollout->tasks[i];
        agent_key_t holder;
        bool owes = task->state == TASK_DISPATCHED || task->state == TASK_RUNNING;
        if (owes && (!engine_holder(engine, task->system_identifier, &holder) ||
                     memcmp(&holder, &task->agent, sizeof holder) != 0)) {
            tasks_apply(engine, run, i, TASK_EVENT_SILENT, event, effects);
        }
    }
}

uint32_t leases_parallel(const engine_t *engine, uint64_t cluster) {
    cluster_lease_t *lease = NULL;
    HASH_FIND(hh, engine->leases, &cluster, sizeof cluster, lease);
    return lease != NULL ? lease->parallel : 0;
}

void leases_seen(engine_t *engine, const event_t *event, effects_t *effects) {
    cluster_lease_t *lease = leases_get(engine, event->cluster);
    leases_apply(engine, lease, event->writable ? LEASE_EVENT_WRITABLE : LEASE_EVENT_STANDBY, event,
                 effects);
    bool is_holder = lease->state == LEASE_HELD &&
                     memcmp(&lease->holder, &event->agent, sizeof lease->holder) == 0;
    if (is_holder && event->parallel > 0) {
        lease->parallel = event->parallel; /* who acts says how much at once */
    }
}

void engine_restore_lease(engine_t *engine, uint64_t cluster, const agent_key_t *holder,
                          int64_t boot_us) {
    cluster_lease_t *lease = leases_get(engine, cluster);
    lease->state = LEASE_HELD;
    lease->holder = *holder;
    lease->free_since_us = 0;
    lease->expires_boot_us = boot_us + engine->options.lease_us;
}

bool engine_holder(const engine_t *engine, uint64_t cluster, agent_key_t *ret_holder) {
    cluster_lease_t *lease = NULL;
    HASH_FIND(hh, engine->leases, &cluster, sizeof cluster, lease);
    if (lease == NULL || lease->state != LEASE_HELD) {
        return false;
    }
    *ret_holder = lease->holder;
    return true;
}

int64_t engine_lease_left_us(const engine_t *engine, uint64_t cluster, const agent_key_t *agent,
                             int64_t boot_us) {
    cluster_lease_t *lease = NULL;
    HASH_FIND(hh, engine->leases, &cluster, sizeof cluster, lease);
    if (lease == NULL || lease->state != LEASE_HELD ||
        memcmp(&lease->holder, agent, sizeof *agent) != 0 || lease->expires_boot_us <= boot_us) {
        return 0;
    }
    return lease->expires_boot_us - boot_us;
}
