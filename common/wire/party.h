/*
 * party.h: those who talk to each other. A peer's party stands in the table of enrolled keys. A
 * newcomer is a host without a card, on the one-time key of an invitation: it may ask to be
 * enrolled, and nothing else.
 */
#ifndef DROVER_WIRE_PARTY_H
#define DROVER_WIRE_PARTY_H

typedef enum party {
    PARTY_AGENT,
    PARTY_COORDINATOR,
    PARTY_OPERATOR,
    PARTY_NEWCOMER,
    PARTY_COUNT
} party_t;

/* "agent", "coordinator", "operator" or "newcomer". */
const char *party_name(party_t party);

#endif
