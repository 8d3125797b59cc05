/*
 * backup.c: real dumps and restores on a throwaway PostgreSQL as roles that are no superuser, and
 * everything that can go wrong on the way: tools, disk, keys, kills, changed files.
 */
#include "agent/backup/backup.h"
#include "agent/backup/backup_worker.h"
#include "tests/unit/agent/backup/fixture.h"

#include <poll.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#define BIN "/usr/lib/postgresql/15/bin"

static char conninfo[256];
static char fake_bin[128];

static void run(const char *format, ...) PRINTF_LIKE(1, 2);

static void run(const char *format, ...) {
    char command[4096];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(command, sizeof command, format, arguments);
    va_end(arguments);
    if (system(command) != 0) {
        fail_msg("failed: %s", command);
    }
}

/* psql as the superuser. */
static void sql(const char *database, const char *text) {
    run("psql -X -q -v ON_ERROR_STOP=1 -h %s/pg -U postgres -d %s -c \"%s\" >/dev/null "
        "2>%s/psql.log "
        "|| { cat %s/psql.log; false; }",
        fixture.folder, database, text, fixture.folder, fixture.folder);
}

/* One answer of a query, as text. */
static const char *ask(const char *database, const char *text) {
    static char answer[256];
    char command[1024];
    (void)snprintf(command, sizeof command, "psql -X -qAt -h %s/pg -U postgres -d %s -c \"%s\"",
                   fixture.folder, database, text);
    FILE *pipe = popen(command, "r");
    assert_non_null(pipe);
    size_t size = fread(answer, 1, sizeof answer - 1, pipe);
    assert_int_equal(pclose(pipe), 0);
    answer[size > 0 ? size - 1 : 0] = '\0';
    return answer;
}

static const char *as_postgres(void) {
    return geteuid() == 0 ? "setpriv --reuid=postgres --regid=postgres --clear-groups " : "";
}

/* The roles of docs/spikes/3-roles.md, and a tenant with what makes dumps hard. */
static void make_tenant(void) {
    sql("postgres", "create role acme_owner");
    sql("postgres", "create role app");
    sql("postgres", "create role drover login nosuperuser");
    sql("postgres", "create role drover_backup bypassrls in role acme_owner");
    sql("postgres", "create role drover_restore createdb in role acme_owner");
    sql("postgres", "grant acme_owner, drover_backup, drover_restore to drover");
    sql("postgres", "create database acme owner acme_owner");
    sql("acme", "set role acme_owner; create table hidden (id int primary key, v text);"
                "insert into hidden select g, md5(g::text) from generate_series(1, 30000) g;"
                "alter table hidden enable row level security;"
                "alter table hidden force row level security;"
                "create policy few on hidden using (id = 1);"
                "grant select on hidden to app;"
                "select lo_from_bytea(0, 'large')");
}

static int set_up(void **state) {
    if (fixture_set_up(state) != 0) {
        return -1;
    }
    (void)chmod(fixture.folder, 0755);
    run("mkdir %s/pg %s/store %s/bin && chmod 755 %s/pg", fixture.folder, fixture.folder,
        fixture.folder, fixture.folder);
    if (geteuid() == 0) {
        run("chown postgres %s/pg", fixture.folder);
    }
    run("%s " BIN "/initdb -D %s/pg/data -U postgres --auth=trust >/dev/null", as_postgres(),
        fixture.folder);
    run("%s " BIN "/pg_ctl -D %s/pg/data -w -o \"-k %s/pg -c listen_addresses=''\" -l %s/pg/log "
        "start >/dev/null",
        as_postgres(), fixture.folder, fixture.folder, fixture.folder);
    (void)snprintf(conninfo, sizeof conninfo, "host=%s/pg user=drover dbname=acme", fixture.folder);
    (void)snprintf(fake_bin, sizeof fake_bin, "%s/bin", fixture.folder);
    make_tenant();
    return 0;
}

static int tear_down(void **state) {
    run("%s " BIN "/pg_ctl -D %s/pg/data -m immediate stop >/dev/null", as_postgres(),
        fixture.folder);
    return fixture_tear_down(state);
}

/* --- helpers --------------------------------------------------------------------------------- */

typedef struct setting {
    backup_manifest_t facts;
    backup_request_t request;
    char dir[128];
} setting_t;

