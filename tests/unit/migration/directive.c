/* Tests of common/migration/directive.c. */
#include "tests/unit/migration/fixture.h"

#include "common/migration/directive.h"

static directives_t parse(const char *text, script_kind_t kind, finding_list_t *findings) {
    directives_t directives;
    directive_source_t source = {
        .file = "V001__a.sql", .kind = kind, .text = {.bytes = text, .size = strlen(text)}};
    directive_parse(source, &directives, findings);
    return directives;
}

static void test_all_of_them(void **state) {
    (void)state;
    CLEANUP(finding_list_free) finding_list_t findings = {0};
    directives_t said = parse("-- about\n"
                              "-- drover: phase=backfill\r\n"
                              "--drover:transaction=none\n"
                              "/* a /* nested */ one */ -- drover: lock_timeout=500ms\n\n"
                              "-- drover: statement_timeout=5min\n"
                              "-- drover: backfill=table:public.users,key:id,batch:500,pause:50ms\n"
                              "-- drover: irreversible=\"drops = a column, \xC3\xA9\"  \n"
                              "-- drover: allow=empty:\"a: reason\"\n"
                              "-- drover: allow=index-name:\"x\"\n"
                              "SELECT 1;\n-- drover: phase=nonsense\n",
                              SCRIPT_UP, &findings);
    assert_int_equal(findings.count, 0);
    assert_int_equal(said.phase, PHASE_BACKFILL);
    assert_true(said.transaction_none);
    assert_int_equal(said.lock_timeout_ms, 500);
    assert_int_equal(said.statement_timeout_ms, 300000);
    assert_string_equal(said.backfill.table, "public.users");
    assert_string_equal(said.backfill.key, "id");
    assert_int_equal(said.backfill.batch, 500);
    assert_int_equal(said.backfill.pause_ms, 50);
    assert_string_equal(said.irreversible, "drops = a column, \xC3\xA9");
    assert_int_equal(said.allow_count, 2);
    assert_true(directive_allows(&said, "empty"));
    assert_true(directive_allows(&said, "index-name"));
    assert_false(directive_allows(&said, "parses"));
    assert_string_equal(said.allows[0].reason, "a: reason");
}

static void test_none_of_them(void **state) {
    (void)state;
    CLEANUP(finding_list_free) finding_list_t findings = {0};
    directives_t said = parse("", SCRIPT_UP, &findings);
    assert_int_equal(said.phase, PHASE_NONE);
    assert_false(said.transaction_none);
    assert_int_equal(said.lock_timeout_ms, -1);
    assert_int_equal(said.statement_timeout_ms, -1);
    assert_string_equal(said.backfill.table, "");
    (void)parse("-- drovers are people\n-- a drover: no\nSELECT 1", SCRIPT_UP, &findings);
    (void)parse("-", SCRIPT_UP, &findings);
    (void)parse("--", SCRIPT_UP, &findings);
    (void)parse("/*", SCRIPT_UP, &findings);
    (void)parse("/*/", SCRIPT_UP, &findings);
    assert_int_equal(findings.count, 0);
}

