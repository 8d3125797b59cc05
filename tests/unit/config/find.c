/* Tests of common/config/find.c. */
#include "common/config/find.h"
#include "common/base/cleanup.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

static void touch(const char *path) {
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(fclose(file), 0);
}

static void test_order(void **state) {
    char folder[] = "/tmp/drover_find_XXXXXX";
    char inner[64];
    char personal[96];
    char named[64];
    char *path = NULL;
    error_t err = {0};
    (void)state;
    assert_non_null(mkdtemp(folder));
    (void)snprintf(inner, sizeof inner, "%s/drover", folder);
    (void)snprintf(personal, sizeof personal, "%s/zz-test.yaml", inner);
    (void)snprintf(named, sizeof named, "%s/named.yaml", folder);
    assert_int_equal(mkdir(inner, 0700), 0);
    assert_int_equal(setenv("XDG_CONFIG_HOME", folder, 1), 0);
    assert_int_equal(unsetenv("DROVER_CONFIG"), 0);

    config_search_t search = {.program = "zz-test"};
    assert_int_equal(config_find(search, &path, &err), STATUS_ERROR);
    assert_int_equal(err.code, ERROR_CONFIG_MISSING);
    assert_non_null(strstr(err.message, personal));
    assert_non_null(strstr(err.message, "/etc/drover/zz-test.yaml"));
    assert_non_null(strstr(err.message, "DROVER_CONFIG"));

    touch(personal);
    assert_int_equal(config_find(search, &path, &err), STATUS_OK);
    assert_string_equal(path, personal);
    free(path);

    assert_int_equal(setenv("DROVER_CONFIG", named, 1), 0);
    assert_int_equal(config_find(search, &path, &err), STATUS_ERROR); /* named, so demanded */
    assert_non_null(strstr(err.message, "DROVER_CONFIG names"));
    touch(named);
    assert_int_equal(config_find(search, &path, &err), STATUS_OK);
    assert_string_equal(path, named);
    free(path);

    search.explicit_path = personal;
    assert_int_equal(config_find(search, &path, &err), STATUS_OK);
    assert_string_equal(path, personal);
    free(path);
    search.explicit_path = "/nowhere/x.yaml";
    assert_int_equal(config_find(search, &path, &err), STATUS_ERROR);
    assert_non_null(strstr(err.message, "--config names"));
    assert_int_equal(remove(named), 0);
    assert_int_equal(remove(personal), 0);
    assert_int_equal(remove(inner), 0);
    assert_int_equal(remove(folder), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_order)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
