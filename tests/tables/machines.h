/* machines.h: every decision table of the project, both sides'. */
#ifndef DROVER_TESTS_TABLES_MACHINES_H
#define DROVER_TESTS_TABLES_MACHINES_H

#include "agent/engine/job_table.h"
#include "coordinator/engine/lease_table.h"
#include "coordinator/engine/rollout_table.h"
#include "coordinator/engine/task_table.h"
#include "coordinator/engine/wave_table.h"

enum { MACHINES = 5 };

static const table_machine_t *const ALL_MACHINES[MACHINES] = {
    &ROLLOUT_MACHINE, &WAVE_MACHINE, &TASK_MACHINE, &LEASE_MACHINE, &JOB_MACHINE,
};

#endif
