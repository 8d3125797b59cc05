/* Tests of common/migration/directory.c and script.c. */
#include "tests/unit/migration/fixture.h"

#include "common/crypto/hash.h"

#include <sys/stat.h>

static void test_a_good_directory(void **state) {
    (void)state;
    fixture_t fixture;
    fixture_open(&fixture);
    fixture_put_trio(&fixture, "V002__second", "b");
    fixture_put_trio(&fixture, "V001__first", "a");
    fixture_put(&fixture, "V003__third.sql",
                "-- drover: transaction=none\n-- drover: irreversible=\"gone\"\nVACUUM;");
    fixture_put(&fixture, "V003__third.check.sql", "SELECT true");
    fixture_put(&fixture, "README.md", "not ours");
    const directory_t *directory = fixture_load(&fixture);
    assert_int_equal(directory->findings.count, 0);
    assert_int_equal(directory->count, 3);
    for (uint32_t i = 0; i < 3; i++) {
        assert_int_equal(directory->items[i].position, i + 1);
        assert_int_equal(directory->items[i].number, i + 1);
    }
    const migration_t *third = directory_find(directory, "3");
    assert_ptr_equal(third, &directory->items[2]);
    assert_string_equal(third->version, "V003");
    assert_string_equal(third->description, "third");
    assert_null(third->scripts[SCRIPT_UNDO]);
    assert_non_null(third->scripts[SCRIPT_CHECK]);
    assert_true(third->scripts[SCRIPT_UP]->directives.transaction_none);
    const script_t *up = directory->items[0].scripts[SCRIPT_UP];
    digest_t digest = hash_of(HASH_SCRIPT, up->text, strlen(up->text));
    assert_true(digest_equal(&digest, &up->digest));
    assert_int_equal(up->parsed.list.count, 1);
    assert_null(directory_find(directory, "V004"));
    fixture_close(&fixture);
}

static void test_nothing_there(void **state) {
    (void)state;
    fixture_t fixture;
    fixture_open(&fixture);
    assert_int_equal(fixture_load(&fixture)->count, 0);
    directory_t *directory = NULL;
    error_t err;
    assert_int_equal(directory_load("/nonexistent/x", NULL, &directory, &err), STATUS_ERROR);
    assert_int_equal(err.code, ERROR_NOT_FOUND);
    assert_null(directory);
    fixture_close(&fixture);
}

/* One broken set, every finding at once. */
static void test_the_set(void **state) {
    (void)state;
    fixture_t fixture;
    fixture_open(&fixture);
    fixture_put(&fixture, "V002__a.sql", "SELECT 1;");
    fixture_put(&fixture, "V002__b.sql", "-- drover: irreversible=\"x\"\nSELECT 1;");
    fixture_put(&fixture, "V002__c.undo.sql", "SELECT 1;");
    fixture_put(&fixture, "V005__d.sql", "SELECT 1;");
    fixture_put(&fixture, "V006__e.undo.sql", "SELECT 1;");
    fixture_put(&fixture, "V007__f.sql", "-- drover: irreversible=\"x\"\nSELECT 1;");
    fixture_put(&fixture, "V007__f.undo.sql", "SELECT 1;");
    fixture_put(&fixture, "V8__g.sql", "SELECT 1;");
    const directory_t *directory = fixture_load(&fixture);
    const finding_list_t *findings = &directory->findings;
    assert_string_equal(finding_of(findings, RULE_VERSION_GAP, "V001 is missing before V002")->file,
                        "V002__a.sql");
    assert_non_null(finding_of(findings, RULE_VERSION_GAP, "V003 to V004 are missing before V005"));
    assert_string_equal(finding_of(findings, RULE_VERSION_DUPLICATE, "V002__a.sql is it too")->file,
                        "V002__b.sql");
    assert_non_null(finding_of(findings, RULE_DESCRIPTION, "'c' here and 'a'"));
    assert_non_null(finding_of(findings, RULE_UNDO_EXISTS, "V005 has neither"));
    assert_non_null(finding_of(findings, RULE_UP_EXISTS, "V006__e.sql is missing"));
    assert_non_null(finding_of(findings, RULE_UNDO_EXISTS, "V007__f.undo.sql is there"));
    assert_non_null(finding_of(findings, RULE_FILE_NAME, "three digits"));
    assert_int_equal(findings->count, 8);
    assert_int_equal(findings->errors, 8);
    error_t err;
    assert_int_equal(finding_list_refuse(findings, &err), STATUS_ERROR);
    assert_int_equal(err.code, ERROR_LINT);
    assert_non_null(strstr(err.message, "8 findings, the first: V002__a.sql: V001 is missing"));
    fixture_close(&fixture);
}

static void expect(const char *name, const char *text, const char *rule, const char *says,
                   int line) {
    fixture_t fixture;
    fixture_open(&fixture);
    fixture_put_trio(&fixture, "V001__a", "a");
    fixture_put(&fixture, name, text);
    const directory_t *directory = fixture_load(&fixture);
    const finding_t *finding = finding_of(&directory->findings, rule, says);
    assert_string_equal(finding->file, name);
    assert_int_equal(finding->place.line, line);
    assert_int_equal(directory->findings.count, 1);
    fixture_close(&fixture);
}

