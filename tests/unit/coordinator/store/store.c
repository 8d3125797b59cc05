/* store.c: ownership, identity, transactions, and what stays after a crash or a full disk. */
#include "tests/unit/coordinator/store/fixture.h"
#include "coordinator/store/store_audit.h"

static void put(fixture_t *f, const char *key, const char *value) {
    store_meta_t meta = {.key = key, .value = value};
    OK(f, store_meta_put(f->store, &meta, &f->err));
}

static void expect(fixture_t *f, const char *key, const char *value) {
    arena_t arena = {0};
    const char *read = NULL;
    if (value == NULL) {
        FAILS(f, NOT_FOUND, store_meta_get(f->store, key, &arena, &read, &f->err));
    } else {
        OK(f, store_meta_get(f->store, key, &arena, &read, &f->err));
        assert_string_equal(read, value);
    }
    arena_free(&arena);
}

static void every_start_is_another(void **state) {
    fixture_t *f = *state;
    store_identity_t first;
    store_identity_t second;
    OK(f, store_start(f->store, &first, &f->err));
    fixture_close(f);
    fixture_open(f);
    OK(f, store_start(f->store, &second, &f->err));
    assert_true(ident_equal(&first.id, &second.id));
    assert_false(ident_is_null(&first.id));
    assert_int_equal(first.epoch, 1);
    assert_int_equal(second.epoch, 2);
    assert_false(ident_equal(&first.incarnation, &second.incarnation));
}

static void second_owner_is_refused(void **state) {
    fixture_t *f = *state;
    store_t *other = NULL;
    store_options_t options = fixture_options(f);
    FAILS(f, STORE_LOCKED, store_open(&options, &other, &f->err));
    char pid[32];
    (void)snprintf(pid, sizeof pid, "by process %ld", (long)getpid());
    assert_non_null(strstr(f->err.message, pid));
    fixture_close(f);
    OK(f, store_open(&options, &other, &f->err));
    store_destroy(&other);
}

static void postgresql_is_not_built(void **state) {
    fixture_t *f = *state;
    store_t *other = NULL;
    store_options_t options = {.catalog = "postgresql://host/db"};
    FAILS(f, NOT_BUILT, store_open(&options, &other, &f->err));
    options.catalog = "";
    FAILS(f, INVALID, store_open(&options, &other, &f->err));
    options.catalog = "/nonexistent/folder/catalog.db";
    FAILS(f, IO, store_open(&options, &other, &f->err));
    assert_null(other);
}

static void what_is_no_catalog_is_refused(void **state) {
    fixture_t *f = *state;
    fixture_close(f);
    FILE *file = fopen(f->catalog, "w");
    assert_non_null(file);
    for (int i = 0; i < 4096; i++) {
        (void)fputs("not a database ", file);
    }
    (void)fclose(file);
    store_options_t options = fixture_options(f);
    FAILS(f, STORE, store_open(&options, &f->store, &f->err));
    assert_non_null(strstr(f->err.message, "not a database"));
    assert_int_equal(f->err.retry, RETRY_PERMANENT);
}

static void rollback_leaves_nothing(void **state) {
    fixture_t *f = *state;
    OK(f, store_begin(f->store, &f->err));
    put(f, "a", "1");
    OK(f, store_commit(f->store, &f->err));
    OK(f, store_begin(f->store, &f->err));
    put(f, "a", "2");
    expect(f, "a", "2");
    store_rollback(f->store);
    store_rollback(f->store);
    expect(f, "a", "1");
    assert_false(store_in_transaction(f->store));
}

/* Settings that durability rests on. */
static void settings_hold(void **state) {
    fixture_t *f = *state;
    static const struct {
        const char *sql;
        const char *value;
    } rows[] = {
        {"PRAGMA journal_mode", "wal"}, {"PRAGMA synchronous", "2"}, {"PRAGMA foreign_keys", "1"}};
    const driver_ops_t *ops = f->store->driver->ops;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        driver_statement_t *statement = NULL;
        bool row = false;
        size_t size = 0;
        OK(f, ops->prepare(f->store->driver, rows[i].sql, &statement, &f->err));
        OK(f, ops->step(statement, &row, &f->err));
        assert_string_equal(ops->column_text(statement, 0, &size), rows[i].value);
        ops->finalize(statement);
    }
    driver_statement_t *statement = NULL;
    assert_int_equal(ops->prepare(f->store->driver, "SELECT \"no_such\"", &statement, &f->err),
                     STATUS_ERROR);
}

