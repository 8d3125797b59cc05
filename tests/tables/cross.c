/*
 * cross.c: the two engines and the wire speak of the same things: kinds, steps and outcomes have
 * one number, the coordinator understands every end that a job can have, and assigns nothing that
 * an agent cannot do.
 */
#include "agent/engine/job.h"
#include "coordinator/engine/model.h"
#include "coordinator/engine/task_table.h"
#include "coordinator/link/outcome.h"
#include "tests/unit/base/cmocka_all.h"

/* The wire's number of a name, by its descriptor. */
static int wire_number(const ProtobufCEnumDescriptor *wire, const char *name) {
    const ProtobufCEnumValue *value = protobuf_c_enum_descriptor_get_value_by_name(wire, name);
    if (value == NULL) {
        fail_msg("the wire has no %s", name);
    }
    return value != NULL ? value->value : -1;
}

static void compare(const ProtobufCEnumDescriptor *wire, const char *const *names, size_t count) {
    assert_int_equal(wire->n_values, count);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(wire_number(wire, names[i]), (int)i);
    }
}

static void test_job_kinds(void **state) {
    (void)state;
    static const char *const NAMES[JOB_KIND_COUNT] = {
        [JOB_KIND_NONE] = "JOB_NONE",         [JOB_KIND_FORWARD] = "JOB_FORWARD",
        [JOB_KIND_UNDO] = "JOB_UNDO",         [JOB_KIND_RESTORE] = "JOB_RESTORE",
        [JOB_KIND_BASELINE] = "JOB_BASELINE", [JOB_KIND_BACKUP] = "JOB_BACKUP",
        [JOB_KIND_LOOK] = "JOB_LOOK",         [JOB_KIND_BACKUP_CHECK] = "JOB_BACKUP_CHECK",
        [JOB_KIND_PRUNE] = "JOB_PRUNE",
    };
    compare(&drover__job_kind__descriptor, NAMES, JOB_KIND_COUNT);
}

static void test_rollout_kinds(void **state) {
    (void)state;
    static const char *const NAMES[KIND_END] = {
        [0] = "JOB_NONE",
        [KIND_FORWARD] = "JOB_FORWARD",
        [KIND_UNDO] = "JOB_UNDO",
        [KIND_RESTORE] = "JOB_RESTORE",
        [KIND_BASELINE] = "JOB_BASELINE",
        [KIND_BACKUP] = "JOB_BACKUP",
        [KIND_LOOK] = "JOB_LOOK",
        [KIND_BACKUP_CHECK] = "JOB_BACKUP_CHECK",
        [KIND_PRUNE] = "JOB_PRUNE",
    };
    compare(&drover__job_kind__descriptor, NAMES, KIND_END);
}

static void test_steps(void **state) {
    (void)state;
    static const char *const NAMES[JOB_STEP_COUNT] = {
        [JOB_STEP_NONE] = "STEP_NONE",       [JOB_STEP_CHECK] = "STEP_CHECK",
        [JOB_STEP_BACKUP] = "STEP_BACKUP",   [JOB_STEP_APPLY] = "STEP_APPLY",
        [JOB_STEP_VERIFY] = "STEP_VERIFY",   [JOB_STEP_UNDO] = "STEP_UNDO",
        [JOB_STEP_RESTORE] = "STEP_RESTORE", [JOB_STEP_BASELINE] = "STEP_BASELINE",
        [JOB_STEP_SETTLE] = "STEP_SETTLE",   [JOB_STEP_PRUNE] = "STEP_PRUNE",
        [JOB_STEP_LIST] = "STEP_LIST",
    };
    compare(&drover__step__descriptor, NAMES, JOB_STEP_COUNT);
}

static void test_outcomes(void **state) {
    (void)state;
    static const char *const NAMES[JOB_OUTCOME_COUNT] = {
        [JOB_OUTCOME_NONE] = "OUTCOME_NONE",
        [JOB_OUTCOME_STARTED] = "OUTCOME_STARTED",
        [JOB_OUTCOME_DONE] = "OUTCOME_DONE",
        [JOB_OUTCOME_NOT_NEEDED] = "OUTCOME_NOT_NEEDED",
        [JOB_OUTCOME_REFUSED] = "OUTCOME_REFUSED",
        [JOB_OUTCOME_FAILED] = "OUTCOME_FAILED",
        [JOB_OUTCOME_TRANSIENT] = "OUTCOME_TRANSIENT",
        [JOB_OUTCOME_UNKNOWN] = "OUTCOME_UNKNOWN",
        [JOB_OUTCOME_CANCELLED] = "OUTCOME_CANCELLED",
        [JOB_OUTCOME_GONE] = "OUTCOME_GONE",
    };
    compare(&drover__outcome__descriptor, NAMES, JOB_OUTCOME_COUNT);
}

