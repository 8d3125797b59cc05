/* Tests of common/migration/statement.c and its kin. */
#include "tests/unit/migration/fixture.h"

#include "common/base/limits.h"
#include "common/migration/statement_internal.h"

#include <sys/wait.h>

static statement_result_t parse(const char *text) {
    statement_result_t result = {0};
    error_t err;
    error_clear(&err);
    text_span_t script = {.bytes = text, .size = strlen(text)};
    if (statement_parse(&script, 1, NULL, &result, &err) != STATUS_OK) {
        fail_msg("%s", err.message);
    }
    return result;
}

/* Which kind a statement is of; an index and a table as SCHEMA.NAME. */
static const struct {
    const char *text;
    statement_kind_t kind;
    const char *index;
    const char *table;
} KINDS[] = {
    {"CREATE TABLE t (a int)", STATEMENT_ORDINARY, ".", "."},
    {"SELECT 1", STATEMENT_QUERY, ".", "."},
    {"VALUES (true)", STATEMENT_QUERY, ".", "."},
    {"SELECT 1 UNION SELECT 2", STATEMENT_QUERY, ".", "."},
    {"SELECT 1 AS a INTO t", STATEMENT_ORDINARY, ".", "."},
    {"SELECT 1 AS a INTO t UNION SELECT 2", STATEMENT_ORDINARY, ".", "."},
    {"BEGIN", STATEMENT_TRANSACTION, ".", "."},
    {"START TRANSACTION", STATEMENT_TRANSACTION, ".", "."},
    {"COMMIT", STATEMENT_TRANSACTION, ".", "."},
    {"END", STATEMENT_TRANSACTION, ".", "."},
    {"ROLLBACK", STATEMENT_TRANSACTION, ".", "."},
    {"SAVEPOINT a", STATEMENT_TRANSACTION, ".", "."},
    {"PREPARE TRANSACTION 'x'", STATEMENT_TRANSACTION, ".", "."},
    {"CREATE INDEX i ON s.t (a)", STATEMENT_ORDINARY, ".", "."},
    {"CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS i ON s.t (a)",
     STATEMENT_CREATE_INDEX_CONCURRENTLY, "s.i", "s.t"},
    {"CREATE INDEX CONCURRENTLY ON t (a)", STATEMENT_CREATE_INDEX_CONCURRENTLY, ".", ".t"},
    {"DROP INDEX s.i", STATEMENT_ORDINARY, ".", "."},
    {"DROP INDEX CONCURRENTLY IF EXISTS \"S\".\"I i\"", STATEMENT_DROP_INDEX_CONCURRENTLY, "S.I i",
     "."},
    {"DROP INDEX CONCURRENTLY i", STATEMENT_DROP_INDEX_CONCURRENTLY, ".i", "."},
    {"REINDEX INDEX s.i", STATEMENT_ORDINARY, ".", "."},
    {"REINDEX INDEX CONCURRENTLY s.i", STATEMENT_REINDEX_CONCURRENTLY, "s.i", "."},
    {"REINDEX (CONCURRENTLY) TABLE s.t", STATEMENT_REINDEX_CONCURRENTLY, ".", "s.t"},
    {"REINDEX (CONCURRENTLY off) TABLE s.t", STATEMENT_ORDINARY, ".", "."},
    {"REINDEX SCHEMA s", STATEMENT_REINDEX_MANY, ".", "."},
    {"VACUUM t", STATEMENT_VACUUM, ".", "."},
    {"ANALYZE t", STATEMENT_ORDINARY, ".", "."},
    {"CLUSTER", STATEMENT_CLUSTER_ALL, ".", "."},
    {"CLUSTER t USING i", STATEMENT_ORDINARY, ".", "."},
    {"ALTER TABLE p DETACH PARTITION c", STATEMENT_ORDINARY, ".", "."},
    {"ALTER TABLE p DETACH PARTITION c CONCURRENTLY", STATEMENT_DETACH_CONCURRENTLY, ".", ".p"},
    {"CREATE DATABASE d", STATEMENT_CREATE_DATABASE, ".", "."},
    {"DROP DATABASE d", STATEMENT_DROP_DATABASE, ".", "."},
    {"ALTER DATABASE d SET TABLESPACE x", STATEMENT_MOVE_DATABASE, ".", "."},
    {"ALTER DATABASE d CONNECTION LIMIT 3", STATEMENT_ORDINARY, ".", "."},
    {"CREATE TABLESPACE x LOCATION '/x'", STATEMENT_CREATE_TABLESPACE, ".", "."},
    {"DROP TABLESPACE x", STATEMENT_DROP_TABLESPACE, ".", "."},
    {"ALTER SYSTEM SET work_mem = '1MB'", STATEMENT_ALTER_SYSTEM, ".", "."},
    {"CREATE SUBSCRIPTION s CONNECTION 'x' PUBLICATION p", STATEMENT_CREATE_SUBSCRIPTION, ".", "."},
    {"CREATE SUBSCRIPTION s CONNECTION 'x' PUBLICATION p WITH (connect = false)",
     STATEMENT_ORDINARY, ".", "."},
    {"ALTER SUBSCRIPTION s REFRESH PUBLICATION", STATEMENT_ALTER_SUBSCRIPTION, ".", "."},
    {"ALTER SUBSCRIPTION s DISABLE", STATEMENT_ORDINARY, ".", "."},
    {"DROP SUBSCRIPTION s", STATEMENT_DROP_SUBSCRIPTION, ".", "."},
    {"DISCARD ALL", STATEMENT_DISCARD_ALL, ".", "."},
    {"DISCARD TEMP", STATEMENT_ORDINARY, ".", "."},
    {"LOCK TABLE t", STATEMENT_LOCK_TABLE, ".", "."},
    {"COPY t FROM stdin", STATEMENT_COPY_CLIENT, ".", "."},
    {"COPY t TO stdout", STATEMENT_COPY_CLIENT, ".", "."},
    {"COPY t FROM '/x'", STATEMENT_ORDINARY, ".", "."},
    {"COPY t FROM PROGRAM 'x'", STATEMENT_ORDINARY, ".", "."},
    {"DO $$ BEGIN COMMIT; END $$", STATEMENT_ORDINARY, ".", "."},
};

