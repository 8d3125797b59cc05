/* error.c: the list of codes is complete and unique; texts are cut at characters; chains read well.
 */
#include "common/base/error.h"
#include "tests/unit/base/cmocka_all.h"

#include <ctype.h>

static int is_code(const char *text) {
    return strlen(text) == 8 && strncmp(text, "DRV-", 4) == 0 && isdigit(text[4]) &&
           isdigit(text[5]) && isdigit(text[6]) && isdigit(text[7]);
}

static void test_codes_complete(void **state) {
    (void)state;
    for (int i = 1; i < ERROR_COUNT; i++) {
        error_code_t code = (error_code_t)i;
        assert_true(is_code(error_code_text(code)));
        assert_true(error_code_text(code)[4] >= '1');
        assert_non_null(error_code_name(code));
        assert_true(error_code_exit(code) >= 1 && error_code_exit(code) <= 6);
        assert_true(error_code_retry(code) < RETRY_COUNT);
        const char *hint = error_code_hint(code);
        assert_true(strlen(hint) > 10);
        assert_true(hint[strlen(hint) - 1] != '.');
    }
    assert_string_equal(error_code_text(ERROR_NONE), "DRV-0000");
    assert_int_equal(error_code_exit(ERROR_NONE), 0);
}

static void test_codes_unique(void **state) {
    (void)state;
    for (int i = 0; i < ERROR_COUNT; i++) {
        for (int j = i + 1; j < ERROR_COUNT; j++) {
            assert_string_not_equal(error_code_text((error_code_t)i),
                                    error_code_text((error_code_t)j));
            assert_string_not_equal(error_code_name((error_code_t)i),
                                    error_code_name((error_code_t)j));
        }
    }
}

static void test_codes_parse(void **state) {
    (void)state;
    for (int i = 0; i < ERROR_COUNT; i++) {
        assert_int_equal(error_code_parse(error_code_text((error_code_t)i)), i);
    }
    assert_int_equal(error_code_parse("DRV-9999"), ERROR_NONE);
    assert_int_equal(error_code_parse(""), ERROR_NONE);
}

static void test_outcome_unknown_is_no_retry(void **state) {
    (void)state;
    assert_int_equal(error_code_retry(ERROR_DB_OUTCOME_UNKNOWN), RETRY_UNKNOWN);
    assert_int_equal(error_code_retry(ERROR_DB_LOCK_TIMEOUT), RETRY_TRANSIENT);
    assert_int_equal(error_code_retry(ERROR_DB_SQL), RETRY_PERMANENT);
}

static void test_set_and_clear(void **state) {
    (void)state;
    error_t err;
    memset(&err, 0x5A, sizeof err);
    assert_int_equal(error_set(&err, ERROR_IO, "%s: %d", "path", 7), STATUS_ERROR);
    assert_int_equal(err.code, ERROR_IO);
    assert_int_equal(err.retry, RETRY_TRANSIENT);
    assert_string_equal(err.message, "path: 7");
    assert_string_equal(err.sqlstate, "");
    assert_string_equal(err.detail, "");
    assert_int_equal(err.context_count, 0);
    /* A caller may rephrase an error from its own text. */
    (void)error_set(&err, ERROR_INVALID, "again: %s", err.message);
    assert_string_equal(err.message, "again: path: 7");
    error_clear(&err);
    assert_int_equal(err.code, ERROR_NONE);
    assert_string_equal(err.message, "");
}

/* A message of `lead` ASCII letters and then as many copies of a character as overflow it. */
static void expect_whole_characters(size_t lead, const char *character) {
    char text[2 * ERROR_TEXT_MAX];
    memset(text, 'a', lead);
    text[lead] = '\0';
    while (strlen(text) < ERROR_TEXT_MAX + 8) {
        strcat(text, character);
    }
    error_t err;
    (void)error_set(&err, ERROR_IO, "%s", text);
    size_t length = strlen(err.message);
    assert_true(length < ERROR_TEXT_MAX);
    assert_true(length >= ERROR_TEXT_MAX - 1 - strlen(character));
    assert_memory_equal(err.message, text, length);
    assert_int_equal((length - lead) % strlen(character), 0);
}

static void test_message_is_cut_at_a_character(void **state) {
    (void)state;
    for (size_t lead = 0; lead < 4; lead++) {
        expect_whole_characters(lead, "a");
        expect_whole_characters(lead, "\xC3\xA9");
        expect_whole_characters(lead, "\xE2\x82\xAC");
        expect_whole_characters(lead, "\xF0\x9F\x90\x91");
    }
}

static void test_context_chain(void **state) {
    (void)state;
    error_t err;
    (void)error_set(&err, ERROR_DB_SQL, "duplicate key");
    memcpy(err.sqlstate, "23505", 6);
    memcpy(err.detail, "Key (email)=(a@b) exists", 25);
    assert_int_equal(error_context(&err, "applying V%03d", 12), STATUS_ERROR);
    assert_int_equal(error_context(&err, "tenant %s", "acme"), STATUS_ERROR);
    char line[256];
    assert_ptr_equal(error_line(&err, line, sizeof line), line);
    assert_string_equal(line, "DRV-3004 [23505] tenant acme: applying V012: duplicate key");
    assert_null(strstr(line, "a@b")); /* rows stay out of lines */
}

