/*
 * oracle.h: whether what happened may happen. It knows nothing of the engines: it watches what is
 * done to the tenants' databases, what agents keep in their journals and what people signed, holds
 * books of its own over that, and in the end compares them with what the catalog says.
 *
 * The invariants are numbered as in the project's list; see oracle.c, one function each.
 */
#ifndef DROVER_TESTS_SIM_ORACLE_H
#define DROVER_TESTS_SIM_ORACLE_H

#include "tests/sim/server.h"

enum { ORACLE_INVARIANTS = 14 };

/* One sentence each, by number from 1. */
const char *oracle_sentence(unsigned invariant);

oracle_t *oracle_new(sim_t *sim);
void oracle_free(oracle_t *oracle);

/* A session begins to execute a migration's script, forward or back, or swaps a database. */
void oracle_starts(sim_t *sim, uint32_t session);
/* It was committed in the tenant's database. */
void oracle_commits(sim_t *sim, uint32_t tenant, const commit_t *commit);
/* A restore's database has taken the tenant's name, with all that was committed in it. */
void oracle_swapped(sim_t *sim, uint32_t tenant);
/* The tenant's database went back in time: a failover, or a restore. */
void oracle_goes_back(sim_t *sim, uint32_t tenant);
/* Its generations too: what a failover lost may be numbered again. */
void oracle_fails_over(sim_t *sim, uint32_t tenant);

/* An agent committed its journal. */
void oracle_journals(sim_t *sim, uint32_t agent);
/* People signed an order: paper + 1. */
void oracle_signed(sim_t *sim, uint32_t order);
/* An attempt begins at its agent: what it may do was judged. */
void oracle_begins(sim_t *sim, uint32_t agent, const job_item_t *job);
/* A coordinator gives a tenant's job out anew, and sends it to an agent, or sends it again. */
void oracle_gives(sim_t *sim, uint32_t coordinator, const ident_t *rollout, const ident_t *job);
void oracle_sends(sim_t *sim, uint32_t coordinator, uint32_t agent, const job_item_t *job);
/* An attempt ended well at its agent. */
void oracle_ends(sim_t *sim, uint32_t agent, const job_item_t *job, job_outcome_t outcome);
/* A report's acknowledgement reached its agent. */
void oracle_acknowledges(sim_t *sim, uint32_t coordinator, uint32_t agent, uint64_t number);
/* A fault that the promises except. */
void oracle_excuses(sim_t *sim, uint32_t tenant);
/* A person ruled what became of it: no rollback and no task answers for that any more. */
void oracle_rules(sim_t *sim, uint32_t tenant);
void oracle_state_lost(sim_t *sim, uint32_t agent);
void oracle_catalog_back(sim_t *sim, uint32_t coordinator);

/* After the faults: everything at rest. survivor: the coordinator that is left. */
void oracle_judges_end(sim_t *sim, uint32_t survivor);

#endif
