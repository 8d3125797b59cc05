/*
 * rows.h: the state tables as the simulator's engines see them. This file's functions stand in for
 * common/base/table.c at link time: the same search over the same rows, remembered for speed, with
 * a count of how often each row was taken, and with one row changed where a mutation is on trial.
 */
#ifndef DROVER_TESTS_SIM_ROWS_H
#define DROVER_TESTS_SIM_ROWS_H

#include "common/base/table.h"

typedef enum rows_change {
    ROWS_UNCHANGED,
    ROWS_DELETED, /* as if it stood nowhere */
    ROWS_STAYS,   /* its state stays */
    ROWS_MUTE,    /* its effects are left out */
    ROWS_CHANGE_COUNT
} rows_change_t;

enum { ROWS_MACHINES = 5 };

/* rollout, wave, task, lease, job */
const table_machine_t *rows_machine(size_t number);

/* From now on this row is changed so; the machine NULL: none is. False where that changes nothing.
 */
bool rows_mutate(const table_machine_t *machine, uint16_t id, rows_change_t change);
const char *rows_change_text(rows_change_t change);

/* Who takes rows: the simulated fleet, or what is tried out on copies of its rollouts and jobs. */
typedef enum rows_taker { ROWS_FLEET, ROWS_PROBES, ROWS_TAKERS } rows_taker_t;
void rows_taker(rows_taker_t by);

/* How often the row was taken since the program's start. */
uint64_t rows_taken(rows_taker_t by, const table_machine_t *machine, size_t index);

#endif
