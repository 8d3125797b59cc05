/* store_tenant.c: tenants in bulk, paged, moved, copied, gone and gone back in time. */
#include "coordinator/store/store_tenant.h"
#include "tests/unit/coordinator/store/fixture.h"

enum { MANY = 10000 };

static const label_row_t LABELS[] = {{"region", "eu"}, {"tier", "gold"}};

static application_row_t head(uint32_t generation, int64_t sequence, int64_t observed_us) {
    return (application_row_t){.application = "app",
                               .generation = generation,
                               .position = (uint32_t)sequence,
                               .version = "V003",
                               .ledger_sequence = sequence,
                               .ledger_digest = digest_of((uint32_t)sequence),
                               .fingerprint_strict = digest_of(1),
                               .fingerprint_logical = digest_of(2),
                               .observed_us = observed_us};
}

static tenant_row_t tenant_of(uint32_t n, const char *name, int64_t observed_us) {
    return (tenant_row_t){.id = id_of(n),
                          .name = name,
                          .system_identifier = 42,
                          .database = name,
                          .schema = "",
                          .agent = key_of(1),
                          .stamped = true,
                          .size_bytes = 1234,
                          .problem_code = "",
                          .problem = "",
                          .observed_us = observed_us,
                          .snapshot = id_of(900),
                          .labels = LABELS,
                          .label_count = 2};
}

static tenant_change_t put(fixture_t *f, const tenant_row_t *tenant) {
    tenant_change_t change;
    OK(f, store_tenant_put(f->store, tenant, &change, &f->err));
    return change;
}

static tenant_row_t get(fixture_t *f, uint32_t n, arena_t *arena) {
    char text[IDENT_TEXT_SIZE];
    ident_t id = id_of(n);
    tenant_row_t tenant;
    OK(f, store_tenant_get(f->store, ident_text(&id, text), arena, &tenant, &f->err));
    return tenant;
}

static void round_trip(void **state) {
    fixture_t *f = *state;
    arena_t arena = {0};
    tenant_row_t tenant = tenant_of(1, "acme", 10);
    application_row_t app = head(1, 3, 10);
    tenant.applications = &app;
    tenant.application_count = 1;
    tenant.problem_code = "DRV-3025";
    tenant.problem = "drift";
    OK(f, store_begin(f->store, &f->err));
    tenant_change_t change = put(f, &tenant);
    assert_int_equal(change.place, TENANT_CREATED);
    assert_int_equal(change.incarnation, 1);
    tenant_row_t read;
    OK(f, store_tenant_get(f->store, "acme", &arena, &read, &f->err));
    assert_true(ident_equal(&read.id, &tenant.id));
    assert_int_equal(read.system_identifier, 42);
    assert_string_equal(read.database, "acme");
    assert_memory_equal(&read.agent, &tenant.agent, sizeof read.agent);
    assert_true(read.stamped);
    assert_int_equal(read.size_bytes, 1234);
    assert_string_equal(read.problem_code, "DRV-3025");
    assert_string_equal(read.problem, "drift");
    assert_int_equal(read.observed_us, 10);
    assert_int_equal(read.label_count, 2);
    assert_string_equal(read.labels[1].key, "tier");
    assert_string_equal(read.labels[1].value, "gold");
    assert_int_equal(read.application_count, 1);
    assert_string_equal(read.applications[0].version, "V003");
    assert_int_equal(read.applications[0].position, 3);
    assert_true(digest_equal(&read.applications[0].ledger_digest, &app.ledger_digest));
    assert_true(digest_equal(&read.applications[0].fingerprint_logical, &app.fingerprint_logical));

    /* labels are replaced, not added to; a size of 0 was not read */
    static const label_row_t fewer[] = {{"tier", "silver"}};
    tenant.labels = fewer;
    tenant.label_count = 1;
    tenant.size_bytes = 0;
    tenant.observed_us = 11;
    assert_int_equal(put(f, &tenant).place, TENANT_STAYED);
    read = get(f, 1, &arena);
    assert_int_equal(read.label_count, 1);
    assert_string_equal(read.labels[0].value, "silver");
    assert_int_equal(read.size_bytes, 1234);
    OK(f, store_commit(f->store, &f->err));
    arena_free(&arena);
}

static void heads_are_judged(void **state) {
    (void)state;
    application_row_t known = head(2, 5, 100);
    static const struct {
        uint32_t generation;
        int64_t sequence;
        int64_t observed_us;
        bool forked;
        head_verdict_t verdict;
    } rows[] = {
        {2, 5, 100, false, HEAD_SAME},      {2, 5, 101, false, HEAD_SAME},
        {2, 5, 99, false, HEAD_STALE},      {2, 6, 101, false, HEAD_NEWER},
        {2, 6, 50, false, HEAD_NEWER},      {3, 1, 101, false, HEAD_NEWER},
        {2, 4, 99, false, HEAD_STALE},      {2, 4, 101, false, HEAD_REGRESSED},
        {1, 9, 101, false, HEAD_REGRESSED}, {1, 9, 99, false, HEAD_STALE},
        {2, 5, 101, true, HEAD_REGRESSED},  {2, 5, 99, true, HEAD_STALE},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        application_row_t seen = head(rows[i].generation, rows[i].sequence, rows[i].observed_us);
        if (rows[i].forked) {
            seen.ledger_digest = digest_of(999);
        }
        assert_int_equal(store_tenant_judge(&known, &seen), rows[i].verdict);
    }
    assert_int_equal(store_tenant_judge(NULL, &known), HEAD_NEW);
}