/* A request that works, to be spoilt by each test. */
static void make_request(setting_t *setting) {
    memset(setting, 0, sizeof *setting);
    setting->facts = fixture_manifest();
    setting->facts.recipient_count = 0;
    (void)snprintf(setting->dir, sizeof setting->dir, "%s/store", fixture.folder);
    setting->request = (backup_request_t){
        .connection = {.conninfo = conninfo, .role = "drover_backup"},
        .programs = {.bin_dir = BIN, .server_version = 150000},
        .keys = {.sign_public = &fixture.sign_public,
                 .sign_secret = &fixture.sign_secret,
                 .seal_public = &fixture.seal_public,
                 .seal_secret = &fixture.seal_secret},
        .dir = setting->dir,
        .recipients = &fixture.seal_public,
        .recipient_count = 1,
        .facts = &setting->facts,
        .lock_wait_ms = 5000,
    };
}

static status_t finish(backup_job_t *job, backup_result_t *result, error_t *err) {
    struct pollfd ended = {.fd = backup_fd(job), .events = POLLIN};
    assert_int_equal(poll(&ended, 1, 60000), 1);
    assert_true(backup_ready(job));
    status_t status = backup_result(job, result, err);
    backup_destroy(&job);
    assert_null(job);
    return status;
}

static status_t dump(const setting_t *setting, backup_result_t *result, error_t *err) {
    backup_job_t *job = NULL;
    TRY(backup_start(&setting->request, &job, err));
    return finish(job, result, err);
}

static status_t check(const char *manifest_path, backup_result_t *result, error_t *err) {
    backup_job_t *job = NULL;
    backup_check_request_t request = {
        .programs = {.bin_dir = BIN, .server_version = 150000},
        .keys = {.seal_public = &fixture.seal_public, .seal_secret = &fixture.seal_secret},
        .trust = fixture_trust(),
        .manifest_path = manifest_path};
    TRY(backup_check_start(&request, &job, err));
    return finish(job, result, err);
}

static status_t restore(const char *manifest_path, const char *database, const ident_t *tenant,
                        error_t *err) {
    char target[256];
    backup_result_t result;
    backup_job_t *job = NULL;
    (void)snprintf(target, sizeof target, "host=%s/pg user=drover dbname=%s", fixture.folder,
                   database);
    backup_restore_request_t request = {
        .connection = {.conninfo = target, .role = "acme_owner"},
        .programs = {.bin_dir = BIN, .server_version = 150000},
        .keys = {.seal_public = &fixture.seal_public, .seal_secret = &fixture.seal_secret},
        .trust = fixture_trust(),
        .manifest_path = manifest_path,
        .tenant_id = tenant};
    TRY(backup_restore_start(&request, &job, err));
    return finish(job, &result, err);
}

static int count_files(const char *pattern) {
    char command[512];
    int count = -1;
    (void)snprintf(command, sizeof command, "find %s/store -type f -name '%s' | wc -l",
                   fixture.folder, pattern);
    FILE *pipe = popen(command, "r");
    assert_int_equal(fscanf(pipe, "%d", &count), 1);
    (void)pclose(pipe);
    return count;
}

static void expect_failure(const setting_t *setting, error_code_t code, const char *part) {
    error_t err;
    backup_result_t result;
    int before = count_files("*");
    assert_int_equal(dump(setting, &result, &err), STATUS_ERROR);
    if (err.code != code || strstr(err.message, part) == NULL) {
        fail_msg("%s: '%s' is not %s with '%s'", error_code_name(err.code), err.message,
                 error_code_name(code), part);
    }
    assert_int_equal(count_files("*"), before);
}

/* A program of ours in place of pg_dump; it answers --version itself. */
static void fake_pg_dump(const char *script) {
    char path[256];
    CLEANUP(buffer_free) buffer_t text = {0};
    buffer_text(&text, "#!/bin/sh\n[ \"$1\" = --version ] && { echo 'pg_dump (PostgreSQL) 15.20'; "
                       "exit 0; }\n");
    buffer_text(&text, script);
    (void)snprintf(path, sizeof path, "%s/pg_dump", fake_bin);
    fixture_write(path, text.data, text.size);
    (void)chmod(path, 0755);
    run("ln -sf " BIN "/pg_restore %s/pg_restore", fake_bin);
}

/* --- tests ----------------------------------------------------------------------------------- */

