/*
 * protect_trial.h: a backup proven by restoring it: into a database of its own, whose schema is
 * then compared with the tenant's, and which is dropped. Its name follows from the tenant and the
 * application, so that what a killed trial left is found, and two at once cannot be.
 */
#ifndef DROVER_AGENT_STEPS_PROTECT_TRIAL_H
#define DROVER_AGENT_STEPS_PROTECT_TRIAL_H

#include "agent/steps/restore_side.h"

/* Drop what an earlier trial of this tenant left, then call next. ERROR_LEFT_OVER ends the step
 * where a database has that name and is not ours. */
void protect_trial_clear(run_t *run, run_next_fn *next);

/* Restore side->manifest_path and compare. Calls next with the tenant's session in hand and
 * side->err saying how it went; the step ends by itself where a session is lost on the way. */
void protect_trial_begin(run_t *run, run_next_fn *next);

#endif
