/* Tests of cli/remote_rollout.c, remote_report.c and order.c: planning, starting, turning. */
#include "tests/unit/cli/fake.h"

#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define SPEC "bundle: app\ntarget: latest\nselect: all\nwaves: [{name: all, rest: true}]\n"
#define SPEC_JSON                                                                                  \
    "\"bundle: app\\ntarget: latest\\nselect: all\\nwaves: [{name: all, rest: true}]\\n\""
#define PLAN                                                                                       \
    "{\"plan_digest\":\"d1\",\"kind\":\"forward\",\"application\":\"app\",\"bundle\":\"b0\","      \
    "\"target_version\":\"V042\",\"spec\":" SPEC_JSON ",\"totals\":{\"selected\":1,\"work\":1,"    \
    "\"steps\":1},\"waves\":[{\"number\":0,\"name\":\"all\",\"tenants\":1,\"work\":1}],"           \
    "\"tenants\":[{\"name\":\"acme\",\"wave\":0,\"from_version\":\"V041\","                        \
    "\"to_version\":\"V042\"}],\"scripts\":[{\"version\":\"V042\",\"sql\":\"SELECT 42;\"}]}"
#define STARTED                                                                                    \
    "{\"rollout\":\"1f3a22c4-0000\",\"name\":\"app V042\",\"state\":\"running\","                  \
    "\"totals\":{\"work\":1}}"

static const fake_reply_t REPLIES[] = {
    {.verb = "rollout.plan", .document = PLAN},
    {.verb = "rollout.start", .document = STARTED},
};

#define RUN(fake, ...) fake_run(fake, (const char *const[FAKE_WORDS]){__VA_ARGS__})

static void has(const char *text, const char *part) {
    if (strstr(text, part) == NULL) {
        fail_msg("no '%s' in:\n%s", part, text);
    }
}

static fake_t *start(void) {
    fake_t *fake = fake_start(&(fake_options_t){0}, REPLIES, sizeof REPLIES / sizeof REPLIES[0]);
    fake_write(fake, "spec", SPEC);
    return fake;
}

static void test_plan(void **state) {
    fake_t *fake = start();
    (void)state;
    fake_run_t run = RUN(fake, "rollout", "plan", "@spec");
    assert_int_equal(run.exit_code, 0);
    has(run.out, "acme");
    has(run.out, "SELECT 42;");
    fake_run_free(&run);
    assert_string_equal(fake_asked(fake), "rollout.plan {\"spec\":" SPEC_JSON ",\"sql\":true}\n");
    run = RUN(fake, "rollout", "plan", "@spec", "--no-sql", "--bundle", "b9", "-o", "json");
    json_t *shown = json_loads(run.out, 0, NULL);
    json_t *told = json_loads(PLAN, 0, NULL);
    assert_true(json_equal(shown, told));
    json_decref(shown);
    json_decref(told);
    has(fake_asked(fake), "rollout.plan {\"spec\":" SPEC_JSON ",\"bundle\":\"b9\",\"sql\":false}");
    fake_run_free(&run);
    run = RUN(fake, "rollout", "plan", "@spec", "--look");
    has(fake_asked(fake), "rollout.plan {\"spec\":" SPEC_JSON ",\"look\":true,\"sql\":true}");
    fake_run_free(&run);
    run = RUN(fake, "rollout", "start", "@spec", "--look", "--yes");
    has(fake_asked(fake), "rollout.start {\"spec\":" SPEC_JSON ",\"look\":true}");
    fake_run_free(&run);
    fake_stop(&fake);
}

/* A bad spec is refused before anything is asked, with its line. */
static void test_bad_spec(void **state) {
    fake_t *fake = start();
    (void)state;
    fake_write(fake, "bad", "bundle: app\ntarget: latest\nselect: all\nwave: []\n");
    fake_run_t run = RUN(fake, "rollout", "plan", "@bad");
    assert_int_equal(run.err.code, ERROR_SPEC_INVALID);
    has(run.errors, "bad:4:");
    has(run.errors, "^");
    assert_string_equal(fake_asked(fake), "");
    fake_run_free(&run);
    fake_stop(&fake);
}

