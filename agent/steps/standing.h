/*
 * standing.h: what a job under a standing order may do, by the tenant's own ledger.
 *
 * An order that names its tenants signs where each stood, and so how far its undo may go. A
 * standing order cannot: where a tenant to come will stand nobody knows. What the coordinator
 * claims of it is therefore held against the ledger, whose rows name the order that wrote them: an
 * undo takes back what this order applied, and nothing below.
 */
#ifndef DROVER_AGENT_STEPS_STANDING_H
#define DROVER_AGENT_STEPS_STANDING_H

#include "agent/steps/run.h"

/* With the ledger loaded. OK where the run's order is not a standing one. ERROR_STANDING_LEDGER. */
MUST_CHECK status_t standing_judge(const run_t *run, error_t *err);

#endif
