/*
 * clock.h: the only place where time enters the programs.
 *
 * Engines never call this; a loop reads the clock and hands the reading in with the event. Times
 * are int64 microseconds. Leases run on CLOCK_BOOTTIME, which goes on through suspend and never
 * jumps; expiry and audit use the wall clock. Source: clock_gettime(2).
 */
#ifndef DROVER_BASE_CLOCK_H
#define DROVER_BASE_CLOCK_H

#include <stddef.h>
#include <stdint.h>

#define US_PER_MS INT64_C(1000)
#define US_PER_S INT64_C(1000000)

/* Microseconds since 1970-01-01 UTC. */
int64_t clock_wall_us(void);

/* Microseconds since the host booted, suspend included. */
int64_t clock_boot_us(void);

enum { CLOCK_TEXT_SIZE = 28 };

/* "2026-03-01T03:00:00.123456Z"; answers buffer. */
const char *clock_text(int64_t wall_us, char buffer[CLOCK_TEXT_SIZE]);

#endif
