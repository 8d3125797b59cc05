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
        {"gpj.\xe2\x80\xae"
         "exe",
         "gpj.\\u202eexe"},
        {"tag \xf3\xa0\x81\x81", "tag \\U000e0041"},
        {"\xd9\xa0\xd8\x80 \xf0\x9f\x90\x91\xef\xb8\x8f",
         "\xd9\xa0\xd8\x80 \xf0\x9f\x90\x91\xef\xb8\x8f"},
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

static void put_utf8(uint32_t point, buffer_t *out) {
    if (point < 0x80) {
        buffer_char(out, (char)point);
    } else if (point < 0x800) {
        buffer_format(out, "%c%c", (int)(0xC0 | point >> 6), (int)(0x80 | (point & 0x3F)));
    } else if (point < 0x10000) {
        buffer_format(out, "%c%c%c", (int)(0xE0 | point >> 12), (int)(0x80 | (point >> 6 & 0x3F)),
                      (int)(0x80 | (point & 0x3F)));
    } else {
        buffer_format(out, "%c%c%c%c", (int)(0xF0 | point >> 18),
                      (int)(0x80 | (point >> 12 & 0x3F)), (int)(0x80 | (point >> 6 & 0x3F)),
                      (int)(0x80 | (point & 0x3F)));
    }
}

/* Every character that steers a terminal, reorders what is beside it or takes no room; and its
 * neighbours, which are seen as they are. */
static void test_controls(void **state) {
    static const uint32_t HIDDEN[][2] = {{0x01, 0x1F},     {0x7F, 0x9F},      {0xAD, 0xAD},
                                         {0x61C, 0x61C},   {0x180E, 0x180E},  {0x200B, 0x200F},
                                         {0x2028, 0x202E}, {0x2060, 0x206F},  {0xFEFF, 0xFEFF},
                                         {0xFFF9, 0xFFFB}, {0xE0000, 0xE007F}};
    static const uint32_t SEEN[] = {
        0x20,   0x7E,   0xA0,   0xAC,   0xAE,   0x61B,  0x61D,  0x180D, 0x200A,  0x2010,  0x2027,
        0x202F, 0x205F, 0x2070, 0xFEFE, 0xFF00, 0xFFF8, 0xFFFC, 0xFFFD, 0x1F411, 0xE0080, 0x10FFFF};
    (void)state;
    for (size_t i = 0; i < sizeof HIDDEN / sizeof HIDDEN[0]; i++) {
        for (uint32_t point = HIDDEN[i][0]; point <= HIDDEN[i][1]; point++) {
            CLEANUP(buffer_free) buffer_t text = {0};
            CLEANUP(buffer_free) buffer_t shown = {0};
            CLEANUP(buffer_free) buffer_t json = {0};
            put_utf8(point, &text);
            utf8_escape(text.data, text.size, &shown);
            utf8_escape_json(text.data, text.size, &json);
            for (size_t at = 0; at < shown.size; at++) {
                assert_in_range(shown.data[at], 0x20, 0x7E);
            }
            assert_int_equal(shown.data[0], '\\');
            assert_int_equal(json.data[0], point < 0x20 ? (char)point : '\\');
        }
    }
    for (size_t i = 0; i < sizeof SEEN / sizeof SEEN[0]; i++) {
        CLEANUP(buffer_free) buffer_t text = {0};
        CLEANUP(buffer_free) buffer_t shown = {0};
        CLEANUP(buffer_free) buffer_t json = {0};
        put_utf8(SEEN[i], &text);
        utf8_escape(text.data, text.size, &shown);
        utf8_escape_json(text.data, text.size, &json);
        assert_string_equal(buffer_string(&shown), buffer_string(&text));
        assert_string_equal(buffer_string(&json), buffer_string(&text));
    }
}

static void test_escape_json(void **state) {
    static const char *const CASES[][2] = {
        {"{\n  \"a\": \"z\xc3\xbcrich\"\n}", "{\n  \"a\": \"z\xc3\xbcrich\"\n}"},
        {"\"a\xe2\x80\xae"
         "b\xef\xbb\xbf\"",
         "\"a\\u202eb\\ufeff\""},
        {"\"\x7f\xc2\x9b\"", "\"\\u007f\\u009b\""},
        {"\"\xf3\xa0\x81\x81\"", "\"\\udb40\\udc41\""},
        {"", ""},
    };
    (void)state;
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        CLEANUP(buffer_free) buffer_t out = {0};
        utf8_escape_json(CASES[i][0], strlen(CASES[i][0]), &out);
        assert_string_equal(buffer_string(&out), CASES[i][1]);
    }
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
        cmocka_unit_test(test_size),     cmocka_unit_test(test_escape),
        cmocka_unit_test(test_controls), cmocka_unit_test(test_escape_json),
        cmocka_unit_test(test_columns),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
