/*
 * baseline.h: a database becomes a tenant: schema `drover`, the tenant's id, its fence, and a first
 * ledger row that says where it stands. One transaction; a second baseline of the same tenant at
 * the same position is not needed.
 */
#ifndef DROVER_AGENT_STEPS_BASELINE_H
#define DROVER_AGENT_STEPS_BASELINE_H

#include "agent/steps/run.h"

/* run is loaded. Ends with DONE, NOT_NEEDED or an error's event. */
void baseline_begin(run_t *run);

#endif
