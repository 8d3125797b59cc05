/*
 * restore_carry.h: what a dump of one database does not hold: grants on the database, settings of
 * it and of roles in it. Carried over statement by statement; what our rights do not allow is
 * listed in the notes, and so is what still differs afterwards.
 */
#ifndef DROVER_AGENT_STEPS_RESTORE_CARRY_H
#define DROVER_AGENT_STEPS_RESTORE_CARRY_H

#include "agent/steps/restore_side.h"

/* On any session of the cluster. Ends the step only where the session is lost. */
void restore_carry_begin(run_t *run, run_next_fn *next);

#endif