static void test_kinds(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof KINDS / sizeof KINDS[0]; i++) {
        CLEANUP(statement_result_free) statement_result_t result = parse(KINDS[i].text);
        if (result.list.count != 1 || result.list.items[0].kind != KINDS[i].kind) {
            fail_msg("%s: %zu statements, kind %d %s", KINDS[i].text, result.list.count,
                     result.list.count > 0 ? (int)result.list.items[0].kind : -1,
                     result.problem.error.message);
        }
        char name[256];
        const statement_t *statement = &result.list.items[0];
        (void)snprintf(name, sizeof name, "%s.%s", statement->index_schema, statement->index_name);
        if (statement->kind == STATEMENT_CREATE_INDEX_CONCURRENTLY ||
            strcmp(KINDS[i].index, ".") != 0) {
            if (statement->index_name[0] != '\0') {
                assert_string_equal(name, KINDS[i].index);
            }
        }
        (void)snprintf(name, sizeof name, "%s.%s", statement->table_schema, statement->table_name);
        assert_string_equal(name, KINDS[i].table);
    }
}

static void test_split(void **state) {
    (void)state;
    static const char text[] =
        "-- head\nSELECT ';' ;;\n /* x */ CREATE RULE r AS ON INSERT TO t DO "
        "ALSO (SELECT 1; SELECT 2);\r\n"
        "CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1; SELECT 2; "
        "END;\nDO $a$ ; $a$ -- last\n";
    CLEANUP(statement_result_free) statement_result_t result = parse(text);
    assert_int_equal(result.problem.error.code, ERROR_NONE);
    assert_int_equal(result.list.count, 4);
    static const char *const starts[] = {"SELECT ';'", "CREATE RULE", "CREATE FUNCTION", "DO $a$"};
    static const int lines[] = {2, 3, 4, 5};
    for (size_t i = 0; i < 4; i++) {
        const statement_t *statement = &result.list.items[i];
        assert_memory_equal(text + statement->offset, starts[i], strlen(starts[i]));
        assert_int_equal(statement->line, lines[i]);
        assert_true(statement->offset + statement->length <= sizeof text - 1);
    }
    assert_string_equal(result.list.items[0].node, "select_stmt");
    assert_int_equal(result.list.items[0].length, strlen("SELECT ';'"));
}

