/*
 * verify.h: the look after the last commit: the ledger's head is what was asked for, and what the
 * target's verify script says still holds for everybody to see.
 */
#ifndef DROVER_AGENT_STEPS_VERIFY_H
#define DROVER_AGENT_STEPS_VERIFY_H

#include "agent/steps/run.h"

/* Ends with DONE or an error's event. For a LOOK job it reads the fingerprint and reports it. */
void verify_begin(run_t *run);

#endif
