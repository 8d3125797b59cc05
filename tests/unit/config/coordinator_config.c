/* Tests of common/config/coordinator_config.c. */
#include "common/config/coordinator_config.h"
#include "common/base/clock.h"
#include "tests/unit/config/config_cases.h"

DEFINE_REFUSES(coordinator_config_parse, coordinator_config_t, coordinator_config_destroy,
               ERROR_CONFIG_INVALID)

static const char BASE[] = "listen: tcp://0.0.0.0:7707\n"
                           "catalog: data/catalog.sqlite\n"
                           "keys: {sign: sign.key, curve: /k/curve.key}\n"
                           "trust: {root: /etc/drover/root.trust}\n"
                           "bundles: bundles\n"
                           "lease: 10s\n"
                           "limits: {rollouts: 100}\n"
                           "log_level: debug\n"
                           "environment: production\n"
                           "order_life: 3d\n"
                           "audit: {export: heads.audit}\n";

static void test_good(void **state) {
    const yaml_text_t text = text_of(BASE);
    error_t err = {0};
    coordinator_config_t *config = NULL;
    (void)state;
    if (coordinator_config_parse(&text, NULL, &config, &err) != STATUS_OK) {
        fail_msg("%s", err.message);
    }
    assert_string_equal(config->listen, "tcp://0.0.0.0:7707");
    assert_string_equal(config->catalog, "/nowhere/data/catalog.sqlite");
    assert_string_equal(config->keys.sign, "/nowhere/sign.key");
    assert_string_equal(config->keys.curve, "/k/curve.key");
    assert_string_equal(config->trust.root, "/etc/drover/root.trust");
    assert_string_equal(config->audit.heads, "/nowhere/heads.audit");
    assert_string_equal(config->environment, "production");
    assert_int_equal(config->order_life_us, INT64_C(3) * 24 * 3600 * US_PER_S);
    assert_int_equal(config->lease_us, 10 * US_PER_S);
    assert_int_equal(config->heartbeat_us, 2 * US_PER_S);
    assert_int_equal(config->clock_skew_max_us, 60 * US_PER_S);
    assert_int_equal(config->limits.rollouts, 100);
    assert_int_equal(config->limits.agents, 10000);
    assert_int_equal(config->limits.commit_batch, 512);
    assert_int_equal(config->timeouts.drain_us, 30 * US_PER_S);
    assert_int_equal(config->log_level, LOG_DEBUG);
    coordinator_config_destroy(&config);
    assert_null(config);
}

/* A fleet without environments, and an order's life, need not be told. */
static void test_defaults(void **state) {
    static const char LEAST[] =
        "catalog: c\nkeys: {sign: s, curve: c}\ntrust: {root: t}\nbundles: b\n";
    const yaml_text_t text = text_of(LEAST);
    error_t err = {0};
    CLEANUP(coordinator_config_destroy_p) coordinator_config_t *config = NULL;
    (void)state;
    assert_int_equal(coordinator_config_parse(&text, NULL, &config, &err), STATUS_OK);
    assert_string_equal(config->trust.root, "/nowhere/t");
    assert_null(config->audit.heads);
    assert_string_equal(config->environment, "");
    assert_int_equal(config->order_life_us, INT64_C(7) * 24 * 3600 * US_PER_S);
}

static void test_bad(void **state) {
    static const edit_case_t CASES[] = {
        {"listen:", "lisen:",
         ":1:1: unknown key 'lisen' in the coordinator's configuration; did "
         "you mean 'listen'?"},
        {"tcp://0.0.0.0:7707", "0.0.0.0:7707", ":1:9: '0.0.0.0:7707' is no address"},
        {"tcp://0.0.0.0:7707", "tcp://0.0.0.0:70000", "is no address"},
        {"catalog: data/catalog.sqlite\n", "", "lacks the key 'catalog'"},
        {"sign: sign.key, ", "", ":3:7: keys lacks the key 'sign'"},
        {"lease: 10s", "lease: 5s", ":6:8: 'lease' must be at least three heartbeats"},
        {"lease: 10s", "unreachable_after: 3s", "at least two heartbeats"},
        {"lease: 10s", "lease: 10", "'10' is no duration"},
        {"rollouts: 100", "rollouts: 0", ":7:20: 'rollouts' is 0, outside 1 to 10000"},
        {"rollouts: 100", "sessions: 100", ":7:10: unknown key 'sessions'"},
        {"lease: 10s", "timeouts: {task: 6h}", ":6:12: unknown key 'task'"},
        {"trust: {root: /etc/drover/root.trust}\n", "", "lacks the key 'trust'"},
        {"root: /etc/drover/root.trust", "", ":4:8: trust lacks the key 'root'"},
        {"bundles: bundles", "peers: peers.yaml\nbundles: bundles",
         ":5:8: operators stand in the trust file"},
        {"environment: production", "environment: 'a b'", ":9:14: "},
        {"order_life: 3d", "order_life: 59min", "'order_life'"},
        {"order_life: 3d", "order_life: 93d", "'order_life'"},
        {"debug", "loud", "'loud' is none of debug, info, warning, error"},
    };
    (void)state;
    refuses(BASE, CASES, sizeof CASES / sizeof CASES[0]);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_good), cmocka_unit_test(test_defaults),
                                       cmocka_unit_test(test_bad)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
