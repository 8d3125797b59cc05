/* Tests of common/migration/filename.c. */
#include "tests/unit/migration/fixture.h"

#include "common/migration/filename.h"

static void test_good_names(void **state) {
    (void)state;
    static const struct {
        const char *name;
        uint32_t number;
        const char *version;
        const char *description;
        script_kind_t kind;
    } cases[] = {
        {"V001__initial_schema.sql", 1, "V001", "initial_schema", SCRIPT_UP},
        {"V042__add_email.undo.sql", 42, "V042", "add_email", SCRIPT_UNDO},
        {"V999__a__b.verify.sql", 999, "V999", "a__b", SCRIPT_VERIFY},
        {"V1000__x2.check.sql", 1000, "V1000", "x2", SCRIPT_CHECK},
        {"V10000__last.sql", 10000, "V10000", "last", SCRIPT_UP},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        filename_t filename;
        error_t err;
        assert_int_equal(filename_parse(cases[i].name, &filename, &err), STATUS_OK);
        assert_int_equal(filename.number, cases[i].number);
        assert_string_equal(filename.version, cases[i].version);
        assert_string_equal(filename.description, cases[i].description);
        assert_int_equal(filename.kind, cases[i].kind);
        assert_true(filename_is_meant(cases[i].name));
    }
}

static void test_bad_names(void **state) {
    (void)state;
    static const struct {
        const char *name;
        const char *says;
    } cases[] = {
        {"v001__a.sql", "begin with V"},
        {"001__a.sql", "begin with V"},
        {"V1__a.sql", "three digits, as V001"},
        {"V12__a.sql", "as V012"},
        {"V0001__a.sql", "padded"},
        {"V000__a.sql", "from 1"},
        {"V10001__a.sql", "from 1"},
        {"V99999999999999999999__a.sql", "from 1"},
        {"V001_a.sql", "two underscores"},
        {"V001.sql", "two underscores"},
        {"V001__.sql", "no description"},
        {"V001__Add.sql", "lower-case"},
        {"V001__a b.sql", "lower-case"},
        {"V001__a-b.sql", "lower-case"},
        {"V001__a.SQL", "ends with"},
        {"V001__a.down.sql", "ends with"},
        {"V001__a", "ends with"},
        {"V001__a.sql.sql", "ends with"},
        {"V001__a.undo.undo.sql", "ends with"},
        {"V001__\xC3\xA9.sql", "lower-case"},
        {"notes.sql", "begin with V"},
        {"V001__a.up.sql", "ends with"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        filename_t filename = {.number = 77};
        error_t err;
        assert_int_equal(filename_parse(cases[i].name, &filename, &err), STATUS_ERROR);
        assert_int_equal(err.code, ERROR_MIGRATION_NAME);
        if (strstr(err.message, cases[i].says) == NULL) {
            fail_msg("%s: %s", cases[i].name, err.message);
        }
        assert_int_equal(filename.number, 77);
        assert_true(filename_is_meant(cases[i].name));
    }
}

static void test_what_is_not_meant(void **state) {
    (void)state;
    assert_false(filename_is_meant("README.md"));
    assert_false(filename_is_meant(".V001__a.sql"));
    assert_false(filename_is_meant("Version"));
    assert_false(filename_is_meant("sql"));
    assert_true(filename_is_meant("V001__a.sql~"));
    assert_true(filename_is_meant("x.Sql"));
}

static void test_long_names(void **state) {
    (void)state;
    char name[300] = "V001__";
    memset(name + 6, 'a', 128);
    memcpy(name + 6 + 128, ".sql", 5);
    filename_t filename;
    error_t err;
    assert_int_equal(filename_parse(name, &filename, &err), STATUS_OK);
    assert_int_equal(strlen(filename.description), 128);
    memcpy(name + 6 + 128, "a.sql", 6);
    assert_int_equal(filename_parse(name, &filename, &err), STATUS_ERROR);
}

static void test_describe(void **state) {
    (void)state;
    char text[DESCRIPTION_TEXT_SIZE];
    error_t err;
    assert_int_equal(filename_describe("Add e-mail!", text, &err), STATUS_OK);
    assert_string_equal(text, "add_e_mail");
    assert_int_equal(filename_describe("  Zwei  W\xC3\xB6rter ", text, &err), STATUS_OK);
    assert_string_equal(text, "zwei_w_rter");
    assert_int_equal(filename_describe("../../etc", text, &err), STATUS_OK);
    assert_string_equal(text, "etc");
    assert_int_equal(filename_describe("!?", text, &err), STATUS_ERROR);
    assert_int_equal(err.code, ERROR_INVALID);
}

static void test_is_version(void **state) {
    (void)state;
    assert_true(filename_is_version("V007", "V007"));
    assert_true(filename_is_version("7", "V007"));
    assert_true(filename_is_version("v07", "V007"));
    assert_false(filename_is_version("70", "V007"));
    assert_false(filename_is_version("V", "V007"));
    assert_false(filename_is_version("", "V007"));
    assert_false(filename_is_version("V7x", "V007"));
    assert_true(filename_is_version("2_7_0", "2_7_0"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good_names),        cmocka_unit_test(test_bad_names),
        cmocka_unit_test(test_what_is_not_meant), cmocka_unit_test(test_long_names),
        cmocka_unit_test(test_describe),          cmocka_unit_test(test_is_version),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
