/* reach.h: why nobody acts on a cluster, in the operator's words. */
#ifndef DROVER_SERVICE_REACH_H
#define DROVER_SERVICE_REACH_H

#include "common/base/buffer.h"
#include "coordinator/service/call.h"
#include "coordinator/service/fleet.h"

/* Append what keeps agents from acting on the cluster; nothing where one does. */
void reach_blocker(const call_t *call, const fleet_t *fleet, uint64_t cluster, buffer_t *out);

/* Whether the agent is connected now, and the trouble that it told of, else "". */
bool reach_agent(const call_t *call, const agent_key_t *agent, const char **ret_problem);

#endif
