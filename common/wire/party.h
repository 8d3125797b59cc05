/*
 * party.h: the three that talk to each other. A peer's party stands in the table of enrolled keys.
 */
#ifndef DROVER_WIRE_PARTY_H
#define DROVER_WIRE_PARTY_H

typedef enum party { PARTY_AGENT, PARTY_COORDINATOR, PARTY_OPERATOR, PARTY_COUNT } party_t;

/* "agent", "coordinator" or "operator". */
const char *party_name(party_t party);

#endif