static void test_dump_and_restore(void **state) {
    (void)state;
    error_t err;
    setting_t setting;
    backup_result_t result;
    backup_manifest_t manifest;
    backup_trust_t trust = fixture_trust();
    make_request(&setting);
    if (dump(&setting, &result, &err) != STATUS_OK) {
        fail_msg("%s", err.message);
    }
    assert_int_equal(result.kind, BACKUP_DUMP);
    assert_true(result.list_entries >= 4);
    assert_int_equal(backup_manifest_read(result.path, &trust, &manifest, &err), STATUS_OK);
    assert_memory_equal(&manifest, &result.manifest, sizeof manifest);
    assert_string_equal(manifest.lsn, "0/16B3748");
    assert_true(manifest.plain_bytes > manifest.compressed_bytes);
    assert_true(strncmp(manifest.tool_version, "pg_dump (PostgreSQL) 15.", 24) == 0);
    assert_int_equal(count_files("*.partial"), 0);
    backup_result_t checked;
    assert_int_equal(check(result.path, &checked, &err), STATUS_OK);
    assert_int_equal(checked.list_entries, result.list_entries);
    sql("postgres", "set role drover_restore; ");
    run("psql -X -q -h %s/pg -U drover -d postgres -c 'set role drover_restore' "
        "-c 'create database acme_new owner acme_owner template template0'",
        fixture.folder);
    ident_t other = random_ident();
    assert_int_equal(restore(result.path, "acme_new", &other, &err), STATUS_ERROR);
    assert_int_equal(err.code, ERROR_TENANT_MISMATCH);
    if (restore(result.path, "acme_new", &fixture.tenant, &err) != STATUS_OK) {
        fail_msg("%s", err.message);
    }
    const char *query = "select count(*) || md5(string_agg(v, '' order by id)) from hidden";
    char before[256];
    (void)snprintf(before, sizeof before, "%s", ask("acme", query));
    assert_string_equal(ask("acme_new", query), before);
    assert_string_equal(ask("acme_new", "select relowner::regrole::text || relforcerowsecurity || "
                                        "relacl::text from pg_class where relname = 'hidden'"),
                        "acme_ownertrue{acme_owner=arwdDxt/acme_owner,app=r/acme_owner}");
    assert_string_equal(ask("acme_new", "select lomowner::regrole from pg_largeobject_metadata"),
                        "acme_owner");
    /* It is full now: restoring again must fail with pg_restore's own words and no rows. */
    assert_int_equal(restore(result.path, "acme_new", &fixture.tenant, &err), STATUS_ERROR);
    assert_int_equal(err.code, ERROR_RESTORE_FAILED);
    assert_non_null(strstr(err.message, "already exists"));
}

static void test_offline_recipient_only(void **state) {
    (void)state;
    error_t err;
    setting_t setting;
    backup_result_t result;
    seal_public_t offline;
    seal_secret_t secret;
    seal_keypair(&offline, &secret);
    make_request(&setting);
    setting.request.recipients = &offline;
    assert_int_equal(dump(&setting, &result, &err), STATUS_OK);
    backup_result_t checked;
    assert_int_equal(check(result.path, &checked, &err), STATUS_ERROR);
    assert_int_equal(err.code, ERROR_SIGNATURE);
    assert_non_null(strstr(err.message, "no recipient"));
}

static void test_refused_requests(void **state) {
    (void)state;
    error_t err;
    setting_t setting;
    backup_job_t *job = NULL;
    make_request(&setting);
    setting.request.connection.conninfo = "dbname=acme password=secret";
    assert_int_equal(backup_start(&setting.request, &job, &err), STATUS_ERROR);
    assert_int_equal(err.code, ERROR_INVALID);
    assert_null(strstr(err.message, "secret"));
    make_request(&setting);
    setting.request.dir = "store";
    assert_int_equal(backup_start(&setting.request, &job, &err), STATUS_ERROR);
    make_request(&setting);
    setting.request.recipient_count = 0;
    assert_int_equal(backup_start(&setting.request, &job, &err), STATUS_ERROR);
    assert_null(job);
}

static void test_tools(void **state) {
    (void)state;
    setting_t setting;
    make_request(&setting);
    setting.request.programs.bin_dir = "/nowhere";
    expect_failure(&setting, ERROR_BACKUP_TOOL, "cannot run /nowhere/pg_dump");
    make_request(&setting);
    setting.request.programs.server_version = 160001;
    expect_failure(&setting, ERROR_BACKUP_TOOL, "the server is of major 16");
    make_request(&setting);
    setting.request.programs.bin_dir = fake_bin;
    fake_pg_dump("");
    run("sed -i s/15.20/15.3/ %s/pg_dump", fake_bin);
    expect_failure(&setting, ERROR_BACKUP_TOOL, "a dump may run code");
}