static void test_saved_plan(void **state) {
    fake_t *fake = start();
    (void)state;
    fake_run_t run = RUN(fake, "rollout", "plan", "@spec", "--out", "@plan");
    assert_int_equal(run.exit_code, 0);
    has(run.errors, "saved; start it with 'drover rollout start ");
    fake_run_free(&run);
    run = RUN(fake, "rollout", "start", "@plan", "--yes");
    assert_int_equal(run.exit_code, 0);
    has(run.out, "rollout app V042 (1f3a22c4) running: 1 tenant with work");
    has(run.errors, "drover rollout watch 1f3a22c4");
    has(fake_asked(fake),
        "\nrollout.start {\"plan_digest\":\"d1\",\"spec\":" SPEC_JSON ",\"bundle\":\"b0\"}\n");
    fake_run_free(&run);
    run = RUN(fake, "rollout", "start", "@plan", "--yes", "--bundle", "b1");
    assert_int_equal(run.err.code, ERROR_USAGE);
    fake_run_free(&run);
    run = RUN(fake, "rollout", "start", "@plan", "--yes", "--look");
    assert_int_equal(run.err.code, ERROR_USAGE);
    has(run.err.message, "--look");
    fake_run_free(&run);
    fake_stop(&fake);
}

static void test_stale_plan(void **state) {
    const fake_reply_t replies[] = {
        {.verb = "rollout.start", .code = "DRV-6012", .message = "the plan is another now"}};
    fake_t *fake = fake_start(&(fake_options_t){0}, replies, 1);
    (void)state;
    fake_write(fake, "plan", PLAN);
    fake_run_t run = RUN(fake, "rollout", "start", "@plan", "--yes");
    assert_int_equal(run.err.code, ERROR_PLAN_STALE);
    assert_int_equal(run.exit_code, 1);
    fake_run_free(&run);
    fake_stop(&fake);
}

/* Without --yes and without anybody to ask nothing is started. */
static void test_nobody_to_ask(void **state) {
    fake_t *fake = start();
    (void)state;
    fake_run_t run = RUN(fake, "rollout", "start", "@spec");
    assert_int_equal(run.err.code, ERROR_CONFIRMATION);
    assert_int_equal(run.exit_code, 4);
    has(run.err.message, "start this forward to V042 on 1 tenant in 1 wave?");
    has(run.out, "wave 1 'all'");
    assert_null(strstr(fake_asked(fake), "rollout.start"));
    fake_run_free(&run);
    fake_stop(&fake);
}

static void test_asked(void **state) {
    fake_t *fake = start();
    (void)state;
    assert_int_equal(setenv("TERM", "xterm", 1), 0);
    fake_run_t run = fake_run_on_terminal(
        fake, "no\n", (const char *const[FAKE_WORDS]){"rollout", "start", "@spec"});
    assert_int_equal(run.err.code, ERROR_CONFIRMATION);
    assert_int_equal(run.exit_code, 4);
    assert_null(strstr(fake_asked(fake), "rollout.start"));
    fake_run_free(&run);
    run = fake_run_on_terminal(fake, "yes\n",
                               (const char *const[FAKE_WORDS]){"rollout", "start", "@spec"});
    assert_int_equal(run.exit_code, 0);
    has(run.out, "[yes/no]");
    /* what was agreed to is what is started */
    has(fake_asked(fake), "rollout.start {\"plan_digest\":\"d1\",");
    fake_run_free(&run);
    fake_stop(&fake);
}

static void test_yes(void **state) {
    fake_t *fake = start();
    (void)state;
    fake_run_t run = RUN(fake, "rollout", "start", "@spec", "-y", "--name", "friday", "-ojson");
    assert_int_equal(run.exit_code, 0);
    json_t *shown = json_loads(run.out, 0, NULL);
    assert_string_equal(json_string_value(json_object_get(shown, "rollout")), "1f3a22c4-0000");
    json_decref(shown);
    assert_string_equal(fake_asked(fake),
                        "rollout.start {\"name\":\"friday\",\"spec\":" SPEC_JSON "}\n");
    fake_run_free(&run);
    run = RUN(fake, "rollout", "start", "@spec", "-y", "--timeout", "5s");
    assert_int_equal(run.err.code, ERROR_USAGE);
    fake_run_free(&run);
    fake_stop(&fake);
}

