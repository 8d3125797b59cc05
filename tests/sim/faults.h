/*
 * faults.h: what goes wrong, as data drawn from the seed: when, what, to whom, how much. Orders of
 * operators are among it. The mix of kinds is drawn too, so that some seeds are all of one kind.
 */
#ifndef DROVER_TESTS_SIM_FAULTS_H
#define DROVER_TESTS_SIM_FAULTS_H

#include "tests/sim/sim.h"

typedef enum fault_kind {
    FAULT_AGENT_CRASH,
    FAULT_AGENT_POINT, /* dies at the nth place from here */
    FAULT_AGENT_PAUSE,
    FAULT_AGENT_DISK,
    FAULT_AGENT_CLOCK,
    FAULT_AGENT_STATE,
    FAULT_AGENT_MOVES, /* to another coordinator's address */
    FAULT_COORDINATOR_CRASH,
    FAULT_COORDINATOR_POINT,
    FAULT_COORDINATOR_PAUSE,
    FAULT_COORDINATOR_DISK,
    FAULT_COORDINATOR_CLOCK,
    FAULT_COPY_TAKEN,
    FAULT_COPY_RESTORED,
    FAULT_COPY_STARTED, /* beside the one it was taken from */
    FAULT_CLUSTER_CRASH,
    FAULT_FAIL_OVER,
    FAULT_SESSIONS_CUT,
    FAULT_COMMIT_LOST, /* the request of the next one, or its answer */
    FAULT_CLUSTER_CUT, /* between an agent and its servers */
    FAULT_NET_CUT,
    FAULT_NET_ONE_WAY,
    FAULT_WEATHER, /* loss, doubling, delay */
    FAULT_SLOW,
    FAULT_BAD_SCRIPT,
    FAULT_UNFIT,
    FAULT_GONE,
    FAULT_OPERATOR,
    FAULT_KIND_COUNT
} fault_kind_t;

typedef struct fault {
    int64_t at_us;
    fault_kind_t kind;
    uint32_t who;
    uint32_t how;
    int64_t for_us;
} fault_t;

struct faults {
    fault_t *items;
    uint32_t count;
    uint32_t kept; /* the first so many happen */
    int64_t end_us;
    uint32_t survivor;
};

faults_t *faults_new(sim_t *sim);
void faults_free(faults_t *faults);
const char *faults_text(fault_kind_t kind);

/* Fault number `number` happens, or ends. */
void faults_strike(sim_t *sim, uint32_t number, bool ends);

/* The weather clears: everything is mended, one coordinator is left. */
void faults_stop(sim_t *sim);

/* An operator starts it anew until it is obeyed everywhere, as each start raises its epoch: where
 * it is not up, or heard that it is behind. An agent that was stopped may have heard another one
 * last, and says so only once it wakes. (refill.c raises the epoch of a run instead.) */
void faults_raise(sim_t *sim);

/* operator.c: one order drawn at random; and what an operator does once the faults have stopped. */
void operator_order(sim_t *sim, uint32_t how);
void operator_calm(sim_t *sim);
/* Beside the orders: a key is taken out, an outcome that nobody can read is ruled on. */
void operator_decide(sim_t *sim);
/* Everything has come to an end or to a named blocker. ret_why names what has not. */
bool operator_at_rest(sim_t *sim, char *ret_why, size_t size);

#endif
