/*
 * probe.h: what comes out of turn, tried out on copies. The shells and the engines' own guards
 * keep most of what their tables ignore or refuse away from them, and no fleet shows that a table
 * would. So a rollout as it stands is copied into an engine of its own, and orders, words, times
 * and events out of turn are given to that, past every guard; a job is lived through the same way.
 * Invariant 14 is judged behind each. Nothing of it reaches the fleet.
 */
#ifndef DROVER_TESTS_SIM_PROBE_H
#define DROVER_TESTS_SIM_PROBE_H

#include "tests/sim/sim.h"

void probe_rollout(sim_t *sim, coordinator_t *self);
void probe_jobs(sim_t *sim);

#endif
