/*
 * Fingerprints of whole databases: a dump and restore changes neither digest, twice over; readings
 * under wrong settings or a mask that is out of date are refused; exceptions leave out what they
 * name; the stamp follows commits and not ANALYZE or VACUUM.
 */
#include "common/base/cleanup.h"
#include "common/crypto/random.h"
#include "common/postgres/fingerprint_kinds.h"
#include "tests/unit/postgres/print.h"
#include "tests/unit/postgres/scratch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static scratch_t scratch;

static PGconn *join_database(const char *name, bool fresh) {
    char info[256];
    if (fresh) {
        scratch_database(&scratch, name);
    }
    PGconn *conn = PQconnectdb(scratch_conninfo(&scratch, (scratch_who_t){name, "postgres"}, info));
    PQclear(print_run(conn, "SET client_min_messages = error"));
    return conn;
}

static int start(void **state) {
    (void)state;
    scratch_start(&scratch);
    PGconn *conn = join_database("rich", true);
    CLEANUP(free_p) char *sql = print_file("fingerprint_rich.sql");
    PQclear(print_run(conn, "CREATE ROLE fp_owner; CREATE ROLE fp_reader"));
    PQclear(print_run(conn, sql));
    PQfinish(conn);
    return 0;
}

static int stop(void **state) {
    (void)state;
    scratch_stop(&scratch);
    return 0;
}

static print_t look(const char *name) {
    PGconn *conn = join_database(name, false);
    PQclear(print_run(conn, "BEGIN"));
    print_t print = print_take(conn, NULL);
    PQclear(print_run(conn, "ROLLBACK"));
    PQfinish(conn);
    return print;
}

static void copy_database(const char *from, const char *to) {
    PQfinish(join_database(to, true));
    char info[256], command[1024];
    (void)scratch_conninfo(&scratch, (scratch_who_t){from, "postgres"}, info);
    (void)snprintf(command, sizeof command,
                   "%s/pg_dump -Fc -d '%s' -f %s/dump && %s/pg_restore --exit-on-error -d '", //
                   scratch.bin, info, scratch.folder, scratch.bin);
    (void)scratch_conninfo(&scratch, (scratch_who_t){to, "postgres"}, info);
    (void)snprintf(command + strlen(command), sizeof command - strlen(command), "%s' %s/dump", info,
                   scratch.folder);
    assert_int_equal(system(command), 0); // NOLINT(cert-env33-c): a command of the test's own
}

static void assert_same(const print_t *a, const print_t *b) {
    CLEANUP(buffer_free) buffer_t lines = {0};
    error_t err = {0};
    assert_int_equal(fingerprint_diff(a->text, b->text, NULL, &lines, &err), STATUS_OK);
    assert_string_equal(buffer_string(&lines), "");
    assert_true(digest_equal(&a->digests.strict, &b->digests.strict));
    assert_true(digest_equal(&a->digests.logical, &b->digests.logical));
}

static void a_dump_and_restore_changes_nothing(void **state) {
    (void)state;
    copy_database("rich", "copy");
    copy_database("copy", "copy2");
    print_t first = look("rich");
    print_t second = look("copy");
    print_t third = look("copy2");
    assert_true(first.digests.lines > 600);
    assert_same(&first, &second);
    assert_same(&first, &third);
    free(first.text);
    free(second.text);
    free(third.text);
}

static void exceptions_leave_out_what_they_name(void **state) {
    (void)state;
    PGconn *conn = join_database("rich", false);
    PQclear(print_run(conn, "BEGIN"));
    const char *const patterns[] = {"table app.sometimes*", "table app.docs column extra"};
    const fingerprint_exceptions_t exceptions = {patterns, 2};
    print_t before = print_take(conn, &exceptions);
    PQclear(print_run(conn, "CREATE TABLE app.sometimes_1 (id serial PRIMARY KEY, b int UNIQUE "
                            "CHECK (b > 0)); COMMENT ON COLUMN app.sometimes_1.b IS 'x';"
                            "ALTER TABLE app.docs ADD COLUMN extra int DEFAULT 1"));
    print_t after = print_take(conn, &exceptions);
    assert_same(&before, &after);
    free(before.text);
    free(after.text);
    PQclear(print_run(conn, "ROLLBACK"));
    PQfinish(conn);
}

