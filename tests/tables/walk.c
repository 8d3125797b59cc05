/* walk.c: the tables are exhaustive: every state × event × conditions that can be has one row. */
#include "tests/tables/machines.h"
#include "tests/unit/base/cmocka_all.h"

static bool possible(const table_machine_t *machine, uint8_t state, uint8_t event,
                     uint32_t conditions) {
    return machine->possible == NULL || machine->possible(state, event, conditions);
}

typedef void visit_fn(const table_machine_t *machine, uint8_t state, const table_row_t *row,
                      void *context);

/* Every combination that can be: exactly one row, which visit may see. */
static size_t walk(const table_machine_t *machine, visit_fn *visit, void *context) {
    size_t combinations = 0;
    for (uint8_t s = 0; s < machine->state_count; s++) {
        for (uint8_t e = 0; e < machine->event_count; e++) {
            for (uint32_t c = 0; c < IN(machine->condition_count); c++) {
                if (!possible(machine, s, e, c)) {
                    continue;
                }
                const table_row_t *row = NULL;
                size_t found = table_matches(machine, s, e, c, &row);
                if (found != 1) {
                    fail_msg("%s: %s on %s with conditions %x has %zu rows (first %d)",
                             machine->name, machine->states[s], machine->events[e], c, found,
                             row != NULL ? row->id : 0);
                }
                combinations++;
                visit(machine, s, row, context);
            }
        }
    }
    return combinations;
}

/* A set of ids; rows are numbered below 256. */
typedef struct id_set {
    bool has[256];
} id_set_t;

static void note_row(const table_machine_t *machine, uint8_t state, const table_row_t *row,
                     void *context) {
    (void)machine;
    (void)state;
    id_set_t *set = context;
    assert_true(row->id < 256);
    set->has[row->id] = true;
}

static void test_one_row_each(void **state) {
    (void)state;
    for (size_t m = 0; m < MACHINES; m++) {
        const table_machine_t *machine = ALL_MACHINES[m];
        id_set_t used = {{false}};
        assert_true(walk(machine, note_row, &used) > 0);
        for (size_t i = 0; i < machine->row_count; i++) {
            if (!used.has[machine->rows[i].id]) {
                fail_msg("%s: row %d never matches", machine->name, machine->rows[i].id);
            }
        }
    }
}

static void check_names(const table_machine_t *machine, const char *const *names, size_t count,
                        size_t first) {
    for (size_t i = first; i < count; i++) {
        assert_non_null(names[i]);
        assert_true(names[i][0] != '\0');
        for (size_t k = first; k < i; k++) {
            if (strcmp(names[i], names[k]) == 0) {
                fail_msg("%s: '%s' names two things", machine->name, names[i]);
            }
        }
    }
}

static void test_names(void **state) {
    (void)state;
    for (size_t m = 0; m < MACHINES; m++) {
        const table_machine_t *machine = ALL_MACHINES[m];
        assert_true(machine->state_count <= 32 && machine->event_count <= 32);
        check_names(machine, machine->states, machine->state_count, 0);
        check_names(machine, machine->events, machine->event_count, 0);
        check_names(machine, machine->conditions, machine->condition_count, 0);
        assert_string_equal(machine->effects[0], "");
        check_names(machine, machine->effects, machine->effect_count, 1);
    }
}

static void test_rows_are_sound(void **state) {
    (void)state;
    for (size_t m = 0; m < MACHINES; m++) {
        const table_machine_t *machine = ALL_MACHINES[m];
        id_set_t ids = {{false}};
        bool effects[256] = {false};
        for (size_t i = 0; i < machine->row_count; i++) {
            const table_row_t *row = &machine->rows[i];
            assert_true(row->id > 0 && row->id < 256 && !ids.has[row->id]);
            ids.has[row->id] = true;
            assert_true(row->states != 0 && row->states < UINT64_C(1) << machine->state_count);
            assert_true(row->events != 0 && row->events < UINT64_C(1) << machine->event_count);
            assert_true(row->mask < IN(machine->condition_count));
            assert_int_equal(row->value & ~row->mask, 0);
            assert_true(row->next == TABLE_SAME || row->next < machine->state_count);
            assert_true(row->why != NULL && row->why[0] != '\0');
            assert_ptr_equal(table_row_by_id(machine, row->id), row);
            for (size_t k = 0; k < TABLE_EFFECTS; k++) {
                assert_true(row->effects[k] < machine->effect_count);
                assert_true(k == 0 || row->effects[k] == 0 || row->effects[k - 1] != 0);
                effects[row->effects[k]] = true;
            }
        }
        for (size_t e = 1; e < machine->effect_count; e++) {
            if (!effects[e]) {
                fail_msg("%s: effect '%s' is never asked for", machine->name, machine->effects[e]);
            }
        }
    }
}

