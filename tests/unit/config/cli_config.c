/* Tests of common/config/cli_config.c. */
#include "common/config/cli_config.h"
#include "tests/unit/config/config_cases.h"

DEFINE_REFUSES(cli_config_parse, cli_config_t, cli_config_destroy, ERROR_CONFIG_INVALID)

static const char BASE[] = "coordinator:\n"
                           "  address: tcp://localhost:7707\n"
                           "  curve: \"" CURVE_A "\"\n"
                           "keys: {sign: op.key, curve: curve.key}\n"
                           "trust: {root: v1.trust}\n"
                           "output: json\n";

static void test_good(void **state) {
    const yaml_text_t text = text_of(BASE);
    error_t err = {0};
    cli_config_t *config = NULL;
    (void)state;
    if (cli_config_parse(&text, NULL, &config, &err) != STATUS_OK) {
        fail_msg("%s", err.message);
    }
    assert_int_equal(config->output, CLI_OUTPUT_JSON);
    assert_int_equal(config->timeout_us, 10000000);
    assert_int_equal(config->command_timeout_us, 60000000);
    assert_null(config->keys.signer);
    assert_string_equal(config->trust.root, "/nowhere/v1.trust");
    assert_int_equal(config->coordinator.curve_key[0], 0x54); /* the key pair of RFC 26 */
    cli_config_destroy(&config);
}

static void test_signer(void **state) {
    const yaml_text_t text = text_of("coordinator:\n"
                                     "  address: tcp://localhost:7707\n"
                                     "  curve: \"" CURVE_A "\"\n"
                                     "keys:\n"
                                     "  sign: op.pub\n"
                                     "  curve: curve.key\n"
                                     "  signer: hsm-sign --slot '3 4'\n"
                                     "command_timeout: 5s\n");
    error_t err = {0};
    cli_config_t *config = NULL;
    (void)state;
    if (cli_config_parse(&text, NULL, &config, &err) != STATUS_OK) {
        fail_msg("%s", err.message);
    }
    assert_string_equal(config->keys.sign, "/nowhere/op.pub");
    assert_string_equal(config->keys.signer, "hsm-sign --slot '3 4'"); /* no path: as it stands */
    assert_int_equal(config->command_timeout_us, 5000000);
    cli_config_destroy(&config);
}

static void test_bad(void **state) {
    static const edit_case_t CASES[] = {
        {CURVE_A, "short", ":3:10: 'curve' is no CURVE public key"},
        {"output: json", "output: jsn", "did you mean 'json'?"},
        {"tcp://localhost:7707", "localhost", "is no address"},
        {"output: json", "command_timeout: 2h", "command_timeout"},
        {"{root: v1.trust}", "{}", "lacks the key 'root'"},
        {"keys: {sign: op.key, curve: curve.key}\n", "", "lacks the key 'keys'"},
    };
    (void)state;
    refuses(BASE, CASES, sizeof CASES / sizeof CASES[0]);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_good), cmocka_unit_test(test_signer),
                                       cmocka_unit_test(test_bad)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
