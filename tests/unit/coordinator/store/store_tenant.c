/* store_tenant.c: tenants in bulk, paged, moved, copied, gone and gone back in time. */
#include "coordinator/store/store_tenant.h"
#include "tests/unit/coordinator/store/fixture.h"

enum {
    MANY = 10000,
    NOW = 1000, /* later than whatever was observed, but for clocks that stand ahead */
};

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

/* What inventory says, told at this moment. */
static tenant_change_t put_at(fixture_t *f, const tenant_row_t *tenant, int64_t now_us) {
    tenant_change_t change;
    OK(f, store_tenant_put(f->store, tenant, now_us, &change, &f->err));
    return change;
}

static tenant_change_t put(fixture_t *f, const tenant_row_t *tenant) {
    return put_at(f, tenant, NOW);
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
        head_verdict_t ahead; /* where the known one was noted by a clock that stood ahead */
        head_verdict_t late;  /* of a report from before the hello, whatever the clocks say */
    } rows[] = {
        {2, 5, 100, false, HEAD_SAME, HEAD_SAME, HEAD_STALE},
        {2, 5, 101, false, HEAD_SAME, HEAD_SAME, HEAD_STALE},
        {2, 5, 99, false, HEAD_STALE, HEAD_SAME, HEAD_STALE},
        {2, 6, 101, false, HEAD_NEWER, HEAD_NEWER, HEAD_NEWER},
        {2, 6, 50, false, HEAD_NEWER, HEAD_NEWER, HEAD_NEWER},
        {3, 1, 101, false, HEAD_NEWER, HEAD_NEWER, HEAD_NEWER},
        {2, 4, 99, false, HEAD_STALE, HEAD_REGRESSED, HEAD_STALE},
        {2, 4, 101, false, HEAD_REGRESSED, HEAD_REGRESSED, HEAD_STALE},
        {1, 9, 101, false, HEAD_REGRESSED, HEAD_REGRESSED, HEAD_STALE},
        {1, 9, 99, false, HEAD_STALE, HEAD_REGRESSED, HEAD_STALE},
        {2, 5, 101, true, HEAD_REGRESSED, HEAD_REGRESSED, HEAD_STALE},
        {2, 5, 99, true, HEAD_STALE, HEAD_REGRESSED, HEAD_STALE},
    };
    static const sighting_t now = {.now_us = 101};
    static const sighting_t just = {.now_us = 100}; /* noted in this very moment is not ahead */
    static const sighting_t set_back = {.now_us = 99};
    static const sighting_t late = {.now_us = 101, .late = true};
    static const sighting_t late_set_back = {.now_us = 99, .late = true};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        application_row_t seen = head(rows[i].generation, rows[i].sequence, rows[i].observed_us);
        if (rows[i].forked) {
            seen.ledger_digest = digest_of(999);
        }
        assert_int_equal(store_tenant_judge(&known, &seen, &now), rows[i].verdict);
        assert_int_equal(store_tenant_judge(&known, &seen, &just), rows[i].verdict);
        assert_int_equal(store_tenant_judge(&known, &seen, &set_back), rows[i].ahead);
        assert_int_equal(store_tenant_judge(&known, &seen, &late), rows[i].late);
        assert_int_equal(store_tenant_judge(&known, &seen, &late_set_back), rows[i].late);
    }
    assert_int_equal(store_tenant_judge(NULL, &known, &late), HEAD_NEW);
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

    tenant_report_t report = {
        .tenant = id_of(1), .application = &app, .size_bytes = 99, .sighting = {.now_us = NOW}};
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

/* What is told of the tenant's head at now_us, as observed then or before. */
static tenant_change_t tell(fixture_t *f, int64_t sequence, const tenant_row_t *from,
                            int64_t now_us) {
    tenant_row_t tenant = *from;
    application_row_t app = head(1, sequence, from->observed_us);
    tenant.applications = &app;
    tenant.application_count = 1;
    return put_at(f, &tenant, now_us);
}

static head_verdict_t report(fixture_t *f, int64_t sequence, int64_t finished_us,
                             sighting_t sighting) {
    application_row_t app = head(1, sequence, finished_us);
    tenant_report_t report = {
        .tenant = id_of(1), .application = &app, .size_bytes = 7, .sighting = sighting};
    head_verdict_t verdict = HEAD_VERDICT_COUNT;
    OK(f, store_tenant_reported(f->store, &report, &verdict, &f->err));
    return verdict;
}

