/*
 * skew.c: a wall clock ten minutes fast, for a program that is started with this library in
 * LD_PRELOAD (test_bad_peers.py). Only CLOCK_REALTIME differs: leases run on another clock.
 * clock_gettime(2).
 */
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { AHEAD_S = 600 };

int clock_gettime(clockid_t clock, struct timespec *now) {
    long status = syscall(SYS_clock_gettime, clock, now);
    if (status == 0 && clock == CLOCK_REALTIME) {
        now->tv_sec += AHEAD_S;
    }
    return (int)status;
}
