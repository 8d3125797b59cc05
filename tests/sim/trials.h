/*
 * trials.h: whether the oracle sees what it should: every planted bug, and every row of the
 * engines' tables with something changed, must fail some seed. What cannot be seen is listed with
 * its reason.
 */
#ifndef DROVER_TESTS_SIM_TRIALS_H
#define DROVER_TESTS_SIM_TRIALS_H

#include "tests/sim/sim.h"

typedef struct trials_plan {
    uint64_t limit; /* seeds for each */
    uint32_t jobs;
    sim_options_t world;
    const char *only; /* one row, as "wave:10"; NULL: all */
} trials_plan_t;

/* Print a table; an exit code: 1 where something was not caught. */
int trials_bugs(const trials_plan_t *plan);
int trials_mutations(const trials_plan_t *plan);

#endif
