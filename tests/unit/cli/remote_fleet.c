/* Tests of the commands that read: cli/remote_fleet.c, and the lists of bundles and backups. */
#include "tests/unit/cli/fake.h"
#include "common/base/cleanup.h"

#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* A command, what it asks, what it is told, and what it then shows. */
typedef struct reading {
    const char *words[FAKE_WORDS];
    const char *asked; /* "verb arguments" */
    const char *document;
    const char *shown[8];
} reading_t;

#define DOCUMENT_TENANT                                                                            \
    "\"tenant\":\"1f3a\",\"name\":\"acme\",\"cluster\":\"eu\",\"database\":\"acme_db\","           \
    "\"labels\":{\"tier\":\"gold\",\"a\":\"b\"},\"size_bytes\":1572864,\"age_us\":90000000,"       \
    "\"applications\":[{\"application\":\"app\",\"version\":\"V041\",\"position\":41},"            \
    "{\"application\":\"bill\",\"version\":\"\"}]"

static const reading_t READINGS[] = {
    {{"tenants"},
     "tenants.list {\"limit\":1000}",
     "{\"tenants\":[{" DOCUMENT_TENANT "},{\"name\":\"odd\",\"problem_code\":\"DRV-3021\"},"
     "{\"name\":\"lost\",\"gone\":true},{\"name\":\"old\",\"late\":true}]}",
     {"acme_db", "V041", "(empty)", "tier=gold,a=b", "1.5 MiB", "1m 30s", "quarantined", "gone"}},
    {{"tenants", "--application", "app", "--gone", "--limit", "2"},
     "tenants.list {\"application\":\"app\",\"gone\":true,\"limit\":2}",
     "{\"tenants\":[{\"name\":\"old\",\"late\":true},{\"name\":\"twin\",\"clone\":true}]}",
     {"late", "clone"}},
    {{"tenant", "show", "acme"},
     "tenant.show {\"tenant\":\"acme\"}",
     "{\"tenant\":{" DOCUMENT_TENANT "},\"backups\":[{\"backup\":\"bk-1\",\"kind\":\"dump\"}],"
     "\"open_rollouts\":[{\"rollout\":\"77\",\"name\":\"r\",\"state\":\"paused\"}]}",
     {"acme_db", "bill", "bk-1", "paused", "tier=gold"}},
    {{"agents"},
     "agents.list {}",
     "{\"agents\":[{\"name\":\"a1\",\"clusters\":[\"here\",\"there\"],\"protocol\":1}]}",
     {"a1", " here, there "}},
    {{"clusters"},
     "clusters.list {}",
     "{\"clusters\":[{\"id\":\"7\",\"name\":\"eu\",\"server_version\":150006,\"leased\":false,"
     "\"problem\":\"refused\"}]}",
     {"eu", "150006", "no", "refused"}},
    {{"coordinator"},
     "coordinator.show {}",
     "{\"catalog\":\"c0ffee\",\"now_us\":1772334000000000,\"trust\":{\"version\":7,"
     "\"expires_us\":1772420400000000,\"freshness\":\"fresh\"},\"held\":true,"
     "\"held_applications\":[\"shop\",\"bill\"],\"agents\":2}",
     {"c0ffee", "TRUST FILE     7\n", "EXPIRES        2026-03-0", "FRESHNESS      fresh\n",
      "HELD           shop, bill\n"}},
    {{"history", "acme"},
     "history {\"tenant\":\"acme\",\"limit\":1000}",
     "{\"tenant\":\"1f\",\"events\":[{\"action\":\"step\",\"step\":\"apply\",\"outcome\":"
     "\"failed\",\"sqlstate\":\"23505\",\"message\":\"dup\",\"sql_digest\":\"0123456789\"}]}",
     {"apply", "failed", "23505", "dup", "01234567"}},
    {{"audit", "log", "-t", "acme", "--actor", "olga", "--since", "2026-03-01T03:00Z", "--until",
      "2026-03-02", "--zone", "UTC", "--limit", "5"},
     "audit.list {\"tenant\":\"acme\",\"actor\":\"olga\",\"since_us\":1772334000000000,"
     "\"until_us\":1772409600000000,\"limit\":5}",
     "{\"rows\":[{\"time_us\":1772334000000000,\"actor\":\"olga\",\"origin\":\"192.0.2.7\","
     "\"action\":\"rollout.start\",\"result\":\"ok\"}]}",
     {"2026-03-01 03:00:00Z", "192.0.2.7", "rollout.start"}},
    {{"audit", "log", "--zone", "Asia/Kolkata", "--since", "2026-03-01"},
     "audit.list {\"since_us\":1772303400000000,\"limit\":1000}",
     "{\"rows\":[{\"time_us\":1772334000000000}]}",
     {"2026-03-01 08:30:00"}},
    {{"bundle", "list", "-a", "app"},
     "bundles.list {\"application\":\"app\"}",
     "{\"bundles\":[{\"digest\":\"0123456789abcdef\",\"head\":\"V042\",\"size_bytes\":10}]}",
     {"01234567", "V042", "10 B"}},
    {{"backup", "list", "acme"},
     "backup.list {\"tenant\":\"acme\",\"limit\":1000}",
     "{\"backups\":[{\"backup\":\"bk-1\",\"verified\":\"readable\",\"size_bytes\":2048}]}",
     {"bk-1", "readable", "2.0 KiB"}},
    {{"backup", "show", "bk"},
     "backup.show {\"backup\":\"bk\"}",
     "{\"backup\":{\"backup\":\"bk-1\",\"lsn\":\"0/16\",\"name\":\"acme\"}}",
     {"bk-1", "0/16", "acme"}},
    {{"rollout", "list", "--all"},
     "rollout.list {\"all\":true,\"limit\":1000}",
     "{\"rollouts\":[{\"rollout\":\"1f3a22c4-9\",\"name\":\"app V042\",\"state\":\"succeeded\","
     "\"tasks\":40}]}",
     {"1f3a22c4 ", "app V042", "succeeded", "40"}},
    {{"backup", "prune", "--dry-run", "--keep", "14d", "--keep-count", "3"},
     "backup.prune_plan {\"keep_us\":1209600000000,\"keep_count\":3}",
     "{\"backups\":[{\"backup\":\"bk-1\",\"name\":\"acme\"}]}",
     {"bk-1", "acme"}},
};

