/*
 * Every attack is refused with the code of the check that it names, and is accepted as soon as that
 * check is taken out; every check has an attack. So no check is idle, and no attack is refused by
 * accident. Run with the names of attacks or checks to try only those, and see each one's message.
 */
#include "tests/unit/trust/attack.h"

#include "tests/unit/base/cmocka_all.h"

typedef attacks_t (*group_t)(void);
static const group_t GROUPS[] = {attacks_documents, attacks_trust,   attacks_signers,
                                 attacks_orders,    attacks_agents,  attacks_tickets,
                                 attacks_take_back, attacks_standing};
enum { GROUP_COUNT = sizeof GROUPS / sizeof GROUPS[0], LEAST_ATTACKS = 80 };

typedef struct outcome {
    status_t status;
    error_t err;
} outcome_t;

static outcome_t run(const attack_t *attack, trust_check_t out) {
    static world_t world;
    outcome_t outcome = {0};
    world_open(&world);
    trust_check_remove(out);
    outcome.status = attack->run(&world, &outcome.err);
    trust_check_remove(CHECK_COUNT);
    world_close(&world);
    return outcome;
}

static bool is_refused(const attack_t *attack) {
    outcome_t with = run(attack, CHECK_COUNT);
    bool right = with.status != STATUS_OK && with.err.code == trust_check_code(attack->check);
    if (!right) {
        print_error("%s: %s is %s, %s\n", trust_check_name(attack->check), attack->name,
                    with.status == STATUS_OK ? "accepted" : "refused by another check",
                    with.status == STATUS_OK ? "" : with.err.message);
    }
    return right;
}

static bool is_accepted_without(const attack_t *attack) {
    outcome_t without = run(attack, attack->check);
    if (without.status != STATUS_OK) {
        print_error("%s: %s is refused without the check, too: %s %s\n",
                    trust_check_name(attack->check), attack->name,
                    error_code_name(without.err.code), without.err.message);
    }
    return without.status == STATUS_OK;
}

static size_t count_wrong(bool (*right)(const attack_t *)) {
    size_t wrong = 0;
    for (size_t g = 0; g < GROUP_COUNT; g++) {
        attacks_t attacks = GROUPS[g]();
        for (size_t i = 0; i < attacks.count; i++) {
            wrong += right(&attacks.list[i]) ? 0 : 1;
        }
    }
    return wrong;
}

static void test_each_is_refused(void **state) {
    (void)state;
    assert_int_equal(count_wrong(is_refused), 0);
}

static void test_each_is_accepted_without_its_check(void **state) {
    (void)state;
    assert_int_equal(count_wrong(is_accepted_without), 0);
}

static void test_each_check_has_an_attack(void **state) {
    (void)state;
    size_t cases[CHECK_COUNT] = {0};
    size_t all = 0;
    for (size_t g = 0; g < GROUP_COUNT; g++) {
        attacks_t attacks = GROUPS[g]();
        for (size_t i = 0; i < attacks.count; i++) {
            cases[attacks.list[i].check]++;
            all++;
        }
    }
    for (int check = 0; check < CHECK_COUNT; check++) {
        if (cases[check] == 0) {
            fail_msg("%s has no attack: %s", trust_check_name((trust_check_t)check),
                     trust_check_stops((trust_check_t)check));
        }
    }
    print_message("%zu attacks on %d checks\n", all, (int)CHECK_COUNT);
    assert_true(all >= LEAST_ATTACKS);
}

/* Each refusal names its reason in a message; the code's hint follows it for the operator. */
static void test_refusals_say_something(void **state) {
    (void)state;
    for (int check = 0; check < CHECK_COUNT; check++) {
        error_code_t code = trust_check_code((trust_check_t)check);
        assert_true(strlen(error_code_hint(code)) > 10);
        assert_true(strlen(trust_check_stops((trust_check_t)check)) > 10);
    }
}

/* The world as it comes is accepted in every way that attacks try. */
static void test_the_world_is_good(void **state) {
    (void)state;
    static world_t world;
    error_t err;
    world_open(&world);
    assert_int_equal(world_admit(&world, &err), STATUS_OK);
    assert_int_equal(world_open_wave(&world, &err), STATUS_OK);
    world_close(&world);
    world_open(&world);
    assert_int_equal(world_approve_wave(&world, &err), STATUS_OK);
    world_close(&world);
}

static void show(const attack_t *attack) {
    outcome_t with = run(attack, CHECK_COUNT);
    outcome_t without = run(attack, attack->check);
    print_message("%s: %s: %s [%s]; without: %s %s\n", trust_check_name(attack->check),
                  attack->name, with.status == STATUS_OK ? "ACCEPTED" : with.err.message,
                  error_code_text(with.err.code),
                  without.status == STATUS_OK ? "accepted" : "REFUSED",
                  without.status == STATUS_OK ? "" : without.err.message);
}

int main(int argc, char **argv) {
    world_keys();
    for (int i = 1; i < argc; i++) {
        for (size_t g = 0; g < GROUP_COUNT; g++) {
            attacks_t attacks = GROUPS[g]();
            for (size_t j = 0; j < attacks.count; j++) {
                const attack_t *attack = &attacks.list[j];
                if (strcmp(argv[i], "all") == 0 || strcmp(argv[i], attack->name) == 0 ||
                    strcmp(argv[i], trust_check_name(attack->check)) == 0) {
                    show(attack);
                }
            }
        }
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_world_is_good),
        cmocka_unit_test(test_each_is_refused),
        cmocka_unit_test(test_each_is_accepted_without_its_check),
        cmocka_unit_test(test_each_check_has_an_attack),
        cmocka_unit_test(test_refusals_say_something),
    };
    return argc > 1 ? 0 : cmocka_run_group_tests(tests, NULL, NULL);
}
