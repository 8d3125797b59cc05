/* clock.c: times print in UTC with six digits, before and after 1970, and never run off the page.
 */
#include "common/base/clock.h"
#include "tests/unit/base/cmocka_all.h"

static void expect(int64_t wall_us, const char *text) {
    char buffer[CLOCK_TEXT_SIZE];
    assert_ptr_equal(clock_text(wall_us, buffer), buffer);
    assert_string_equal(buffer, text);
}

static void test_text(void **state) {
    (void)state;
    expect(0, "1970-01-01T00:00:00.000000Z");
    expect(1, "1970-01-01T00:00:00.000001Z");
    expect(-1, "1969-12-31T23:59:59.999999Z");
    expect(-US_PER_S, "1969-12-31T23:59:59.000000Z");
    expect(INT64_C(1772334000123456), "2026-03-01T03:00:00.123456Z");
    expect(INT64_C(1709251199999999), "2024-02-29T23:59:59.999999Z");
    expect(INT64_C(253402300799999999), "9999-12-31T23:59:59.999999Z");
    expect(INT64_C(253402300800000000), "out of range");
    expect(INT64_MAX, "out of range");
}

static void test_far_past_stays_inside(void **state) {
    (void)state;
    char buffer[CLOCK_TEXT_SIZE + 1];
    buffer[CLOCK_TEXT_SIZE] = '#';
    (void)clock_text(INT64_MIN, buffer);
    assert_true(strlen(buffer) < CLOCK_TEXT_SIZE);
    assert_int_equal(buffer[CLOCK_TEXT_SIZE], '#');
}

static void test_readings(void **state) {
    (void)state;
    assert_true(clock_wall_us() > INT64_C(1700000000) * US_PER_S);
    int64_t before = clock_boot_us();
    assert_true(before > 0);
    assert_true(clock_boot_us() >= before);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text),
        cmocka_unit_test(test_far_past_stays_inside),
        cmocka_unit_test(test_readings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
