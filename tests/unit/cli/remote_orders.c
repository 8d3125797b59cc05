/* Tests of cli/remote_rollback.c and remote_backup.c: the orders beside rollouts. */
#include "tests/unit/cli/fake.h"

#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define STARTED                                                                                    \
    "{\"rollout\":\"77aa22c4-0000\",\"name\":\"back\",\"state\":\"running\",\"totals\":{}}"
#define UNDO                                                                                       \
    "{\"plan_digest\":\"d7\",\"kind\":\"undo\",\"method\":\"undo\",\"target_version\":\"V041\","   \
    "\"totals\":{\"work\":2},\"waves\":[{\"number\":0}]}"
#define RESTORE                                                                                    \
    "{\"plan_digest\":\"d8\",\"kind\":\"restore\",\"method\":\"restore\",\"totals\":{\"work\":2}," \
    "\"data_loss\":{\"oldest_us\":1772334000000000,\"newest_us\":1772334060000000}}"

#define RUN(fake, ...) fake_run(fake, (const char *const[FAKE_WORDS]){__VA_ARGS__})

static void has(const char *text, const char *part) {
    if (strstr(text, part) == NULL) {
        fail_msg("no '%s' in:\n%s", part, text);
    }
}

static fake_t *start(const char *verb, const char *plan) {
    char plan_verb[32];
    char start_verb[32];
    (void)snprintf(plan_verb, sizeof plan_verb, "%s.plan", verb);
    (void)snprintf(start_verb, sizeof start_verb, "%s.start", verb);
    static char kept[2][32];
    (void)strcpy(kept[0], plan_verb);
    (void)strcpy(kept[1], start_verb);
    const fake_reply_t replies[] = {{.verb = kept[0], .document = plan},
                                    {.verb = kept[1], .document = STARTED},
                                    {.verb = "bundles.list",
                                     .document = "{\"bundles\":[{\"application\":\"app\"},"
                                                 "{\"application\":\"app\"}]}"},
                                    {.verb = "bundles.list",
                                     .document = "{\"bundles\":[{\"application\":\"app\"},"
                                                 "{\"application\":\"bill\"}]}"},
                                    {.verb = "bundles.list", .document = "{\"bundles\":[]}"}};
    return fake_start(&(fake_options_t){0}, replies, sizeof replies / sizeof replies[0]);
}

static void test_rollback(void **state) {
    fake_t *fake = start("rollback", UNDO);
    (void)state;
    fake_run_t run = RUN(fake, "rollback", "1f3a", "--yes", "-m", "bad data");
    assert_int_equal(run.exit_code, 0);
    has(run.out, "undo to V041");
    has(run.out, "rollout back (77aa22c4) running");
    fake_run_free(&run);
    run = RUN(fake, "rollback", "-l", "tier=gold", "--to", "V040", "-a", "app", "--no-sql", "-y");
    assert_int_equal(run.exit_code, 0);
    fake_run_free(&run);
    assert_string_equal(
        fake_asked(fake),
        "rollback.plan {\"rollout\":\"1f3a\",\"method\":\"undo\"}\n"
        "rollback.start {\"reason\":\"bad data\",\"rollout\":\"1f3a\",\"method\":\"undo\"}\n"
        "rollback.plan {\"select\":\"tier=gold\",\"to\":\"V040\",\"application\":\"app\","
        "\"method\":\"undo\",\"sql\":false}\n"
        "rollback.start {\"select\":\"tier=gold\",\"to\":\"V040\",\"application\":\"app\","
        "\"method\":\"undo\"}\n");
    run = RUN(fake, "rollback", "1f3a");
    assert_int_equal(run.err.code, ERROR_CONFIRMATION);
    has(run.err.message, "start this undo to V041 on 2 tenants in 1 wave?");
    fake_run_free(&run);
    fake_stop(&fake);
}

static void test_rollback_lines(void **state) {
    static const char *const LINES[][FAKE_WORDS] = {
        {"rollback"},
        {"rollback", "1f3a", "--to", "V001"},
        {"rollback", "1f3a", "--select", "a=b"},
        {"rollback", "--select", "a=b"},
        {"rollback", "--to", "V001"},
        {"rollback", "1f3a", "--bundle", "b"},
        {"baseline", "--select", "a", "--at", "empty", "--bundle", "b", "--application", "a"},
        {"backup", "create"},
        {"backup", "create", "--select", "a", "--tenant", "b"},
    };
    fake_t *fake = start("rollback", UNDO);
    (void)state;
    for (size_t i = 0; i < sizeof LINES / sizeof LINES[0]; i++) {
        fake_run_t run = fake_run(fake, LINES[i]);
        assert_int_equal(run.err.code, ERROR_USAGE);
        assert_int_equal(run.exit_code, 2);
        fake_run_free(&run);
    }
    assert_string_equal(fake_asked(fake), "");
    fake_stop(&fake);
}

/* --yes does not stand for losing rows. */
static void test_restore_loses_rows(void **state) {
    fake_t *fake = start("rollback", RESTORE);
    (void)state;
    fake_run_t run = RUN(fake, "rollback", "1f3a", "--method", "restore", "--yes");
    assert_int_equal(run.err.code, ERROR_RESTORE_REFUSED);
    assert_int_equal(run.exit_code, 4);
    has(run.out, "DATA LOSS: rows written since ");
    assert_null(strstr(fake_asked(fake), "rollback.start"));
    fake_run_free(&run);
    run = RUN(fake, "rollback", "1f3a", "--method", "restore", "--yes", "--accept-data-loss");
    assert_int_equal(run.exit_code, 0);
    has(fake_asked(fake), "rollback.start {\"accept_data_loss\":true,\"rollout\":\"1f3a\","
                          "\"method\":\"restore\"}");
    fake_run_free(&run);
    fake_stop(&fake);
}

