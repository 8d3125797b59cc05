/*
 * remote_care.c: what people do after bad days: look at what was left behind (remote_doctor.c),
 * rule on what nobody can read (remote_resolve.c), follow a catalog that is filled again
 * (remote_refill.c).
 */
#include "tests/unit/cli/fake.h"
#include "tests/unit/base/cmocka_all.h"

#define RUN(fake, ...) fake_run(fake, (const char *const[FAKE_WORDS]){__VA_ARGS__})

static void has(const char *text, const char *part) {
    if (strstr(text, part) == NULL) {
        fail_msg("'%s' is not in:\n%s", part, text);
    }
}

/* --- doctor ---------------------------------------------------------------------------------- */

static void test_doctor_finds_nothing(void **state) {
    const fake_reply_t replies[] = {
        {.verb = "fleet.doctor",
         .document = "{\"findings\":[],\"found\":0,\"agents\":2,\"clusters\":3,\"tenants\":40}"}};
    fake_t *fake = fake_start(&(fake_options_t){0}, replies, 1);
    (void)state;
    fake_run_t run = RUN(fake, "doctor");
    assert_int_equal(run.exit_code, 0);
    assert_string_equal(run.out, "0 findings in 2 agents, 3 clusters, 40 tenants\n");
    fake_run_free(&run);
    fake_stop(&fake);
}

/* A finding is told with its place and the command that mends it; there being any is the answer. */
static void test_doctor_finds(void **state) {
    const fake_reply_t replies[] = {
        {.verb = "fleet.doctor",
         .document =
             "{\"findings\":[{\"kind\":\"lock\",\"severity\":\"error\",\"what\":\"held\\nby "
             "\\u001b[31msomebody\",\"cluster\":\"main\",\"database\":\"acme\","
             "\"tenant\":\"acme\",\"command\":\"psql -d 'acme'\"},{\"kind\":\"backup_old\","
             "\"severity\":\"note\",\"what\":\"3 backups\",\"cluster\":\"\","
             "\"database\":\"\",\"tenant\":\"\",\"command\":\"drover backup prune\"}],"
             "\"found\":2,\"agents\":1,\"clusters\":1,\"tenants\":1}"}};
    fake_t *fake = fake_start(&(fake_options_t){0}, replies, 1);
    (void)state;
    fake_run_t run = RUN(fake, "doctor");
    assert_int_equal(run.err.code, ERROR_DOCTOR_FINDINGS);
    assert_int_equal(run.exit_code, 1);
    has(run.out, "error lock  cluster main  database acme  tenant acme\n  held\n  by ");
    has(run.out, "  mend: psql -d 'acme'\n");
    has(run.out, "note backup_old\n  3 backups\n  mend: drover backup prune\n");
    has(run.out, "\n2 findings in 1 agents, 1 clusters, 1 tenants\n");
    assert_null(strchr(run.out, 0x1b)); /* nobody's text commands the terminal */
    fake_run_free(&run);
    run = RUN(fake, "doctor", "-o", "json");
    assert_int_equal(run.err.code, ERROR_DOCTOR_FINDINGS);
    has(run.out, "\"backup_old\"");
    fake_run_free(&run);
    fake_stop(&fake);
}

/* --- resolve --------------------------------------------------------------------------------- */

#define KNOWN                                                                                      \
    "{\"rollout\":\"1f3a0000-0000-4000-8000-000000000001\",\"name\":\"spring\",\"task\":{"         \
    "\"name\":\"acme\",\"tenant\":\"t\",\"state\":\"unknown\"},\"ledger\":{\"said\":\"V003\"},"    \
    "\"blocker\":\"its agent is gone\",\"reader\":null}"

