/* cases_job.h: the cases of the agent's engine, for its unit program and for tests/tables. */
#ifndef DROVER_TESTS_AGENT_CASES_JOB_H
#define DROVER_TESTS_AGENT_CASES_JOB_H

#include "agent/engine/job.h"
#include "tests/unit/base/cmocka_all.h"

const struct CMUnitTest *cases_job(size_t *ret_count);

#endif
