/* Literals and names, read back by a real server under both settings of its string syntax. */
#include "common/postgres/quote.h"
#include "common/base/cleanup.h"
#include "tests/unit/postgres/scratch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

static scratch_t scratch;
static connection_t *session;

static int set_up(void **state) {
    (void)state;
    scratch_start(&scratch);
    session = scratch_connect(&scratch, (scratch_who_t){"postgres", "postgres"});
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    connection_destroy(&session);
    scratch_stop(&scratch);
    return 0;
}

static const char *const nasty[] = {
    "",
    "plain",
    "it's",
    "'",
    "''",
    "\\",
    "\\'",
    "'; DROP TABLE x; --",
    "\\'; DROP TABLE x; --",
    "\xc3\xbc\xe2\x82\xac",
    "a\nb\tc\r",
    "$$",
    "$1",
    "\"",
    "\\x41",
    "\\\\\\",
};

static void texts_come_back(void) {
    for (size_t i = 0; i < sizeof nasty / sizeof nasty[0]; i++) {
        CLEANUP(buffer_free) buffer_t sql = {0};
        buffer_text(&sql, "SELECT");
        quote_text(&sql, nasty[i]);
        assert_string_equal(scratch_run(session, buffer_string(&sql)), nasty[i]);
    }
}

static void text_whatever_the_setting(void **state) {
    (void)state;
    texts_come_back();
    (void)scratch_run(session, "SET standard_conforming_strings = off");
    texts_come_back();
    (void)scratch_run(session, "RESET standard_conforming_strings");
}

static void name_is_one_name(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof nasty / sizeof nasty[0]; i++) {
        if (nasty[i][0] == '\0') {
            continue; /* no name is empty */
        }
        CLEANUP(buffer_free) buffer_t sql = {0};
        buffer_text(&sql, "SELECT k FROM (SELECT 1 AS ");
        quote_name(&sql, nasty[i]);
        buffer_text(&sql, ") AS t, LATERAL json_object_keys(row_to_json(t)) AS k");
        assert_string_equal(scratch_run(session, buffer_string(&sql)), nasty[i]);
    }
}

static void number_beside_operators(void **state) {
    (void)state;
    static const int64_t numbers[] = {0, 1, -1, INT64_MAX, INT64_MIN, INT64_MIN + 1};
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        CLEANUP(buffer_free) buffer_t sql = {0};
        char expected[32];
        (void)snprintf(expected, sizeof expected, "%lld", (long long)numbers[i]);
        buffer_text(&sql, "SELECT 0::bigint+");
        quote_number(&sql, numbers[i]);
        assert_string_equal(scratch_run(session, buffer_string(&sql)), expected);
    }
}

static void bytes_and_ids(void **state) {
    (void)state;
    CLEANUP(buffer_free) buffer_t sql = {0};
    ident_t id = {{0x12, 0x34}};
    digest_t digest = {{0xff, 0x00, 0x27, 0x5c}};
    buffer_text(&sql, "SELECT encode(");
    quote_digest(&sql, &digest);
    buffer_text(&sql, ", 'hex') ||");
    quote_ident(&sql, &id);
    assert_string_equal(scratch_run(session, buffer_string(&sql)),
                        "ff00275c00000000000000000000000000000000000000000000000000000000"
                        "12340000-0000-0000-0000-000000000000");
    buffer_clear(&sql);
    buffer_text(&sql, "SELECT (");
    quote_digest(&sql, &(digest_t){0});
    buffer_text(&sql, ") IS NULL AND (");
    quote_ident(&sql, &(ident_t){0});
    buffer_text(&sql, ") IS NULL");
    assert_string_equal(scratch_run(session, buffer_string(&sql)), "t");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_whatever_the_setting),
        cmocka_unit_test(name_is_one_name),
        cmocka_unit_test(number_beside_operators),
        cmocka_unit_test(bytes_and_ids),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
