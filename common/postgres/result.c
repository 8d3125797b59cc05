/* result.c: see result.h. */
#include "common/postgres/result.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

status_t result_text(result_row_t row, const char *column, const char **ret_text, error_t *err) {
    int number = PQfnumber(row.result, column);
    if (number < 0 || row.row < 0 || row.row >= PQntuples(row.result)) {
        return error_set(err, ERROR_DB_SQL, "the server's answer has no column '%s' in row %d",
                         column, row.row + 1);
    }
    bool null = PQgetisnull(row.result, row.row, number) != 0;
    *ret_text = null ? NULL : PQgetvalue(row.result, row.row, number);
    return STATUS_OK;
}

static status_t present_text(result_row_t row, const char *column, const char **ret_text,
                             error_t *err) {
    const char *text = NULL;
    TRY(result_text(row, column, &text, err));
    if (text == NULL) {
        return error_set(err, ERROR_DB_SQL, "column '%s' of the server's answer is NULL", column);
    }
    *ret_text = text;
    return STATUS_OK;
}

status_t result_number(result_row_t row, const char *column, int64_t *ret_number, error_t *err) {
    const char *text = NULL;
    TRY(present_text(row, column, &text, err));
    char *end = NULL;
    errno = 0;
    long long number = strtoll(text, &end, 10);
    if (errno != 0 || end == text || *end != '\0') {
        return error_set(err, ERROR_DB_SQL, "column '%s' of the server's answer is no number",
                         column);
    }
    *ret_number = number;
    return STATUS_OK;
}

status_t result_bool(result_row_t row, const char *column, bool *ret_bool, error_t *err) {
    const char *text = NULL;
    TRY(present_text(row, column, &text, err));
    if (strcmp(text, "t") != 0 && strcmp(text, "f") != 0) {
        return error_set(err, ERROR_DB_SQL, "column '%s' of the server's answer is no boolean",
                         column);
    }
    *ret_bool = text[0] == 't';
    return STATUS_OK;
}

status_t result_ident(result_row_t row, const char *column, ident_t *ret_id, error_t *err) {
    const char *text = NULL;
    ident_t id = {0};
    TRY(result_text(row, column, &text, err));
    if (text != NULL && ident_parse(text, &id, err) != STATUS_OK) {
        return error_context(err, "reading column '%s'", column);
    }
    *ret_id = id;
    return STATUS_OK;
}

status_t result_bytea(result_row_t row, const char *column, result_bytes_t ret, error_t *err) {
    const char *text = NULL;
    TRY(result_text(row, column, &text, err));
    if (text == NULL) {
        memset(ret.bytes, 0, ret.size);
    } else if (strncmp(text, "\\x", 2) != 0) {
        return error_set(err, ERROR_DB_SQL, "column '%s' of the server's answer is no bytea in hex",
                         column);
    } else if (hex_parse(text + 2, ret.size, ret.bytes, err) != STATUS_OK) {
        return error_context(err, "reading column '%s'", column);
    }
    if (ret.ret_null != NULL) {
        *ret.ret_null = text == NULL;
    }
    return STATUS_OK;
}

status_t result_digest(result_row_t row, const char *column, digest_t *ret_digest, error_t *err) {
    digest_t digest = {0};
    TRY(result_bytea(row, column, (result_bytes_t){digest.bytes, DIGEST_BYTES, NULL}, err));
    *ret_digest = digest;
    return STATUS_OK;
}

status_t result_copy(result_row_t row, const char *column, char *ret_text, size_t size,
                     error_t *err) {
    const char *text = NULL;
    TRY(result_text(row, column, &text, err));
    size_t length = text == NULL ? 0 : strlen(text);
    if (length >= size) {
        return error_set(err, ERROR_BOUND, "column '%s' of the server's answer is longer than %zu",
                         column, size - 1);
    }
    memcpy(ret_text, text == NULL ? "" : text, length + 1);
    return STATUS_OK;
}