static void test_resolve(void **state) {
    const fake_reply_t replies[] = {
        {.verb = "task.show", .document = KNOWN},
        {.verb = "task.resolve",
         .document = "{\"name\":\"spring\",\"task\":{\"name\":\"acme\",\"state\":\"gone\"}}"}};
    fake_t *fake = fake_start(&(fake_options_t){0}, replies, 2);
    (void)state;
    fake_run_t run = RUN(fake, "resolve", "acme", "--rollout", "1f3a", "--as", "gone");
    assert_int_equal(run.err.code, ERROR_USAGE); /* why is wanted */
    fake_run_free(&run);
    run = RUN(fake, "resolve", "acme", "--rollout", "1f3a", "--as", "gone", "-m", "burnt");
    assert_int_equal(run.err.code, ERROR_CONFIRMATION);
    has(run.out, "its agent is gone");
    has(run.out, "V003");
    has(run.out, "no rollout and no rollback waits for it");
    assert_null(strstr(fake_asked(fake), "task.resolve"));
    fake_run_free(&run);
    run = RUN(fake, "resolve", "acme", "--rollout", "1f3a", "--as", "gone", "-m", "burnt", "-y");
    assert_int_equal(run.exit_code, 0);
    has(run.errors, "acme is gone in rollout spring, by your ruling");
    /* of the rollout that was shown, whatever else begins with those digits by now */
    has(fake_asked(fake), "\"rollout\":\"1f3a0000-0000-4000-8000-000000000001\"");
    has(fake_asked(fake), "\"reason\":\"burnt\"");
    fake_run_free(&run);
    fake_stop(&fake);
}

static void test_resolve_means(void **state) {
    const fake_reply_t replies[] = {{.verb = "task.show", .document = KNOWN}};
    fake_t *fake = fake_start(&(fake_options_t){0}, replies, 1);
    (void)state;
    fake_run_t run =
        RUN(fake, "resolve", "acme", "--rollout", "1f3a", "--as", "applied", "-m", "x");
    has(run.out, "by your word alone");
    fake_run_free(&run);
    run = RUN(fake, "resolve", "acme", "--rollout", "1f3a", "--as", "not-applied", "-m", "x");
    has(run.out, "counts as failed with nothing changed");
    fake_run_free(&run);
    assert_null(strstr(fake_asked(fake), "task.resolve"));
    fake_stop(&fake);
}

static void test_resolve_is_refused(void **state) {
    const fake_reply_t replies[] = {
        {.verb = "task.show", .document = KNOWN},
        {.verb = "task.resolve", .code = "DRV-6031", .message = "agent 'one' is connected"}};
    fake_t *fake = fake_start(&(fake_options_t){0}, replies, 2);
    (void)state;
    fake_run_t run =
        RUN(fake, "resolve", "acme", "--rollout", "1f3a", "--as", "applied", "-m", "x", "-y");
    assert_int_equal(run.err.code, ERROR_EVIDENCE_READABLE);
    has(run.err.message, "agent 'one' is connected");
    fake_run_free(&run);
    fake_stop(&fake);
}

/* --- a catalog that went back ---------------------------------------------------------------- */

#define RECOVERING                                                                                 \
    "{\"recovering\":true,\"since_us\":5,\"reason\":\"an older copy\",\"agents_total\":2,"         \
    "\"waits_for\":1,\"agents\":[{\"name\":\"db6\",\"standing\":\"done\",\"online\":true,"         \
    "\"acknowledged\":9},{\"name\":\"db7\",\"standing\":\"awaited\",\"online\":false,"             \
    "\"acknowledged\":4}],\"unknown_rollouts\":[{\"rollout\":\"r1\",\"order_digest\":\"d1\","      \
    "\"application\":\"shop\",\"jobs\":3,\"words\":\"kept by agent 'db6'\"}]}"

