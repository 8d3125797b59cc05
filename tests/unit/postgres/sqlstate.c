/* SQLSTATE to code and retry class, connection failures, and what redaction leaves. */
#include "common/postgres/sqlstate.h"
#include "common/base/cleanup.h"
#include "tests/unit/postgres/scratch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

static scratch_t scratch;
static connection_t *session;

static int set_up(void **state) {
    (void)state;
    scratch_start(&scratch);
    session = scratch_connect(&scratch, (scratch_who_t){"postgres", "postgres"});
    (void)scratch_run(session,
                      "CREATE TABLE public.u (id int PRIMARY KEY, secret text UNIQUE CHECK (secret "
                      "<> 'x'), d date); INSERT INTO public.u VALUES (1, 'anna@example.org'); "
                      "CREATE TYPE public.mood AS ENUM ('a'); CREATE VIEW public.v AS SELECT id "
                      "FROM public.u");
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    connection_destroy(&session);
    scratch_stop(&scratch);
    return 0;
}

static void states_have_their_class(void **state) {
    (void)state;
    static const struct {
        const char *state;
        error_code_t code;
        retry_class_t retry;
    } expected[] = {
        {"40001", ERROR_DB_SQL, RETRY_TRANSIENT},
        {"40P01", ERROR_DB_SQL, RETRY_TRANSIENT},
        {"55P03", ERROR_DB_LOCK_TIMEOUT, RETRY_TRANSIENT},
        {"57014", ERROR_DB_STATEMENT_TIMEOUT, RETRY_PERMANENT},
        {"57P01", ERROR_DB_CONNECTION_LOST, RETRY_TRANSIENT},
        {"57P03", ERROR_DB_UNREACHABLE, RETRY_TRANSIENT},
        {"53300", ERROR_DB_UNREACHABLE, RETRY_TRANSIENT},
        {"53100", ERROR_DB_SQL, RETRY_TRANSIENT},
        {"08006", ERROR_DB_CONNECTION_LOST, RETRY_TRANSIENT},
        {"08007", ERROR_DB_OUTCOME_UNKNOWN, RETRY_UNKNOWN},
        {"25006", ERROR_DB_READ_ONLY, RETRY_TRANSIENT},
        {"28P01", ERROR_DB_AUTH, RETRY_PERMANENT},
        {"28000", ERROR_DB_AUTH, RETRY_PERMANENT},
        {"3D000", ERROR_DB_NO_DATABASE, RETRY_PERMANENT},
        {"42501", ERROR_DB_RIGHTS, RETRY_PERMANENT},
        {"23505", ERROR_DB_SQL, RETRY_PERMANENT},
        {"XX000", ERROR_DB_SQL, RETRY_PERMANENT},
        {"", ERROR_DB_SQL, RETRY_PERMANENT},
    };
    for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++) {
        const sqlstate_class_t *class = sqlstate_find(expected[i].state);
        assert_int_equal(class->code, expected[i].code);
        assert_int_equal(class->retry, expected[i].retry);
    }
    assert_int_equal(sqlstate_find(NULL)->code, ERROR_DB_SQL);
}

static error_code_t connect_code(const char *text) {
    error_t err = {0};
    (void)sqlstate_connection_text(text, SQLSTATE_CONNECTING, &err);
    return err.code;
}