static error_code_t read_code(PGconn *conn, uint64_t mask) {
    CLEANUP(buffer_free) buffer_t sql = {0};
    error_t err = {0};
    fingerprint_t ignored;
    const fingerprint_scope_t scope = {PQserverVersion(conn), mask};
    assert_int_equal(fingerprint_sql(&scope, &sql, &err), STATUS_OK);
    PGresult *result = print_run(conn, buffer_string(&sql));
    const status_t status = fingerprint_from_result(result, &scope, NULL, &ignored, NULL, &err);
    PQclear(result);
    return status == STATUS_OK ? ERROR_NONE : err.code;
}

static void wrong_readings_are_refused(void **state) {
    (void)state;
    PGconn *conn = join_database("rich", false);
    error_t err = {0};
    fingerprint_t ignored;
    const fingerprint_scope_t scope = {PQserverVersion(conn), FINGERPRINT_EVERYTHING};
    PQclear(print_run(conn, "BEGIN"));
    assert_int_equal(read_code(conn, FINGERPRINT_EVERYTHING), ERROR_INVALID); /* settings */
    PQclear(print_run(conn, fingerprint_session_sql()));
    assert_int_equal(read_code(conn, FINGERPRINT_EVERYTHING), ERROR_NONE);
    assert_int_equal(read_code(conn, 0), ERROR_CATALOG_MOVED);
    PQclear(print_run(conn, "SET LOCAL timezone = 'Asia/Tokyo'"));
    assert_int_equal(read_code(conn, FINGERPRINT_EVERYTHING), ERROR_INVALID);
    const char *const others[] = {"SELECT 1", "SELECT 1, '('", "SELECT -1, '(x'",
                                  "SELECT -1, '(1,\"\")'", "SELECT 1 WHERE false"};
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        PGresult *result = print_run(conn, others[i]);
        assert_int_equal(fingerprint_from_result(result, &scope, NULL, &ignored, NULL, &err),
                         STATUS_ERROR);
        PQclear(result);
    }
    CLEANUP(buffer_free) buffer_t sql = {0};
    assert_int_equal(fingerprint_sql(&(fingerprint_scope_t){120000, 0}, &sql, &err), STATUS_ERROR);
    assert_int_equal(err.code, ERROR_DB_TOO_OLD);
    PQclear(print_run(conn, "ROLLBACK"));
    PQfinish(conn);
}

/* A rare catalog that is asked for by another's number would seem to hold something, or nothing. */
static void an_empty_database_holds_nothing_rare(void **state) {
    (void)state;
    PQfinish(join_database("empty", true));
    print_t print = look("empty");
    const uint64_t shared = UINT64_C(1) << BIT_SUBSCRIPTION; /* the rich one's shows everywhere */
    assert_int_equal(print.stamp.mask & ~shared, 0);
    free(print.text);
}

/* Each tenant has our schema with its function: were it counted, each reading would cover functions
 * for nothing. */
static void our_own_schema_is_nothing_rare(void **state) {
    (void)state;
    PGconn *conn = join_database("ours", true);
    const uint64_t shared = UINT64_C(1) << BIT_SUBSCRIPTION;
    PQclear(print_run(conn, "CREATE SCHEMA drover; CREATE FUNCTION drover.f() RETURNS int LANGUAGE "
                            "sql AS 'SELECT 1'; CREATE COLLATION drover.c FROM \"C\""));
    print_t before = look("ours");
    assert_int_equal(before.stamp.mask & ~shared, 0);
    PQclear(print_run(conn, "ALTER FUNCTION drover.f() SET SCHEMA public"));
    print_t after = look("ours");
    assert_int_not_equal(after.stamp.mask & UINT64_C(1) << BIT_FUNCTION, 0);
    assert_non_null(strstr(after.text, "function public.f()"));
    assert_null(strstr(before.text, "function"));
    free(before.text);
    free(after.text);
    PQfinish(conn);
}

