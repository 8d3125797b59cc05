/*
 * leases.h: which clusters are ours to act on, and how long.
 *
 * Every hello and beat bears a number, and every word of the coordinator's about leases names the
 * one that it answers. A lease runs from the moment when that one was sent, never from the receipt
 * of its grant: so it ends before the coordinator's own, however long either message lay in a
 * socket, and whoever slept meanwhile. A grant that answers what was said before a cluster was
 * given back is none.
 */
#ifndef DROVER_AGENT_LEASES_H
#define DROVER_AGENT_LEASES_H

#include "agent/agent.h"

/* The number of what is said next. It is the moment itself, in microseconds of the boot clock, or
 * one more than the last number where that is higher. The coordinator reads nothing into it. */
uint64_t leases_number(agent_t *agent);

/* What an agent says that it cannot act on it gives back, by that very message: the coordinator may
 * grant it to another agent as it reads it. seen: as told, by cluster index; the message has the
 * number that leases_number gave last. */
void leases_give_back(agent_t *agent, Drover__ClusterSeen *const *seen, size_t count);

/* What the coordinator says of leases. */
typedef struct leases_word {
    Drover__Lease *const *leases;
    size_t count;
    uint64_t answers; /* 0: an older coordinator, which names nothing: from the receipt */
} leases_word_t;
void leases_take(agent_t *agent, const leases_word_t *word);

#endif
