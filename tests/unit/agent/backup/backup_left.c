/* backup_left.c: what should not stand in the folder is told, and nothing else. */
#include "agent/backup/backup_left.h"
#include "agent/backup/backup_file.h"
#include "tests/unit/agent/backup/fixture.h"

#include <sys/file.h>
#include <unistd.h>

static backup_paths_t put_backup(const ident_t *tenant, int64_t started_us) {
    error_t err;
    backup_paths_t paths;
    CLEANUP(buffer_free) buffer_t file = {0};
    backup_signer_t signer = fixture_signer();
    backup_manifest_t manifest = fixture_manifest();
    manifest.tenant_id = *tenant;
    manifest.started_us = started_us;
    manifest.sealed_bytes = 5;
    assert_int_equal(backup_paths_make(fixture.folder, &manifest, &paths, &err), STATUS_OK);
    (void)snprintf(manifest.file, sizeof manifest.file, "%s", strrchr(paths.data, '/') + 1);
    assert_int_equal(backup_file_make_folder(paths.folder, &err), STATUS_OK);
    assert_int_equal(backup_manifest_seal(&manifest, &signer, &file, &err), STATUS_OK);
    fixture_write(paths.manifest, file.data, file.size);
    fixture_write(paths.data, "12345", 5);
    return paths;
}

static void drop(const backup_paths_t *paths) {
    (void)unlink(paths->manifest);
    (void)unlink(paths->data);
    (void)unlink(paths->manifest_partial);
    (void)unlink(paths->data_partial);
}

/* The whole folder, so many folders a step; "kind name; …". */
static const char *look(const backup_left_rules_t *rules, size_t folders) {
    static char told[2048];
    error_t err;
    size_t count = 0;
    int steps = 0;
    CLEANUP(backup_left_destroy_p) backup_left_t *left = NULL;
    assert_int_equal(backup_left_new(rules->dir, &left, &err), STATUS_OK);
    while (!backup_left_step(left, rules, folders)) {
        assert_true(++steps < 100);
    }
    const backup_left_item_t *items = backup_left_items(left, &count);
    told[0] = '\0';
    for (size_t i = 0; i < count; i++) {
        size_t used = strlen(told);
        (void)snprintf(told + used, sizeof told - used, "%s %s; ", items[i].kind, items[i].name);
        bool folder = strcmp(items[i].kind, "backup_old") != 0;
        assert_true(!folder || strcmp(items[i].detail, fixture.folder) == 0);
    }
    return told;
}

/* What should have been pruned then, and is still there, is told. */
#define THEN_US INT64_C(100000000)

static backup_left_rules_t rules_of(const ident_t *tenants, size_t count) {
    return (backup_left_rules_t){.dir = fixture.folder,
                                 .trust = fixture_trust(),
                                 .retention = {.now_us = THEN_US + BACKUP_LEFT_GRACE_US,
                                               .keep_age_us = INT64_C(50000000),
                                               .keep_count = 1},
                                 .tenants = tenants,
                                 .tenant_count = count};
}

static void test_partials(void **state) {
    (void)state;
    char wanted[512];
    const ident_t tenant = random_ident();
    const backup_left_rules_t rules = rules_of(&tenant, 1);
    backup_paths_t whole = put_backup(&tenant, 90000000);
    assert_string_equal(look(&rules, 1), "");
    backup_paths_t killed = put_backup(&tenant, 91000000);
    assert_int_equal(rename(killed.data, killed.data_partial) + unlink(killed.manifest), 0);
    (void)snprintf(wanted, sizeof wanted, "backup_partial %s; ",
                   killed.data_partial + strlen(fixture.folder) + 1);
    assert_string_equal(look(&rules, 1), wanted);
    CLEANUP(close_p) int fd = open(killed.data_partial, O_RDONLY | O_CLOEXEC);
    assert_int_equal(flock(fd, LOCK_EX), 0); /* as a living worker does */
    assert_string_equal(look(&rules, 100), "");
    fixture_write(killed.manifest_partial, "x", 1); /* and what it writes beside that */
    assert_string_equal(look(&rules, 100), "");
    assert_int_equal(flock(fd, LOCK_UN), 0);
    assert_int_equal(unlink(killed.data_partial), 0);
    (void)snprintf(wanted, sizeof wanted, "backup_partial %s; ",
                   killed.manifest_partial + strlen(fixture.folder) + 1);
    assert_string_equal(look(&rules, 100), wanted);
    drop(&killed);
    drop(&whole);
}

