/* hold.c: scopes of holds and releases, and which release ends which hold. */
#include "common/trust/hold.h"

#include "tests/unit/base/cmocka_all.h"

static bool covers(const char *wide, const char *wide_environment, const char *narrow,
                   const char *narrow_environment) {
    return hold_covers(&(hold_scope_t){wide, wide_environment},
                       &(hold_scope_t){narrow, narrow_environment});
}

static void test_scopes(void **state) {
    (void)state;
    assert_true(covers("", "", "app", "prod"));
    assert_true(covers("", "", "", ""));
    assert_true(covers("app", "", "app", "prod"));
    assert_true(covers("", "prod", "app", "prod"));
    assert_true(covers("app", "prod", "app", "prod"));
    assert_false(covers("app", "", "", ""));
    assert_false(covers("app", "", "shop", ""));
    assert_false(covers("", "prod", "", ""));
    assert_false(covers("", "prod", "app", "test"));
    assert_false(covers("app", "prod", "app", ""));
}

static bool ends(const char *application, int64_t issued_us) {
    const hold_word_t hold = {.scope = {"app", "prod"}, .issued_us = 100};
    const hold_word_t release = {.scope = {application, "prod"}, .issued_us = issued_us};
    return hold_ends(&release, &hold);
}

static void test_releases(void **state) {
    (void)state;
    assert_true(ends("app", 101));
    assert_true(ends("", 101));
    assert_true(ends("app", 100)); /* of one moment: the release is meant */
    assert_false(ends("app", 99));
    assert_false(ends("", 99));
    assert_false(ends("shop", 101));
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_scopes),
                                       cmocka_unit_test(test_releases)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
