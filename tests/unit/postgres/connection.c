/* Sessions on a real server: pins, several results, deadlines, cancel, loss, poolers. */
#include "common/postgres/connection.h"
#include "common/base/buffer.h"
#include "common/base/cleanup.h"
#include "common/base/clock.h"
#include "common/crypto/random.h"
#include "tests/unit/postgres/scratch.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

static scratch_t scratch;
static connection_t *session; /* of the login that is no superuser */
static connection_t *super;

static int set_up(void **state) {
    (void)state;
    error_t err = {0};
    if (random_start(&err) != STATUS_OK) {
        return -1;
    }
    scratch_start(&scratch);
    scratch_database(&scratch, "acme");
    super = scratch_connect(&scratch, (scratch_who_t){"acme", "postgres"});
    session = scratch_connect(&scratch, (scratch_who_t){"acme", "drover"});
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    connection_destroy(&session);
    connection_destroy(&super);
    connection_destroy(&super);
    scratch_stop(&scratch);
    return 0;
}

static connection_t *fresh(void) {
    return scratch_connect(&scratch, (scratch_who_t){"acme", "drover"});
}

static error_code_t open_code(const char *conninfo) {
    connection_t *c = NULL;
    error_t err = {0};
    connection_options_t options = {.conninfo = conninfo};
    status_t status = connection_open(&options, 10000, &c, &err);
    connection_destroy(&c);
    return status == STATUS_OK ? ERROR_NONE : err.code;
}

static void session_is_pinned(void **state) {
    (void)state;
    (void)scratch_run(super, "ALTER DATABASE acme SET synchronous_commit = off;"
                             "ALTER DATABASE acme SET search_path = evil;"
                             "ALTER ROLE drover IN DATABASE acme SET role = 'owner';"
                             "ALTER ROLE drover SET statement_timeout = 1");
    connection_t *c = fresh();
    const char *all =
        "SELECT current_setting('synchronous_commit') || ' ' || current_setting('search_path') || "
        "' ' || current_user || ' ' || current_setting('statement_timeout') || ' ' || "
        "current_setting('client_encoding') || ' ' || current_setting('application_name')";
    assert_string_equal(scratch_run(c, all), "on pg_catalog,pg_temp drover 0 UTF8 drover");
    (void)scratch_run(c, "RESET ALL; RESET ROLE");
    assert_string_equal(scratch_run(c, all), "on pg_catalog,pg_temp drover 0 UTF8 drover");
    if (connection_server_version(c) >= 140000) {
        assert_string_equal(scratch_run(c, "SHOW client_connection_check_interval"), "0");
    }
    connection_destroy(&c);
    c = fresh();
    if (connection_server_version(c) >= 140000) {
        assert_string_equal(scratch_run(c, "SHOW client_connection_check_interval"), "1s");
    }
    connection_destroy(&c);
    (void)scratch_run(super, "ALTER DATABASE acme RESET ALL; ALTER ROLE drover RESET ALL;"
                             "ALTER ROLE drover IN DATABASE acme RESET ALL");
}

static void several_statements_all_results(void **state) {
    (void)state;
    CLEANUP(connection_answer_free) connection_answer_t answer = {0};
    error_t err = {0};
    assert_int_equal(
        connection_run(session, "SELECT 1; SELECT 2; SELECT 1/0; SELECT 3", 5000, &answer, &err),
        STATUS_ERROR);
    assert_int_equal(answer.count, 3);
    assert_string_equal(PQgetvalue(answer.results[1], 0, 0), "2");
    assert_string_equal(err.sqlstate, "22012");
    assert_true(answer.sent_whole);
    assert_false(answer.lost);
    assert_string_equal(scratch_run(session, "SELECT 'still there'"), "still there");
}

static void scripts_drop_their_rows(void **state) {
    (void)state;
    CLEANUP(connection_answer_free) connection_answer_t answer = {0};
    error_t err = {0};
    connection_request_t request = {.sql = "SELECT 41 AS a; SELECT 42 AS b; SELECT "
                                           "generate_series(1, 100000); COPY (SELECT 1) TO STDOUT;"
                                           "SELECT 43",
                                    .discard_rows = true,
                                    .keep_first = 2,
                                    .deadline_us = clock_boot_us() + 20 * US_PER_S};
    assert_int_equal(connection_run_request(session, &request, &answer, &err), STATUS_OK);
    assert_int_equal(answer.count, 5);
    assert_string_equal(PQgetvalue(answer.results[0], 0, 0), "41");
    assert_string_equal(PQgetvalue(answer.results[1], 0, 0), "42");
    assert_int_equal(PQntuples(answer.results[2]), 0);
    assert_string_equal(PQcmdStatus(answer.results[2]), "SELECT 100000");
}

