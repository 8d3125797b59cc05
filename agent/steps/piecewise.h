/*
 * piecewise.h: a script that cannot run in a transaction, statement by statement.
 *
 * Each statement is recorded before and after in drover.statement (common/postgres/progress.h),
 * under the session's lock and the fence. Statements of the same script that can run in a
 * transaction do, together with their record. A resumed attempt looks at the catalog for the one
 * that was started: an INVALID index is dropped and built again, a valid one is taken as done.
 */
#ifndef DROVER_AGENT_STEPS_PIECEWISE_H
#define DROVER_AGENT_STEPS_PIECEWISE_H

#include "agent/steps/run.h"

/* Make run->change's script; ends in change_conclude with an open transaction. */
void piecewise_begin(run_t *run);

#endif
