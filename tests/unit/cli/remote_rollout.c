/* Tests of cli/remote_rollout.c, remote_report.c and order.c: planning, starting, looking. */
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

#define DRAFTED "{\"verb\":\"rollout.start\",\"arguments\":{"
#define DIGEST                                                                                     \
    "\"plan_digest\":\"d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1\""

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

/* The plan of the spec, and what saves it. */
static json_t *forward(void) {
    json_t *plan = drafts_plan("forward");
    (void)json_object_set_new(plan, "spec", json_string(SPEC));
    return plan;
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
    fake_draft(fake, forward(), ORDER_ROLLOUT);
    run = RUN(fake, "rollout", "start", "@spec", "--look", "--yes");
    assert_int_equal(run.exit_code, 0);
    has(fake_asked(fake), "rollout.start {\"spec\":" SPEC_JSON ",\"look\":true," DIGEST ",");
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
    fake_t *fake = fake_start(&(fake_options_t){0}, &REPLIES[1], 1);
    (void)state;
    fake_write(fake, "spec", SPEC);
    fake_add(fake, &(fake_reply_t){.verb = "rollout.plan", .document = fake_keep(fake, forward())});
    fake_draft(fake, forward(), ORDER_ROLLOUT);
    fake_run_t run = RUN(fake, "rollout", "plan", "@spec", "--out", "@plan");
    assert_int_equal(run.exit_code, 0);
    has(run.errors, "saved; start it with 'drover rollout start ");
    fake_run_free(&run);
    run = RUN(fake, "rollout", "start", "@plan", "--yes");
    assert_int_equal(run.exit_code, 0);
    has(run.out, "target          position 42 of the bundle\n");
    has(run.out, "rollout app V042 (1f3a22c4) running: 1 tenant with work");
    has(run.errors, "drover rollout watch 1f3a22c4");
    has(fake_asked(fake), "\norder.draft " DRAFTED "\"spec\":" SPEC_JSON ",\"bundle\":\"b0b0");
    has(fake_asked(fake), "\nrollout.start {\"spec\":" SPEC_JSON ",\"bundle\":\"b0b0");
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

/* Write a plan into the folder as 'rollout plan --out' does. */
static void save(fake_t *fake, json_t *plan) {
    fake_write(fake, "plan", fake_keep(fake, plan));
}

/* A saved plan that would be another one now is not started, whether the coordinator says so or
 * hides it: the order is held against the plan that somebody read. */
static void test_stale_plan(void **state) {
    fake_t *fake = start();
    json_t *saved = forward();
    (void)state;
    (void)json_object_set_new(saved, "plan_digest", json_string("d2"));
    save(fake, saved);
    fake_draft(fake, forward(), ORDER_ROLLOUT);
    fake_run_t run = RUN(fake, "rollout", "start", "@plan", "--yes");
    assert_int_equal(run.err.code, ERROR_PLAN_STALE);
    assert_int_equal(run.exit_code, 1);
    fake_run_free(&run);
    saved = forward();
    (void)json_array_remove(json_object_get(saved, "looked_at"), 0);
    save(fake, saved);
    run = RUN(fake, "rollout", "start", "@plan", "--yes");
    assert_int_equal(run.err.code, ERROR_ORDER_DIFFERS);
    has(run.err.message, "wave 2 has 3 tenants, 2 are shown");
    assert_null(strstr(fake_asked(fake), "rollout.start {"));
    fake_run_free(&run);
    fake_stop(&fake);
}

/* Where nobody reads the plan, a fleet that changed meanwhile costs another draft, and no more
 * than a few. */
static void test_changed_meanwhile(void **state) {
    static const fake_reply_t STALE = {
        .verb = "rollout.start", .code = "DRV-6012", .message = "the plan is another now"};
    const fake_reply_t replies[] = {STALE, REPLIES[1], STALE};
    fake_t *fake = fake_start(&(fake_options_t){0}, replies, 3);
    (void)state;
    fake_write(fake, "spec", SPEC);
    fake_draft(fake, forward(), ORDER_ROLLOUT);
    fake_run_t run = RUN(fake, "rollout", "start", "@spec", "--yes");
    assert_int_equal(run.exit_code, 0);
    assert_int_equal(fake_ids(fake), 4); /* twice drafted, twice started */
    fake_run_free(&run);
    run = RUN(fake, "rollout", "start", "@spec", "--yes");
    assert_int_equal(run.err.code, ERROR_PLAN_STALE);
    assert_int_equal(fake_ids(fake), 10);
    fake_run_free(&run);
    fake_stop(&fake);
}

/* Without --yes and without anybody to ask nothing is started. */
static void test_nobody_to_ask(void **state) {
    fake_t *fake = start();
    (void)state;
    fake_draft(fake, forward(), ORDER_ROLLOUT);
    fake_run_t run = RUN(fake, "rollout", "start", "@spec");
    assert_int_equal(run.err.code, ERROR_CONFIRMATION);
    assert_int_equal(run.exit_code, 4);
    has(run.err.message, "start this forward to V042 on 4 tenants in 3 waves?");
    has(run.out, "wave 1 'canary'");
    has(run.out, "waves           1: 1 tenant, at most 0 failures\n");
    has(run.out, "2: 3 tenants, at most 2 failures, soaks ");
    has(run.out, ", opens by an approval\ntenants         4\n");
    assert_null(strstr(fake_asked(fake), "rollout.start {"));
    fake_run_free(&run);
    fake_stop(&fake);
}

static void test_asked(void **state) {
    fake_t *fake = start();
    (void)state;
    fake_draft(fake, forward(), ORDER_ROLLOUT);
    assert_int_equal(setenv("TERM", "xterm", 1), 0);
    fake_run_t run = fake_run_on_terminal(
        fake, "no\n", (const char *const[FAKE_WORDS]){"rollout", "start", "@spec"});
    assert_int_equal(run.err.code, ERROR_CONFIRMATION);
    assert_int_equal(run.exit_code, 4);
    assert_null(strstr(fake_asked(fake), "rollout.start {"));
    fake_run_free(&run);
    run = fake_run_on_terminal(fake, "yes\n",
                               (const char *const[FAKE_WORDS]){"rollout", "start", "@spec"});
    assert_int_equal(run.exit_code, 0);
    has(run.out, "[yes/no]");
    /* what was agreed to is what is started */
    has(fake_asked(fake), "rollout.start {\"spec\":" SPEC_JSON "," DIGEST ",\"order\":\"");
    fake_run_free(&run);
    fake_stop(&fake);
}

static void test_yes(void **state) {
    fake_t *fake = start();
    (void)state;
    fake_draft(fake, forward(), ORDER_ROLLOUT);
    fake_run_t run = RUN(fake, "rollout", "start", "@spec", "-y", "--name", "friday", "-ojson");
    assert_int_equal(run.exit_code, 0);
    json_t *shown = json_loads(run.out, 0, NULL);
    assert_string_equal(json_string_value(json_object_get(shown, "rollout")), "1f3a22c4-0000");
    json_decref(shown);
    has(fake_asked(fake),
        "order.draft " DRAFTED "\"name\":\"friday\",\"spec\":" SPEC_JSON "}}\n"
        "rollout.start {\"name\":\"friday\",\"spec\":" SPEC_JSON "," DIGEST ",\"order\":\"");
    fake_run_free(&run);
    run = RUN(fake, "rollout", "start", "@spec", "-y", "--timeout", "5s");
    assert_int_equal(run.err.code, ERROR_USAGE);
    fake_run_free(&run);
    fake_stop(&fake);
}

static void silence(drafts_order_t *draft) {
    draft->waves[0].silence_passes = draft->waves[1].silence_passes = true;
}

/* --yes waves the operator's own spec through, not whatever comes back for it. */
static void test_yes_is_no_blank(void **state) {
    fake_t *fake = start();
    json_t *other = forward();
    (void)state;
    fake_draft_lie(fake, forward(), ORDER_ROLLOUT, silence);
    (void)json_object_set_new(other, "application", json_string("bill"));
    fake_draft(fake, other, ORDER_ROLLOUT);
    for (int i = 0; i < 2; i++) {
        fake_run_t run = RUN(fake, "rollout", "start", "@spec", "-y");
        assert_int_equal(run.err.code, ERROR_ORDER_DIFFERS);
        assert_int_equal(run.exit_code, 1);
        assert_null(strstr(fake_asked(fake), "rollout.start {"));
        fake_run_free(&run);
    }
    fake_stop(&fake);
}

/* Nobody gets a job: nothing is signed. A coordinator that only says so is not believed. */
static void test_nothing_to_sign(void **state) {
    fake_t *fake = start();
    json_t *empty = forward();
    json_t *full = forward();
    (void)state;
    (void)json_array_clear(json_object_get(empty, "tenants"));
    (void)json_array_clear(json_object_get(empty, "looked_at"));
    (void)json_object_set_new(empty, "draft", json_string(""));
    (void)json_object_set_new(full, "draft", json_string(""));
    fake_add(fake, &(fake_reply_t){.verb = "order.draft", .document = fake_keep(fake, empty)});
    fake_add(fake, &(fake_reply_t){.verb = "order.draft", .document = fake_keep(fake, full)});
    fake_run_t run = RUN(fake, "rollout", "start", "@spec", "-y");
    assert_int_equal(run.exit_code, 0);
    has(fake_asked(fake), "rollout.start {\"spec\":" SPEC_JSON "," DIGEST "}\n");
    fake_run_free(&run);
    run = RUN(fake, "rollout", "start", "@spec", "-y");
    assert_int_equal(run.err.code, ERROR_ORDER_DIFFERS);
    fake_run_free(&run);
    fake_stop(&fake);
}

/* Below the threshold the rollout is kept, and who signs next is told how; nobody waits for that.
 */
static void test_waits(void **state) {
    static const char ANSWER[] =
        "{\"rollout\":\"1f3a22c4-0000\",\"name\":\"app V042\",\"state\":\"planned\",\"totals\":{},"
        "\"signatures\":{\"needed\":3,\"have\":1,\"by\":[\"olga\"]}}";
    const fake_reply_t replies[] = {{.verb = "rollout.start", .document = ANSWER}};
    static const char *const LINES[][FAKE_WORDS] = {
        {"rollout", "start", "@spec", "-y"},
        {"rollout", "start", "@spec", "-y", "--wait"},
        {"rollout", "start", "@spec", "-y", "--wait", "-o", "json"}};
    fake_t *fake = fake_start(&(fake_options_t){0}, replies, 1);
    (void)state;
    fake_write(fake, "spec", SPEC);
    fake_draft(fake, forward(), ORDER_ROLLOUT);
    for (size_t i = 0; i < 3; i++) {
        fake_run_t run = fake_run(fake, LINES[i]);
        assert_int_equal(run.err.code, ERROR_ORDER_WAITS);
        assert_int_equal(run.exit_code, 4);
        has(run.err.message, "rollout app V042 (1f3a22c4) waits for 2 signatures");
        has(run.errors,
            "3 people must sign it; so far: olga\n  drover rollout approve 1f3a22c4    show");
        has(run.out, i < 2 ? "rollout app V042 (1f3a22c4) planned" : "\"needed\": 3");
        fake_run_free(&run);
    }
    assert_null(strstr(fake_asked(fake), "rollout.status"));
    fake_stop(&fake);
}

#define STATUS                                                                                     \
    "{\"rollout\":\"1f3a22c4-0000\",\"name\":\"app V042\",\"kind\":\"forward\",\"state\":"         \
    "\"paused\",\"touched\":1,\"tasks\":2,\"counts\":{\"failed\":1},\"failures\":[{\"code\":"      \
    "\"DRV-3004\",\"sqlstate\":\"23505\",\"count\":1,\"tenant\":\"acme\",\"error\":\"dup\"}]}"

/* What work waits for: an agent that is away has all of it wait, what went back unbegun is counted.
 */
static void test_status_names_blockers(void **state) {
    static const char ANSWER[] =
        "{\"rollout\":\"1f3a22c4-0000\",\"name\":\"app V042\",\"kind\":\"forward\","
        "\"state\":\"running\",\"tasks\":9,\"clusters\":["
        "{\"cluster\":\"eu\",\"in_flight\":2,\"ready\":3,\"given_back\":0,"
        "\"blocker\":\"its agent is away\",\"code\":\"DRV-6013\",\"hint\":\"look\"},"
        "{\"cluster\":\"us\",\"in_flight\":2,\"ready\":3,\"given_back\":1,"
        "\"blocker\":\"a hold stands\",\"code\":\"DRV-7048\",\"hint\":\"release it\"}]}";
    const fake_reply_t replies[] = {{.verb = "rollout.status", .document = ANSWER}};
    fake_t *fake = fake_start(&(fake_options_t){0}, replies, 1);
    (void)state;
    fake_run_t run = fake_run(fake, (const char *const[FAKE_WORDS]){"rollout", "status"});
    assert_int_equal(run.exit_code, 0);
    has(run.out, "cluster eu: 5 tenants wait: DRV-6013 its agent is away\n");
    has(run.out, "cluster us: 1 tenant waits: DRV-7048 a hold stands\n");
    has(run.out, "  HINT: release it\n");
    fake_run_free(&run);
    fake_stop(&fake);
}

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
        cmocka_unit_test(test_plan),
        cmocka_unit_test(test_bad_spec),
        cmocka_unit_test(test_saved_plan),
        cmocka_unit_test(test_stale_plan),
        cmocka_unit_test(test_changed_meanwhile),
        cmocka_unit_test(test_nobody_to_ask),
        cmocka_unit_test(test_asked),
        cmocka_unit_test(test_yes),
        cmocka_unit_test(test_yes_is_no_blank),
        cmocka_unit_test(test_nothing_to_sign),
        cmocka_unit_test(test_waits),
        cmocka_unit_test(test_status),
        cmocka_unit_test(test_status_names_blockers),
        cmocka_unit_test(test_failures),
        cmocka_unit_test(test_report),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
