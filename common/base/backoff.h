/*
 * backoff.h: retry as a value with units. Pure: the caller brings the chance.
 *
 * Exponential with full jitter between half and the whole of the step, so that a fleet that fails
 * at once does not come back at once. Source: "Exponential Backoff And Jitter", AWS Architecture
 * Blog.
 */
#ifndef DROVER_BASE_BACKOFF_H
#define DROVER_BASE_BACKOFF_H

#include <stdint.h>

typedef struct backoff {
    int64_t first_ms; /* wait before the second try, at most */
    int64_t most_ms;  /* no wait is longer */
    int attempts;     /* tries in all; 0 is no bound */
} backoff_t;

/* Wait before the try that follows `tries` failed ones (1 or more); chance is any 32 random bits.
 */
int64_t backoff_wait_ms(const backoff_t *backoff, int tries, uint32_t chance);

#endif
