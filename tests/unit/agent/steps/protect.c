/*
 * protect.c: recovery points on a real PostgreSQL, taken as roles that are no superuser: dumps read
 * back or restored in trial, an external command's, a waiver; what must be refused; check and
 * prune.
 */
#include "agent/steps/protect.h"
#include "agent/steps/load.h"
#include "agent/steps/restore_side.h"
#include "common/base/clock.h"
#include "common/crypto/random.h"
#include "tests/unit/agent/steps/restore_fixture.h"
#include "tests/unit/base/cmocka_all.h"
#include "tests/unit/postgres/tenant.h"

#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

static void set_kind(run_t *run, const char *kind) {
    free(run->what.recovery_kind);
    run->what.recovery_kind = strdup(kind);
}

static void refused(run_t *run, error_code_t code) {
    load_begin(run, protect_begin);
    assert_true(room_drive(run, -1));
    assert_int_equal(run->error.code, code);
    assert_int_not_equal(run->over_event, JOB_EVENT_DONE);
    run_destroy(&run);
}

static int trials(void) {
    return atoi(room_sql("postgres", "SELECT count(*) FROM pg_database WHERE datname LIKE "
                                     "'drover\\_trial\\_%'"));
}

static size_t backups(void) {
    backup_list_t list = {0};
    error_t err = {0};
    backup_trust_t trust = {.keys = &room_tenant()->key, .count = 1};
    assert_int_equal(backup_list_read(room.store, &room_tenant()->id, &trust, &list, &err), 0);
    size_t count = list.count;
    backup_list_free(&list);
    return count;
}

static void test_dump_is_readable(void **state) {
    (void)state;
    (void)room_backup(false);
    assert_string_equal(room.told.kind, "dump");
    assert_string_equal(room.told.verified, "readable");
    assert_int_equal(room.told.step, JOB_STEP_BACKUP);
    assert_true(room.told.size_bytes > 500);
    backup_list_t list = {0};
    error_t err = {0};
    backup_trust_t trust = {.keys = &room_tenant()->key, .count = 1};
    assert_int_equal(backup_list_read(room.store, &room_tenant()->id, &trust, &list, &err), 0);
    assert_int_equal(list.count, 1);
    const backup_manifest_t *manifest = &list.entries[0].manifest;
    assert_int_equal(list.entries[0].state, BACKUP_PRESENT);
    assert_true(digest_equal(&manifest->ledger_head, &room_tenant()->head.digest));
    assert_false(digest_is_null(&manifest->fingerprint_strict));
    assert_false(digest_is_null(&manifest->fingerprint_logical));
    assert_string_equal(manifest->lsn, room.told.lsn);
    assert_string_equal(manifest->owner, "owner");
    assert_string_equal(manifest->ledger_version, "V001");
    assert_non_null(strchr(manifest->lsn, '/'));
    backup_list_free(&list);
}

static void test_trial_is_verified(void **state) {
    (void)state;
    run_t *run = room_run(JOB_KIND_BACKUP);
    run->what.trial_restore = true;
    load_begin(run, protect_begin);
    room_expect(run, JOB_EVENT_DONE);
    assert_string_equal(room.told.verified, "verified");
    assert_int_equal(trials(), 0);
    /* the tenant's session is back, its lock still held */
    assert_true(run->locked);
    assert_int_equal(connection_state(run->connection), CONNECTION_IDLE);
    assert_false(digest_is_null(&run->fingerprint.strict));
    assert_string_equal(room_sql("acme", "SELECT count(*) FROM pg_locks WHERE locktype = "
                                         "'advisory' AND granted"),
                        "1");
    run_destroy(&run);
}