static void copy_from_stdin_is_refused(void **state) {
    (void)state;
    assert_string_equal(
        scratch_state(session, "CREATE TEMP TABLE c (a int); COPY c FROM STDIN; SELECT 1"),
        "57014");
    assert_string_equal(scratch_run(session, "SELECT 1"), "1");
}

static void many_results_are_bounded(void **state) {
    (void)state;
    CLEANUP(buffer_free) buffer_t sql = {0};
    CLEANUP(connection_answer_free) connection_answer_t answer = {0};
    error_t err = {0};
    for (int i = 0; i < 1000; i++) {
        buffer_text(&sql, "SELECT 1;");
    }
    buffer_text(&sql, "SELECT 1/0");
    connection_request_t request = {.sql = buffer_string(&sql), .discard_rows = true};
    assert_int_equal(connection_run_request(session, &request, &answer, &err), STATUS_ERROR);
    assert_int_equal(answer.count + answer.dropped, 1001);
    assert_true(answer.count < 100);
    assert_string_equal(err.sqlstate, "22012");
}

static void parameters_go_apart(void **state) {
    (void)state;
    CLEANUP(connection_answer_free) connection_answer_t answer = {0};
    error_t err = {0};
    connection_param_t params[] = {{25, "it's; DROP TABLE x", 0, false}, {25, NULL, 0, false}};
    connection_request_t request = {
        .sql = "SELECT $1 || coalesce($2, '!')", .params = params, .param_count = 2};
    assert_int_equal(connection_run_request(session, &request, &answer, &err), STATUS_OK);
    assert_string_equal(PQgetvalue(answer.results[0], 0, 0), "it's; DROP TABLE x!");
}

static void deadline_cancels_and_drains(void **state) {
    (void)state;
    CLEANUP(connection_answer_free) connection_answer_t answer = {0};
    error_t err = {0};
    assert_int_equal(connection_run(session, "SELECT pg_sleep(600)", 100, &answer, &err),
                     STATUS_ERROR);
    assert_int_equal(err.code, ERROR_DB_STATEMENT_TIMEOUT);
    assert_true(answer.cancelled);
    assert_false(answer.lost);
    /* The session goes on, and no late cancel hits what comes next. */
    for (int i = 0; i < 50; i++) {
        assert_string_equal(scratch_run(session, "SELECT 1"), "1");
    }
}

static void answered_in_time_is_no_error(void **state) {
    (void)state;
    CLEANUP(connection_answer_free) connection_answer_t answer = {0};
    error_t err = {0};
    assert_int_equal(connection_run(session, "SELECT 1", 60000, &answer, &err), STATUS_OK);
    assert_false(answer.cancelled);
}

typedef struct seen {
    int calls;
    error_t error;
    bool lost;
} seen_t;

static void on_done(connection_t *c, connection_answer_t *answer, void *context) {
    seen_t *seen = context;
    (void)c;
    seen->calls++;
    seen->error = answer->error;
    seen->lost = answer->lost;
}

static void on_done_destroy(connection_t *c, connection_answer_t *answer, void *context) {
    on_done(c, answer, context);
    connection_destroy(&c);
}

static void turn_until(connection_t *c, const seen_t *seen, int calls) {
    while (seen->calls < calls) { /* ends at the request's deadline */
        connection_ready(c, clock_boot_us());
    }
}

static void owner_cancels(void **state) {
    (void)state;
    seen_t seen = {0};
    connection_query(session, "SELECT pg_sleep(600)", clock_boot_us() + 60 * US_PER_S, on_done,
                     &seen);
    assert_int_equal(connection_state(session), CONNECTION_BUSY);
    connection_cancel(session, clock_boot_us());
    turn_until(session, &seen, 1);
    assert_int_equal(seen.error.code, ERROR_CANCELLED);
    assert_int_equal(connection_state(session), CONNECTION_IDLE);
}

/* Whether a signal waits to be delivered to a process that is stopped. */
static bool signal_pends(int pid, int number) {
    char path[64], line[256];
    unsigned long long pending = 0;
    (void)snprintf(path, sizeof path, "/proc/%d/status", pid);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    while (fgets(line, sizeof line, file) != NULL) {
        unsigned long long mask = 0;
        if (sscanf(line, "SigPnd: %llx", &mask) == 1 || sscanf(line, "ShdPnd: %llx", &mask) == 1) {
            pending |= mask;
        }
    }
    (void)fclose(file);
    return (pending >> (number - 1) & 1U) != 0;
}

