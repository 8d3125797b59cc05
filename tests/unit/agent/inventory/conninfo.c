/* A cluster's connection string: every part, quoted, and nothing that was not configured. */
#include "agent/inventory/conninfo.h"
#include "tests/unit/base/cmocka_all.h"

#include <libpq-fe.h>

static const char *value_of(const PQconninfoOption *options, const char *keyword) {
    for (; options->keyword != NULL; options++) {
        if (strcmp(options->keyword, keyword) == 0) {
            return options->val == NULL ? "" : options->val;
        }
    }
    fail();
    return "";
}

static void test_parts(void **state) {
    (void)state;
    error_t err = {0};
    CLEANUP(buffer_free) buffer_t text = {0};
    char host[] = "/run/a b";
    char user[] = "o'r\\ist";
    char mode[] = "verify-full";
    char root[] = "/r.crt";
    char passfile[] = "/p";
    agent_config_cluster_t cluster = {.connection = {.host = host,
                                                     .port = 5433,
                                                     .user = user,
                                                     .sslmode = mode,
                                                     .sslrootcert = root,
                                                     .passfile = passfile}};
    assert_int_equal(conninfo_of_cluster(&cluster, &text, &err), STATUS_OK);
    PQconninfoOption *options = PQconninfoParse(buffer_string(&text), NULL);
    assert_non_null(options);
    assert_string_equal(value_of(options, "host"), "/run/a b");
    assert_string_equal(value_of(options, "port"), "5433");
    assert_string_equal(value_of(options, "user"), "o'r\\ist");
    assert_string_equal(value_of(options, "sslmode"), "verify-full");
    assert_string_equal(value_of(options, "sslrootcert"), "/r.crt");
    assert_string_equal(value_of(options, "passfile"), "/p");
    assert_string_equal(value_of(options, "dbname"), "");
    assert_string_equal(value_of(options, "password"), "");
    PQconninfoFree(options);
}

static void test_service(void **state) {
    (void)state;
    error_t err = {0};
    CLEANUP(buffer_free) buffer_t text = {0};
    char service[] = "main";
    agent_config_cluster_t cluster = {.service = service};
    assert_int_equal(conninfo_of_cluster(&cluster, &text, &err), STATUS_OK);
    assert_string_equal(buffer_string(&text), "service='main'");
}

/* By what its tools are known at the server, which keeps 63 bytes of it. */
static void test_tools(void **state) {
    (void)state;
    CLEANUP(buffer_free) buffer_t text = {0};
    char name[CONNINFO_TOOL_BYTES];
    conninfo_add_tool("db7", &text);
    assert_string_equal(buffer_string(&text), "application_name='drover tool of db7'");
    (void)conninfo_tool_name("a23456789b23456789c23456789d23456789e234567890123456789", name);
    assert_string_equal(name, "drover tool of a23456789b23456789c23456789d23456789e23456789012");
    assert_int_equal(strlen(name), 63);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_parts), cmocka_unit_test(test_service),
                                       cmocka_unit_test(test_tools)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
