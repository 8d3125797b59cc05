/* jobs.c: which recovery points are restored in trial. */
#include "coordinator/link/jobs.h"
#include "tests/unit/base/cmocka_all.h"

#include <sodium.h>

enum { MANY = 20000 };

static wave_t waves[2] = {{.canary = true}, {.canary = false}};

static rollout_t rollout_of(const char *word, uint32_t sample_bp) {
    return (rollout_t){
        .trial_restore = strdup(word), .sample_bp = sample_bp, .waves = waves, .wave_count = 2};
}

static task_t task_of(uint32_t n, uint32_t wave) {
    task_t task = {.wave = wave};
    memcpy(task.job.bytes, &n, sizeof n);
    return task;
}

static uint32_t restored(const rollout_t *rollout, uint32_t wave) {
    uint32_t count = 0;
    for (uint32_t i = 0; i < MANY; i++) {
        task_t task = task_of(i, wave);
        bool first = jobs_trial_restore(rollout, &task);
        assert_int_equal(jobs_trial_restore(rollout, &task), first); /* a retry does the same */
        count += first;
    }
    return count;
}

static void check(const char *word, uint32_t canary, uint32_t rest) {
    rollout_t rollout = rollout_of(word, 0);
    assert_int_equal(restored(&rollout, 0), canary);
    assert_int_equal(restored(&rollout, 1), rest);
    free(rollout.trial_restore);
}

static void test_words(void **state) {
    (void)state;
    check("all", MANY, MANY);
    check("never", 0, 0);
    check("canary", MANY, 0);
    check("sample", MANY, 0);
    check("anything else", 0, 0);
}

static void test_sample_is_near_its_share(void **state) {
    (void)state;
    rollout_t rollout = rollout_of("sample", 500);
    assert_int_equal(restored(&rollout, 0), MANY);
    assert_in_range(restored(&rollout, 1), MANY / 20 - MANY / 100, MANY / 20 + MANY / 100);
    free(rollout.trial_restore);
    rollout = rollout_of("sample", 10000);
    assert_int_equal(restored(&rollout, 1), MANY);
    free(rollout.trial_restore);
}

static void test_terms_say_the_same(void **state) {
    (void)state;
    static const struct {
        const char *word;
        const char *canary;
        const char *rest;
    } WORDS[] = {{"all", "all", "all"},
                 {"never", "none", "none"},
                 {"canary", "all", "none"},
                 {"sample", "all", "sample"}};
    for (size_t i = 0; i < sizeof WORDS / sizeof WORDS[0]; i++) {
        rollout_t rollout = rollout_of(WORDS[i].word, 100);
        assert_string_equal(jobs_trial_word(&rollout, 0), WORDS[i].canary);
        assert_string_equal(jobs_trial_word(&rollout, 1), WORDS[i].rest);
        free(rollout.trial_restore);
    }
}

int main(void) {
    if (sodium_init() < 0) {
        return 1;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_words),
        cmocka_unit_test(test_sample_is_near_its_share),
        cmocka_unit_test(test_terms_say_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
