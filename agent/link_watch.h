/*
 * link_watch.h: whether a connection that stands is of use: the coordinator is heard on it, and
 * what was sent is acknowledged. One that is of none is given up for another (dialer_redial).
 */
#ifndef DROVER_AGENT_LINK_WATCH_H
#define DROVER_AGENT_LINK_WATCH_H

#include "agent/agent.h"

/* A message came. */
void link_watch_heard(agent_t *agent);

/* With every tick while connected, now on the boot clock; afterwards it may not be any more. */
void link_watch(agent_t *agent, int64_t now);

#endif
