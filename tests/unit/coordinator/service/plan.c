/* plan.c: waves cut, tenants judged, every one of them in exactly one place. Pure. */
#include "coordinator/service/plan.h"
#include "tests/unit/base/cmocka_all.h"

enum { TENANTS = 40, HEAD = 10 };

static error_t err;

#define OK(call)                                                                                   \
    do {                                                                                           \
        if ((call) != STATUS_OK) {                                                                 \
            fail_msg("%s", err.message);                                                           \
        }                                                                                          \
    } while (0)

static const char *const VERSIONS[HEAD] = {"V001", "V002", "V003", "V004", "V005",
                                           "V006", "V007", "V008", "V009", "V010"};

static rollout_spec_t *spec_of(const char *waves) {
    char text[1024];
    rollout_spec_t *spec = NULL;
    (void)snprintf(text, sizeof text, "bundle: app\ntarget: V010\nselect: all\nwaves:\n%s", waves);
    yaml_text_t yaml = {.name = "spec", .bytes = text, .size = strlen(text)};
    OK(rollout_spec_parse(&yaml, NULL, &spec, &err));
    return spec;
}

static ident_t id_of(uint32_t n) {
    uint8_t bytes[IDENT_BYTES] = {(uint8_t)(n >> 16), (uint8_t)(n >> 8), (uint8_t)n};
    return ident_from_bytes(bytes);
}

/* count tenants at a position; the first `gold` of them have tier=gold. Given backwards, since the
 * order must not matter. */
static plan_t *fleet_of(uint32_t count, uint32_t position, uint32_t gold) {
    static const selector_label_t GOLD[] = {{"tier", "gold"}};
    plan_t *plan = plan_new(KIND_FORWARD);
    assert_non_null(plan);
    plan->application = "app";
    plan->versions = VERSIONS;
    plan->version_count = HEAD;
    plan->target = HEAD;
    OK(plan_reserve(plan, count, &err));
    for (uint32_t i = 0; i < count; i++) {
        char text[16];
        const char *name = NULL;
        uint32_t n = count - 1 - i;
        int size = snprintf(text, sizeof text, "t%05u", n);
        OK(arena_text(&plan->arena, text, (size_t)size, &name, &err));
        plan->rows[i] =
            (plan_row_t){.tenant = id_of(n),
                         .name = name,
                         .database = name,
                         .system_identifier = 1 + n % 2,
                         .subject = {.name = name, .labels = GOLD, .label_count = n < gold ? 1 : 0},
                         .has_ledger = true,
                         .from = position,
                         .from_version = position > 0 ? VERSIONS[position - 1] : "",
                         .problem_code = "",
                         .observed_us = 1000 + n};
    }
    return plan;
}

static void judge(plan_t *plan) {
    for (uint32_t i = 0; i < plan->count; i++) {
        OK(plan_judge_forward(plan, &plan->rows[i], &err));
    }
}

static void cut(plan_t *plan, const char *waves) {
    rollout_spec_t *spec = spec_of(waves);
    judge(plan);
    OK(plan_cut(plan, spec, &err));
    OK(plan_finish(plan, &err));
    rollout_spec_destroy(&spec);
}

/* Rows tile the waves, each has one outcome, sums agree. */
static void check(const plan_t *plan) {
    uint32_t next = 0;
    uint32_t sum = 0;
    for (uint32_t w = 0; w < plan->wave_count; w++) {
        assert_int_equal(plan->waves[w].first, next);
        uint32_t inside = 0;
        for (int o = 0; o < PLAN_OUTCOME_COUNT; o++) {
            inside += plan->waves[w].by_outcome[o];
        }
        assert_int_equal(inside, plan->waves[w].count);
        for (uint32_t i = 0; i < plan->waves[w].count; i++) {
            assert_int_equal(plan->rows[next + i].wave, w);
            assert_true(i == 0 ||
                        strcmp(plan->rows[next + i - 1].name, plan->rows[next + i].name) < 0);
        }
        next += plan->waves[w].count;
    }
    for (uint32_t i = next; i < plan->count; i++) {
        assert_int_equal(plan->rows[i].outcome, PLAN_LEFT_OUT);
    }
    for (int o = 0; o < PLAN_OUTCOME_COUNT; o++) {
        sum += plan->by_outcome[o];
    }
    assert_int_equal(sum, plan->count);
}

