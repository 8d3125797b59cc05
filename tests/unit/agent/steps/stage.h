/*
 * stage.h: runs jobs' steps on a real PostgreSQL without the agent's loop, for tests: poll the
 * session, take the events, start what the machine says.
 */
#ifndef DROVER_TESTS_STAGE_H
#define DROVER_TESTS_STAGE_H

#include "agent/steps/run.h"
#include "tests/unit/postgres/scratch.h"

typedef struct stage {
    scratch_t scratch;
    agent_config_t *config;
    run_shared_t shared;
    sign_public_t key;
    sign_secret_t secret;
    char folder[64];
    bundle_t *bundle;
    uint64_t system_identifier;
    int reports;     /* that steps made */
    char log[65536]; /* what they said, a line each */
} stage_t;

void stage_start(stage_t *stage, const char *migrations);
void stage_stop(stage_t *stage);

/* A job at this tenant; recovery waived without a word. */
typedef struct stage_job {
    job_kind_t kind;
    const char *database;
    ident_t tenant;
    uint32_t target;
} stage_job_t;
run_t *stage_run(stage_t *stage, const stage_job_t *job);

/* Let it run to its end; the final state. The caller destroys the run. */
job_state_t stage_play(run_t *run);

/* stage_run, stage_play, expect a state, destroy. */
void stage_expect(stage_t *stage, const stage_job_t *job, job_state_t state);

#endif