/* What each end of a job makes of its task, whatever word of it came before. */
static void test_ends_are_understood(void **state) {
    (void)state;
    static const struct {
        job_state_t end;
        task_state_t task; /* with no try left and nothing touched */
    } ENDS[] = {
        {JOB_DONE, TASK_SUCCEEDED},   {JOB_NOT_NEEDED, TASK_NOT_NEEDED},
        {JOB_REFUSED, TASK_REFUSED},  {JOB_FAILED, TASK_FAILED},
        {JOB_TRANSIENT, TASK_FAILED}, {JOB_CANCELLED, TASK_SKIPPED},
        {JOB_GONE, TASK_GONE},
    };
    static const task_state_t BEFORE[] = {TASK_DISPATCHED, TASK_RUNNING, TASK_UNKNOWN,
                                          TASK_OUTSTANDING};
    uint32_t ends = 0;
    for (size_t i = 0; i < sizeof ENDS / sizeof ENDS[0]; i++) {
        ends |= IN(ENDS[i].end);
        task_event_t event = TASK_EVENT_COUNT;
        assert_true(outcome_event((Drover__Outcome)job_outcome_of(ENDS[i].end), true, &event));
        for (size_t b = 0; b < sizeof BEFORE / sizeof BEFORE[0]; b++) {
            const table_row_t *row =
                table_find(&TASK_MACHINE, (uint8_t)BEFORE[b], (uint8_t)event, 0);
            assert_int_equal(row->next, (int)ENDS[i].task);
        }
    }
    assert_int_equal(ends, JOB_MACHINE.final_states); /* none is left out */
}

/* What a job says on its way leaves its task in hand; doubt is told as doubt. */
static void test_ways_are_understood(void **state) {
    (void)state;
    for (int s = 0; s < JOB_STATE_COUNT; s++) {
        if (job_state_is_final((job_state_t)s)) {
            continue;
        }
        task_event_t event = TASK_EVENT_COUNT;
        assert_true(outcome_event((Drover__Outcome)job_outcome_of((job_state_t)s), false, &event));
        const table_row_t *row = table_find(&TASK_MACHINE, TASK_DISPATCHED, (uint8_t)event, 0);
        assert_int_equal(row->next, s == JOB_SETTLING ? TASK_UNKNOWN : TASK_RUNNING);
    }
}

/* Whatever the coordinator can assign, an agent begins and brings to an end, and each step that it
 * reports has a name on the other side. */
static void test_assignable_is_doable(void **state) {
    (void)state;
    for (int kind = KIND_FORWARD; kind < KIND_END; kind++) {
        for (int protects = 0; protects < 2; protects++) {
            job_machine_t job = {.kind = (job_kind_t)kind, .protects = protects != 0};
            const table_row_t *row = job_take(&job, JOB_EVENT_BEGUN, 0);
            assert_int_not_equal(row->effects[0], JOB_DO_NOTHING);
            for (int step = 0; step < 5 && !job_state_is_final(job.state); step++) {
                job_step_t reported = job_step_of(job.kind, job.state);
                assert_int_not_equal((int)reported, JOB_STEP_NONE);
                assert_string_not_equal(outcome_step_name((Drover__Step)reported), "none");
                (void)job_take(&job, JOB_EVENT_DONE, 0);
            }
            assert_int_equal((int)job.state, JOB_DONE);
        }
    }
}

int main(void) {
    static const struct CMUnitTest TESTS[] = {
        cmocka_unit_test(test_job_kinds),
        cmocka_unit_test(test_rollout_kinds),
        cmocka_unit_test(test_steps),
        cmocka_unit_test(test_outcomes),
        cmocka_unit_test(test_ends_are_understood),
        cmocka_unit_test(test_ways_are_understood),
        cmocka_unit_test(test_assignable_is_doable),
    };
    return cmocka_run_group_tests(TESTS, NULL, NULL);
}
