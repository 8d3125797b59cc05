/*
 * fingerprint.c: digests of a result, and the reading of masks and stamps; see fingerprint.h.
 */
#include "common/postgres/fingerprint.h"
#include "common/base/cleanup.h"
#include "common/crypto/hash.h"
#include "common/postgres/fingerprint_kinds.h"
#include "common/postgres/fingerprint_read.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { RESULT_COLUMNS = 3 }; /* kind, row, hash of the row's version */

#define SETTINGS "pg_catalog, pg_temp|UTC|ISO, YMD|postgres|1|hex|C|off"

static status_t check_result(const PGresult *result, int columns, error_t *err) {
    if (PQresultStatus(result) != PGRES_TUPLES_OK || PQntuples(result) < 1 ||
        PQnfields(result) != columns) {
        return error_set(err, ERROR_INVALID, "not the result of a fingerprint's query");
    }
    return STATUS_OK;
}

static status_t parse_mask(const char *text, uint64_t *ret_mask, error_t *err) {
    char *end = NULL;
    const uint64_t mask = strtoull(text, &end, 10);
    if (end == text || (*end != '\0' && *end != '.' && *end != ',')) {
        return error_set(err, ERROR_INVALID, "a fingerprint's mask is no number");
    }
    *ret_mask = mask;
    return STATUS_OK;
}

/* The first row: mask and settings, "(123,""pg_catalog, …"")". */
static status_t read_first_mask(const PGresult *result, uint64_t *ret_mask, error_t *err) {
    const char *row = PQgetvalue(result, 0, 1);
    if (strcmp(PQgetvalue(result, 0, 0), "-1") != 0 || row[0] != '(') {
        return error_set(err, ERROR_INVALID, "not the result of a fingerprint's query");
    }
    return parse_mask(row + 1, ret_mask, err);
}

status_t fingerprint_probe_read(const PGresult *result, uint64_t *ret_mask, error_t *err) {
    TRY(check_result(result, 1, err));
    return parse_mask(PQgetvalue(result, 0, 0), ret_mask, err);
}

status_t fingerprint_stamp_read(const PGresult *result, const fingerprint_scope_t *scope,
                                fingerprint_stamp_t *ret_stamp, error_t *err) {
    TRY(check_result(result, 1, err));
    fingerprint_stamp_t stamp = {0};
    const char *text = PQgetvalue(result, 0, 0);
    if (strlen(text) >= sizeof stamp.text) {
        return error_set(err, ERROR_INVALID, "a stamp of %zu bytes", strlen(text));
    }
    TRY(parse_mask(text, &stamp.mask, err));
    memcpy(stamp.text, text, strlen(text));
    stamp.complete = (stamp.mask & ~scope->mask) == 0;
    *ret_stamp = stamp;
    return STATUS_OK;
}

/* PostgreSQL's sum of bigints as its numeric prints it: exact, of any length. */
static void print_sum(buffer_t *text, __int128 sum) {
    char digits[48];
    size_t at = sizeof digits;
    unsigned __int128 left = sum < 0 ? -(unsigned __int128)sum : (unsigned __int128)sum;
    do {
        digits[--at] = (char)('0' + (int)(left % 10));
        left /= 10;
    } while (left != 0);
    buffer_text(text, sum < 0 ? "-" : "");
    buffer_append(text, digits + at, sizeof digits - at);
}

/* A bigint's text; false where it is none. */
static bool read_hash(const char *text, int64_t *ret_hash) {
    const bool negative = text[0] == '-';
    const char *at = text + (negative ? 1 : 0);
    uint64_t number = 0;
    const char *const digits = at;
    for (; *at >= '0' && *at <= '9' && at - digits < 19; at++) {
        number = number * 10 + (uint64_t)(*at - '0');
    }
    if (at == digits || *at != '\0' || number > (uint64_t)INT64_MAX + (negative ? 1 : 0)) {
        return false;
    }
    *ret_hash = (int64_t)(negative ? 0 - number : number);
    return true;
}

/* Only kinds that hold something by the catalogs' own word: so the stamp is the same whatever more
 * the scope asked for. */
static status_t add_rows(const PGresult *result, const fingerprint_scope_t *held, size_t *ret_count,
                         __int128 *ret_sum, error_t *err) {
    size_t count = 0;
    __int128 sum = 0;
    for (int i = 1; i < PQntuples(result); i++) {
        int64_t hash = 0;
        const uint32_t kind = fingerprint_oid(PQgetvalue(result, i, 0));
        if (kind >= fingerprint_kind_count || !read_hash(PQgetvalue(result, i, 2), &hash)) {
            return error_set(err, ERROR_INVALID, "row %d is none of a fingerprint", i);
        }
        if (fingerprint_kind_wanted(&fingerprint_kinds[kind], held)) {
            count++;
            sum += hash;
        }
    }
    *ret_count = count;
    *ret_sum = sum;
    return STATUS_OK;
}