static void regression_raises_incarnation(void **state) {
    fixture_t *f = *state;
    arena_t arena = {0};
    tenant_row_t tenant = tenant_of(1, "acme", 10);
    application_row_t app = head(1, 5, 10);
    tenant.applications = &app;
    tenant.application_count = 1;
    OK(f, store_begin(f->store, &f->err));
    (void)put(f, &tenant);
    app = head(1, 4, 9);
    tenant.observed_us = 9;
    assert_int_equal(put(f, &tenant).place, TENANT_LATE);
    assert_int_equal(get(f, 1, &arena).applications[0].ledger_sequence, 5);
    app = head(1, 4, 20);
    tenant.observed_us = 20;
    tenant_change_t change = put(f, &tenant);
    assert_true(change.regressed);
    assert_int_equal(change.incarnation, 2);
    assert_int_equal(get(f, 1, &arena).incarnation, 2);
    assert_int_equal(get(f, 1, &arena).applications[0].ledger_sequence, 4);

    tenant_report_t report = {.tenant = id_of(1), .application = &app, .size_bytes = 99};
    head_verdict_t verdict;
    app = head(1, 6, 30);
    OK(f, store_tenant_reported(f->store, &report, &verdict, &f->err));
    assert_int_equal(verdict, HEAD_NEWER);
    assert_int_equal(get(f, 1, &arena).size_bytes, 99);
    app = head(1, 5, 25); /* a late one */
    OK(f, store_tenant_reported(f->store, &report, &verdict, &f->err));
    assert_int_equal(verdict, HEAD_STALE);
    assert_int_equal(get(f, 1, &arena).applications[0].position, 6);
    app = head(1, 5, 40);
    OK(f, store_tenant_reported(f->store, &report, &verdict, &f->err));
    assert_int_equal(verdict, HEAD_REGRESSED);
    assert_int_equal(get(f, 1, &arena).incarnation, 3);
    report.tenant = id_of(2);
    FAILS(f, NOT_FOUND, store_tenant_reported(f->store, &report, &verdict, &f->err));
    OK(f, store_commit(f->store, &f->err));
    arena_free(&arena);
}

static status_t check_clone(void *context, const tenant_row_t *tenant, error_t *err) {
    (void)err;
    (*(int *)context)++;
    assert_string_equal(tenant->problem_code, "DRV-3021");
    assert_non_null(strstr(tenant->problem, "acme"));
    assert_string_equal(tenant->database, "copy");
    return STATUS_OK;
}

static int clones(fixture_t *f) {
    int count = 0;
    OK(f, store_tenant_each_clone(f->store, check_clone, &count, &f->err));
    return count;
}

static void copy_is_kept_aside(void **state) {
    fixture_t *f = *state;
    arena_t arena = {0};
    tenant_row_t tenant = tenant_of(1, "acme", 10);
    tenant_row_t copy = tenant_of(1, "copy", 20);
    copy.agent = key_of(2);
    OK(f, store_begin(f->store, &f->err));
    (void)put(f, &tenant);
    assert_int_equal(put(f, &copy).place, TENANT_CLONED);
    assert_int_equal(put(f, &copy).place, TENANT_CLONED);
    assert_int_equal(clones(f), 1);
    assert_string_equal(get(f, 1, &arena).database, "acme");
    /* the first is gone: the copy is what is left */
    OK(f, store_tenant_set_gone(f->store, &tenant.id, 30, &f->err));
    copy.observed_us = 40;
    assert_int_equal(put(f, &copy).place, TENANT_MOVED);
    assert_int_equal(clones(f), 0);
    assert_string_equal(get(f, 1, &arena).database, "copy");
    assert_false(get(f, 1, &arena).gone);
    OK(f, store_commit(f->store, &f->err));
    arena_free(&arena);
}

