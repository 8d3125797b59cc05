/* net.h: messages between agents and coordinators: late, lost, doubled, out of order, cut. */
#ifndef DROVER_TESTS_SIM_NET_H
#define DROVER_TESTS_SIM_NET_H

#include "tests/sim/sim.h"

/* A message with room for items behind it; the caller fills it and hands it to net_send. */
message_t *net_new(message_kind_t kind, size_t item_size, uint32_t count);
void net_send(sim_t *sim, message_t *message, size_t item_size);
void net_deliver(sim_t *sim, message_t *message);

/* Whether the agent and its coordinator could connect now. */
bool net_open(const sim_t *sim, uint32_t agent);

#endif
