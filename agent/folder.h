/* folder.h: the agent's look at its own folder of backups, for 'drover doctor'. */
#ifndef DROVER_AGENT_FOLDER_H
#define DROVER_AGENT_FOLDER_H

#include "agent/agent.h"

/* Go on looking, a little: a whole look every inventory_refresh. What it found otherwise than
 * before is told with the next beat. */
void folder_tick(agent_t *agent, int64_t boot_us);

/* Put what was found behind what is told of a cluster, as much as a message holds. Borrowed. */
void folder_tell(agent_t *agent, Drover__ClusterSeen *seen);

void folder_destroy(folder_t **self_p);

#endif
