/* Tests of cli/local_migration.c and cli/local_key.c: an author's way from new to a signed bundle.
 */
#include "tests/unit/cli/room.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#define RUN(...) room_run((const char *const[ROOM_WORDS]){__VA_ARGS__}, &err)

static void test_author(void **state) {
    error_t err;
    (void)state;
    room_folder("m");
    room_must(RUN("new", "add users", "--dir", "@m"), &err);
    room_write("m/V001__add_users.sql", "CREATE TABLE users (id int);\n");
    room_write("m/V001__add_users.undo.sql", "DROP TABLE users;\n");
    room_write("m/V001__add_users.verify.sql", "SELECT true;\n");
    room_must(RUN("lint", "@m"), &err);
    room_must(RUN("bundle", "build", "@m", "-a", "app", "--out", "@one", "--major", "15"), &err);

    room_must(RUN("key", "new", "@release.key", "--kind", "release", "--name", "ci"), &err);
    assert_int_equal(RUN("key", "new", "@release.key", "--kind", "release", "--name", "ci"),
                     STATUS_ERROR);
    assert_int_equal(err.code, ERROR_KEY_FILE);
    room_must(RUN("key", "show", "@release.key", "--kind", "release", "-o", "json"), &err);
    room_must(RUN("bundle", "sign", "@one", "--key", "@release.key"), &err);
    room_must(RUN("bundle", "show", "@one", "-o", "json"), &err);

    room_write("m/V001__add_users.sql", "CREATE TABLE users (id bigint);\n");
    assert_int_equal(
        RUN("bundle", "build", "@m", "-a", "app", "--out", "@two", "--previous", "@one"),
        STATUS_ERROR);
    assert_int_equal(err.code, ERROR_BUNDLE_CHANGED);
    assert_false(room_has("two")); /* nothing was written */

    room_write("m/V001__add_users.sql", "CREAT TABLE users (id int);\n");
    assert_int_equal(RUN("lint", "@m", "-o", "json"), STATUS_ERROR);
    assert_int_equal(err.code, ERROR_LINT);
    assert_int_equal(RUN("bundle", "build", "@m", "-a", "app", "--out", "@two"), STATUS_ERROR);
    assert_int_equal(err.code, ERROR_LINT);
    assert_false(room_has("two"));
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

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_author),
                                       cmocka_unit_test(test_bad_lines)};
    return cmocka_run_group_tests(tests, room_set_up, room_tear_down);
}
