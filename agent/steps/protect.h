/*
 * protect.h: the recovery point before a change: a dump, an external command's, or a signed waiver;
 * and the two jobs that keep recovery points worth having: read one again, remove old ones.
 *
 * A trial restore works in a database drover_trial_<id> of its own, with a marker as its comment.
 * One that an earlier attempt left behind is recognised by both, and dropped at the next start.
 */
#ifndef DROVER_AGENT_STEPS_PROTECT_H
#define DROVER_AGENT_STEPS_PROTECT_H

#include "agent/steps/run.h"

/* run is loaded and locked. Takes the recovery point that the order demands, trial-restores it
 * where the job says so, reports it; ends with DONE or an error's event. */
void protect_begin(run_t *run);

/* JOB_KIND_BACKUP_CHECK: read the backup what.recovery_reference of this tenant back whole, and
 * report it. Needs no session. Ends with DONE or an error's event. */
void protect_check_begin(run_t *run);

/* JOB_KIND_PRUNE: remove this tenant's backups that are old by age and by count, but none that an
 * open rollout may need; the notes name what went. Needs no session. */
void protect_prune_begin(run_t *run);

#endif