/* Killed after each few rounds; what it leaves goes with the next one. */
static void test_killed_trial_is_cleared(void **state) {
    (void)state;
    int left = 0;
    for (int most = 1; most < 400; most += most < 40 ? 2 : 1 + most / 8) {
        run_t *run = room_run(JOB_KIND_BACKUP);
        run->what.trial_restore = true;
        load_begin(run, protect_begin);
        bool over = room_drive(run, most) && run->over_event == JOB_EVENT_DONE;
        run_destroy(&run);
        left += trials();
        if (over) {
            break;
        }
        (void)room_sql("postgres", ROOM_ALONE); /* the killed one's backend lets go of the lock */
    }
    assert_true(left > 0);
    run_t *run = room_run(JOB_KIND_BACKUP);
    run->what.trial_restore = true;
    load_begin(run, protect_begin);
    room_expect(run, JOB_EVENT_DONE);
    assert_int_equal(trials(), 0);
    run_destroy(&run);
}

/* An attempt that goes on after its agent was killed finds the backup that it had taken. */
static void test_one_backup_an_attempt(void **state) {
    (void)state;
    ident_t first = room_backup(false);
    ident_t other = room_backup(false);
    assert_int_equal(backups(), 2);
    run_t *run = room_run(JOB_KIND_BACKUP);
    run->what.attempt = first;
    load_begin(run, protect_begin);
    room_expect(run, JOB_EVENT_DONE);
    assert_non_null(strstr(run->notes, "had taken before it was interrupted"));
    run_destroy(&run);
    assert_int_equal(backups(), 2);
    run = room_run(JOB_KIND_BACKUP_CHECK);
    run->what.recovery_reference = other;
    protect_check_begin(run);
    room_expect(run, JOB_EVENT_DONE);
    run_destroy(&run);
}

/* A type of somebody else's is dumped, and cannot be given back to its owner; a trial may do
 * without the owner, so it is verified all the same. */
static void test_trial_of_foreign_type(void **state) {
    (void)state;
    (void)room_sql("acme", "CREATE TYPE public.mood AS ENUM ('merry')");
    (void)room_backup(true);
    assert_string_equal(room.told.verified, "verified");
}

/* A view that reads another schema than it did: what comes back is not what was dumped. */
static void test_trial_that_differs(void **state) {
    (void)state;
    run_t *run = room_run(JOB_KIND_BACKUP);
    run->what.trial_restore = true;
    load_begin(run, protect_begin);
    /* the fingerprint is known before the dump begins: drift in between shows in the trial */
    while (run->backup == NULL && !room_drive(run, 1)) {
        if (!digest_is_null(&run->fingerprint.logical)) {
            (void)room_sql("acme", "CREATE TABLE IF NOT EXISTS public.drift (x int); GRANT SELECT "
                                   "ON public.drift TO owner, drover_backup");
        }
    }
    room_expect(run, JOB_EVENT_FAILED);
    assert_int_equal(run->error.code, ERROR_BACKUP_CORRUPT);
    assert_non_null(strstr(run->notes, "drift"));
    assert_int_equal(trials(), 0);
    run_destroy(&run);
    assert_int_equal(backups(), 0); /* nobody was told of it, and nobody may count on it */
}

static void test_foreign_trial_name(void **state) {
    (void)state;
    char sql[256];
    fence_key_t key = {room_tenant()->id, "shop"};
    (void)snprintf(sql, sizeof sql, "CREATE DATABASE drover_trial_%016llx",
                   (unsigned long long)fence_lock_key(&key));
    (void)room_sql("postgres", sql);
    (void)snprintf(sql, sizeof sql, "COMMENT ON DATABASE drover_trial_%016llx IS 'precious'",
                   (unsigned long long)fence_lock_key(&key));
    (void)room_sql("postgres", sql);
    run_t *run = room_run(JOB_KIND_BACKUP);
    refused(run, ERROR_LEFT_OVER);
    assert_int_equal(trials(), 1);
}

