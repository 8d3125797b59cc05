/* oracle_books.h: what the oracle remembers; shared by its files only. */
#ifndef DROVER_TESTS_SIM_ORACLE_BOOKS_H
#define DROVER_TESTS_SIM_ORACLE_BOOKS_H

#include "tests/sim/oracle.h"

/* Of one tenant, reckoned from what was committed in its database. */
typedef struct book {
    bool excused; /* it was dropped */
    bool ruled;   /* a person ruled what became of it */
    uint32_t times_back;
    uint32_t generation;
    uint32_t generations; /* the highest ever */
    uint32_t sequence;
    uint32_t position;
    uint32_t built; /* a piecewise effect that has no row yet */
    uint8_t effects[SIM_POSITIONS + 1];
    token_t highest;
    uint32_t number_agent; /* + 1 */
    uint32_t number_times;
    int64_t number;
} book_t;

typedef struct agent_book {
    token_t seen;
    uint64_t next;
    uint32_t losses; /* of its state */
} agent_book_t;

typedef struct order_book {
    bool *reached; /* by leaf: the tenant has stood at its target since */
    bool passed[SIM_WAVES];
} order_book_t;

typedef struct attempt_book {
    ident_t attempt;
    ident_t job;
} attempt_book_t;

struct oracle {
    book_t *books;
    agent_book_t *agents;
    order_book_t *orders;
    uint32_t order_count;
    uint32_t order_room;
    attempt_book_t *attempts;
    uint32_t attempt_count;
    uint32_t attempt_room;
    uint32_t catalogs_back; /* by coordinator */
};

void oracle_refold(sim_t *sim, uint32_t tenant);

#endif
