/*
 * Tests of agent/steps/{check,work,change,piecewise,verify,baseline,settle}.c on a real PostgreSQL
 * with the example application, as roles that are no superuser.
 */
#include "tests/unit/agent/steps/stage.h"

#include "common/base/cleanup.h"
#include "common/crypto/random.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static stage_t stage;

static int set_up(void **state) {
    (void)state;
    stage_start(&stage, "migrations/example");
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    stage_stop(&stage);
    return 0;
}

static const char *ask(const char *database, const char *sql) {
    connection_t *c =
        scratch_connect(&stage.scratch, (scratch_who_t){.database = database, .user = "postgres"});
    const char *answer = scratch_run(c, sql);
    connection_destroy(&c);
    return answer;
}

/* A new tenant after its baseline. */
static stage_job_t make_tenant(const char *database) {
    scratch_database(&stage.scratch, database);
    stage_job_t job = {
        .kind = JOB_KIND_BASELINE, .database = database, .tenant = random_ident(), .target = 0};
    stage_expect(&stage, &job, JOB_DONE);
    return job;
}

static void test_forward_and_back(void **state) {
    (void)state;
    stage_job_t job = make_tenant("round");
    job.kind = JOB_KIND_FORWARD;
    job.target = 10;
    stage_expect(&stage, &job, JOB_DONE);
    assert_string_equal(ask("round", "SELECT count(*) FROM drover.history"), "11");
    assert_string_equal(ask("round", "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"),
                        "12");
    assert_string_equal(
        ask("round", "SELECT count(*) FROM drover.history WHERE fingerprint_strict IS NULL"), "0");
    stage_expect(&stage, &job, JOB_NOT_NEEDED);
    job.kind = JOB_KIND_UNDO;
    job.target = 7;
    run_t *run = stage_run(&stage, &job);
    assert_string_equal(JOB_MACHINE.states[stage_play(run)], "done");
    assert_string_equal(run->notes, "undone; the schema is exactly what it was");
    run_destroy(&run);
    job.target = 0;
    stage_expect(&stage, &job, JOB_DONE);
    assert_string_equal(ask("round", "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"),
                        "0");
    job.kind = JOB_KIND_FORWARD;
    job.target = 10;
    stage_expect(&stage, &job, JOB_DONE);
}

/* A job under the standing order of this id. */
typedef struct claim {
    const char *order;
    uint32_t from;
} claim_t;

static job_state_t play_standing(const stage_job_t *job, const claim_t *claim,
                                 error_code_t *ret_code) {
    run_t *run = stage_run(&stage, job);
    memcpy(run->what.order.bytes, claim->order, IDENT_BYTES);
    run->standing_order = true;
    run->claimed_from = claim->from;
    job_state_t state = stage_play(run);
    *ret_code = run->error.code;
    run_destroy(&run);
    return state;
}

/* What others applied is not a standing order's to undo, whatever its job claims of the tenant. */
static void test_a_standing_order_and_the_ledger(void **state) {
    (void)state;
    static const char OURS[] = "standing order 1";
    error_code_t code = ERROR_NONE;
    stage_job_t job = make_tenant("standing");
    job.kind = JOB_KIND_FORWARD;
    job.target = 4;
    stage_expect(&stage, &job, JOB_DONE);
    job.target = 7;
    /* claims that would let a later undo reach further, or that inventory got wrong */
    assert_string_equal(JOB_MACHINE.states[play_standing(&job, &(claim_t){OURS, 2}, &code)],
                        "refused");
    assert_int_equal(code, ERROR_STANDING_LEDGER);
    assert_string_equal(JOB_MACHINE.states[play_standing(&job, &(claim_t){OURS, 5}, &code)],
                        "refused");
    assert_string_equal(ask("standing", "SELECT max(position) FROM drover.history"), "4");
    assert_string_equal(JOB_MACHINE.states[play_standing(&job, &(claim_t){OURS, 4}, &code)],
                        "done");
    /* tried again, it began where it began */
    job.target = 8;
    assert_string_equal(JOB_MACHINE.states[play_standing(&job, &(claim_t){OURS, 4}, &code)],
                        "done");
    job.kind = JOB_KIND_UNDO;
    job.target = 3;
    assert_string_equal(JOB_MACHINE.states[play_standing(&job, &(claim_t){OURS, 3}, &code)],
                        "refused");
    assert_int_equal(code, ERROR_STANDING_LEDGER);
    job.target = 7;
    assert_string_equal(
        JOB_MACHINE.states[play_standing(&job, &(claim_t){"standing order 2", 4}, &code)],
        "refused");
    assert_string_equal(ask("standing", "SELECT max(position) FROM drover.history"), "8");
    job.target = 4;
    assert_string_equal(JOB_MACHINE.states[play_standing(&job, &(claim_t){OURS, 4}, &code)],
                        "done");
}

