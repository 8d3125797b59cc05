/*
 * sqlite_driver.c: the catalog in one SQLite file. See driver.h.
 *
 * WAL with synchronous=FULL: a commit that was acknowledged survives a power loss. `$n` is a named
 * parameter in SQLite, so each statement keeps a table from n to SQLite's own index. Sources:
 * sqlite.org/pragma.html, sqlite.org/c3ref/bind_parameter_index.html, sqlite.org/rescode.html.
 */
#include "coordinator/store/driver.h"
#include "common/base/buffer.h"
#include "coordinator/store/owner_lock.h"

#include <sqlite3.h>
#include <stdio.h>
#include <string.h>

enum {
    PARAMETERS_MAX = 48,
    BUSY_TIMEOUT_MS = 5000, /* a reader of the same file, such as a backup of it */
};

typedef struct sqlite_driver {
    driver_t base;
    sqlite3 *database;
    char *path;
    int lock; /* file descriptor of the owner's lock */
} sqlite_driver_t;

struct driver_statement {
    sqlite_driver_t *driver;
    sqlite3_stmt *statement;
    int parameters;            /* highest number in use */
    int index[PARAMETERS_MAX]; /* SQLite's index of $n at n - 1 */
};

static sqlite_driver_t *of(driver_t *self) {
    /* base is the first member */
    return (sqlite_driver_t *)self;
}

/* Name what SQLite answered. The driver's path stands in the message: it is whose disk to look at.
 */
static status_t fail(const sqlite_driver_t *self, int code, error_t *err) {
    const char *message =
        self->database != NULL ? sqlite3_errmsg(self->database) : sqlite3_errstr(code);
    int primary = code & 0xff;
    if (primary == SQLITE_FULL) {
        return error_set(err, ERROR_DISK_FULL, "no room for catalog '%s': %s", self->path, message);
    }
    if (primary == SQLITE_NOMEM) {
        return error_set(err, ERROR_NO_MEMORY, "catalog '%s': %s", self->path, message);
    }
    (void)error_set(err, ERROR_STORE, "catalog '%s': %s (SQLite %d)", self->path, message, code);
    bool passing = primary == SQLITE_BUSY || primary == SQLITE_LOCKED || primary == SQLITE_IOERR;
    err->retry = passing ? RETRY_TRANSIENT : RETRY_PERMANENT;
    return STATUS_ERROR;
}

static void driver_destroy(driver_t *self) {
    sqlite_driver_t *driver = of(self);
    if (driver->database != NULL) {
        (void)sqlite3_close_v2(driver->database);
    }
    /* last: until the file is closed nobody else may own it */
    if (driver->lock >= 0) {
        (void)close(driver->lock);
    }
    free(driver->path);
    free(driver);
}

static status_t driver_exec(driver_t *self, const char *script, error_t *err) {
    int code = sqlite3_exec(of(self)->database, script, NULL, NULL, NULL);
    return code == SQLITE_OK ? STATUS_OK : fail(of(self), code, err);
}

static status_t driver_begin(driver_t *self, error_t *err) {
    return driver_exec(self, "BEGIN IMMEDIATE", err);
}

static void driver_rollback(driver_t *self) {
    /* some errors (a full disk among them) have rolled back already */
    if (sqlite3_get_autocommit(of(self)->database) == 0) {
        (void)sqlite3_exec(of(self)->database, "ROLLBACK", NULL, NULL, NULL);
    }
}

static status_t driver_commit(driver_t *self, error_t *err) {
    status_t status = driver_exec(self, "COMMIT", err);
    if (status != STATUS_OK) {
        driver_rollback(self);
    }
    return status;
}

/* Fill the table from $n to SQLite's index; a hole or another kind of parameter is our mistake. */
static status_t number_parameters(driver_statement_t *statement, const char *sql, error_t *err) {
    statement->parameters = sqlite3_bind_parameter_count(statement->statement);
    for (int i = 0; i < statement->parameters && i < PARAMETERS_MAX; i++) {
        char name[16];
        (void)snprintf(name, sizeof name, "$%d", i + 1);
        statement->index[i] = sqlite3_bind_parameter_index(statement->statement, name);
        if (statement->index[i] == 0) {
            return error_set(err, ERROR_INTERNAL, "statement has no parameter %s: %.200s", name,
                             sql);
        }
    }
    if (statement->parameters > PARAMETERS_MAX) {
        return error_set(err, ERROR_INTERNAL, "statement has more than %d parameters: %.200s",
                         PARAMETERS_MAX, sql);
    }
    return STATUS_OK;
}

static void statement_finalize(driver_statement_t *statement) {
    (void)sqlite3_finalize(statement->statement);
    free(statement);
}

static status_t driver_prepare(driver_t *self, const char *sql, driver_statement_t **ret_statement,
                               error_t *err) {
    driver_statement_t *statement = calloc(1, sizeof *statement);
    if (statement == NULL) {
        return error_set(err, ERROR_NO_MEMORY, "out of memory for a statement");
    }
    statement->driver = of(self);
    const char *tail = NULL;
    int code = sqlite3_prepare_v3(statement->driver->database, sql, -1, SQLITE_PREPARE_PERSISTENT,
                                  &statement->statement, &tail);
    status_t status = code == SQLITE_OK ? number_parameters(statement, sql, err)
                                        : fail(statement->driver, code, err);
    if (status == STATUS_OK && tail != NULL && *tail != '\0') {
        status = error_set(err, ERROR_INTERNAL, "more than one statement: %.200s", sql);
    }
    if (status != STATUS_OK) {
        statement_finalize(statement);
        return error_context(err, "preparing %.120s", sql);
    }
    *ret_statement = statement;
    return STATUS_OK;
}

