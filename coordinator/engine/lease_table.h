/*
 * lease_table.h: who may act on a cluster, as a table. One agent at a time, the one that sees the
 * writable primary; a lease runs out on the boot clock when its holder falls silent.
 */
#ifndef DROVER_COORDINATOR_ENGINE_LEASE_TABLE_H
#define DROVER_COORDINATOR_ENGINE_LEASE_TABLE_H

#include "common/base/table.h"

typedef enum lease_state { LEASE_FREE, LEASE_HELD, LEASE_STATE_COUNT } lease_state_t;

typedef enum lease_event {
    LEASE_EVENT_WRITABLE, /* an agent says that it sees the writable primary */
    LEASE_EVENT_STANDBY,  /* an agent says that it does not */
    LEASE_EVENT_RELEASED, /* an agent says goodbye */
    LEASE_EVENT_EXPIRED,  /* the holder was silent for a lease */
    LEASE_EVENT_COUNT
} lease_event_t;

enum {
    LEASE_IF_HOLDER = 1 << 0, /* the agent is the one that holds, or held last */
    LEASE_IF_COUNT = 1,
};

typedef enum lease_effect {
    LEASE_DO_NOTHING,
    LEASE_DO_GRANT,   /* to this agent, for another lease */
    LEASE_DO_DENY,    /* to this agent: it reads that it holds nothing */
    LEASE_DO_SILENCE, /* its holder's tasks in hand on this cluster are unknown */
    LEASE_EFFECT_COUNT
} lease_effect_t;

extern const table_machine_t LEASE_MACHINE;

#endif
