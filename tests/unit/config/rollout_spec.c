/* Tests of common/config/rollout_spec{,_print}.c. */
#include "common/config/rollout_spec.h"
#include "tests/unit/config/config_cases.h"

DEFINE_REFUSES(rollout_spec_parse, rollout_spec_t, rollout_spec_destroy, ERROR_SPEC_INVALID)

static const char BASE[] =
    "bundle: app\n"
    "target: V010\n"
    "select: tier == gold, !legacy\n"
    "waves:\n"
    "  - {name: canary, count: 2, soak: 5min, on_failure: rollback_wave}\n"
    "  - {name: eu, select: region in (eu), max_parallel: 10, approval: true}\n"
    "  - {name: quarter, percent: 25%}\n"
    "  - {name: rest, rest: true}\n"
    "on_failure: continue\n"
    "error_budget: {count: 1, percent: 2%}\n"
    "timeout: 2h\n";

static void test_good(void **state) {
    const yaml_text_t text = text_of(BASE);
    error_t err = {0};
    rollout_spec_t *spec = NULL;
    (void)state;
    if (rollout_spec_parse(&text, NULL, &spec, &err) != STATUS_OK) {
        fail_msg("%s", err.message);
    }
    assert_int_equal(rollout_spec_wave_count(spec), 4);
    const spec_wave_t *canary = rollout_spec_wave(spec, 0);
    assert_int_equal(canary->kind, SPEC_WAVE_TENANTS);
    assert_int_equal(canary->soak_us, 300000000);
    assert_int_equal(canary->on_failure, SPEC_ON_FAILURE_ROLLBACK_WAVE);
    assert_int_equal(rollout_spec_wave(spec, 1)->kind, SPEC_WAVE_SELECT);
    assert_string_equal(rollout_spec_wave(spec, 1)->select, "region=eu");
    assert_int_equal(rollout_spec_wave(spec, 1)->on_failure, SPEC_ON_FAILURE_CONTINUE);
    assert_true(rollout_spec_wave(spec, 1)->approval);
    assert_false(rollout_spec_wave(spec, 2)->approval);
    assert_int_equal(rollout_spec_wave(spec, 2)->kind, SPEC_WAVE_PERCENT);
    assert_int_equal(rollout_spec_wave(spec, 3)->kind, SPEC_WAVE_REST);
    assert_string_equal(spec->select, "tier=gold,!legacy");
    assert_int_equal(spec->recovery_point.policy, SPEC_RECOVERY_DUMP);
    assert_int_equal(spec->recovery_point.trial_restore, SPEC_TRIAL_CANARY);
    assert_int_equal(spec->attempts, 3);
    assert_false(spec->look);
    assert_int_equal(rollout_spec_budget(spec, 10), 1);
    assert_int_equal(rollout_spec_budget(spec, 1000), 20);
    assert_int_equal(spec_wave_percent_of(rollout_spec_wave(spec, 2), 41), 11);
    assert_int_equal(spec_wave_percent_of(rollout_spec_wave(spec, 2), 40), 10);
    rollout_spec_destroy(&spec);
}

static void test_canonical(void **state) {
    static const char *const TEXTS[] = {
        BASE,
        "bundle: ./a.bundle\nselect: all\nwaves: [{name: one, rest: true}]\n"
        "recovery_point: {policy: none, reason: \"rebuilt \\\"nightly\\\"\\t\\\\\"}\n",
        "application: app\nbundle: 0a1b\nselect: \"a=\\\"x y\\\"\"\n"
        "waves: [{name: one, percent: 0.5, select: \"!b\", max_parallel: 4, "
        "max_parallel_per_cluster: 2}]\n"
        "recovery_point: {trial_restore: sample, sample_percent: 12.25%}\nunreachable: count\n"
        "look: true\n",
    };
    (void)state;
    for (size_t i = 0; i < sizeof TEXTS / sizeof TEXTS[0]; i++) {
        const yaml_text_t text = text_of(TEXTS[i]);
        error_t err = {0};
        rollout_spec_t *spec = NULL;
        rollout_spec_t *again = NULL;
        buffer_t first = {0};
        buffer_t second = {0};
        if (rollout_spec_parse(&text, NULL, &spec, &err) != STATUS_OK) {
            fail_msg("%s", err.message);
        }
        rollout_spec_print(spec, &first);
        const yaml_text_t printed = text_of(buffer_string(&first));
        if (rollout_spec_parse(&printed, NULL, &again, &err) != STATUS_OK) {
            fail_msg("%s\n%s", err.message, buffer_string(&first));
        }
        rollout_spec_print(again, &second);
        assert_int_equal(i == 0 && rollout_spec_wave(again, 1)->approval, i == 0);
        assert_int_equal(spec->look, i == 2);
        assert_int_equal(again->look, spec->look);
        assert_string_equal(buffer_string(&first), buffer_string(&second));
        rollout_spec_destroy(&spec);
        rollout_spec_destroy(&again);
        buffer_free(&first);
        buffer_free(&second);
    }
}

