/* backup.c: see backup.h. The loop's side: copy the request, start the worker, take its answer. */
#include "agent/backup/backup.h"
#include "agent/backup/backup_file.h"
#include "agent/backup/backup_message.h"
#include "agent/backup/backup_store.h"
#include "agent/backup/backup_worker.h"
#include "common/base/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <libpq-fe.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>

struct backup_job {
    pid_t pid;
    int pidfd;
    int answer;
    bool reaped;
    bool cancelled;
    siginfo_t end;
    bool has_paths;
    backup_paths_t paths; /* of a dump: what a killed worker may have left */
};

/* --- requests -------------------------------------------------------------------------------- */

static void conninfo_free_p(PQconninfoOption **options) {
    PQconninfoFree(*options);
}

/* A password in conninfo would stand in pg_dump's arguments for every user of the host to read. */
static status_t check_conninfo(const char *conninfo, error_t *err) {
    char *message = NULL;
    CLEANUP(conninfo_free_p) PQconninfoOption *options = PQconninfoParse(conninfo, &message);
    if (options == NULL) {
        PQfreemem(message);
        return error_set(err, ERROR_INVALID, "the connection's keywords cannot be read");
    }
    for (const PQconninfoOption *option = options; option->keyword != NULL; option++) {
        bool secret =
            strcmp(option->keyword, "password") == 0 || strcmp(option->keyword, "sslpassword") == 0;
        if (secret && option->val != NULL) {
            return error_set(
                err, ERROR_INVALID,
                "the connection's keywords hold a %s: use a passfile or a service file",
                option->keyword);
        }
    }
    return STATUS_OK;
}

static status_t check_absolute(const char *what, const char *path, error_t *err) {
    if (path == NULL || path[0] != '/') {
        return error_set(err, ERROR_INVALID, "%s must be an absolute path, not '%s'", what,
                         path != NULL ? path : "");
    }
    return STATUS_OK;
}

static status_t check_connection(const backup_connection_t *connection,
                                 const backup_programs_t *programs, error_t *err) {
    TRY(check_absolute("the folder of pg_dump", programs->bin_dir, err));
    if (connection->passfile != NULL) {
        TRY(check_absolute("the passfile", connection->passfile, err));
    }
    if (connection->service_file != NULL) {
        TRY(check_absolute("the service file", connection->service_file, err));
    }
    if (connection->role != NULL && strlen(connection->role) > 200) {
        return error_set(err, ERROR_BOUND, "the role's name is longer than 200 bytes");
    }
    return check_conninfo(connection->conninfo, err);
}

static status_t copy_trust(const backup_trust_t *trust, backup_order_t *order, error_t *err) {
    if (trust->count == 0 || trust->count > BACKUP_TRUST_MAX) {
        return error_set(err, ERROR_BOUND, "1 to %d keys may be trusted, not %zu",
                         (int)BACKUP_TRUST_MAX, trust->count);
    }
    memcpy(order->trusted, trust->keys, trust->count * sizeof *trust->keys);
    order->trusted_count = trust->count;
    return STATUS_OK;
}

static status_t copy_seal_key(const backup_keys_t *keys, backup_order_t *order, error_t *err) {
    if (keys->seal_public == NULL || keys->seal_secret == NULL) {
        return error_set(err, ERROR_INVALID, "no backup key to open the backup with");
    }
    order->seal_public = *keys->seal_public;
    order->has_seal = true;
    return STATUS_OK;
}

/* --- the worker ------------------------------------------------------------------------------ */

/* What the worker itself may know of our environment; its children get less still. */
static void worker_environment(char **ret_variables, size_t room) {
    static const char *const NAMES[] = {
        "HOME=",
        "USER=",
        "TMPDIR=",
        "KRB5CCNAME=",
        "ASAN_OPTIONS=",
        "UBSAN_OPTIONS=",
#ifdef DROVER_FAILPOINTS
        "DROVER_FAILPOINT=",
        "LD_PRELOAD=",
        "FAULT_AT=",
        "FAULT_COUNTS=", /* tests/faults/shim.c */
#endif
    };
    size_t count = 0;
    for (char **variable = environ; *variable != NULL; variable++) {
        for (size_t i = 0; i < sizeof NAMES / sizeof NAMES[0]; i++) {
            if (strncmp(*variable, NAMES[i], strlen(NAMES[i])) == 0 && count + 1 < room) {
                ret_variables[count++] = *variable;
            }
        }
    }
    ret_variables[count] = NULL;
}

