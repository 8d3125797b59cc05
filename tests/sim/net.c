/* net.c: see net.h. */
#include "tests/sim/net.h"

#include "tests/sim/agent.h"
#include "tests/sim/coordinator.h"

#include <stdlib.h>

message_t *net_new(message_kind_t kind, size_t item_size, uint32_t count) {
    message_t *message = malloc(sizeof *message + item_size * count);
    INVARIANT(message != NULL);
    *message = (message_t){.kind = kind, .count = count};
    return message;
}

static void dispatch(sim_t *sim, message_t *message, int64_t at_us) {
    sim_ask(sim, (sim_item_t){.at_us = at_us, .event = SIM_MESSAGE, .pointer = message});
}

/* Within a connection messages keep their order, however late they are. */
static int64_t arrival(sim_t *sim, agent_t *agent, bool down) {
    int64_t *last = down ? &agent->last_down_us : &agent->last_up_us;
    int64_t at_us = sim->now_us + chance_between(&sim->weather, SIM_MS / 2, 3 * SIM_MS) +
                    chance_between(&sim->weather, 0, agent->delay_us);
    *last = at_us > *last ? at_us : *last + 1;
    return *last;
}

void net_send(sim_t *sim, message_t *message, size_t item_size) {
    agent_t *agent = &sim->agents[message->agent];
    bool down = message->to_agent;
    bool cut = down ? agent->cut_down : agent->cut_up;
    if (cut || chance_permille(&sim->weather, agent->loss)) {
        /* nothing is lost on a connection that lives: it will be found broken */
        if (!agent->broken) {
            agent->broken = true;
            agent->broken_us = sim->now_us + chance_between(&sim->weather, 0, 15 * SIM_S);
        }
        free(message);
        return;
    }
    if (agent->doubling > 0 && chance_permille(&sim->weather, agent->doubling)) {
        message_t *copy = net_new(message->kind, item_size, message->count);
        memcpy(copy, message, sizeof *message + item_size * message->count);
        dispatch(sim, copy, arrival(sim, agent, down));
    }
    dispatch(sim, message, arrival(sim, agent, down));
}

void net_deliver(sim_t *sim, message_t *message) {
    if (message->to_agent) {
        agent_receive(sim, &sim->agents[message->agent], message);
    } else {
        coordinator_receive(sim, &sim->coordinators[message->coordinator], message);
    }
}

bool net_open(const sim_t *sim, uint32_t number) {
    const agent_t *agent = &sim->agents[number];
    const coordinator_t *other = &sim->coordinators[agent->coordinator];
    return other->up && !agent->cut_up && !agent->cut_down;
}