static void test_bad(void **state) {
    static const edit_case_t CASES[] = {
        {"percent: 25%", "percent: 120%", ":7:30: '120%' is no percentage"},
        {"name: rest, rest: true", "name: rest, percent: 80%",
         ":8:27: the waves come to 105% with this one, past 100%"},
        {"name: eu, select: region in (eu)", "name: eu, rest: true",
         ":6:22: only the last wave can take the rest: nothing is left after 'eu'"},
        {"count: 2", "count: 0", ":5:27: 'count' is 0, outside 1 to 1000000"},
        {"percent: 25%", "percent: 0%", "'percent' is 0%, outside 0.01% to 100%"},
        {"count: 2", "count: 2, percent: 5%", ":5:5: wave 'canary' has more than one of"},
        {"count: 2, ", "", ":5:5: wave 'canary' has no size"},
        {"rest: true", "rest: false", "'rest' can only be true"},
        {"rest: true", "rest: true, select: a", "a selector there would leave tenants out"},
        {"name: eu", "name: canary", ":6:12: two waves have the name 'canary'"},
        {"tier == gold, !legacy", "tier gold", ":3:14: selector, column 6: ',' or the end"},
        {"region in (eu)", "region in (eu", ":6:34: selector, column 11: a '(' that is never"},
        {"max_parallel: 10", "max_parallel: 1, max_parallel_per_cluster: 2", "is greater than"},
        {"target: V010", "target: V 10", "'V 10' is no name"},
        {"bundle: app\n", "", "the rollout spec lacks the key 'bundle'"},
        {"timeout: 2h", "windows: []", ":11:1: unknown key 'windows' in the rollout spec"},
        {"timeout: 2h", "gates: []", "unknown key 'gates'"},
        {"timeout: 2h", "approvals: 2", "unknown key 'approvals'"},
        {"timeout: 2h", "recovery_point: {policy: none}", "'policy: none' needs a 'reason'"},
        {"timeout: 2h", "recovery_point: {policy: dump, reason: x}", "belongs to 'policy: none'"},
        {"timeout: 2h", "recovery_point: {policy: external, trial_restore: all}",
         "only dumps can be restored in trial"},
        {"timeout: 2h", "recovery_point: {sample_percent: 5%}", "belongs to 'trial_restore"},
        {"timeout: 2h", "unreachable: ignore", "'ignore' is none of wait, skip, count"},
        {"on_failure: continue", "on_failure: rollback", "did you mean 'rollback_wave'?"},
        {"timeout: 2h", "look: perhaps", "'perhaps' is"},
        {"count: 2", "count: 2, approval: true", "'canary' needs no approval"},
        {"timeout: 2h", "attempts: 0", "'attempts' is 0, outside 1 to 100"},
    };
    (void)state;
    refuses(BASE, CASES, sizeof CASES / sizeof CASES[0]);
}

static void test_waves_are_bounded(void **state) {
    buffer_t text = {0};
    error_t err = {0};
    rollout_spec_t *spec = NULL;
    (void)state;
    buffer_text(&text, "bundle: app\nselect: all\nwaves:\n");
    for (int i = 0; i < 257; i++) {
        buffer_format(&text, "  - {name: w%d, count: 1}\n", i);
    }
    const yaml_text_t source = text_of(buffer_string(&text));
    assert_int_equal(rollout_spec_parse(&source, NULL, &spec, &err), STATUS_ERROR);
    assert_non_null(strstr(err.message, "'waves' has 257 items, more than 256"));
    const yaml_text_t none = text_of("bundle: app\nselect: all\nwaves: []\n");
    assert_int_equal(rollout_spec_parse(&none, NULL, &spec, &err), STATUS_ERROR);
    assert_non_null(strstr(err.message, ":3:8: at least one wave is needed"));
    buffer_free(&text);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_good),
                                       cmocka_unit_test(test_canonical), cmocka_unit_test(test_bad),
                                       cmocka_unit_test(test_waves_are_bounded)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