static void test_second_tenant_uses_the_shape(void **state) {
    (void)state;
    stage_job_t one = make_tenant("shape_one");
    stage_job_t two = make_tenant("shape_two");
    one.kind = two.kind = JOB_KIND_FORWARD;
    one.target = two.target = 10;
    stage_expect(&stage, &one, JOB_DONE);
    stage_expect(&stage, &two, JOB_DONE);
    char first[512];
    const char *sql = "SELECT string_agg(encode(fingerprint_strict, 'hex'), ',' ORDER BY seq)"
                      " FROM drover.history WHERE seq > 9";
    (void)snprintf(first, sizeof first, "%s", ask("shape_one", sql));
    assert_string_equal(first, ask("shape_two", sql));
}

static void test_no_baseline(void **state) {
    (void)state;
    scratch_database(&stage.scratch, "bare");
    stage_job_t job = {
        .kind = JOB_KIND_FORWARD, .database = "bare", .tenant = random_ident(), .target = 10};
    run_t *run = stage_run(&stage, &job);
    assert_int_equal(stage_play(run), JOB_REFUSED);
    assert_int_equal(run->error.code, ERROR_TENANT_NO_LEDGER);
    run_destroy(&run);
    job.database = "nowhere";
    stage_expect(&stage, &job, JOB_GONE);
}

static void test_drift(void **state) {
    (void)state;
    stage_job_t job = make_tenant("drift");
    job.kind = JOB_KIND_FORWARD;
    job.target = 3;
    stage_expect(&stage, &job, JOB_DONE);
    (void)ask("drift", "ALTER TABLE public.customers ADD COLUMN smuggled int; SELECT 1");
    job.target = 10;
    run_t *run = stage_run(&stage, &job);
    assert_int_equal(stage_play(run), JOB_REFUSED);
    assert_int_equal(run->error.code, ERROR_TENANT_DRIFT);
    assert_non_null(strstr(run->notes, "smuggled"));
    run_destroy(&run);
    assert_string_equal(ask("drift", "SELECT count(*) FROM drover.history"), "4");
}

/* A tenant where nothing is to be done is compared all the same: a look has no other answer. */
static void test_drift_at_the_target(void **state) {
    (void)state;
    stage_job_t job = make_tenant("settled");
    job.kind = JOB_KIND_FORWARD;
    job.target = 3;
    stage_expect(&stage, &job, JOB_DONE);
    stage_expect(&stage, &job, JOB_NOT_NEEDED);
    (void)ask("settled", "COMMENT ON TABLE public.customers IS 'by hand'; SELECT 1");
    run_t *run = stage_run(&stage, &job);
    assert_int_equal(stage_play(run), JOB_NOT_NEEDED);
    assert_non_null(strstr(run->notes, "by hand"));
    run_destroy(&run);
    (void)ask("settled", "ALTER TABLE public.customers ADD COLUMN smuggled int; SELECT 1");
    run = stage_run(&stage, &job);
    assert_int_equal(stage_play(run), JOB_REFUSED);
    assert_int_equal(run->error.code, ERROR_TENANT_DRIFT);
    assert_non_null(strstr(run->notes, "smuggled"));
    run_destroy(&run);
    assert_string_equal(ask("settled", "SELECT count(*) FROM drover.history"), "4");
}