static void check_reading(const reading_t *reading, bool as_json) {
    char verb[64];
    const char *words[FAKE_WORDS] = {NULL};
    size_t count = 0;
    (void)snprintf(verb, sizeof verb, "%.*s", (int)strcspn(reading->asked, " "), reading->asked);
    const fake_reply_t reply = {.verb = verb, .document = reading->document};
    fake_t *fake = fake_start(&(fake_options_t){0}, &reply, 1);
    for (; reading->words[count] != NULL; count++) {
        words[count] = reading->words[count];
    }
    words[count] = as_json ? "-ojson" : "-otable";
    fake_run_t run = fake_run(fake, words);
    if (run.exit_code != 0) {
        fail_msg("%s: %s", verb, run.err.message);
    }
    const char *asked = fake_asked(fake);
    if (strncmp(asked, reading->asked, strlen(reading->asked)) != 0) {
        fail_msg("asked:    %s\nexpected: %s", asked, reading->asked);
    }
    if (as_json) { /* as it came */
        json_t *shown = json_loads(run.out, 0, NULL);
        json_t *told = json_loads(reading->document, 0, NULL);
        assert_true(json_equal(shown, told));
        json_decref(shown);
        json_decref(told);
    }
    for (size_t i = 0; !as_json && i < 8 && reading->shown[i] != NULL; i++) {
        if (strstr(run.out, reading->shown[i]) == NULL) {
            fail_msg("%s: no '%s' in:\n%s", verb, reading->shown[i], run.out);
        }
    }
    assert_int_equal(unsetenv("TZ"), 0);
    fake_run_free(&run);
    fake_stop(&fake);
}

