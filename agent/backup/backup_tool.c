/*
 * backup_tool.c: see backup_tool.h.
 *
 * Minors: CVE-2024-7348 (relation replaced while pg_dump runs executes SQL), CVE-2025-8714 and
 * CVE-2025-8715 (names in a dump run code at restore) are repaired from 13.22, 14.19, 15.14, 16.10,
 * 17.6 on. Source: postgresql.org/support/security.
 */
#include "agent/backup/backup_tool.h"
#include "agent/backup/backup_file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>

typedef struct environment {
    char *variables[BACKUP_TOOL_VARIABLES + 1];
    size_t count;
} environment_t;

static void environment_free(environment_t *environment) {
    for (size_t i = 0; i < environment->count; i++) {
        free(environment->variables[i]);
    }
}

static status_t set(environment_t *environment, error_t *err, const char *format, ...)
    PRINTF_LIKE(3, 4);

static status_t set(environment_t *environment, error_t *err, const char *format, ...) {
    INVARIANT(environment->count < BACKUP_TOOL_VARIABLES);
    va_list arguments;
    va_start(arguments, format);
    int size = vasprintf(&environment->variables[environment->count], format, arguments);
    va_end(arguments);
    if (size < 0) {
        environment->variables[environment->count] = NULL;
        return error_set(err, ERROR_NO_MEMORY, "no memory for a child's environment");
    }
    environment->count++;
    return STATUS_OK;
}

/* All that a child may know: nothing is inherited but what is named here. */
static status_t environment_make(const backup_tool_t *tool, environment_t *environment,
                                 error_t *err) {
    static const char *const INHERITED[] = {"HOME", "USER", "KRB5CCNAME", "TMPDIR"};
    for (size_t i = 0; i < sizeof INHERITED / sizeof INHERITED[0]; i++) {
        const char *value = getenv(INHERITED[i]);
        if (value != NULL) {
            TRY(set(environment, err, "%s=%s", INHERITED[i], value));
        }
    }
    TRY(set(environment, err, "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"));
    TRY(set(environment, err, "LC_ALL=C"));
    if (tool->connection != NULL) {
        TRY(set(environment, err, "PGAPPNAME=drover"));
        TRY(set(environment, err, "PGCONNECT_TIMEOUT=30"));
        if (tool->connection->passfile != NULL) {
            TRY(set(environment, err, "PGPASSFILE=%s", tool->connection->passfile));
        }
        if (tool->connection->service_file != NULL) {
            TRY(set(environment, err, "PGSERVICEFILE=%s", tool->connection->service_file));
        }
    }
    for (size_t i = 0; i < 4 && tool->variables[i] != NULL; i++) {
        TRY(set(environment, err, "%s", tool->variables[i]));
    }
    return STATUS_OK;
}

/* Both ends of what a child needs; its own ends are closed in the worker after the fork. */
typedef struct plumbing {
    int in[2];
    int out[2];
    int failed[2]; /* tells that execve did not happen */
    int null;
    pid_t parent;
} plumbing_t;

static void plumbing_free(plumbing_t *plumbing) {
    int *const fds[] = {&plumbing->in[0],  &plumbing->in[1],     &plumbing->out[0],
                        &plumbing->out[1], &plumbing->failed[0], &plumbing->failed[1],
                        &plumbing->null};
    for (size_t i = 0; i < sizeof fds / sizeof fds[0]; i++) {
        close_p(fds[i]);
        *fds[i] = -1;
    }
}

