/* clock.c: see clock.h. */
#include "common/base/clock.h"
#include "common/base/status.h"

#include <stdio.h>
#include <time.h>

static int64_t read_us(clockid_t clock) {
    struct timespec now;
    INVARIANT(clock_gettime(clock, &now) == 0);
    return (int64_t)now.tv_sec * US_PER_S + now.tv_nsec / 1000;
}

int64_t clock_wall_us(void) {
    return read_us(CLOCK_REALTIME);
}

int64_t clock_boot_us(void) {
    return read_us(CLOCK_BOOTTIME);
}

const char *clock_text(int64_t wall_us, char buffer[CLOCK_TEXT_SIZE]) {
    int64_t seconds = wall_us / US_PER_S;
    int64_t rest = wall_us % US_PER_S;
    if (rest < 0) {
        rest += US_PER_S;
        seconds--;
    }
    time_t when = (time_t)seconds;
    struct tm parts;
    if (gmtime_r(&when, &parts) == NULL || parts.tm_year + 1900 > 9999) {
        (void)snprintf(buffer, CLOCK_TEXT_SIZE, "out of range");
        return buffer;
    }
    char day[20];
    (void)strftime(day, sizeof day, "%Y-%m-%dT%H:%M:%S", &parts);
    (void)snprintf(buffer, CLOCK_TEXT_SIZE, "%.19s.%06dZ", day, (int)rest);
    return buffer;
}
