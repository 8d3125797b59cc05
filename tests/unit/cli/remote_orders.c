/* Tests of cli/remote_rollback.c, remote_backup.c and order.c: the orders beside rollouts. */
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
#define DIGEST "\"plan_digest\":\"d1d1"

#define RUN(fake, ...) fake_run(fake, (const char *const[FAKE_WORDS]){__VA_ARGS__})

static void has(const char *text, const char *part) {
    if (strstr(text, part) == NULL) {
        fail_msg("no '%s' in:\n%s", part, text);
    }
}

static json_t *losing(void) {
    json_t *plan = drafts_plan("restore");
    (void)json_object_set_new(plan, "data_loss",
                              json_pack("{s:I,s:I}", "oldest_us", (json_int_t)1772334000000000,
                                        "newest_us", (json_int_t)1772334060000000));
    return plan;
}

/* A coordinator that starts what it is asked to, and drafts nothing yet. */
static fake_t *start(const char *verb) {
    const fake_reply_t replies[] = {{.verb = verb, .document = STARTED},
                                    {.verb = "bundles.list",
                                     .document = "{\"bundles\":[{\"application\":\"app\"},"
                                                 "{\"application\":\"app\"}]}"},
                                    {.verb = "bundles.list",
                                     .document = "{\"bundles\":[{\"application\":\"app\"},"
                                                 "{\"application\":\"bill\"}]}"},
                                    {.verb = "bundles.list", .document = "{\"bundles\":[]}"}};
    return fake_start(&(fake_options_t){0}, replies, sizeof replies / sizeof replies[0]);
}

/* The order in the last question of a verb: ours, and signed by us alone. */
static void signed_as(fake_t *fake, const char *verb, order_kind_t kind) {
    document_t *paper = fake_paper(fake, verb, "order");
    order_t *order = NULL;
    error_t err;
    assert_non_null(paper);
    assert_int_equal(order_read(paper, &order, &err), STATUS_OK);
    assert_int_equal(order->kind, kind);
    assert_int_equal(order->signer_count, 1);
    assert_true(sign_public_equal(&order->signers[0], fake_operator(fake)));
    assert_true(sign_public_equal(&order->proposer, fake_operator(fake)));
    order_destroy(&order);
    document_destroy(&paper);
}

static void test_rollback(void **state) {
    fake_t *fake = start("rollback.start");
    (void)state;
    fake_draft(fake, drafts_plan("undo"), ORDER_ROLLBACK);
    fake_run_t run = RUN(fake, "rollback", "1f3a", "--yes", "-m", "bad data");
    assert_int_equal(run.exit_code, 0);
    has(run.out, "undo of app to V041");
    has(run.out, "to be signed\norder           rollback of app in environment prod\n");
    has(run.out, "rollout back (77aa22c4) running");
    fake_run_free(&run);
    has(fake_asked(fake),
        "order.draft {\"verb\":\"rollback.start\",\"arguments\":{\"reason\":\"bad data\","
        "\"rollout\":\"1f3a\",\"method\":\"undo\"}}\n"
        "rollback.start {\"reason\":\"bad data\",\"rollout\":\"1f3a\",\"method\":\"undo\"," DIGEST);
    signed_as(fake, "rollback.start", ORDER_ROLLBACK);
    run = RUN(fake, "rollback", "-l", "tier=gold", "--to", "V040", "-a", "app", "--no-sql", "-y");
    assert_int_equal(run.exit_code, 0);
    fake_run_free(&run);
    has(fake_asked(fake), "rollback.start {\"select\":\"tier=gold\",\"to\":\"V040\","
                          "\"application\":\"app\",\"method\":\"undo\"," DIGEST);
    run = RUN(fake, "rollback", "1f3a");
    assert_int_equal(run.err.code, ERROR_CONFIRMATION);
    has(run.err.message, "start this undo to V041 on 4 tenants in 3 waves?");
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
    fake_t *fake = start("rollback.start");
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
    fake_t *fake = start("rollback.start");
    (void)state;
    fake_add(fake, &(fake_reply_t){.verb = "order.draft",
                                   .code = "DRV-4006",
                                   .message = "rows written since … would be lost"});
    fake_add(fake, &(fake_reply_t){.verb = "rollback.plan", .document = fake_keep(fake, losing())});
    fake_run_t run = RUN(fake, "rollback", "1f3a", "--method", "restore", "--yes", "-m", "why");
    assert_int_equal(run.err.code, ERROR_RESTORE_REFUSED);
    assert_int_equal(run.exit_code, 4);
    has(run.out, "DATA LOSS: rows written since ");
    assert_null(strstr(fake_asked(fake), "rollback.start {"));
    has(fake_asked(fake), "rollback.plan {\"rollout\":\"1f3a\",\"method\":\"restore\"}\n");
    fake_run_free(&run);
    fake_stop(&fake);
}