/* A backend that is stopped hears the cancel before it has read the statement, and ignores it. */
static void cancel_that_came_too_early_is_repeated(void **state) {
    (void)state;
    seen_t seen = {0};
    int pid = connection_backend_pid(session);
    assert_int_equal(kill(pid, SIGSTOP), 0);
    connection_query(session, "SELECT pg_sleep(600)", clock_boot_us() + 60 * US_PER_S, on_done,
                     &seen);
    connection_cancel(session, clock_boot_us());
    while (!signal_pends(pid, SIGINT)) {
        connection_ready(session, clock_boot_us());
        assert_int_equal(seen.calls, 0);
    }
    assert_int_equal(kill(pid, SIGCONT), 0);
    turn_until(session, &seen, 1);
    assert_int_equal(seen.error.code, ERROR_CANCELLED);
    assert_int_equal(connection_state(session), CONNECTION_IDLE);
    assert_string_equal(scratch_run(session, "SELECT 1"), "1");
}

static void done_may_destroy(void **state) {
    (void)state;
    seen_t seen = {0};
    connection_t *c = fresh();
    connection_query(c, "SELECT 1", clock_boot_us() + 60 * US_PER_S, on_done_destroy, &seen);
    while (seen.calls == 0) {
        connection_ready(c, clock_boot_us());
    }
    assert_int_equal(seen.error.code, ERROR_NONE);
}

static void terminated_backend_is_lost(void **state) {
    (void)state;
    char sql[128];
    error_t err = {0};
    CLEANUP(connection_answer_free) connection_answer_t answer = {0};
    connection_t *c = fresh();
    (void)snprintf(sql, sizeof sql, "SELECT pg_terminate_backend(%d, 5000)",
                   connection_backend_pid(c));
    assert_string_equal(scratch_run(super, sql), "t");
    assert_int_equal(connection_run(c, "SELECT 1", 5000, &answer, &err), STATUS_ERROR);
    assert_true(answer.lost);
    assert_int_equal(err.code, ERROR_DB_CONNECTION_LOST);
    assert_int_equal(connection_state(c), CONNECTION_LOST);
    assert_int_equal(connection_fd(c), -1);
    /* And so is each request after that. */
    connection_answer_free(&answer);
    assert_int_equal(connection_run(c, "SELECT 1", 5000, &answer, &err), STATUS_ERROR);
    assert_true(answer.lost);
    assert_false(answer.sent_whole);
    /* What was never sent has no unknown outcome. */
    connection_answer_free(&answer);
    connection_request_t commit = {.sql = "COMMIT", .phase = SQLSTATE_COMMITTING};
    assert_int_equal(connection_run_request(c, &commit, &answer, &err), STATUS_ERROR);
    assert_int_equal(err.code, ERROR_DB_CONNECTION_LOST);
    connection_destroy(&c);
}

static void loss_at_commit_is_unknown(void **state) {
    (void)state;
    char sql[128];
    seen_t seen = {0};
    connection_t *c = fresh();
    /* A deferred trigger holds the COMMIT open until the session is ended. */
    (void)scratch_run(super, "CREATE TABLE IF NOT EXISTS public.d (a int); GRANT ALL ON public.d "
                             "TO drover; CREATE OR REPLACE FUNCTION public.wait() RETURNS trigger "
                             "LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(600); RETURN NULL; END';"
                             "CREATE CONSTRAINT TRIGGER w AFTER INSERT ON public.d DEFERRABLE "
                             "INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION public.wait()");
    (void)scratch_run(c, "BEGIN; INSERT INTO public.d VALUES (1)");
    connection_send(c, &(connection_request_t){.sql = "COMMIT",
                                               .phase = SQLSTATE_COMMITTING,
                                               .deadline_us = clock_boot_us() + 60 * US_PER_S,
                                               .done = on_done,
                                               .context = &seen});
    (void)snprintf(sql, sizeof sql, "SELECT pg_terminate_backend(%d, 5000)",
                   connection_backend_pid(c));
    assert_string_equal(scratch_run(super, sql), "t");
    turn_until(c, &seen, 1);
    assert_int_equal(seen.error.code, ERROR_DB_OUTCOME_UNKNOWN);
    assert_int_equal(seen.error.retry, RETRY_UNKNOWN);
    assert_string_equal(seen.error.sqlstate, "57P01"); /* the server's word, not libpq's */
    connection_destroy(&c);
}

