/* Tests of cli/remote.c: the conversation itself, through the simplest commands. */
#include "tests/unit/cli/fake.h"
#include "common/migration/bundle.h"

#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define RUN(fake, ...) fake_run(fake, (const char *const[FAKE_WORDS]){__VA_ARGS__})
#define START(options, ...)                                                                        \
    fake_start(options, (const fake_reply_t[]){__VA_ARGS__},                                       \
               sizeof(const fake_reply_t[]){__VA_ARGS__} / sizeof(fake_reply_t))

static const fake_options_t ORDINARY = {0};

static void has(const char *text, const char *part) {
    if (strstr(text, part) == NULL) {
        fail_msg("no '%s' in:\n%s", part, text);
    }
}

static void test_answers(void **state) {
    (void)state;
    fake_t *fake = START(&ORDINARY, {.verb = "agents.list",
                                     .document = "{\"agents\":[{\"name\":\"eu-1\",\"tenants\":3,"
                                                 "\"late\":true,\"clusters\":[\"c\"]}]}"});
    fake_run_t run = RUN(fake, "agents");
    assert_int_equal(run.exit_code, 0);
    has(run.out, "AGENT");
    has(run.out, "eu-1");
    has(run.out, "yes");
    assert_null(strchr(run.out, '\x1b')); /* a file is not coloured */
    fake_run_free(&run);
    run = RUN(fake, "agents", "-o", "json");
    assert_int_equal(run.exit_code, 0);
    json_t *document = json_loads(run.out, 0, NULL);
    assert_int_equal(json_array_size(json_object_get(document, "agents")), 1);
    json_decref(document);
    fake_run_free(&run);
    assert_string_equal(fake_asked(fake), "agents.list {}\nagents.list {}\n");
    assert_int_equal(fake_ids(fake), 2);
    fake_stop(&fake);
}

static void test_empty(void **state) {
    (void)state;
    fake_t *fake = START(&ORDINARY, {.verb = "agents.list", .document = "{\"agents\":[]}"});
    fake_run_t run = RUN(fake, "agents");
    assert_int_equal(run.exit_code, 0);
    assert_string_equal(run.out, "");
    has(run.errors, "no agent was ever seen");
    fake_run_free(&run);
    fake_stop(&fake);
}

#define TENANT(name) "{\"name\":\"" name "\",\"applications\":[]}"

static void test_pages(void **state) {
    (void)state;
    fake_t *fake =
        START(&ORDINARY,
              {.verb = "tenants.list", .document = "{\"tenants\":[" TENANT("a") "]}", .next = "p2"},
              {.verb = "tenants.list", .document = "{\"tenants\":[" TENANT("b") "]}", .next = "p3"},
              {.verb = "tenants.list", .document = "{\"tenants\":[" TENANT("c") "]}"});
    fake_run_t run = RUN(fake, "tenants", "-l", "tier=gold", "--limit", "0");
    assert_int_equal(run.exit_code, 0);
    has(run.out, "\na ");
    has(run.out, "\nb ");
    has(run.out, "\nc ");
    assert_string_equal(run.errors, "");
    fake_run_free(&run);
    assert_string_equal(fake_asked(fake),
                        "tenants.list {\"select\":\"tier=gold\"}\n"
                        "tenants.list {\"select\":\"tier=gold\",\"after\":\"p2\"}\n"
                        "tenants.list {\"select\":\"tier=gold\",\"after\":\"p3\"}\n");
    fake_stop(&fake);
}

static void test_limit(void **state) {
    (void)state;
    fake_t *fake = START(&ORDINARY, {.verb = "tenants.list",
                                     .document = "{\"tenants\":[" TENANT("a") "," TENANT("b") "]}",
                                     .next = "p2"});
    fake_run_t run = RUN(fake, "tenants", "--limit", "1");
    assert_int_equal(run.exit_code, 0);
    has(run.out, "\na ");
    assert_null(strstr(run.out, "\nb "));
    has(run.errors, "raise --limit");
    assert_string_equal(fake_asked(fake), "tenants.list {\"limit\":1}\n");
    fake_run_free(&run);
    fake_stop(&fake);
}