#define STATUS                                                                                     \
    "{\"rollout\":\"1f3a22c4-0000\",\"name\":\"app V042\",\"kind\":\"forward\",\"state\":"         \
    "\"paused\",\"touched\":1,\"tasks\":2,\"counts\":{\"failed\":1},\"failures\":[{\"code\":"      \
    "\"DRV-3004\",\"sqlstate\":\"23505\",\"count\":1,\"tenant\":\"acme\",\"error\":\"dup\"}]}"

static void test_status(void **state) {
    const fake_reply_t replies[] = {{.verb = "rollout.status", .document = STATUS}};
    fake_t *fake = fake_start(&(fake_options_t){0}, replies, 1);
    (void)state;
    fake_run_t run = RUN(fake, "rollout", "status");
    assert_int_equal(run.exit_code, 0);
    has(run.out, "app V042 1f3a22c4-0000");
    has(run.out, "DRV-3004 [23505] dup");
    has(run.errors, "drover rollout resume 1f3a22c4");
    assert_string_equal(fake_asked(fake), "rollout.status {}\n");
    fake_run_free(&run);
    run = RUN(fake, "rollout", "status", "1f3a", "-o", "json");
    json_t *shown = json_loads(run.out, 0, NULL);
    json_t *told = json_loads(STATUS, 0, NULL);
    assert_true(json_equal(shown, told));
    assert_string_equal(run.errors, "");
    json_decref(shown);
    json_decref(told);
    fake_run_free(&run);
    fake_stop(&fake);
}

static void test_failures(void **state) {
    const fake_reply_t replies[] = {
        {.verb = "rollout.status", .document = STATUS},
        {.verb = "rollout.tasks",
         .document = "{\"tasks\":[{\"name\":\"acme\",\"cluster\":\"eu\",\"database\":\"db\","
                     "\"state\":\"failed\",\"step\":\"apply\",\"attempts\":2,\"version\":\"V041\","
                     "\"code\":\"DRV-3004\",\"sqlstate\":\"23505\",\"error\":\"applying V042: "
                     "dup\",\"hint\":\"mend it\",\"reference\":\"bk-1\","
                     "\"notes\":\"one\\ntwo\\u0007\"}]}"},
        {.verb = "rollout.tasks", .document = "{\"tasks\":[]}"}};
    fake_t *fake = fake_start(&(fake_options_t){0}, replies, 3);
    (void)state;
    fake_run_t run = RUN(fake, "rollout", "failures", "1f3a");
    assert_int_equal(run.exit_code, 0);
    assert_string_equal(run.out, "acme (cluster eu, database db): failed in step apply after 2 "
                                 "tries, stands at V041\n"
                                 "  DRV-3004 [23505] applying V042: dup\n"
                                 "  NOTES: one\n    two\\x07\n"
                                 "  BACKUP: bk-1\n  HINT: mend it\n");
    has(run.errors, "drover rollout retry 1f3a22c4");
    has(fake_asked(fake),
        "rollout.tasks {\"rollout\":\"1f3a22c4-0000\",\"states\":[\"failed\",\"refused\","
        "\"unknown\",\"outstanding\",\"waiting\",\"skipped\"],\"limit\":1000}");
    fake_run_free(&run);
    run = RUN(fake, "rollout", "failures", "1f3a");
    assert_string_equal(run.out, "");
    has(run.errors, "nothing failed");
    fake_run_free(&run);
    fake_stop(&fake);
}