static void test_context_depth(void **state) {
    (void)state;
    error_t err;
    (void)error_set(&err, ERROR_IO, "leaf");
    for (int i = 0; i < ERROR_CONTEXT_DEPTH + 3; i++) {
        (void)error_context(&err, "c%d", i);
    }
    assert_int_equal(err.context_count, ERROR_CONTEXT_DEPTH);
    char line[64];
    assert_string_equal(error_line(&err, line, sizeof line), "DRV-1004 c6: c2: c1: c0: leaf");
    char long_text[2 * ERROR_CONTEXT_MAX];
    memset(long_text, 'x', sizeof long_text - 1);
    long_text[sizeof long_text - 1] = '\0';
    (void)error_context(&err, "%s", long_text);
    assert_int_equal(strlen(err.context[ERROR_CONTEXT_DEPTH - 1]), ERROR_CONTEXT_MAX - 1);
}

/* Any size of buffer holds a terminated beginning of the line; none is written past. */
static void test_line_fits_any_buffer(void **state) {
    (void)state;
    error_t err;
    (void)error_set(&err, ERROR_DB_SQL, "h\xC3\xA9llo");
    memcpy(err.sqlstate, "23505", 6);
    (void)error_context(&err, "tenant \xE2\x82\xAC");
    char whole[128];
    (void)error_line(&err, whole, sizeof whole);
    for (size_t size = 1; size <= strlen(whole) + 1; size++) {
        char *cut = malloc(size + 1);
        assert_non_null(cut);
        cut[size] = '#';
        (void)error_line(&err, cut, size);
        assert_true(strlen(cut) < size);
        assert_memory_equal(cut, whole, strlen(cut));
        assert_int_equal(cut[size], '#');
        free(cut);
    }
}

static void print_with_program(void) {
    error_t err;
    (void)error_set(&err, ERROR_DB_SQL, "bad");
    memcpy(err.constraint, "users_email_key", 16);
    memcpy(err.detail, "row values", 11);
    error_print(&err, "drover");
}

static void print_without_program(void) {
    error_t err;
    (void)error_set(&err, ERROR_NOT_BUILT, "no such thing");
    error_print(&err, NULL);
}

static void test_print(void **state) {
    (void)state;
    char said[1024];
    (void)said_by_child(print_with_program, said, sizeof said);
    assert_string_equal(
        said, "drover: DRV-3004 bad\nCONSTRAINT: users_email_key\n"
              "HINT: the statement failed on the server; its SQLSTATE and message stand above\n");
    (void)said_by_child(print_without_program, said, sizeof said);
    assert_string_equal(said, "DRV-1010 no such thing\n"
                              "HINT: this version of Drover does not do that yet\n");
}

static void print_hostile_names(void) {
    error_t err;
    (void)error_set(&err, ERROR_IO, "cannot read a\nHINT: forged\x1b[2J\xff\n  a selector\n  ^");
    (void)error_context(&err, "in \xc2\x9b");
    memcpy(err.constraint, "k\x07", 3);
    error_print(&err, NULL);
}

/* Names of files reach messages: none of their bytes steers the terminal or makes a line of its
 * own. What we set below a message, indented, stays a line. */
static void test_print_shows_what_could_steer(void **state) {
    (void)state;
    char said[1024];
    (void)said_by_child(print_hostile_names, said, sizeof said);
    assert_string_equal(
        said,
        "DRV-1004 in \\u009b: cannot read a\\x0aHINT: forged\\x1b[2J\\xff\n  a selector\n  ^\n"
        "CONSTRAINT: k\\x07\n"
        "HINT: check that the path exists, its rights and the room on its disk\n");
}

static void ask_for_no_code(void) {
    (void)error_code_text((error_code_t)ERROR_COUNT);
}

static void test_codes_out_of_range(void **state) {
    (void)state;
    char said[256];
    assert_true(WIFSIGNALED(said_by_child(ask_for_no_code, said, sizeof said)));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_codes_complete),
        cmocka_unit_test(test_codes_unique),
        cmocka_unit_test(test_codes_parse),
        cmocka_unit_test(test_outcome_unknown_is_no_retry),
        cmocka_unit_test(test_set_and_clear),
        cmocka_unit_test(test_message_is_cut_at_a_character),
        cmocka_unit_test(test_context_chain),
        cmocka_unit_test(test_context_depth),
        cmocka_unit_test(test_line_fits_any_buffer),
        cmocka_unit_test(test_print),
        cmocka_unit_test(test_print_shows_what_could_steer),
        cmocka_unit_test(test_codes_out_of_range),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
