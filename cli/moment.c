/* moment.c: see moment.h. */
#include "cli/moment.h"
#include "common/base/clock.h"
#include "common/config/quantity.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

#define ZONES "/usr/share/zoneinfo"

enum { NAME_MAX_BYTES = 64, DAY_S = 86400 };

static bool is_zone_name(const char *name) {
    size_t length = strlen(name);
    if (length == 0 || length > NAME_MAX_BYTES || strstr(name, "..") != NULL || name[0] == '/') {
        return false;
    }
    for (const char *c = name; *c != '\0'; c++) {
        if (!isalnum((unsigned char)*c) && strchr("/_+-", *c) == NULL) {
            return false;
        }
    }
    return true;
}

status_t moment_use_zone(const char *name, bool *ret_utc, error_t *err) {
    char path[sizeof ZONES + NAME_MAX_BYTES + 2];
    if (strcasecmp(name, "local") == 0) {
        *ret_utc = false;
        return STATUS_OK;
    }
    bool utc = strcasecmp(name, "utc") == 0 || strcmp(name, "Z") == 0;
    if (!utc && !is_zone_name(name)) {
        return error_set(err, ERROR_INVALID, "--zone '%.64s': local, UTC or a name as in %s", name,
                         "Europe/Lisbon");
    }
    (void)snprintf(path, sizeof path, "%s/%s", ZONES, utc ? "UTC" : name);
    if (!utc && access(path, R_OK) != 0) {
        return error_set(err, ERROR_INVALID, "--zone '%.64s': this host knows no such zone", name);
    }
    if (setenv("TZ", utc ? "UTC" : name, 1) != 0) {
        return error_set(err, ERROR_NO_MEMORY, "no memory for a zone's name");
    }
    tzset();
    *ret_utc = utc;
    return STATUS_OK;
}

/* Read exactly `digits` digits. */
static bool take_number(const char **at, int digits, int *ret_number) {
    int number = 0;
    for (int i = 0; i < digits; i++) {
        if (!isdigit((unsigned char)(*at)[i])) {
            return false;
        }
        number = number * 10 + ((*at)[i] - '0');
    }
    *at += digits;
    *ret_number = number;
    return true;
}

static bool take(const char **at, const char *any) {
    if (**at == '\0' || strchr(any, **at) == NULL) {
        return false;
    }
    (*at)++;
    return true;
}

/* ".5" as microseconds; what is finer is dropped. */
static bool take_fraction(const char **at, int64_t *ret_us) {
    int64_t unit = 100000;
    *ret_us = 0;
    if (!take(at, ".")) {
        return true;
    }
    if (!isdigit((unsigned char)**at)) {
        return false;
    }
    for (; isdigit((unsigned char)**at); (*at)++) {
        *ret_us += (**at - '0') * unit;
        unit /= 10;
    }
    return true;
}

/* "Z" or "+02:00"; neither leaves *ret_given false. */
static bool take_offset(const char **at, bool *ret_given, int *ret_seconds) {
    int hours = 0;
    int minutes = 0;
    *ret_given = true;
    *ret_seconds = 0;
    if (take(at, "Zz")) {
        return true;
    }
    bool west = **at == '-';
    if (!take(at, "+-")) {
        *ret_given = false;
        return true;
    }
    if (!take_number(at, 2, &hours) || !(take(at, ":") || **at != '\0') ||
        !take_number(at, 2, &minutes) || hours > 23 || minutes > 59) {
        return false;
    }
    *ret_seconds = (hours * 60 + minutes) * 60 * (west ? -1 : 1);
    return true;
}

static bool take_clock(const char **at, struct tm *parts, int64_t *ret_fraction_us) {
    *ret_fraction_us = 0;
    if (!take_number(at, 2, &parts->tm_hour) || !take(at, ":") ||
        !take_number(at, 2, &parts->tm_min)) {
        return false;
    }
    if (take(at, ":") &&
        (!take_number(at, 2, &parts->tm_sec) || !take_fraction(at, ret_fraction_us))) {
        return false;
    }
    return parts->tm_hour < 24 && parts->tm_min < 60 && parts->tm_sec < 60;
}

/* A date, perhaps with a time and an offset. */
static bool read_date(const char *text, int64_t *ret_us) {
    struct tm parts = {.tm_isdst = -1};
    const char *at = text;
    int64_t fraction_us = 0;
    bool given = false;
    int offset = 0;
    if (!take_number(&at, 4, &parts.tm_year) || !take(&at, "-") ||
        !take_number(&at, 2, &parts.tm_mon) || !take(&at, "-") ||
        !take_number(&at, 2, &parts.tm_mday)) {
        return false;
    }
    parts.tm_year -= 1900;
    parts.tm_mon -= 1;
    if (take(&at, "Tt ") &&
        (!take_clock(&at, &parts, &fraction_us) || !take_offset(&at, &given, &offset))) {
        return false;
    }
    int month = parts.tm_mon;
    int day = parts.tm_mday;
    time_t seconds = given ? timegm(&parts) : mktime(&parts);
    if (*at != '\0' || parts.tm_mon != month || parts.tm_mday != day) { /* as in 31 April */
        return false;
    }
    *ret_us = ((int64_t)seconds - offset) * US_PER_S + fraction_us;
    return *ret_us > 0;
}

/* Where the day of now, less some days, begins in the zone in use. */
static int64_t day_before(int64_t now_us, int days) {
    time_t now = (time_t)(now_us / US_PER_S);
    struct tm parts = {0};
    (void)localtime_r(&now, &parts);
    parts.tm_hour = parts.tm_min = parts.tm_sec = 0;
    parts.tm_mday -= days;
    parts.tm_isdst = -1;
    return (int64_t)mktime(&parts) * US_PER_S;
}

/* "2h", "2h ago". */
static bool read_ago(const char *text, int64_t *ret_us) {
    char duration[QUANTITY_TEXT_SIZE];
    error_t why;
    size_t length = strlen(text);
    if (length > 4 && strcmp(text + length - 4, " ago") == 0) {
        length -= 4;
    }
    if (length >= sizeof duration) {
        return false;
    }
    memcpy(duration, text, length);
    duration[length] = '\0';
    return quantity_duration(duration, ret_us, &why) == STATUS_OK;
}

status_t moment_parse(const moment_text_t *moment, int64_t *ret_us, error_t *err) {
    int64_t us = 0;
    if (strcmp(moment->text, "now") == 0) {
        us = moment->now_us;
    } else if (strcmp(moment->text, "today") == 0) {
        us = day_before(moment->now_us, 0);
    } else if (strcmp(moment->text, "yesterday") == 0) {
        us = day_before(moment->now_us, 1);
    } else if (read_ago(moment->text, &us)) {
        us = moment->now_us - us;
    } else if (!read_date(moment->text, &us)) {
        return error_set(err, ERROR_INVALID,
                         "%s '%.64s': expected a time as in 2026-03-01, 2026-03-01T03:00Z, "
                         "yesterday, or 2h for two hours ago",
                         moment->what, moment->text);
    }
    *ret_us = us;
    return STATUS_OK;
}