static void test_turns(void **state) {
    static const char ANSWER[] = "{\"rollout\":\"1f3a22c4-0\",\"name\":\"n\",\"state\":\"paused\","
                                 "\"reason\":\"asked\",\"in_flight\":2,\"retried\":3}";
    const fake_reply_t replies[] = {{.verb = "rollout.pause", .document = ANSWER},
                                    {.verb = "rollout.resume", .document = ANSWER},
                                    {.verb = "rollout.stop", .document = ANSWER},
                                    {.verb = "rollout.retry", .document = ANSWER}};
    static const char *const TURNS[] = {"pause", "resume", "stop"};
    fake_t *fake = fake_start(&(fake_options_t){0}, replies, 4);
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        fake_run_t run = RUN(fake, "rollout", TURNS[i], "1f3a", "-m", "lunch");
        assert_int_equal(run.exit_code, 0);
        has(run.out, "rollout n (1f3a22c4) is paused: asked");
        has(run.out, "2 jobs are in hand");
        fake_run_free(&run);
    }
    fake_run_t run = RUN(fake, "rollout", "retry", "1f3a", "-t", "a", "-t", "b");
    has(run.out, "3 tenants are tried again");
    fake_run_free(&run);
    run = RUN(fake, "rollout", "retry", "1f3a", "-o", "json");
    has(run.out, "\"retried\": 3");
    fake_run_free(&run);
    assert_string_equal(fake_asked(fake),
                        "rollout.pause {\"rollout\":\"1f3a\",\"reason\":\"lunch\"}\n"
                        "rollout.resume {\"rollout\":\"1f3a\",\"reason\":\"lunch\"}\n"
                        "rollout.stop {\"rollout\":\"1f3a\",\"reason\":\"lunch\"}\n"
                        "rollout.retry {\"rollout\":\"1f3a\",\"tenants\":[\"a\",\"b\"]}\n"
                        "rollout.retry {\"rollout\":\"1f3a\"}\n");
    fake_stop(&fake);
}

/* An order without an answer may have been obeyed: that is said, and it is the same order again. */
static void test_unanswered_order(void **state) {
    const fake_reply_t replies[] = {{.verb = "rollout.stop", .silent = true}};
    fake_t *fake = fake_start(&(fake_options_t){.timeout = "200ms"}, replies, 1);
    (void)state;
    fake_run_t run = RUN(fake, "rollout", "stop", "1f3a");
    assert_int_equal(run.err.code, ERROR_WIRE_TIMEOUT);
    assert_int_equal(run.exit_code, 5);
    has(run.errors, "may have been carried out");
    assert_int_equal(fake_ids(fake), 1);
    fake_run_free(&run);
    fake_stop(&fake);
}

static void test_report(void **state) {
    const fake_reply_t replies[] = {{.verb = "rollout.report",
                                     .document = "{\"name\":\"app V042\",\"tasks\":[{\"name\":"
                                                 "\"acme\"}],\"spec\":\"select: all\"}"}};
    fake_t *fake = fake_start(&(fake_options_t){0}, replies, 1);
    (void)state;
    fake_run_t run = RUN(fake, "rollout", "report");
    has(run.out, "# Rollout app V042\n");
    has(run.out, "| acme |");
    fake_run_free(&run);
    run = RUN(fake, "rollout", "report", "1f3a", "--out", "@page");
    assert_string_equal(run.out, "");
    fake_run_free(&run);
    char *page = fake_read(fake, "page");
    has(page, "# Rollout app V042\n");
    free(page);
    run = RUN(fake, "rollout", "report", "1f3a", "-o", "json");
    has(run.out, "\"spec\": \"select: all\"");
    fake_run_free(&run);
    fake_stop(&fake);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plan),          cmocka_unit_test(test_bad_spec),
        cmocka_unit_test(test_saved_plan),    cmocka_unit_test(test_stale_plan),
        cmocka_unit_test(test_nobody_to_ask), cmocka_unit_test(test_asked),
        cmocka_unit_test(test_yes),           cmocka_unit_test(test_status),
        cmocka_unit_test(test_failures),      cmocka_unit_test(test_turns),
        cmocka_unit_test(test_report),        cmocka_unit_test(test_unanswered_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
