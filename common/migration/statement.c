/*
 * statement.c: see statement.h. This file minds the child: it forks one, gives it a capped memory
 * and a large stack, reads an answer a script, and forks another where one died or was too slow.
 */
#include "common/migration/statement_internal.h"

#include "common/base/cleanup.h"
#include "common/base/clock.h"
#include "common/migration/finding.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef __has_feature
#define __has_feature(x) 0
#endif
/* The sanitizers reserve terabytes of addresses: no cap is possible beside them. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) ||                               \
    __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
enum { CAN_CAP_MEMORY = 0 };
#else
enum { CAN_CAP_MEMORY = 1 };
#endif

enum { PARSER_STACK = 256 * 1024 * 1024, ANSWER_FD = 3, READ_SIZE = 64 * 1024 };
#define DEFAULT_MEMORY (INT64_C(2) * 1024 * 1024 * 1024)
#define DEFAULT_DEADLINE_MS INT64_C(60000)

/* What the child works through; lives in both processes since the fork. */
typedef struct work {
    const text_span_t *scripts;
    size_t first;
    size_t count;
    statement_options_t options;
    pid_t parent;
    bool done;
} work_t;

typedef struct child {
    pid_t pid;
    int fd;
    buffer_t heard; /* bytes of answers not yet taken */
} child_t;

/* ---- in the child ------------------------------------------------------------------------- */

static void write_all(const char *bytes, size_t size) {
    while (size > 0) {
        ssize_t written = write(ANSWER_FD, bytes, size);
        if (written < 0 && errno != EINTR) {
            _exit(1);
        }
        if (written > 0) {
            bytes += written;
            size -= (size_t)written;
        }
    }
}

static void *parse_all(void *argument) {
    work_t *work = argument;
    for (size_t i = work->first; i < work->count; i++) {
        CLEANUP(statement_result_free) statement_result_t result = {0};
        CLEANUP(buffer_free) buffer_t answer = {.limit = STATEMENT_ANSWER_MAX};
        statement_parse_here(work->scripts[i], &result);
        statement_encode(&result, &answer);
        if (answer.failed) {
            _exit(1);
        }
        write_all(answer.data, answer.size);
    }
    work->done = true;
    return NULL;
}

static int64_t address_space(void) {
    long long pages = 0;
    FILE *file = fopen("/proc/self/statm", "re");
    if (file != NULL) {
        if (fscanf(file, "%lld", &pages) != 1) {
            pages = 0;
        }
        (void)fclose(file);
    }
    return (int64_t)pages * sysconf(_SC_PAGESIZE);
}

static void set_limit(int resource, int64_t value) {
    struct rlimit limit;
    if (getrlimit((__rlimit_resource_t)resource, &limit) == 0) {
        rlim_t wanted = (rlim_t)value;
        limit.rlim_cur = limit.rlim_max < wanted ? limit.rlim_max : wanted;
        limit.rlim_max = limit.rlim_cur;
        (void)setrlimit((__rlimit_resource_t)resource, &limit);
    }
}

/* Nothing of the parent's may outlive or be reached through the child: no descriptors, no signal
 * handlers, and the kernel takes it first when memory is short. */
static void confine(const work_t *work, int answer_fd) {
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != work->parent) {
        _exit(1);
    }
    for (int number = 1; number < NSIG; number++) {
        (void)signal(number, SIG_DFL);
    }
    (void)signal(SIGPIPE, SIG_IGN);
    sigset_t none;
    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    if (answer_fd == ANSWER_FD) {
        (void)fcntl(ANSWER_FD, F_SETFD, 0);
    } else if (dup2(answer_fd, ANSWER_FD) < 0) {
        _exit(1);
    }
    (void)close_range(ANSWER_FD + 1, ~0U, 0);
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (null >= 0) {
        (void)dup2(null, STDIN_FILENO);
        (void)dup2(null, STDOUT_FILENO);
        (void)dup2(null, STDERR_FILENO);
    }
    int oom = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
    if (oom >= 0) {
        (void)!write(oom, "1000", 4);
        (void)close(oom);
    }
    set_limit(RLIMIT_CORE, 0);
    if (CAN_CAP_MEMORY) {
        set_limit(RLIMIT_AS, address_space() + work->options.memory_bytes);
    }
}

/* A stack that is ours to size exists only on a thread; the child's first one just waits. */
_Noreturn static void child_main(work_t *work, int answer_fd) {
    confine(work, answer_fd);
    pthread_attr_t attributes;
    pthread_t parser;
    if (pthread_attr_init(&attributes) != 0 ||
        pthread_attr_setstacksize(&attributes, PARSER_STACK) != 0 ||
        pthread_create(&parser, &attributes, parse_all, work) != 0 ||
        pthread_join(parser, NULL) != 0) {
        _exit(1);
    }
    _exit(work->done ? 0 : 1);
}

/* ---- in the parent ------------------------------------------------------------------------ */

static status_t child_start(work_t *work, child_t *child, error_t *err) {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) {
        return error_set(err, ERROR_IO, "no pipe for the parser: %s", strerror(errno));
    }
    pid_t pid = fork();
    if (pid < 0) {
        int cause = errno;
        (void)close(ends[0]);
        (void)close(ends[1]);
        return error_set(err, ERROR_NO_MEMORY, "no process for the parser: %s", strerror(cause));
    }
    if (pid == 0) {
        child_main(work, ends[1]);
    }
    (void)close(ends[1]);
    child->pid = pid;
    child->fd = ends[0];
    return STATUS_OK;
}

