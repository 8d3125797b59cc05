/* buffer.c: appending grows, the NUL is always there, bounds and failure are told at the end. */
#include "common/base/buffer.h"
#include "common/base/cleanup.h"
#include "tests/unit/base/cmocka_all.h"

static void test_appends(void **state) {
    (void)state;
    CLEANUP(buffer_free) buffer_t buffer = {0};
    error_t err;
    assert_string_equal(buffer_string(&buffer), "");
    buffer_text(&buffer, "one");
    buffer_char(&buffer, ' ');
    buffer_format(&buffer, "%d-%s", 2, "three");
    buffer_append(&buffer, "\0x", 2);
    buffer_append(&buffer, NULL, 0);
    assert_int_equal(buffer.size, 13);
    assert_memory_equal(buffer.data, "one 2-three\0x\0", 14);
    assert_int_equal(buffer_check(&buffer, &err), STATUS_OK);
    size_t room = buffer.room;
    buffer_clear(&buffer);
    assert_string_equal(buffer_string(&buffer), "");
    assert_int_equal(buffer.room, room);
}

static void test_grows(void **state) {
    (void)state;
    CLEANUP(buffer_free) buffer_t buffer = {0};
    for (int i = 0; i < 10000; i++) {
        buffer_format(&buffer, "%04d", i);
    }
    assert_int_equal(buffer.size, 40000);
    assert_int_equal(strlen(buffer.data), 40000);
    assert_memory_equal(buffer.data + 4 * 4711, "4711", 4);
    buffer_free(&buffer);
    for (size_t i = 1; i < 600; i++) {
        buffer_char(&buffer, 'x');
        assert_true(buffer.room > i); /* the NUL has room too */
    }
}

static void test_limit(void **state) {
    (void)state;
    CLEANUP(buffer_free) buffer_t buffer = {.limit = 4};
    error_t err;
    buffer_text(&buffer, "abcd");
    assert_int_equal(buffer_check(&buffer, &err), STATUS_OK); /* the bound itself is allowed */
    buffer_char(&buffer, 'e');
    assert_int_equal(buffer_check(&buffer, &err), STATUS_ERROR);
    assert_int_equal(err.code, ERROR_BOUND);
    assert_non_null(strstr(err.message, "more than 4 bytes"));
    assert_string_equal(buffer_string(&buffer), "abcd");
    buffer_clear(&buffer);
    buffer_format(&buffer, "%s", "wxyz5");
    assert_int_equal(buffer_check(&buffer, &err), STATUS_ERROR);
    buffer_text(&buffer, "w"); /* once failed, later appends do nothing */
    assert_string_equal(buffer_string(&buffer), "");
    buffer_clear(&buffer);
    buffer_text(&buffer, "w");
    assert_string_equal(buffer_string(&buffer), "w");
}

static void test_impossible_size(void **state) {
    (void)state;
    CLEANUP(buffer_free) buffer_t buffer = {0};
    error_t err;
    buffer_append(&buffer, "", SIZE_MAX);
    assert_int_equal(buffer_check(&buffer, &err), STATUS_ERROR);
    assert_int_equal(err.code, ERROR_NO_MEMORY);
}

static void test_take(void **state) {
    (void)state;
    buffer_t buffer = {0};
    assert_null(buffer_take(&buffer));
    buffer_text(&buffer, "mine");
    char *text = buffer_take(&buffer);
    assert_string_equal(text, "mine");
    assert_int_equal(buffer.size, 0);
    assert_string_equal(buffer_string(&buffer), "");
    buffer_text(&buffer, "next");
    assert_string_equal(buffer_string(&buffer), "next");
    assert_string_equal(text, "mine");
    free(text);
    buffer_free(&buffer);
    assert_null(buffer.data);
    buffer_free(&buffer);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_appends), cmocka_unit_test(test_grows),
        cmocka_unit_test(test_limit),   cmocka_unit_test(test_impossible_size),
        cmocka_unit_test(test_take),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
