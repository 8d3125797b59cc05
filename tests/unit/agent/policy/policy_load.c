/*
 * policy_load.c: the policy file on a disk: who may own and write it, and what becomes of a policy
 * whose file changes under it. Runs in a folder of its own.
 */
#include "agent/policy/policy.h"

#include "tests/unit/config/config_cases.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

static char folder[] = "/tmp/drover_policy_XXXXXX";
static char path[64];
static char other[64];

static void write_file(const char *where, const char *text) {
    FILE *file = fopen(where, "w");
    assert_non_null(file);
    assert_int_equal(fputs(text, file) >= 0, true);
    assert_int_equal(fclose(file), 0);
}

static int arrange(void **state) {
    (void)state;
    (void)umask(022);
    if (mkdtemp(folder) == NULL) {
        return -1;
    }
    (void)snprintf(path, sizeof path, "%s/policy.yaml", folder);
    (void)snprintf(other, sizeof other, "%s/other", folder);
    return 0;
}

static int tidy(void **state) {
    (void)state;
    (void)chmod(folder, 0700);
    (void)unlink(path);
    (void)unlink(other);
    return rmdir(folder);
}

static int fresh(void **state) {
    (void)state;
    (void)chmod(folder, 0700);
    (void)unlink(path);
    (void)unlink(other);
    write_file(path, "kinds: [forward]\n");
    return 0;
}

static error_code_t loaded(error_t *err) {
    CLEANUP(policy_destroy_p) policy_t *policy = NULL;
    error_clear(err);
    return policy_load(path, NULL, &policy, err) == STATUS_OK ? ERROR_NONE : err->code;
}

static void refused(const char *says) {
    error_t err;
    assert_int_equal(loaded(&err), ERROR_POLICY_FILE);
    if (strstr(err.message, says) == NULL || strstr(err.message, path) == NULL) {
        fail_msg("says: %s\nnot:  %s", err.message, says);
    }
}

static void test_rights_of_the_file(void **state) {
    static const mode_t WIDE[] = {0664, 0646, 0666, 0777, 0602, 0620};
    static const mode_t NARROW[] = {0600, 0644, 0640, 0400, 0444, 0755};
    error_t err;
    (void)state;
    for (size_t i = 0; i < sizeof WIDE / sizeof WIDE[0]; i++) {
        assert_int_equal(chmod(path, WIDE[i]), 0);
        refused("others than its owner can write it");
    }
    for (size_t i = 0; i < sizeof NARROW / sizeof NARROW[0]; i++) {
        assert_int_equal(chmod(path, NARROW[i]), 0);
        assert_int_equal(loaded(&err), ERROR_NONE);
    }
}

static void test_rights_of_its_folder(void **state) {
    error_t err;
    (void)state;
    assert_int_equal(chmod(folder, 0777), 0);
    refused(": /tmp/drover_policy_");
    assert_int_equal(chmod(folder, 0770), 0);
    refused("has mode 0770: others than its owner can write it");
    assert_int_equal(chmod(folder, 01777), 0); /* as /tmp: nobody replaces another's file there */
    assert_int_equal(loaded(&err), ERROR_NONE);
}

/* A link is as good as each folder on the way, and as what it leads to. */
static void test_links(void **state) {
    char sub[96], inner[128];
    error_t err;
    (void)state;
    assert_int_equal(rename(path, other), 0);
    assert_int_equal(symlink(other, path), 0);
    assert_int_equal(loaded(&err), ERROR_NONE);
    assert_int_equal(chmod(other, 0666), 0);
    refused("others than its owner can write it");
    assert_int_equal(chmod(other, 0600), 0);
    /* policy.yaml -> sub/link -> ../other: whoever writes in sub leads us elsewhere */
    (void)snprintf(sub, sizeof sub, "%s/sub", folder);
    (void)snprintf(inner, sizeof inner, "%s/link", sub);
    assert_int_equal(mkdir(sub, 0755), 0);
    assert_int_equal(symlink("../other", inner), 0);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(symlink("sub//link", path), 0);
    assert_int_equal(loaded(&err), ERROR_NONE);
    assert_int_equal(chmod(sub, 0777), 0);
    refused("/sub has mode 0777: others than its owner can write it");
    assert_int_equal(chmod(sub, 0755), 0);
    assert_int_equal(unlink(other), 0);
    refused("cannot read");
    assert_int_equal(unlink(inner), 0);
    assert_int_equal(symlink("../policy.yaml", inner), 0); /* round and round */
    refused("Too many levels of symbolic links");
    assert_int_equal(unlink(inner), 0);
    assert_int_equal(rmdir(sub), 0);
}