static void test_none(void **state) {
    (void)state;
    run_t *run = room_run(JOB_KIND_FORWARD);
    set_kind(run, "none");
    free(run->what.recovery_reason);
    run->what.recovery_reason = strdup("replica of a public data set");
    load_begin(run, protect_begin);
    room_expect(run, JOB_EVENT_DONE);
    assert_string_equal(room.told.kind, "none");
    assert_string_equal(room.told.notes, "no recovery point: replica of a public data set");
    run_destroy(&run);
    run = room_run(JOB_KIND_FORWARD);
    set_kind(run, "none");
    refused(run, ERROR_RECOVERY_POINT);
    run = room_run(JOB_KIND_FORWARD);
    set_kind(run, "prayer");
    refused(run, ERROR_RECOVERY_POINT);
}

static void test_external(void **state) {
    (void)state;
    static char path[128];
    static char *command[] = {path};
    (void)snprintf(path, sizeof path, "%s/point", room.folder);
    FILE *script = fopen(path, "w");
    assert_non_null(script);
    (void)fprintf(script, "#!/bin/sh\nread facts\ncase \"$facts\" in *'\"database\":\"acme\"'*) "
                          "echo '{\"reference\": \"snap-7\", \"lsn\": \"0/42\"}';; *) exit 3;; "
                          "esac\n");
    (void)fclose(script);
    assert_int_equal(chmod(path, 0755), 0);
    run_t *run = room_run(JOB_KIND_FORWARD);
    set_kind(run, "external");
    refused(run, ERROR_RECOVERY_POINT); /* no command configured */
    room.config.backup.external.command = (yaml_texts_t){.items = command, .count = 1};
    run = room_run(JOB_KIND_FORWARD);
    set_kind(run, "external");
    load_begin(run, protect_begin);
    room_expect(run, JOB_EVENT_DONE);
    assert_string_equal(room.told.kind, "external");
    assert_string_equal(room.told.reference, "snap-7");
    assert_string_equal(room.told.lsn, "0/42");
    run_destroy(&run);
}

static void test_what_is_lacking(void **state) {
    (void)state;
    static char major[] = "15", nowhere[] = "/nonexistent/bin";
    static yaml_pair_t tool = {major, nowhere};
    room.config.backup.min_free_bytes = INT64_C(1) << 60;
    refused(room_run(JOB_KIND_FORWARD), ERROR_BACKUP_NO_ROOM);
    room.config.backup.min_free_bytes = 0;
    room.config.tools = (yaml_map_t){.items = &tool, .count = 1};
    refused(room_run(JOB_KIND_FORWARD), ERROR_BACKUP_TOOL);
    room.config.tools.count = 0;
    room.config.backup.directory = NULL;
    refused(room_run(JOB_KIND_FORWARD), ERROR_RECOVERY_POINT);
    room.config.backup.directory = room.store;
    room.shared.backup_keys.seal_public = NULL;
    room.shared.backup_keys.seal_secret = NULL;
    refused(room_run(JOB_KIND_FORWARD), ERROR_RECOVERY_POINT); /* nobody could open it */
    static char hex[] = "not looked at";
    static char *keys[] = {hex};
    static uint8_t bytes[1][AGENT_CONFIG_KEY_BYTES];
    seal_public_t offline;
    seal_secret_t secret;
    seal_keypair(&offline, &secret);
    memcpy(bytes[0], &offline, sizeof bytes[0]);
    room.config.backup.recovery_keys = (yaml_texts_t){.items = keys, .count = 1};
    room.config.backup.recovery_key_bytes = bytes;
    run_t *run = room_run(JOB_KIND_FORWARD);
    run->what.trial_restore = true;
    refused(run, ERROR_RECOVERY_POINT); /* no key of the agent's own */
    run = room_run(JOB_KIND_FORWARD);
    load_begin(run, protect_begin);
    room_expect(run, JOB_EVENT_DONE); /* but the keepers' is enough for a backup */
    assert_string_equal(room.told.verified, "readable");
    run_destroy(&run);
}

