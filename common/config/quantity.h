/*
 * quantity.h: numbers with units as people write them. Pure.
 *
 * Durations: a whole number and one of us, ms, s, min, h, d ("500ms", "5min"); several may follow
 * each other from large to small ("1h30min"). Sizes: a whole number and B, KiB, MiB, GiB or TiB, or
 * kB, MB, GB, TB in powers of ten. A bare number other than 0 is refused: it would leave the unit
 * to the reader.
 */
#ifndef DROVER_CONFIG_QUANTITY_H
#define DROVER_CONFIG_QUANTITY_H

#include "common/base/error.h"

#include <stdint.h>

#define QUANTITY_SECOND INT64_C(1000000)
#define QUANTITY_MINUTE (60 * QUANTITY_SECOND)
#define QUANTITY_HOUR (60 * QUANTITY_MINUTE)
#define QUANTITY_DAY (24 * QUANTITY_HOUR)

enum { QUANTITY_TEXT_SIZE = 48 };

/* Microseconds of a duration; never negative. ERROR_INVALID says what was expected. */
MUST_CHECK status_t quantity_duration(const char *text, int64_t *ret_us, error_t *err);

/* Bytes of a size; never negative. */
MUST_CHECK status_t quantity_size(const char *text, int64_t *ret_bytes, error_t *err);

/* A percentage ("25%", "0.5 %", "25") in hundredths of a percent, 0 to 10000. */
MUST_CHECK status_t quantity_percent(const char *text, int64_t *ret_bp, error_t *err);

/* A whole decimal number, sign allowed, nothing else around it. */
MUST_CHECK status_t quantity_integer(const char *text, int64_t *ret_number, error_t *err);

/* The canonical texts, read back by the functions above to the same number; answer buffer. */
const char *quantity_duration_text(int64_t us, char buffer[QUANTITY_TEXT_SIZE]);
const char *quantity_size_text(int64_t bytes, char buffer[QUANTITY_TEXT_SIZE]);
const char *quantity_percent_text(int64_t bp, char buffer[QUANTITY_TEXT_SIZE]);

#endif
