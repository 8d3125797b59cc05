/* policy_config.c: the policy file: what it says, what it means where it says nothing, and what is
 * refused. */
#include "common/config/policy_config.h"

#include "tests/unit/config/config_cases.h"

DEFINE_REFUSES(policy_config_parse, policy_config_t, policy_config_destroy, ERROR_CONFIG_INVALID)

static const char BASE[] = "# policy.yaml\n"
                           "tenants: region=eu\n"
                           "kinds: [forward, undo]\n"
                           "windows:\n"
                           "  - {days: [mon, sun], from: \"22:00\", to: \"05:00\"}\n"
                           "  - {from: \"12:30\", to: \"00:00\"}\n"
                           "windows_bind_undo: true\n"
                           "tenants_per_hour: 50\n"
                           "allow_superuser: true\n"
                           "kill_switch: STOP\n"
                           "minimum_recovery: external\n";

static policy_config_t *parsed(const char *bytes) {
    const yaml_text_t text = text_of(bytes);
    error_t err = {0};
    policy_config_t *config = NULL;
    if (policy_config_parse(&text, NULL, &config, &err) != STATUS_OK) {
        fail_msg("%s", err.message);
    }
    return config;
}

static void test_good(void **state) {
    policy_config_t *config = parsed(BASE);
    const selector_label_t eu = {.key = "region", .value = "eu"};
    selector_subject_t subject = {.name = "acme"};
    (void)state;
    assert_false(selector_matches(config->selector, &subject));
    subject.labels = &eu;
    subject.label_count = 1;
    assert_true(selector_matches(config->selector, &subject));
    assert_int_equal(config->kinds, 1U << POLICY_FORWARD | 1U << POLICY_UNDO);
    assert_int_equal(policy_config_window_count(config), 2);
    const policy_window_t *night = policy_config_window(config, 0);
    const policy_window_t *half = policy_config_window(config, 1);
    assert_int_equal(night->days, 1U << 0 | 1U << 6);
    assert_int_equal(night->from, 22 * 60);
    assert_int_equal(night->to, 5 * 60);
    assert_int_equal(half->days, 127);
    assert_int_equal(half->from, 12 * 60 + 30);
    assert_int_equal(half->to, POLICY_DAY_MINUTES); /* midnight ends the day it is written for */
    assert_true(config->windows_bind_undo);
    assert_int_equal(config->tenants_per_hour, 50);
    assert_true(config->allow_superuser);
    assert_false(config->allow_unparsed);
    assert_string_equal(config->kill_switch, "/nowhere/STOP");
    assert_int_equal(config->minimum_recovery, POLICY_RECOVERY_EXTERNAL);
    assert_int_equal(config->lines[POLICY_KEY_TENANTS], 2);
    assert_int_equal(config->lines[POLICY_KEY_MINIMUM_RECOVERY], 11);
    assert_int_equal(config->lines[POLICY_KEY_ALLOW_UNPARSED], 0);
    policy_config_destroy(&config);
}

/* What a file that says almost nothing means. */
static void test_defaults(void **state) {
    policy_config_t *config = parsed("tenants_per_hour: 0\n");
    (void)state;
    assert_true(selector_is_all(config->selector));
    assert_int_equal(config->kinds, (1U << POLICY_KIND_COUNT) - 1);
    assert_int_equal(policy_config_window_count(config), 0);
    assert_false(config->windows_bind_undo);
    assert_int_equal(config->tenants_per_hour, 0);
    assert_false(config->allow_superuser);
    assert_false(config->allow_unparsed);
    assert_null(config->kill_switch);
    assert_int_equal(config->minimum_recovery, POLICY_RECOVERY_NONE);
    assert_int_equal(config->lines[POLICY_KEY_TENANTS], 0);
    policy_config_destroy(&config);
}