static void test_ledger_edited(void **state) {
    (void)state;
    stage_job_t job = make_tenant("edited");
    job.kind = JOB_KIND_FORWARD;
    job.target = 2;
    stage_expect(&stage, &job, JOB_DONE);
    (void)ask("edited", "ALTER TABLE drover.history DISABLE TRIGGER append_only;"
                        "UPDATE drover.history SET version = 'V009' WHERE seq = 2;"
                        "ALTER TABLE drover.history ENABLE ALWAYS TRIGGER append_only; SELECT 1");
    job.target = 10;
    run_t *run = stage_run(&stage, &job);
    assert_int_equal(stage_play(run), JOB_REFUSED);
    assert_int_equal(run->error.code, ERROR_LEDGER_EDITED);
    run_destroy(&run);
}

static void test_stale_token(void **state) {
    (void)state;
    stage_job_t job = make_tenant("fenced");
    (void)ask("fenced", "UPDATE drover.fence SET epoch = 2; SELECT 1");
    job.kind = JOB_KIND_FORWARD;
    job.target = 1;
    run_t *run = stage_run(&stage, &job);
    assert_int_equal(stage_play(run), JOB_FAILED);
    assert_int_equal(run->error.code, ERROR_FENCED);
    run_destroy(&run);
    assert_string_equal(ask("fenced", "SELECT count(*) FROM drover.history"), "1");
}

static void test_busy_tenant(void **state) {
    (void)state;
    stage_job_t job = make_tenant("busy");
    job.kind = JOB_KIND_FORWARD;
    job.target = 1;
    run_t *holder = stage_run(&stage, &job);
    connection_t *c =
        scratch_connect(&stage.scratch, (scratch_who_t){.database = "busy", .user = "drover"});
    CLEANUP(buffer_free) buffer_t sql = {0};
    fence_key_t key = run_key(holder);
    fence_sql_lock(&sql, &key);
    assert_string_equal(scratch_run(c, buffer_string(&sql)), "t");
    int told = stage.reports;
    assert_int_equal(stage_play(holder), JOB_TRANSIENT);
    assert_int_equal(stage.reports, told); /* not one check came to its end without the lock */
    assert_int_equal(holder->error.code, ERROR_TENANT_BUSY);
    connection_destroy(&c);
    run_destroy(&holder);
    stage_expect(&stage, &job, JOB_DONE);
}

/* V009's check finds a customer whose country nobody can fill in: V001 to V008 stand, V009 is not
 * begun, nothing is half done. */
static void test_failing_check(void **state) {
    (void)state;
    stage_job_t job = make_tenant("checked");
    job.kind = JOB_KIND_FORWARD;
    job.target = 8;
    stage_expect(&stage, &job, JOB_DONE);
    (void)ask("checked", "CREATE RULE nothing AS ON UPDATE TO public.customers DO INSTEAD NOTHING;"
                         "SELECT 1");
    job.target = 10;
    run_t *run = stage_run(&stage, &job);
    assert_int_equal(stage_play(run), JOB_REFUSED);
    assert_int_equal(run->error.code, ERROR_TENANT_DRIFT);
    assert_non_null(strstr(run->notes, "nothing"));
    run_destroy(&run);
    (void)ask("checked", "DROP RULE nothing ON public.customers; SELECT 1");
    stage_expect(&stage, &job, JOB_DONE);
}

/* Somebody's unfinished index was there before the baseline, so that it is no drift; the index of a
 * partitioned table may be INVALID for long. */
