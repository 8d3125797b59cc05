/*
 * check.h: the look before anything is touched.
 *
 * In order: reachable and writable, the right tenant, its lock, ledger whole and agreeing with the
 * bundle, nothing ahead of the bundle, no drift against the ledger's fingerprint, no INVALID index,
 * nothing of ours left over, the `.check.sql` of every migration to come.
 */
#ifndef DROVER_AGENT_STEPS_CHECK_H
#define DROVER_AGENT_STEPS_CHECK_H

#include "agent/steps/run.h"

/* Ends with DONE, NOT_NEEDED, or an error's event. */
void check_begin(run_t *run);

/* Whether ledger and bundle agree: every applied script is the bundle's, none is beyond it. Pure.
 */
MUST_CHECK status_t check_ledger(const run_t *run, error_t *err);

#endif
