/* Tests of cli/progress.c. */
#include "cli/progress.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void bar_is(progress_parts_t parts, const char *expected) {
    buffer_t bar = {0};
    progress_bar(&parts, (progress_look_t){.width = 10}, &bar);
    assert_string_equal(buffer_string(&bar), expected);
    buffer_free(&bar);
}

static void test_bar(void **state) {
    (void)state;
    bar_is((progress_parts_t){.total = 10, .done = 5, .running = 2}, "#####>>...");
    bar_is((progress_parts_t){.total = 10, .done = 10}, "##########");
    bar_is((progress_parts_t){.total = 100000, .done = 99999, .failed = 1}, "#########!");
    bar_is((progress_parts_t){.total = 3, .done = 1, .failed = 1, .running = 1}, "####!!!>>>");
    bar_is((progress_parts_t){.total = 0}, "..........");
}

static void test_colour(void **state) {
    const progress_parts_t parts = {.total = 2, .done = 2};
    buffer_t bar = {0};
    (void)state;
    progress_bar(&parts, (progress_look_t){.width = 4, .colour = true}, &bar);
    assert_string_equal(buffer_string(&bar), "\033[32m####\033[0m");
    buffer_free(&bar);
}

static void test_draw(void **state) {
    progress_block_t block = {0};
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    (void)state;
    assert_non_null(out);
    progress_draw(&block, "one\ntwo\n", out);
    progress_draw(&block, "three\n", out);
    assert_int_equal(fclose(out), 0);
    assert_string_equal(text, "one\033[K\ntwo\033[K\n\033[J\033[2Athree\033[K\n\033[J");
    assert_int_equal(block.lines, 1);
    free(text);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_bar), cmocka_unit_test(test_colour),
                                       cmocka_unit_test(test_draw)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
