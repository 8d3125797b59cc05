/* store_order.c: the same order twice is one order. */
#include "coordinator/store/store_order.h"
#include "tests/unit/coordinator/store/fixture.h"

static void orders_are_kept_once(void **state) {
    fixture_t *f = *state;
    static const char payload[] = "signed\0bytes";
    order_row_t order = {.id = id_of(1),
                         .verb = "rollout.start",
                         .actor = "ada",
                         .key = "aa",
                         .payload = payload,
                         .payload_size = sizeof payload,
                         .signature = "bb",
                         .received_us = 5,
                         .number = 6,
                         .expires_us = 7};
    bool fresh = false;
    OK(f, store_begin(f->store, &f->err));
    OK(f, store_order_insert(f->store, &order, &fresh, &f->err));
    assert_true(fresh);
    OK(f, store_order_set_answer(f->store, &order.id, "{}", &f->err));
    order_row_t again = order;
    again.actor = "eve";
    OK(f, store_order_insert(f->store, &again, &fresh, &f->err));
    assert_false(fresh);
    OK(f, store_commit(f->store, &f->err));
    arena_t arena = {0};
    order_row_t read;
    OK(f, store_order_get(f->store, &order.id, &arena, &read, &f->err));
    assert_true(ident_equal(&read.id, &order.id));
    assert_string_equal(read.verb, "rollout.start");
    assert_string_equal(read.actor, "ada");
    assert_string_equal(read.key, "aa");
    assert_int_equal(read.payload_size, sizeof payload);
    assert_memory_equal(read.payload, payload, sizeof payload);
    assert_string_equal(read.signature, "bb");
    assert_int_equal(read.received_us, 5);
    assert_int_equal(read.number, 6);
    assert_int_equal(read.expires_us, 7);
    assert_string_equal(read.answer, "{}");
    ident_t unknown = id_of(2);
    FAILS(f, NOT_FOUND, store_order_get(f->store, &unknown, &arena, &read, &f->err));
    arena_free(&arena);
}

static void empty_payload_is_kept(void **state) {
    fixture_t *f = *state;
    order_row_t order = {.id = id_of(1)};
    bool fresh = false;
    OK(f, store_begin(f->store, &f->err));
    OK(f, store_order_insert(f->store, &order, &fresh, &f->err));
    OK(f, store_commit(f->store, &f->err));
    arena_t arena = {0};
    order_row_t read;
    OK(f, store_order_get(f->store, &order.id, &arena, &read, &f->err));
    assert_int_equal(read.payload_size, 0);
    assert_string_equal(read.verb, "");
    arena_free(&arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {TEST_OF(orders_are_kept_once),
                                       TEST_OF(empty_payload_is_kept)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
