/*
 * load.h: a session on the tenant, its lock, and all that its ledger says. What check and settle
 * have in common, in one round trip where the ledger is known to exist.
 */
#ifndef DROVER_AGENT_STEPS_LOAD_H
#define DROVER_AGENT_STEPS_LOAD_H

#include "agent/steps/run.h"

/*
 * Connect where needed, take the tenant's session lock, read identity, ledger and stamp, and judge
 * the first two; then call next. Ends the step where anything is amiss: DB_… for the connection,
 * TENANT_BUSY, TENANT_MISMATCH, TENANT_CLONE, TENANT_NO_LEDGER (not for a baseline), LEDGER_EDITED.
 */
void load_begin(run_t *run, run_next_fn *next);

#endif
