/* Tests of common/config/agent_config.c. */
#include "common/config/agent_config.h"
#include "tests/unit/config/config_cases.h"

DEFINE_REFUSES(agent_config_parse, agent_config_t, agent_config_destroy, ERROR_CONFIG_INVALID)

static const char BASE[] = "name: agent-eu-1\n"
                           "coordinator:\n"
                           "  address: tcp://coordinator:7707\n"
                           "  curve: \"" CURVE_A "\"\n"
                           "keys: {sign: a.key, curve: c.key, backup: b.key}\n"
                           "trust: {root: trust.root, policy: /etc/policy.yaml}\n"
                           "environment: prod\n"
                           "state: state\n"
                           "tools: {\"15\": /opt/pg15/bin}\n"
                           "backup:\n"
                           "  directory: backups\n"
                           "  keep: 30d\n"
                           "  external: {command: [/opt/snap, --tenant], timeout: 2h}\n"
                           "clusters:\n"
                           "  - name: c1\n"
                           "    connection: {host: /run/pg, port: 5433, sslmode: verify-full}\n"
                           "    roles: {owner: app_owner}\n"
                           "    tenants:\n"
                           "      pattern: app_*\n"
                           "      exclude: [app_template*]\n"
                           "      labels: {region: eu}\n"
                           "      list:\n"
                           "        - {database: special, name: sp, labels: {tier: gold}}\n"
                           "        - {database: other}\n"
                           "  - name: c2\n"
                           "    service: second\n"
                           "    parallel: 7\n"
                           "    tenants: {pattern: \"regex:^t[0-9]+$\"}\n";

static void test_good(void **state) {
    const yaml_text_t text = text_of(BASE);
    error_t err = {0};
    agent_config_t *config = NULL;
    (void)state;
    if (agent_config_parse(&text, NULL, &config, &err) != STATUS_OK) {
        fail_msg("%s", err.message);
    }
    assert_string_equal(config->trust.root, "/nowhere/trust.root");
    assert_string_equal(config->trust.policy, "/etc/policy.yaml");
    assert_string_equal(config->environment, "prod");
    assert_string_equal(config->state, "/nowhere/state");
    assert_int_equal(config->backup.keep_us, INT64_C(30) * 86400 * 1000000);
    assert_int_equal(config->backup.external.command.count, 2);
    assert_int_equal(config->backup.external.timeout_us, INT64_C(7200) * 1000000);
    assert_string_equal(agent_config_tools(config, 15), "/opt/pg15/bin");
    assert_null(agent_config_tools(config, 16));
    assert_int_equal(agent_config_cluster_count(config), 2);
    const agent_config_cluster_t *first = agent_config_cluster(config, 0);
    const agent_config_cluster_t *second = agent_config_cluster(config, 1);
    assert_int_equal(first->connection.port, 5433);
    assert_string_equal(first->connection.dbname, "postgres");
    assert_int_equal(agent_config_parallel(config, first), 2);
    assert_int_equal(agent_config_parallel(config, second), 7);
    assert_false(first->allow_superuser);
    assert_int_equal(agent_config_tenant_count(first), 2);
    assert_string_equal(agent_config_tenant(first, 1)->name, "other");
    agent_config_destroy(&config);
}

static void test_admits(void **state) {
    const yaml_text_t text = text_of(BASE);
    const agent_config_tenant_t *listed = NULL;
    error_t err = {0};
    agent_config_t *config = NULL;
    (void)state;
    assert_int_equal(agent_config_parse(&text, NULL, &config, &err), STATUS_OK);
    const agent_config_cluster_t *first = agent_config_cluster(config, 0);
    const agent_config_cluster_t *second = agent_config_cluster(config, 1);
    assert_true(agent_config_admits(first, "app_1", &listed));
    assert_null(listed);
    assert_true(agent_config_admits(first, "special", &listed));
    assert_string_equal(listed->name, "sp");
    assert_false(agent_config_admits(first, "app_template_x", NULL));
    assert_false(agent_config_admits(first, "postgres", NULL));
    assert_false(agent_config_admits(first, "another", NULL));
    assert_true(agent_config_admits(second, "t12", NULL));
    assert_false(agent_config_admits(second, "t12x", NULL));
    agent_config_destroy(&config);
}

static void test_bad(void **state) {
    static const edit_case_t CASES[] = {
        {"host: /run/pg", "password: x", "passwords do not stand in this file"},
        {"environment: prod", "release_keys: [" HEX_A "]",
         ":7:15: release keys stand in the trust"},
        {"environment: prod", "release_threshold: 2", "thresholds stand in the trust file that"},
        {"coordinator:\n", "coordinator:\n  sign: " HEX_A "\n", "coordinators' signing keys stand"},
        {"trust: {root: trust.root, policy: /etc/policy.yaml}\n", "", "lacks the key 'trust'"},
        {"root: trust.root, ", "", "lacks the key 'root'"},
        {"environment: prod", "environment: \"pr od\"", ":7:14: 'pr od' is no name"},
        {"sslmode: verify-full", "sslmode: always", "'always' is no sslmode"},
        {"keep: 30d", "sample_percent: 5%", "unknown key 'sample_percent'"},
        {"port: 5433", "port: 0", "'port' is 0, outside 1 to 65535"},
        {"    service: second\n", "    service: second\n    connection: {host: x}\n",
         "has both 'service' and 'connection'"},
        {"    service: second\n", "", "cluster 'c2' needs 'service' or 'connection'"},
        {"name: c2", "name: c1", "two clusters have the name 'c1'"},
        {"{pattern: \"regex:^t[0-9]+$\"}", "{}", "'tenants' needs a 'pattern' or a 'list'"},
        {"^t[0-9]+$", "^t[0-9", "'pattern' is no regular expression"},
        {"region: eu", "cluster: eu", "label 'cluster' is reserved"},
        {"region: eu", "\"a b\": eu", "'a b' cannot name a label"},
        {"database: other", "database: special", "two tenants have the database 'special'"},
        {"name: sp", "name: other", "two tenants have the name 'other'"},
        {"\"15\": /opt", "\"9.6\": /opt", "'9.6' is no PostgreSQL major"},
        {"/opt/pg15/bin", "pg15/bin", "must be an absolute path"},
        {", backup: b.key", "", "backups need a key"},
        {"keep: 30d", "keep_days: 30", "unknown key 'keep_days' in backup"},
    };
    (void)state;
    refuses(BASE, CASES, sizeof CASES / sizeof CASES[0]);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_good), cmocka_unit_test(test_admits),
                                       cmocka_unit_test(test_bad)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