static void test_owner(void **state) {
    error_t err;
    (void)state;
    if (geteuid() != 0) {
        skip(); /* only root gives files away */
    }
    assert_int_equal(chown(path, 12345, 12345), 0);
    refused("belongs to user 12345: it must be root's or user 0's");
    /* The same file, for an agent that runs as its owner, and for one that runs as another. */
    assert_int_equal(chmod(folder, 0755), 0);
    assert_int_equal(seteuid(12345), 0);
    assert_int_equal(loaded(&err), ERROR_NONE);
    assert_int_equal(seteuid(0), 0);
    assert_int_equal(seteuid(12346), 0);
    refused("belongs to user 12345: it must be root's or user 12346's");
    assert_int_equal(seteuid(0), 0);
    assert_int_equal(chown(path, 0, 0), 0);
    assert_int_equal(chown(folder, 12345, 12345), 0);
    refused("belongs to user 12345");
    assert_int_equal(chown(folder, 0, 0), 0);
    assert_int_equal(loaded(&err), ERROR_NONE);
    /* In a folder like /tmp anybody makes links. */
    assert_int_equal(rename(path, other), 0);
    assert_int_equal(symlink(other, path), 0);
    assert_int_equal(loaded(&err), ERROR_NONE);
    assert_int_equal(lchown(path, 12345, 12345), 0);
    refused("belongs to user 12345");
}

static void test_no_file(void **state) {
    (void)state;
    assert_int_equal(unlink(path), 0);
    refused("No such file or directory");
    assert_int_equal(mkdir(path, 0700), 0);
    refused("it is no regular file");
    assert_int_equal(rmdir(path), 0);
    assert_int_equal(mkfifo(path, 0600), 0); /* would wait for a writer for ever */
    refused("it is no regular file");
}

static void test_contents(void **state) {
    static problems_t problems;
    CLEANUP(policy_destroy_p) policy_t *policy = NULL;
    error_t err = {0};
    (void)state;
    write_file(path, "kinds: [forwards]\nwindow: []\n");
    assert_int_equal(policy_load(path, &problems, &policy, &err), STATUS_ERROR);
    assert_int_equal(err.code, ERROR_CONFIG_INVALID);
    assert_null(policy);
    assert_non_null(strstr(err.message, "policy.yaml:"));
    assert_string_equal(problems.file, path);
    assert_true(problems.count > 0);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    for (int i = 0; i <= POLICY_CONFIG_BYTES; i++) {
        assert_int_equal(fputc('#', file), '#');
    }
    assert_int_equal(fclose(file), 0);
    assert_int_equal(loaded(&err), ERROR_BOUND);
}

/* --- what becomes of it ---------------------------------------------------------------------- */

static error_code_t judged(const policy_t *policy, job_kind_t kind, error_t *err) {
    const policy_deed_t deed = {.kind = kind, .killed = policy_killed(policy)};
    error_clear(err);
    return policy_judge(policy, &deed, err) == STATUS_OK ? ERROR_NONE : err->code;
}

static policy_t *opened(void) {
    error_t err = {0};
    policy_t *policy = NULL;
    if (policy_load(path, NULL, &policy, &err) != STATUS_OK) {
        fail_msg("%s", err.message);
    }
    assert_string_equal(policy_path(policy), path);
    assert_null(policy_problem(policy));
    return policy;
}

/* Nothing of the former file is in force, and the reason is told once. */
static void expect_closed(policy_t *policy, const char *says) {
    error_t err;
    assert_true(policy_refresh(policy));
    assert_false(policy_refresh(policy));
    assert_int_equal(judged(policy, JOB_KIND_FORWARD, &err), ERROR_POLICY_FILE);
    assert_int_equal(judged(policy, JOB_KIND_LOOK, &err), ERROR_POLICY_FILE);
    assert_int_equal(err.retry, RETRY_TRANSIENT);
    assert_false(policy_allows_superuser(policy));
    assert_false(policy_killed(policy));
    assert_non_null(policy_problem(policy));
    if (strstr(err.message, says) == NULL || strstr(err.message, path) == NULL) {
        fail_msg("says: %s\nnot:  %s", err.message, says);
    }
}

static void expect_mended(policy_t *policy) {
    error_t err;
    assert_true(policy_refresh(policy));
    assert_false(policy_refresh(policy));
    assert_null(policy_problem(policy));
    assert_int_equal(judged(policy, JOB_KIND_FORWARD, &err), ERROR_NONE);
}

static void test_refresh(void **state) {
    CLEANUP(policy_destroy_p) policy_t *policy = opened();
    error_t err;
    (void)state;
    assert_false(policy_refresh(policy));
    assert_int_equal(judged(policy, JOB_KIND_LOOK, &err), ERROR_POLICY_KIND);
    write_file(other, "kinds: [look]\n"); /* replaced whole */
    assert_int_equal(rename(other, path), 0);
    assert_int_equal(judged(policy, JOB_KIND_LOOK, &err), ERROR_POLICY_KIND);
    assert_true(policy_refresh(policy));
    assert_int_equal(judged(policy, JOB_KIND_LOOK, &err), ERROR_NONE);
    assert_int_equal(judged(policy, JOB_KIND_FORWARD, &err), ERROR_POLICY_KIND);
    assert_false(policy_refresh(policy));
}