/* Signals as a fresh program expects them, a process group of its own, two descriptors. */
static int prepare_spawn(posix_spawn_file_actions_t *actions, posix_spawnattr_t *attributes,
                         int order, int answer) {
    sigset_t none;
    sigset_t all;
    (void)sigemptyset(&none);
    (void)sigfillset(&all);
    (void)sigdelset(&all, SIGKILL);
    (void)sigdelset(&all, SIGSTOP);
    short flags = POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF;
    int failed = posix_spawnattr_setflags(attributes, flags);
    failed |= posix_spawnattr_setpgroup(attributes, 0);
    failed |= posix_spawnattr_setsigmask(attributes, &none);
    failed |= posix_spawnattr_setsigdefault(attributes, &all);
    failed |= posix_spawn_file_actions_addopen(actions, 0, "/dev/null", O_RDONLY, 0);
    failed |= posix_spawn_file_actions_addopen(actions, 1, "/dev/null", O_WRONLY, 0);
    failed |= posix_spawn_file_actions_adddup2(actions, order, BACKUP_ORDER_FD);
    failed |= posix_spawn_file_actions_adddup2(actions, answer, BACKUP_ANSWER_FD);
    failed |= posix_spawn_file_actions_addclosefrom_np(actions, BACKUP_ANSWER_FD + 1);
    return failed;
}

static int spawn_worker(int order, int answer, pid_t *ret_pid) {
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    char name[] = "drover-backup";
    char word[] = BACKUP_WORKER_WORD;
    char *argv[] = {name, word, NULL};
    char *environment[16];
    worker_environment(environment, sizeof environment / sizeof environment[0]);
    if (posix_spawn_file_actions_init(&actions) != 0) {
        return ENOMEM;
    }
    if (posix_spawnattr_init(&attributes) != 0) {
        (void)posix_spawn_file_actions_destroy(&actions);
        return ENOMEM;
    }
    int failed = prepare_spawn(&actions, &attributes, order, answer);
    if (failed == 0) {
        failed = posix_spawn(ret_pid, "/proc/self/exe", &actions, &attributes, argv, environment);
    }
    (void)posix_spawnattr_destroy(&attributes);
    (void)posix_spawn_file_actions_destroy(&actions);
    return failed;
}

/* A copy of fd out of the way of the numbers that the worker's descriptors get. */
static int lift(int fd) {
    int high = fcntl(fd, F_DUPFD_CLOEXEC, 16);
    (void)close(fd);
    return high;
}

static status_t launch(backup_job_t *job, const backup_order_t *order, const backup_keys_t *keys,
                       error_t *err) {
    int sent = -1;
    int ends[2] = {-1, -1};
    TRY(backup_order_send(order, keys, &sent, err));
    CLEANUP(close_p) int order_fd = lift(sent);
    if (order_fd < 0 || pipe2(ends, O_CLOEXEC) != 0) {
        return backup_file_error(err, "make pipes for", "the backup worker");
    }
    job->answer = ends[0];
    CLEANUP(close_p) int answer_fd = lift(ends[1]);
    int failed = answer_fd < 0 ? errno : spawn_worker(order_fd, answer_fd, &job->pid);
    if (failed != 0) {
        job->pid = -1;
        return error_set(err, ERROR_IO, "cannot start the backup worker: %s", strerror(failed));
    }
    (void)fcntl(job->answer, F_SETFL, O_NONBLOCK);
    job->pidfd = pidfd_open(job->pid, 0);
    if (job->pidfd < 0) {
        return error_set(err, ERROR_IO, "cannot watch the backup worker: %s", strerror(errno));
    }
    (void)fcntl(job->pidfd, F_SETFD, FD_CLOEXEC);
    return STATUS_OK;
}

