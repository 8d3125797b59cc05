/*
 * Chains whose scripts meddle with the session's prepared statements, ours among them
 * (agent/steps/change.c): made exactly once all the same, or told.
 */
#include "tests/unit/agent/steps/stage.h"

#include "common/crypto/random.h"
#include "common/postgres/ledger.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define EFFECT "INSERT INTO effect (made) VALUES "

/* Each leaves one row; the first makes the table. */
static const char *const honest[] = {
    "CREATE TABLE effect (made int);" EFFECT "(1)",
    EFFECT "(2)",
    EFFECT "(3); DEALLOCATE ALL",
    EFFECT "(4); DO $$ BEGIN EXECUTE 'DEALLOCATE ALL'; END $$",
    EFFECT "(5)",
    EFFECT "(6); PREPARE mine AS SELECT 1",
    EFFECT "(7); PREPARE mine AS SELECT 2",
    EFFECT "(8)",
};

/* In a session of its own, where the second one's record is not plain for the first's sake. */
static const char *const leaving[] = {
    "CREATE TABLE effect (made int);" EFFECT "(1)",
    EFFECT "(2); PREPARE mine AS SELECT 1",
    EFFECT "(3); PREPARE mine AS SELECT 2",
    EFFECT "(4)",
};

typedef struct chain {
    const char *const *scripts;
    size_t count;
} chain_t;

/* A stage with these scripts as its bundle. */
static void start(stage_t *stage, const chain_t *chain) {
    char folder[] = "/tmp/drover-chain-XXXXXX";
    char path[128];
    assert_non_null(mkdtemp(folder));
    for (size_t i = 0; i < chain->count; i++) {
        (void)snprintf(path, sizeof path, "%s/V%03zu__step.sql", folder, i + 1);
        FILE *file = fopen(path, "w");
        assert_non_null(file);
        assert_true(fprintf(file, "-- drover: irreversible=\"a test\"\n%s;\n", chain->scripts[i]) >
                    0);
        assert_int_equal(fclose(file), 0);
    }
    stage_start(stage, folder);
    (void)snprintf(path, sizeof path, "rm -rf %s", folder);
    assert_int_equal(system(path), 0);
    scratch_database(&stage->scratch, "one");
}

static const char *ask(stage_t *stage, const char *sql) {
    connection_t *c =
        scratch_connect(&stage->scratch, (scratch_who_t){.database = "one", .user = "postgres"});
    const char *answer = scratch_run(c, sql);
    connection_destroy(&c);
    return answer;
}

/* Baseline and the whole chain; the run that did it. */
static run_t *play(stage_t *stage, size_t count, job_state_t *ret_state) {
    stage_job_t job = {.kind = JOB_KIND_BASELINE, .database = "one", .tenant = random_ident()};
    stage_expect(stage, &job, JOB_DONE);
    job.kind = JOB_KIND_FORWARD;
    job.target = (uint32_t)count;
    run_t *run = stage_run(stage, &job);
    *ret_state = stage_play(run);
    return run;
}

static void all_made_once(const chain_t *chain) {
    stage_t stage;
    job_state_t state;
    start(&stage, chain);
    run_t *run = play(&stage, chain->count, &state);
    assert_int_equal(state, JOB_DONE);
    char wanted[64];
    (void)snprintf(wanted, sizeof wanted, "%zu %zu %zu", chain->count, chain->count, chain->count);
    assert_string_equal(ask(&stage, "SELECT count(*) || ' ' || count(DISTINCT made) || ' ' || "
                                    "max(made) FROM public.effect"),
                        wanted);
    (void)snprintf(wanted, sizeof wanted, "%zu", chain->count + 1);
    assert_string_equal(ask(&stage, "SELECT count(*) FROM drover.history"), wanted);
    run_destroy(&run);
    stage_stop(&stage);
}

static void test_scripts_that_deallocate(void **state) {
    (void)state;
    all_made_once(&(chain_t){honest, sizeof honest / sizeof honest[0]});
}

static void test_scripts_that_leave_statements(void **state) {
    (void)state;
    all_made_once(&(chain_t){leaving, sizeof leaving / sizeof leaving[0]});
}

/* Rows that a false record did not write are missed before the chain can end well. */
static void test_script_that_replaces_the_record(void **state) {
    (void)state;
    stage_t stage;
    job_state_t end;
    char evil[1024];
    (void)snprintf(evil, sizeof evil,
                   "DEALLOCATE drover_record; PREPARE drover_record (%s, text) AS SELECT $3 AS "
                   "appended_seq, 2 AS statements",
                   LEDGER_TYPES);
    /* so that the next opening's look at the head says nothing */
    const char *fence = "DEALLOCATE drover_fence; PREPARE drover_fence AS SELECT 1 AS opened, "
                        "pg_current_xact_id() AS xid";
    const char *const scripts[] = {honest[0], fence, evil, honest[1], honest[4]};
    start(&stage, &(chain_t){scripts, 5});
    run_t *run = play(&stage, 5, &end);
    assert_int_not_equal(end, JOB_DONE);
    assert_int_equal(run->error.code, ERROR_LEDGER_EDITED);
    run_destroy(&run);
    stage_stop(&stage);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_scripts_that_deallocate),
        cmocka_unit_test(test_scripts_that_leave_statements),
        cmocka_unit_test(test_script_that_replaces_the_record),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
