/*
 * work.h: apply and undo: one change after another until the target, with a seam between two of
 * them where a halt is obeyed. What is left to do is read from the ledger, so that the same
 * function begins, goes on after a wait and resumes after an unknown outcome.
 */
#ifndef DROVER_AGENT_STEPS_WORK_H
#define DROVER_AGENT_STEPS_WORK_H

#include "agent/steps/run.h"

/* run is loaded (load.h). Ends with DONE, NOT_NEEDED, HALTED or an error's event. */
void work_begin(run_t *run);

#endif
