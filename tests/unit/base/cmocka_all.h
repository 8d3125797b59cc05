/* cmocka_all.h: cmocka with the headers that it wants before it, and stderr caught in memory. */
#ifndef DROVER_TESTS_CMOCKA_ALL_H
#define DROVER_TESTS_CMOCKA_ALL_H

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* Run body in a child with stderr in a pipe; write what it said to said, answer its wait status. */
static inline int said_by_child(void (*body)(void), char *said, size_t size) {
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    (void)fflush(NULL);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        (void)signal(SIGABRT, SIG_DFL);
        (void)dup2(ends[1], STDERR_FILENO);
        (void)close(ends[0]);
        (void)close(ends[1]);
        body();
        (void)fflush(stderr);
        _exit(0);
    }
    (void)close(ends[1]);
    size_t used = 0;
    for (ssize_t n = 1; n > 0 && used < size - 1; used += (size_t)(n > 0 ? n : 0)) {
        n = read(ends[0], said + used, size - 1 - used);
    }
    said[used] = '\0';
    (void)close(ends[0]);
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    return status;
}

#endif
