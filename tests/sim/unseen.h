/* unseen.h: changes of rows that no run can show, each with its reason, as data. */
#ifndef DROVER_TESTS_SIM_UNSEEN_H
#define DROVER_TESTS_SIM_UNSEEN_H

#include "tests/sim/rows.h"

/* NULL: it must be caught. */
const char *unseen_reason(const char *machine, uint16_t row, rows_change_t change);

/* Whether no run can take the row at all: what it looks like without it cannot be seen then. */
bool unseen_is_out_of_reach(const char *machine, uint16_t row);

/* All of them, a line each. */
void unseen_print(void);

#endif