status_t fingerprint_stamp_from_result(const PGresult *result, const fingerprint_scope_t *scope,
                                       fingerprint_stamp_t *ret_stamp, error_t *err) {
    CLEANUP(buffer_free) buffer_t text = {0};
    fingerprint_stamp_t stamp = {0};
    size_t count = 0;
    __int128 sum = 0;
    TRY(check_result(result, RESULT_COLUMNS, err));
    TRY(read_first_mask(result, &stamp.mask, err));
    stamp.complete = (stamp.mask & ~scope->mask) == 0;
    if (stamp.complete) {
        fingerprint_scope_t held = {.server_version_num = scope->server_version_num,
                                    .mask = stamp.mask};
        TRY(add_rows(result, &held, &count, &sum, err));
        buffer_format(&text, "%" PRIu64 ".%d.%zu.", stamp.mask, FINGERPRINT_ALGORITHM, count);
        print_sum(&text, sum);
        TRY(buffer_check(&text, err));
        INVARIANT(text.size < sizeof stamp.text);
        memcpy(stamp.text, buffer_string(&text), text.size);
    }
    *ret_stamp = stamp;
    return STATUS_OK;
}

uint64_t fingerprint_stamp_mask(const char *stamp) {
    error_t ignored = {0};
    uint64_t mask = 0;
    return parse_mask(stamp, &mask, &ignored) == STATUS_OK ? mask : 0;
}

static status_t check_first(const PGresult *result, const fingerprint_scope_t *scope,
                            error_t *err) {
    const char *row = PQgetvalue(result, 0, 1);
    uint64_t mask = 0;
    TRY(read_first_mask(result, &mask, err));
    if (strstr(row, ",\"" SETTINGS "\")") == NULL) {
        return error_set(err, ERROR_INVALID,
                         "a fingerprint was read under other settings than its own: %s", row);
    }
    if ((mask & ~scope->mask) != 0) {
        return error_set(err, ERROR_CATALOG_MOVED,
                         "the catalogs hold more than the fingerprint asked for (%#" PRIx64 ")",
                         mask & ~scope->mask);
    }
    return STATUS_OK;
}

static digest_t digest_lines(const fingerprint_reader_t *reader, int major, const char *name,
                             const char *classes) {
    hash_t hash;
    hash_begin(&hash, HASH_FINGERPRINT);
    hash_add_number(&hash, FINGERPRINT_ALGORITHM);
    hash_add_number(&hash, major);
    hash_add_text(&hash, name);
    for (size_t i = 0; i < reader->line_count; i++) {
        if (strchr(classes, reader->lines[i].class) != NULL) {
            hash_add(&hash, reader->lines[i].text, reader->lines[i].size + 1);
        }
    }
    return hash_end(&hash);
}

static status_t digest(const fingerprint_reader_t *reader, int major,
                       fingerprint_t *ret_fingerprint, buffer_t *text, error_t *err) {
    *ret_fingerprint = (fingerprint_t){
        .strict = digest_lines(reader, major, "strict", "LS"),
        .logical = digest_lines(reader, major, "logical", "L"),
        .database = digest_lines(reader, major, "database", "D"),
        .lines = reader->line_count,
    };
    for (size_t i = 0; text != NULL && i < reader->line_count; i++) {
        buffer_append(text, reader->lines[i].text, reader->lines[i].size);
        buffer_char(text, '\n');
    }
    return text == NULL ? STATUS_OK : buffer_check(text, err);
}

status_t fingerprint_from_result(const PGresult *result, const fingerprint_scope_t *scope,
                                 const fingerprint_exceptions_t *exceptions,
                                 fingerprint_t *ret_fingerprint, buffer_t *text, error_t *err) {
    TRY(check_result(result, RESULT_COLUMNS, err));
    TRY(check_first(result, scope, err));
    fingerprint_t fingerprint;
    CLEANUP(fingerprint_reader_free)
    fingerprint_reader_t reader = {.exceptions = exceptions};
    TRY(fingerprint_read(&reader, result, err));
    TRY(digest(&reader, scope->server_version_num / 10000, &fingerprint, text, err));
    *ret_fingerprint = fingerprint;
    return STATUS_OK;
}