/* A full disk spoils the transaction; what was there stays, and the next one works again. */
static void full_disk_changes_nothing(void **state) {
    fixture_t *f = *state;
    OK(f, store_begin(f->store, &f->err));
    put(f, "a", "1");
    OK(f, store_commit(f->store, &f->err));
    fixture_exec(f, "PRAGMA max_page_count = 1"); /* clamped to the size it has */
    static char big[200000];
    memset(big, 'x', sizeof big - 1);
    OK(f, store_begin(f->store, &f->err));
    put(f, "a", "2");
    store_meta_t meta = {.key = "big", .value = big};
    FAILS(f, DISK_FULL, store_meta_put(f->store, &meta, &f->err));
    assert_non_null(strstr(f->err.message, f->catalog));
    assert_int_equal(f->err.retry, RETRY_TRANSIENT);
    FAILS(f, STORE, store_commit(f->store, &f->err));
    assert_false(store_in_transaction(f->store));
    expect(f, "a", "1");
    expect(f, "big", NULL);
    fixture_exec(f, "PRAGMA max_page_count = 1000000");
    OK(f, store_begin(f->store, &f->err));
    OK(f, store_meta_put(f->store, &meta, &f->err));
    OK(f, store_commit(f->store, &f->err));
    expect(f, "big", big);
}

/* A COMMIT that is refused (a deferred constraint stands in for the disk) rolls back. */
static void failed_commit_rolls_back(void **state) {
    fixture_t *f = *state;
    fixture_exec(f, "CREATE TABLE p (id INTEGER PRIMARY KEY);"
                    "CREATE TABLE c (id INTEGER REFERENCES p DEFERRABLE INITIALLY DEFERRED)");
    audit_row_t audit = {.actor = "x", .result = "ok"};
    OK(f, store_begin(f->store, &f->err));
    put(f, "a", "1");
    OK(f, store_audit_append(f->store, &audit, &f->err));
    fixture_exec(f, "INSERT INTO c VALUES (7)");
    int64_t next = f->store->audit.next;
    FAILS(f, STORE, store_commit(f->store, &f->err));
    assert_false(store_in_transaction(f->store));
    assert_int_equal(f->store->audit.next, next - 1);
    expect(f, "a", NULL);
    OK(f, store_begin(f->store, &f->err));
    put(f, "a", "2");
    OK(f, store_commit(f->store, &f->err));
    expect(f, "a", "2");
}

/* In a child: commit one write, make another, die before its commit. */
static void die_in_transaction(fixture_t *f) {
    fixture_open(f);
    OK(f, store_begin(f->store, &f->err));
    put(f, "kept", "1");
    OK(f, store_commit(f->store, &f->err));
    OK(f, store_begin(f->store, &f->err));
    put(f, "kept", "2");
    put(f, "lost", "1");
    (void)kill(getpid(), SIGKILL);
}

static void killed_owner_leaves_last_commit(void **state) {
    fixture_t *f = *state;
    fixture_close(f);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        die_in_transaction(f);
        _exit(1);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
    fixture_open(f); /* the lock died with its owner */
    expect(f, "kept", "1");
    expect(f, "lost", NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST_OF(every_start_is_another),          TEST_OF(second_owner_is_refused),
        TEST_OF(postgresql_is_not_built),         TEST_OF(what_is_no_catalog_is_refused),
        TEST_OF(rollback_leaves_nothing),         TEST_OF(settings_hold),
        TEST_OF(full_disk_changes_nothing),       TEST_OF(failed_commit_rolls_back),
        TEST_OF(killed_owner_leaves_last_commit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
