/* store_report.c: reports are kept once, in order, with the bytes that were signed. */
#include "coordinator/store/store_report.h"
#include "tests/unit/coordinator/store/fixture.h"

static report_row_t report_of(uint64_t number) {
    return (report_row_t){.agent = key_of(1),
                          .state = id_of(2),
                          .number = number,
                          .job = id_of(3),
                          .attempt = id_of(4),
                          .tenant = id_of(5),
                          .step = 3,
                          .outcome = 5,
                          .final = true,
                          .position = 41,
                          .error_code = "DRV-3004",
                          .sqlstate = "23505",
                          .message = "duplicate",
                          .sql_digest = digest_of(6),
                          .started_us = 10,
                          .finished_us = 20 + (int64_t)(number / 2), /* pairs at one time */
                          .received_us = 30,
                          .batch = digest_of(7)};
}

typedef struct walk {
    report_page_t page;
    uint64_t next;
} walk_t;

static status_t check(void *context, const report_row_t *read, error_t *err) {
    walk_t *walk = context;
    (void)err;
    report_row_t want = report_of(walk->next);
    assert_int_equal(read->number, want.number);
    assert_memory_equal(&read->agent, &want.agent, sizeof want.agent);
    assert_true(ident_equal(&read->state, &want.state));
    assert_true(ident_equal(&read->job, &want.job));
    assert_true(ident_equal(&read->attempt, &want.attempt));
    assert_true(ident_equal(&read->tenant, &want.tenant));
    assert_int_equal(read->step, want.step);
    assert_int_equal(read->outcome, want.outcome);
    assert_int_equal(read->final, want.final);
    assert_int_equal(read->position, want.position);
    assert_string_equal(read->error_code, want.error_code);
    assert_string_equal(read->sqlstate, want.sqlstate);
    assert_string_equal(read->message, want.message);
    assert_true(digest_equal(&read->sql_digest, &want.sql_digest));
    assert_int_equal(read->started_us, want.started_us);
    assert_int_equal(read->finished_us, want.finished_us);
    assert_int_equal(read->received_us, want.received_us);
    assert_true(digest_equal(&read->batch, &want.batch));
    walk->page.before_us = read->finished_us;
    walk->page.before_number = read->number;
    walk->next--;
    return STATUS_OK;
}

static void reports_once_and_in_order(void **state) {
    fixture_t *f = *state;
    OK(f, store_begin(f->store, &f->err));
    for (uint64_t n = 1; n <= 10; n++) {
        report_row_t report = report_of(n);
        bool fresh = false;
        OK(f, store_report_insert(f->store, &report, &fresh, &f->err));
        assert_true(fresh);
        report.message = "another";
        OK(f, store_report_insert(f->store, &report, &fresh, &f->err));
        assert_false(fresh);
    }
    OK(f, store_commit(f->store, &f->err));
    walk_t walk = {.page = {.tenant = id_of(5), .limit = 3}, .next = 10};
    for (int pages = 0; pages < 5; pages++) {
        report_page_t page = walk.page;
        OK(f, store_report_each(f->store, &page, check, &walk, &f->err));
    }
    assert_int_equal(walk.next, 0);
}

static void batch_round_trip(void **state) {
    fixture_t *f = *state;
    static const char payload[] = "bytes\0with a NUL";
    report_batch_row_t batch = {.digest = digest_of(1),
                                .agent = key_of(2),
                                .state = id_of(3),
                                .payload = payload,
                                .payload_size = sizeof payload,
                                .signing_key = "aa",
                                .signature = "bb",
                                .received_us = 4};
    OK(f, store_begin(f->store, &f->err));
    OK(f, store_report_insert_batch(f->store, &batch, &f->err));
    OK(f, store_report_insert_batch(f->store, &batch, &f->err));
    OK(f, store_commit(f->store, &f->err));
    arena_t arena = {0};
    report_batch_row_t read;
    OK(f, store_report_get_batch(f->store, &batch.digest, &arena, &read, &f->err));
    assert_int_equal(read.payload_size, sizeof payload);
    assert_memory_equal(read.payload, payload, sizeof payload);
    assert_memory_equal(&read.agent, &batch.agent, sizeof batch.agent);
    assert_true(ident_equal(&read.state, &batch.state));
    assert_string_equal(read.signing_key, "aa");
    assert_string_equal(read.signature, "bb");
    assert_int_equal(read.received_us, 4);
    digest_t unknown = digest_of(9);
    FAILS(f, NOT_FOUND, store_report_get_batch(f->store, &unknown, &arena, &read, &f->err));
    arena_free(&arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {TEST_OF(reports_once_and_in_order),
                                       TEST_OF(batch_round_trip)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
