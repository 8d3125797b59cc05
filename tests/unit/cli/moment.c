/* Tests of cli/moment.c. */
#include "cli/moment.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#define S INT64_C(1000000)
#define NOW (INT64_C(1772334000) * S) /* 2026-03-01T03:00:00Z, a Sunday */

static void zone(const char *name, bool utc) {
    error_t err = {0};
    bool is_utc = !utc;
    if (moment_use_zone(name, &is_utc, &err) != STATUS_OK) {
        fail_msg("%s", err.message);
    }
    assert_int_equal(is_utc, utc);
}

static int64_t parse(const char *text) {
    error_t err = {0};
    int64_t us = -1;
    if (moment_parse(&(moment_text_t){.what = "--since", .text = text, .now_us = NOW}, &us, &err) !=
        STATUS_OK) {
        assert_int_equal(err.code, ERROR_INVALID);
        assert_non_null(strstr(err.message, "--since '"));
        return -1;
    }
    return us;
}

static void test_utc(void **state) {
    (void)state;
    zone("UTC", true);
    assert_true(parse("now") == NOW);
    assert_true(parse("2h") == NOW - 7200 * S);
    assert_true(parse("2h ago") == NOW - 7200 * S);
    assert_true(parse("1h30min") == NOW - 5400 * S);
    assert_true(parse("today") == NOW - 3 * 3600 * S);
    assert_true(parse("yesterday") == NOW - 27 * 3600 * S);
    assert_true(parse("2026-03-01") == NOW - 3 * 3600 * S);
    assert_true(parse("2026-03-01T03:00") == NOW);
    assert_true(parse("2026-03-01 03:00:00") == NOW);
    assert_true(parse("2026-03-01T03:00:00.5Z") == NOW + S / 2);
    assert_true(parse("2026-03-01T05:00:00+02:00") == NOW);
    assert_true(parse("2026-03-01T01:30-01:30") == NOW);
}

static void test_zones(void **state) {
    (void)state;
    zone("Europe/Lisbon", false);
    assert_true(parse("2026-07-01 12:00") - parse("2026-07-01T12:00Z") == -3600 * S); /* summer */
    assert_true(parse("2026-01-01 12:00") == parse("2026-01-01T12:00Z"));
    zone("Asia/Kolkata", false);
    assert_true(parse("today") == parse("2026-03-01T00:00+05:30"));
    zone("utc", true);
    zone("local", false);
}

static void test_refuses(void **state) {
    static const char *const BAD[] = {"",
                                      "soon",
                                      "2026-3-1",
                                      "2026-04-31",
                                      "2026-13-01",
                                      "2026-03-01T",
                                      "2026-03-01T24:00",
                                      "5",
                                      "2026-03-01T03:00+2",
                                      "2026-03-01Z",
                                      "2026-03-01T03:00x",
                                      "2026-03-01T03:00:00.",
                                      "1970-01-01T00:00Z"};
    static const char *const ZONES[] = {"Nowhere/Land", "../etc/passwd", "/etc", "", "a b"};
    error_t err = {0};
    bool utc = false;
    (void)state;
    zone("UTC", true);
    for (size_t i = 0; i < sizeof BAD / sizeof BAD[0]; i++) {
        if (parse(BAD[i]) != -1) {
            fail_msg("understood '%s'", BAD[i]);
        }
    }
    for (size_t i = 0; i < sizeof ZONES / sizeof ZONES[0]; i++) {
        assert_int_equal(moment_use_zone(ZONES[i], &utc, &err), STATUS_ERROR);
        assert_int_equal(err.code, ERROR_INVALID);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_utc), cmocka_unit_test(test_zones),
                                       cmocka_unit_test(test_refuses)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
