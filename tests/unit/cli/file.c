/* Tests of cli/file.c. */
#include "cli/file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static void test_round(void **state) {
    char folder[] = "/tmp/drover_file_XXXXXX";
    char path[64];
    error_t err = {0};
    buffer_t text = {0};
    buffer_t back = {0};
    struct stat about;
    (void)state;
    assert_non_null(mkdtemp(folder));
    (void)snprintf(path, sizeof path, "%s/f", folder);
    buffer_text(&text, "one\n");
    assert_int_equal(file_replace(path, &text, &err), STATUS_OK);
    buffer_text(&text, "two\n");
    assert_int_equal(file_replace(path, &text, &err), STATUS_OK);
    assert_int_equal(file_read(path, &back, &err), STATUS_OK);
    assert_string_equal(buffer_string(&back), "one\ntwo\n");
    assert_int_equal(stat(path, &about), 0);
    assert_int_equal(about.st_mode & 0777, 0600);

    char taken[80];
    (void)snprintf(taken, sizeof taken, "%s/taken", folder);
    assert_int_equal(mkdir(taken, 0700), 0);
    assert_int_equal(file_replace(taken, &text, &err), STATUS_ERROR); /* a folder stands there */
    assert_int_equal(rmdir(taken), 0);

    buffer_t small = {.limit = 4};
    assert_int_equal(file_read(path, &small, &err), STATUS_ERROR);
    assert_int_equal(err.code, ERROR_BOUND);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(rmdir(folder), 0); /* nothing was left beside it */
    assert_int_equal(file_read(path, &back, &err), STATUS_ERROR);
    assert_int_equal(err.code, ERROR_NOT_FOUND);
    assert_int_equal(file_replace(path, &text, &err), STATUS_ERROR);
    assert_non_null(strstr(err.message, path));
    buffer_free(&text);
    buffer_free(&back);
    buffer_free(&small);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_round)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
