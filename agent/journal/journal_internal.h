/*
 * journal_internal.h: what the files of journal.h share.
 */
#ifndef DROVER_AGENT_JOURNAL_JOURNAL_INTERNAL_H
#define DROVER_AGENT_JOURNAL_JOURNAL_INTERNAL_H

#include "agent/journal/journal.h"

#include <sqlite3.h>
#include <string.h>

/* Every statement, prepared once. */
typedef enum statement_id {
    SQL_BEGIN,
    SQL_COMMIT,
    SQL_ROLLBACK,
    SQL_META_SET,
    SQL_BATCH,
    SQL_ACCEPT,
    SQL_PROGRESS,
    SQL_JOBS,
    SQL_HISTORY,
    SQL_FINISHED,
    SQL_REPORT,
    SQL_REPORTS,
    SQL_LAST,
    SQL_FIRST,
    SQL_FORGET_REPORTS,
    SQL_FORGET_JOBS,
    SQL_FORGET_BATCHES,
    SQL_PLACE_ADD,
    SQL_PLACE_SET,
    SQL_PLACE,
    SQL_PAPER_ADD,
    SQL_PAPER_DROP,
    SQL_PAPERS,
    SQL_ACCEPTED_SET,
    SQL_ACCEPTED,
    SQL_ORDER_KNOWN,
    SQL_BEGUN_SET,
    SQL_BEGUN,
    SQL_FORGET_BEGUN,
    SQL_COUNT
} statement_id_t;

struct journal {
    sqlite3 *db;
    sqlite3_stmt *statements[SQL_COUNT];
    int lock_fd;
    bool open_transaction;
    ident_t state;
    journal_epoch_t epoch;
    uint64_t next;
    uint64_t mark;      /* journal_mark */
    uint64_t mark_kept; /* as it is written, or gathered */
};

/* SQLite's last error as ours. */
status_t journal_fail(journal_t *journal, const char *what, error_t *err);

/* A statement, ready to be bound; reset by whoever steps it. */
sqlite3_stmt *journal_statement(journal_t *journal, statement_id_t id);

void journal_bind(sqlite3_stmt *stmt, int at, const void *bytes, size_t size);

/* Step a statement that answers no rows. */
status_t journal_run(journal_t *journal, sqlite3_stmt *stmt, const char *what, error_t *err);

/* Copy a blob of an exact size; what is shorter leaves zeroes (a journal that was tampered with).
 */
void journal_read(sqlite3_stmt *stmt, int column, void *to, size_t size);

/* A small fact by its name; both texts are copied. */
MUST_CHECK status_t journal_set_meta(journal_t *journal, const char *key, const char *value,
                                     error_t *err);

/* Open the transaction in which changes are gathered, unless it is. */
MUST_CHECK status_t journal_begin(journal_t *journal, error_t *err);

#endif
