/* moment.h: times as an operator types them, and the zone in which they are meant. */
#ifndef DROVER_CLI_MOMENT_H
#define DROVER_CLI_MOMENT_H

#include "common/base/error.h"

#include <stdint.h>

/*
 * Make the process read and show local times in this zone: "local" (the system's), "utc" in any
 * case, or a name of the zone database (tzset(3)). ret_utc tells that it is UTC. ERROR_INVALID
 * where there is no such zone: the C library would silently take UTC.
 */
MUST_CHECK status_t moment_use_zone(const char *name, bool *ret_utc, error_t *err);

/*
 * Microseconds since 1970 of a text: a duration ("2h" or "2h ago"), now, today, yesterday (where
 * they begin), a date, or a date with a time ("2026-03-01 03:00", "2026-03-01T03:00:00.5Z",
 * "…+02:00", RFC 3339). Without an offset it is a time of the zone in use. ERROR_INVALID says what
 * is understood.
 */
typedef struct moment_text {
    const char *what; /* "--since", for the message */
    const char *text;
    int64_t now_us;
} moment_text_t;

MUST_CHECK status_t moment_parse(const moment_text_t *moment, int64_t *ret_us, error_t *err);

#endif