static void test_invalid_index(void **state) {
    (void)state;
    scratch_database(&stage.scratch, "unfit");
    (void)ask("unfit", "CREATE TABLE public.u (a int); CREATE INDEX u_a ON public.u (a);"
                       "CREATE TABLE public.p (a int) PARTITION BY RANGE (a);"
                       "CREATE TABLE public.p1 PARTITION OF public.p DEFAULT;"
                       "CREATE INDEX p_a ON ONLY public.p (a);"
                       "UPDATE pg_index SET indisvalid = false WHERE indexrelid = "
                       "'public.u_a'::regclass; SELECT 1");
    stage_job_t job = {
        .kind = JOB_KIND_BASELINE, .database = "unfit", .tenant = random_ident(), .target = 0};
    stage_expect(&stage, &job, JOB_DONE);
    job.kind = JOB_KIND_FORWARD;
    job.target = 1;
    run_t *run = stage_run(&stage, &job);
    assert_int_equal(stage_play(run), JOB_REFUSED);
    assert_int_equal(run->error.code, ERROR_INVALID_INDEX);
    assert_non_null(strstr(run->error.message, "public.u_a"));
    run_destroy(&run);
    assert_string_equal(ask("unfit", "SELECT count(*) FROM drover.history"), "1");
    job.tenant = random_ident();
    job.database = "parted";
    job.kind = JOB_KIND_BASELINE;
    job.target = 0;
    scratch_database(&stage.scratch, "parted");
    assert_string_equal(ask("parted", "CREATE TABLE public.p (a int) PARTITION BY RANGE (a);"
                                      "CREATE TABLE public.p1 PARTITION OF public.p DEFAULT;"
                                      "CREATE INDEX p_a ON ONLY public.p (a);"
                                      "SELECT count(*) FROM pg_index WHERE NOT indisvalid"),
                        "1");
    stage_expect(&stage, &job, JOB_DONE);
    job.kind = JOB_KIND_FORWARD;
    job.target = 1;
    stage_expect(&stage, &job, JOB_DONE);
}

/* A database's owner may store any text as its search_path; it is never taken for SQL. */
static void test_path_is_no_sql(void **state) {
    (void)state;
    scratch_database(&stage.scratch, "pathed");
    (void)ask("pathed", "SELECT set_config('search_path', "
                        "'public,x;create/**/table/**/public.intruder()', false);"
                        "ALTER DATABASE pathed SET search_path FROM CURRENT; SELECT 1");
    stage_job_t job = {
        .kind = JOB_KIND_BASELINE, .database = "pathed", .tenant = random_ident(), .target = 0};
    stage_expect(&stage, &job, JOB_DONE);
    job.kind = JOB_KIND_FORWARD;
    job.target = 10;
    stage_expect(&stage, &job, JOB_DONE);
    assert_string_equal(ask("pathed", "SELECT to_regclass('public.intruder') IS NULL"), "t");
}

/* Another session holds a table that the next migration alters: retried, then given back whole. */
static void test_locked_table(void **state) {
    (void)state;
    stage_job_t job = make_tenant("locked");
    job.kind = JOB_KIND_FORWARD;
    job.target = 7;
    stage_expect(&stage, &job, JOB_DONE);
    connection_t *c =
        scratch_connect(&stage.scratch, (scratch_who_t){.database = "locked", .user = "postgres"});
    (void)scratch_run(c, "BEGIN; LOCK TABLE public.customers IN ACCESS SHARE MODE; SELECT 1");
    job.target = 8;
    run_t *run = stage_run(&stage, &job);
    run->what.lock_timeout_ms = 50;
    assert_int_equal(stage_play(run), JOB_TRANSIENT);
    assert_int_equal(run->error.code, ERROR_DB_LOCK_TIMEOUT);
    assert_int_equal(run->machine.tries, 3);
    run_destroy(&run);
    assert_string_equal(ask("locked", "SELECT count(*) FROM drover.history"), "8");
    connection_destroy(&c);
    stage_expect(&stage, &job, JOB_DONE);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_forward_and_back),
        cmocka_unit_test(test_a_standing_order_and_the_ledger),
        cmocka_unit_test(test_second_tenant_uses_the_shape),
        cmocka_unit_test(test_no_baseline),
        cmocka_unit_test(test_drift),
        cmocka_unit_test(test_drift_at_the_target),
        cmocka_unit_test(test_ledger_edited),
        cmocka_unit_test(test_stale_token),
        cmocka_unit_test(test_busy_tenant),
        cmocka_unit_test(test_failing_check),
        cmocka_unit_test(test_invalid_index),
        cmocka_unit_test(test_path_is_no_sql),
        cmocka_unit_test(test_locked_table),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