/* End the child, whatever it does, and forget what it said. Answers its wait status. */
static int child_end(child_t *child) {
    int status = 0;
    if (child->pid > 0) {
        (void)kill(child->pid, SIGKILL);
        while (waitpid(child->pid, &status, 0) < 0 && errno == EINTR) {
        }
        (void)close(child->fd);
    }
    buffer_free(&child->heard);
    child->pid = 0;
    child->fd = -1;
    return status;
}

static void child_cleanup(child_t *child) {
    (void)child_end(child);
}

typedef enum heard { HEARD_ANSWER, HEARD_DEATH, HEARD_NOTHING } heard_t;

/* Size of the first whole answer in what was heard, or 0. */
static size_t whole_answer(const buffer_t *heard) {
    uint64_t size = 0;
    if (heard->size < sizeof size) {
        return 0;
    }
    memcpy(&size, heard->data, sizeof size);
    return size <= heard->size ? (size_t)size : 0;
}

/* Wait for a whole answer, the child's end or the deadline. */
static heard_t child_listen(child_t *child, int64_t deadline_ms) {
    int64_t until_us = clock_boot_us() + deadline_ms * US_PER_MS;
    while (whole_answer(&child->heard) == 0) {
        int64_t left_ms = (until_us - clock_boot_us()) / US_PER_MS;
        if (left_ms <= 0) {
            return HEARD_NOTHING;
        }
        struct pollfd waiting = {.fd = child->fd, .events = POLLIN};
        int ready = poll(&waiting, 1, left_ms > 60000 ? 60000 : (int)left_ms);
        if (ready <= 0) {
            continue; /* interrupted or time: the loop's head decides */
        }
        char bytes[READ_SIZE];
        ssize_t got = read(child->fd, bytes, sizeof bytes);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got <= 0) {
            return HEARD_DEATH;
        }
        buffer_append(&child->heard, bytes, (size_t)got);
        if (child->heard.failed) {
            return HEARD_DEATH;
        }
    }
    return HEARD_ANSWER;
}

static status_t take_answer(child_t *child, size_t script_size, statement_result_t *ret_result,
                            error_t *err) {
    size_t size = whole_answer(&child->heard);
    text_span_t answer = {.bytes = child->heard.data, .size = size};
    TRY(statement_decode(answer, script_size, ret_result, err));
    memmove(child->heard.data, child->heard.data + size, child->heard.size - size);
    child->heard.size -= size;
    return STATUS_OK;
}

static void blame(statement_result_t *result, heard_t heard, int64_t deadline_ms, int status) {
    memset(result, 0, sizeof *result);
    result->problem.rule = RULE_PARSES;
    error_t *error = &result->problem.error;
    if (heard == HEARD_NOTHING) {
        (void)error_set(error, ERROR_SQL_TOO_COMPLEX,
                        "too complex to parse: not done after %lld ms", (long long)deadline_ms);
    } else if (WIFSIGNALED(status)) {
        (void)error_set(error, ERROR_SQL_TOO_COMPLEX,
                        "too complex to parse: the parser died of signal %d (%s)", WTERMSIG(status),
                        "its stack or its memory ran out");
    } else {
        (void)error_set(error, ERROR_SQL_TOO_COMPLEX,
                        "too complex to parse: the parser ran out of memory");
    }
}

/* Fill results from work.first on until the child is done or fails; *ret_next is the first script
 * without a result, *ret_heard and *ret_status say why it has none. */
static status_t listen_all(child_t *child, work_t *work, statement_result_t *results,
                           heard_t *ret_heard, error_t *err) {
    heard_t heard = HEARD_ANSWER;
    while (work->first < work->count) {
        heard = child_listen(child, work->options.deadline_ms);
        if (heard != HEARD_ANSWER) {
            break;
        }
        TRY(take_answer(child, work->scripts[work->first].size, &results[work->first], err));
        work->first++;
    }
    *ret_heard = heard;
    return STATUS_OK;
}

static statement_options_t with_defaults(const statement_options_t *options) {
    statement_options_t filled = options != NULL ? *options : (statement_options_t){0};
    if (filled.memory_bytes <= 0) {
        filled.memory_bytes = DEFAULT_MEMORY;
    }
    if (filled.deadline_ms <= 0) {
        filled.deadline_ms = DEFAULT_DEADLINE_MS;
    }
    return filled;
}

status_t statement_parse(const text_span_t *scripts, size_t count,
                         const statement_options_t *options, statement_result_t *ret_results,
                         error_t *err) {
    for (size_t i = 0; i < count; i++) {
        memset(&ret_results[i], 0, sizeof ret_results[i]);
    }
    work_t work = {
        .scripts = scripts, .count = count, .options = with_defaults(options), .parent = getpid()};
    while (work.first < count) { /* each turn settles one script at least, or none twice */
        size_t first = work.first;
        CLEANUP(child_cleanup) child_t child = {.fd = -1};
        heard_t heard = HEARD_ANSWER;
        TRY(child_start(&work, &child, err));
        TRY(listen_all(&child, &work, ret_results, &heard, err));
        /* A script that fails after others in its child gets a fresh one before it is blamed: it
         * may have inherited their fragments. */
        if (work.first < count && work.first == first) {
            int64_t deadline_ms = work.options.deadline_ms;
            int status = child_end(&child);
            blame(&ret_results[first], heard, deadline_ms, status);
            work.first++;
        }
    }
    return STATUS_OK;
}