static void test_bad(void **state) {
    static const edit_case_t CASES[] = {
        {"region=eu", "region=", ":2:17: "},
        {"tenants: region=eu", "tenants: \"\"", "'tenants' is empty"},
        {"[forward, undo]", "[forward, und]",
         ":3:18: 'und' is no kind of work; did you mean 'undo"},
        {"[forward, undo]", "[]", "'kinds' is empty: leave it out for all"},
        {"[forward, undo]", "[undo, undo]", ":3:15: 'undo' stands in the list twice"},
        {"[mon, sun]", "[]", "'days' is empty: leave it out for all"},
        {"[mon, sun]", "[Monday]", "'Monday' is no day"},
        {"[mon, sun]", "[mon, mon]", "'mon' stands in the list twice"},
        {"\"22:00\"", "\"24:00\"", "'24:00' is no time from \"00:00\" to \"23:59\""},
        {"\"22:00\"", "\"22:60\"", "'22:60' is no time"},
        {"\"22:00\"", "\"2:00\"", "'2:00' is no time"},
        {"\"22:00\"", "\"22.00\"", "'22.00' is no time"},
        {"\"22:00\"", "\"2a:00\"", "'2a:00' is no time"},
        {"\"22:00\"", "\" 9:00\"", "' 9:00' is no time"},
        {"\"22:00\"", "\"22:0/\"", "'22:0/' is no time"},
        {"\"05:00\"", "\"24:01\"", "'24:01' is no time from \"00:00\" to \"24:00\""},
        {"\"05:00\"", "\"22:00\"", ":5:43: a window ends when it begins"},
        {"from: \"22:00\"", "form: \"22:00\"",
         "unknown key 'form' in a window; did you mean 'from'"},
        {"tenants_per_hour: 50", "tenants_per_hour: -1", "'tenants_per_hour' is -1, outside"},
        {"minimum_recovery: external", "minimum_recovery: snapshot", "'snapshot'"},
        {"allow_superuser: true", "allow_superuser: yes", "'yes' is neither true nor false"},
        {"allow_superuser", "alow_superuser", "did you mean 'allow_superuser'"},
        {"kill_switch: STOP", "kill_switch:", "'kill_switch' has no value"},
    };
    (void)state;
    refuses(BASE, CASES, sizeof CASES / sizeof CASES[0]);
}

/* An empty file is no policy that permits everything. */
static void test_empty(void **state) {
    static const char *const TEXTS[] = {"", "# nothing\n", "{}garbage", "[]", "---\n...\n"};
    (void)state;
    for (size_t i = 0; i < sizeof TEXTS / sizeof TEXTS[0]; i++) {
        const yaml_text_t text = text_of(TEXTS[i]);
        error_t err = {0};
        policy_config_t *config = NULL;
        assert_int_equal(policy_config_parse(&text, NULL, &config, &err), STATUS_ERROR);
        assert_int_equal(err.code, ERROR_CONFIG_INVALID);
    }
}

static void test_bounds(void **state) {
    static char large[POLICY_CONFIG_BYTES + 2];
    error_t err = {0};
    policy_config_t *config = NULL;
    (void)state;
    memset(large, '\n', sizeof large - 1);
    memcpy(large, "tenants: all", strlen("tenants: all"));
    yaml_text_t text = text_of(large);
    assert_int_equal(policy_config_parse(&text, NULL, &config, &err), STATUS_ERROR);
    assert_int_equal(err.code, ERROR_BOUND);
    text.size--;
    assert_int_equal(policy_config_parse(&text, NULL, &config, &err), STATUS_OK);
    policy_config_destroy(&config);
}

static void test_no_file(void **state) {
    error_t err = {0};
    policy_config_t *config = NULL;
    (void)state;
    assert_int_equal(policy_config_load("/nowhere/f.yaml", NULL, &config, &err), STATUS_ERROR);
    assert_int_equal(err.code, ERROR_CONFIG_MISSING);
    assert_null(config);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good),   cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_bad),    cmocka_unit_test(test_empty),
        cmocka_unit_test(test_bounds), cmocka_unit_test(test_no_file)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