static void test_pg_dump_fails(void **state) {
    (void)state;
    setting_t setting;
    make_request(&setting);
    setting.request.programs.bin_dir = fake_bin;
    /* Half a dump, then the end: cleanly closed, but not with 0. */
    fake_pg_dump(BIN "/pg_dump \"$@\" | head -c 500000\n"
                     "echo 'pg_dump: error: lost the server' >&2\n"
                     "echo 'DETAIL:  row with a secret' >&2\nexit 1\n");
    expect_failure(&setting, ERROR_BACKUP_FAILED,
                   "pg_dump ended with 1: pg_dump: error: lost the server");
    fake_pg_dump("kill -9 $$\n");
    expect_failure(&setting, ERROR_BACKUP_FAILED, "pg_dump ended with 137");
    fake_pg_dump("echo this is no archive\n");
    expect_failure(&setting, ERROR_BACKUP_CORRUPT, "pg_restore --list refuses the dump");
    fake_pg_dump("exit 0\n");
    expect_failure(&setting, ERROR_BACKUP_FAILED, "pg_dump ended with 0");
    make_request(&setting);
    setting.request.connection.conninfo = "host=/nowhere dbname=acme";
    expect_failure(&setting, ERROR_BACKUP_FAILED, "connection to server");
    make_request(&setting);
    setting.request.connection.role = NULL; /* the login does not see all rows */
    expect_failure(&setting, ERROR_BACKUP_DENIED, "row-level security policy");
}

/* Whether rights are lacking is read in the catalogs: the server speaks any language. */
static void test_any_language(void **state) {
    (void)state;
    setting_t setting;
    make_request(&setting);
    setting.request.programs.bin_dir = fake_bin;
    fake_pg_dump("echo 'pg_dump: keine Berechtigung' >&2; exit 1\n");
    expect_failure(&setting, ERROR_BACKUP_FAILED, "keine Berechtigung"); /* it has them */
    sql("acme", "create table secret (id int)");                         /* the superuser's */
    expect_failure(&setting, ERROR_BACKUP_DENIED, "keine Berechtigung");
    sql("acme", "drop table secret");
    setting.request.connection.role = NULL; /* row security binds the login */
    expect_failure(&setting, ERROR_BACKUP_DENIED, "keine Berechtigung");
}

/* The file is changed on its disk while the dump still runs: what is read back is that file. */
static void test_disk_lies(void **state) {
    (void)state;
    setting_t setting;
    CLEANUP(buffer_free) buffer_t script = {0};
    make_request(&setting);
    setting.request.programs.bin_dir = fake_bin;
    buffer_format(&script,
                  BIN
                  "/pg_dump \"$@\"\n"
                  "until [ -n \"$(find %s/store -name '*.dbk.partial' -size +0)\" ]; do :; done\n"
                  "printf X | dd conv=notrunc bs=1 seek=20 of=$(find %s/store -name "
                  "'*.dbk.partial') 2>/dev/null\n",
                  fixture.folder, fixture.folder);
    fake_pg_dump(buffer_string(&script));
    expect_failure(&setting, ERROR_BACKUP_CORRUPT, "the header names another backup");
}

static int64_t blocks_read(int who) {
    struct rusage usage;
    assert_int_equal(getrusage(who, &usage), 0);
    return usage.ru_inblock;
}

/* Whether this file system forgets what it is told to, so that reading reaches the disk. */
static bool disk_is_read(void) {
    static char bytes[1 << 20];
    char path[256];
    (void)snprintf(path, sizeof path, "%s/store-probe", fixture.folder);
    fixture_write(path, bytes, sizeof bytes);
    CLEANUP(close_p) int fd = open(path, O_RDONLY);
    assert_int_equal(fsync(fd), 0);
    assert_int_equal(posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED), 0);
    int64_t before = blocks_read(RUSAGE_SELF);
    assert_int_equal(read(fd, bytes, sizeof bytes), (ssize_t)sizeof bytes);
    return blocks_read(RUSAGE_SELF) > before;
}

