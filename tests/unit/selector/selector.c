/* Tests of common/selector/selector.c. */
#include "common/selector/selector.h"
#include "common/base/limits.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const selector_label_t LABELS[] = {{"tier", "gold"}, {"region", "eu"}, {"name", "posing"}};
static const selector_subject_t ACME = {.name = "acme",
                                        .cluster = "c1",
                                        .database = "app_acme",
                                        .agent = "a1",
                                        .version = "V012",
                                        .labels = LABELS,
                                        .label_count = 3};

static void test_matches(void **state) {
    static const struct {
        const char *text;
        bool matches;
    } CASES[] = {
        {"all", true},
        {" * ", true},
        {"tier=gold", true},
        {"tier==gold", true},
        {"tier = gold , region in ( us , eu )", true},
        {"tier=silver", false},
        {"tier!=gold", false},
        {"tier!=free", true},
        {"missing!=x", true},
        {"missing=x", false},
        {"region in (eu,us)", true},
        {"region notin (eu,us)", false},
        {"region notin (ap)", true},
        {"missing notin (ap)", true},
        {"missing in (ap)", false},
        {"tier", true},
        {"legacy", false},
        {"!legacy", true},
        {"! tier", false},
        {"tier=gold,legacy", false},
        {"tier=gold,region=eu,!legacy,name=acme", true},
        {"name=posing", false}, /* a label cannot pose as the tenant's name */
        {"cluster=c1,database=app_acme,agent=a1,version=V012", true},
        {"version in (V011)", false},
        {"tier=\"gold\"", true},
        {"all=x", false}, /* a label may be called all */
    };
    (void)state;
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        error_t err;
        selector_t *selector = NULL;
        if (selector_parse(CASES[i].text, NULL, &selector, &err) != STATUS_OK) {
            fail_msg("%s: %s", CASES[i].text, err.message);
        }
        if (selector_matches(selector, &ACME) != CASES[i].matches) {
            fail_msg("%s: wrong answer", CASES[i].text);
        }
        selector_destroy(&selector);
        assert_null(selector);
    }
}

static void test_refuses(void **state) {
    static const struct {
        const char *text;
        size_t column;
        const char *message;
    } CASES[] = {
        {"", 1, "a label's name is expected"},
        {"tier=", 6, "a value is expected"},
        {"tier=gold,", 11, "a label's name is expected"},
        {",tier", 1, "a label's name is expected"},
        {"tier gold", 6, "',' or the end is expected here"},
        {"tier=gold region=eu", 11, "',' or the end is expected here"},
        {"region in eu", 11, "'(' is expected before the values"},
        {"region in (eu", 11, "a '(' that is never closed"},
        {"region in ()", 12, "a value is expected"},
        {"region in (eu us)", 15, "',' or ')' is expected after a value"},
        {"in (eu)", 1, "a label's name is expected before 'in' or 'notin'"},
        {"all,tier=gold", 1, "'all' stands alone"},
        {"tier=\"gold", 6, "a quote that is never closed"},
        {"!tier=gold", 6, "',' or the end is expected here"},
        {"tier=gold\n", 10, "',' or the end is expected here"},
        {"tier>3", 5, "',' or the end is expected here"},
        {"größe=1", 3, "',' or the end is expected here"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        error_t err;
        size_t column = 0;
        selector_t *selector = NULL;
        if (selector_parse(CASES[i].text, &column, &selector, &err) == STATUS_OK) {
            fail_msg("%s: accepted", CASES[i].text);
        }
        assert_null(selector);
        assert_int_equal(err.code, ERROR_SELECTOR);
        if (strstr(err.message, CASES[i].message) == NULL || column != CASES[i].column) {
            fail_msg("%s: column %zu: %s", CASES[i].text, column, err.message);
        }
    }
}

static void test_caret(void **state) {
    error_t err;
    selector_t *selector = NULL;
    (void)state;
    assert_int_equal(selector_parse("tier gold", NULL, &selector, &err), STATUS_ERROR);
    assert_string_equal(err.message, "selector, column 6: ',' or the end is expected here\n"
                                     "  tier gold\n"
                                     "       ^");
}

static void test_canonical(void **state) {
    static const char *const CASES[][2] = {
        {" * ", "all"},
        {"all", "all"},
        {"tier == gold , ! legacy", "tier=gold,!legacy"},
        {"region in (us, eu ,us)", "region in (eu,us)"},
        {"region in (eu)", "region=eu"},
        {"region notin (eu)", "region!=eu"},
        {"a=\"x y\",b=\"plain\"", "a=\"x y\",b=plain"},
        {"a=\"\"", "a=\"\""},
    };
    (void)state;
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        error_t err;
        selector_t *first = NULL;
        selector_t *second = NULL;
        buffer_t text = {0};
        buffer_t again = {0};
        assert_int_equal(selector_parse(CASES[i][0], NULL, &first, &err), STATUS_OK);
        selector_print(first, &text);
        assert_string_equal(buffer_string(&text), CASES[i][1]);
        assert_int_equal(selector_parse(buffer_string(&text), NULL, &second, &err), STATUS_OK);
        selector_print(second, &again);
        assert_string_equal(buffer_string(&again), CASES[i][1]);
        selector_destroy(&first);
        selector_destroy(&second);
        buffer_free(&text);
        buffer_free(&again);
    }
}

