/* backup_store.c: what a folder holds is told rightly; sweeping takes only what is unfinished. */
#include "agent/backup/backup_file.h"
#include "agent/backup/backup_retention.h"
#include "tests/unit/agent/backup/fixture.h"

#include <sys/file.h>

/* Put a backup of 5 bytes into the folder as a worker would leave it. */
static backup_paths_t put_backup(int64_t started_us) {
    error_t err;
    backup_paths_t paths;
    CLEANUP(buffer_free) buffer_t file = {0};
    backup_signer_t signer = fixture_signer();
    backup_manifest_t manifest = fixture_manifest();
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

static backup_list_t read_list(const ident_t *tenant) {
    error_t err;
    backup_list_t list;
    backup_trust_t trust = fixture_trust();
    assert_int_equal(backup_list_read(fixture.folder, tenant, &trust, &list, &err), STATUS_OK);
    return list;
}

static void test_states(void **state) {
    (void)state;
    backup_paths_t present = put_backup(3000000);
    backup_paths_t missing = put_backup(2000000);
    backup_paths_t shorter = put_backup(1000000);
    backup_paths_t changed = put_backup(4000000);
    backup_paths_t renamed = put_backup(5000000);
    assert_int_equal(unlink(missing.data), 0);
    assert_int_equal(truncate(shorter.data, 4), 0);
    assert_int_equal(truncate(changed.manifest, 300), 0);
    /* A good manifest under another backup's name. */
    assert_int_equal(rename(renamed.manifest, changed.manifest), 0);
    CLEANUP(backup_list_free) backup_list_t list = read_list(NULL);
    static const backup_state_t STATES[] = {BACKUP_UNTRUSTED, BACKUP_SIZE_DIFFERS, BACKUP_MISSING,
                                            BACKUP_PRESENT};
    assert_int_equal(list.count, 4);
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(list.entries[i].state, STATES[i]);
        assert_true((list.entries[i].why.code == ERROR_NONE) == (STATES[i] == BACKUP_PRESENT));
    }
    assert_string_equal(list.entries[3].path, present.manifest);
    ident_t nobody = random_ident();
    CLEANUP(backup_list_free) backup_list_t none = read_list(&nobody);
    assert_int_equal(none.count, 0);
    assert_int_equal(unlink(changed.manifest), 0);
    assert_int_equal(backup_remove(present.manifest, &(error_t){0}), STATUS_OK);
    assert_int_equal(access(present.data, F_OK), -1);
    assert_int_equal(access(present.manifest, F_OK), -1);
    assert_int_equal(backup_remove(missing.manifest, &(error_t){0}), STATUS_OK);
    assert_int_equal(backup_remove(shorter.manifest, &(error_t){0}), STATUS_OK);
}

static void test_sweep(void **state) {
    (void)state;
    error_t err;
    int64_t removed = 0;
    backup_paths_t whole = put_backup(10000000);
    backup_paths_t early = put_backup(11000000);   /* killed while dumping */
    backup_paths_t signing = put_backup(12000000); /* killed while writing the manifest */
    backup_paths_t late = put_backup(13000000);    /* killed between the two renames */
    backup_paths_t held = put_backup(14000000);    /* its worker lives */
    backup_paths_t pruned = put_backup(15000000);  /* killed while removing */
    assert_int_equal(rename(early.data, early.data_partial) + unlink(early.manifest), 0);
    assert_int_equal(rename(signing.data, signing.data_partial), 0);
    assert_int_equal(rename(signing.manifest, signing.manifest_partial), 0);
    assert_int_equal(rename(late.data, late.data_partial), 0);
    assert_int_equal(rename(held.data, held.data_partial), 0);
    assert_int_equal(rename(held.manifest, held.manifest_partial), 0);
    assert_int_equal(rename(pruned.data, pruned.data_partial), 0);
    CLEANUP(close_p) int fd = open(held.data_partial, O_RDONLY | O_CLOEXEC);
    assert_int_equal(flock(fd, LOCK_EX), 0);
    assert_int_equal(backup_sweep(fixture.folder, &removed, &err), STATUS_OK);
    assert_int_equal(removed, 1 + 2 + 2 + 2);
    assert_int_equal(access(whole.data, F_OK) + access(whole.manifest, F_OK), 0);
    assert_int_equal(access(held.data_partial, F_OK) + access(held.manifest_partial, F_OK), 0);
    assert_int_equal(access(late.manifest, F_OK), -1);
    assert_int_equal(flock(fd, LOCK_UN), 0);
    assert_int_equal(backup_sweep(fixture.folder, &removed, &err), STATUS_OK);
    assert_int_equal(removed, 2);
    assert_int_equal(backup_remove(whole.manifest, &err), STATUS_OK);
}

static void test_prune(void **state) {
    (void)state;
    error_t err;
    int64_t removed = 0;
    backup_verdict_t verdicts[3];
    for (int i = 0; i < 3; i++) {
        (void)put_backup(20000000 + i * INT64_C(1000000));
    }
    backup_retention_t retention = {.now_us = 60000000, .keep_count = 1};
    CLEANUP(backup_list_free) backup_list_t list = read_list(&fixture.tenant);
    assert_int_equal(list.count, 3);
    assert_int_equal(backup_retention_plan(&list, &retention, verdicts, &err), STATUS_OK);
    assert_int_equal(backup_retention_apply(&list, verdicts, &removed, &err), STATUS_OK);
    assert_int_equal(removed, 2);
    CLEANUP(backup_list_free) backup_list_t left = read_list(&fixture.tenant);
    assert_int_equal(left.count, 1);
    assert_int_equal(left.entries[0].manifest.started_us, 22000000);
}

static void test_room_and_paths(void **state) {
    (void)state;
    error_t err;
    char path[4096];
    assert_int_equal(backup_room(fixture.folder, 1, &err), STATUS_OK);
    assert_int_equal(backup_room(fixture.folder, UINT64_MAX / 2, &err), STATUS_ERROR);
    assert_int_equal(err.code, ERROR_BACKUP_NO_ROOM);
    assert_int_equal(backup_room("/nowhere/at/all", 1, &err), STATUS_ERROR);
    assert_int_equal(err.code, ERROR_IO);
    assert_int_equal(backup_data_path("/a/b.manifest", path, &err), STATUS_OK);
    assert_string_equal(path, "/a/b.dbk");
    assert_int_equal(backup_data_path("/a/b.dbk", path, &err), STATUS_ERROR);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_states),
        cmocka_unit_test(test_sweep),
        cmocka_unit_test(test_prune),
        cmocka_unit_test(test_room_and_paths),
    };
    return cmocka_run_group_tests(tests, fixture_set_up, fixture_tear_down);
}
