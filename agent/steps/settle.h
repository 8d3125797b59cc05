/*
 * settle.h: finding out what an unknown outcome was.
 *
 * A new session takes the tenant's lock: it is granted only once the backend that we lost has ended
 * its transaction, and a transaction's rows are visible before its locks are released. Then the
 * ledger says how far the tenant came, and the work goes on from there.
 */
#ifndef DROVER_AGENT_STEPS_SETTLE_H
#define DROVER_AGENT_STEPS_SETTLE_H

#include "agent/steps/run.h"

/* Ends with DONE once the ledger was read, else with an error's event (tried again by the machine).
 */
void settle_begin(run_t *run);

#endif