/* A lone carriage return ends a comment for PostgreSQL, though no editor shows it. */
static void test_carriage_return_ends_a_comment(void **state) {
    (void)state;
    static const char text[] = "-- harmless\rDROP TABLE t; -- x\rBEGIN";
    CLEANUP(statement_result_free) statement_result_t result = parse(text);
    assert_int_equal(result.list.count, 2);
    assert_memory_equal(text + result.list.items[0].offset, "DROP TABLE t", 12);
    assert_int_equal(result.list.items[1].kind, STATEMENT_TRANSACTION);
    assert_memory_equal(text + result.list.items[1].offset, "BEGIN", 5);
}

static void test_nothing_to_parse(void **state) {
    (void)state;
    static const char *const texts[] = {"", "\n", "-- only\n", "/* only */", ";;;", "-- no end"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        CLEANUP(statement_result_free) statement_result_t result = parse(texts[i]);
        assert_int_equal(result.problem.error.code, ERROR_NONE);
        assert_int_equal(result.list.count, 0);
    }
}

static void test_problems(void **state) {
    (void)state;
    static const struct {
        const char *text;
        const char *rule;
        const char *says;
        size_t offset;
    } cases[] = {
        {"SELECT 1;\nSELEC 2;", RULE_PARSES, "syntax error at or near \"SELEC\"", 10},
        {"SELECT '\xC3\xA9', (;", RULE_PARSES, "at or near \";\"", 14},
        {"CREATE TABLE t (a int", RULE_PARSES, "at end of input", 21},
        {"SELECT 'abc", RULE_PARSES, "unterminated quoted string", 7},
        {"SELECT $$abc", RULE_PARSES, "unterminated dollar-quoted", 7},
        {"SELECT 1; /* abc", RULE_PARSES, "unterminated /* comment", 10},
        {"\\connect other\nSELECT 1;", RULE_PSQL_COMMAND, "psql meta-command '\\connect'", 0},
        {"SELECT 1 \\gexec", RULE_PSQL_COMMAND, "'\\gexec'", 9},
        {"SELECT :name;", RULE_PSQL_COMMAND, "psql variable ':name;'", 7},
        {"SELECT :'name';", RULE_PSQL_COMMAND, "psql variable", 7},
        {"SELECT 1;\nCOPY t FROM stdin;\n1\ttwo\n\\.\n", RULE_COPY_STDIN, "COPY from stdin", 10},
        {"COPY t FROM STDIN WITH (FORMAT csv);\n\\.\n", RULE_COPY_STDIN, "COPY from stdin", 0},
        {"\xEF\xBB\xBFSELECT 1;", RULE_ENCODING, "byte-order mark", 0},
        {"\xFF\xFES", RULE_ENCODING, "UTF-16", 0},
        {"SELECT '\xE9';", RULE_ENCODING, "0xe9 is no valid UTF-8", 8},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        CLEANUP(statement_result_free) statement_result_t result = parse(cases[i].text);
        if (result.problem.rule == NULL || strcmp(result.problem.rule, cases[i].rule) != 0 ||
            strstr(result.problem.error.message, cases[i].says) == NULL ||
            result.problem.offset != cases[i].offset) {
            fail_msg("%s: [%s] %s at %zu", cases[i].text,
                     result.problem.rule != NULL ? result.problem.rule : "",
                     result.problem.error.message, result.problem.offset);
        }
        assert_int_equal(result.list.count, 0);
    }
}