static status_t plumb(const backup_tool_t *tool, backup_process_t *process, plumbing_t *plumbing,
                      error_t *err) {
    bool made = (plumbing->null = open("/dev/null", O_RDWR | O_CLOEXEC)) >= 0 &&
                pipe2(plumbing->failed, O_CLOEXEC) == 0 &&
                (process->errors = memfd_create("stderr", MFD_CLOEXEC)) >= 0 &&
                (!tool->feed || pipe2(plumbing->in, O_CLOEXEC) == 0);
    if (made) {
        made = tool->output == BACKUP_OUTPUT_PIPE
                   ? pipe2(plumbing->out, O_CLOEXEC) == 0
                   : (process->out = memfd_create("stdout", MFD_CLOEXEC)) >= 0;
    }
    if (!made) {
        return backup_file_error(err, "make pipes for", tool->path);
    }
    /* A wide pipe costs fewer switches; the kernel may refuse. */
    if (plumbing->out[0] >= 0) {
        (void)fcntl(plumbing->out[0], F_SETPIPE_SZ, 1 << 20);
    }
    if (plumbing->in[1] >= 0) {
        (void)fcntl(plumbing->in[1], F_SETPIPE_SZ, 1 << 20);
    }
    return STATUS_OK;
}

/* In the child: become the tool, or tell why not. */
static _Noreturn void become(const backup_tool_t *tool, const backup_process_t *process,
                             const plumbing_t *plumbing, char *const *environment) {
    int out = process->out >= 0 ? process->out : plumbing->out[1];
    /* pg_dump and pg_restore answer SIGTERM by cancelling their statement on the server. */
    (void)prctl(PR_SET_PDEATHSIG, SIGTERM);
    (void)signal(SIGPIPE, SIG_DFL);
    (void)signal(SIGXFSZ, SIG_DFL);
    if (getppid() == plumbing->parent &&
        dup2(plumbing->in[0] >= 0 ? plumbing->in[0] : plumbing->null, STDIN_FILENO) >= 0 &&
        dup2(out, STDOUT_FILENO) >= 0 && dup2(process->errors, STDERR_FILENO) >= 0) {
        (void)execve(tool->path, (char *const *)(uintptr_t)tool->argv, environment);
    }
    int why = errno;
    (void)!write(plumbing->failed[1], &why, sizeof why);
    _exit(127);
}

status_t backup_tool_start(const backup_tool_t *tool, backup_process_t *ret_process, error_t *err) {
    CLEANUP(environment_free) environment_t environment = {0};
    CLEANUP(backup_tool_drop) backup_process_t process = BACKUP_PROCESS_NONE;
    CLEANUP(plumbing_free) plumbing_t plumbing = {{-1, -1}, {-1, -1}, {-1, -1}, -1, getpid()};
    TRY(environment_make(tool, &environment, err));
    TRY(plumb(tool, &process, &plumbing, err));
    process.pid = fork();
    if (process.pid < 0) {
        return backup_file_error(err, "start", tool->path);
    }
    if (process.pid == 0) {
        become(tool, &process, &plumbing, environment.variables);
    }
    (void)close(plumbing.failed[1]);
    plumbing.failed[1] = -1;
    int why = 0;
    if (read(plumbing.failed[0], &why, sizeof why) == (ssize_t)sizeof why) {
        return error_set(err, ERROR_BACKUP_TOOL, "cannot run %s: %s", tool->path, strerror(why));
    }
    if (tool->output == BACKUP_OUTPUT_PIPE) {
        process.out = plumbing.out[0];
        plumbing.out[0] = -1;
    }
    process.in = plumbing.in[1];
    plumbing.in[1] = -1;
    *ret_process = process;
    process = BACKUP_PROCESS_NONE;
    return STATUS_OK;
}

void backup_tool_end_input(backup_process_t *process) {
    close_p(&process->in);
    process->in = -1;
}