/* Every mistake of a file that was replaced, not its first alone; none of one that is good again.
 */
static void test_refresh_keeps_every_mistake(void **state) {
    CLEANUP(policy_destroy_p) policy_t *policy = opened();
    (void)state;
    assert_int_equal(policy_problems(policy)->count, 0);
    assert_int_equal(policy_problems(NULL)->count, 0);
    write_file(other, "kind: [look]\nallow_superuser: perhaps\ntenants_per_hour: many\n");
    assert_int_equal(rename(other, path), 0);
    assert_true(policy_refresh(policy));
    assert_non_null(policy_problem(policy));
    assert_int_equal(policy_problems(policy)->count, 3);
    assert_int_equal(policy_problems(policy)->items[1].line, 3);
    assert_int_equal(policy_problems(policy)->items[2].line, 2);
    write_file(other, "kinds: [forward]\n");
    assert_int_equal(rename(other, path), 0);
    expect_mended(policy);
    assert_int_equal(policy_problems(policy)->count, 0);
}

/* Same length, same inode, same times: what it says counts, not how it looks. */
static void test_refresh_unseen(void **state) {
    struct stat seen;
    CLEANUP(policy_destroy_p) policy_t *policy = NULL;
    error_t err;
    (void)state;
    write_file(path, "kinds: [undo]\n");
    policy = opened();
    assert_int_equal(stat(path, &seen), 0);
    write_file(path, "kinds: [look]\n");
    const struct timespec times[2] = {seen.st_atim, seen.st_mtim};
    assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
    assert_true(policy_refresh(policy));
    assert_int_equal(judged(policy, JOB_KIND_UNDO, &err), ERROR_POLICY_KIND);
    assert_int_equal(judged(policy, JOB_KIND_LOOK, &err), ERROR_NONE);
}

static void test_refresh_closes(void **state) {
    CLEANUP(policy_destroy_p) policy_t *policy = NULL;
    (void)state;
    write_file(path, "allow_superuser: true\nkill_switch: other\n");
    policy = opened();
    assert_true(policy_allows_superuser(policy));
    assert_int_equal(chmod(path, 0666), 0);
    expect_closed(policy, "others than its owner can write it");
    assert_int_equal(chmod(path, 0600), 0);
    expect_mended(policy);
    assert_int_equal(unlink(path), 0);
    expect_closed(policy, "No such file or directory");
    write_file(path, "kinds: [");
    expect_closed(policy, "policy.yaml:");
    write_file(path, "");
    expect_closed(policy, "policy.yaml");
    write_file(path, "tenants: all\n");
    expect_mended(policy);
    assert_int_equal(chmod(folder, 0777), 0);
    expect_closed(policy, "has mode 0777");
    assert_int_equal(chmod(folder, 0700), 0);
    expect_mended(policy);
}

static void test_kill_switch(void **state) {
    CLEANUP(policy_destroy_p) policy_t *policy = NULL;
    error_t err;
    (void)state;
    write_file(path, "kill_switch: other\n");
    policy = opened();
    assert_false(policy_killed(policy));
    assert_int_equal(judged(policy, JOB_KIND_UNDO, &err), ERROR_NONE);
    write_file(other, "");
    assert_true(policy_killed(policy));
    assert_int_equal(judged(policy, JOB_KIND_UNDO, &err), ERROR_POLICY_KILLED);
    assert_non_null(strstr(err.message, other));
    assert_int_equal(unlink(other), 0);
    assert_int_equal(symlink("/nowhere/at/all", other), 0); /* a link that leads nowhere is there */
    assert_true(policy_killed(policy));
    assert_int_equal(unlink(other), 0);
    assert_false(policy_killed(policy));
    write_file(path, "kill_switch: policy.yaml/STOP\n"); /* cannot be looked for */
    assert_true(policy_refresh(policy));
    assert_true(policy_killed(policy));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_rights_of_the_file, fresh),
        cmocka_unit_test_setup(test_rights_of_its_folder, fresh),
        cmocka_unit_test_setup(test_links, fresh),
        cmocka_unit_test_setup(test_owner, fresh),
        cmocka_unit_test_setup(test_no_file, fresh),
        cmocka_unit_test_setup(test_contents, fresh),
        cmocka_unit_test_setup(test_refresh, fresh),
        cmocka_unit_test_setup(test_refresh_keeps_every_mistake, fresh),
        cmocka_unit_test_setup(test_refresh_unseen, fresh),
        cmocka_unit_test_setup(test_refresh_closes, fresh),
        cmocka_unit_test_setup(test_kill_switch, fresh)};
    return cmocka_run_group_tests(tests, arrange, tidy);
}
