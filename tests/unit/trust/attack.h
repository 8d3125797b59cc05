/*
 * attack.h: attacks as data. Each is refused by the one check that it names, and is accepted when
 * that check is taken out: without.c runs all of them both ways.
 */
#ifndef DROVER_TESTS_TRUST_ATTACK_H
#define DROVER_TESTS_TRUST_ATTACK_H

#include "tests/unit/trust/world.h"

typedef struct attack {
    trust_check_t check;
    const char *name;
    /* Attack a world as it comes; STATUS_OK: it was accepted. */
    status_t (*run)(world_t *world, error_t *err);
} attack_t;

typedef struct attacks {
    const attack_t *list;
    size_t count;
} attacks_t;

#define ATTACKS(list)                                                                              \
    (attacks_t) {                                                                                  \
        (list), sizeof(list) / sizeof((list)[0])                                                   \
    }

attacks_t attacks_documents(void);
attacks_t attacks_trust(void);
attacks_t attacks_signers(void);
attacks_t attacks_orders(void);
attacks_t attacks_agents(void);
attacks_t attacks_tickets(void);
attacks_t attacks_take_back(void);
attacks_t attacks_standing(void);

#endif
