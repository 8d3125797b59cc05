/* reach.h: why nobody acts on a cluster, or nothing goes forward there, in the operator's words. */
#ifndef DROVER_SERVICE_REACH_H
#define DROVER_SERVICE_REACH_H

#include "common/base/buffer.h"
#include "coordinator/service/call.h"
#include "coordinator/service/fleet.h"

/* Append what keeps agents from acting on the cluster; nothing where one does. */
void reach_blocker(const call_t *call, const fleet_t *fleet, uint64_t cluster, buffer_t *out);

/* Append why nothing goes forward with this agent, and what lets it go on: it is suspended. Nothing
 * where it is not; NULL is not. */
void reach_suspension(const agent_row_t *agent, buffer_t *out);

/* The agent that holds the cluster, where it is suspended; else NULL. */
const agent_row_t *reach_suspended(const call_t *call, const fleet_t *fleet, uint64_t cluster);

/* Whether the agent is connected now, and the trouble that it told of, else "". */
bool reach_agent(const call_t *call, const agent_key_t *agent, const char **ret_problem);

#endif
