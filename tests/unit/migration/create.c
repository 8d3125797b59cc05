/* Tests of common/migration/create.c. */
#include "tests/unit/migration/fixture.h"

#include "common/migration/create.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

static void test_the_trio(void **state) {
    (void)state;
    fixture_t fixture;
    fixture_open(&fixture);
    create_paths_t paths;
    error_t err;
    assert_int_equal(create_migration(fixture.path, "add email", &paths, &err), STATUS_OK);
    assert_string_equal(paths.version, "V001");
    char path[512];
    (void)snprintf(path, sizeof path, "%s/V001__add_email.sql", fixture.path);
    assert_string_equal(paths.path[0], path);
    (void)snprintf(path, sizeof path, "%s/V001__add_email.undo.sql", fixture.path);
    assert_string_equal(paths.path[1], path);
    (void)snprintf(path, sizeof path, "%s/V001__add_email.verify.sql", fixture.path);
    assert_string_equal(paths.path[2], path);
    assert_int_equal(create_migration(fixture.path, "add email", &paths, &err), STATUS_OK);
    assert_string_equal(paths.version, "V002");
    /* what was made is a directory that loads; only the queries are yet to be written */
    const directory_t *directory = fixture_load(&fixture);
    assert_int_equal(directory->count, 2);
    assert_int_equal(directory->findings.count, 2);
    assert_non_null(finding_of(&directory->findings, RULE_QUERIES, "without a query"));
    fixture_close(&fixture);
}

static void test_refusals(void **state) {
    (void)state;
    fixture_t fixture;
    fixture_open(&fixture);
    create_paths_t paths;
    error_t err;
    assert_int_equal(create_migration(fixture.path, "??", &paths, &err), STATUS_ERROR);
    assert_int_equal(err.code, ERROR_INVALID);
    assert_int_equal(create_migration("/nonexistent/x", "a", &paths, &err), STATUS_ERROR);
    assert_int_equal(err.code, ERROR_NOT_FOUND);
    fixture_put(&fixture, "V1__odd.sql", "");
    assert_int_equal(create_migration(fixture.path, "a", &paths, &err), STATUS_ERROR);
    assert_int_equal(err.code, ERROR_MIGRATION_NAME);
    fixture_close(&fixture);
}

/* Where the disk refuses (here: a limit on the size of files), nothing is left behind. */
static void test_nothing_is_left_where_writing_fails(void **state) {
    (void)state;
    fixture_t fixture;
    fixture_open(&fixture);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        create_paths_t paths;
        error_t err;
        struct rlimit limit = {.rlim_cur = 100, .rlim_max = 100};
        (void)signal(SIGXFSZ, SIG_IGN);
        bool refused = setrlimit(RLIMIT_FSIZE, &limit) == 0 &&
                       create_migration(fixture.path, "a", &paths, &err) == STATUS_ERROR &&
                       err.code == ERROR_IO;
        _exit(refused ? 0 : 1);
    }
    int status = -1;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    assert_int_equal(rmdir(fixture.path), 0); /* it is empty */
}

/* O_EXCL follows no link, and what has a number is never used again. */
static void test_nothing_is_overwritten(void **state) {
    (void)state;
    fixture_t fixture;
    fixture_open(&fixture);
    char path[512];
    (void)snprintf(path, sizeof path, "%s/V001__a.verify.sql", fixture.path);
    assert_int_equal(symlink("/nonexistent/target", path), 0);
    create_paths_t paths;
    error_t err;
    assert_int_equal(create_migration(fixture.path, "a", &paths, &err), STATUS_OK);
    assert_string_equal(paths.version, "V002");
    fixture_close(&fixture);
}

static void test_several_at_once(void **state) {
    (void)state;
    enum { WRITERS = 8 };
    fixture_t fixture;
    fixture_open(&fixture);
    pid_t pids[WRITERS];
    for (int i = 0; i < WRITERS; i++) {
        pids[i] = fork();
        assert_true(pids[i] >= 0);
        if (pids[i] == 0) {
            create_paths_t paths;
            error_t err;
            char words[32];
            (void)snprintf(words, sizeof words, "writer %d", i);
            _exit(create_migration(fixture.path, words, &paths, &err) == STATUS_OK ? 0 : 1);
        }
    }
    for (int i = 0; i < WRITERS; i++) {
        int status = -1;
        assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
        assert_int_equal(status, 0);
    }
    const directory_t *directory = fixture_load(&fixture);
    assert_int_equal(directory->count, WRITERS);
    for (size_t i = 0; i < directory->findings.count; i++) {
        assert_string_equal(directory->findings.items[i].rule, RULE_QUERIES);
    }
    fixture_close(&fixture);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_trio),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_nothing_is_left_where_writing_fails),
        cmocka_unit_test(test_nothing_is_overwritten),
        cmocka_unit_test(test_several_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