/* Reading back reaches the disk, not only the copy in memory. */
static void test_reads_the_disk(void **state) {
    (void)state;
    error_t err;
    setting_t setting;
    backup_result_t result;
    if (!disk_is_read()) {
        skip();
    }
    make_request(&setting);
    assert_int_equal(dump(&setting, &result, &err), STATUS_OK); /* the programs are cached now */
    make_request(&setting);
    int64_t before = blocks_read(RUSAGE_CHILDREN);
    assert_int_equal(dump(&setting, &result, &err), STATUS_OK);
    int64_t read_bytes = (blocks_read(RUSAGE_CHILDREN) - before) * 512;
    assert_true(read_bytes >= (int64_t)result.manifest.sealed_bytes);
}

/* A limit on file sizes stands in for a full disk: write(2) fails in the same place. */
static void test_disk_full(void **state) {
    (void)state;
    setting_t setting;
    struct rlimit before;
    make_request(&setting);
    setting.request.room_bytes = UINT64_C(1) << 60;
    expect_failure(&setting, ERROR_BACKUP_NO_ROOM, "the backup may need");
    make_request(&setting);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    struct rlimit small = {.rlim_cur = 300000, .rlim_max = before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    error_t err;
    backup_result_t result;
    status_t status = dump(&setting, &result, &err);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_int_equal(status, STATUS_ERROR);
    assert_int_equal(err.code, ERROR_DISK_FULL);
    assert_int_equal(count_files("*.partial"), 0);
    /* The environment of a child must not carry ours. */
    (void)setenv("PGPASSWORD", "leak", 1);
    setting.request.programs.bin_dir = fake_bin;
    fake_pg_dump("[ -z \"$PGPASSWORD\" ] || exit 9\nexec " BIN "/pg_dump \"$@\"\n");
    status = dump(&setting, &result, &err);
    (void)unsetenv("PGPASSWORD");
    assert_int_equal(status, STATUS_OK);
}

/* Start a dump whose pg_dump has written half and then waits; answer once the half is on disk. */
static backup_job_t *start_hanging(setting_t *setting) {
    error_t err;
    backup_job_t *job = NULL;
    char ready[256];
    make_request(setting);
    setting->request.programs.bin_dir = fake_bin;
    (void)snprintf(ready, sizeof ready, "%s/ready", fixture.folder);
    (void)unlink(ready);
    assert_int_equal(mkfifo(ready, 0600), 0);
    CLEANUP(buffer_free) buffer_t script = {0};
    buffer_format(&script, BIN "/pg_dump \"$@\" | head -c 500000\necho $$ > %s\nexec sleep 1000\n",
                  ready);
    fake_pg_dump(buffer_string(&script));
    assert_int_equal(backup_start(&setting->request, &job, &err), STATUS_OK);
    CLEANUP(close_p) int fd = open(ready, O_RDONLY);
    char line[32] = {0};
    assert_true(read(fd, line, sizeof line - 1) > 0);
    setting->facts.server_version = strtol(line, NULL, 10); /* the fake's process, for the test */
    return job;
}

/* Wait until a process is gone; its end is the event, so this asks until it is seen. */
static void await_death(int64_t pid) {
    int tries = 0;
    while (kill((pid_t)pid, 0) == 0 && tries++ < 6000) {
        char state = ' ';
        char path[64];
        (void)snprintf(path, sizeof path, "/proc/%ld/stat", (long)pid);
        FILE *stat = fopen(path, "r");
        if (stat == NULL || fscanf(stat, "%*d %*s %c", &state) != 1 || state == 'Z') {
            tries = 6000;
        }
        if (stat != NULL) {
            (void)fclose(stat);
        }
        (void)poll(NULL, 0, 5);
    }
    assert_true(tries <= 6001 && (tries >= 6000 || kill((pid_t)pid, 0) != 0));
}

static void test_cancel(void **state) {
    (void)state;
    error_t err;
    setting_t setting;
    backup_result_t result;
    int before = count_files("*");
    backup_job_t *job = start_hanging(&setting);
    assert_false(backup_ready(job));
    assert_int_equal(count_files("*.dbk.partial"), 1);
    backup_cancel(job);
    assert_int_equal(finish(job, &result, &err), STATUS_ERROR);
    assert_int_equal(err.code, ERROR_CANCELLED);
    await_death(setting.facts.server_version);
    assert_int_equal(count_files("*"), before);
    job = start_hanging(&setting);
    backup_destroy(&job); /* without asking for the result */
    await_death(setting.facts.server_version);
    assert_int_equal(count_files("*"), before);
}

/* The whole agent is killed: its worker dies with it, and what is left is swept. */
static void test_agent_killed(void **state) {
    (void)state;
    error_t err;
    int ends[2];
    int64_t pids[1];
    int64_t removed = 0;
    int before = count_files("*");
    assert_int_equal(pipe(ends), 0);
    pid_t agent = fork();
    if (agent == 0) {
        setting_t setting;
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL); /* it must not outlive a test that failed */
        (void)start_hanging(&setting);
        pids[0] = setting.facts.server_version;
        (void)!write(ends[1], pids, sizeof pids);
        for (;;) {
            (void)pause();
        }
    }
    assert_int_equal(read(ends[0], pids, sizeof pids), (ssize_t)sizeof pids);
    assert_int_equal(count_files("*.dbk.partial"), 1);
    char store[128];
    (void)snprintf(store, sizeof store, "%s/store", fixture.folder);
    /* While the worker lives its file is not swept away under it. */
    assert_int_equal(backup_sweep(store, &removed, &err), STATUS_OK);
    assert_int_equal(removed, 0);
    assert_int_equal(kill(agent, SIGKILL), 0);
    assert_int_equal(waitpid(agent, NULL, 0), agent);
    await_death(pids[0]);
    assert_int_equal(count_files("*"), before + 1);
    assert_int_equal(count_files("*.partial"), 1);
    for (int tries = 0; removed == 0 && tries < 1000; tries++) {
        assert_int_equal(backup_sweep(store, &removed, &err), STATUS_OK);
    }
    assert_int_equal(removed, 1);
    assert_int_equal(count_files("*"), before);
    (void)close(ends[0]);
    (void)close(ends[1]);
}

