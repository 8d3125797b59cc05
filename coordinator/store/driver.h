/*
 * driver.h: the seam between the catalog and the database that holds it.
 *
 * A driver is a connection that only the store uses: prepare, bind, step, read columns, and
 * transactions. SQLite's is the only one built; PostgreSQL's fits behind the same functions, since
 * every statement is one text for both (statements.def), with parameters $1, $2, … bound by their
 * number. What a driver answers as ERROR_STORE means that nothing was changed by the call.
 */
#ifndef DROVER_STORE_DRIVER_H
#define DROVER_STORE_DRIVER_H

#include "common/base/cleanup.h"
#include "common/base/error.h"

#include <stdint.h>

typedef struct driver driver_t;
typedef struct driver_statement driver_statement_t; /* each driver's own */

/* Bytes that live at least until the statement's next reset. */
typedef struct driver_bytes {
    const void *data;
    size_t size;
} driver_bytes_t;

typedef struct driver_ops {
    void (*destroy)(driver_t *self);

    /* Run a script of several statements without parameters. */
    status_t (*exec)(driver_t *self, const char *script, error_t *err);

    /* begin takes the right to write at once, so that commit is the only late refusal. */
    status_t (*begin)(driver_t *self, error_t *err);
    status_t (*commit)(driver_t *self, error_t *err);
    void (*rollback)(driver_t *self);

    status_t (*prepare)(driver_t *self, const char *sql, driver_statement_t **ret_statement,
                        error_t *err);
    void (*finalize)(driver_statement_t *statement);

    /* Bind parameter $number; borrowed until the reset, but copied for bind_copy. */
    status_t (*bind_number)(driver_statement_t *statement, int number, int64_t value, error_t *err);
    status_t (*bind_text)(driver_statement_t *statement, int number, const char *text,
                          error_t *err);
    status_t (*bind_copy)(driver_statement_t *statement, int number, const char *text,
                          error_t *err);
    status_t (*bind_bytes)(driver_statement_t *statement, int number, driver_bytes_t bytes,
                           error_t *err);

    /* Run to the next row; ret_row false at the end. */
    status_t (*step)(driver_statement_t *statement, bool *ret_row, error_t *err);
    void (*reset)(driver_statement_t *statement);

    /* Columns count from 0 and are borrowed until the next step or reset. */
    int64_t (*column_number)(driver_statement_t *statement, int column);
    const char *(*column_text)(driver_statement_t *statement, int column, size_t *ret_size);
    driver_bytes_t (*column_bytes)(driver_statement_t *statement, int column);

    /* Rows that the last INSERT, UPDATE or DELETE touched. */
    int64_t (*changed)(driver_statement_t *statement);
} driver_ops_t;

struct driver {
    const driver_ops_t *ops;
};

/* Open SQLite's driver on a path, created where it is missing: sole owner, WAL, synchronous FULL.
 * STORE_LOCKED, IO, DISK_FULL, STORE. */
MUST_CHECK status_t sqlite_driver_open(const char *path, driver_t **ret_driver, error_t *err);

#endif
