/* Tests of cli/confirm.c. */
#include "cli/confirm.h"
#include "cli/handlers.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static command_input_t input;

static void parse(bool yes) {
    char program[] = "drover";
    char agents[] = "agents";
    char flag[] = "--yes";
    char *argv[] = {program, agents, flag, NULL};
    error_t err = {0};
    assert_int_equal(
        command_parse(&CLI_TREE, (command_line_t){.argc = yes ? 3 : 2, .argv = argv}, &input, &err),
        STATUS_OK);
}

static status_t ask(const char *answers, bool interactive, error_t *err) {
    char text[64];
    char *asked = NULL;
    size_t size = 0;
    (void)strncpy(text, answers, sizeof text - 1);
    FILE *in = fmemopen(text, strlen(answers), "r");
    FILE *out = open_memstream(&asked, &size);
    assert_non_null(in);
    assert_non_null(out);
    const confirm_streams_t streams = {.in = in, .out = out, .interactive = interactive};
    status_t status = confirm(&input, &streams, "roll 12 tenants back?", err);
    assert_int_equal(fclose(in), 0);
    assert_int_equal(fclose(out), 0);
    if (status == STATUS_OK && !command_switch(&input, "yes")) {
        assert_non_null(strstr(asked, "roll 12 tenants back? [yes/no] "));
    }
    free(asked);
    return status;
}

static void test_answers(void **state) {
    error_t err = {0};
    (void)state;
    parse(false);
    assert_int_equal(ask("yes\n", true, &err), STATUS_OK);
    assert_int_equal(ask("what\nY\n", true, &err), STATUS_OK);
    assert_int_equal(ask("no\nyes\n", true, &err), STATUS_ERROR);
    assert_int_equal(err.code, ERROR_CONFIRMATION);
    assert_string_equal(err.message, "the answer was no: nothing was done");
    assert_int_equal(ask("a\nb\nc\nyes\n", true, &err), STATUS_ERROR);
    assert_string_equal(err.message, "no answer: nothing was done");
    assert_int_equal(ask("x", true, &err), STATUS_ERROR);
    assert_int_equal(ask("yes\n", false, &err), STATUS_ERROR);
    assert_string_equal(err.message, "nobody to ask: roll 12 tenants back?");
    parse(true);
    assert_int_equal(ask("no\n", false, &err), STATUS_OK);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_answers)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