static status_t start(backup_order_t *order, const backup_keys_t *keys, const backup_paths_t *paths,
                      backup_job_t **ret_job, error_t *err) {
    CLEANUP(backup_destroy_p) backup_job_t *job = calloc(1, sizeof *job);
    if (job == NULL) {
        return error_set(err, ERROR_NO_MEMORY, "no memory for a backup");
    }
    job->pid = -1;
    job->pidfd = -1;
    job->answer = -1;
    if (paths != NULL) {
        job->paths = *paths;
        job->has_paths = true;
    }
    order->parent = getpid();
    TRY(launch(job, order, keys, err));
    *ret_job = TAKE(job);
    return STATUS_OK;
}

/* --- starting each kind ---------------------------------------------------------------------- */

static status_t check_dump(const backup_request_t *request, error_t *err) {
    TRY(check_connection(&request->connection, &request->programs, err));
    TRY(check_absolute("the backup directory", request->dir, err));
    if (request->keys.sign_public == NULL || request->keys.sign_secret == NULL) {
        return error_set(err, ERROR_INVALID, "no key to sign the backup's manifest with");
    }
    if (request->recipient_count == 0 || request->recipient_count > SEALED_RECIPIENTS_MAX) {
        return error_set(err, ERROR_INVALID, "a backup has 1 to %d recipients, not %zu",
                         (int)SEALED_RECIPIENTS_MAX, request->recipient_count);
    }
    if (ident_is_null(&request->facts->backup_id) || ident_is_null(&request->facts->tenant_id)) {
        return error_set(err, ERROR_INVALID, "a backup needs an id and its tenant's");
    }
    if (request->level < 0 || request->level > 19) {
        return error_set(err, ERROR_INVALID, "zstd's level is 1 to 19, not %d", request->level);
    }
    return STATUS_OK;
}

static bool is_recipient(const backup_request_t *request) {
    for (size_t i = 0; i < request->recipient_count; i++) {
        if (request->keys.seal_public != NULL && request->keys.seal_secret != NULL &&
            memcmp(&request->recipients[i], request->keys.seal_public, SEAL_KEY_BYTES) == 0) {
            return true;
        }
    }
    return false;
}

status_t backup_start(const backup_request_t *request, backup_job_t **ret_job, error_t *err) {
    TRY(check_dump(request, err));
    backup_order_t order = {.kind = BACKUP_DUMP,
                            .connection = request->connection,
                            .programs = request->programs,
                            .dir = request->dir,
                            .facts = *request->facts,
                            .room_bytes = request->room_bytes,
                            .lock_wait_ms = request->lock_wait_ms,
                            .level = request->level,
                            .sign_public = *request->keys.sign_public};
    if (is_recipient(request)) {
        TRY(copy_seal_key(&request->keys, &order, err));
    }
    memcpy(order.facts.recipients, request->recipients,
           request->recipient_count * sizeof *request->recipients);
    order.facts.recipient_count = (int32_t)request->recipient_count;
    if (order.facts.started_us == 0) {
        order.facts.started_us = clock_wall_us();
    }
    CLEANUP(free_p) backup_paths_t *paths = calloc(1, sizeof *paths);
    if (paths == NULL) {
        return error_set(err, ERROR_NO_MEMORY, "no memory for a backup");
    }
    TRY(backup_paths_make(request->dir, &order.facts, paths, err));
    return start(&order, &request->keys, paths, ret_job, err);
}

status_t backup_restore_start(const backup_restore_request_t *request, backup_job_t **ret_job,
                              error_t *err) {
    backup_order_t order = {.kind = BACKUP_RESTORE,
                            .connection = request->connection,
                            .programs = request->programs,
                            .manifest_path = request->manifest_path,
                            .owner_is_role = request->owner_is_role,
                            .no_privileges = request->no_privileges,
                            .tenant_id = *request->tenant_id};
    TRY(check_connection(&request->connection, &request->programs, err));
    TRY(check_absolute("the manifest", request->manifest_path, err));
    TRY(copy_trust(&request->trust, &order, err));
    TRY(copy_seal_key(&request->keys, &order, err));
    return start(&order, &request->keys, NULL, ret_job, err);
}