static void sizes_are(const char *waves, uint32_t tenants, const uint32_t *sizes) {
    plan_t *plan = fleet_of(tenants, 0, 5);
    cut(plan, waves);
    check(plan);
    for (uint32_t w = 0; w < plan->wave_count; w++) {
        assert_int_equal(plan->waves[w].count, sizes[w]);
    }
    plan_destroy(&plan);
}

#define SIZES(waves, tenants, ...) sizes_are(waves, tenants, (const uint32_t[]){__VA_ARGS__})

static void waves_are_cut(void **state) {
    (void)state;
    SIZES("  - {name: a, count: 2}\n  - {name: b, percent: 25%}\n  - {name: c, rest: true}\n", 40,
          2, 10, 28);
    /* rounded up, and of all that are selected, not of what is left */
    SIZES("  - {name: a, percent: 1%}\n  - {name: b, percent: 10%}\n  - {name: c, rest: true}\n",
          41, 1, 5, 35);
    SIZES("  - {name: a, percent: 33%}\n  - {name: b, percent: 33%}\n  - {name: c, percent: 34%}\n",
          10, 4, 4, 2);
    /* a count past the fleet takes what there is, later waves stay empty */
    SIZES("  - {name: a, count: 100}\n  - {name: b, count: 1}\n  - {name: c, rest: true}\n", 3, 3,
          0, 0);
    SIZES("  - {name: a, select: tier=gold}\n  - {name: b, select: tier=gold, count: 2}\n"
          "  - {name: c, rest: true}\n",
          40, 5, 0, 35);
    SIZES("  - {name: a, select: tier=gold, count: 2}\n  - {name: b, select: \"!tier\", count: 3}\n"
          "  - {name: c, rest: true}\n",
          40, 2, 3, 35);
}

static void who_is_in_no_wave_is_left_out(void **state) {
    (void)state;
    plan_t *plan = fleet_of(TENANTS, 3, 0);
    cut(plan, "  - {name: a, count: 2}\n  - {name: b, percent: 10%}\n");
    check(plan);
    assert_int_equal(plan->by_outcome[PLAN_WORK], 6);
    assert_int_equal(plan->by_outcome[PLAN_LEFT_OUT], 34);
    assert_int_equal(plan->steps, 6 * 7);
    assert_string_equal(plan->rows[0].name, "t00000");
    assert_true(plan->waves[0].canary);
    assert_false(plan->waves[1].canary);
    plan_destroy(&plan);
}

static void past_100_percent_is_refused(void **state) {
    (void)state;
    rollout_spec_t *spec = NULL;
    const char *text = "bundle: app\ntarget: V010\nselect: all\nwaves:\n"
                       "  - {name: a, percent: 60%}\n  - {name: b, percent: 41%}\n";
    yaml_text_t yaml = {.name = "spec", .bytes = text, .size = strlen(text)};
    assert_int_equal(rollout_spec_parse(&yaml, NULL, &spec, &err), STATUS_ERROR);
    assert_int_equal(err.code, ERROR_SPEC_INVALID);
    assert_non_null(strstr(err.message, "past 100%"));
}

