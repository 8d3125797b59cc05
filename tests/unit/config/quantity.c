/* Tests of common/config/quantity.c. */
#include "common/config/quantity.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void test_durations(void **state) {
    static const struct {
        const char *text;
        int64_t us;
        const char *canonical;
    } CASES[] = {
        {"0", 0, "0s"},
        {"0s", 0, "0s"},
        {"1us", 1, "1us"},
        {"500ms", 500000, "500ms"},
        {"2s", 2000000, "2s"},
        {"5min", 300000000, "5min"},
        {"1h30min", 5400000000, "1h30min"},
        {"90min", 5400000000, "1h30min"},
        {"7d", 7 * QUANTITY_DAY, "7d"},
    };
    static const char *const BAD[] = {"",
                                      "2",
                                      "s",
                                      "2 s",
                                      "-2s",
                                      "2m",
                                      "2sec",
                                      "1.5s",
                                      "1s1h",
                                      "1s1s",
                                      "2s ",
                                      "99999999999999999999s",
                                      "9223372036854775807d"};
    error_t err;
    int64_t us = 77;
    char text[QUANTITY_TEXT_SIZE];
    (void)state;
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        assert_int_equal(quantity_duration(CASES[i].text, &us, &err), STATUS_OK);
        assert_int_equal(us, CASES[i].us);
        assert_string_equal(quantity_duration_text(us, text), CASES[i].canonical);
    }
    for (size_t i = 0; i < sizeof BAD / sizeof BAD[0]; i++) {
        us = 77;
        if (quantity_duration(BAD[i], &us, &err) == STATUS_OK) {
            fail_msg("'%s' accepted", BAD[i]);
        }
        assert_int_equal(us, 77);
        assert_non_null(strstr(err.message, "is no duration"));
    }
    assert_int_equal(quantity_duration(quantity_duration_text(INT64_MAX, text), &us, &err),
                     STATUS_OK);
    assert_true(us == INT64_MAX);
}

static void test_sizes(void **state) {
    static const struct {
        const char *text;
        int64_t bytes;
        const char *canonical;
    } CASES[] = {
        {"0", 0, "0B"},
        {"512B", 512, "512B"},
        {"10GiB", INT64_C(10) << 30, "10GiB"},
        {"10 GiB", INT64_C(10) << 30, "10GiB"},
        {"1024KiB", 1 << 20, "1MiB"},
        {"1kB", 1000, "1000B"},
        {"5TB", INT64_C(5000000000000), "4882812500KiB"},
    };
    static const char *const BAD[] = {"",      "10",  "GiB",    "10G",
                                      "10gib", "-1B", "1.5GiB", "99999999TiB"};
    error_t err;
    int64_t bytes = 0;
    char text[QUANTITY_TEXT_SIZE];
    (void)state;
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        assert_int_equal(quantity_size(CASES[i].text, &bytes, &err), STATUS_OK);
        assert_int_equal(bytes, CASES[i].bytes);
        assert_string_equal(quantity_size_text(bytes, text), CASES[i].canonical);
    }
    for (size_t i = 0; i < sizeof BAD / sizeof BAD[0]; i++) {
        if (quantity_size(BAD[i], &bytes, &err) == STATUS_OK) {
            fail_msg("'%s' accepted", BAD[i]);
        }
        assert_non_null(strstr(err.message, "is no size"));
    }
}

static void test_percent_and_integer(void **state) {
    static const char *const BAD[] = {"", "%", "101%", "100.01", "-1%", "1.234%", "1.", "5 5%"};
    error_t err;
    int64_t n = 0;
    char text[QUANTITY_TEXT_SIZE];
    (void)state;
    assert_int_equal(quantity_percent("25%", &n, &err), STATUS_OK);
    assert_int_equal(n, 2500);
    assert_string_equal(quantity_percent_text(n, text), "25%");
    assert_int_equal(quantity_percent("0.5 %", &n, &err), STATUS_OK);
    assert_int_equal(n, 50);
    assert_string_equal(quantity_percent_text(n, text), "0.50%");
    assert_int_equal(quantity_percent("100", &n, &err), STATUS_OK);
    assert_int_equal(n, 10000);
    for (size_t i = 0; i < sizeof BAD / sizeof BAD[0]; i++) {
        if (quantity_percent(BAD[i], &n, &err) == STATUS_OK) {
            fail_msg("'%s' accepted", BAD[i]);
        }
    }
    assert_int_equal(quantity_integer("-12", &n, &err), STATUS_OK);
    assert_int_equal(n, -12);
    assert_int_equal(quantity_integer("0x10", &n, &err), STATUS_ERROR);
    assert_int_equal(quantity_integer("9223372036854775808", &n, &err), STATUS_ERROR);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_durations),
        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_percent_and_integer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