static void accept_loss(drafts_order_t *draft) {
    draft->order.accept_data_loss = true;
}

/* Even a coordinator that drafts an order where nobody agreed gets no signature. */
static void test_restore_unasked(void **state) {
    fake_t *fake = start("rollback.start");
    (void)state;
    fake_draft(fake, losing(), ORDER_RESTORE);
    fake_draft_lie(fake, losing(), ORDER_RESTORE, accept_loss);
    fake_draft_lie(fake, losing(), ORDER_RESTORE, accept_loss);
    fake_run_t run = RUN(fake, "rollback", "1f3a", "--method", "restore", "--yes");
    assert_int_equal(run.err.code, ERROR_RESTORE_REFUSED);
    fake_run_free(&run);
    run = RUN(fake, "rollback", "1f3a", "--method", "restore", "--yes");
    assert_int_equal(run.err.code, ERROR_ORDER_DIFFERS);
    assert_null(strstr(fake_asked(fake), "rollback.start {"));
    fake_run_free(&run);
    run = RUN(fake, "rollback", "1f3a", "--method", "restore", "--yes", "--accept-data-loss");
    assert_int_equal(run.exit_code, 0);
    has(run.out, "data loss       ACCEPTED");
    has(fake_asked(fake), "rollback.start {\"accept_data_loss\":true,\"rollout\":\"1f3a\","
                          "\"method\":\"restore\"," DIGEST);
    signed_as(fake, "rollback.start", ORDER_RESTORE);
    fake_run_free(&run);
    fake_stop(&fake);
}

static void test_baseline(void **state) {
    fake_t *fake = start("baseline.start");
    (void)state;
    fake_draft(fake, drafts_plan("baseline"), ORDER_BASELINE);
    fake_run_t run = RUN(fake, "baseline", "-l", "all", "--at", "empty", "-y");
    assert_int_equal(run.exit_code, 0);
    fake_run_free(&run);
    has(fake_asked(fake),
        "bundles.list {}\n"
        "order.draft {\"verb\":\"baseline.start\",\"arguments\":{\"select\":\"all\",\"at\":"
        "\"empty\",\"bundle\":\"app\"}}\n"
        "baseline.start {\"select\":\"all\",\"at\":\"empty\",\"bundle\":\"app\"," DIGEST);
    signed_as(fake, "baseline.start", ORDER_BASELINE);
    run = RUN(fake, "baseline", "-l", "all", "--at", "V001", "-y");
    assert_int_equal(run.err.code, ERROR_USAGE);
    has(run.err.message, "'app' and 'bill'");
    fake_run_free(&run);
    run = RUN(fake, "baseline", "-l", "all", "--at", "V001", "-y");
    assert_int_equal(run.err.code, ERROR_BUNDLE_UNKNOWN);
    fake_run_free(&run);
    run = RUN(fake, "baseline", "-l", "all", "--at", "V001", "-y", "-a", "bill");
    assert_int_equal(run.err.code, ERROR_ORDER_DIFFERS); /* the draft is app's still */
    has(fake_asked(fake), "\"at\":\"V001\",\"bundle\":\"bill\"}");
    fake_run_free(&run);
    fake_stop(&fake);
}

