/* Tests of cli/output.c. */
#include "cli/output.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const output_column_t COLUMNS[] = {{"NAME", "name", COLUMN_TEXT},
                                          {"STATE", "task.state", COLUMN_STATE},
                                          {"SIZE", "size", COLUMN_BYTES}};
static const output_view_t VIEW = {.columns = COLUMNS, .count = 3, .rows = "tenants"};

static char *written(const output_t *output, const char *json) {
    char *text = NULL;
    size_t size = 0;
    error_t err = {0};
    json_t *document = json_loads(json, 0, NULL);
    FILE *out = open_memstream(&text, &size);
    assert_non_null(document);
    assert_non_null(out);
    assert_int_equal(output_write(output, &VIEW, document, out, &err), STATUS_OK);
    assert_int_equal(fclose(out), 0);
    json_decref(document);
    return text;
}

static const char ROWS[] = "{\"tenants\":[{\"name\":\"acme\",\"task\":{\"state\":\"failed\"},"
                           "\"size\":1536},{\"name\":\"b\\u001b[2Jc\",\"size\":null}]}";

static void test_table(void **state) {
    const output_t plain = {.form = OUTPUT_TABLE};
    const output_t coloured = {.form = OUTPUT_TABLE, .colour = true};
    (void)state;
    char *text = written(&plain, ROWS);
    assert_non_null(strstr(text, "NAME"));
    assert_non_null(strstr(text, "1.5 KiB"));
    assert_non_null(strstr(text, "failed"));
    assert_non_null(strstr(text, "[2Jc"));
    assert_null(strchr(text, '\x1b')); /* neither colours nor a tenant's name steer the terminal */
    free(text);
    text = written(&coloured, ROWS);
    assert_non_null(strstr(text, "\x1b[31m"));
    assert_null(strstr(text, "\x1b[2J"));
    free(text);
}

static void test_json(void **state) {
    const output_t output = {.form = OUTPUT_JSON, .colour = true};
    (void)state;
    char *text = written(&output, ROWS);
    json_t *back = json_loads(text, 0, NULL);
    assert_non_null(back);
    assert_int_equal(json_array_size(json_object_get(back, "tenants")), 2);
    assert_null(strchr(text, '\x1b'));
    json_decref(back);
    free(text);
}

/* A name that a terminal would show as another one: in a table and in JSON, whose readers get it as
 * it is. */
static void test_what_reorders_is_shown(void **state) {
    static const char BIDI[] = "{\"tenants\": [{\"name\": \"gpj.\xe2\x80\xae"
                               "exe\", \"state\": \"ok\"}]}";
    const output_t table = {.form = OUTPUT_TABLE};
    const output_t json = {.form = OUTPUT_JSON};
    (void)state;
    char *text = written(&table, BIDI);
    assert_non_null(strstr(text, "gpj.\\u202eexe"));
    free(text);
    text = written(&json, BIDI);
    assert_non_null(strstr(text, "\"gpj.\\u202eexe\""));
    json_t *back = json_loads(text, 0, NULL);
    const json_t *row = json_array_get(json_object_get(back, "tenants"), 0);
    assert_string_equal(json_string_value(json_object_get(row, "name")), "gpj.\xe2\x80\xae"
                                                                         "exe");
    json_decref(back);
    free(text);
}

static void cell_is(column_kind_t kind, json_t *value, const char *expected) {
    const output_t output = {.utc = true};
    buffer_t text = {0};
    output_cell(&output, kind, value, &text);
    assert_string_equal(buffer_string(&text), expected);
    buffer_free(&text);
    json_decref(value);
}

static void test_cells(void **state) {
    (void)state;
    cell_is(COLUMN_TEXT, NULL, "-");
    cell_is(COLUMN_TEXT, json_null(), "-");
    cell_is(COLUMN_TEXT, json_string("a\nb\x7f"), "a\\x0ab\\x7f");
    cell_is(COLUMN_TEXT, json_string("\xc2\x9b"), "\\u009b");
    cell_is(COLUMN_NUMBER, json_integer(-3), "-3");
    cell_is(COLUMN_YES, json_true(), "yes");
    cell_is(COLUMN_YES, json_false(), "no");
    cell_is(COLUMN_BYTES, json_integer(1023), "1023 B");
    cell_is(COLUMN_BYTES, json_integer(INT64_C(5) << 30), "5.0 GiB");
    cell_is(COLUMN_DURATION, json_integer(1500), "1ms");
    cell_is(COLUMN_DURATION, json_integer(2500000), "2.5s");
    cell_is(COLUMN_DURATION, json_integer(INT64_C(75) * 1000000), "1m 15s");
    cell_is(COLUMN_DURATION, json_integer(INT64_C(90000) * 1000000), "1d 1h");
    cell_is(COLUMN_TIME, json_integer(INT64_C(1772334000) * 1000000), "2026-03-01 03:00:00Z");
    cell_is(COLUMN_TIME, json_integer(0), "-");
    cell_is(COLUMN_TEXT, json_pack("[i,i]", 1, 2), "[1,2]");
    cell_is(COLUMN_TEXT,
            json_pack("[s,s]", "here",
                      "th\x07"
                      "ere"),
            "here, th\\x07ere");
    cell_is(COLUMN_TEXT, json_array(), "-");
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_table), cmocka_unit_test(test_json),
                                       cmocka_unit_test(test_what_reorders_is_shown),
                                       cmocka_unit_test(test_cells)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