/* One agent's database was renamed: its next full inventory names the tenant at the new place. */
static void snapshot_end_moves_and_buries(void **state) {
    fixture_t *f = *state;
    arena_t arena = {0};
    OK(f, store_begin(f->store, &f->err));
    for (uint32_t n = 1; n <= 3; n++) {
        char name[8];
        (void)snprintf(name, sizeof name, "acme%u", n);
        tenant_row_t tenant = tenant_of(n, name, 10);
        (void)put(f, &tenant);
    }
    tenant_row_t other = tenant_of(4, "other", 10);
    other.agent = key_of(2);
    (void)put(f, &other);
    tenant_row_t stays = tenant_of(1, "acme1", 5); /* late, but named */
    tenant_row_t renamed = tenant_of(2, "copy", 20);
    stays.snapshot = renamed.snapshot = id_of(901);
    assert_int_equal(put(f, &stays).place, TENANT_LATE);
    assert_int_equal(put(f, &renamed).place, TENANT_CLONED);
    tenant_snapshot_t snapshot = {.agent = key_of(1), .snapshot = id_of(901), .now_us = 50};
    uint32_t gone = 0;
    OK(f, store_tenant_finish_snapshot(f->store, &snapshot, &gone, &f->err));
    assert_int_equal(gone, 1);
    assert_false(get(f, 1, &arena).gone);
    assert_string_equal(get(f, 2, &arena).database, "copy");
    assert_false(get(f, 2, &arena).gone);
    assert_true(get(f, 3, &arena).gone);
    assert_false(get(f, 4, &arena).gone);
    assert_int_equal(clones(f), 0);
    OK(f, store_commit(f->store, &f->err));
    arena_free(&arena);
}

static void names_may_be_ambiguous(void **state) {
    fixture_t *f = *state;
    arena_t arena = {0};
    tenant_row_t first = tenant_of(1, "acme", 10);
    tenant_row_t second = tenant_of(2, "acme", 10);
    second.system_identifier = 43;
    OK(f, store_begin(f->store, &f->err));
    (void)put(f, &first);
    (void)put(f, &second);
    tenant_row_t read;
    FAILS(f, INVALID, store_tenant_get(f->store, "acme", &arena, &read, &f->err));
    char text[IDENT_TEXT_SIZE];
    assert_non_null(strstr(f->err.message, ident_text(&first.id, text)));
    assert_non_null(strstr(f->err.message, ident_text(&second.id, text)));
    OK(f, store_tenant_set_gone(f->store, &first.id, 20, &f->err));
    OK(f, store_tenant_get(f->store, "acme", &arena, &read, &f->err));
    assert_true(ident_equal(&read.id, &second.id));
    FAILS(f, NOT_FOUND, store_tenant_get(f->store, "nobody", &arena, &read, &f->err));
    OK(f, store_commit(f->store, &f->err));
    arena_free(&arena);
}

typedef struct walk {
    tenant_page_t page;
    char name[16];
    uint32_t seen;
    uint32_t in_page;
} walk_t;

static status_t step(void *context, const tenant_row_t *tenant, error_t *err) {
    walk_t *walk = context;
    (void)err;
    char want[16];
    (void)snprintf(want, sizeof want, "t%05u", walk->seen);
    assert_string_equal(tenant->name, want);
    assert_int_equal(tenant->label_count, 2);
    assert_int_equal(tenant->application_count, 1);
    (void)snprintf(walk->name, sizeof walk->name, "%s", tenant->name);
    walk->page.after_name = walk->name;
    walk->page.after_id = tenant->id;
    walk->seen++;
    walk->in_page++;
    return STATUS_OK;
}

static void put_many(fixture_t *f) {
    OK(f, store_begin(f->store, &f->err));
    for (uint32_t i = 0; i < MANY; i++) {
        char name[16];
        (void)snprintf(name, sizeof name, "t%05u", MANY - 1 - i);
        tenant_row_t tenant = tenant_of(i + 1, name, 10);
        application_row_t app = head(1, i % 7, 10);
        tenant.applications = &app;
        tenant.application_count = 1;
        (void)put(f, &tenant);
    }
    OK(f, store_commit(f->store, &f->err));
}

static void many_are_paged_and_loaded(void **state) {
    fixture_t *f = *state;
    put_many(f);
    walk_t walk = {.page = {.limit = 999}};
    do {
        walk.in_page = 0;
        OK(f, store_tenant_each(f->store, &walk.page, step, &walk, &f->err));
        assert_true(walk.in_page <= 999);
    } while (walk.in_page > 0);
    assert_int_equal(walk.seen, MANY);

    arena_t arena = {0};
    tenant_list_t list = {0};
    OK(f, store_tenant_load(f->store, "app", &arena, &list, &f->err));
    assert_int_equal(list.count, MANY);
    for (size_t i = 0; i < list.count; i++) {
        char want[24];
        (void)snprintf(want, sizeof want, "t%05zu", i);
        assert_string_equal(list.rows[i].name, want);
        assert_int_equal(list.rows[i].label_count, 2);
        assert_string_equal(list.rows[i].labels[0].key, "region");
        assert_int_equal(list.rows[i].application_count, 1);
        assert_int_equal(list.rows[i].applications[0].ledger_sequence, (MANY - 1 - i) % 7);
    }
    OK(f, store_tenant_load(f->store, "another", &arena, &list, &f->err));
    assert_int_equal(list.count, MANY);
    assert_int_equal(list.rows[5].application_count, 0);
    arena_free(&arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST_OF(round_trip),
        TEST_OF(heads_are_judged),
        TEST_OF(regression_raises_incarnation),
        TEST_OF(copy_is_kept_aside),
        TEST_OF(snapshot_end_moves_and_buries),
        TEST_OF(names_may_be_ambiguous),
        TEST_OF(many_are_paged_and_loaded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
