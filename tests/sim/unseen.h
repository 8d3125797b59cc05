/* unseen.h: changes of rows that no run can show, each with its reason, as data. */
#ifndef DROVER_TESTS_SIM_UNSEEN_H
#define DROVER_TESTS_SIM_UNSEEN_H

#include "tests/sim/rows.h"

/* NULL: it must be caught. */
const char *unseen_reason(const char *machine, uint16_t row, rows_change_t change);

#endif