/* Check the number, then what SQLite answered. */
static status_t bound(driver_statement_t *statement, int code, error_t *err) {
    return code == SQLITE_OK ? STATUS_OK : fail(statement->driver, code, err);
}

static int index_of(const driver_statement_t *statement, int number) {
    INVARIANT(number >= 1 && number <= statement->parameters);
    return statement->index[number - 1];
}

static status_t bind_number(driver_statement_t *statement, int number, int64_t value,
                            error_t *err) {
    int index = index_of(statement, number);
    return bound(statement, sqlite3_bind_int64(statement->statement, index, value), err);
}

static status_t bind_text(driver_statement_t *statement, int number, const char *text,
                          error_t *err) {
    int index = index_of(statement, number);
    int code = sqlite3_bind_text64(statement->statement, index, text, strlen(text), SQLITE_STATIC,
                                   SQLITE_UTF8);
    return bound(statement, code, err);
}

static status_t bind_copy(driver_statement_t *statement, int number, const char *text,
                          error_t *err) {
    int index = index_of(statement, number);
    int code = sqlite3_bind_text64(statement->statement, index, text, strlen(text),
                                   SQLITE_TRANSIENT, SQLITE_UTF8);
    return bound(statement, code, err);
}

static status_t bind_bytes(driver_statement_t *statement, int number, driver_bytes_t bytes,
                           error_t *err) {
    int index = index_of(statement, number);
    /* a NULL pointer would bind NULL, and no bytes are not NULL */
    const void *data = bytes.data != NULL ? bytes.data : "";
    int code = sqlite3_bind_blob64(statement->statement, index, data, bytes.size, SQLITE_STATIC);
    return bound(statement, code, err);
}

static status_t statement_step(driver_statement_t *statement, bool *ret_row, error_t *err) {
    int code = sqlite3_step(statement->statement);
    if (code != SQLITE_ROW && code != SQLITE_DONE) {
        return fail(statement->driver, sqlite3_extended_errcode(statement->driver->database), err);
    }
    *ret_row = code == SQLITE_ROW;
    return STATUS_OK;
}

static void statement_reset(driver_statement_t *statement) {
    /* its answer repeats the last step's error */
    (void)sqlite3_reset(statement->statement);
}

static int64_t column_number(driver_statement_t *statement, int column) {
    return sqlite3_column_int64(statement->statement, column);
}

static const char *column_text(driver_statement_t *statement, int column, size_t *ret_size) {
    const char *text = (const char *)sqlite3_column_text(statement->statement, column);
    *ret_size = text != NULL ? (size_t)sqlite3_column_bytes(statement->statement, column) : 0;
    return text != NULL ? text : "";
}

static driver_bytes_t column_bytes(driver_statement_t *statement, int column) {
    const void *data = sqlite3_column_blob(statement->statement, column);
    return (driver_bytes_t){.data = data,
                            .size = (size_t)sqlite3_column_bytes(statement->statement, column)};
}

static int64_t changed(driver_statement_t *statement) {
    return sqlite3_changes64(statement->driver->database);
}

static const driver_ops_t OPS = {
    .destroy = driver_destroy,
    .exec = driver_exec,
    .begin = driver_begin,
    .commit = driver_commit,
    .rollback = driver_rollback,
    .prepare = driver_prepare,
    .finalize = statement_finalize,
    .bind_number = bind_number,
    .bind_text = bind_text,
    .bind_copy = bind_copy,
    .bind_bytes = bind_bytes,
    .step = statement_step,
    .reset = statement_reset,
    .column_number = column_number,
    .column_text = column_text,
    .column_bytes = column_bytes,
    .changed = changed,
};

static status_t configure(sqlite_driver_t *self, error_t *err) {
    (void)sqlite3_extended_result_codes(self->database, 1);
    (void)sqlite3_busy_timeout(self->database, BUSY_TIMEOUT_MS);
    (void)sqlite3_db_config(self->database, SQLITE_DBCONFIG_DQS_DML, 0, NULL);
    (void)sqlite3_db_config(self->database, SQLITE_DBCONFIG_DQS_DDL, 0, NULL);
    (void)sqlite3_db_config(self->database, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    (void)sqlite3_db_config(self->database, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    return driver_exec(&self->base,
                       "PRAGMA journal_mode = WAL;"
                       "PRAGMA synchronous = FULL;"
                       "PRAGMA foreign_keys = ON;"
                       "PRAGMA temp_store = MEMORY;"
                       "PRAGMA cache_size = -32768", /* KiB */
                       err);
}

status_t sqlite_driver_open(const char *path, driver_t **ret_driver, error_t *err) {
    sqlite_driver_t *self = calloc(1, sizeof *self);
    if (self == NULL) {
        return error_set(err, ERROR_NO_MEMORY, "out of memory for the catalog");
    }
    self->base.ops = &OPS;
    self->lock = -1;
    self->path = strdup(path);
    status_t status = self->path != NULL
                          ? owner_lock_take(path, &self->lock, err)
                          : error_set(err, ERROR_NO_MEMORY, "out of memory for the catalog");
    if (status == STATUS_OK) {
        int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;
        int code = sqlite3_open_v2(path, &self->database, flags, NULL);
        status = code == SQLITE_OK ? configure(self, err) : fail(self, code, err);
    }
    if (status != STATUS_OK) {
        driver_destroy(&self->base);
        return STATUS_ERROR;
    }
    *ret_driver = &self->base;
    return STATUS_OK;
}
