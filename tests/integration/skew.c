/*
 * skew.c: a wall clock ten minutes fast, or by as many seconds as SKEW_AHEAD_S in the environment
 * says, for a program that is started with this library in LD_PRELOAD (test_bad_peers.py,
 * test_trust_fleet.py). Only CLOCK_REALTIME differs: leases run on another clock. clock_gettime(2).
 */
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static long ahead_s(void) {
    const char *text = getenv("SKEW_AHEAD_S");
    return text != NULL ? strtol(text, NULL, 10) : 600;
}

int clock_gettime(clockid_t clock, struct timespec *now) {
    long status = syscall(SYS_clock_gettime, clock, now);
    if (status == 0 && clock == CLOCK_REALTIME) {
        now->tv_sec += ahead_s();
    }
    return (int)status;
}
