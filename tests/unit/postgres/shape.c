/* The memo of shapes: bounded, forgets the longest unused, follows chains. */
#include "common/postgres/shape.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

static digest_t number(unsigned n) {
    digest_t digest = {{0}};
    memcpy(digest.bytes, &n, sizeof n);
    return digest;
}

static shape_key_t key(unsigned before, unsigned script) {
    return (shape_key_t){number(before), number(script), 15};
}

static void put(shape_t *shape, unsigned before, unsigned script, unsigned after) {
    const shape_key_t k = key(before, script);
    const shape_after_t a = {number(after), number(after + 1000)};
    shape_put(shape, &k, &a);
}

static bool has(shape_t *shape, unsigned before, unsigned script) {
    const shape_key_t k = key(before, script);
    shape_after_t ignored;
    return shape_get(shape, &k, &ignored);
}

static void the_longest_unused_goes_first(void **state) {
    (void)state;
    shape_t *shape = shape_new(3);
    put(shape, 1, 1, 2);
    put(shape, 2, 2, 3);
    put(shape, 3, 3, 4);
    assert_true(has(shape, 1, 1));
    put(shape, 4, 4, 5);
    assert_int_equal(shape_count(shape), 3);
    assert_false(has(shape, 2, 2));
    assert_true(has(shape, 1, 1) && has(shape, 3, 3) && has(shape, 4, 4));
    put(shape, 4, 4, 6);
    assert_int_equal(shape_count(shape), 3);
    const shape_key_t gone = key(4, 4);
    shape_forget(shape, &gone);
    shape_forget(shape, &gone);
    assert_int_equal(shape_count(shape), 2);
    assert_false(has(shape, 4, 4));
    shape_destroy(&shape);
    assert_null(shape);
    shape_destroy(&shape);
}

static void a_chain_is_followed_to_its_end(void **state) {
    (void)state;
    shape_t *shape = shape_new(8);
    put(shape, 1, 11, 2);
    put(shape, 2, 12, 3);
    const digest_t before = number(1), end = number(3);
    const digest_t scripts[] = {number(11), number(12), number(13)};
    shape_after_t after = {0};
    assert_true(shape_chain(shape, &before, 15, scripts, 2, &after));
    assert_true(digest_equal(&after.strict, &end));
    assert_false(shape_chain(shape, &before, 15, scripts, 3, &after));
    assert_false(shape_chain(shape, &before, 16, scripts, 2, &after));
    assert_false(shape_chain(shape, &before, 15, scripts, 0, &after));
    shape_destroy(&shape);
}

static void many_entries_stay_consistent(void **state) {
    (void)state;
    shape_t *shape = shape_new(50);
    for (unsigned i = 0; i < 1000; i++) {
        put(shape, i * 7 % 101, i * 13 % 11, i);
        assert_true(has(shape, i * 7 % 101, i * 13 % 11));
        assert_true(shape_count(shape) <= 50);
        if (i % 5 == 0) {
            const shape_key_t k = key(i * 7 % 101, i * 13 % 11);
            shape_forget(shape, &k);
        }
    }
    shape_destroy(&shape);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_longest_unused_goes_first),
        cmocka_unit_test(a_chain_is_followed_to_its_end),
        cmocka_unit_test(many_entries_stay_consistent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
