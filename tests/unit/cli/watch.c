/* Tests of cli/watch.c: --wait in every end, silence, interrupts, terminals. */
#include "tests/unit/cli/fake.h"
#include "cli/watch.h"

#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define STATUS(state, over, more)                                                                  \
    "{\"rollout\":\"1f3a22c4-0000\",\"name\":\"app V042\",\"kind\":\"forward\",\"state\":\"" state \
    "\",\"over\":" over ",\"reason\":\"why\",\"tasks\":2,\"touched\":1,\"waves\":[{\"name\":"      \
    "\"all\",\"state\":\"open\",\"tasks\":2,\"settled\":1,\"failed\":0}]" more "}"
#define RUNNING STATUS("running", "false", "")
#define FAILURES                                                                                   \
    ",\"failures\":[{\"code\":\"DRV-3004\",\"sqlstate\":\"23505\",\"count\":1,\"tenant\":\"acme\"" \
    ",\"error\":\"duplicate\",\"hint\":\"look\"}]"

#define RUN(fake, ...) fake_run(fake, (const char *const[FAKE_WORDS]){__VA_ARGS__})

static void has(const char *text, const char *part) {
    if (strstr(text, part) == NULL) {
        fail_msg("no '%s' in:\n%s", part, text);
    }
}

static void test_ends(void **state) {
    static const struct {
        const char *document;
        error_code_t code;
        int exit_code;
        const char *advice; /* NULL: none */
    } CASES[] = {
        {STATUS("succeeded", "true", ""), ERROR_NONE, 0, NULL},
        {STATUS("failed", "true", FAILURES), ERROR_ROLLOUT_FAILED, 3, "drover rollout failures"},
        {STATUS("incomplete", "true", FAILURES), ERROR_ROLLOUT_FAILED, 3, "drover rollout retry"},
        {STATUS("stopped", "true", ""), ERROR_ROLLOUT_FAILED, 3, "drover rollback 1f3a22c4"},
        {STATUS("paused", "false", FAILURES), ERROR_ROLLOUT_PAUSED, 4, "drover rollout resume"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        const fake_reply_t replies[] = {{.verb = "rollout.retry", .document = RUNNING},
                                        {.verb = "rollout.status", .document = RUNNING},
                                        {.verb = "rollout.status", .document = CASES[i].document}};
        fake_t *fake = fake_start(&(fake_options_t){0}, replies, 3);
        fake_run_t run = RUN(fake, "rollout", "retry", "1f3a", "--wait", "--timeout", "1h");
        assert_int_equal(run.exit_code, CASES[i].exit_code);
        assert_int_equal(run.err.code, CASES[i].code);
        has(run.out, "wave 1 of 1 'all' open: 1 of 2 settled, 0 failed, 0 at work\n");
        has(run.out, "rollout app V042 (1f3a22c4) running: why\n");
        assert_null(strchr(run.out, '\x1b'));
        if (CASES[i].advice != NULL) {
            has(run.errors, CASES[i].advice);
        } else {
            assert_string_equal(run.errors, "");
        }
        if (strstr(CASES[i].document, "DRV-3004") != NULL) {
            has(run.out, "1 tenant, as acme: DRV-3004 [23505] duplicate\n  HINT: look\n");
        }
        fake_run_free(&run);
        fake_stop(&fake);
    }
}

/* With JSON stdout holds one document, the last one; what changes is told beside it. */
static void test_json(void **state) {
    const fake_reply_t replies[] = {
        {.verb = "rollout.status", .document = RUNNING},
        {.verb = "rollout.status", .document = RUNNING},
        {.verb = "rollout.status", .document = STATUS("paused", "false", FAILURES)}};
    fake_t *fake = fake_start(&(fake_options_t){0}, replies, 3);
    (void)state;
    fake_run_t run = RUN(fake, "rollout", "watch", "-o", "json");
    assert_int_equal(run.exit_code, 4);
    json_t *shown = json_loads(run.out, 0, NULL);
    assert_non_null(shown);
    assert_string_equal(json_string_value(json_object_get(shown, "state")), "paused");
    has(run.errors, "wave 1 of 1 'all' open");
    json_decref(shown);
    fake_run_free(&run);
    fake_stop(&fake);
}

static void test_timeout(void **state) {
    const fake_reply_t replies[] = {{.verb = "rollout.status", .document = RUNNING}};
    fake_t *fake = fake_start(&(fake_options_t){0}, replies, 1);
    (void)state;
    fake_run_t run = RUN(fake, "rollout", "watch", "1f3a", "--timeout", "300ms");
    assert_int_equal(run.err.code, ERROR_ROLLOUT_TIMEOUT);
    assert_int_equal(run.exit_code, 5);
    has(run.err.message, "still running");
    fake_run_free(&run);
    fake_stop(&fake);
}

/* Paused, with a job in hand: its end is awaited. */
static void test_paused_with_jobs(void **state) {
    const fake_reply_t replies[] = {
        {.verb = "rollout.status",
         .document = STATUS("paused", "false", ",\"counts\":{\"running\":1}")},
        {.verb = "rollout.status",
         .document = STATUS("paused", "false", ",\"counts\":{\"running\":1}")},
        {.verb = "rollout.status",
         .document = STATUS("paused", "false", ",\"counts\":{\"failed\":1}" FAILURES)}};
    fake_t *fake = fake_start(&(fake_options_t){0}, replies, 3);
    (void)state;
    fake_run_t run = RUN(fake, "rollout", "watch", "1f3a");
    assert_int_equal(run.exit_code, 4);
    has(run.out, "DRV-3004");
    fake_run_free(&run);
    fake_stop(&fake);
}

/* Where its wave is rolled back by itself, that is followed as well, and it still has failed. */
static void test_rolled_back_wave(void **state) {
    const fake_reply_t replies[] = {
        {.verb = "rollout.status", .document = RUNNING},
        {.verb = "rollout.status",
         .document = STATUS("failed", "true",
                            ",\"children\":[{\"rollout\":\"77bb\",\"name\":\"back\",\"kind\":"
                            "\"undo\",\"state\":\"running\"}]")},
        {.verb = "rollout.status",
         .document = "{\"rollout\":\"77bb\",\"name\":\"back\",\"kind\":\"undo\",\"state\":"
                     "\"succeeded\",\"over\":true}"}};
    fake_t *fake = fake_start(&(fake_options_t){0}, replies, 3);
    (void)state;
    fake_run_t run = RUN(fake, "rollout", "watch", "1f3a");
    assert_int_equal(run.exit_code, 3);
    has(run.errors, "its failed wave is rolled back by rollout 77bb");
    has(run.out, "rollout back (77bb) succeeded");
    has(fake_asked(fake), "rollout.status {\"rollout\":\"77bb\"}\n");
    fake_run_free(&run);
    fake_stop(&fake);
}

static void test_interrupt(void **state) {
    const fake_reply_t replies[] = {
        {.verb = "rollout.status", .document = RUNNING},
        {.verb = "rollout.status", .document = RUNNING, .interrupt = true}};
    fake_t *fake = fake_start(&(fake_options_t){0}, replies, 2);
    (void)state;
    fake_run_t run = RUN(fake, "rollout", "watch", "1f3a");
    assert_int_equal(run.err.code, ERROR_WATCH_ENDED);
    assert_int_equal(run.exit_code, 1);
    has(run.errors, " goes on without this watch:\n  drover rollout watch ");
    has(run.errors, "drover rollout stop 1f3a22c4");
    assert_null(strstr(fake_asked(fake), "rollout.stop"));
    fake_run_free(&run);
    fake_stop(&fake);
}

/* A coordinator that is silent for a while ends no watch; one that stays silent does. */
static void test_silence(void **state) {
    const fake_reply_t replies[] = {
        {.verb = "rollout.status", .document = RUNNING},
        {.verb = "rollout.status", .silent = true},
        {.verb = "rollout.status", .silent = true},
        {.verb = "rollout.status", .document = STATUS("succeeded", "true", "")}};
    fake_t *fake = fake_start(&(fake_options_t){.timeout = "200ms"}, replies, 4);
    (void)state;
    fake_run_t run = RUN(fake, "rollout", "watch", "1f3a");
    assert_int_equal(run.exit_code, 0);
    const char *said = strstr(run.errors, "does not depend on it, trying");
    assert_non_null(said);
    assert_null(strstr(said + 1, "does not depend on it, trying")); /* once */
    has(run.errors, "the coordinator answers again");
    fake_run_free(&run);
    fake_stop(&fake);
}

static void test_silence_for_good(void **state) {
    const fake_reply_t replies[] = {{.verb = "rollout.status", .silent = true}};
    const watch_options_t options = {.patience_us = 1};
    fake_t *fake = fake_start(&(fake_options_t){.timeout = "200ms"}, replies, 1);
    char *argv[] = {(char[]){"drover"}, (char[]){"rollout"}, (char[]){"watch"}, NULL};
    static command_input_t input;
    remote_t *remote = NULL;
    error_t err = {0};
    (void)state;
    assert_int_equal(
        command_parse(&CLI_TREE, (command_line_t){.argc = 3, .argv = argv}, &input, &err),
        STATUS_OK);
    assert_int_equal(remote_open(&input, &remote, &err), STATUS_OK);
    assert_int_equal(watch_rollout(remote, "1f3a", &options, &err), STATUS_ERROR);
    assert_int_equal(err.code, ERROR_WIRE_TIMEOUT);
    remote_destroy(&remote);
    fake_stop(&fake);
}

/* What is refused is no silence. */
static void test_refused(void **state) {
    const fake_reply_t replies[] = {
        {.verb = "rollout.status", .document = RUNNING},
        {.verb = "rollout.status", .code = "DRV-1005", .message = "no such rollout"}};
    fake_t *fake = fake_start(&(fake_options_t){0}, replies, 2);
    (void)state;
    fake_run_t run = RUN(fake, "rollout", "watch", "1f3a");
    assert_int_equal(run.err.code, ERROR_NOT_FOUND);
    fake_run_free(&run);
    fake_stop(&fake);
}

static void test_terminal(void **state) {
    const fake_reply_t replies[] = {
        {.verb = "rollout.status", .document = RUNNING},
        {.verb = "rollout.status", .document = RUNNING},
        {.verb = "rollout.status", .document = STATUS("succeeded", "true", "")}};
    fake_t *fake = fake_start(&(fake_options_t){0}, replies, 3);
    (void)state;
    assert_int_equal(setenv("TERM", "xterm", 1), 0);
    assert_int_equal(unsetenv("NO_COLOR"), 0);
    fake_run_t run = fake_run_on_terminal(
        fake, "", (const char *const[FAKE_WORDS]){"rollout", "watch", "1f3a", "--no-color"});
    assert_int_equal(run.exit_code, 0);
    has(run.out, "############............ 1/2  open");
    has(run.out, "\x1b[2A");                     /* drawn over what was there */
    assert_null(strstr(run.out, "wave 1 of 1")); /* no lines of a log */
    has(run.out, "state       succeeded");
    fake_run_free(&run);
    fake_stop(&fake);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ends),      cmocka_unit_test(test_json),
        cmocka_unit_test(test_timeout),   cmocka_unit_test(test_paused_with_jobs),
        cmocka_unit_test(test_interrupt), cmocka_unit_test(test_rolled_back_wave),
        cmocka_unit_test(test_silence),   cmocka_unit_test(test_silence_for_good),
        cmocka_unit_test(test_refused),   cmocka_unit_test(test_terminal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
