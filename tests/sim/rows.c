/* rows.c: see rows.h. */
#include "tests/sim/rows.h"

#include "agent/engine/job_table.h"
#include "common/base/status.h"
#include "coordinator/engine/lease_table.h"
#include "coordinator/engine/rollout_table.h"
#include "coordinator/engine/task_table.h"
#include "coordinator/engine/wave_table.h"

#include <string.h>

enum { STATES = 16, EVENTS = 32, CONDITIONS = 512, ROWS_MOST = 96 };

static const table_machine_t *const MACHINES[ROWS_MACHINES] = {
    &ROLLOUT_MACHINE, &WAVE_MACHINE, &TASK_MACHINE, &LEASE_MACHINE, &JOB_MACHINE};

/* Row number + 1 by machine, state, event and conditions: what a search found before. */
static uint8_t found_before[ROWS_MACHINES][STATES][EVENTS][CONDITIONS];
static uint64_t taken[ROWS_TAKERS][ROWS_MACHINES][ROWS_MOST];
static rows_taker_t taker;

static struct {
    const table_machine_t *machine;
    uint16_t id;
    rows_change_t change;
    table_row_t row; /* as changed */
} mutation;

const table_machine_t *rows_machine(size_t number) {
    return MACHINES[number];
}

static size_t number_of(const table_machine_t *machine) {
    size_t at = 0;
    while (MACHINES[at] != machine) {
        at++;
        INVARIANT(at < ROWS_MACHINES);
    }
    return at;
}

const char *rows_change_text(rows_change_t change) {
    static const char *const TEXTS[ROWS_CHANGE_COUNT] = {"unchanged", "deleted", "its state stays",
                                                         "without its effects"};
    return TEXTS[change];
}

bool rows_mutate(const table_machine_t *machine, uint16_t id, rows_change_t change) {
    memset(found_before, 0, sizeof found_before);
    mutation.machine = NULL;
    const table_row_t *row = machine != NULL ? table_row_by_id(machine, id) : NULL;
    if (row == NULL || change == ROWS_UNCHANGED ||
        (change == ROWS_STAYS && (row->next == TABLE_SAME || row->states == IN(row->next))) ||
        (change == ROWS_MUTE && row->effects[0] == 0)) {
        return false;
    }
    mutation.machine = machine;
    mutation.id = id;
    mutation.change = change;
    mutation.row = *row;
    if (change == ROWS_STAYS) {
        mutation.row.next = TABLE_SAME;
    } else if (change == ROWS_MUTE) {
        memset(mutation.row.effects, 0, sizeof mutation.row.effects);
    }
    return true;
}

uint64_t rows_taken(rows_taker_t by, const table_machine_t *machine, size_t index) {
    return taken[by][number_of(machine)][index];
}

void rows_taker(rows_taker_t by) {
    taker = by;
}

/* ---- in the place of common/base/table.c ---- */

size_t table_matches(const table_machine_t *machine, uint8_t state, uint8_t event,
                     uint32_t conditions, const table_row_t **ret_row) {
    size_t found = 0;
    for (size_t i = 0; i < machine->row_count; i++) {
        const table_row_t *row = &machine->rows[i];
        bool gone = machine == mutation.machine && row->id == mutation.id &&
                    mutation.change == ROWS_DELETED;
        if (!gone && (row->states & IN(state)) != 0 && (row->events & IN(event)) != 0 &&
            (conditions & row->mask) == row->value) {
            if (found == 0 && ret_row != NULL) {
                *ret_row = row;
            }
            found++;
        }
    }
    return found;
}

const table_row_t *table_find(const table_machine_t *machine, uint8_t state, uint8_t event,
                              uint32_t conditions) {
    size_t number = number_of(machine);
    INVARIANT(state < machine->state_count && event < machine->event_count);
    INVARIANT(conditions < CONDITIONS && machine->row_count < ROWS_MOST);
    uint8_t *known = &found_before[number][state][event][conditions];
    if (*known == 0) {
        const table_row_t *row = NULL;
        INVARIANT(table_matches(machine, state, event, conditions, &row) == 1);
        *known = (uint8_t)(row - machine->rows + 1);
    }
    taken[taker][number][*known - 1]++;
    const table_row_t *row = &machine->rows[*known - 1];
    return machine == mutation.machine && row->id == mutation.id ? &mutation.row : row;
}

uint8_t table_next(const table_row_t *row, uint8_t state) {
    return row->next == TABLE_SAME ? state : row->next;
}

const table_row_t *table_row_by_id(const table_machine_t *machine, uint16_t id) {
    for (size_t i = 0; i < machine->row_count; i++) {
        if (machine->rows[i].id == id) {
            return &machine->rows[i];
        }
    }
    return NULL;
}

void table_hide_row(const table_machine_t *machine, uint16_t id) {
    (void)rows_mutate(id == 0 ? NULL : machine, id, ROWS_DELETED);
}