status_t backup_check_start(const backup_check_request_t *request, backup_job_t **ret_job,
                            error_t *err) {
    backup_order_t order = {.kind = BACKUP_CHECK,
                            .programs = request->programs,
                            .manifest_path = request->manifest_path};
    TRY(check_absolute("the folder of pg_restore", request->programs.bin_dir, err));
    TRY(check_absolute("the manifest", request->manifest_path, err));
    TRY(copy_trust(&request->trust, &order, err));
    TRY(copy_seal_key(&request->keys, &order, err));
    return start(&order, &request->keys, NULL, ret_job, err);
}

status_t backup_external_start(const backup_external_request_t *request, backup_job_t **ret_job,
                               error_t *err) {
    backup_order_t order = {.kind = BACKUP_EXTERNAL,
                            .tenant_id = *request->tenant_id,
                            .backup_id = *request->backup_id,
                            .facts_json = request->facts_json,
                            .timeout_ms = request->timeout_ms};
    TRY(check_absolute("the external command", request->argv[0], err));
    for (size_t i = 0; request->argv[i] != NULL; i++) {
        if (i >= BACKUP_ARGUMENTS_MAX) {
            return error_set(err, ERROR_BOUND, "the external command has more than %d arguments",
                             (int)BACKUP_ARGUMENTS_MAX);
        }
        order.argv[i] = request->argv[i];
    }
    if (request->timeout_ms < 1 || request->timeout_ms > INT64_C(7) * 86400 * 1000) {
        return error_set(err, ERROR_INVALID,
                         "the external command's timeout is within 1 ms and 7 days");
    }
    const backup_keys_t none = {0};
    return start(&order, &none, NULL, ret_job, err);
}

/* --- the end of a job ------------------------------------------------------------------------ */

int backup_fd(const backup_job_t *job) {
    return job->pidfd;
}

bool backup_ready(const backup_job_t *job) {
    struct pollfd ended = {.fd = job->pidfd, .events = POLLIN};
    return job->reaped || poll(&ended, 1, 0) == 1;
}

/* Collect the ended worker, and what it left where it was killed. */
static void reap(backup_job_t *job) {
    if (job->reaped || job->pid <= 0) {
        return;
    }
    while (waitid(P_PID, (id_t)job->pid, &job->end, WEXITED) < 0 && errno == EINTR) {
    }
    job->reaped = true;
    if (job->end.si_code != CLD_EXITED) {
        /* Its children end by themselves; this is for one that it had just forked. */
        (void)kill(-job->pid, SIGTERM);
        if (job->has_paths && access(job->paths.data, F_OK) != 0) {
            (void)unlink(job->paths.manifest_partial);
            (void)unlink(job->paths.manifest);
            (void)unlink(job->paths.data_partial);
        }
    }
}

static status_t read_answer(const backup_job_t *job, buffer_t *answer, error_t *err) {
    char bytes[8192];
    for (;;) {
        ssize_t n = read(job->answer, bytes, sizeof bytes);
        if (n > 0) {
            buffer_append(answer, bytes, (size_t)n);
        } else if (n == 0 || errno != EINTR) {
            return buffer_check(answer, err);
        }
    }
}

status_t backup_result(backup_job_t *job, backup_result_t *ret_result, error_t *err) {
    CLEANUP(buffer_free) buffer_t text = {.limit = BACKUP_ANSWER_MAX};
    INVARIANT(backup_ready(job));
    reap(job);
    TRY(read_answer(job, &text, err));
    if (text.size == 0) {
        if (job->cancelled) {
            return error_set(err, ERROR_CANCELLED, "the job was cancelled");
        }
        bool killed = job->end.si_code != CLD_EXITED;
        return error_set(err, ERROR_BACKUP_FAILED, "the backup worker %s %d",
                         killed ? "died of signal" : "ended without an answer, code",
                         job->end.si_status);
    }
    backup_bytes_t answer = {.data = text.data, .size = text.size};
    return backup_answer_decode(answer, ret_result, err);
}

void backup_cancel(backup_job_t *job) {
    if (!job->reaped && job->pid > 0) {
        job->cancelled = true;
        (void)kill(-job->pid, SIGTERM);
        (void)kill(job->pid, SIGKILL);
    }
}

void backup_destroy(backup_job_t **job_p) {
    backup_job_t *job = TAKE(*job_p);
    if (job != NULL) {
        backup_cancel(job);
        reap(job);
        close_p(&job->pidfd);
        close_p(&job->answer);
        free(job);
    }
}
