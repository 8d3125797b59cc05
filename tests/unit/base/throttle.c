/* throttle.c: one who is noisy is told so often and hides nobody; nothing is lost from the counts.
 */
#include "common/base/throttle.h"
#include "tests/unit/base/cmocka_all.h"

#define MINUTE INT64_C(60000000)

static const throttle_options_t OPTIONS = {.interval_us = MINUTE, .each = 2, .all = 100};

static bool hit(throttle_t *throttle, const char *key, int64_t now_us, throttle_word_t *word) {
    return throttle_take(throttle,
                         &(throttle_hit_t){.key = key, .text = "refused", .now_us = now_us}, word);
}

static void test_a_noisy_one_hides_nobody(void **state) {
    (void)state;
    throttle_word_t word;
    throttle_t *throttle = throttle_new(&OPTIONS);
    size_t told = 0;
    for (int i = 0; i < 10000; i++) {
        told += hit(throttle, "10.0.0.1", i, &word);
    }
    assert_int_equal(told, 2);
    assert_true(hit(throttle, "10.0.0.2", 10000, &word));
    assert_string_equal(word.key, "10.0.0.2");
    assert_string_equal(word.text, "refused");
    assert_int_equal(word.count, 1);
    assert_int_equal(word.total, 1);
    throttle_destroy(&throttle);
    assert_null(throttle);
}

static void test_what_was_not_told_is_counted(void **state) {
    (void)state;
    throttle_word_t word;
    throttle_t *throttle = throttle_new(&OPTIONS);
    for (int i = 0; i < 12; i++) {
        (void)hit(throttle, "a", 0, &word);
    }
    assert_false(throttle_next(throttle, MINUTE - 1, &word));
    assert_true(throttle_next(throttle, MINUTE, &word));
    assert_int_equal(word.count, 10);
    assert_int_equal(word.total, 12);
    assert_false(throttle_next(throttle, 2 * MINUTE, &word));
    (void)hit(throttle, "a", MINUTE + 1, &word);
    assert_false(hit(throttle, "a", MINUTE + 2, &word));
    assert_true(hit(throttle, "a", 3 * MINUTE, &word)); /* with the one before */
    assert_int_equal(word.count, 2);
    throttle_destroy(&throttle);
}

/* Whoever makes up a new name each time gets no more than all together do, and no more memory. */
static void test_all_together_are_bounded(void **state) {
    (void)state;
    throttle_word_t word;
    throttle_t *throttle = throttle_new(&OPTIONS);
    size_t told = 0;
    for (int i = 0; i < 10 * THROTTLE_ENTRIES; i++) {
        char key[32];
        (void)snprintf(key, sizeof key, "host %d", i);
        told += hit(throttle, key, i, &word);
    }
    assert_int_equal(told, OPTIONS.all);
    told = 0;
    while (throttle_next(throttle, 2 * MINUTE, &word)) {
        told++;
    }
    assert_int_equal(told, OPTIONS.all);
    throttle_destroy(&throttle);
}

/* A name of any length, and none at all. */
static void test_names_are_cut(void **state) {
    (void)state;
    char key[4 * THROTTLE_KEY_BYTES];
    throttle_word_t word;
    throttle_t *throttle = throttle_new(&OPTIONS);
    memset(key, 'x', sizeof key - 1);
    key[sizeof key - 1] = '\0';
    assert_true(hit(throttle, key, 0, &word));
    assert_int_equal(strlen(word.key), THROTTLE_KEY_BYTES - 1);
    assert_true(hit(throttle, "", 0, &word));
    assert_string_equal(word.key, "-");
    throttle_destroy(&throttle);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_noisy_one_hides_nobody),
        cmocka_unit_test(test_what_was_not_told_is_counted),
        cmocka_unit_test(test_all_together_are_bounded),
        cmocka_unit_test(test_names_are_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