static void test_long_quotes_are_cut(void **state) {
    (void)state;
    char text[5000] = "SELECT '";
    memset(text + 8, 'x', 4000);
    CLEANUP(statement_result_free) statement_result_t result = parse(text);
    assert_true(strlen(result.problem.error.message) < 120);
}

/* A text of n times a piece between a head and a tail. */
static char *repeated(const char *head, const char *piece, size_t n, const char *tail) {
    CLEANUP(buffer_free) buffer_t text = {0};
    buffer_text(&text, head);
    for (size_t i = 0; i < n; i++) {
        buffer_text(&text, piece);
    }
    buffer_text(&text, tail);
    return buffer_take(&text);
}

static void test_deep_texts(void **state) {
    (void)state;
    char *open = repeated("", "(", 10000, "");
    char *close = repeated("", ")", 10000, "");
    char *pair = repeated("SELECT ", "(", 10000, "1");
    char *nested = repeated(pair, ")", 10000, ";");
    char *sum = repeated("SELECT 1", "+1", 5000, ";");
    char *greater_sum = repeated("SELECT 1", "+1", 12000, ";");
    char *stdin_words =
        repeated("CREATE RULE r AS ON INSERT TO t DO ALSO (", "SELECT stdin; ", 2000, "");
    const char *texts[] = {open, close, nested, sum, greater_sum, stdin_words, "SELECT 1;"};
    enum { TEXTS = sizeof texts / sizeof texts[0] };
    text_span_t scripts[TEXTS];
    statement_result_t results[TEXTS];
    error_t err;
    for (size_t i = 0; i < TEXTS; i++) {
        scripts[i] = (text_span_t){.bytes = texts[i], .size = strlen(texts[i])};
    }
    assert_int_equal(statement_parse(scripts, TEXTS, NULL, results, &err), STATUS_OK);
    for (size_t i = 0; i < TEXTS; i++) {
        const error_t *error = &results[i].problem.error;
        assert_true(error->code == ERROR_NONE ? results[i].list.count == 1
                                              : error->message[0] != '\0');
        print_message("%zu: %s\n", i, error->code == ERROR_NONE ? "parsed" : error->message);
    }
    assert_int_equal(results[3].problem.error.code, ERROR_NONE);
    /* whatever came before it, the last one is parsed */
    assert_int_equal(results[TEXTS - 1].problem.error.code, ERROR_NONE);
    for (size_t i = 0; i < TEXTS; i++) {
        statement_result_free(&results[i]);
        if (i < TEXTS - 1) {
            free((void *)(uintptr_t)texts[i]);
        }
    }
    free(pair);
}

static void test_too_large(void **state) {
    (void)state;
    size_t size = 20U * 1024 * 1024;
    char *text = malloc(size + 1);
    assert_non_null(text);
    memset(text, ' ', size);
    text[size] = '\0';
    text_span_t script = {.bytes = text, .size = size};
    CLEANUP(statement_result_free) statement_result_t result = {0};
    error_t err;
    assert_int_equal(statement_parse(&script, 1, NULL, &result, &err), STATUS_OK);
    assert_int_equal(result.problem.error.code, ERROR_BOUND);
    assert_string_equal(result.problem.rule, RULE_SIZE);
    free(text);
}

static void test_deadline(void **state) {
    (void)state;
    char *slow = repeated("", "SELECT 1, 2, 3, 4, 5, 6, 7, 8, 9;\n", 100000, "");
    text_span_t script = {.bytes = slow, .size = strlen(slow)};
    statement_options_t options = {.deadline_ms = 1};
    CLEANUP(statement_result_free) statement_result_t result = {0};
    error_t err;
    assert_int_equal(statement_parse(&script, 1, &options, &result, &err), STATUS_OK);
    free(slow);
    assert_int_equal(result.problem.error.code, ERROR_SQL_TOO_COMPLEX);
    assert_non_null(strstr(result.problem.error.message, "after 1 ms"));
    /* no child is left behind */
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
}

