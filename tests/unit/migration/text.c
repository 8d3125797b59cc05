/* Tests of common/migration/text.c. */
#include "tests/unit/migration/fixture.h"

#include "common/migration/text.h"

static void test_utf8(void **state) {
    (void)state;
    static const char *const good[] = {"",
                                       "a",
                                       "\xC3\xA9",
                                       "\xE2\x82\xAC",
                                       "\xED\x9F\xBF",
                                       "\xEE\x80\x80",
                                       "\xF0\x9F\x90\x91",
                                       "\xF4\x8F\xBF\xBF"};
    static const char *const bad[] = {"\x80",
                                      "\xC0\x80",
                                      "\xC1\xBF",
                                      "\xC3",
                                      "\xE0\x9F\xBF",
                                      "\xED\xA0\x80",
                                      "\xE2\x82",
                                      "\xF0\x8F\xBF\xBF",
                                      "\xF4\x90\x80\x80",
                                      "\xF5\x80\x80\x80",
                                      "\xFF",
                                      "\xF0\x9F\x90"};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        assert_int_equal(text_utf8_length(good[i], strlen(good[i])), strlen(good[i]));
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        char after[16];
        (void)snprintf(after, sizeof after, "ab%s", bad[i]);
        assert_int_equal(text_utf8_length(after, strlen(after)), 2);
    }
    assert_int_equal(text_utf8_length("a\0b", 3), 1);
}

static void test_place(void **state) {
    (void)state;
    text_span_t text = {.bytes = "one\r\ntw\xC3\xB6 x\nthree", .size = 17};
    text_place_t place = text_place(text, 10);
    assert_int_equal(place.line, 2);
    assert_int_equal(place.column, 5);
    text_span_t line = text_line(text, 0);
    assert_int_equal(line.size, 3);
    line = text_line(text, 17);
    assert_int_equal(line.size, 5);
    assert_memory_equal(line.bytes, "three", 5);
}

static void test_long_line_is_cut_at_characters(void **state) {
    (void)state;
    char long_line[3000];
    for (size_t i = 0; i < sizeof long_line; i += 2) {
        memcpy(long_line + i, "\xC3\xA9", 2);
    }
    text_span_t text = {.bytes = long_line, .size = sizeof long_line};
    for (size_t at = 0; at <= sizeof long_line; at += 10) {
        text_span_t line = text_line(text, at);
        assert_true(line.size <= 200);
        assert_true(line.bytes <= long_line + at && long_line + at <= line.bytes + line.size);
        assert_int_equal(text_utf8_length(line.bytes, line.size), line.size);
    }
}

static void test_skip_blank(void **state) {
    (void)state;
    static const char text[] = " \n-- c\n/* a /* b */ c */\tx";
    text_span_t span = {.bytes = text, .size = sizeof text - 1};
    assert_int_equal(text_skip_blank(span, 0), sizeof text - 2);
    assert_int_equal(text_skip_blank((text_span_t){.bytes = "/* open", .size = 7}, 0), 7);
    assert_int_equal(text_skip_blank((text_span_t){.bytes = "/*/", .size = 3}, 0), 3);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_utf8),
        cmocka_unit_test(test_place),
        cmocka_unit_test(test_long_line_is_cut_at_characters),
        cmocka_unit_test(test_skip_blank),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
