/*
 * table.h: state machines as data. Pure.
 *
 * A machine is a list of rows {id, states, events, mask, value, next, effects, why}. A row matches
 * when the state and the event are among its own and the conditions agree: (conditions & mask) ==
 * value. Exactly one row matches any state × event × conditions that can occur; tests walk them
 * all, so events that make no sense in a state have their rows too. `why` is the line that the
 * operator reads; `id` is stable and lands in the audit log. docs/STATES.md is generated from the
 * same rows.
 */
#ifndef DROVER_BASE_TABLE_H
#define DROVER_BASE_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    TABLE_EFFECTS = 4,
    TABLE_SAME = 255, /* as next: the state stays */
};

/* A set of states or events of one element; sets are joined with |. */
#define IN(n) (UINT32_C(1) << (n))

typedef struct table_row {
    uint16_t id;                    /* stable, unique in its machine, never used again */
    uint32_t states;                /* states in which the row applies */
    uint32_t events;                /* events that it answers */
    uint32_t mask;                  /* conditions that it looks at */
    uint32_t value;                 /* and how they must stand */
    uint8_t next;                   /* state afterwards, or TABLE_SAME */
    uint8_t effects[TABLE_EFFECTS]; /* what to do, in order; 0 is nothing */
    const char *why;                /* the operator's line */
} table_row_t;

typedef struct table_machine {
    const char *name;
    const table_row_t *rows;
    size_t row_count;
    const char *const *states; /* names, by state */
    size_t state_count;
    const char *const *events; /* names, by event */
    size_t event_count;
    const char *const *conditions; /* names, by bit */
    size_t condition_count;
    const char *const *effects; /* names, by effect; 0 is "" */
    size_t effect_count;
    uint32_t final_states; /* set of states that end the machine's work */
    bool (*possible)(uint8_t state, uint8_t event,
                     uint32_t conditions); /* NULL: all combinations */
} table_machine_t;

/* The one row that matches. Aborts where none or several do: the tables are proved exhaustive. */
const table_row_t *table_find(const table_machine_t *machine, uint8_t state, uint8_t event,
                              uint32_t conditions);

/* How many rows match; for the proof. ret_row (may be NULL) gets the first. */
size_t table_matches(const table_machine_t *machine, uint8_t state, uint8_t event,
                     uint32_t conditions, const table_row_t **ret_row);

/* The state that follows from `state` by this row. */
uint8_t table_next(const table_row_t *row, uint8_t state);

/* The row with this id, or NULL. */
const table_row_t *table_row_by_id(const table_machine_t *machine, uint16_t id);

/*
 * Tests only: from now on the row with this id is passed over (0: none), so that table_find aborts
 * where it would have matched and a suite can be seen to fail without it.
 */
void table_hide_row(const table_machine_t *machine, uint16_t id);

#endif
