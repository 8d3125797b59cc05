/* The one rewrite, and that everything else passes unchanged, hostile text included. */
#include "common/postgres/normalise.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static void check(const char *in, const char *expected) {
    buffer_t out = {0};
    normalise_expression(in, strlen(in), &out);
    assert_string_equal(buffer_string(&out), expected);
    buffer_free(&out);
}

static void casts_move_into_arrays(void **state) {
    (void)state;
    check("((s)::text = ANY ((ARRAY['a'::character varying, 'b, ]'::character varying])::text[]))",
          "((s)::text = ANY (ARRAY[('a'::character varying)::text, "
          "('b, ]'::character varying)::text]))");
    check("(ARRAY[f(a, b), (c + 1)])::bigint[]", "ARRAY[(f(a, b))::bigint, ((c + 1))::bigint]");
    check("(ARRAY['it''s'::x])::\"My Type\"[]", "ARRAY[('it''s'::x)::\"My Type\"]");
    check("(ARRAY[a])::character varying(20)[]", "ARRAY[(a)::character varying(20)]");
    check("(ARRAY[ARRAY['a'::x], ARRAY['b'::x]])::text[]",
          "ARRAY[ARRAY[('a'::x)::text], ARRAY[('b'::x)::text]]");
}

static void all_else_passes(void **state) {
    (void)state;
    static const char *const texts[] = {
        "",
        "a",
        "(ARRAY[",
        "(ARRAY[a",
        "(ARRAY[a])",
        "(ARRAY[a])::",
        "(ARRAY[a])::text",
        "(ARRAY[])::text[]",
        "(ARRAY[a][1])::text[]",
        "'(ARRAY[a])::text[]'",
        "\"(ARRAY[a])::text[]\"",
        "ARRAY[('a'::character varying)::text]",
        "(ARRAY['a])::text[]",
        "(ARRAY[a)]::text[]",
        "(ARRAY[a])::(text[]",
        "'",
        "\"",
        "(ARRAY[a, b])::text(3[]",
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        check(texts[i], texts[i]);
    }
}

static void hostile_nesting_ends(void **state) {
    (void)state;
    enum { DEPTH = 100000, STEP = 7 };
    char *text = malloc((size_t)DEPTH * STEP + 1);
    assert_non_null(text);
    for (size_t i = 0; i < DEPTH; i++) {
        memcpy(text + i * STEP, "(ARRAY[", STEP);
    }
    text[(size_t)DEPTH * STEP] = '\0';
    check(text, text);
    free(text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(casts_move_into_arrays),
        cmocka_unit_test(all_else_passes),
        cmocka_unit_test(hostile_nesting_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