static void test_baseline(void **state) {
    fake_t *fake = start("baseline", "{\"kind\":\"baseline\",\"totals\":{\"work\":2}}");
    (void)state;
    fake_run_t run = RUN(fake, "baseline", "-l", "all", "--at", "empty", "-y");
    assert_int_equal(run.exit_code, 0);
    fake_run_free(&run);
    has(fake_asked(fake),
        "bundles.list {}\n"
        "baseline.plan {\"select\":\"all\",\"at\":\"empty\",\"bundle\":\"app\"}\n"
        "baseline.start {\"select\":\"all\",\"at\":\"empty\",\"bundle\":\"app\"}\n");
    run = RUN(fake, "baseline", "-l", "all", "--at", "V001", "-y");
    assert_int_equal(run.err.code, ERROR_USAGE);
    has(run.err.message, "'app' and 'bill'");
    fake_run_free(&run);
    run = RUN(fake, "baseline", "-l", "all", "--at", "V001", "-y");
    assert_int_equal(run.err.code, ERROR_BUNDLE_UNKNOWN);
    fake_run_free(&run);
    run = RUN(fake, "baseline", "-l", "all", "--at", "V001", "-y", "-a", "bill");
    assert_int_equal(run.exit_code, 0);
    has(fake_asked(fake), "\"at\":\"V001\",\"bundle\":\"bill\"}");
    fake_run_free(&run);
    fake_stop(&fake);
}

static void test_backups(void **state) {
    const fake_reply_t replies[] = {
        {.verb = "backup.create", .document = STARTED},
        {.verb = "backup.check", .document = STARTED},
        {.verb = "backup.restore", .document = STARTED},
        {.verb = "backup.prune", .document = STARTED},
        {.verb = "backup.prune_plan",
         .document = "{\"kind\":\"prune\",\"plan_digest\":\"d9\",\"backups\":[{\"backup\":"
                     "\"bk-9\"}]}"},
        {.verb = "backup.show",
         .document = "{\"backup\":{\"name\":\"acme\",\"taken_us\":1772334000000000}}"}};
    fake_t *fake = fake_start(&(fake_options_t){0}, replies, sizeof replies / sizeof replies[0]);
    (void)state;
    fake_run_t run = RUN(fake, "backup", "create", "-t", "acme", "-m", "before friday");
    assert_int_equal(run.exit_code, 0);
    fake_run_free(&run);
    run = RUN(fake, "backup", "check", "bk");
    assert_int_equal(run.exit_code, 0);
    fake_run_free(&run);
    run = RUN(fake, "backup", "prune", "--keep", "1d", "-y");
    assert_int_equal(run.exit_code, 0);
    has(run.out, "bk-9");
    fake_run_free(&run);
    assert_string_equal(fake_asked(fake),
                        "backup.create {\"reason\":\"before friday\",\"tenant\":\"acme\"}\n"
                        "backup.check {\"backup\":\"bk\"}\n"
                        "backup.prune_plan {\"keep_us\":86400000000}\n"
                        "backup.prune {\"keep_us\":86400000000}\n");
    run = RUN(fake, "backup", "restore", "bk");
    assert_int_equal(run.err.code, ERROR_CONFIRMATION);
    has(run.err.message, "bring tenant 'acme' back to its backup of ");
    has(run.err.message, "if nothing was written since?");
    assert_null(strstr(fake_asked(fake), "backup.restore"));
    fake_run_free(&run);
    run = RUN(fake, "backup", "restore", "bk", "--accept-data-loss", "-y");
    assert_int_equal(run.exit_code, 0);
    has(fake_asked(fake), "backup.restore {\"accept_data_loss\":true,\"backup\":\"bk\"}\n");
    fake_run_free(&run);
    fake_stop(&fake);
}

/* What a person agreed to at the keyboard names its plan, but where the verb takes none. */
static void test_agreed(void **state) {
    const fake_reply_t replies[] = {
        {.verb = "backup.prune", .document = STARTED},
        {.verb = "backup.prune_plan", .document = "{\"plan_digest\":\"d9\"}"},
        {.verb = "rollback.plan", .document = UNDO},
        {.verb = "rollback.start", .document = STARTED}};
    fake_t *fake = fake_start(&(fake_options_t){0}, replies, 4);
    (void)state;
    assert_int_equal(setenv("TERM", "xterm", 1), 0);
    fake_run_t run =
        fake_run_on_terminal(fake, "yes\n", (const char *const[FAKE_WORDS]){"backup", "prune"});
    assert_int_equal(run.exit_code, 0);
    has(fake_asked(fake), "backup.prune {}\n");
    fake_run_free(&run);
    run = fake_run_on_terminal(fake, "y\n", (const char *const[FAKE_WORDS]){"rollback", "1f3a"});
    assert_int_equal(run.exit_code, 0);
    has(fake_asked(fake), "rollback.start {\"plan_digest\":\"d7\",");
    fake_run_free(&run);
    fake_stop(&fake);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rollback),
        cmocka_unit_test(test_rollback_lines),
        cmocka_unit_test(test_restore_loses_rows),
        cmocka_unit_test(test_baseline),
        cmocka_unit_test(test_backups),
        cmocka_unit_test(test_agreed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