static void test_scripts(void **state) {
    (void)state;
    static const char up[] = "V001__a.sql";
    expect(up, "\xEF\xBB\xBFSELECT 1;", RULE_ENCODING, "byte-order mark", 1);
    expect(up, "SELECT 1;\nSELECT '\xFF';", RULE_ENCODING, "0xff", 2);
    expect(up, "SELECT 1;\n\\connect x", RULE_PSQL_COMMAND, "'\\connect'", 2);
    expect(up, "COPY a FROM stdin;\n1\n\\.\n", RULE_COPY_STDIN, "COPY from stdin", 1);
    expect(up, "\nCOPY a FROM stdin;", RULE_COPY_STDIN, "COPY from stdin", 2);
    expect(up, "SELECT 'it;\n", RULE_PARSES, "unterminated quoted string", 1);
    expect(up, "SELECT 1;\r\nBEGIN;\r\n", RULE_OWN_TRANSACTION, "transaction control", 2);
    expect(up, "SELECT 1;\nCOMMIT", RULE_OWN_TRANSACTION, "transaction control", 2);
    expect(up, "CREATE INDEX CONCURRENTLY i ON a (id);", RULE_NON_TRANSACTIONAL,
           "CREATE INDEX CONCURRENTLY cannot run in a transaction block", 1);
    expect(up, "-- drover: transaction=none\nLOCK TABLE a;", RULE_NON_TRANSACTIONAL,
           "LOCK TABLE runs only in a transaction block", 2);
    expect(up, "-- drover: unknown=1\nSELECT 1;", RULE_DIRECTIVE, "unknown directive 'unknown'", 1);
    expect("V001__a.undo.sql", "VACUUM;", RULE_NON_TRANSACTIONAL, "VACUUM", 1);
    expect("V001__a.verify.sql", "DELETE FROM a;", RULE_QUERIES, "queries only", 1);
    expect("V001__a.verify.sql", "-- nothing", RULE_QUERIES, "without a query", 1);
    expect("V001__a.check.sql", "", RULE_QUERIES, "without a query", 1);
    expect("V001__a.verify.sql", "COMMIT;", RULE_OWN_TRANSACTION, "transaction control", 1);
}

static void test_what_is_fine(void **state) {
    (void)state;
    static const char *const texts[] = {
        "",
        "\n",
        "-- a comment only",
        "/* another */\r\n",
        "SELECT 1",
        "SELECT 1;\r\nSELECT 2;\r\n",
        "CREATE TABLE \xC3\xA9 (id int)",
        "-- drover: transaction=none\nCREATE INDEX CONCURRENTLY i ON a (id);\nVACUUM a;",
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        fixture_t fixture;
        fixture_open(&fixture);
        fixture_put_trio(&fixture, "V001__a", "a");
        fixture_put(&fixture, "V001__a.sql", texts[i]);
        const directory_t *directory = fixture_load(&fixture);
        for (size_t f = 0; f < directory->findings.count; f++) {
            fail_msg("%s: %s", texts[i], directory->findings.items[f].message);
        }
        fixture_close(&fixture);
    }
}

static void test_nul_large_and_strange_files(void **state) {
    (void)state;
    fixture_t fixture;
    fixture_open(&fixture);
    fixture_put_trio(&fixture, "V001__a", "a");
    fixture_put_bytes(&fixture, "V001__a.sql", "SELECT 1;\0SELECT 2;", 19);
    assert_non_null(finding_of(&fixture_load(&fixture)->findings, RULE_ENCODING, "NUL"));
    size_t size = 20U * 1024 * 1024;
    char *large = calloc(1, size);
    assert_non_null(large);
    memset(large, '\n', size);
    fixture_put_bytes(&fixture, "V001__a.sql", large, size);
    free(large);
    const finding_t *finding =
        finding_of(&fixture_load(&fixture)->findings, RULE_SIZE, "at most 16777216");
    assert_string_equal(finding->file, "V001__a.sql");
    char path[512];
    (void)snprintf(path, sizeof path, "%s/V001__a.check.sql", fixture.path);
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_non_null(
        finding_of(&fixture_load(&fixture)->findings, RULE_FILE_NAME, "no regular file"));
    fixture_close(&fixture);
}

static void test_ten_thousand_parentheses(void **state) {
    (void)state;
    fixture_t fixture;
    fixture_open(&fixture);
    fixture_put_trio(&fixture, "V001__a", "a");
    fixture_put_trio(&fixture, "V002__b", "b");
    char text[20100] = "SELECT ";
    memset(text + 7, '(', 10000);
    text[10007] = '1';
    memset(text + 10008, ')', 10000);
    fixture_put(&fixture, "V001__a.sql", text);
    const directory_t *directory = fixture_load(&fixture);
    for (size_t i = 0; i < directory->findings.count; i++) {
        assert_string_equal(directory->findings.items[i].file, "V001__a.sql");
        assert_non_null(strstr(directory->findings.items[i].message, "too complex"));
    }
    assert_int_equal(directory->items[1].scripts[SCRIPT_UP]->parsed.list.count, 1);
    fixture_close(&fixture);
}

