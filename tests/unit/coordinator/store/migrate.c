/* migrate.c: the catalog's own migrations, and the ways in which one can be refused. */
#include "tests/unit/coordinator/store/fixture.h"
#include "coordinator/store/migrate.h"

enum { FILES_MAX = 8 };

/* The program's files with some of the test's behind them. */
typedef struct plan {
    migrate_file_t files[FILES_MAX];
    size_t sizes[FILES_MAX];
    migrate_plan_t plan;
} plan_t;

static void plan_init(plan_t *plan) {
    assert_true(MIGRATE_FILE_COUNT + 2 < FILES_MAX);
    memset(plan, 0, sizeof *plan);
    for (size_t i = 0; i < MIGRATE_FILE_COUNT; i++) {
        plan->files[i] = MIGRATE_FILES[i];
    }
    plan->plan = (migrate_plan_t){
        .files = plan->files, .count = MIGRATE_FILE_COUNT, .software = "test", .now_us = 5};
}

static void plan_add(plan_t *plan, const char *name, const char *text) {
    size_t at = plan->plan.count++;
    plan->sizes[at] = strlen(text);
    plan->files[at] = (migrate_file_t){.name = name, .text = text, .size = &plan->sizes[at]};
}

static const char *next_name(size_t number, char name[32]) {
    (void)snprintf(name, 32, "%04zu_test.sql", number);
    return name;
}

static void next_is_applied_once(void **state) {
    fixture_t *f = *state;
    plan_t plan;
    char name[32];
    plan_init(&plan);
    plan_add(&plan, next_name(MIGRATE_FILE_COUNT + 1, name),
             "CREATE TABLE t (a INTEGER); INSERT INTO t VALUES (1)");
    OK(f, migrate_apply(f->store, &plan.plan, &f->err));
    OK(f, migrate_apply(f->store, &plan.plan, &f->err)); /* CREATE TABLE would fail */
    fixture_close(f);
    store_options_t options = fixture_options(f);
    /* and this program does not know it */
    FAILS(f, STORE_VERSION, store_open(&options, &f->store, &f->err));
    assert_non_null(strstr(f->err.message, name));
}

static void edited_one_is_refused(void **state) {
    fixture_t *f = *state;
    plan_t plan;
    plan_init(&plan);
    size_t last = MIGRATE_FILE_COUNT - 1;
    plan.plan.count = last;
    plan_add(&plan, MIGRATE_FILES[last].name, "SELECT 1");
    FAILS(f, STORE_CHANGED, migrate_apply(f->store, &plan.plan, &f->err));
    assert_non_null(strstr(f->err.message, MIGRATE_FILES[last].name));
    /* both digests, 64 digits each */
    const char *first = strstr(f->err.message, "digest ");
    assert_non_null(first);
    assert_int_equal(strspn(first + 7, "0123456789abcdef"), 64);
    const char *second = strstr(f->err.message, "has ");
    assert_non_null(second);
    assert_int_equal(strspn(second + 4, "0123456789abcdef"), 64);
}

static void failing_one_leaves_nothing(void **state) {
    fixture_t *f = *state;
    plan_t plan;
    char name[32];
    plan_init(&plan);
    next_name(MIGRATE_FILE_COUNT + 1, name);
    plan_add(&plan, name, "CREATE TABLE t (a INTEGER); CREATE TABLE t (a INTEGER)");
    FAILS(f, STORE, migrate_apply(f->store, &plan.plan, &f->err));
    assert_non_null(strstr(f->err.context[0], name));
    plan.plan.count--;
    plan_add(&plan, name, "CREATE TABLE t (a INTEGER)");
    OK(f, migrate_apply(f->store, &plan.plan, &f->err));
}

static void gaps_are_refused(void **state) {
    fixture_t *f = *state;
    plan_t plan;
    char name[32];
    plan_init(&plan);
    plan_add(&plan, next_name(MIGRATE_FILE_COUNT + 2, name), "SELECT 1");
    FAILS(f, INTERNAL, migrate_apply(f->store, &plan.plan, &f->err));
    fixture_exec(f, "UPDATE catalog_migration SET number = 0 WHERE number = 1");
    plan_init(&plan);
    FAILS(f, STORE_CHANGED, migrate_apply(f->store, &plan.plan, &f->err));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST_OF(next_is_applied_once), TEST_OF(edited_one_is_refused),
        TEST_OF(failing_one_leaves_nothing), TEST_OF(gaps_are_refused)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
