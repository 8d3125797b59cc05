/* digest.c: hexadecimal both ways, and what is refused. */
#include "common/base/digest.h"
#include "tests/unit/base/cmocka_all.h"

static void test_hex_round_trip(void **state) {
    (void)state;
    uint8_t bytes[256];
    for (size_t i = 0; i < sizeof bytes; i++) {
        bytes[i] = (uint8_t)i;
    }
    char text[2 * sizeof bytes + 1];
    assert_ptr_equal(hex_text(bytes, sizeof bytes, text), text);
    assert_memory_equal(text, "000102", 6);
    assert_string_equal(text + sizeof text - 7, "fdfeff");
    uint8_t back[sizeof bytes];
    error_t err;
    assert_int_equal(hex_parse(text, sizeof back, back, &err), STATUS_OK);
    assert_memory_equal(bytes, back, sizeof bytes);
    assert_string_equal(hex_text("", 0, text), "");
    assert_int_equal(hex_parse("", 0, back, &err), STATUS_OK);
}

static void test_hex_refused(void **state) {
    (void)state;
    uint8_t out[2] = {7, 7};
    error_t err;
    assert_int_equal(hex_parse("abc", 2, out, &err), STATUS_ERROR);
    assert_int_equal(err.code, ERROR_INVALID);
    assert_string_equal(err.message, "expected 4 hexadecimal digits, found 3 characters");
    assert_int_equal(hex_parse("aBxF", 2, out, &err), STATUS_ERROR);
    assert_string_equal(err.message, "'x' at position 3 is no hexadecimal digit");
    static const char *const BAD[] = {"abc/", "abc:", "abc@", "abcG", "abc`", "abcg", "abc "};
    for (size_t i = 0; i < sizeof BAD / sizeof BAD[0]; i++) {
        assert_int_equal(hex_parse(BAD[i], 2, out, &err), STATUS_ERROR);
    }
    assert_int_equal(out[0], 7);
    assert_int_equal(out[1], 7);
}

static void test_digest(void **state) {
    (void)state;
    digest_t a = {{0}};
    digest_t b = {{0}};
    assert_true(digest_is_null(&a));
    assert_true(digest_equal(&a, &b));
    b.bytes[DIGEST_BYTES - 1] = 1;
    assert_false(digest_is_null(&b));
    assert_false(digest_equal(&a, &b));
    char text[DIGEST_TEXT_SIZE];
    error_t err;
    assert_int_equal(strlen(digest_text(&b, text)), DIGEST_TEXT_SIZE - 1);
    assert_int_equal(digest_parse(text, &a, &err), STATUS_OK);
    assert_true(digest_equal(&a, &b));
    text[5] = 'z';
    digest_t untouched = a;
    assert_int_equal(digest_parse(text, &a, &err), STATUS_ERROR);
    assert_int_equal(err.code, ERROR_INVALID);
    assert_true(digest_equal(&a, &untouched));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hex_round_trip),
        cmocka_unit_test(test_hex_refused),
        cmocka_unit_test(test_digest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
