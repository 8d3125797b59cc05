/* store_audit.c: the log counts without gaps, over restarts and rollbacks, and is filtered. */
#include "coordinator/store/store_audit.h"
#include "tests/unit/coordinator/store/fixture.h"

static audit_row_t row_of(uint32_t n) {
    static const ident_t none;
    return (audit_row_t){.time_us = 1000 + n,
                         .actor = n % 2 == 0 ? "ada" : "coordinator",
                         .origin = "tcp://here",
                         .action = n % 3 == 0 ? "rollout.start" : "task.7",
                         .rollout = n % 4 == 0 ? id_of(7) : none,
                         .tenant = n % 5 == 0 ? id_of(8) : none,
                         .sql_digest = digest_of(n),
                         .result = "ok",
                         .detail = "why"};
}

static void append(fixture_t *f, uint32_t from, uint32_t to) {
    OK(f, store_begin(f->store, &f->err));
    for (uint32_t n = from; n <= to; n++) {
        audit_row_t row = row_of(n);
        OK(f, store_audit_append(f->store, &row, &f->err));
    }
    OK(f, store_commit(f->store, &f->err));
}

typedef struct walk {
    audit_page_t page;
    uint32_t seen;
} walk_t;

static status_t step(void *context, const audit_row_t *row, error_t *err) {
    walk_t *walk = context;
    (void)err;
    audit_row_t want = row_of((uint32_t)row->sequence);
    assert_true(walk->page.before == 0 || row->sequence < walk->page.before);
    assert_int_equal(row->time_us, want.time_us);
    assert_string_equal(row->actor, want.actor);
    assert_string_equal(row->origin, want.origin);
    assert_string_equal(row->action, want.action);
    assert_true(ident_equal(&row->rollout, &want.rollout));
    assert_true(ident_equal(&row->tenant, &want.tenant));
    assert_true(digest_equal(&row->sql_digest, &want.sql_digest));
    assert_string_equal(row->result, "ok");
    assert_string_equal(row->detail, "why");
    walk->page.before = row->sequence;
    walk->seen++;
    return STATUS_OK;
}

static uint32_t count(fixture_t *f, audit_page_t page) {
    walk_t walk = {.page = page};
    walk.page.limit = 7;
    uint32_t before = UINT32_MAX;
    while (before != walk.seen) {
        before = walk.seen;
        audit_page_t asked = walk.page;
        OK(f, store_audit_each(f->store, &asked, step, &walk, &f->err));
    }
    return walk.seen;
}

static void filters_hold_together(void **state) {
    fixture_t *f = *state;
    append(f, 1, 60);
    assert_int_equal(count(f, (audit_page_t){0}), 60);
    assert_int_equal(count(f, (audit_page_t){.actor = "ada"}), 30);
    assert_int_equal(count(f, (audit_page_t){.action = "rollout.start"}), 20);
    assert_int_equal(count(f, (audit_page_t){.actor = "ada", .action = "rollout.start"}), 10);
    assert_int_equal(count(f, (audit_page_t){.rollout = id_of(7)}), 15);
    assert_int_equal(count(f, (audit_page_t){.tenant = id_of(8)}), 12);
    assert_int_equal(count(f, (audit_page_t){.tenant = id_of(8), .rollout = id_of(7)}), 3);
    assert_int_equal(count(f, (audit_page_t){.tenant = id_of(8), .actor = "ada"}), 6);
    assert_int_equal(count(f, (audit_page_t){.since_us = 1011, .until_us = 1021}), 10);
    assert_int_equal(count(f, (audit_page_t){.rollout = id_of(7), .since_us = 1041}), 5);
    assert_int_equal(count(f, (audit_page_t){.actor = "nobody"}), 0);
}

static void sequence_has_no_gaps(void **state) {
    fixture_t *f = *state;
    append(f, 1, 3);
    audit_row_t lost = row_of(4);
    OK(f, store_begin(f->store, &f->err));
    OK(f, store_audit_append(f->store, &lost, &f->err));
    store_rollback(f->store);
    append(f, 4, 5);
    fixture_close(f);
    fixture_open(f);
    append(f, 6, 7);
    assert_int_equal(count(f, (audit_page_t){0}), 7);
}

int main(void) {
    const struct CMUnitTest tests[] = {TEST_OF(filters_hold_together),
                                       TEST_OF(sequence_has_no_gaps)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
