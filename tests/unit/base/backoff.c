/* backoff.c: waits double up to the most, and chance moves them between half and the whole. */
#include "common/base/backoff.h"
#include "tests/unit/base/cmocka_all.h"

static const backoff_t PACE = {.first_ms = 100, .most_ms = 1500, .attempts = 0};

static void test_bounds(void **state) {
    (void)state;
    static const int64_t STEPS[] = {100, 200, 400, 800, 1500, 1500};
    for (int tries = 1; tries <= 6; tries++) {
        int64_t step = STEPS[tries - 1];
        assert_int_equal(backoff_wait_ms(&PACE, tries, 0), step / 2);
        assert_int_equal(backoff_wait_ms(&PACE, tries, UINT32_MAX), step);
    }
}

static void test_many_tries(void **state) {
    (void)state;
    assert_int_equal(backoff_wait_ms(&PACE, INT32_MAX, UINT32_MAX), 1500);
    const backoff_t never_still = {.first_ms = 0, .most_ms = 0};
    assert_int_equal(backoff_wait_ms(&never_still, 3, UINT32_MAX), 0);
    const backoff_t first_beyond = {.first_ms = 9000, .most_ms = 50};
    assert_int_equal(backoff_wait_ms(&first_beyond, 1, UINT32_MAX), 50);
}

static void test_chance_is_spread(void **state) {
    (void)state;
    for (uint64_t k = 0; k <= 50; k++) { /* 51 equal parts of chance, 51 waits */
        uint32_t chance = (uint32_t)((k << 32) / 51 + 1);
        assert_int_equal(backoff_wait_ms(&PACE, 1, chance), 50 + k);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bounds),
        cmocka_unit_test(test_many_tries),
        cmocka_unit_test(test_chance_is_spread),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