/* Who looks sees that a trust file ends, and what to do. */
static void test_trust_that_ends(void **state) {
    static const struct {
        const char *freshness;
        const char *word; /* of the warning; NULL: none */
    } CASES[] = {{"fresh", NULL}, {"expires soon", "expires soon"}, {"expired", "has expired"}};
    (void)state;
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        char document[128];
        (void)snprintf(document, sizeof document, "{\"held\":%s,\"trust\":{\"freshness\":\"%s\"}}",
                       i == 0 ? "true" : "false", CASES[i].freshness);
        const fake_reply_t reply = {.verb = "coordinator.show", .document = document};
        fake_t *fake = fake_start(&(fake_options_t){0}, &reply, 1);
        fake_run_t run = fake_run(fake, (const char *const[FAKE_WORDS]){"coordinator", "-otable"});
        assert_int_equal(run.exit_code, 0);
        assert_non_null(strstr(run.out, CASES[i].freshness));
        assert_non_null(strstr(run.out, i == 0 ? "HELD           all\n" : "HELD           no\n"));
        assert_int_equal(strstr(run.errors, "drover trust renew") != NULL, CASES[i].word != NULL);
        if (CASES[i].word != NULL) {
            assert_non_null(strstr(run.errors, CASES[i].word));
        }
        fake_run_free(&run);
        fake_stop(&fake);
    }
}

static void test_readings(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof READINGS / sizeof READINGS[0]; i++) {
        check_reading(&READINGS[i], false);
        check_reading(&READINGS[i], true);
    }
}

static void test_bad_times(void **state) {
    fake_t *fake = fake_start(&(fake_options_t){0}, NULL, 0);
    (void)state;
    fake_run_t run =
        fake_run(fake, (const char *const[FAKE_WORDS]){"audit", "log", "--since", "soon"});
    assert_int_equal(run.err.code, ERROR_INVALID);
    assert_non_null(strstr(run.err.message, "--since 'soon'"));
    fake_run_free(&run);
    run = fake_run(fake, (const char *const[FAKE_WORDS]){"audit", "log", "--zone", "Mars/Base"});
    assert_int_equal(run.err.code, ERROR_INVALID);
    assert_string_equal(fake_asked(fake), "");
    fake_run_free(&run);
    fake_stop(&fake);
}

/* Colours stand only on a terminal, and not there either where they are not wanted. */
static void test_colours(void **state) {
    const fake_reply_t replies[] = {
        {.verb = "rollout.list", .document = "{\"rollouts\":[{\"state\":\"failed\"}]}"},
        {.verb = "coordinator.show", .document = "{\"trust\":{\"freshness\":\"expires soon\"}}"}};
    static const char *const SHOW[FAKE_WORDS] = {"coordinator"};
    static const char *const LIST[FAKE_WORDS] = {"rollout", "list"};
    static const char *const PLAIN[FAKE_WORDS] = {"rollout", "list", "--no-color"};
    (void)state;
    fake_t *fake = fake_start(&(fake_options_t){0}, replies, 2);
    assert_int_equal(setenv("TERM", "xterm", 1), 0);
    assert_int_equal(unsetenv("NO_COLOR"), 0);
    fake_run_t run = fake_run_on_terminal(fake, "", LIST);
    assert_non_null(strstr(run.out, "\x1b[31m"));
    fake_run_free(&run);
    run = fake_run_on_terminal(fake, "", SHOW);
    assert_non_null(strstr(run.out, "\x1b[33mexpires soon"));
    fake_run_free(&run);
    run = fake_run_on_terminal(fake, "", PLAIN);
    assert_null(strchr(run.out, '\x1b'));
    fake_run_free(&run);
    assert_int_equal(setenv("NO_COLOR", "1", 1), 0);
    run = fake_run_on_terminal(fake, "", LIST);
    assert_null(strchr(run.out, '\x1b'));
    fake_run_free(&run);
    assert_int_equal(unsetenv("NO_COLOR"), 0);
    run = fake_run(fake, LIST);
    assert_null(strchr(run.out, '\x1b'));
    fake_run_free(&run);
    fake_stop(&fake);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_readings), cmocka_unit_test(test_trust_that_ends),
        cmocka_unit_test(test_bad_times), cmocka_unit_test(test_colours)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