static int64_t sequence_of(fixture_t *f) {
    arena_t arena = {0};
    int64_t sequence = get(f, 1, &arena).applications[0].ledger_sequence;
    arena_free(&arena);
    return sequence;
}

/* The coordinator's clock stood an hour (3600) ahead as a head was noted, and was set right; the
 * last row is then lost in a failover. */
static void clock_that_stood_ahead_is_not_believed(void **state) {
    fixture_t *f = *state;
    arena_t arena = {0};
    OK(f, store_begin(f->store, &f->err));
    tenant_row_t seen = tenant_of(1, "acme", 100);
    assert_int_equal(tell(f, 4, &seen, 100).place, TENANT_CREATED);
    assert_int_equal(report(f, 5, 3800, (sighting_t){.now_us = 3800}), HEAD_NEWER);
    seen.observed_us = 3810;
    assert_int_equal(tell(f, 5, &seen, 3810).place, TENANT_STAYED);
    /* set right: what was made before the hello still takes nothing back */
    assert_int_equal(report(f, 4, 90, (sighting_t){.now_us = 215, .late = true}), HEAD_STALE);
    assert_int_equal(sequence_of(f), 5);
    /* the ledger lost a row: that counts now, in the tenant's own row as in the head's */
    seen.observed_us = 220;
    seen.problem_code = "DRV-3025";
    tenant_change_t change = tell(f, 4, &seen, 221);
    assert_int_equal(change.place, TENANT_STAYED);
    assert_true(change.regressed);
    assert_int_equal(sequence_of(f), 4);
    assert_string_equal(get(f, 1, &arena).problem_code, "DRV-3025");
    /* and is noted by the clock that stands right: what is late is late again */
    seen.observed_us = 219;
    assert_int_equal(tell(f, 3, &seen, 222).place, TENANT_LATE);
    assert_int_equal(report(f, 3, 219, (sighting_t){.now_us = 223}), HEAD_STALE);
    assert_int_equal(sequence_of(f), 4);
    assert_int_equal(get(f, 1, &arena).incarnation, 2);
    /* a report tells of a lost row as well as inventory does, and a tenant that was called gone by
     * a clock that stood ahead is there when it is seen */
    assert_int_equal(report(f, 5, 3900, (sighting_t){.now_us = 3900}), HEAD_NEWER);
    assert_int_equal(report(f, 4, 300, (sighting_t){.now_us = 301}), HEAD_REGRESSED);
    OK(f, store_tenant_set_gone(f->store, &seen.id, 3950, &f->err));
    seen.observed_us = 350;
    assert_int_equal(tell(f, 4, &seen, 351).place, TENANT_STAYED);
    assert_false(get(f, 1, &arena).gone);
    OK(f, store_commit(f->store, &f->err));
    arena_free(&arena);
}

/* Two agents see the primary; the second one's reading began before the first one's job was done,
 * and is told behind it. */
static void two_agents_are_told_apart_by_time(void **state) {
    fixture_t *f = *state;
    OK(f, store_begin(f->store, &f->err));
    tenant_row_t first = tenant_of(1, "acme", 100);
    tenant_row_t second = tenant_of(1, "acme", 105);
    second.agent = key_of(2);
    (void)tell(f, 2, &first, 100);
    assert_int_equal(report(f, 3, 110, (sighting_t){.now_us = 111}), HEAD_NEWER);
    assert_false(tell(f, 2, &second, 112).regressed);
    assert_int_equal(sequence_of(f), 3);
    /* the first one is cut off; the second saw what a failover left, and the first one's report of
     * the lost row's script comes late */
    second.observed_us = 120;
    assert_true(tell(f, 2, &second, 121).regressed);
    assert_int_equal(report(f, 3, 125, (sighting_t){.now_us = 126}), HEAD_NEWER);
    assert_int_equal(report(f, 2, 130, (sighting_t){.now_us = 126, .late = true}), HEAD_STALE);
    second.observed_us = 140;
    assert_true(tell(f, 2, &second, 141).regressed);
    assert_int_equal(sequence_of(f), 2);
    OK(f, store_commit(f->store, &f->err));
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
        TEST_OF(clock_that_stood_ahead_is_not_believed),
        TEST_OF(two_agents_are_told_apart_by_time),
        TEST_OF(copy_is_kept_aside),
        TEST_OF(snapshot_end_moves_and_buries),
        TEST_OF(names_may_be_ambiguous),
        TEST_OF(many_are_paged_and_loaded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