/* Neither a file in the store, nor a change in the tenant or beside it. */
static void assert_nothing_done(void) {
    char command[256];
    (void)snprintf(command, sizeof command, "! find %s -type f | grep .", room.store);
    assert_int_equal(system(command), 0);
    assert_int_equal(trials(), 0);
    assert_string_equal(room_login_sql("acme", "SELECT count(*) FROM drover.history"), "2");
    assert_string_equal(room_login_sql("acme", "SELECT encode(row_digest, 'hex') FROM "
                                               "drover.history ORDER BY seq DESC LIMIT 1"),
                        digest_text(&room_tenant()->head.digest, (char[DIGEST_TEXT_SIZE]){0}));
    assert_string_equal(room_sql("acme", "SELECT count(*) FROM public.orders WHERE id <= 500"),
                        "500");
}

/* The dump fails with this code and these words, says so of the tenant, and nothing was done. */
static void refused_saying(error_code_t code, const char *part) {
    char line[1024];
    run_t *run = room_run(JOB_KIND_FORWARD);
    load_begin(run, protect_begin);
    assert_true(room_drive(run, -1));
    assert_int_not_equal(run->over_event, JOB_EVENT_DONE);
    assert_int_equal(run->error.code, code);
    (void)error_line(&run->error, line, sizeof line);
    if (strstr(line, part) == NULL || strstr(line, "taking the recovery point of acme") == NULL) {
        fail_msg("'%s' does not say '%s' of acme", line, part);
    }
    run_destroy(&run);
    assert_nothing_done();
}

static void write_tool(const char *folder, const char *name, const char *text) {
    char path[160];
    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *script = fopen(path, "w");
    assert_non_null(script);
    (void)fputs(text, script);
    (void)fclose(script);
    assert_int_equal(chmod(path, 0755), 0);
}

/* pg_dump missing, older than the server, or no pg_dump at all, in the folder of the major. */
static void test_wrong_pg_dump(void **state) {
    (void)state;
    static char major[] = "15", folder[128];
    static yaml_pair_t tool = {major, folder};
    char part[512];
    (void)snprintf(folder, sizeof folder, "%s/tools", room.folder);
    assert_int_equal(mkdir(folder, 0755), 0);
    room.config.tools = (yaml_map_t){.items = &tool, .count = 1};
    (void)snprintf(part, sizeof part, "cannot run %s/pg_dump: No such file or directory", folder);
    refused_saying(ERROR_BACKUP_TOOL, part);
    write_tool(folder, "pg_dump", "#!/bin/sh\necho 'pg_dump (PostgreSQL) 14.19'\n");
    (void)snprintf(part, sizeof part, "%s/pg_dump is of major 14, the server is of major 15",
                   folder);
    refused_saying(ERROR_BACKUP_TOOL, part);
    write_tool(folder, "pg_dump", "#!/bin/sh\necho 'pg_dump (PostgreSQL) 15.1'\n");
    refused_saying(ERROR_BACKUP_TOOL, "in which a dump may run code: update it");
    write_tool(folder, "pg_dump", "#!/bin/sh\necho 'some other program'\n");
    refused_saying(ERROR_BACKUP_TOOL, "does not say its version");
    assert_int_equal(chmod(strcat(strcpy(part, folder), "/pg_dump"), 0644), 0);
    refused_saying(ERROR_BACKUP_TOOL, "/pg_dump: Permission denied");
    room.config.tools.count = 0;
}

