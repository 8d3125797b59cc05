/* store_recovery.c: recovery points, their filters, and that a verified one stays verified. */
#include "coordinator/store/store_recovery.h"
#include "tests/unit/coordinator/store/fixture.h"

static recovery_row_t point_of(uint32_t n, char reference[16]) {
    (void)snprintf(reference, 16, "backup-%u", n);
    return (recovery_row_t){.reference = reference,
                            .tenant = id_of(n % 2),
                            .agent = key_of(1),
                            .kind = "dump",
                            .lsn = "0/16B3748",
                            .taken_us = 100 + n,
                            .verified = "readable",
                            .size_bytes = 5000,
                            .digest = digest_of(n),
                            .rollout = id_of(10 + n % 3),
                            .position = 41};
}

static recovery_row_t get(fixture_t *f, uint32_t n, arena_t *arena) {
    char reference[16];
    recovery_row_t point = point_of(n, reference);
    recovery_id_t id = {.tenant = point.tenant, .reference = reference};
    recovery_row_t read;
    OK(f, store_recovery_get(f->store, &id, arena, &read, &f->err));
    return read;
}

static void put(fixture_t *f, uint32_t n, const char *verified) {
    char reference[16];
    recovery_row_t point = point_of(n, reference);
    point.verified = verified;
    OK(f, store_begin(f->store, &f->err));
    OK(f, store_recovery_put(f->store, &point, &f->err));
    OK(f, store_commit(f->store, &f->err));
}

static void round_trip(void **state) {
    fixture_t *f = *state;
    arena_t arena = {0};
    char reference[16];
    recovery_row_t want = point_of(1, reference);
    put(f, 1, "readable");
    recovery_row_t read = get(f, 1, &arena);
    assert_string_equal(read.reference, want.reference);
    assert_true(ident_equal(&read.tenant, &want.tenant));
    assert_memory_equal(&read.agent, &want.agent, sizeof want.agent);
    assert_string_equal(read.kind, "dump");
    assert_string_equal(read.lsn, want.lsn);
    assert_int_equal(read.taken_us, want.taken_us);
    assert_string_equal(read.verified, "readable");
    assert_int_equal(read.size_bytes, 5000);
    assert_true(digest_equal(&read.digest, &want.digest));
    assert_true(ident_equal(&read.rollout, &want.rollout));
    assert_int_equal(read.position, 41);
    assert_int_equal(read.pruned_us, 0);
    put(f, 1, "");
    assert_string_equal(get(f, 1, &arena).verified, "readable");
    put(f, 1, "verified");
    put(f, 1, "readable"); /* a late report */
    assert_string_equal(get(f, 1, &arena).verified, "verified");
    recovery_id_t unknown = {.tenant = id_of(9), .reference = reference};
    FAILS(f, NOT_FOUND, store_recovery_get(f->store, &unknown, &arena, &read, &f->err));
    arena_free(&arena);
}

typedef struct walk {
    recovery_page_t page;
    char reference[16];
    uint32_t seen;
} walk_t;

static status_t step(void *context, const recovery_row_t *point, error_t *err) {
    walk_t *walk = context;
    (void)err;
    assert_true(walk->page.before_us == 0 || point->taken_us < walk->page.before_us);
    (void)snprintf(walk->reference, sizeof walk->reference, "%s", point->reference);
    walk->page.before_us = point->taken_us;
    walk->page.before_reference = walk->reference;
    walk->seen++;
    return STATUS_OK;
}

static uint32_t count(fixture_t *f, recovery_page_t page) {
    walk_t walk = {.page = page};
    walk.page.limit = 4;
    uint32_t before = UINT32_MAX;
    while (before != walk.seen) {
        before = walk.seen;
        recovery_page_t asked = walk.page;
        OK(f, store_recovery_each(f->store, &asked, step, &walk, &f->err));
    }
    return walk.seen;
}

static void pages_by_tenant_and_rollout(void **state) {
    fixture_t *f = *state;
    for (uint32_t n = 0; n < 12; n++) {
        put(f, n, "readable");
    }
    assert_int_equal(count(f, (recovery_page_t){0}), 12);
    assert_int_equal(count(f, (recovery_page_t){.tenant = id_of(1)}), 6);
    assert_int_equal(count(f, (recovery_page_t){.rollout = id_of(11)}), 4);
    assert_int_equal(count(f, (recovery_page_t){.tenant = id_of(1), .rollout = id_of(11)}), 2);
    recovery_id_t id = {.tenant = id_of(1), .reference = "backup-1"};
    OK(f, store_begin(f->store, &f->err));
    OK(f, store_recovery_set_pruned(f->store, &id, 500, &f->err));
    OK(f, store_recovery_set_pruned(f->store, &id, 600, &f->err)); /* the first time counts */
    OK(f, store_commit(f->store, &f->err));
    assert_int_equal(count(f, (recovery_page_t){0}), 11);
    assert_int_equal(count(f, (recovery_page_t){.tenant = id_of(1)}), 5);
    assert_int_equal(count(f, (recovery_page_t){.with_pruned = true}), 12);
    arena_t arena = {0};
    assert_int_equal(get(f, 1, &arena).pruned_us, 500);
    arena_free(&arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {TEST_OF(round_trip), TEST_OF(pages_by_tenant_and_rollout)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
