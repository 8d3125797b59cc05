/* lease_table.c: see lease_table.h. docs/STATES.md is generated from these rows. */
#include "coordinator/engine/lease_table.h"

static const char *const STATES[LEASE_STATE_COUNT] = {[LEASE_FREE] = "free", [LEASE_HELD] = "held"};

static const char *const EVENTS[LEASE_EVENT_COUNT] = {
    [LEASE_EVENT_WRITABLE] = "sees the primary",
    [LEASE_EVENT_STANDBY] = "sees no primary",
    [LEASE_EVENT_RELEASED] = "released",
    [LEASE_EVENT_EXPIRED] = "expired",
};

static const char *const CONDITIONS[LEASE_IF_COUNT] = {"is holder"};

static const char *const EFFECTS[LEASE_EFFECT_COUNT] = {
    [LEASE_DO_NOTHING] = "",
    [LEASE_DO_GRANT] = "grant",
    [LEASE_DO_DENY] = "deny",
    [LEASE_DO_SILENCE] = "silence tasks",
};

#define HOLDER LEASE_IF_HOLDER
#define ON(name) IN(LEASE_EVENT_##name)
#define AT(name) IN(LEASE_##name)

// clang-format off
static const table_row_t ROWS[] = {
    {1, AT(FREE), ON(WRITABLE), 0, 0, LEASE_HELD, {LEASE_DO_GRANT},
     "granted: the agent sees the writable primary and nobody else holds the cluster"},
    {2, AT(HELD), ON(WRITABLE), HOLDER, HOLDER, LEASE_HELD, {LEASE_DO_GRANT},
     "renewed"},
    {3, AT(HELD), ON(WRITABLE), HOLDER, 0, TABLE_SAME, {LEASE_DO_DENY},
     "denied: another agent holds the cluster"},
    {4, AT(FREE), ON(STANDBY), 0, 0, TABLE_SAME, {LEASE_DO_DENY},
     "denied: the agent sees no writable primary"},
    {5, AT(HELD), ON(STANDBY), HOLDER, HOLDER, LEASE_FREE, {LEASE_DO_DENY, LEASE_DO_SILENCE},
     "given back: the primary is no longer where the holder is"},
    {6, AT(HELD), ON(STANDBY), HOLDER, 0, TABLE_SAME, {LEASE_DO_DENY},
     "denied: the agent sees no writable primary, and another holds the cluster"},
    {7, AT(HELD), ON(RELEASED), HOLDER, HOLDER, LEASE_FREE, {LEASE_DO_SILENCE},
     "given back: the holder said goodbye"},
    {8, AT(HELD), ON(EXPIRED), 0, 0, LEASE_FREE, {LEASE_DO_SILENCE},
     "run out: the holder was silent for a lease"},

    {20, AT(FREE), ON(RELEASED) | ON(EXPIRED), 0, 0, TABLE_SAME, {0},
     "ignored: nobody holds the cluster"},
    {21, AT(HELD), ON(RELEASED), HOLDER, 0, TABLE_SAME, {0},
     "ignored: another agent holds the cluster"},
};
// clang-format on

const table_machine_t LEASE_MACHINE = {
    .name = "lease",
    .rows = ROWS,
    .row_count = sizeof ROWS / sizeof ROWS[0],
    .states = STATES,
    .state_count = LEASE_STATE_COUNT,
    .events = EVENTS,
    .event_count = LEASE_EVENT_COUNT,
    .conditions = CONDITIONS,
    .condition_count = LEASE_IF_COUNT,
    .effects = EFFECTS,
    .effect_count = LEASE_EFFECT_COUNT,
    .final_states = 0,
};