static void refusals_are_read_from_text(void **state) {
    (void)state;
    error_t err = {0};
    (void)sqlstate_connection_text(
        "connection to server at \"h\", port 5432 failed: FATAL:  28P01: "
        "password authentication failed for user \"d\"\nLOCATION:  x\n",
        SQLSTATE_CONNECTING, &err);
    assert_int_equal(err.code, ERROR_DB_AUTH);
    assert_string_equal(err.sqlstate, "28P01");
    assert_string_equal(err.message, "password authentication failed for user \"d\"");
    /* The word FATAL may be in another language, the state is not. */
    assert_int_equal(connect_code("Verbindung: SCHWERWIEGEND:  3D000: Datenbank gibt es nicht\n"),
                     ERROR_DB_NO_DATABASE);
    assert_int_equal(connect_code("FATAL:  57P03: the database system is starting up"),
                     ERROR_DB_UNREACHABLE);
    assert_int_equal(connect_code("FATAL:  08P01: unsupported startup parameter: options"),
                     ERROR_DB_POOLER);
    assert_int_equal(connect_code("FATAL:  unsupported startup parameter: options"),
                     ERROR_DB_POOLER);
    assert_int_equal(connect_code("session is read-only"), ERROR_DB_READ_ONLY);
    assert_int_equal(connect_code("Connection refused"), ERROR_DB_UNREACHABLE);
    assert_int_equal(connect_code(""), ERROR_DB_UNREACHABLE);
    /* Of several hosts the last one's word counts. */
    assert_int_equal(connect_code("h1: FATAL:  28P01: no\nh2: FATAL:  57P03: starting"),
                     ERROR_DB_UNREACHABLE);
}

static void loss_depends_on_the_phase(void **state) {
    (void)state;
    error_t err = {0};
    (void)sqlstate_connection_text("gone\n  away", SQLSTATE_RUNNING, &err);
    assert_int_equal(err.code, ERROR_DB_CONNECTION_LOST);
    assert_non_null(strstr(err.message, "gone away"));
    (void)sqlstate_connection_text("gone", SQLSTATE_COMMITTING, &err);
    assert_int_equal(err.code, ERROR_DB_OUTCOME_UNKNOWN);
    assert_int_equal(err.retry, RETRY_UNKNOWN);
}

static error_t failure(const char *sql) {
    CLEANUP(connection_answer_free) connection_answer_t answer = {0};
    error_t err = {0};
    assert_int_equal(connection_run(session, sql, 5000, &answer, &err), STATUS_ERROR);
    return err;
}

static void fields_come_along(void **state) {
    (void)state;
    error_t err = failure("INSERT INTO public.u VALUES (2, 'anna@example.org')");
    assert_string_equal(err.sqlstate, "23505");
    assert_string_equal(err.constraint, "constraint u_secret_key on public.u");
    assert_non_null(strstr(err.detail, "anna@example.org"));
    sqlstate_redact(&err);
    assert_string_equal(err.detail, "");
    assert_string_equal(err.message,
                        "duplicate key value violates unique constraint \"u_secret_key\"");
    err = failure("DROP TABLE public.u");
    sqlstate_redact(&err);
    assert_non_null(strstr(err.detail, "view public.v depends on table public.u"));
    assert_non_null(strstr(err.server_hint, "CASCADE"));
    err = failure("ALTER TABLE public.u ALTER d SET NOT NULL");
    assert_string_equal(err.constraint, "public.u.d");
}

static void no_row_is_left_after_redaction(void **state) {
    (void)state;
    static const char *const statements[] = {
        "SELECT secret::integer FROM public.u",
        "SELECT secret::date FROM public.u",
        "SELECT secret::public.mood FROM public.u",
        "SELECT secret::json FROM public.u",
        "SELECT secret::integer[] FROM public.u",
        "SELECT secret::uuid FROM public.u",
        "SELECT secret::bytea::text, convert_from('\\xff616e6e61', 'UTF8') FROM public.u",
        "SELECT (secret || '\"quoted\"')::numeric FROM public.u",
        "INSERT INTO public.u VALUES (2, 'anna@example.org')",
        "INSERT INTO public.u VALUES (NULL, 'anna')",
        "ALTER TABLE public.u ADD CHECK (secret NOT LIKE 'anna%')",
        "INSERT INTO public.u SELECT 3, NULL, secret::date FROM public.u",
        "SELECT to_date(secret, 'YYYY') FROM public.u",
        "SELECT SELECT 'anna'",
        "CREATE ROLE x PASSWORD 'x' 'anna'",
        "SELECT * FROM public.u WHERE secret ~ '(anna'",
        "SELECT secret::inet FROM public.u",
        "SELECT secret::xml FROM public.u WHERE (secret || '<')::xml IS NOT NULL",
        "SELECT to_timestamp(secret, 'YYYY') FROM public.u",
        "SELECT secret::tsquery, (secret || '(')::tsquery FROM public.u",
        "SELECT secret::point FROM public.u",
        "SELECT secret::boolean FROM public.u",
        "SELECT format('%y' || secret) FROM public.u",
    };
    for (size_t i = 0; i < sizeof statements / sizeof statements[0]; i++) {
        error_t err = failure(statements[i]);
        sqlstate_redact(&err);
        char line[2048];
        (void)error_line(&err, line, sizeof line);
        if (strstr(line, "anna") != NULL || strstr(err.detail, "anna") != NULL ||
            strstr(line, "616e") != NULL || strstr(line, "0x61") != NULL) {
            print_error("%s\n  %s\n  %s\n", statements[i], line, err.detail);
            fail();
        }
    }
}

