/*
 * crew.h: many seeds shared among processes. A seed that breaks an assertion ends its process, not
 * the run: it is told with the seed, and another process goes on behind it.
 */
#ifndef DROVER_TESTS_SIM_CREW_H
#define DROVER_TESTS_SIM_CREW_H

#include "tests/sim/rows.h"
#include "tests/sim/sim.h"

typedef struct crew_plan {
    uint64_t first;
    uint64_t last;
    uint32_t jobs;
    sim_options_t world;
    /* a mutation, for trials */
    const table_machine_t *machine;
    uint16_t row;
    rows_change_t change;
} crew_plan_t;

/* What many seeds came to; shared between processes. */
typedef struct crew_sum {
    bool locked;
    uint64_t seeds;
    uint64_t events;
    uint64_t virtual_s;
    uint64_t reruns;
    uint64_t failures;
    uint64_t differing;   /* hashes of reruns */
    uint64_t current[64]; /* seed that each process is at */
    uint64_t failed_seed; /* of the first failure */
    sim_result_t failed;
    uint64_t taken[ROWS_TAKERS][ROWS_MACHINES][96];
} crew_sum_t;

/* Run seeds and print what they came to; 1 % is run twice and the hashes compared. An exit code. */
int crew_run(const crew_plan_t *plan, bool coverage);

/* One seed; where it fails it is run again with its trace. */
int crew_replay(const crew_plan_t *plan);

/* The shortest prefix of the seed's faults that fails. */
int crew_shrink(const crew_plan_t *plan);

/* Until the first failure, or through: the seeds that were needed, 0 where none failed. */
uint64_t crew_until(const crew_plan_t *plan, sim_result_t *ret_failed);

#endif
