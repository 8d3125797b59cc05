/*
 * jobs.h: what a task becomes on the wire, as far as it needs no store.
 */
#ifndef DROVER_COORDINATOR_LINK_JOBS_H
#define DROVER_COORDINATOR_LINK_JOBS_H

#include "coordinator/engine/model.h"

/*
 * Whether this task's recovery point is restored in trial. Pure: the same task always gets the same
 * answer, so that a retry does what the first try did. "all", "never", "canary" (canary waves),
 * "sample" (canary waves, and rollout->sample_bp of 10,000 of the others by the job's id).
 */
bool jobs_trial_restore(const rollout_t *rollout, const task_t *task);

/* The word for it in the wave's terms: "all", "sample" or "none". */
const char *jobs_trial_word(const rollout_t *rollout, uint32_t wave);

#endif
