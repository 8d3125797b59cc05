/*
 * restore_build.h: the new database of a restore, from nothing to ready: made, filled, checked
 * against the backup's manifest, its ledger's new generation opened, the old one's settings carried
 * over. Only a ready one is ever given the tenant's name.
 */
#ifndef DROVER_AGENT_STEPS_RESTORE_BUILD_H
#define DROVER_AGENT_STEPS_RESTORE_BUILD_H

#include "agent/steps/restore_side.h"

/* The tenant's session is in hand, its lock and fence ours, the facts read. Calls next with that
 * session in hand and the new database ready; else ends the step, the tenant as it was. */
void restore_build_begin(run_t *run, run_next_fn *next);

#endif