int backup_tool_wait(backup_process_t *process) {
    int status = 0;
    INVARIANT(process->pid > 0);
    while (waitpid(process->pid, &status, 0) < 0 && errno == EINTR) {
    }
    process->pid = -1;
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

void backup_tool_drop(backup_process_t *process) {
    if (process->pid > 0) {
        (void)kill(process->pid, SIGKILL);
        (void)backup_tool_wait(process);
    }
    close_p(&process->in);
    close_p(&process->out);
    close_p(&process->errors);
    *process = BACKUP_PROCESS_NONE;
}

void backup_tool_complaint(const backup_process_t *process, const char *name, char *buffer,
                           size_t size) {
    char text[4096];
    size_t used = 0;
    off_t end = lseek(process->errors, 0, SEEK_END);
    off_t start = end > (off_t)sizeof text - 1 ? end - ((off_t)sizeof text - 1) : 0;
    ssize_t n = pread(process->errors, text, sizeof text - 1, start);
    text[n > 0 ? n : 0] = '\0';
    buffer[0] = '\0';
    char *rest = NULL;
    for (char *line = strtok_r(text, "\n", &rest); line != NULL;
         line = strtok_r(NULL, "\n", &rest)) {
        if (strncmp(line, name, strlen(name)) != 0) {
            continue;
        }
        int added = snprintf(buffer + used, size - used, "%s%s", used > 0 ? "; " : "", line);
        used += added > 0 ? (size_t)added : 0;
        if (used >= size) {
            return;
        }
    }
}

status_t backup_tool_output(const backup_process_t *process, size_t most, buffer_t *ret_text,
                            error_t *err) {
    char bytes[16384];
    off_t at = 0;
    while (ret_text->size <= most) {
        ssize_t n = pread(process->out, bytes, sizeof bytes, at);
        if (n < 0 && errno != EINTR) {
            return backup_file_error(err, "read", "a child's output");
        }
        if (n == 0) {
            return buffer_check(ret_text, err);
        }
        if (n > 0) {
            buffer_append(ret_text, bytes, (size_t)n);
            at += n;
        }
    }
    return error_set(err, ERROR_BOUND, "a child's output is larger than %zu bytes", most);
}

int64_t backup_tool_version(const char *line) {
    int major = 0;
    int minor = 0;
    const char *at = strstr(line, "(PostgreSQL) ");
    if (at == NULL || sscanf(at, "(PostgreSQL) %4d", &major) != 1 || major < 10) {
        return 0;
    }
    (void)sscanf(at, "(PostgreSQL) %*d.%4d", &minor);
    return (int64_t)major * 10000 + minor;
}

bool backup_tool_is_faulty(int64_t version) {
    static const int64_t REPAIRED[] = {130022, 140019, 150014, 160010, 170006};
    for (size_t i = 0; i < sizeof REPAIRED / sizeof REPAIRED[0]; i++) {
        if (version / 10000 == REPAIRED[i] / 10000) {
            return version < REPAIRED[i];
        }
    }
    return version < 130000;
}

static status_t ask_version(const char *path, char *ret_version, error_t *err) {
    CLEANUP(backup_tool_drop) backup_process_t process = BACKUP_PROCESS_NONE;
    CLEANUP(buffer_free) buffer_t text = {0};
    backup_tool_t tool = {.path = path, .argv = {path, "--version"}, .output = BACKUP_OUTPUT_KEPT};
    TRY(backup_tool_start(&tool, &process, err));
    int code = backup_tool_wait(&process);
    TRY(backup_tool_output(&process, BACKUP_TEXT_MAX - 1, &text, err));
    if (code != 0 || backup_tool_version(buffer_string(&text)) == 0) {
        return error_set(err, ERROR_BACKUP_TOOL, "%s does not say its version", path);
    }
    (void)snprintf(ret_version, BACKUP_TEXT_MAX, "%.*s", (int)strcspn(text.data, "\n"), text.data);
    return STATUS_OK;
}

status_t backup_tool_check(const backup_programs_t *programs, const char *name, char *ret_version,
                           error_t *err) {
    char path[PATH_MAX];
    char line[BACKUP_TEXT_MAX];
    (void)snprintf(path, sizeof path, "%s/%s", programs->bin_dir, name);
    TRY(ask_version(path, line, err));
    int64_t version = backup_tool_version(line);
    if (version / 10000 < programs->server_version / 10000) {
        return error_set(err, ERROR_BACKUP_TOOL,
                         "%s is of major %" PRId64 ", the server is of major %" PRId64, path,
                         version / 10000, programs->server_version / 10000);
    }
    if (backup_tool_is_faulty(version) && !programs->allow_known_faulty) {
        return error_set(err, ERROR_BACKUP_TOOL,
                         "%s is a minor (%s) in which a dump may run code: update it", path, line);
    }
    (void)snprintf(ret_version, BACKUP_TEXT_MAX, "%s", line);
    return STATUS_OK;
}
