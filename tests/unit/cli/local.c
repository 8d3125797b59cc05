/* Tests of cli/local_migration.c and cli/local_key.c: an author's way from new to a signed bundle.
 */
#include "cli/handlers.h"
#include "common/crypto/random.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

enum { WORDS = 16, FOLDER = 64 };

static char folder[FOLDER];

/* Run a line of words; "@x" is x in the test's folder. */
static status_t run(const char *const words[WORDS], error_t *err) {
    static command_input_t input;
    static char copies[WORDS][FOLDER + 64];
    char *argv[WORDS + 1] = {(char[]){"drover"}};
    int argc = 1;
    for (int i = 0; i < WORDS && words[i] != NULL; i++) {
        (void)snprintf(copies[i], sizeof copies[i], "%s%s%s", words[i][0] == '@' ? folder : "",
                       words[i][0] == '@' ? "/" : "", words[i] + (words[i][0] == '@' ? 1 : 0));
        argv[argc++] = copies[i];
    }
    *err = (error_t){0};
    if (command_parse(&CLI_TREE, (command_line_t){.argc = argc, .argv = argv}, &input, err) !=
        STATUS_OK) {
        return STATUS_ERROR;
    }
    return command_chosen(&input)->run(&input, err);
}

#define RUN(...) run((const char *const[WORDS]){__VA_ARGS__}, &err)

static void write_file(const char *name, const char *text) {
    char path[FOLDER + 64];
    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static void must(status_t status, const error_t *err) {
    if (status != STATUS_OK) {
        fail_msg("%s", err->message);
    }
}

static void test_author(void **state) {
    error_t err;
    (void)state;
    must(RUN("new", "add users", "--dir", "@m"), &err);
    write_file("m/V001__add_users.sql", "CREATE TABLE users (id int);\n");
    write_file("m/V001__add_users.undo.sql", "DROP TABLE users;\n");
    write_file("m/V001__add_users.verify.sql", "SELECT true;\n");
    must(RUN("lint", "@m"), &err);
    must(RUN("bundle", "build", "@m", "-a", "app", "--out", "@one", "--major", "15"), &err);

    must(RUN("key", "new", "@release.key", "--kind", "release", "--name", "ci"), &err);
    assert_int_equal(RUN("key", "new", "@release.key", "--kind", "release", "--name", "ci"),
                     STATUS_ERROR);
    assert_int_equal(err.code, ERROR_KEY_FILE);
    must(RUN("key", "show", "@release.key", "--kind", "release", "-o", "json"), &err);
    must(RUN("bundle", "sign", "@one", "--key", "@release.key"), &err);
    must(RUN("bundle", "show", "@one", "-o", "json"), &err);

    write_file("m/V001__add_users.sql", "CREATE TABLE users (id bigint);\n");
    assert_int_equal(
        RUN("bundle", "build", "@m", "-a", "app", "--out", "@two", "--previous", "@one"),
        STATUS_ERROR);
    assert_int_equal(err.code, ERROR_BUNDLE_CHANGED);
    char path[FOLDER + 64];
    (void)snprintf(path, sizeof path, "%s/two", folder);
    assert_int_not_equal(access(path, F_OK), 0); /* nothing was written */

    write_file("m/V001__add_users.sql", "CREAT TABLE users (id int);\n");
    assert_int_equal(RUN("lint", "@m", "-o", "json"), STATUS_ERROR);
    assert_int_equal(err.code, ERROR_LINT);
    assert_int_equal(RUN("bundle", "build", "@m", "-a", "app", "--out", "@two"), STATUS_ERROR);
    assert_int_equal(err.code, ERROR_LINT);
    assert_int_not_equal(access(path, F_OK), 0);
}

static void test_bad_lines(void **state) {
    error_t err;
    (void)state;
    assert_int_equal(RUN("lint", "@nowhere"), STATUS_ERROR);
    assert_int_equal(err.code, ERROR_NOT_FOUND);
    assert_int_equal(RUN("bundle", "build", "@m", "-a", "app", "--out", "@x", "--major", "9"),
                     STATUS_ERROR);
    assert_int_equal(err.code, ERROR_USAGE);
    assert_int_equal(
        RUN("bundle", "build", "@m", "-a", "app", "--out", "@x", "--major", "15", "--major", "15"),
        STATUS_ERROR);
    assert_string_equal(err.message, "drover bundle build: --major 15 is given twice");
    assert_int_equal(RUN("doc", "poem"), STATUS_ERROR);
    assert_int_equal(err.code, ERROR_USAGE);
}

static int set_up(void **state) {
    error_t err;
    char inner[FOLDER + 8];
    (void)state;
    (void)strcpy(folder, "/tmp/drover_local_XXXXXX");
    if (mkdtemp(folder) == NULL || random_start(&err) != STATUS_OK) {
        return -1;
    }
    (void)snprintf(inner, sizeof inner, "%s/m", folder);
    return mkdir(inner, 0700);
}

static int tear_down(void **state) {
    static const char *const FILES[] = {"m/V001__add_users.sql",
                                        "m/V001__add_users.undo.sql",
                                        "m/V001__add_users.verify.sql",
                                        "one",
                                        "release.key",
                                        "release.key.pub",
                                        "m",
                                        "."};
    (void)state;
    for (size_t i = 0; i < sizeof FILES / sizeof FILES[0]; i++) {
        char path[FOLDER + 64];
        (void)snprintf(path, sizeof path, "%s/%s", folder, FILES[i]);
        (void)remove(path);
    }
    return rmdir(folder);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_author),
                                       cmocka_unit_test(test_bad_lines)};
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
