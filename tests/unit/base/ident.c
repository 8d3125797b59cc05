/* ident.c: ids print as version-4 UUIDs, read back exactly, and nothing else is read. */
#include "common/base/ident.h"
#include "tests/unit/base/cmocka_all.h"

static ident_t filled(uint8_t byte) {
    uint8_t random[IDENT_BYTES];
    memset(random, byte, sizeof random);
    return ident_from_bytes(random);
}

static void test_version_and_variant(void **state) {
    (void)state;
    char text[IDENT_TEXT_SIZE];
    ident_t id = filled(0xFF);
    assert_ptr_equal(ident_text(&id, text), text);
    assert_string_equal(text, "ffffffff-ffff-4fff-bfff-ffffffffffff");
    id = filled(0);
    assert_string_equal(ident_text(&id, text), "00000000-0000-4000-8000-000000000000");
}

static void test_compare(void **state) {
    (void)state;
    const ident_t none = {{0}};
    ident_t a = filled(1);
    ident_t b = filled(2);
    assert_true(ident_is_null(&none));
    assert_false(ident_is_null(&a));
    assert_true(ident_equal(&a, &a));
    assert_false(ident_equal(&a, &b));
    assert_true(ident_compare(&a, &b) < 0);
    assert_true(ident_compare(&b, &a) > 0);
    assert_int_equal(ident_compare(&a, &a), 0);
    b = a;
    b.bytes[IDENT_BYTES - 1] ^= 1; /* the last byte counts too */
    assert_false(ident_equal(&a, &b));
}

static void test_parse(void **state) {
    (void)state;
    error_t err;
    char text[IDENT_TEXT_SIZE];
    ident_t id;
    assert_int_equal(ident_parse("01234567-89AB-4def-8123-456789abcdef", &id, &err), STATUS_OK);
    assert_string_equal(ident_text(&id, text), "01234567-89ab-4def-8123-456789abcdef");
    static const char *const BAD[] = {
        "",
        "01234567-89ab-4def-8123-456789abcde",
        "01234567-89ab-4def-8123-456789abcdef0",
        "0123456789ab-4def-8123-456789abcdef--",
        "01234567-89ab-4def-8123_456789abcdef",
        "g1234567-89ab-4def-8123-456789abcdef",
        "01234567-89ab-4def-8123-456789abcdeg",
        "-1234567089ab04def081230456789abcdef",
        " 1234567-89ab-4def-8123-456789abcdef",
    };
    for (size_t i = 0; i < sizeof BAD / sizeof BAD[0]; i++) {
        ident_t before = id;
        assert_int_equal(ident_parse(BAD[i], &id, &err), STATUS_ERROR);
        assert_int_equal(err.code, ERROR_INVALID);
        assert_non_null(strstr(err.message, "is not an id"));
        assert_true(ident_equal(&before, &id)); /* untouched on failure */
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_version_and_variant),
        cmocka_unit_test(test_compare),
        cmocka_unit_test(test_parse),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
