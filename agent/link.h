/*
 * link.h: the conversation with the coordinator, as proto/PROTOCOL.md has it. Only what a key
 * signed that the trust file names as an active coordinator's is heard; a lower epoch than one that
 * was seen never is. Whether a job is obeyed is its warrant's to say (agent/trust).
 */
#ifndef DROVER_AGENT_LINK_H
#define DROVER_AGENT_LINK_H

#include "agent/agent.h"

/* Make the dialer; it connects and keeps connecting. */
MUST_CHECK status_t link_start(agent_t *agent, error_t *err);

/* What is due: hello again, beats, leases, chunks, inventory. */
void link_tick(agent_t *agent);

/* After a commit: reports, wants, and a beat where there is more room than was told. */
void link_send_due(agent_t *agent);

/* Inventory has something new to tell. */
void link_send_inventory(agent_t *agent);

/* Trust changed: leave a coordinator whose key counts no more, go back to one whose key now does.
 */
void link_judge_coordinator(agent_t *agent);

/* Drained and leaving. */
void link_goodbye(agent_t *agent, const char *reason);

#endif
