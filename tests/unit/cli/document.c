/* Tests of cli/document.c. */
#include "cli/document.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static json_t *read_json(const char *text) {
    json_t *document = json_loads(text, 0, NULL);
    assert_non_null(document);
    return document;
}

static void test_reads(void **state) {
    json_t *document = read_json("{\"a\":{\"b\":\"x\",\"n\":7,\"t\":true},\"l\":[1,2],\"z\":null}");
    (void)state;
    assert_string_equal(document_text(document, "a.b"), "x");
    assert_string_equal(document_text(document, "a.n"), "");
    assert_string_equal(document_text(document, "z"), "");
    assert_string_equal(document_text(document, "a.b.c"), "");
    assert_int_equal(document_number(document, "a.n"), 7);
    assert_int_equal(document_number(document, "a.b"), 0);
    assert_true(document_flag(document, "a.t"));
    assert_false(document_flag(document, "a.n"));
    assert_int_equal(document_count(document, "l"), 2);
    assert_int_equal(document_count(document, "none"), 0);
    assert_ptr_equal(document_at(document, ""), document);
    assert_null(document_at(NULL, "a"));
    json_decref(document);
}

static void test_joins(void **state) {
    error_t err;
    json_t *first = read_json("{\"rows\":[1,2],\"head\":\"first\"}");
    json_t *page = read_json("{\"rows\":[3],\"head\":\"later\",\"more\":[4]}");
    (void)state;
    assert_int_equal(document_join(first, page, &err), STATUS_OK);
    json_t *whole = read_json("{\"rows\":[1,2,3],\"head\":\"first\",\"more\":[4]}");
    assert_true(json_equal(first, whole));
    assert_true(document_cut(first, "rows", 2));
    assert_int_equal(document_count(first, "rows"), 2);
    assert_false(document_cut(first, "rows", 2));
    assert_false(document_cut(first, "none", 0));
    json_decref(first);
    json_decref(page);
    json_decref(whole);
}

static void test_made(void **state) {
    error_t err = {0};
    json_t *made = NULL;
    (void)state;
    assert_int_equal(document_made(json_string("\xff"), &made, &err), STATUS_ERROR);
    assert_int_equal(err.code, ERROR_INVALID);
    assert_int_equal(document_made(json_string("x"), &made, &err), STATUS_OK);
    json_decref(made);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_reads), cmocka_unit_test(test_joins),
                                       cmocka_unit_test(test_made)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