/* Build "x,x,x…" or "k in (v,v,…)" of n items and tell how parsing ended. */
static error_code_t parse_many(const char *head, const char *item, size_t n, const char *tail) {
    error_t err = {0};
    selector_t *selector = NULL;
    buffer_t text = {0};
    buffer_text(&text, head);
    for (size_t i = 0; i < n; i++) {
        buffer_format(&text, "%s%s", i > 0 ? "," : "", item);
    }
    buffer_text(&text, tail);
    status_t status = selector_parse(buffer_string(&text), NULL, &selector, &err);
    selector_destroy(&selector);
    buffer_free(&text);
    return status == STATUS_OK ? ERROR_NONE : err.code;
}

static void test_bounds(void **state) {
    (void)state;
    assert_int_equal(parse_many("", "a", LIMIT_SELECTOR_TERMS, ""), ERROR_NONE);
    assert_int_equal(parse_many("", "a", LIMIT_SELECTOR_TERMS + 1, ""), ERROR_BOUND);
    assert_int_equal(parse_many("k in (", "v", SELECTOR_VALUES_MAX, ")"), ERROR_NONE);
    assert_int_equal(parse_many("k in (", "v", SELECTOR_VALUES_MAX + 1, ")"), ERROR_BOUND);
    assert_int_equal(parse_many("", "aaaaaaaaaaaaaaaa", LIMIT_NAME_BYTES, ""), ERROR_BOUND);
    assert_int_equal(parse_many("k in (", "v", SELECTOR_TEXT_MAX / 2, ")"), ERROR_BOUND);
}

static void test_label_words(void **state) {
    (void)state;
    assert_true(selector_key_valid("tier"));
    assert_true(selector_key_valid("team/billing"));
    assert_false(selector_key_valid(""));
    assert_false(selector_key_valid("in"));
    assert_false(selector_key_valid("cluster"));
    assert_false(selector_key_valid("a b"));
    assert_true(selector_value_valid("gold plus"));
    assert_false(selector_value_valid("a\"b"));
    assert_false(selector_value_valid("a\nb"));
    assert_true(selector_key_reserved("version"));
    assert_false(selector_key_reserved("tier"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_matches), cmocka_unit_test(test_refuses),
        cmocka_unit_test(test_caret),   cmocka_unit_test(test_canonical),
        cmocka_unit_test(test_bounds),  cmocka_unit_test(test_label_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
