/*
 * oracle_people.h: invariant 14: whether what is shown follows from what was said. A person who
 * orders, an agent that reports and time that passes each find their effect in what the
 * coordinator shows, and what it refuses or ignores changes nothing. Nothing is done that was not
 * kept before. The rules are written from
 * the words of docs/rollouts.md and docs/concepts.md, in other terms than the engines' tables.
 */
#ifndef DROVER_TESTS_SIM_ORACLE_PEOPLE_H
#define DROVER_TESTS_SIM_ORACLE_PEOPLE_H

#include "tests/sim/sim.h"

/* Let the engine take the event in, and judge what it made of it. */
void people_step(sim_t *sim, engine_t *engine, const event_t *event, effects_t *effects);

/* What the engine showed, and whether it shows the same now; for what must be ignored. */
void people_remember(sim_t *sim, engine_t *engine);
void people_nothing_changed(sim_t *sim, const char *what);

/* oracle_hands.c: the same of one job at its agent. */
void people_job(sim_t *sim, const job_machine_t *before, job_event_t event,
                const job_machine_t *after, const table_row_t *row);

/* A tenant is about to be changed: that its agent set out to do so stands in its journal. */
void people_begins(sim_t *sim, const agent_t *agent, const ident_t *attempt);

#endif
