/* Tests of cli/plan.c and cli/plan_file.c. */
#include "cli/plan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static const char PLAN[] =
    "{\"plan_digest\":\"abcd\",\"kind\":\"forward\",\"application\":\"app\",\"bundle\":\"b0\","
    "\"target_version\":\"V042\",\"spec\":\"bundle: app\\n\",\"recovery\":{\"kind\":\"dump\"},"
    "\"totals\":{\"selected\":4,\"work\":1,\"not_needed\":1,\"refused\":1,\"left_out\":1,"
    "\"steps\":2},\"inventory\":{\"oldest_us\":1772334000000000,\"newest_us\":1772334060000000,"
    "\"age_us\":120000000,\"late\":true},\"warnings\":[\"careful\\u001b\"],"
    "\"waves\":[{\"number\":0,\"name\":\"canary\",\"tenants\":2,\"work\":1,\"canary\":true,"
    "\"max_parallel\":3,\"soak_us\":300000000,\"on_failure\":\"pause\",\"budget\":0},"
    "{\"number\":1,\"name\":\"rest\",\"tenants\":0,\"work\":0,\"on_failure\":\"continue\"}],"
    "\"tenants\":[{\"name\":\"acme\",\"cluster\":\"eu\",\"database\":\"acme_db\",\"wave\":0,"
    "\"from_version\":\"\",\"to_version\":\"V042\",\"steps\":2},"
    "{\"name\":\"zeta\",\"database\":\"zeta_db\",\"wave\":1}],"
    "\"passed_over\":[{\"name\":\"done\",\"wave\":0,\"from_version\":\"V042\","
    "\"observed_us\":1772334000000000}],"
    "\"refused\":[{\"name\":\"odd\",\"from_version\":\"V050\",\"code\":\"DRV-3023\","
    "\"reason\":\"is ahead\"}],\"left_out\":[{\"name\":\"other\",\"from_version\":\"V041\"}],"
    "\"scripts\":[{\"version\":\"V042\",\"description\":\"add email\",\"kind\":\"up\","
    "\"digest\":\"0123456789\",\"transactional\":true,\"sql\":\"CREATE TABLE t ();\\r\\n-- "
    "\\u001b[2J\"},{\"version\":\"V041\"}]}";

static void has(const char *text, const char *part) {
    if (strstr(text, part) == NULL) {
        fail_msg("no '%s' in:\n%s", part, text);
    }
}

static char *shown(bool brief) {
    const output_t output = {.utc = true};
    error_t err = {0};
    buffer_t text = {0};
    json_t *plan = json_loads(PLAN, 0, NULL);
    assert_non_null(plan);
    assert_int_equal(plan_show(&output, plan, brief, &text, &err), STATUS_OK);
    json_decref(plan);
    return buffer_take(&text);
}

static void test_shows(void **state) {
    char *text = shown(false);
    (void)state;
    has(text, "forward of app to V042");
    has(text, "4 tenants: 1 with work in 2 steps, 1 passed over, 1 refused, 1 in no wave");
    has(text, "2m 0s old at most, read from 2026-03-01 03:00:00Z");
    has(text, "LATE");
    has(text, "WARNING: careful\\x1b");
    has(text, "wave 1 'canary': 1 of 2 tenants with work, canary, 3 at once, then soaks for 5m 0s; "
              "more than 0 failed: pause");
    const char *second = strstr(text, "wave 2 'rest'");
    assert_non_null(second);
    assert_true(strstr(text, "acme_db") < second); /* each tenant under its own wave, once */
    assert_null(strstr(strstr(text, "acme_db") + 1, "acme_db"));
    has(second, "zeta_db");
    has(text, "(empty)");
    has(text, "DRV-3023");
    has(text, "is ahead");
    has(text, "left out");
    has(text, "-- V042 add email, up, in one transaction, digest 01234567\nCREATE TABLE t ();\n-- "
              "\\x1b[2J\n");
    assert_null(strstr(text, "erified")); /* inventory verifies nothing */
    assert_null(strchr(text, '\x1b'));
    free(text);
    text = shown(true);
    has(text, "wave 1 'canary'");
    has(text, "is ahead");
    assert_null(strstr(text, "acme"));
    assert_null(strstr(text, "CREATE"));
    free(text);
}

static void test_looked_at(void **state) {
    const output_t output = {.utc = true};
    error_t err = {0};
    buffer_t text = {0};
    (void)state;
    json_t *plan = json_loads("{\"kind\":\"forward\",\"totals\":{\"selected\":3,\"work\":1,"
                              "\"look\":2,\"steps\":7},\"waves\":[{\"name\":\"rest\",\"tenants\":3,"
                              "\"work\":1,\"look\":2}],\"looked_at\":[{\"name\":\"beta\"}]}",
                              0, NULL);
    assert_int_equal(plan_show(&output, plan, false, &text, &err), STATUS_OK);
    has(buffer_string(&text), "3 tenants: 1 with work in 7 steps, 2 looked at, 0 passed over");
    has(buffer_string(&text), "1 of 3 tenants with work, 2 looked at;");
    has(buffer_string(&text), "\nlooked at: inventory says");
    has(buffer_string(&text), "beta");
    buffer_clear(&text);
    plan_question(plan, &text);
    assert_string_equal(buffer_string(&text), "start this forward on 3 tenants in 1 wave?");
    buffer_free(&text);
    json_decref(plan);
}