static void test_backups(void **state) {
    const fake_reply_t replies[] = {
        {.verb = "backup.create", .document = STARTED},
        {.verb = "backup.check", .document = STARTED},
        {.verb = "backup.prune", .document = STARTED},
        {.verb = "backup.prune_plan", .document = "{\"backups\":[{\"backup\":\"bk-9\"}]}"}};
    fake_t *fake = fake_start(&(fake_options_t){0}, replies, sizeof replies / sizeof replies[0]);
    (void)state;
    fake_draft(fake, drafts_plan("backup"), ORDER_BACKUP);
    fake_draft(fake, drafts_plan("backup_check"), ORDER_BACKUP);
    fake_draft_lie(fake, drafts_plan("prune"), ORDER_PRUNE, NULL);
    fake_run_t run = RUN(fake, "backup", "create", "-t", "acme", "-m", "before friday");
    assert_int_equal(run.exit_code, 0);
    assert_null(strstr(run.out, "to be signed")); /* nobody is asked, as little is shown */
    signed_as(fake, "backup.create", ORDER_BACKUP);
    fake_run_free(&run);
    run = RUN(fake, "backup", "check", "bk");
    assert_int_equal(run.exit_code, 0);
    signed_as(fake, "backup.check", ORDER_BACKUP);
    fake_run_free(&run);
    run = RUN(fake, "backup", "prune", "-y", "-m", "tidy");
    assert_int_equal(run.exit_code, 0);
    has(run.out, "bk-9");
    has(run.out, "what each agent's own retention says");
    signed_as(fake, "backup.prune", ORDER_PRUNE);
    fake_run_free(&run);
    has(fake_asked(fake), "backup.prune_plan {}\nbackup.prune {\"reason\":\"tidy\"," DIGEST);
    run = RUN(fake, "backup", "prune", "-y", "--keep", "1d");
    assert_int_equal(run.err.code, ERROR_ORDER_DIFFERS); /* the draft keeps nothing */
    fake_run_free(&run);
    fake_stop(&fake);
}

static void test_restore(void **state) {
    const fake_reply_t replies[] = {
        {.verb = "backup.restore", .document = STARTED},
        {.verb = "backup.show",
         .document = "{\"backup\":{\"name\":\"acme\",\"taken_us\":1772334000000000}}"}};
    fake_t *fake = fake_start(&(fake_options_t){0}, replies, sizeof replies / sizeof replies[0]);
    (void)state;
    fake_draft(fake, drafts_plan("restore"), ORDER_RESTORE);
    fake_draft_lie(fake, drafts_plan("restore"), ORDER_RESTORE, accept_loss);
    fake_run_t run = RUN(fake, "backup", "restore", "bk");
    assert_int_equal(run.err.code, ERROR_CONFIRMATION);
    has(run.err.message, "bring tenant 'acme' back to its backup of ");
    has(run.err.message, "if nothing was written since?");
    assert_null(strstr(fake_asked(fake), "backup.restore {"));
    fake_run_free(&run);
    run = RUN(fake, "backup", "restore", "bk", "--accept-data-loss", "-y");
    assert_int_equal(run.exit_code, 0);
    has(fake_asked(fake), "backup.restore {\"accept_data_loss\":true,\"backup\":\"bk\"," DIGEST);
    signed_as(fake, "backup.restore", ORDER_RESTORE);
    fake_run_free(&run);
    fake_stop(&fake);
}

/* What a person agreed to at the keyboard is what is signed and named. */
static void test_agreed(void **state) {
    fake_t *fake = start("rollback.start");
    (void)state;
    assert_int_equal(setenv("TERM", "xterm", 1), 0);
    fake_draft(fake, drafts_plan("undo"), ORDER_ROLLBACK);
    fake_run_t run =
        fake_run_on_terminal(fake, "n\n", (const char *const[FAKE_WORDS]){"rollback", "1f3a"});
    assert_int_equal(run.err.code, ERROR_CONFIRMATION);
    assert_null(strstr(fake_asked(fake), "rollback.start {"));
    fake_run_free(&run);
    run = fake_run_on_terminal(fake, "y\n", (const char *const[FAKE_WORDS]){"rollback", "1f3a"});
    assert_int_equal(run.exit_code, 0);
    has(fake_asked(fake), "rollback.start {\"rollout\":\"1f3a\",\"method\":\"undo\"," DIGEST);
    signed_as(fake, "rollback.start", ORDER_ROLLBACK);
    fake_run_free(&run);
    fake_stop(&fake);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rollback),
        cmocka_unit_test(test_rollback_lines),
        cmocka_unit_test(test_restore_loses_rows),
        cmocka_unit_test(test_restore_unasked),
        cmocka_unit_test(test_restore),
        cmocka_unit_test(test_baseline),
        cmocka_unit_test(test_backups),
        cmocka_unit_test(test_agreed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