/* A limit on the size of files fails write(2) where a full disk would, for root too. */
static void test_disk_full(void **state) {
    (void)state;
    struct rlimit before;
    char part[128];
    (void)room_sql("acme", "INSERT INTO public.orders SELECT g, md5(g::text) FROM "
                           "generate_series(1000, 40000) AS g");
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    struct rlimit small = {.rlim_cur = 100000, .rlim_max = before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    (void)snprintf(part, sizeof part, "cannot write %s/", room.store);
    refused_saying(ERROR_DISK_FULL, part);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    (void)room_backup(true); /* and once there is room */
    assert_string_equal(room.told.verified, "verified");
}

static void test_check(void **state) {
    (void)state;
    char path[4096];
    ident_t id = room_backup(false);
    run_t *run = room_run(JOB_KIND_BACKUP_CHECK);
    run->what.recovery_reference = id;
    protect_check_begin(run);
    room_expect(run, JOB_EVENT_DONE);
    assert_string_equal(room.told.verified, "readable");
    run_destroy(&run);

    run = room_run(JOB_KIND_BACKUP_CHECK);
    run->what.recovery_reference = random_ident();
    protect_check_begin(run);
    room_expect(run, JOB_EVENT_FAILED);
    assert_int_equal(run->error.code, ERROR_NOT_FOUND);
    run_destroy(&run);

    run = room_run(JOB_KIND_BACKUP_CHECK);
    run->what.recovery_reference = id;
    error_t err = {0};
    assert_int_equal(restore_side_new(run, &err), STATUS_OK);
    assert_int_equal(restore_side_find(run, &id, &err), STATUS_OK);
    assert_int_equal(backup_data_path(restore_side_of(run)->manifest_path, path, &err), 0);
    FILE *data = fopen(path, "r+");
    assert_non_null(data);
    (void)fseek(data, 700, SEEK_SET);
    int byte = fgetc(data);
    (void)fseek(data, 700, SEEK_SET);
    (void)fputc(byte ^ 1, data);
    (void)fclose(data);
    protect_check_begin(run);
    room_expect(run, JOB_EVENT_FAILED);
    assert_int_equal(run->error.code, ERROR_BACKUP_CORRUPT);
    run_destroy(&run);
}

static void prune(job_event_t event) {
    run_t *run = room_run(JOB_KIND_PRUNE);
    run->what.prune_keep_us = 1;
    run->what.prune_keep_count = 1;
    protect_prune_begin(run);
    room_expect(run, event);
    run_destroy(&run);
}

static void test_prune(void **state) {
    (void)state;
    char newest[IDENT_TEXT_SIZE];
    (void)room_backup(false);
    (void)room_backup(false);
    ident_t last = room_backup(false);
    (void)ident_text(&last, newest);
    memset(&room.told, 0, sizeof room.told);
    run_t *run = room_run(JOB_KIND_PRUNE);
    protect_prune_begin(run); /* the configuration keeps a week's */
    room_expect(run, JOB_EVENT_NOT_NEEDED);
    run_destroy(&run);
    assert_int_equal(backups(), 3);
    room.held = true;
    prune(JOB_EVENT_NOT_NEEDED);
    assert_int_equal(backups(), 3);
    assert_int_equal(room.told.count, 0);
    room.held = false;
    prune(JOB_EVENT_DONE);
    assert_int_equal(backups(), 1);
    assert_int_equal(room.told.count, 2); /* one report for each that is gone */
    assert_int_equal(room.told.step, JOB_STEP_PRUNE);
    assert_string_equal(room.told.kind, "dump");
    assert_true(strcmp(room.told.reference, newest) != 0);
}

int main(int argc, char **argv) {
    if (argc == 2 && strcmp(argv[1], BACKUP_WORKER_WORD) == 0) {
        return backup_worker_main();
    }
#define TEST(name) cmocka_unit_test_setup(name, room_fresh)
    const struct CMUnitTest tests[] = {
        TEST(test_dump_is_readable),
        TEST(test_trial_is_verified),
        TEST(test_killed_trial_is_cleared),
        TEST(test_one_backup_an_attempt),
        TEST(test_foreign_trial_name),
        TEST(test_trial_of_foreign_type),
        TEST(test_trial_that_differs),
        TEST(test_none),
        TEST(test_external),
        TEST(test_what_is_lacking),
        TEST(test_wrong_pg_dump),
        TEST(test_disk_full),
        TEST(test_check),
        TEST(test_prune),
    };
    return cmocka_run_group_tests(tests, room_set_up, room_tear_down);
}