static void each_is_judged(void **state) {
    (void)state;
    plan_t *plan = fleet_of(8, 4, 0);
    plan->rows[0].has_ledger = false;        /* t00007 */
    plan->rows[1].from = HEAD;               /* t00006 */
    plan->rows[2].from = HEAD + 1;           /* t00005 */
    plan->rows[3].problem_code = "DRV-3021"; /* t00004 */
    plan->rows[3].problem = "a copy";
    plan->rows[4].elsewhere = "other"; /* t00003 */
    plan->rows[5].from = HEAD;         /* t00002: there already, busy or not */
    plan->rows[5].elsewhere = "other";
    cut(plan, "  - {name: a, count: 2}\n  - {name: b, rest: true}\n");
    check(plan);
    static const struct {
        plan_outcome_t outcome;
        error_code_t code;
        uint32_t wave;
    } WANT[] = {
        {PLAN_WORK, ERROR_NONE, 0},
        {PLAN_WORK, ERROR_NONE, 0},
        {PLAN_NOT_NEEDED, ERROR_NONE, 1},
        {PLAN_REFUSED, ERROR_TENANT_IN_ROLLOUT, 1},
        {PLAN_REFUSED, ERROR_TENANT_CLONE, 1},
        {PLAN_REFUSED, ERROR_TENANT_AHEAD, 1},
        {PLAN_NOT_NEEDED, ERROR_NONE, 1},
        {PLAN_REFUSED, ERROR_TENANT_NO_LEDGER, 1},
    };
    for (uint32_t i = 0; i < 8; i++) {
        assert_int_equal(plan->rows[i].outcome, WANT[i].outcome);
        assert_int_equal(plan->rows[i].code, WANT[i].code);
        assert_int_equal(plan->rows[i].wave, WANT[i].wave);
        assert_true((plan->rows[i].reason[0] != '\0') == (WANT[i].outcome != PLAN_WORK));
    }
    plan_destroy(&plan);
}

static void the_refused_use_up_no_place(void **state) {
    (void)state;
    plan_t *plan = fleet_of(6, 4, 0);
    for (uint32_t i = 3; i < 6; i++) { /* t00000 … t00002 */
        plan->rows[i].has_ledger = false;
    }
    cut(plan, "  - {name: a, count: 2}\n  - {name: b, rest: true}\n");
    check(plan);
    assert_int_equal(plan->waves[0].by_outcome[PLAN_WORK], 2);
    assert_int_equal(plan->waves[0].by_outcome[PLAN_REFUSED], 3);
    assert_int_equal(plan->waves[1].by_outcome[PLAN_WORK], 1);
    plan_destroy(&plan);
}

static digest_t digest_with(void (*change)(plan_t *)) {
    plan_t *plan = fleet_of(TENANTS, 3, 0);
    if (change != NULL) {
        change(plan);
    }
    cut(plan, "  - {name: a, count: 2}\n  - {name: b, rest: true}\n");
    digest_t digest = plan->digest;
    plan_destroy(&plan);
    return digest;
}

static void turn_around(plan_t *plan) {
    for (uint32_t i = 0; i < plan->count / 2; i++) {
        plan_row_t row = plan->rows[i];
        plan->rows[i] = plan->rows[plan->count - 1 - i];
        plan->rows[plan->count - 1 - i] = row;
    }
}
static void look_later(plan_t *plan) {
    plan->rows[0].observed_us += 1000000;
}
static void move_one(plan_t *plan) {
    plan->rows[7].from = 4;
}
static void set_one_aside(plan_t *plan) {
    plan->rows[7].problem_code = "DRV-3021";
}
static void take_another(plan_t *plan) {
    plan->rows[7].tenant = id_of(777);
}
static void aim_lower(plan_t *plan) {
    plan->target = 9;
}
static void use_another_bundle(plan_t *plan) {
    plan->bundle.bytes[0] = 1;
}

static void the_digest_is_of_what_happens(void **state) {
    (void)state;
    static void (*const CHANGES[])(plan_t *) = {move_one, set_one_aside, take_another, aim_lower,
                                                use_another_bundle};
    digest_t plain = digest_with(NULL);
    digest_t turned = digest_with(turn_around);
    digest_t later = digest_with(look_later);
    assert_true(digest_equal(&plain, &turned));
    assert_true(digest_equal(&plain, &later));
    for (size_t i = 0; i < sizeof CHANGES / sizeof CHANGES[0]; i++) {
        digest_t changed = digest_with(CHANGES[i]);
        assert_false(digest_equal(&plain, &changed));
    }
}

