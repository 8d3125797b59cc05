/*
 * restore.h: a tenant brought back from a backup, beside the one that is there, then swapped in.
 */
#ifndef DROVER_AGENT_STEPS_RESTORE_H
#define DROVER_AGENT_STEPS_RESTORE_H

#include "agent/steps/run.h"

/* Begin, or go on where an earlier attempt stopped: what databases exist says how far it came. */
void restore_begin(run_t *run);

/* After a restart: read which databases exist; ends with DONE, and restore_begin goes on. */
void restore_settle(run_t *run);

/* The run is destroyed while a restore is under way: release what it holds. Safe when none is. */
void restore_abandon(run_t *run);

#endif