static void test_findings_print(void **state) {
    (void)state;
    fixture_t fixture;
    fixture_open(&fixture);
    fixture_put_trio(&fixture, "V001__a", "a");
    fixture_put(&fixture, "V001__a.sql", "SELECT 1;\n  S\xC3\x89LECT\t2;\n");
    const directory_t *directory = fixture_load(&fixture);
    CLEANUP(buffer_free) buffer_t out = {0};
    finding_print(finding_of(&directory->findings, RULE_PARSES, "syntax error"), &out);
    assert_string_equal(buffer_string(&out),
                        "V001__a.sql:2:3: error: syntax error at or near \"S\xC3\x89LECT\" "
                        "[parses]\n"
                        "      S\xC3\x89LECT 2;\n"
                        "      ^\n");
    fixture_close(&fixture);
}

static void test_odd_bytes_are_shown_escaped(void **state) {
    (void)state;
    fixture_t fixture;
    fixture_open(&fixture);
    fixture_put_trio(&fixture, "V001__a", "a");
    fixture_put(&fixture, "V001__a.sql", "SELECT 1;\n\xff\x1b[2J\n");
    fixture_put(&fixture, "V002__\n\x1b\xff.sql", "");
    const directory_t *directory = fixture_load(&fixture);
    const finding_t *name = finding_of(&directory->findings, RULE_FILE_NAME, "lower-case letters");
    assert_string_equal(name->file, "V002__\\x0a\\x1b\\xff.sql");
    assert_non_null(strstr(name->message, "'V002__\\x0a\\x1b\\xff.sql'"));
    CLEANUP(buffer_free) buffer_t out = {0};
    finding_print(finding_of(&directory->findings, RULE_ENCODING, "0xff"), &out);
    assert_string_equal(buffer_string(&out),
                        "V001__a.sql:2:1: error: byte 0xff is no valid UTF-8 [encoding]\n"
                        "    ? [2J\n"
                        "    ^\n");
    error_t err;
    assert_int_equal(finding_list_refuse(&directory->findings, &err), STATUS_ERROR);
    assert_string_equal(err.message,
                        "2 findings, the first: V001__a.sql:2:1: byte 0xff is no valid "
                        "UTF-8 [encoding]");
    fixture_close(&fixture);
}

static void test_what_is_no_file(void **state) {
    (void)state;
    fixture_t fixture;
    fixture_open(&fixture);
    fixture_put_trio(&fixture, "V001__a", "a");
    char path[512];
    (void)snprintf(path, sizeof path, "%s/V001__a.check.sql", fixture.path);
    assert_int_equal(mkdir(path, 0700), 0);
    assert_string_equal(
        finding_of(&fixture_load(&fixture)->findings, RULE_FILE_NAME, "is a directory")->file,
        "V001__a.check.sql");
    assert_int_equal(rmdir(path), 0);
    assert_int_equal(symlink("nowhere", path), 0);
    directory_t *directory = NULL;
    error_t err;
    assert_int_equal(directory_load(fixture.path, NULL, &directory, &err), STATUS_ERROR);
    assert_int_equal(err.code, ERROR_IO);
    assert_null(directory);
    assert_string_equal(err.message, "cannot read V001__a.check.sql: No such file or directory");
    assert_non_null(strstr(err.context[0], fixture.path));
    fixture_close(&fixture);
}

static void test_findings_are_bounded(void **state) {
    (void)state;
    CLEANUP(finding_list_free) finding_list_t list = {0};
    for (int i = 0; i < FINDING_MAX + 5; i++) {
        finding_add(&list, (finding_at_t){.file = i % 2 == 0 ? "b" : "a"}, RULE_PARSES, "n %d", i);
    }
    assert_int_equal(list.count, FINDING_MAX);
    assert_int_equal(list.dropped, 5);
    assert_int_equal(list.errors, FINDING_MAX + 5);
    finding_list_sort(&list);
    assert_string_equal(list.items[0].message, "n 1");
    assert_string_equal(list.items[FINDING_MAX - 1].file, "b");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_good_directory),
        cmocka_unit_test(test_nothing_there),
        cmocka_unit_test(test_the_set),
        cmocka_unit_test(test_scripts),
        cmocka_unit_test(test_what_is_fine),
        cmocka_unit_test(test_nul_large_and_strange_files),
        cmocka_unit_test(test_ten_thousand_parentheses),
        cmocka_unit_test(test_findings_print),
        cmocka_unit_test(test_odd_bytes_are_shown_escaped),
        cmocka_unit_test(test_what_is_no_file),
        cmocka_unit_test(test_findings_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
