/* Tests of common/lint. */
#include "tests/unit/migration/fixture.h"

#include "common/lint/lint.h"

static finding_list_t lint(fixture_t *fixture, const lint_options_t *options) {
    finding_list_t findings = {0};
    error_t err;
    assert_int_equal(lint_run(fixture_load(fixture), options, &findings, &err), STATUS_OK);
    return findings;
}

static void test_the_table(void **state) {
    (void)state;
    for (size_t i = 0; i < lint_rule_count(); i++) {
        const lint_rule_t *rule = lint_rule(i);
        assert_ptr_equal(lint_rule_find(rule->id), rule); /* no id twice */
        assert_true(strlen(rule->id) < DIRECTIVE_RULE_SIZE);
        assert_non_null(rule->check);
        assert_true(rule->hint[0] != '\0' && rule->doc[0] != '\0' && rule->name[0] != '\0');
        assert_null(strchr(rule->doc, '|'));
        assert_null(strchr(rule->hint, '|'));
    }
    assert_null(lint_rule_find("nothing"));
    CLEANUP(buffer_free) buffer_t out = {0};
    lint_print_rules(&out);
    for (size_t i = 0; i < lint_rule_count(); i++) {
        assert_non_null(strstr(buffer_string(&out), lint_rule(i)->id));
    }
}

static void test_a_clean_directory(void **state) {
    (void)state;
    fixture_t fixture;
    fixture_open(&fixture);
    fixture_put_trio(&fixture, "V001__a", "a");
    CLEANUP(finding_list_free) finding_list_t findings = lint(&fixture, NULL);
    assert_int_equal(findings.count, 0);
    fixture_close(&fixture);
}

/* A set that breaks every rule: each row of the table has a finding, so none can be taken out. */
static void test_every_rule_matters(void **state) {
    (void)state;
    fixture_t fixture;
    fixture_open(&fixture);
    fixture_put(&fixture, "V1__a.sql", "");
    fixture_put(&fixture, "V002__b.sql", "\xEF\xBB\xBF");
    fixture_put(&fixture, "V002__c.sql", "SELEC");
    fixture_put(&fixture, "V002__d.undo.sql", "\\d");
    fixture_put(&fixture, "V003__e.sql", "COPY t TO stdout;\nVACUUM;\nBEGIN;");
    fixture_put(&fixture, "V003__e.verify.sql", "DELETE FROM t");
    fixture_put(&fixture, "V004__f.undo.sql", "-- drover: x=1\n");
    fixture_put(&fixture, "V005__g.sql",
                "-- drover: allow=nothing:\"x\"\n-- drover: transaction=none\n"
                "CREATE INDEX CONCURRENTLY ON t (a);\n  -- drover: phase=expand\n");
    char *large = calloc(1, 17U * 1024 * 1024);
    assert_non_null(large);
    fixture_put_bytes(&fixture, "V006__h.sql", large, 17U * 1024 * 1024);
    free(large);
    CLEANUP(finding_list_free) finding_list_t findings = lint(&fixture, NULL);
    static const char *const ours[] = {"allow", "late-directive", "index-name", "empty",
                                       "verify-exists"};
    for (size_t i = 0; i < sizeof ours / sizeof ours[0]; i++) {
        assert_non_null(lint_rule_find(ours[i]));
    }
    for (size_t i = 0; i < lint_rule_count(); i++) {
        const finding_t *finding = finding_of(&findings, lint_rule(i)->id, "");
        assert_int_equal(finding->severity, lint_rule(i)->severity);
        assert_ptr_equal(finding->hint, lint_rule(i)->hint);
    }
    /* and loading finds nothing that lint has no rule for */
    for (size_t i = 0; i < fixture.directory->findings.count; i++) {
        assert_non_null(lint_rule_find(fixture.directory->findings.items[i].rule));
    }
    fixture_close(&fixture);
}

static void test_allow(void **state) {
    (void)state;
    fixture_t fixture;
    fixture_open(&fixture);
    fixture_put(&fixture, "V001__a.sql",
                "-- drover: allow=verify-exists:\"no\"\n-- drover: allow=empty:\"no\"\n");
    fixture_put(&fixture, "V001__a.undo.sql", "");
    {
        CLEANUP(finding_list_free) finding_list_t findings = lint(&fixture, NULL);
        assert_int_equal(findings.count, 0);
    }
    /* the undo's own word counts for the undo alone */
    fixture_put(&fixture, "V001__a.sql", "");
    fixture_put(&fixture, "V001__a.undo.sql", "-- drover: allow=empty:\"no\"\n");
    {
        CLEANUP(finding_list_free) finding_list_t findings = lint(&fixture, NULL);
        assert_int_equal(findings.count, 2);
        assert_int_equal(findings.errors, 0);
        assert_string_equal(finding_of(&findings, "empty", "")->file, "V001__a.sql");
    }
    /* what may not be allowed stays, and saying so is a finding too */
    fixture_put(&fixture, "V001__a.sql", "-- drover: allow=own-transaction:\"no\"\nBEGIN;");
    CLEANUP(finding_list_free) finding_list_t findings = lint(&fixture, NULL);
    assert_non_null(finding_of(&findings, "allow", "cannot be allowed"));
    assert_non_null(finding_of(&findings, RULE_OWN_TRANSACTION, ""));
    fixture_close(&fixture);
}

static void test_newer_majors_are_named(void **state) {
    (void)state;
    fixture_t fixture;
    fixture_open(&fixture);
    fixture_put_trio(&fixture, "V001__a", "a");
    fixture_put(&fixture, "V001__a.sql", "SELECT '{}' IS JSON;");
    lint_options_t options = {.newest_major = 16};
    CLEANUP(finding_list_free) finding_list_t findings = lint(&fixture, &options);
    assert_non_null(finding_of(&findings, RULE_PARSES,
                               "(the parser knows PostgreSQL 15; these scripts are for up to 16)"));
    fixture_close(&fixture);
}

static void test_many_files(void **state) {
    (void)state;
    fixture_t fixture;
    fixture_open(&fixture);
    for (int i = 1; i <= 300; i++) {
        char stem[64];
        (void)snprintf(stem, sizeof stem, "V%03d__m", i);
        fixture_put_trio(&fixture, stem, "t");
    }
    CLEANUP(finding_list_free) finding_list_t findings = lint(&fixture, NULL);
    assert_int_equal(findings.count, 0);
    assert_int_equal(fixture.directory->count, 300);
    fixture_close(&fixture);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_table),
        cmocka_unit_test(test_a_clean_directory),
        cmocka_unit_test(test_every_rule_matters),
        cmocka_unit_test(test_allow),
        cmocka_unit_test(test_newer_majors_are_named),
        cmocka_unit_test(test_many_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
