/* table.c: see table.h. A scan of a few dozen rows; a step costs far less than the commit after it.
 */
#include "common/base/table.h"
#include "common/base/status.h"

static const table_machine_t *hidden_machine;
static uint16_t hidden_id;

static bool row_matches(const table_row_t *row, uint8_t state, uint8_t event, uint32_t conditions) {
    return (row->states & IN(state)) != 0 && (row->events & IN(event)) != 0 &&
           (conditions & row->mask) == row->value;
}

size_t table_matches(const table_machine_t *machine, uint8_t state, uint8_t event,
                     uint32_t conditions, const table_row_t **ret_row) {
    size_t found = 0;
    for (size_t i = 0; i < machine->row_count; i++) {
        const table_row_t *row = &machine->rows[i];
        if (machine == hidden_machine && row->id == hidden_id) {
            continue;
        }
        if (row_matches(row, state, event, conditions)) {
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
    const table_row_t *row = NULL;
    INVARIANT(state < machine->state_count && event < machine->event_count);
    INVARIANT(table_matches(machine, state, event, conditions, &row) == 1);
    return row;
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
    hidden_machine = id == 0 ? NULL : machine;
    hidden_id = id;
}
