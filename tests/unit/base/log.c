/* log.c: one line a fact; hostile values cannot forge a line, and levels hold. */
#include "common/base/log.h"
#include "tests/unit/base/cmocka_all.h"

/* The line after its time stamp, which is 28 characters with the space. */
static const char *after_time(const char *line) {
    assert_true(strlen(line) > 28);
    assert_int_equal(line[10], 'T');
    assert_int_equal(line[26], 'Z');
    return line + 28;
}

static void expect(void (*body)(void), const char *rest) {
    char said[2048];
    int status = said_by_child(body, said, sizeof said);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    assert_string_equal(after_time(said), rest);
}

static void write_plain(void) {
    log_info("job done", "tenant", "acme", "took_ms", LOG_NUMBER(-42));
}
static void write_hostile(void) {
    log_warning("seen", "name", "a\nforged \"x\" \\ \x01\x7f=", "empty", "", "none", (char *)NULL);
}
static void write_utf8(void) {
    log_warning("seen", "name", "z\xC3\xBCrich");
}
static void write_bidi(void) {
    log_warning("seen", "name",
                "gpj.\xE2\x80\xAE"
                "exe",
                "line",
                "a\xE2\x80\xA8"
                "b\xC2\x9B"
                "c\xFF");
}
static void write_error(void) {
    error_t err;
    (void)error_set(&err, ERROR_DB_SQL, "no");
    memcpy(err.detail, "secret row", 11);
    log_error("step failed", &err);
}

static void test_lines(void **state) {
    (void)state;
    expect(write_plain, "info event=\"job done\" tenant=acme took_ms=-42\n");
    expect(write_hostile,
           "warning event=seen name=\"a\\nforged \\\"x\\\" \\\\ \\x01\\x7f=\" empty=\"\""
           " none=\"\"\n");
    expect(write_utf8, "warning event=seen name=z\xC3\xBCrich\n");
    expect(write_bidi, "warning event=seen name=\"gpj.\\u202eexe\""
                       " line=\"a\\u2028b\\u009bc\\xff\"\n");
    expect(write_error,
           "error event=\"step failed\" error=\"DRV-3004 no\" hint=\"the statement failed on the "
           "server; its SQLSTATE and message stand above\"\n");
}

static void write_below(void) {
    log_debug("hidden");
    log_set_level(LOG_ERROR);
    log_warning("hidden");
}
static void write_debug(void) {
    log_set_level(LOG_DEBUG);
    log_debug("shown");
}

static void test_levels(void **state) {
    (void)state;
    char said[256];
    (void)said_by_child(write_below, said, sizeof said);
    assert_string_equal(said, "");
    expect(write_debug, "debug event=shown\n");
}

static void test_level_parse(void **state) {
    (void)state;
    static const char *const NAMES[] = {"debug", "info", "warning", "error"};
    error_t err;
    log_level_t level = LOG_INFO;
    for (int i = 0; i < LOG_LEVEL_COUNT; i++) {
        assert_int_equal(log_level_parse(NAMES[i], &level, &err), STATUS_OK);
        assert_int_equal(level, i);
    }
    assert_int_equal(log_level_parse("Error", &level, &err), STATUS_ERROR);
    assert_int_equal(err.code, ERROR_INVALID);
    assert_non_null(strstr(err.message, "'Error' is no log level"));
    assert_int_equal(level, LOG_ERROR);
}

static void test_number(void **state) {
    (void)state;
    char text[24];
    assert_string_equal(log_number(INT64_MIN, text), "-9223372036854775808");
    assert_string_equal(log_number(INT64_MAX, text), "9223372036854775807");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lines),
        cmocka_unit_test(test_levels),
        cmocka_unit_test(test_level_parse),
        cmocka_unit_test(test_number),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
