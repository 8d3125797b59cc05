/* store_signed_order.c: signatures grow; stops, holds and releases are found as they were
 * accepted. */
#include "coordinator/store/store_signed_order.h"
#include "common/trust/order.h"
#include "tests/unit/coordinator/store/fixture.h"

static signed_order_row_t row_of(uint32_t n, order_kind_t kind, int64_t accepted_us) {
    return (signed_order_row_t){.digest = digest_of(n),
                                .order_id = id_of(n),
                                .kind = kind,
                                .application = "shop",
                                .environment = "prod",
                                .issued_us = 10 * n,
                                .document = "body",
                                .document_size = 4,
                                .accepted_us = accepted_us,
                                .expires_us = 1000,
                                .received_us = n};
}

static void put(fixture_t *f, signed_order_row_t row) {
    OK(f, store_begin(f->store, &f->err));
    OK(f, store_signed_order_put(f->store, &row, &f->err));
    OK(f, store_commit(f->store, &f->err));
}

static void signatures_grow_and_acceptance_stays(void **state) {
    fixture_t *f = *state;
    CLEANUP(arena_free) arena_t arena = {0};
    signed_order_row_t row = row_of(1, ORDER_ROLLOUT, 0);
    signed_order_row_t read;
    digest_t unknown = digest_of(9);
    row.rollout = id_of(77);
    row.subject = digest_of(8);
    row.wave = 3;
    put(f, row);
    row.document = "body, signed twice";
    row.document_size = 18;
    row.accepted_us = 50;
    put(f, row);
    row.accepted_us = 60;
    put(f, row);
    OK(f, store_signed_order_get(f->store, &row.digest, &arena, &read, &f->err));
    assert_true(ident_equal(&read.order_id, &row.order_id));
    assert_true(ident_equal(&read.rollout, &row.rollout));
    assert_true(digest_equal(&read.subject, &row.subject));
    assert_int_equal(read.kind, ORDER_ROLLOUT);
    assert_int_equal(read.wave, 3);
    assert_int_equal(read.document_size, 18);
    assert_memory_equal(read.document, "body, signed twice", 18);
    assert_int_equal(read.accepted_us, 50);
    assert_int_equal(read.expires_us, 1000);
    assert_string_equal(read.application, "shop");
    assert_string_equal(read.environment, "prod");
    assert_int_equal(read.issued_us, 10);
    assert_int_equal(read.received_us, 1);
    FAILS(f, NOT_FOUND, store_signed_order_get(f->store, &unknown, &arena, &read, &f->err));
}

typedef struct seen {
    uint32_t rows[8];
    size_t count;
} seen_t;

static status_t see(void *context, const signed_order_row_t *row, error_t *err) {
    seen_t *seen = context;
    (void)err;
    assert_int_equal(row->document_size, 4);
    assert_string_equal(row->application, "shop");
    seen->rows[seen->count++] = (uint32_t)row->received_us;
    return STATUS_OK;
}

/* Those that were not accepted are none; a hold has no end of its own, a stop has. */
static void what_was_accepted_comes_oldest_first(void **state) {
    fixture_t *f = *state;
    seen_t stops = {0};
    seen_t holds = {0};
    for (uint32_t n = 1; n <= 9; n++) {
        static const order_kind_t KINDS[] = {ORDER_STOP, ORDER_RELEASE_HOLD, ORDER_HOLD};
        signed_order_row_t row = row_of(n, KINDS[n % 3], n > 6 ? 0 : 100 - n);
        row.expires_us = n <= 3 ? 500 : 501;
        put(f, row);
    }
    put(f, row_of(10, ORDER_ROLLOUT, 5));
    OK(f, store_signed_order_stops(f->store, 500, see, &stops, &f->err));
    assert_int_equal(stops.count, 1);
    assert_int_equal(stops.rows[0], 6);
    OK(f, store_signed_order_holds(f->store, see, &holds, &f->err));
    assert_int_equal(holds.count, 4);
    assert_int_equal(holds.rows[0], 5);
    assert_int_equal(holds.rows[1], 4);
    assert_int_equal(holds.rows[2], 2);
    assert_int_equal(holds.rows[3], 1);
}

static void orders_about_another_are_found_newest_first(void **state) {
    fixture_t *f = *state;
    seen_t seen = {0};
    for (uint32_t n = 1; n <= 5; n++) {
        signed_order_row_t row = row_of(n, n == 5 ? ORDER_STOP : ORDER_APPROVE_WAVE, 0);
        row.subject = digest_of(n == 4 ? 99 : 100);
        row.wave = n == 3 ? 2 : 1;
        put(f, row);
    }
    signed_order_about_t about = {.subject = digest_of(100), .kind = ORDER_APPROVE_WAVE, .wave = 1};
    OK(f, store_signed_order_about(f->store, &about, see, &seen, &f->err));
    assert_int_equal(seen.count, 2);
    assert_int_equal(seen.rows[0], 2);
    assert_int_equal(seen.rows[1], 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {TEST_OF(signatures_grow_and_acceptance_stays),
                                       TEST_OF(what_was_accepted_comes_oldest_first),
                                       TEST_OF(orders_about_another_are_found_newest_first)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