static void test_recovery(void **state) {
    const fake_reply_t replies[] = {
        {.verb = "coordinator.recovery", .document = RECOVERING},
        {.verb = "coordinator.recovery",
         .document = "{\"recovering\":false,\"since_us\":5,\"agents\":[],\"unknown_rollouts\":[]}"},
        {.verb = "coordinator.recovery",
         .document =
             "{\"recovering\":false,\"since_us\":0,\"agents\":[],\"unknown_rollouts\":[]}"}};
    fake_t *fake = fake_start(&(fake_options_t){0}, replies, 3);
    (void)state;
    fake_run_t run = RUN(fake, "coordinator", "recovery");
    assert_int_equal(run.exit_code, 0);
    has(run.out, "an older copy");
    has(run.out, "rollout r1, order d1, application shop, 3 jobs\n    kept by agent 'db6'");
    has(run.out, "it waits for 1 of 2 agents");
    has(run.out, "drover coordinator recovered --without AGENT --reason TEXT\n");
    fake_run_free(&run);
    run = RUN(fake, "coordinator", "recovery"); /* it is over */
    has(run.out, "it is filled again: 'drover rollout list' shows what is paused");
    fake_run_free(&run);
    run = RUN(fake, "coordinator", "recovery"); /* and here it never was */
    assert_null(strstr(run.out, "filled again"));
    fake_run_free(&run);
    fake_stop(&fake);
}

static void test_recovered(void **state) {
    const fake_reply_t replies[] = {
        {.verb = "coordinator.recovery", .document = RECOVERING},
        {.verb = "coordinator.recovered", .document = "{\"name\":\"db7\"}"}};
    fake_t *fake = fake_start(&(fake_options_t){0}, replies, 2);
    (void)state;
    fake_run_t run = RUN(fake, "coordinator", "recovered", "--without", "db7", "-m", "burnt");
    assert_int_equal(run.err.code, ERROR_CONFIRMATION);
    has(run.out, "agent db7: awaited, not connected; the catalog has its reports up to number 4");
    has(run.out, "ledger and fence keep that from being done twice");
    fake_run_free(&run);
    run = RUN(fake, "coordinator", "recovered", "--without", "db9", "-m", "burnt");
    has(run.out, "agent db9 is not among those that are waited for");
    assert_null(strstr(fake_asked(fake), "coordinator.recovered"));
    fake_run_free(&run);
    run = RUN(fake, "coordinator", "recovered", "--without", "db7", "-m", "burnt", "-y");
    assert_int_equal(run.exit_code, 0);
    has(run.errors, "the catalog waits for db7 no longer");
    has(fake_asked(fake), "coordinator.recovered {\"without\":\"db7\",\"reason\":\"burnt\"}\n");
    fake_run_free(&run);
    fake_stop(&fake);
}

static void test_saved(void **state) {
    const fake_reply_t replies[] = {{.verb = "coordinator.saved", .document = "{\"saved_us\":5}"}};
    fake_t *fake = fake_start(&(fake_options_t){0}, replies, 1);
    (void)state;
    fake_run_t run = RUN(fake, "coordinator", "saved");
    assert_int_equal(run.exit_code, 0);
    has(fake_asked(fake), "coordinator.saved {}\n");
    fake_run_free(&run);
    run = RUN(fake, "coordinator", "saved", "--at", "2026-03-01T03:00Z");
    assert_int_equal(run.exit_code, 0);
    has(fake_asked(fake), "coordinator.saved {\"at_us\":1772334000000000}\n");
    fake_run_free(&run);
    run = RUN(fake, "coordinator", "saved", "--at", "once");
    assert_int_equal(run.exit_code, 1);
    has(run.err.message, "--at");
    fake_run_free(&run);
    fake_stop(&fake);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_doctor_finds_nothing),
        cmocka_unit_test(test_doctor_finds),
        cmocka_unit_test(test_resolve),
        cmocka_unit_test(test_resolve_means),
        cmocka_unit_test(test_resolve_is_refused),
        cmocka_unit_test(test_recovery),
        cmocka_unit_test(test_recovered),
        cmocka_unit_test(test_saved),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