/* Texts that a program composes, under whatever state. */
static void raised_texts_are_not_shown(void **state) {
    (void)state;
    static const char *const statements[] = {
        "RAISE EXCEPTION 'no mail to %', (SELECT max(secret) FROM public.u)",
        "RAISE 'no' USING HINT = 'anna', DETAIL = 'anna', CONSTRAINT = 'anna', TABLE = 'anna'",
        "RAISE 'anna' USING ERRCODE = 'unique_violation'",
        "RAISE 'anna' USING ERRCODE = '42P01'",
        "RAISE 'anna' USING ERRCODE = 'ZX001'",
        "RAISE division_by_zero USING MESSAGE = 'anna'",
        "ASSERT false, 'anna'",
    };
    for (size_t i = 0; i < sizeof statements / sizeof statements[0]; i++) {
        char script[256];
        (void)snprintf(script, sizeof script, "DO $$ BEGIN %s; END $$", statements[i]);
        error_t err = failure(script);
        assert_true(sqlstate_raised(&err));
        error_t vouched = err;
        sqlstate_vouch(&vouched);
        assert_false(sqlstate_raised(&vouched));
        assert_string_equal(vouched.message, err.message);
        assert_string_equal(vouched.server_hint, "");
        assert_string_equal(vouched.constraint, "");
        sqlstate_redact(&err);
        char line[2048];
        (void)error_line(&err, line, sizeof line);
        assert_null(strstr(line, "anna"));
        assert_string_equal(err.server_hint, "");
        assert_string_equal(err.constraint, "");
        assert_string_equal(err.detail, "");
        assert_int_equal(strlen(err.sqlstate), 5);
    }
    error_t err = failure("SELECT 1/0");
    assert_false(sqlstate_raised(&err));
}

static void a_long_quoted_value_is_cut_wholly(void **state) {
    (void)state;
    error_t err = {.code = ERROR_DB_SQL, .sqlstate = "22P02"};
    (void)snprintf(err.message, sizeof err.message, "invalid input: \"abc");
    memset(err.message + 20, 'z', 400); /* libpq's text was cut before its closing quote */
    sqlstate_redact(&err);
    assert_string_equal(err.message, "invalid input: \"…\"");
    (void)snprintf(err.message, sizeof err.message, "ungültige Syntax für Typ integer: „abc“");
    sqlstate_redact(&err);
    assert_string_equal(err.message, "ungültige Syntax für Typ integer: \"…\"");
    /* A word of the script stays: it tells where to look. */
    (void)snprintf(err.message, sizeof err.message, "syntax error at or near \"FORM\"");
    (void)snprintf(err.sqlstate, sizeof err.sqlstate, "42601");
    sqlstate_redact(&err);
    assert_string_equal(err.message, "syntax error at or near \"FORM\"");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(states_have_their_class),
        cmocka_unit_test(refusals_are_read_from_text),
        cmocka_unit_test(loss_depends_on_the_phase),
        cmocka_unit_test(fields_come_along),
        cmocka_unit_test(no_row_is_left_after_redaction),
        cmocka_unit_test(raised_texts_are_not_shown),
        cmocka_unit_test(a_long_quoted_value_is_cut_wholly),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
