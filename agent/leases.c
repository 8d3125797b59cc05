/* leases.c: see leases.h. */
#include "agent/leases.h"
#include "common/base/clock.h"

/* As long as a coordinator may be configured to grant (lease). */
#define LEASE_MOST_MS (INT64_C(3600) * US_PER_S / US_PER_MS)

uint64_t leases_number(agent_t *agent) {
    uint64_t now = (uint64_t)clock_boot_us();
    agent->said = now > agent->said ? now : agent->said + 1;
    return agent->said;
}

void leases_give_back(agent_t *agent, Drover__ClusterSeen *const *seen, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (!seen[i]->writable || (seen[i]->problem != NULL && *seen[i]->problem != '\0')) {
            agent->leases[i].until_boot_us = 0;
            agent->leases[i].since = agent->said;
        }
    }
}

/* The lease of the configured cluster with this system identifier; NULL where none is ours. */
static agent_lease_t *lease_of(const agent_t *agent, uint64_t system_identifier) {
    for (size_t i = 0; i < agent->cluster_count; i++) {
        const inventory_cluster_t *cluster = inventory_cluster(agent->inventory, i);
        if (cluster->system_identifier == system_identifier && system_identifier != 0) {
            return &agent->leases[i];
        }
    }
    return NULL;
}

static void take_one(agent_lease_t *lease, const Drover__Lease *told, int64_t from_boot_us) {
    int64_t valid_ms = told->valid_ms < LEASE_MOST_MS ? told->valid_ms : LEASE_MOST_MS;
    lease->denied = valid_ms <= 0;
    lease->until_boot_us = valid_ms > 0 ? from_boot_us + valid_ms * US_PER_MS : 0;
}

void leases_take(agent_t *agent, const leases_word_t *word) {
    bool numbered = word->answers != 0;
    if (word->answers > agent->said) {
        return; /* nothing that we ever said */
    }
    int64_t from_boot_us = numbered ? (int64_t)word->answers : clock_boot_us();
    for (size_t i = 0; i < word->count; i++) {
        agent_lease_t *lease = lease_of(agent, word->leases[i]->system_identifier);
        if (lease == NULL || (numbered && word->answers < lease->since)) {
            continue;
        }
        lease->since = numbered ? word->answers : lease->since;
        take_one(lease, word->leases[i], from_boot_us);
    }
}