static void test_few_of_many(void **state) {
    const output_t output = {.utc = true};
    error_t err = {0};
    buffer_t text = {0};
    json_t *rows = json_array();
    (void)state;
    for (int i = 0; i < 45; i++) {
        char name[16];
        (void)snprintf(name, sizeof name, "t%d", i);
        assert_int_equal(json_array_append_new(rows, json_pack("{s:s}", "name", name)), 0);
    }
    json_t *plan = json_pack("{s:o}", "passed_over", rows);
    assert_int_equal(plan_show(&output, plan, false, &text, &err), STATUS_OK);
    has(buffer_string(&text), "  and 25 more; -o json has them all\n");
    assert_null(strstr(buffer_string(&text), "t20"));
    buffer_free(&text);
    json_decref(plan);
}

static void test_question(void **state) {
    buffer_t text = {0};
    json_t *plan = json_loads(PLAN, 0, NULL);
    (void)state;
    plan_question(plan, &text);
    assert_string_equal(buffer_string(&text), "start this forward to V042 on 1 tenant in 2 waves?");
    buffer_free(&text);
    json_decref(plan);
}

static char folder[] = "/tmp/drover_plan_XXXXXX";

static const char *path_of(const char *name) {
    static char path[128];
    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static void write_file(const char *name, const char *text) {
    FILE *file = fopen(path_of(name), "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static void test_files(void **state) {
    static const char SPEC[] = "bundle: app\ntarget: latest\nselect: all\n"
                               "waves: [{name: all, rest: true}]\n";
    error_t err = {0};
    plan_source_t source = {0};
    json_t *plan = json_loads(PLAN, 0, NULL);
    struct stat about;
    (void)state;
    (void)json_object_set_new(plan, "spec", json_string(SPEC));
    assert_int_equal(plan_save(plan, path_of("plan"), &err), STATUS_OK);
    assert_int_equal(stat(path_of("plan"), &about), 0);
    assert_int_equal(about.st_mode & 0777, 0600);
    assert_int_equal(plan_open(path_of("plan"), &source, &err), STATUS_OK);
    assert_true(json_equal(source.plan, plan));
    assert_string_equal(source.spec, SPEC);
    assert_string_equal(source.read->bundle, "app");
    assert_string_equal(source.bundle, "b0");
    plan_source_free(&source);
    json_decref(plan);

    write_file("spec", SPEC);
    if (plan_open(path_of("spec"), &source, &err) != STATUS_OK) {
        fail_msg("%s", err.message);
    }
    assert_null(source.plan);
    assert_null(source.bundle);
    assert_string_equal(source.spec, SPEC);
    plan_source_free(&source);
}

static void test_bad_files(void **state) {
    static const struct {
        const char *text;
        error_code_t code;
        const char *part;
    } CASES[] = {
        {"bundle: app\nselekt: all\n", ERROR_SPEC_INVALID, ":2:"},
        {"", ERROR_SPEC_INVALID, ""},
        {"{\"kind\":\"undo\"}", ERROR_INVALID, "neither a spec nor the plan of a rollout"},
        {"{\"plan_digest\":\"x\",\"spec\":null}", ERROR_INVALID, "neither a spec"},
        {"{\"plan_digest\":\"x\",\"spec\":\"bundle: app\"}", ERROR_SPEC_INVALID, ""},
        {"bundle: ./no.bundle\ntarget: latest\nselect: all\nwaves: [{name: a, rest: true}]\n",
         ERROR_NOT_FOUND, "no.bundle"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        error_t err = {0};
        plan_source_t source = {0};
        write_file("bad", CASES[i].text);
        assert_int_equal(plan_open(path_of("bad"), &source, &err), STATUS_ERROR);
        if (err.code != CASES[i].code) {
            fail_msg("case %zu: %s", i, err.message);
        }
        has(err.message, CASES[i].part);
    }
}

static int set_up(void **state) {
    (void)state;
    return mkdtemp(folder) != NULL ? 0 : -1;
}

static int tear_down(void **state) {
    char command[128];
    (void)state;
    (void)snprintf(command, sizeof command, "rm -rf %s", folder);
    return system(command);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shows),       cmocka_unit_test(test_looked_at),
        cmocka_unit_test(test_few_of_many), cmocka_unit_test(test_question),
        cmocka_unit_test(test_files),       cmocka_unit_test(test_bad_files),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