static void refusals_are_named(void **state) {
    (void)state;
    char conninfo[512];
    (void)snprintf(conninfo, sizeof conninfo, "host=%s user=drover dbname=nowhere", scratch.folder);
    assert_int_equal(open_code(conninfo), ERROR_DB_NO_DATABASE);
    (void)snprintf(conninfo, sizeof conninfo, "host=%s user=nobody_here dbname=acme",
                   scratch.folder);
    assert_int_equal(open_code(conninfo), ERROR_DB_AUTH);
    (void)scratch_run(super, "ALTER DATABASE acme CONNECTION LIMIT 0");
    (void)snprintf(conninfo, sizeof conninfo, "host=%s user=drover dbname=acme", scratch.folder);
    assert_int_equal(open_code(conninfo), ERROR_DB_UNREACHABLE);
    (void)scratch_run(super, "ALTER DATABASE acme CONNECTION LIMIT -1");
    assert_int_equal(open_code("host=/nonexistent user=drover dbname=acme"), ERROR_DB_UNREACHABLE);
    assert_int_equal(open_code("host=127.0.0.1 port=1 user=drover dbname=acme"),
                     ERROR_DB_UNREACHABLE);
    assert_int_equal(open_code("service=not_there"), ERROR_CONFIG_INVALID);
}

static void bad_conninfo_shows_no_password(void **state) {
    (void)state;
    connection_t *c = NULL;
    error_t err = {0};
    connection_options_t options = {.conninfo = "host=x password=sesame geheim"};
    assert_int_equal(connection_new(&options, &c, &err), STATUS_ERROR);
    assert_int_equal(err.code, ERROR_INVALID);
    assert_null(strstr(err.message, "geheim"));
    assert_null(strstr(err.message, "sesame"));
}

static int notices;
static char last_notice[64];

static void on_notice(const connection_notice_t *notice, void *context) {
    (void)context;
    notices++;
    (void)snprintf(last_notice, sizeof last_notice, "%s %s", notice->severity, notice->sqlstate);
}

static void notices_are_passed_on_and_bounded(void **state) {
    (void)state;
    char conninfo[256];
    connection_t *c = NULL;
    error_t err = {0};
    connection_options_t options = {
        .conninfo = scratch_conninfo(&scratch, (scratch_who_t){"acme", "drover"}, conninfo),
        .notice = on_notice};
    assert_int_equal(connection_open(&options, 5000, &c, &err), STATUS_OK);
    (void)scratch_run(c, "BEGIN; BEGIN; COMMIT");
    assert_int_equal(notices, 1);
    assert_string_equal(last_notice, "WARNING 25001");
    notices = 0;
    (void)scratch_run(c, "DO $$ BEGIN FOR i IN 1..1000 LOOP RAISE NOTICE '%', i; END LOOP; END $$");
    assert_int_equal(notices, 100);
    connection_destroy(&c);
}

static void environment_has_no_say(void **state) {
    (void)state;
    (void)setenv("PGDATABASE", "nowhere", 1);
    (void)setenv("PGOPTIONS", "-c search_path=evil", 1);
    (void)setenv("PGX", "1", 1);
    (void)setenv("PATHPG", "stays", 1);
    connection_clear_environment("/some/where");
    assert_null(getenv("PGDATABASE"));
    assert_null(getenv("PGOPTIONS"));
    assert_null(getenv("PGX"));
    assert_string_equal(getenv("PATHPG"), "stays");
    assert_string_equal(getenv("PGSERVICEFILE"), "/some/where");
    connection_clear_environment(NULL);
    assert_null(getenv("PGSERVICEFILE"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(session_is_pinned),
        cmocka_unit_test(several_statements_all_results),
        cmocka_unit_test(scripts_drop_their_rows),
        cmocka_unit_test(copy_from_stdin_is_refused),
        cmocka_unit_test(many_results_are_bounded),
        cmocka_unit_test(parameters_go_apart),
        cmocka_unit_test(deadline_cancels_and_drains),
        cmocka_unit_test(answered_in_time_is_no_error),
        cmocka_unit_test(owner_cancels),
        cmocka_unit_test(cancel_that_came_too_early_is_repeated),
        cmocka_unit_test(done_may_destroy),
        cmocka_unit_test(terminated_backend_is_lost),
        cmocka_unit_test(loss_at_commit_is_unknown),
        cmocka_unit_test(refusals_are_named),
        cmocka_unit_test(bad_conninfo_shows_no_password),
        cmocka_unit_test(notices_are_passed_on_and_bounded),
        cmocka_unit_test(environment_has_no_say),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