static void budgets_follow_the_spec(void **state) {
    (void)state;
    plan_t *plan = fleet_of(TENANTS, 3, 0);
    rollout_spec_t *spec = spec_of("  - {name: a, count: 2, on_failure: continue, soak: 5min, "
                                   "max_parallel: 2, max_parallel_per_cluster: 1}\n"
                                   "  - {name: b, rest: true}\n"
                                   "on_failure: rollback_wave\n"
                                   "error_budget: {count: 1, percent: 10%}\n");
    judge(plan);
    OK(plan_cut(plan, spec, &err));
    OK(plan_finish(plan, &err));
    assert_int_equal(plan->waves[0].on_failure, ON_FAILURE_CONTINUE);
    assert_int_equal(plan->waves[1].on_failure, ON_FAILURE_ROLLBACK_WAVE);
    assert_int_equal(plan->waves[0].budget, rollout_spec_budget(spec, 2));
    assert_int_equal(plan->waves[1].budget, rollout_spec_budget(spec, 38));
    assert_true(plan->waves[1].budget > plan->waves[0].budget);
    assert_int_equal(plan->waves[0].soak_us, INT64_C(300000000));
    assert_int_equal(plan->waves[0].max_parallel, 2);
    assert_int_equal(plan->waves[0].max_parallel_per_cluster, 1);
    rollout_spec_destroy(&spec);
    plan_destroy(&plan);
}

static void ways_back_go_by_target(void **state) {
    (void)state;
    plan_t *plan = fleet_of(9, 10, 0);
    plan->kind = KIND_UNDO;
    for (uint32_t i = 0; i < 9; i++) {
        plan->rows[i].outcome = i < 8 ? PLAN_WORK : PLAN_NOT_NEEDED;
        plan->rows[i].reason = "";
        plan->rows[i].to = i % 3 == 0 ? 0 : i % 3 == 1 ? 7 : 3;
    }
    OK(plan_waves_by_target(plan, &err));
    OK(plan_finish(plan, &err));
    check(plan);
    assert_int_equal(plan->wave_count, 3);
    assert_int_equal(plan->target, 0);
    assert_int_equal(plan->waves[0].target, 7);
    assert_int_equal(plan->waves[1].target, 3);
    assert_int_equal(plan->waves[2].target, 0);
    assert_string_equal(plan->waves[0].name, "to V007");
    assert_string_equal(plan->waves[2].name, "to empty");
    for (uint32_t i = 0; i < 9; i++) {
        const plan_row_t *row = &plan->rows[i];
        assert_true(row->outcome == PLAN_NOT_NEEDED || plan->waves[row->wave].target == row->to);
    }
    plan_destroy(&plan);
}

static void a_fleet_is_cut_whole(void **state) {
    (void)state;
    plan_t *plan = fleet_of(10000, 3, 100);
    cut(plan, "  - {name: a, count: 2}\n  - {name: b, percent: 25%}\n  - {name: c, rest: true}\n");
    check(plan);
    assert_int_equal(plan->waves[2].count, 10000 - 2 - 2500);
    plan_destroy(&plan);
    plan = plan_new(KIND_FORWARD);
    assert_int_equal(plan_reserve(plan, LIMIT_TENANTS + 1, &err), STATUS_ERROR);
    assert_int_equal(err.code, ERROR_BOUND);
    plan_destroy(&plan);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(waves_are_cut),
        cmocka_unit_test(who_is_in_no_wave_is_left_out),
        cmocka_unit_test(past_100_percent_is_refused),
        cmocka_unit_test(each_is_judged),
        cmocka_unit_test(the_refused_use_up_no_place),
        cmocka_unit_test(the_digest_is_of_what_happens),
        cmocka_unit_test(budgets_follow_the_spec),
        cmocka_unit_test(ways_back_go_by_target),
        cmocka_unit_test(a_fleet_is_cut_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
