/* utf8.c: characters are told from other bytes, and what could steer a terminal is made visible. */
#include "common/base/utf8.h"
#include "common/base/cleanup.h"
#include "tests/unit/base/cmocka_all.h"

static void test_size(void **state) {
    static const struct {
        const char *text;
        size_t left;
        size_t size;
    } CASES[] = {
        {"a", 1, 1},
        {"\x7f", 1, 1},
        {"\xc3\xa9", 2, 2},
        {"\xe2\x82\xac", 3, 3},
        {"\xf0\x9f\x90\x91", 4, 4},
        {"\xc3\xa9", 1, 0},         /* cut */
        {"\xe2\x82\xac", 2, 0},     /* cut */
        {"\xf0\x9f\x90\x91", 3, 0}, /* cut */
        {"a", 0, 0},
        {"", 1, 0},                 /* NUL */
        {"\x80", 1, 0},             /* a continuation alone */
        {"\xc0\xaf", 2, 0},         /* overlong */
        {"\xe0\x80\x80", 3, 0},     /* overlong */
        {"\xf0\x80\x80\x80", 4, 0}, /* overlong */
        {"\xed\xa0\x80", 3, 0},     /* a surrogate */
        {"\xf4\x90\x80\x80", 4, 0}, /* past U+10FFFF */
        {"\xff", 1, 0},
    };
    (void)state;
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        if (utf8_size(CASES[i].text, CASES[i].left) != CASES[i].size) {
            fail_msg("case %zu", i);
        }
    }
}

static void test_escape(void **state) {
    static const char *const CASES[][2] = {
        {"plain, 'quoted' and \xc3\xa9\xe2\x82\xac", "plain, 'quoted' and \xc3\xa9\xe2\x82\xac"},
        {"a\nb\tc\x1b[31m\x7f", "a\\x0ab\\x09c\\x1b[31m\\x7f"},
        {"\xc2\x9b"
         "31m",
         "\\u009b31m"},
        {"\x9b", "\\x9b"},
        {"\xff\xfe", "\\xff\\xfe"},
        {"cut \xe2\x82", "cut \\xe2\\x82"},
        {"", ""},
    };
    (void)state;
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        CLEANUP(buffer_free) buffer_t out = {0};
        utf8_escape(CASES[i][0], strlen(CASES[i][0]), &out);
        assert_string_equal(buffer_string(&out), CASES[i][1]);
    }
    CLEANUP(buffer_free) buffer_t nul = {0};
    utf8_escape("a\0b", 3, &nul);
    assert_string_equal(buffer_string(&nul), "a\\x00b");
}

static void test_columns(void **state) {
    static const char *const CASES[][2] = {
        {"a\tb\x1b", "a b "},
        {"\xc3\xa9\xc2\x9b", "\xc3\xa9 "},
        {"\xff"
         "x",
         "?x"},
        {"\x80x", "x"}, /* not counted as a column either */
    };
    (void)state;
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        CLEANUP(buffer_free) buffer_t out = {0};
        utf8_columns(CASES[i][0], strlen(CASES[i][0]), &out);
        assert_string_equal(buffer_string(&out), CASES[i][1]);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_size),
        cmocka_unit_test(test_escape),
        cmocka_unit_test(test_columns),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
