/*
 * probe.c: what a program has allocated, read from outside. Loaded before it (LD_PRELOAD); a thread
 * writes into SOAK_PROBE/PID five times a second what malloc holds in use, and what SQLite holds of
 * that: its page cache has a bound of its own, and fills as long as a file grows. Resident pages
 * say less: what was freed stays resident as long as malloc wants it.
 *
 * Every signal is blocked in the thread: the programs read theirs from a signalfd.
 *
 * Sources: mallinfo2(3), sqlite.org/c3ref/memory_highwater.html, dlsym(3).
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

enum { NUMBERS = 3, PATH_BYTES = 4096, EVERY_NS = 200000000 };

/* What malloc adds to each block that SQLite counts: its own header, SQLite's and what both round
 * up to. Measured on the blocks of pages, which are what grows: 5,080 bytes beside 930,000. */
enum { OVERHEAD = 24, STATUS_BLOCKS = 9 /* SQLITE_STATUS_MALLOC_COUNT */ };

typedef int64_t used_t(void);
typedef int status_t(int op, int64_t *ret_now, int64_t *ret_most, int reset);

static _Atomic int64_t *numbers; /* in use, of which SQLite's, taken from the system */

static void *watch(void *unused) {
    const struct timespec every = {.tv_nsec = EVERY_NS};
    used_t *used = NULL;
    void *found = dlsym(RTLD_DEFAULT, "sqlite3_memory_used");
    (void)unused;
    memcpy(&used, &found, sizeof used);
    status_t *status = NULL;
    found = dlsym(RTLD_DEFAULT, "sqlite3_status64");
    memcpy(&status, &found, sizeof status);
    for (;;) { /* as long as the program lives */
        struct mallinfo2 info = mallinfo2();
        atomic_store(&numbers[0], (int64_t)(info.uordblks + info.hblkhd));
        int64_t blocks = 0;
        int64_t most = 0;
        if (status != NULL) {
            (void)status(STATUS_BLOCKS, &blocks, &most, 0);
        }
        atomic_store(&numbers[1], used == NULL ? 0 : used() + OVERHEAD * blocks);
        atomic_store(&numbers[2], (int64_t)(info.arena + info.hblkhd));
        (void)nanosleep(&every, NULL);
    }
    return NULL;
}

/* Children have the same environment: pg_dump is none of the programs. */
__attribute__((constructor)) static void begin(void) {
    char path[PATH_BYTES];
    const char *folder = getenv("SOAK_PROBE");
    if (folder == NULL || strncmp(program_invocation_short_name, "drover-", 7) != 0) {
        return;
    }
    (void)snprintf(path, sizeof path, "%s/%d", folder, (int)getpid());
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0 || ftruncate(fd, NUMBERS * (off_t)sizeof *numbers) != 0) {
        _exit(97);
    }
    void *seen = mmap(NULL, NUMBERS * sizeof *numbers, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    (void)close(fd);
    if (seen == MAP_FAILED) {
        _exit(97);
    }
    numbers = seen;
    sigset_t all;
    sigset_t before;
    pthread_t thread;
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_BLOCK, &all, &before);
    if (pthread_create(&thread, NULL, watch, NULL) != 0) {
        _exit(97);
    }
    (void)pthread_detach(thread);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
}
