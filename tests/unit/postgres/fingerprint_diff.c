/* What differs, in words. */
#include "common/postgres/fingerprint.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

static const char was[] = "index public.i\t\tcolumns\tL\tid\n"
                          "table public.orders\t\texists\tL\tyes\n"
                          "table public.orders\t\towner\tS\tann\n"
                          "table public.orders\tcolumn id\ttype\tL\tint\n"
                          "table public.orders\tcolumn note\tnot null\tL\tt\n"
                          "table public.orders\tcolumn note\tposition\tS\t2\n"
                          "table public.orders\tcolumn note\ttype\tL\ttext\n";

static void check(const char *is, const fingerprint_diff_options_t *options, const char *lines) {
    buffer_t out = {0};
    error_t err = {0};
    assert_int_equal(fingerprint_diff(was, is, options, &out, &err), STATUS_OK);
    assert_string_equal(buffer_string(&out), lines);
    buffer_free(&out);
}

static const char is[] = "table public.orders\t\texists\tL\tyes\n"
                         "table public.orders\t\towner\tS\tbob\n"
                         "table public.orders\tcolumn id\ttype\tL\tbigint\n"
                         "view public.v\t\tdefinition\tL\tSELECT 1\n";

static void differences_are_named_narrowly(void **state) {
    (void)state;
    check(was, NULL, "");
    check(is, NULL,
          "index public.i: missing\n"
          "table public.orders: owner: is bob; was ann\n"
          "table public.orders: column id: type: is bigint; was int\n"
          "table public.orders: column note: missing; was text not null\n"
          "view public.v: added\n");
}

/* The line that says that an object exists goes where the object gets a line of its own. */
static void who_exists_is_not_missing(void **state) {
    (void)state;
    check("index public.i\t\tcolumns\tL\tid\n"
          "table public.orders\t\towner\tS\tann\n"
          "table public.orders\t\trow security\tL\tt\n"
          "table public.orders\tcolumn id\ttype\tL\tint\n"
          "table public.orders\tcolumn note\tnot null\tL\tt\n"
          "table public.orders\tcolumn note\tposition\tS\t2\n"
          "table public.orders\tcolumn note\ttype\tL\ttext\n",
          NULL, "table public.orders: row security: added; is t\n");
}

static void options_narrow_and_bound(void **state) {
    (void)state;
    check(is, &(fingerprint_diff_options_t){.logical_only = true, .most = 2},
          "index public.i: missing\n"
          "table public.orders: column id: type: is bigint; was int\n"
          "and 2 more\n");
}

static void other_texts_are_refused(void **state) {
    (void)state;
    buffer_t out = {0};
    error_t err = {0};
    assert_int_equal(fingerprint_diff("a\tb\n", "", NULL, &out, &err), STATUS_ERROR);
    assert_int_equal(err.code, ERROR_INVALID);
    buffer_free(&out);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(differences_are_named_narrowly),
        cmocka_unit_test(who_exists_is_not_missing),
        cmocka_unit_test(options_narrow_and_bound),
        cmocka_unit_test(other_texts_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