/* A job reads it so, and compares it with one that was recorded under a fingerprint's settings. */
static void the_stamp_needs_the_search_path_alone(void **state) {
    (void)state;
    PGconn *conn = join_database("rich", false);
    error_t err = {0};
    print_t print = look("rich");
    const fingerprint_scope_t scope = {PQserverVersion(conn), print.stamp.mask};
    fingerprint_stamp_t stamp = {0};
    CLEANUP(buffer_free) buffer_t sql = {0};
    PQclear(print_run(conn, "SET search_path = pg_catalog, pg_temp; SET timezone = 'Asia/Tokyo';"
                            "SET datestyle = german; SET lc_monetary = 'C'; SET bytea_output = "
                            "escape; SET extra_float_digits = 0"));
    assert_int_equal(fingerprint_stamp_sql(&scope, &sql, &err), STATUS_OK);
    PGresult *result = print_run(conn, buffer_string(&sql));
    assert_int_equal(fingerprint_stamp_read(result, &scope, &stamp, &err), STATUS_OK);
    assert_string_equal(stamp.text, print.stamp.text);
    PQclear(result);
    free(print.text);
    PQfinish(conn);
}

static void check_stamp(PGconn *conn, const char *sql, bool changes) {
    PQclear(print_run(conn, "BEGIN"));
    print_t before = print_take(conn, NULL);
    PQclear(print_run(conn, "COMMIT"));
    PQclear(print_run(conn, sql));
    PQclear(print_run(conn, "BEGIN"));
    print_t after = print_take(conn, NULL);
    PQclear(print_run(conn, "COMMIT"));
    if ((strcmp(before.stamp.text, after.stamp.text) != 0) != changes) {
        fail_msg("%s: %s, then %s", sql, before.stamp.text, after.stamp.text);
    }
    free(before.text);
    free(after.text);
}

static void the_stamp_follows_what_matters(void **state) {
    (void)state;
    PGconn *conn = join_database("stamped", true);
    PQclear(print_run(conn, "CREATE ROLE fp_named; CREATE TABLE t (a int PRIMARY KEY, b text);"
                            "ALTER TABLE t OWNER TO fp_named; INSERT INTO t SELECT "
                            "generate_series(1, 1000)"));
    check_stamp(conn, "SELECT 1", false);
    check_stamp(conn, "ANALYZE", false);
    check_stamp(conn, "VACUUM (FREEZE, ANALYZE)", false);
    check_stamp(conn, "VACUUM FREEZE pg_catalog.pg_class", false);
    check_stamp(conn, "INSERT INTO t VALUES (0)", false);
    check_stamp(conn, "ALTER TABLE t ADD COLUMN c int", true);
    check_stamp(conn, "VACUUM FREEZE pg_catalog.pg_attribute", false);
    check_stamp(conn, "ALTER TABLE t DROP COLUMN c", true);
    check_stamp(conn, "CREATE INDEX i ON t (b)", true);
    check_stamp(conn, "DROP INDEX i", true);
    check_stamp(conn, "COMMENT ON TABLE t IS 'x'", true);
    check_stamp(conn, "COMMENT ON TABLE t IS NULL", true);
    check_stamp(conn, "ALTER ROLE fp_named RENAME TO fp_other", true);
    check_stamp(conn, "CREATE TYPE mood AS ENUM ('a')", true);
    check_stamp(conn, "DROP TYPE mood", true);
    PQfinish(conn);
}

int main(void) {
    error_t err = {0};
    if (random_start(&err) != STATUS_OK) {
        return 1;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_dump_and_restore_changes_nothing),
        cmocka_unit_test(exceptions_leave_out_what_they_name),
        cmocka_unit_test(wrong_readings_are_refused),
        cmocka_unit_test(an_empty_database_holds_nothing_rare),
        cmocka_unit_test(our_own_schema_is_nothing_rare),
        cmocka_unit_test(the_stamp_needs_the_search_path_alone),
        cmocka_unit_test(the_stamp_follows_what_matters),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
