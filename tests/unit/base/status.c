/* status.c: a broken invariant ends the process with a line that says where; TRY leaves at once. */
#include "common/base/status.h"
#include "tests/unit/base/cmocka_all.h"

static void break_one(void) {
    INVARIANT(1 + 1 == 3);
}

static void keep_one(void) {
    INVARIANT(1 + 1 == 2);
}

static void call_directly(void) {
    invariant_broken("a < b", "some.c", 7);
}

static void test_invariant(void **state) {
    (void)state;
    char said[256];
    int status = said_by_child(break_one, said, sizeof said);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGABRT);
    assert_non_null(strstr(said, "invariant broken: 1 + 1 == 3 ("));
    assert_non_null(strstr(said, "status.c:"));
    status = said_by_child(keep_one, said, sizeof said);
    assert_true(WIFEXITED(status));
    assert_string_equal(said, "");
    (void)said_by_child(call_directly, said, sizeof said);
    assert_string_equal(said, "drover: invariant broken: a < b (some.c:7)\n");
}

static status_t try_twice(status_t first, int *steps) {
    ++*steps;
    TRY(first);
    ++*steps;
    return STATUS_OK;
}

static void test_try(void **state) {
    (void)state;
    int steps = 0;
    assert_int_equal(try_twice(STATUS_ERROR, &steps), STATUS_ERROR);
    assert_int_equal(steps, 1);
    assert_int_equal(try_twice(STATUS_OK, &steps), STATUS_OK);
    assert_int_equal(steps, 3);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_invariant),
        cmocka_unit_test(test_try),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