/* Pages that lead nowhere end. */
static void test_endless_pages(void **state) {
    (void)state;
    fake_t *fake =
        START(&ORDINARY, {.verb = "agents.list", .document = "{\"agents\":[]}", .next = "again"});
    fake_run_t run = RUN(fake, "agents");
    assert_int_equal(run.exit_code, 1);
    assert_int_equal(run.err.code, ERROR_WIRE_INVALID);
    fake_run_free(&run);
    fake_stop(&fake);
}

static void test_no_json(void **state) {
    (void)state;
    fake_t *fake = START(&ORDINARY, {.verb = "agents.list", .document = "[1]"});
    fake_run_t run = RUN(fake, "agents");
    assert_int_equal(run.err.code, ERROR_WIRE_INVALID);
    fake_run_free(&run);
    fake_stop(&fake);
}

static void test_refusals(void **state) {
    static const struct {
        const char *code;
        error_code_t expected;
        int exit_code;
    } CASES[] = {{"DRV-1005", ERROR_NOT_FOUND, 1},         {"DRV-5007", ERROR_PEER_NOT_ALLOWED, 1},
                 {"DRV-6009", ERROR_ROLLOUT_PAUSED, 4},    {"DRV-4006", ERROR_RESTORE_REFUSED, 4},
                 {"DRV-6013", ERROR_AGENT_UNREACHABLE, 6}, {"DRV-9999", ERROR_INVALID, 1}};
    (void)state;
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        fake_t *fake = START(&ORDINARY, {.verb = "tenant.show",
                                         .code = CASES[i].code,
                                         .message = "because",
                                         .hint = "do this"});
        fake_run_t run = RUN(fake, "tenant", "show", "acme");
        assert_int_equal(run.err.code, CASES[i].expected);
        assert_int_equal(run.exit_code, CASES[i].exit_code);
        has(run.err.message, "because");
        if (CASES[i].expected != ERROR_INVALID) {
            assert_string_equal(run.err.server_hint, "do this");
        } else {
            has(run.err.message, "DRV-9999"); /* of a newer coordinator */
        }
        assert_string_equal(run.out, "");
        fake_run_free(&run);
        fake_stop(&fake);
    }
}

static void test_stranger(void **state) {
    (void)state;
    fake_t *fake = START(&(fake_options_t){.stranger = true}, {.verb = "agents.list"});
    fake_run_t run = RUN(fake, "agents");
    assert_int_equal(run.err.code, ERROR_PEER_UNKNOWN);
    assert_int_equal(run.exit_code, 1);
    fake_run_free(&run);
    fake_stop(&fake);
}

static void test_unreachable(void **state) {
    const fake_options_t options = {.absent = true, .timeout = "2s"};
    (void)state;
    fake_t *fake = START(&options, {.verb = "agents.list"});
    fake_run_t run = RUN(fake, "agents");
    assert_int_equal(run.err.code, ERROR_WIRE_UNREACHABLE);
    assert_int_equal(run.exit_code, 6);
    fake_run_free(&run);
    fake_stop(&fake);
}

static void test_silence(void **state) {
    (void)state;
    fake_t *fake =
        START(&(fake_options_t){.timeout = "2s"}, {.verb = "agents.list", .silent = true});
    fake_run_t run = RUN(fake, "agents");
    assert_int_equal(run.err.code, ERROR_WIRE_TIMEOUT);
    assert_int_equal(run.exit_code, 5);
    assert_int_equal(fake_ids(fake), 1); /* however often it was asked, it was one question */
    fake_run_free(&run);
    fake_stop(&fake);
}

static void test_configuration(void **state) {
    (void)state;
    fake_t *fake = START(&ORDINARY, {.verb = "agents.list"});
    fake_write(fake, "bad.yaml", "coordinator: {adress: x}\n");
    fake_run_t run = RUN(fake, "agents", "--config", "@bad.yaml");
    assert_int_equal(run.err.code, ERROR_CONFIG_INVALID);
    assert_int_equal(run.exit_code, 2);
    has(run.errors, "bad.yaml:1:");
    has(run.errors, "^"); /* the caret under what is wrong */
    fake_run_free(&run);
    run = RUN(fake, "agents", "--config", "@none.yaml");
    assert_int_equal(run.err.code, ERROR_CONFIG_MISSING);
    fake_run_free(&run);
    char path[256];
    assert_int_equal(unlink(fake_path(fake, "operator.key", path)), 0);
    run = RUN(fake, "agents");
    assert_int_not_equal(run.exit_code, 0);
    has(run.err.message, "operator.key");
    assert_string_equal(fake_asked(fake), "");
    fake_run_free(&run);
    fake_stop(&fake);
}

