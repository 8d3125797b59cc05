/*
 * reports.h: what happened, as the coordinator will hear it: numbered, journaled, signed by the
 * batch, sent until acknowledged.
 */
#ifndef DROVER_AGENT_REPORTS_H
#define DROVER_AGENT_REPORTS_H

#include "agent/agent.h"

/* Journal a report; it leaves after the commit. final: the attempt is over. */
MUST_CHECK status_t reports_add(agent_t *agent, const run_t *run, const run_report_t *report,
                                bool final, error_t *err);

/* Whether what was gathered should be committed and sent now. Reports wait for each other, up to a
 * bound: a signature, a message and two commits then serve many jobs. They wait no longer where a
 * cluster would run out of jobs, or where something went wrong. */
bool reports_due(const agent_t *agent);

/* Something is gathered: it waits no longer than the bound from now on. */
void reports_gather(agent_t *agent);

/* What is gathered waits no longer. */
void reports_hurry(agent_t *agent);

/* Send what is committed and was not sent on this connection. Nothing may be gathered. */
MUST_CHECK status_t reports_send(agent_t *agent, error_t *err);

/* The coordinator has committed all up to this number. */
void reports_acknowledged(agent_t *agent, uint64_t number);

/* Have the mark of what was acknowledged written where it is due: a later hello tells by it that
 * the catalog went back in time. */
void reports_keep_mark(agent_t *agent, int64_t boot_us);

/* Acknowledged reports from before this time are needed no more: older than before_us, and no copy
 * of the catalog that may come back is older than their rollouts' end. */
int64_t reports_forgettable_us(const agent_t *agent, int64_t before_us);

#endif
