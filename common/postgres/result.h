/*
 * result.h: typed reading of a PGresult in text format, checked: a column that is missing or no
 * such value is an error that names the column, never a zero.
 */
#ifndef DROVER_POSTGRES_RESULT_H
#define DROVER_POSTGRES_RESULT_H

#include "common/base/digest.h"
#include "common/base/ident.h"

#include <libpq-fe.h>

/* A row of a result; reading goes by column name. */
typedef struct result_row {
    const PGresult *result;
    int row;
} result_row_t;

/* ret_text is borrowed from the result; NULL for SQL NULL. */
MUST_CHECK status_t result_text(result_row_t row, const char *column, const char **ret_text,
                                error_t *err);
MUST_CHECK status_t result_number(result_row_t row, const char *column, int64_t *ret_number,
                                  error_t *err);
/* "t" or "f"; NULL is an error. */
MUST_CHECK status_t result_bool(result_row_t row, const char *column, bool *ret_bool, error_t *err);
/* SQL NULL gives the null id. */
MUST_CHECK status_t result_ident(result_row_t row, const char *column, ident_t *ret_id,
                                 error_t *err);
/* Exactly size bytes of bytea in hex; SQL NULL gives zeroes and *ret_null (may be NULL) true. */
typedef struct result_bytes {
    uint8_t *bytes;
    size_t size;
    bool *ret_null;
} result_bytes_t;
MUST_CHECK status_t result_bytea(result_row_t row, const char *column, result_bytes_t ret,
                                 error_t *err);
/* SQL NULL gives the null digest. */
MUST_CHECK status_t result_digest(result_row_t row, const char *column, digest_t *ret_digest,
                                  error_t *err);
/* Copy text into an array of size bytes. ERROR_BOUND where it does not fit; NULL gives "". */
MUST_CHECK status_t result_copy(result_row_t row, const char *column, char *ret_text, size_t size,
                                error_t *err);

#endif