/* A bundle larger than a chunk goes over in several, from where the coordinator says. */
static void make_bundle(fake_t *fake, size_t padding) {
    char path[256];
    error_t err = {0};
    directory_t *directory = NULL;
    bundle_t *bundle = NULL;
    char *sql = malloc(padding + 64);
    assert_non_null(sql);
    (void)strcpy(sql, "CREATE TABLE t (a int);\n-- ");
    memset(sql + strlen(sql), 'x', padding);
    sql[strlen("CREATE TABLE t (a int);\n-- ") + padding] = '\0';
    assert_int_equal(mkdir(fake_path(fake, "m", path), 0700), 0);
    fake_write(fake, "m/V001__a.sql", sql);
    fake_write(fake, "m/V001__a.undo.sql", "DROP TABLE t;\n");
    assert_int_equal(directory_load(fake_path(fake, "m", path), NULL, &directory, &err), STATUS_OK);
    if (bundle_build(directory, &(bundle_options_t){.application = "app"}, &bundle, &err) !=
        STATUS_OK) {
        fail_msg("%s", err.message);
    }
    assert_int_equal(bundle_write(bundle, fake_path(fake, "b", path), &err), STATUS_OK);
    bundle_destroy(&bundle);
    directory_destroy(&directory);
    free(sql);
}

static void test_push(void **state) {
    (void)state;
    fake_t *fake =
        START(&ORDINARY, {.verb = "bundle.put", .document = "{\"received\":524288}"},
              {.verb = "bundle.put", .document = "{\"received\":0}"}, /* it was restarted */
              {.verb = "bundle.put", .document = "{\"received\":524288}"},
              {.verb = "bundle.put", .document = "{\"complete\":true,\"received\":1}"});
    make_bundle(fake, 600000);
    fake_run_t run = RUN(fake, "bundle", "push", "@b");
    assert_int_equal(run.exit_code, 0);
    has(run.out, "app");
    has(run.out, "V001");
    has(run.errors, "not signed");
    has(fake_asked(fake), "bundle.put 0+524288 of ");
    has(fake_asked(fake), "\nbundle.put 524288+");
    fake_run_free(&run);
    run = RUN(fake, "bundle", "push", "@b", "-o", "json");
    has(run.out, "\"head\": \"V001\"");
    fake_run_free(&run);
    fake_stop(&fake);
}

static void test_push_that_stands_still(void **state) {
    (void)state;
    fake_t *fake = START(&ORDINARY, {.verb = "bundle.put", .document = "{\"received\":0}"});
    make_bundle(fake, 10);
    fake_run_t run = RUN(fake, "bundle", "push", "@b");
    assert_int_equal(run.err.code, ERROR_WIRE_INVALID);
    fake_run_free(&run);
    fake_stop(&fake);
}

static void test_push_refused(void **state) {
    (void)state;
    fake_t *fake =
        START(&ORDINARY,
              {.verb = "bundle.put", .code = "DRV-2010", .message = "V001__a.sql was changed"});
    make_bundle(fake, 10);
    fake_run_t run = RUN(fake, "bundle", "push", "@b");
    assert_int_equal(run.err.code, ERROR_BUNDLE_CHANGED);
    fake_run_free(&run);
    fake_stop(&fake);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_answers),
        cmocka_unit_test(test_empty),
        cmocka_unit_test(test_pages),
        cmocka_unit_test(test_limit),
        cmocka_unit_test(test_endless_pages),
        cmocka_unit_test(test_no_json),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_stranger),
        cmocka_unit_test(test_unreachable),
        cmocka_unit_test(test_silence),
        cmocka_unit_test(test_configuration),
        cmocka_unit_test(test_push),
        cmocka_unit_test(test_push_that_stands_still),
        cmocka_unit_test(test_push_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
