/* table.c: one row matches or the process stops; conditions are looked at through the mask only. */
#include "common/base/table.h"
#include "tests/unit/base/cmocka_all.h"

enum { IDLE, BUSY, STATE_COUNT };
enum { GO, HALT, ASK, TELL, EVENT_COUNT };
enum { READY = 1U << 0, URGENT = 1U << 1 };

/* clang-format off */
static const table_row_t ROWS[] = {
    {.id = 1, .states = IN(IDLE), .events = IN(GO), .mask = READY, .value = READY, .next = BUSY, .why = "go"},
    {.id = 2, .states = IN(IDLE), .events = IN(GO), .mask = READY, .value = 0, .next = IDLE, .why = "wait"},
    {.id = 3, .states = IN(IDLE), .events = IN(HALT), .next = IDLE, .why = "still"},
    {.id = 4, .states = IN(BUSY), .events = IN(HALT), .next = IDLE, .why = "halt"},
    {.id = 5, .states = IN(BUSY), .events = IN(HALT), .mask = URGENT, .value = URGENT, .why = "twice"},
    {.id = 6, .states = IN(IDLE) | IN(BUSY), .events = IN(ASK) | IN(TELL), .next = TABLE_SAME, .why = "any"},
};
/* clang-format on */
static const table_machine_t MACHINE = {
    .name = "sample",
    .rows = ROWS,
    .row_count = sizeof ROWS / sizeof ROWS[0],
    .state_count = STATE_COUNT,
    .event_count = EVENT_COUNT,
};
static const table_machine_t OTHER = {
    .name = "other",
    .rows = ROWS,
    .row_count = sizeof ROWS / sizeof ROWS[0],
    .state_count = STATE_COUNT,
    .event_count = EVENT_COUNT,
};

static void test_find(void **state) {
    (void)state;
    assert_int_equal(table_find(&MACHINE, IDLE, GO, READY)->id, 1);
    assert_int_equal(table_find(&MACHINE, IDLE, GO, READY | URGENT)->id, 1);
    assert_int_equal(table_find(&MACHINE, IDLE, GO, URGENT)->id, 2);
    assert_int_equal(table_find(&MACHINE, IDLE, HALT, UINT32_MAX)->id, 3);
    assert_int_equal(table_find(&MACHINE, BUSY, HALT, READY)->id, 4);
}

static void test_matches(void **state) {
    (void)state;
    const table_row_t *row = NULL;
    assert_int_equal(table_matches(&MACHINE, BUSY, GO, 0, &row), 0);
    assert_null(row);
    assert_int_equal(table_matches(&MACHINE, BUSY, HALT, URGENT, &row), 2);
    assert_int_equal(row->id, 4);
    assert_int_equal(table_matches(&MACHINE, IDLE, HALT, 0, NULL), 1);
}

static void test_sets_and_next(void **state) {
    (void)state;
    for (uint8_t at = IDLE; at < STATE_COUNT; at++) {
        for (uint8_t event = ASK; event < EVENT_COUNT; event++) {
            const table_row_t *row = table_find(&MACHINE, at, event, 0);
            assert_int_equal(row->id, 6);
            assert_int_equal(table_next(row, at), at);
        }
    }
    assert_int_equal(table_next(table_row_by_id(&MACHINE, 1), IDLE), BUSY);
    assert_int_equal(table_next(table_row_by_id(&MACHINE, 4), BUSY), IDLE);
}

static void test_row_by_id(void **state) {
    (void)state;
    assert_string_equal(table_row_by_id(&MACHINE, 3)->why, "still");
    assert_null(table_row_by_id(&MACHINE, 99));
}

static void find_none(void) {
    (void)table_find(&MACHINE, BUSY, GO, 0);
}
static void find_two(void) {
    (void)table_find(&MACHINE, BUSY, HALT, URGENT);
}
static void find_outside(void) {
    (void)table_find(&MACHINE, STATE_COUNT, GO, 0);
}
static void find_hidden(void) {
    table_hide_row(&MACHINE, 3);
    (void)table_find(&MACHINE, IDLE, HALT, 0);
}
static void find_beside_hidden(void) {
    table_hide_row(&MACHINE, 3);
    (void)table_find(&OTHER, IDLE, HALT, 0);
    (void)table_find(&MACHINE, IDLE, GO, 0);
    table_hide_row(&MACHINE, 0);
    (void)table_find(&MACHINE, IDLE, HALT, 0);
}

static void test_aborts(void **state) {
    (void)state;
    char said[256];
    assert_true(WIFSIGNALED(said_by_child(find_none, said, sizeof said)));
    assert_true(WIFSIGNALED(said_by_child(find_two, said, sizeof said)));
    assert_true(WIFSIGNALED(said_by_child(find_outside, said, sizeof said)));
}

static void test_hidden_row(void **state) {
    (void)state;
    char said[256];
    assert_true(WIFSIGNALED(said_by_child(find_hidden, said, sizeof said)));
    assert_true(WIFEXITED(said_by_child(find_beside_hidden, said, sizeof said)));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_find),      cmocka_unit_test(test_matches),
        cmocka_unit_test(test_row_by_id), cmocka_unit_test(test_sets_and_next),
        cmocka_unit_test(test_aborts),    cmocka_unit_test(test_hidden_row),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