static void test_memory_cap(void **state) {
    (void)state;
#if defined(__SANITIZE_ADDRESS__)
    skip(); /* no cap is possible beside the sanitizer's own reservations */
#endif
    char *large = repeated("", "SELECT 1, 2, 3, 4, 5, 6, 7, 8, 9;\n", 40000, "");
    text_span_t scripts[] = {{.bytes = "SELECT 1", .size = 8},
                             {.bytes = large, .size = strlen(large)},
                             {.bytes = "SELECT 1", .size = 8}};
    statement_options_t options = {.memory_bytes = INT64_C(320) * 1024 * 1024};
    statement_result_t results[3];
    error_t err;
    assert_int_equal(statement_parse(scripts, 3, &options, results, &err), STATUS_OK);
    assert_int_equal(results[0].problem.error.code, ERROR_NONE);
    assert_int_equal(results[1].problem.error.code, ERROR_SQL_TOO_COMPLEX);
    assert_int_equal(results[2].problem.error.code, ERROR_NONE);
    for (size_t i = 0; i < 3; i++) {
        statement_result_free(&results[i]);
    }
    free(large);
}

/* The parent trusts no answer: every byte changed, every truncation. */
static void test_answers_are_checked(void **state) {
    (void)state;
    CLEANUP(statement_result_free) statement_result_t result = {0};
    static const char text[] = "CREATE INDEX CONCURRENTLY i ON t (a); SELECT 1";
    statement_parse_here((text_span_t){.bytes = text, .size = sizeof text - 1}, &result);
    CLEANUP(buffer_free) buffer_t answer = {0};
    statement_encode(&result, &answer);
    error_t err;
    for (size_t i = 0; i < answer.size; i++) {
        CLEANUP(statement_result_free) statement_result_t read = {0};
        text_span_t cut = {.bytes = answer.data, .size = i};
        assert_int_equal(statement_decode(cut, sizeof text - 1, &read, &err), STATUS_ERROR);
    }
    for (size_t i = 0; i < answer.size; i++) {
        CLEANUP(statement_result_free) statement_result_t read = {0};
        answer.data[i] = (char)(answer.data[i] ^ 0x55);
        text_span_t whole = {.bytes = answer.data, .size = answer.size};
        if (statement_decode(whole, sizeof text - 1, &read, &err) == STATUS_OK) {
            for (size_t s = 0; s < read.list.count; s++) {
                assert_true(read.list.items[s].offset + read.list.items[s].length <=
                            sizeof text - 1);
            }
        }
        answer.data[i] = (char)(answer.data[i] ^ 0x55);
    }
}

static void test_every_kind_has_a_text(void **state) {
    (void)state;
    for (int kind = 0; kind < STATEMENT_KIND_COUNT; kind++) {
        assert_non_null(statement_kind_text((statement_kind_t)kind));
    }
    assert_true(statement_kind_transactional(STATEMENT_LOCK_TABLE));
    assert_false(statement_kind_transactional(STATEMENT_VACUUM));
    assert_false(statement_kind_transactional(STATEMENT_TRANSACTION));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kinds),
        cmocka_unit_test(test_split),
        cmocka_unit_test(test_carriage_return_ends_a_comment),
        cmocka_unit_test(test_nothing_to_parse),
        cmocka_unit_test(test_problems),
        cmocka_unit_test(test_long_quotes_are_cut),
        cmocka_unit_test(test_deep_texts),
        cmocka_unit_test(test_too_large),
        cmocka_unit_test(test_deadline),
        cmocka_unit_test(test_memory_cap),
        cmocka_unit_test(test_answers_are_checked),
        cmocka_unit_test(test_every_kind_has_a_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
