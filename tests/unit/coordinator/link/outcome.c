/* outcome.c: the table against the wire's enums, walked whole. */
#include "coordinator/link/outcome.h"
#include "tests/unit/base/cmocka_all.h"

static size_t rows_of(Drover__Outcome outcome, bool final) {
    size_t count = 0;
    size_t found = 0;
    const outcome_row_t *rows = outcome_rows(&count);
    for (size_t i = 0; i < count; i++) {
        found += rows[i].outcome == outcome && rows[i].final == final;
    }
    return found;
}

static void test_every_outcome_has_one_row_each_way(void **state) {
    (void)state;
    const ProtobufCEnumDescriptor *outcomes = &drover__outcome__descriptor;
    size_t count = 0;
    (void)outcome_rows(&count);
    assert_int_equal(count, 2 * outcomes->n_values);
    for (unsigned i = 0; i < outcomes->n_values; i++) {
        Drover__Outcome outcome = (Drover__Outcome)outcomes->values[i].value;
        assert_int_equal(rows_of(outcome, false), 1);
        assert_int_equal(rows_of(outcome, true), 1);
    }
}

static void test_final_words_are_the_tasks_own_events(void **state) {
    (void)state;
    static const struct {
        Drover__Outcome outcome;
        task_event_t event;
    } FINAL[] = {
        {DROVER__OUTCOME__OUTCOME_DONE, TASK_EVENT_DONE},
        {DROVER__OUTCOME__OUTCOME_NOT_NEEDED, TASK_EVENT_NOT_NEEDED},
        {DROVER__OUTCOME__OUTCOME_REFUSED, TASK_EVENT_REFUSED},
        {DROVER__OUTCOME__OUTCOME_FAILED, TASK_EVENT_FAILED},
        {DROVER__OUTCOME__OUTCOME_TRANSIENT, TASK_EVENT_TRANSIENT},
        {DROVER__OUTCOME__OUTCOME_UNKNOWN, TASK_EVENT_UNKNOWN},
        {DROVER__OUTCOME__OUTCOME_CANCELLED, TASK_EVENT_CANCELLED},
        {DROVER__OUTCOME__OUTCOME_GONE, TASK_EVENT_GONE},
    };
    for (size_t i = 0; i < sizeof FINAL / sizeof FINAL[0]; i++) {
        task_event_t event = TASK_EVENT_COUNT;
        assert_true(outcome_event(FINAL[i].outcome, true, &event));
        assert_int_equal(event, FINAL[i].event);
    }
}

static void test_only_doubt_is_told_before_the_end(void **state) {
    (void)state;
    const ProtobufCEnumDescriptor *outcomes = &drover__outcome__descriptor;
    for (unsigned i = 0; i < outcomes->n_values; i++) {
        Drover__Outcome outcome = (Drover__Outcome)outcomes->values[i].value;
        task_event_t event = TASK_EVENT_COUNT;
        if (outcome_event(outcome, false, &event)) {
            assert_int_equal(event, outcome == DROVER__OUTCOME__OUTCOME_UNKNOWN
                                        ? TASK_EVENT_UNKNOWN
                                        : TASK_EVENT_STARTED);
        }
    }
    task_event_t event = TASK_EVENT_COUNT;
    assert_false(outcome_event(DROVER__OUTCOME__OUTCOME_NONE, false, &event));
    assert_false(outcome_event(DROVER__OUTCOME__OUTCOME_NONE, true, &event));
    assert_false(outcome_event(DROVER__OUTCOME__OUTCOME_STARTED, true, &event));
}

static void test_every_step_has_its_name(void **state) {
    (void)state;
    const ProtobufCEnumDescriptor *steps = &drover__step__descriptor;
    for (unsigned i = 0; i < steps->n_values; i++) {
        const char *wire = steps->values[i].name + strlen("STEP_");
        const char *name = outcome_step_name((Drover__Step)steps->values[i].value);
        assert_int_equal(strcasecmp(wire, name), 0);
    }
}

static void test_touched(void **state) {
    (void)state;
    outcome_positions_t none = {.before = 3};
    outcome_positions_t same = {.before = 3, .now = 3, .known = true};
    outcome_positions_t moved = {.before = 3, .now = 4, .known = true};
#define TOUCHED(step, outcome, positions)                                                          \
    outcome_touched(DROVER__STEP__STEP_##step, DROVER__OUTCOME__OUTCOME_##outcome, positions)
    assert_true(TOUCHED(APPLY, DONE, &none));
    assert_true(TOUCHED(UNDO, DONE, &same));
    assert_true(TOUCHED(RESTORE, DONE, &none));
    assert_true(TOUCHED(BASELINE, DONE, &none));
    assert_true(TOUCHED(APPLY, UNKNOWN, &none));
    assert_true(TOUCHED(APPLY, FAILED, &moved));
    assert_true(TOUCHED(VERIFY, FAILED, &moved));
    assert_false(TOUCHED(APPLY, FAILED, &same));
    assert_false(TOUCHED(APPLY, STARTED, &none));
    assert_false(TOUCHED(CHECK, DONE, &same));
    assert_false(TOUCHED(BACKUP, DONE, &none));
    assert_false(TOUCHED(CHECK, REFUSED, &none));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_outcome_has_one_row_each_way),
        cmocka_unit_test(test_final_words_are_the_tasks_own_events),
        cmocka_unit_test(test_only_doubt_is_told_before_the_end),
        cmocka_unit_test(test_every_step_has_its_name),
        cmocka_unit_test(test_touched),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