typedef struct reach {
    uint32_t from; /* states reached so far */
    uint32_t to;
} reach_t;

static void note_reach(const table_machine_t *machine, uint8_t state, const table_row_t *row,
                       void *context) {
    (void)machine;
    reach_t *reach = context;
    if ((reach->from & IN(state)) != 0) {
        reach->to |= IN(table_next(row, state));
    }
}

static void test_every_state_is_reached(void **state) {
    (void)state;
    for (size_t m = 0; m < MACHINES; m++) {
        const table_machine_t *machine = ALL_MACHINES[m];
        reach_t reach = {.from = 0, .to = IN(0)};
        while (reach.from != reach.to) {
            reach.from = reach.to;
            (void)walk(machine, note_reach, &reach);
        }
        assert_int_equal(reach.to, IN(machine->state_count) - 1);
    }
}

/* Rows that lead out of a final state, and why they may. */
static const struct {
    const table_machine_t *machine;
    uint16_t id;
} REVIVING[] = {
    {&TASK_MACHINE, 4},     /* outstanding, and evidence came after all … */
    {&TASK_MACHINE, 6},     /* … */
    {&TASK_MACHINE, 7},     /* … */
    {&TASK_MACHINE, 8},     /* … */
    {&TASK_MACHINE, 11},    /* … */
    {&TASK_MACHINE, 14},    /* … */
    {&TASK_MACHINE, 15},    /* … */
    {&TASK_MACHINE, 16},    /* … */
    {&TASK_MACHINE, 28},    /* an operator's retry */
    {&TASK_MACHINE, 29},    /* an operator's retry */
    {&TASK_MACHINE, 34},    /* a try that a catalog restored from a copy had forgotten */
    {&TASK_MACHINE, 31},    /* outstanding, and a person ruled … */
    {&TASK_MACHINE, 32},    /* … */
    {&TASK_MACHINE, 33},    /* … */
    {&WAVE_MACHINE, 10},    /* an operator's retry */
    {&ROLLOUT_MACHINE, 17}, /* an operator's retry */
    {&ROLLOUT_MACHINE, 21}, /* late evidence */
};
enum { REVIVING_COUNT = sizeof REVIVING / sizeof REVIVING[0] };

static void note_revival(const table_machine_t *machine, uint8_t state, const table_row_t *row,
                         void *context) {
    bool *used = context;
    if ((machine->final_states & IN(state)) == 0 || table_next(row, state) == state) {
        return;
    }
    for (size_t i = 0; i < REVIVING_COUNT; i++) {
        if (REVIVING[i].machine == machine && REVIVING[i].id == row->id) {
            used[i] = true;
            return;
        }
    }
    fail_msg("%s: row %d leads out of the final state '%s'", machine->name, row->id,
             machine->states[state]);
}

static void test_final_states_are_final(void **state) {
    (void)state;
    bool used[REVIVING_COUNT] = {false};
    for (size_t m = 0; m < MACHINES; m++) {
        (void)walk(ALL_MACHINES[m], note_revival, used);
    }
    for (size_t i = 0; i < REVIVING_COUNT; i++) {
        assert_true(used[i]);
    }
}

/* The model's own idea of what is final is the table's. */
static void test_model_agrees(void **state) {
    (void)state;
    for (int s = 0; s < TASK_STATE_COUNT; s++) {
        assert_int_equal(task_state_is_final((task_state_t)s),
                         (TASK_MACHINE.final_states & IN(s)) != 0);
        assert_false(task_state_is_final((task_state_t)s) &&
                     task_state_is_in_flight((task_state_t)s));
    }
    for (int s = 0; s < ROLLOUT_STATE_COUNT; s++) {
        assert_int_equal(rollout_state_is_final((rollout_state_t)s),
                         (ROLLOUT_MACHINE.final_states & IN(s)) != 0);
    }
}

int main(void) {
    static const struct CMUnitTest TESTS[] = {
        cmocka_unit_test(test_one_row_each),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_rows_are_sound),
        cmocka_unit_test(test_every_state_is_reached),
        cmocka_unit_test(test_final_states_are_final),
        cmocka_unit_test(test_model_agrees),
    };
    return cmocka_run_group_tests(TESTS, NULL, NULL);
}
