/* quantity.c: see quantity.h. */
#include "common/config/quantity.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

typedef struct unit {
    const char *name;
    int64_t factor;
} unit_t;

/* Large to small: the order that a text of several must keep. */
static const unit_t DURATION_UNITS[] = {
    {"d", QUANTITY_DAY},    {"h", QUANTITY_HOUR}, {"min", QUANTITY_MINUTE},
    {"s", QUANTITY_SECOND}, {"ms", 1000},         {"us", 1},
};
static const unit_t SIZE_UNITS[] = {
    {"TiB", INT64_C(1) << 40},   {"TB", INT64_C(1000000000000)}, {"GiB", INT64_C(1) << 30},
    {"GB", INT64_C(1000000000)}, {"MiB", INT64_C(1) << 20},      {"MB", INT64_C(1000000)},
    {"KiB", INT64_C(1) << 10},   {"kB", INT64_C(1000)},          {"B", INT64_C(1)},
};

enum {
    DURATION_COUNT = sizeof DURATION_UNITS / sizeof DURATION_UNITS[0],
    SIZE_COUNT = sizeof SIZE_UNITS / sizeof SIZE_UNITS[0],
};

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

/* Read the digits at *text_p and step over them. False where there is none, or too many. */
static bool take_number(const char **text_p, int64_t *ret_number) {
    const char *text = *text_p;
    int64_t number = 0;
    if (!is_digit(*text)) {
        return false;
    }
    for (; is_digit(*text); text++) {
        if (__builtin_mul_overflow(number, 10, &number) ||
            __builtin_add_overflow(number, *text - '0', &number)) {
            return false;
        }
    }
    *text_p = text;
    *ret_number = number;
    return true;
}

/* The unit whose whole name stands at *text_p, stepped over, or NULL. */
static const unit_t *take_unit(const char **text_p, const unit_t *units, size_t count) {
    size_t length = 0;
    while ((*text_p)[length] != '\0' && !is_digit((*text_p)[length]) && (*text_p)[length] != ' ') {
        length++;
    }
    for (size_t i = 0; i < count; i++) {
        if (strlen(units[i].name) == length && memcmp(units[i].name, *text_p, length) == 0) {
            *text_p += length;
            return &units[i];
        }
    }
    return NULL;
}

status_t quantity_duration(const char *text, int64_t *ret_us, error_t *err) {
    const char *at = text;
    const unit_t *before = NULL;
    int64_t sum = 0;
    if (strcmp(text, "0") == 0) {
        *ret_us = 0;
        return STATUS_OK;
    }
    do { /* each turn steps over at least a digit */
        int64_t number = 0;
        if (!take_number(&at, &number)) {
            break;
        }
        const unit_t *unit = take_unit(&at, DURATION_UNITS, DURATION_COUNT);
        if (unit == NULL || (before != NULL && unit <= before)) {
            break;
        }
        before = unit;
        if (__builtin_mul_overflow(number, unit->factor, &number) ||
            __builtin_add_overflow(sum, number, &sum)) {
            break;
        }
        if (*at == '\0') {
            *ret_us = sum;
            return STATUS_OK;
        }
    } while (true);
    return error_set(err, ERROR_INVALID,
                     "'%.64s' is no duration: write a whole number and us, ms, s, min, h or d, "
                     "as in 500ms or 1h30min",
                     text);
}

status_t quantity_size(const char *text, int64_t *ret_bytes, error_t *err) {
    const char *at = text;
    int64_t number = 0;
    if (take_number(&at, &number)) {
        if (*at == '\0' && number == 0) {
            *ret_bytes = 0;
            return STATUS_OK;
        }
        if (*at == ' ') {
            at++;
        }
        const unit_t *unit = take_unit(&at, SIZE_UNITS, SIZE_COUNT);
        if (unit != NULL && *at == '\0' && !__builtin_mul_overflow(number, unit->factor, &number)) {
            *ret_bytes = number;
            return STATUS_OK;
        }
    }
    return error_set(err, ERROR_INVALID,
                     "'%.64s' is no size: write a whole number and B, KiB, MiB, GiB or TiB, "
                     "as in 10GiB",
                     text);
}

status_t quantity_percent(const char *text, int64_t *ret_bp, error_t *err) {
    const char *at = text;
    int64_t whole = 0;
    int64_t hundredths = 0;
    bool good = take_number(&at, &whole) && whole <= 100;
    if (good && *at == '.') {
        at++;
        good = is_digit(*at);
        for (int64_t place = 10; good && is_digit(*at); place /= 10, at++) {
            good = place > 0;
            hundredths += place * (*at - '0');
        }
    }
    if (good && *at == ' ' && at[1] == '%') {
        at++;
    }
    if (good && *at == '%') {
        at++;
    }
    if (!good || *at != '\0' || whole * 100 + hundredths > 10000) {
        return error_set(
            err, ERROR_INVALID,
            "'%.64s' is no percentage: write 0 to 100 with at most two decimals, as in "
            "25%%",
            text);
    }
    *ret_bp = whole * 100 + hundredths;
    return STATUS_OK;
}

status_t quantity_integer(const char *text, int64_t *ret_number, error_t *err) {
    const char *at = text;
    bool negative = *at == '-';
    int64_t number = 0;
    if (negative) {
        at++;
    }
    if (!take_number(&at, &number) || *at != '\0') {
        return error_set(err, ERROR_INVALID, "'%.64s' is no whole number", text);
    }
    *ret_number = negative ? -number : number;
    return STATUS_OK;
}

const char *quantity_duration_text(int64_t us, char buffer[QUANTITY_TEXT_SIZE]) {
    INVARIANT(us >= 0);
    if (us == 0) {
        (void)snprintf(buffer, QUANTITY_TEXT_SIZE, "0s");
        return buffer;
    }
    size_t used = 0;
    for (size_t i = 0; i < DURATION_COUNT && us > 0; i++) {
        int64_t number = us / DURATION_UNITS[i].factor;
        us %= DURATION_UNITS[i].factor;
        if (number > 0) {
            int n = snprintf(buffer + used, QUANTITY_TEXT_SIZE - used, "%" PRId64 "%s", number,
                             DURATION_UNITS[i].name);
            INVARIANT(n > 0 && (size_t)n < QUANTITY_TEXT_SIZE - used);
            used += (size_t)n;
        }
    }
    return buffer;
}

const char *quantity_size_text(int64_t bytes, char buffer[QUANTITY_TEXT_SIZE]) {
    INVARIANT(bytes >= 0);
    const unit_t *best = &SIZE_UNITS[SIZE_COUNT - 1];
    for (size_t i = 0; i < SIZE_COUNT && bytes > 0; i += 2) { /* the binary ones */
        if (bytes % SIZE_UNITS[i].factor == 0) {
            best = &SIZE_UNITS[i];
            break;
        }
    }
    (void)snprintf(buffer, QUANTITY_TEXT_SIZE, "%" PRId64 "%s", bytes / best->factor, best->name);
    return buffer;
}

const char *quantity_percent_text(int64_t bp, char buffer[QUANTITY_TEXT_SIZE]) {
    if (bp % 100 == 0) {
        (void)snprintf(buffer, QUANTITY_TEXT_SIZE, "%" PRId64 "%%", bp / 100);
    } else {
        (void)snprintf(buffer, QUANTITY_TEXT_SIZE, "%" PRId64 ".%02" PRId64 "%%", bp / 100,
                       bp % 100);
    }
    return buffer;
}