static void test_broken_ones(void **state) {
    (void)state;
    static const struct {
        const char *text;
        script_kind_t kind;
        const char *says;
        int line;
        int column;
    } cases[] = {
        {"\n-- drover: phse=expand", SCRIPT_UP, "unknown directive 'phse'", 2, 12},
        {"-- drover: phase=later", SCRIPT_UP, "expand, backfill or contract", 1, 12},
        {"-- drover: phase=", SCRIPT_UP, "phase ''", 1, 12},
        {"-- drover: transaction=on", SCRIPT_UP, "only none", 1, 12},
        {"-- drover: lock_timeout=2", SCRIPT_UP, "no duration", 1, 12},
        {"-- drover: lock_timeout=-2s", SCRIPT_UP, "no duration", 1, 12},
        {"-- drover: lock_timeout=2 s", SCRIPT_UP, "nothing after", 1, 12},
        {"-- drover: lock_timeout=1.5s", SCRIPT_UP, "no duration", 1, 12},
        {"-- drover: statement_timeout=999999999999999999999ms", SCRIPT_UP, "no duration", 1, 12},
        {"-- drover: statement_timeout=721h", SCRIPT_UP, "at most 30 days", 1, 12},
        {"-- drover: phase=expand phase=expand", SCRIPT_UP, "nothing after", 1, 12},
        {"-- drover: phase=expand\n-- drover: phase=expand", SCRIPT_UP, "twice", 2, 12},
        {"-- drover: phase", SCRIPT_UP, "key=value", 1, 12},
        {"-- drover:", SCRIPT_UP, "key=value", 1, 11},
        {"-- Drover: phase=expand", SCRIPT_UP, "lower case", 1, 12},
        {"/* drover: phase=expand */", SCRIPT_UP, "-- comment", 1, 3},
        {"-- drover: irreversible=because", SCRIPT_UP, "double quotes", 1, 12},
        {"-- drover: irreversible=\"\"", SCRIPT_UP, "empty", 1, 12},
        {"-- drover: irreversible=\"a", SCRIPT_UP, "double quotes", 1, 12},
        {"-- drover: irreversible=\"a\" b", SCRIPT_UP, "double quotes", 1, 12},
        {"-- drover: allow=empty", SCRIPT_UP, "double quotes", 1, 12},
        {"-- drover: allow=\"reason\"", SCRIPT_UP, "allow=rule", 1, 12},
        {"-- drover: allow=empty:\"\"", SCRIPT_UP, "empty", 1, 12},
        {"-- drover: allow=a:\"x\"\n-- drover: allow=a:\"y\"", SCRIPT_UP, "allowed twice", 2, 12},
        {"-- drover: backfill=table:t", SCRIPT_UP, "its table and its key", 1, 12},
        {"-- drover: backfill=table:t,key:id,batch:0", SCRIPT_UP, "batch", 1, 12},
        {"-- drover: backfill=table:t,key:id,sleep:1s", SCRIPT_UP, "no part 'sleep'", 1, 12},
        {"-- drover: backfill=table:t,key:id,key:id", SCRIPT_UP, "key twice", 1, 12},
        {"-- drover: backfill=users", SCRIPT_UP, "name:value", 1, 12},
        {"-- drover: phase=expand", SCRIPT_UNDO, "an undo script knows transaction", 1, 12},
        {"-- drover: irreversible=\"x\"", SCRIPT_UNDO, "unknown", 1, 12},
        {"-- drover: transaction=none", SCRIPT_VERIFY, "a verify script knows", 1, 12},
        {"-- drover: lock_timeout=1s", SCRIPT_CHECK, "a check script knows", 1, 12},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        CLEANUP(finding_list_free) finding_list_t findings = {0};
        (void)parse(cases[i].text, cases[i].kind, &findings);
        const finding_t *finding = finding_of(&findings, RULE_DIRECTIVE, cases[i].says);
        assert_int_equal(findings.count, 1);
        assert_int_equal(finding->place.line, cases[i].line);
        assert_int_equal(finding->place.column, cases[i].column);
    }
}

static void test_a_broken_one_hides_no_other(void **state) {
    (void)state;
    CLEANUP(finding_list_free) finding_list_t findings = {0};
    directives_t said =
        parse("-- drover: a=1\n-- drover: b=2\n-- drover: phase=contract\n", SCRIPT_UP, &findings);
    assert_int_equal(findings.count, 2);
    assert_int_equal(said.phase, PHASE_CONTRACT);
}

static void test_too_long(void **state) {
    (void)state;
    char text[3000] = "-- drover: irreversible=\"";
    memset(text + 25, 'x', 257);
    memcpy(text + 25 + 257, "\"", 2);
    CLEANUP(finding_list_free) finding_list_t findings = {0};
    (void)parse(text, SCRIPT_UP, &findings);
    assert_non_null(finding_of(&findings, RULE_DIRECTIVE, "more than 256 bytes"));
    memset(text + 25, 'x', 2000);
    memcpy(text + 2025, "\"", 2);
    (void)parse(text, SCRIPT_UP, &findings);
    assert_non_null(finding_of(&findings, RULE_DIRECTIVE, "more than 1023 bytes"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_of_them), cmocka_unit_test(test_none_of_them),
        cmocka_unit_test(test_broken_ones), cmocka_unit_test(test_a_broken_one_hides_no_other),
        cmocka_unit_test(test_too_long),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