static void flip(const char *path, off_t at) {
    char byte = 0;
    int fd = open(path, O_RDWR);
    assert_int_equal(pread(fd, &byte, 1, at), 1);
    byte = (char)(byte ^ 4);
    assert_int_equal(pwrite(fd, &byte, 1, at), 1);
    (void)close(fd);
}

static void test_changed_backups(void **state) {
    (void)state;
    error_t err;
    setting_t setting;
    backup_result_t one;
    backup_result_t two;
    backup_result_t checked;
    char data[2][4096];
    make_request(&setting);
    assert_int_equal(dump(&setting, &one, &err), STATUS_OK);
    make_request(&setting);
    assert_int_equal(dump(&setting, &two, &err), STATUS_OK);
    assert_int_equal(backup_data_path(one.path, data[0], &err), STATUS_OK);
    assert_int_equal(backup_data_path(two.path, data[1], &err), STATUS_OK);
    off_t size = (off_t)one.manifest.sealed_bytes;
    const off_t places[] = {0, 9, 20, 50, 70, 120, 180, 1000, size / 2, size - 1};
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        flip(data[0], places[i]);
        assert_int_equal(check(one.path, &checked, &err), STATUS_ERROR);
        assert_true(err.code == ERROR_BACKUP_CORRUPT || err.code == ERROR_SIGNATURE);
        flip(data[0], places[i]);
    }
    assert_int_equal(check(one.path, &checked, &err), STATUS_OK);
    assert_int_equal(rename(data[1], data[0]), 0); /* another backup's file */
    assert_int_equal(check(one.path, &checked, &err), STATUS_ERROR);
    assert_int_equal(err.code, ERROR_BACKUP_CORRUPT);
    flip(two.path, 400); /* the manifest itself */
    assert_int_equal(check(two.path, &checked, &err), STATUS_ERROR);
    assert_int_equal(err.code, ERROR_SIGNATURE);
    sql("postgres", "create database untouched owner acme_owner template template0");
    assert_int_equal(restore(one.path, "untouched", &fixture.tenant, &err), STATUS_ERROR);
    assert_int_equal(err.code, ERROR_BACKUP_CORRUPT);
    assert_string_equal(ask("untouched", "select count(*) from pg_class where relname = 'hidden'"),
                        "0");
}

int main(int argc, char **argv) {
    if (argc == 2 && strcmp(argv[1], BACKUP_WORKER_WORD) == 0) {
        return backup_worker_main();
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_dump_and_restore), cmocka_unit_test(test_offline_recipient_only),
        cmocka_unit_test(test_refused_requests), cmocka_unit_test(test_tools),
        cmocka_unit_test(test_pg_dump_fails),    cmocka_unit_test(test_disk_lies),
        cmocka_unit_test(test_any_language),     cmocka_unit_test(test_reads_the_disk),
        cmocka_unit_test(test_disk_full),        cmocka_unit_test(test_cancel),
        cmocka_unit_test(test_agent_killed),     cmocka_unit_test(test_changed_backups),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
