/* Tests of common/config/suggest.c. */
#include "common/config/suggest.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

static const char *const WORDS[] = {"listen", "lease", NULL, "catalog", "heartbeat"};

static const char *near(const char *word) {
    return suggest(word, WORDS, sizeof WORDS / sizeof WORDS[0]);
}

static void test_suggest(void **state) {
    (void)state;
    assert_string_equal(near("lisen"), "listen");
    assert_string_equal(near("litsen"), "listen"); /* neighbours swapped count one */
    assert_string_equal(near("catalogue"), "catalog");
    assert_string_equal(near("heartbaet"), "heartbeat");
    assert_null(near("zzz"));
    assert_null(near(""));
    assert_null(near("a very long word that nobody could have meant as any of the others"));
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_suggest)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