static bool always(const backup_manifest_t *manifest, void *context) {
    (void)manifest;
    (void)context;
    return true;
}

/* Whoever prunes weekly is told nothing: not of what went past its age since, nor of what is not
 * among the newest any more since others were taken. */
static void test_grace(void **state) {
    (void)state;
    const ident_t tenant = random_ident();
    backup_left_rules_t rules = rules_of(&tenant, 1);
    backup_paths_t first = put_backup(&tenant, 10000000);
    backup_paths_t second = put_backup(&tenant, 60000000); /* past its age in 10 seconds */
    assert_string_equal(look(&rules, 1), "backup_old 1 backups; ");
    rules.retention.now_us = INT64_C(59000000) + BACKUP_LEFT_GRACE_US;
    assert_string_equal(look(&rules, 1), ""); /* the first one went past its age since */
    rules.retention.now_us = INT64_C(60000000) + 7 * INT64_C(86400) * US_PER_S;
    assert_string_equal(look(&rules, 1), ""); /* and a week ago */
    rules.retention.now_us = THEN_US + BACKUP_LEFT_GRACE_US;
    drop(&second);
    second = put_backup(&tenant, THEN_US + 1000000); /* it is the newest since then */
    assert_string_equal(look(&rules, 1), "");
    rules.retention.now_us += INT64_C(1000000);
    assert_string_equal(look(&rules, 1), "backup_old 1 backups; ");
    rules.retention.now_us = THEN_US + BACKUP_LEFT_GRACE_US / 2;
    assert_string_equal(look(&rules, 1), "");
    drop(&first);
    drop(&second);
}

/* Told is what pruning would remove, and nothing that it would keep. */
static void test_retention(void **state) {
    (void)state;
    const ident_t tenant = random_ident();
    backup_left_rules_t rules = rules_of(&tenant, 1);
    backup_paths_t first = put_backup(&tenant, 10000000);
    assert_string_equal(look(&rules, 1), ""); /* the newest always stays */
    backup_paths_t second = put_backup(&tenant, 20000000);
    backup_paths_t third = put_backup(&tenant, 80000000);
    assert_string_equal(look(&rules, 1), "backup_old 2 backups; ");
    rules.retention.keep_count = 2;
    assert_string_equal(look(&rules, 1), "backup_old 1 backups; ");
    rules.retention.keep_count = 3;
    assert_string_equal(look(&rules, 1), "");
    rules.retention.keep_count = 1;
    rules.retention.keep_age_us = INT64_C(95000000);
    assert_string_equal(look(&rules, 1), "");
    rules.retention.keep_age_us = 0;
    rules.retention.held = always;
    assert_string_equal(look(&rules, 1), "");
    rules.retention.held = NULL;
    assert_int_equal(truncate(first.manifest, 300), 0); /* untrusted: pruning leaves it */
    assert_string_equal(look(&rules, 1), "backup_old 1 backups; ");
    drop(&first);
    drop(&second);
    drop(&third);
}

static void test_folders_of_nobody(void **state) {
    (void)state;
    char wanted[128];
    char id[IDENT_TEXT_SIZE];
    const ident_t tenant = random_ident();
    const ident_t other = random_ident();
    backup_paths_t backup = put_backup(&tenant, 90000000);
    backup_left_rules_t rules = rules_of(&other, 1);
    (void)snprintf(wanted, sizeof wanted, "backup_orphan %s; ", ident_text(&tenant, id));
    assert_string_equal(look(&rules, 1), wanted);
    rules = rules_of(NULL, 0); /* not every tenant is known: nobody is called missing */
    assert_string_equal(look(&rules, 1), "");
    rules = rules_of(&tenant, 1);
    assert_string_equal(look(&rules, 1), "");
    drop(&backup); /* an empty folder is nothing to prune */
    rules = rules_of(&other, 1);
    assert_string_equal(look(&rules, 1), "");
    error_t err;
    backup_left_t *left = NULL;
    assert_int_equal(backup_left_new("/nowhere/at/all", &left, &err), STATUS_ERROR);
    assert_int_equal(err.code, ERROR_IO);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_partials),
        cmocka_unit_test(test_retention),
        cmocka_unit_test(test_grace),
        cmocka_unit_test(test_folders_of_nobody),
    };
    return cmocka_run_group_tests(tests, fixture_set_up, fixture_tear_down);
}
