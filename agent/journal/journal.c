/* journal.c: see journal.h. What concerns trust stands in journal_trust.c. */
#include "agent/journal/journal_internal.h"
#include "common/base/clock.h"
#include "common/crypto/random.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

enum { SCHEMA_VERSION = 3, PATH_SIZE = 4096 };

/* What each version adds to the one before. A row that was written is never changed. */
static const char *const SCHEMAS[SCHEMA_VERSION] = {
    "CREATE TABLE meta (key TEXT NOT NULL PRIMARY KEY, value TEXT NOT NULL);"
    "CREATE TABLE batch (digest BLOB NOT NULL PRIMARY KEY, payload BLOB NOT NULL);"
    "CREATE TABLE job (attempt BLOB NOT NULL PRIMARY KEY, job BLOB NOT NULL, tenant BLOB NOT NULL,"
    " rollout BLOB NOT NULL, accepted_us INTEGER NOT NULL, state INTEGER NOT NULL,"
    " tries INTEGER NOT NULL, cancelled INTEGER NOT NULL, finished INTEGER NOT NULL,"
    " keep_open INTEGER NOT NULL, batch BLOB NOT NULL, number INTEGER NOT NULL);"
    "CREATE INDEX job_open ON job (accepted_us) WHERE finished = 0;"
    "CREATE TABLE report (number INTEGER NOT NULL PRIMARY KEY, attempt BLOB NOT NULL,"
    " kept_us INTEGER NOT NULL, payload BLOB NOT NULL);"
    "CREATE INDEX report_by_attempt ON report (attempt);"
    "CREATE TABLE provisional (system_identifier INTEGER NOT NULL, database_oid INTEGER NOT NULL,"
    " tenant BLOB NOT NULL, PRIMARY KEY (system_identifier, database_oid));",

    /* a batch of before has no signer: its jobs are given back */
    "ALTER TABLE batch ADD COLUMN signer BLOB;"
    "ALTER TABLE report ADD COLUMN result INTEGER NOT NULL DEFAULT 0;"
    "CREATE TABLE paper (digest BLOB NOT NULL PRIMARY KEY, kind INTEGER NOT NULL,"
    " sequence INTEGER NOT NULL, payload BLOB NOT NULL);"
    "CREATE TABLE accepted (tenant BLOB NOT NULL, application TEXT NOT NULL,"
    " number INTEGER NOT NULL, signed BLOB NOT NULL, PRIMARY KEY (tenant, application));"
    "CREATE INDEX accepted_by_order ON accepted (signed);"
    "CREATE TABLE begun (tenant BLOB NOT NULL PRIMARY KEY, begun_us INTEGER NOT NULL);"
    "CREATE INDEX begun_by_time ON begun (begun_us);",

    /* what was a baseline is not known any more: each counts as an order that moved its tenant */
    "ALTER TABLE accepted ADD COLUMN moved INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE accepted ADD COLUMN moved_signed BLOB;"
    "UPDATE accepted SET moved = number, moved_signed = signed;"
    "CREATE INDEX accepted_by_move ON accepted (moved_signed);",
};

static const char *const SQL[SQL_COUNT] = {
    [SQL_BEGIN] = "BEGIN IMMEDIATE",
    [SQL_COMMIT] = "COMMIT",
    [SQL_ROLLBACK] = "ROLLBACK",
    [SQL_META_SET] = "INSERT INTO meta (key, value) VALUES (?1, ?2)"
                     " ON CONFLICT (key) DO UPDATE SET value = excluded.value",
    [SQL_BATCH] = "INSERT INTO batch (digest, payload, signer) VALUES (?1, ?2, ?3)"
                  " ON CONFLICT DO NOTHING",
    [SQL_ACCEPT] = "INSERT INTO job (attempt, job, tenant, rollout, accepted_us, state, tries,"
                   " cancelled, finished, keep_open, batch, number)"
                   " VALUES (?1, ?2, ?3, ?4, ?5, ?6, 0, 0, 0, ?7, ?8, ?9) ON CONFLICT DO NOTHING",
    [SQL_PROGRESS] = "UPDATE job SET state = ?2, tries = ?3, cancelled = ?4, finished = ?5"
                     " WHERE attempt = ?1",
    [SQL_JOBS] = "SELECT j.attempt, j.job, j.tenant, j.rollout, j.accepted_us, j.state, j.tries,"
                 " j.cancelled, j.keep_open, j.batch, j.number, b.payload, b.signer, j.finished"
                 " FROM job j JOIN batch b ON b.digest = j.batch WHERE j.finished = 0"
                 " ORDER BY j.accepted_us, j.number",
    [SQL_HISTORY] = "SELECT j.attempt, j.job, j.tenant, j.rollout, j.accepted_us, j.state, j.tries,"
                    " j.cancelled, j.keep_open, j.batch, j.number, b.payload, b.signer, j.finished"
                    " FROM job j JOIN batch b ON b.digest = j.batch"
                    " ORDER BY j.accepted_us, j.batch, j.number",
    [SQL_FINISHED] = "SELECT finished FROM job WHERE attempt = ?1",
    [SQL_REPORT] = "INSERT INTO report (number, attempt, kept_us, payload, result)"
                   " VALUES (?1, ?2, ?3, ?4, ?5)",
    [SQL_REPORTS] = "SELECT number, attempt, payload, result FROM report WHERE number > ?1"
                    " ORDER BY number LIMIT ?2",
    [SQL_LAST] = "SELECT max(number) FROM report WHERE attempt = ?1",
    [SQL_FIRST] = "SELECT min(number) FROM report",
    [SQL_FORGET_REPORTS] = "DELETE FROM report WHERE number <= ?1 AND kept_us < ?2",
    [SQL_FORGET_JOBS] = "DELETE FROM job WHERE finished = 1 AND accepted_us < ?1 AND NOT EXISTS"
                        " (SELECT 1 FROM report r WHERE r.attempt = job.attempt)",
    [SQL_FORGET_BATCHES] = "DELETE FROM batch WHERE NOT EXISTS"
                           " (SELECT 1 FROM job j WHERE j.batch = batch.digest)",
    [SQL_PLACE_ADD] = "INSERT INTO provisional (system_identifier, database_oid, tenant)"
                      " VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING",
    [SQL_PLACE_SET] = "INSERT INTO provisional (system_identifier, database_oid, tenant)"
                      " VALUES (?1, ?2, ?3) ON CONFLICT (system_identifier, database_oid)"
                      " DO UPDATE SET tenant = excluded.tenant",
    [SQL_PLACE] = "SELECT tenant FROM provisional WHERE system_identifier = ?1"
                  " AND database_oid = ?2",
    [SQL_PAPER_ADD] = "INSERT INTO paper (digest, kind, sequence, payload) VALUES (?1, ?2, ?3, ?4)"
                      " ON CONFLICT DO NOTHING",
    [SQL_PAPER_DROP] = "DELETE FROM paper WHERE digest = ?1",
    [SQL_PAPERS] = "SELECT digest, kind, sequence, payload FROM paper ORDER BY kind, sequence",
    [SQL_ACCEPTED_SET] = "INSERT INTO accepted (tenant, application, number, signed, moved,"
                         " moved_signed) VALUES (?1, ?2, ?3, ?4, ?5, ?6)"
                         " ON CONFLICT (tenant, application) DO UPDATE SET"
                         " number = excluded.number, signed = excluded.signed,"
                         " moved = excluded.moved, moved_signed = excluded.moved_signed",
    [SQL_ACCEPTED] = "SELECT number, signed, moved, moved_signed FROM accepted"
                     " WHERE tenant = ?1 AND application = ?2",
    [SQL_ORDER_KNOWN] = "SELECT 1 FROM accepted WHERE signed = ?1 OR moved_signed = ?1 LIMIT 1",
    [SQL_BEGUN_SET] = "INSERT INTO begun (tenant, begun_us) VALUES (?1, ?2) ON CONFLICT (tenant)"
                      " DO UPDATE SET begun_us = excluded.begun_us",
    [SQL_BEGUN] = "SELECT count(*) FROM begun WHERE begun_us > ?1 AND tenant <> ?2",
    [SQL_FORGET_BEGUN] = "DELETE FROM begun WHERE begun_us < ?1",
};

status_t journal_fail(journal_t *journal, const char *what, error_t *err) {
    int code = sqlite3_errcode(journal->db);
    return error_set(err, code == SQLITE_FULL ? ERROR_DISK_FULL : ERROR_STORE, "journal: %s: %s",
                     what, sqlite3_errmsg(journal->db));
}

sqlite3_stmt *journal_statement(journal_t *journal, statement_id_t id) {
    sqlite3_stmt *found = journal->statements[id];
    (void)sqlite3_reset(found);
    (void)sqlite3_clear_bindings(found);
    return found;
}

void journal_bind(sqlite3_stmt *stmt, int at, const void *bytes, size_t size) {
    (void)sqlite3_bind_blob64(stmt, at, bytes, size, SQLITE_STATIC);
}

status_t journal_run(journal_t *journal, sqlite3_stmt *stmt, const char *what, error_t *err) {
    int code = sqlite3_step(stmt);
    (void)sqlite3_reset(stmt);
    return code == SQLITE_DONE || code == SQLITE_ROW ? STATUS_OK : journal_fail(journal, what, err);
}

status_t journal_begin(journal_t *journal, error_t *err) {
    if (journal->open_transaction) {
        return STATUS_OK;
    }
    TRY(journal_run(journal, journal_statement(journal, SQL_BEGIN), "begin", err));
    journal->open_transaction = true;
    return STATUS_OK;
}

bool journal_is_dirty(const journal_t *journal) {
    return journal->open_transaction;
}

status_t journal_commit(journal_t *journal, error_t *err) {
    if (!journal->open_transaction) {
        return STATUS_OK;
    }
    uint64_t kept = journal->mark_kept;
    if (journal_keep_mark(journal, err) != STATUS_OK) {
        error_t unused = {0};
        journal->open_transaction = false;
        (void)journal_run(journal, journal_statement(journal, SQL_ROLLBACK), "rollback", &unused);
        return STATUS_ERROR;
    }
    journal->open_transaction = false;
    if (journal_run(journal, journal_statement(journal, SQL_COMMIT), "commit", err) == STATUS_OK) {
        return STATUS_OK;
    }
    error_t ignored = {0};
    journal->mark_kept = kept;
    (void)journal_run(journal, journal_statement(journal, SQL_ROLLBACK), "rollback", &ignored);
    return STATUS_ERROR;
}

/* ---- opening ---- */

static status_t take_lock(journal_t *journal, const char *folder, error_t *err) {
    char path[PATH_SIZE];
    (void)snprintf(path, sizeof path, "%s/journal.lock", folder);
    journal->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (journal->lock_fd < 0) {
        return error_set(err, ERROR_IO, "%s: %s", path, strerror(errno));
    }
    if (flock(journal->lock_fd, LOCK_EX | LOCK_NB) != 0) {
        return error_set(err, ERROR_STORE_LOCKED, "another agent runs on %s", folder);
    }
    return STATUS_OK;
}

static status_t execute(journal_t *journal, const char *sql, error_t *err) {
    if (sqlite3_exec(journal->db, sql, NULL, NULL, NULL) != SQLITE_OK) {
        return journal_fail(journal, "open", err);
    }
    return STATUS_OK;
}

static int64_t read_pragma(journal_t *journal, const char *sql) {
    sqlite3_stmt *stmt = NULL;
    int64_t value = -1;
    if (sqlite3_prepare_v2(journal->db, sql, -1, &stmt, NULL) == SQLITE_OK &&
        sqlite3_step(stmt) == SQLITE_ROW) {
        value = sqlite3_column_int64(stmt, 0);
    }
    (void)sqlite3_finalize(stmt);
    return value;
}

static status_t make_schema(journal_t *journal, error_t *err) {
    int64_t version = read_pragma(journal, "PRAGMA user_version");
    if (version > SCHEMA_VERSION) {
        return error_set(err, ERROR_STORE_VERSION, "the journal was written by a newer agent");
    }
    if (version < 0) {
        return journal_fail(journal, "open", err);
    }
    if (version == SCHEMA_VERSION) {
        return STATUS_OK;
    }
    char text[IDENT_TEXT_SIZE];
    char sql[256];
    ident_t state = random_ident();
    TRY(execute(journal, "BEGIN IMMEDIATE", err));
    for (int64_t next = version; next < SCHEMA_VERSION; next++) {
        TRY(execute(journal, SCHEMAS[next], err));
    }
    if (version == 0) {
        (void)snprintf(sql, sizeof sql, "INSERT INTO meta VALUES ('state', '%s')",
                       ident_text(&state, text));
        TRY(execute(journal, sql, err));
    }
    (void)snprintf(sql, sizeof sql, "PRAGMA user_version = %d; COMMIT", SCHEMA_VERSION);
    return execute(journal, sql, err);
}

static status_t prepare(journal_t *journal, error_t *err) {
    for (int id = 0; id < SQL_COUNT; id++) {
        if (sqlite3_prepare_v3(journal->db, SQL[id], -1, SQLITE_PREPARE_PERSISTENT,
                               &journal->statements[id], NULL) != SQLITE_OK) {
            return journal_fail(journal, SQL[id], err);
        }
    }
    return STATUS_OK;
}

static status_t read_meta(journal_t *journal, error_t *err) {
    sqlite3_stmt *stmt = NULL;
    if (sqlite3_prepare_v2(journal->db, "SELECT key, value FROM meta", -1, &stmt, NULL) !=
        SQLITE_OK) {
        return journal_fail(journal, "read", err);
    }
    status_t status = STATUS_OK;
    while (status == STATUS_OK && sqlite3_step(stmt) == SQLITE_ROW) {
        const char *key = (const char *)sqlite3_column_text(stmt, 0);
        const char *value = (const char *)sqlite3_column_text(stmt, 1);
        if (strcmp(key, "state") == 0) {
            status = ident_parse(value, &journal->state, err);
        } else if (strcmp(key, "epoch") == 0) {
            journal->epoch.epoch = strtoull(value, NULL, 10);
        } else if (strcmp(key, "incarnation") == 0) {
            status = ident_parse(value, &journal->epoch.incarnation, err);
        } else if (strcmp(key, "mark") == 0) {
            journal->mark = journal->mark_kept = strtoull(value, NULL, 10);
        }
    }
    (void)sqlite3_finalize(stmt);
    int64_t last = read_pragma(journal, "SELECT coalesce(max(number), 0) FROM report");
    int64_t kept = read_pragma(
        journal, "SELECT coalesce(max(CAST(value AS INTEGER)), 0) FROM meta WHERE key = 'number'");
    journal->next = (uint64_t)(last > kept ? last : kept) + 1;
    return status;
}

static status_t open_database(journal_t *journal, const char *folder, error_t *err) {
    char path[PATH_SIZE];
    (void)snprintf(path, sizeof path, "%s/journal.sqlite", folder);
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;
    if (sqlite3_open_v2(path, &journal->db, flags, NULL) != SQLITE_OK) {
        return journal_fail(journal, path, err);
    }
    (void)sqlite3_busy_timeout(journal->db, 5000);
    TRY(execute(journal, "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;", err));
    TRY(make_schema(journal, err));
    TRY(prepare(journal, err));
    return read_meta(journal, err);
}

status_t journal_open(const char *folder, journal_t **ret_journal, error_t *err) {
    if (mkdir(folder, 0700) != 0 && errno != EEXIST) {
        return error_set(err, ERROR_IO, "%s: %s", folder, strerror(errno));
    }
    CLEANUP(journal_close_p) journal_t *journal = calloc(1, sizeof *journal);
    if (journal == NULL) {
        return error_set(err, ERROR_NO_MEMORY, "out of memory");
    }
    journal->lock_fd = -1;
    TRY(take_lock(journal, folder, err));
    TRY(open_database(journal, folder, err));
    *ret_journal = TAKE(journal);
    return STATUS_OK;
}

status_t journal_open_reading(const char *folder, journal_t **ret_journal, error_t *err) {
    char path[PATH_SIZE];
    CLEANUP(journal_close_p) journal_t *journal = calloc(1, sizeof *journal);
    if (journal == NULL) {
        return error_set(err, ERROR_NO_MEMORY, "out of memory");
    }
    journal->lock_fd = -1;
    (void)snprintf(path, sizeof path, "%s/journal.sqlite", folder);
    if (access(path, F_OK) != 0) {
        return error_set(err, ERROR_NOT_FOUND, "%s: %s", path, strerror(errno));
    }
    if (sqlite3_open_v2(path, &journal->db, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX, NULL) !=
        SQLITE_OK) {
        return journal_fail(journal, path, err);
    }
    (void)sqlite3_busy_timeout(journal->db, 5000);
    int64_t version = read_pragma(journal, "PRAGMA user_version");
    if (version < 0) {
        return journal_fail(journal, path, err);
    }
    if (version != SCHEMA_VERSION) {
        return error_set(err, ERROR_STORE_VERSION, "%s was written by another version of the agent",
                         path);
    }
    TRY(prepare(journal, err));
    *ret_journal = TAKE(journal);
    return STATUS_OK;
}

void journal_close(journal_t **journal_p) {
    if (journal_p == NULL || *journal_p == NULL) {
        return;
    }
    journal_t *journal = *journal_p;
    for (int id = 0; id < SQL_COUNT; id++) {
        (void)sqlite3_finalize(journal->statements[id]);
    }
    (void)sqlite3_close(journal->db);
    close_p(&journal->lock_fd);
    free(journal);
    *journal_p = NULL;
}

const ident_t *journal_state(const journal_t *journal) {
    return &journal->state;
}

/* ---- the coordinator that was seen ---- */

journal_epoch_t journal_epoch(const journal_t *journal) {
    return journal->epoch;
}

status_t journal_set_meta(journal_t *journal, const char *key, const char *value, error_t *err) {
    TRY(journal_begin(journal, err));
    sqlite3_stmt *stmt = journal_statement(journal, SQL_META_SET);
    (void)sqlite3_bind_text(stmt, 1, key, -1, SQLITE_STATIC);
    (void)sqlite3_bind_text(stmt, 2, value, -1, SQLITE_STATIC);
    return journal_run(journal, stmt, "meta", err);
}

status_t journal_set_epoch(journal_t *journal, const journal_epoch_t *epoch, error_t *err) {
    char number[24];
    char text[IDENT_TEXT_SIZE];
    (void)snprintf(number, sizeof number, "%llu", (unsigned long long)epoch->epoch);
    TRY(journal_set_meta(journal, "epoch", number, err));
    TRY(journal_set_meta(journal, "incarnation", ident_text(&epoch->incarnation, text), err));
    journal->epoch = *epoch;
    return STATUS_OK;
}

/* ---- jobs ---- */

status_t journal_accept(journal_t *journal, const journal_job_t *job, bool *ret_known,
                        error_t *err) {
    TRY(journal_begin(journal, err));
    sqlite3_stmt *batch = journal_statement(journal, SQL_BATCH);
    journal_bind(batch, 1, job->order.bytes, DIGEST_BYTES);
    journal_bind(batch, 2, job->payload, job->payload_size);
    journal_bind(batch, 3, job->signer.bytes, SIGN_PUBLIC_BYTES);
    TRY(journal_run(journal, batch, "batch", err));
    sqlite3_stmt *stmt = journal_statement(journal, SQL_ACCEPT);
    journal_bind(stmt, 1, job->attempt.bytes, IDENT_BYTES);
    journal_bind(stmt, 2, job->job.bytes, IDENT_BYTES);
    journal_bind(stmt, 3, job->tenant.bytes, IDENT_BYTES);
    journal_bind(stmt, 4, job->rollout.bytes, IDENT_BYTES);
    (void)sqlite3_bind_int64(stmt, 5, job->accepted_us);
    (void)sqlite3_bind_int64(stmt, 6, job->state);
    (void)sqlite3_bind_int64(stmt, 7, job->keep_open);
    journal_bind(stmt, 8, job->order.bytes, DIGEST_BYTES);
    (void)sqlite3_bind_int64(stmt, 9, job->index);
    TRY(journal_run(journal, stmt, "job", err));
    *ret_known = sqlite3_changes(journal->db) == 0;
    return STATUS_OK;
}

status_t journal_progress(journal_t *journal, const journal_progress_t *progress, error_t *err) {
    TRY(journal_begin(journal, err));
    sqlite3_stmt *stmt = journal_statement(journal, SQL_PROGRESS);
    journal_bind(stmt, 1, progress->attempt.bytes, IDENT_BYTES);
    (void)sqlite3_bind_int64(stmt, 2, progress->state);
    (void)sqlite3_bind_int64(stmt, 3, progress->tries);
    (void)sqlite3_bind_int64(stmt, 4, progress->cancelled);
    (void)sqlite3_bind_int64(stmt, 5, progress->finished);
    return journal_run(journal, stmt, "progress", err);
}

void journal_read(sqlite3_stmt *stmt, int column, void *to, size_t size) {
    memset(to, 0, size);
    size_t have = (size_t)sqlite3_column_bytes(stmt, column);
    if (have == size) {
        memcpy(to, sqlite3_column_blob(stmt, column), size);
    }
}

static void read_job(sqlite3_stmt *stmt, journal_job_t *job) {
    *job = (journal_job_t){0};
    journal_read(stmt, 0, job->attempt.bytes, IDENT_BYTES);
    journal_read(stmt, 1, job->job.bytes, IDENT_BYTES);
    journal_read(stmt, 2, job->tenant.bytes, IDENT_BYTES);
    journal_read(stmt, 3, job->rollout.bytes, IDENT_BYTES);
    job->accepted_us = sqlite3_column_int64(stmt, 4);
    job->state = (uint32_t)sqlite3_column_int(stmt, 5);
    job->tries = (uint32_t)sqlite3_column_int(stmt, 6);
    job->cancelled = sqlite3_column_int(stmt, 7) != 0;
    job->keep_open = sqlite3_column_int(stmt, 8) != 0;
    journal_read(stmt, 9, job->order.bytes, DIGEST_BYTES);
    job->index = (uint32_t)sqlite3_column_int(stmt, 10);
    job->payload = sqlite3_column_blob(stmt, 11);
    job->payload_size = (size_t)sqlite3_column_bytes(stmt, 11);
    journal_read(stmt, 12, job->signer.bytes, SIGN_PUBLIC_BYTES);
    job->finished = sqlite3_column_int(stmt, 13) != 0;
}

static status_t read_jobs(journal_t *journal, statement_id_t which, journal_job_fn *take,
                          void *context, error_t *err) {
    sqlite3_stmt *stmt = journal_statement(journal, which);
    status_t status = STATUS_OK;
    int code = SQLITE_ROW;
    while (status == STATUS_OK && (code = sqlite3_step(stmt)) == SQLITE_ROW) {
        journal_job_t job;
        read_job(stmt, &job);
        status = take(&job, context, err);
    }
    if (status == STATUS_OK && code != SQLITE_DONE) {
        status = journal_fail(journal, "jobs", err);
    }
    (void)sqlite3_reset(stmt);
    return status;
}

status_t journal_jobs(journal_t *journal, journal_job_fn *take, void *context, error_t *err) {
    return read_jobs(journal, SQL_JOBS, take, context, err);
}

status_t journal_history(journal_t *journal, journal_job_fn *take, void *context, error_t *err) {
    return read_jobs(journal, SQL_HISTORY, take, context, err);
}

status_t journal_is_finished(journal_t *journal, const ident_t *attempt, bool *ret_finished,
                             error_t *err) {
    sqlite3_stmt *stmt = journal_statement(journal, SQL_FINISHED);
    journal_bind(stmt, 1, attempt->bytes, IDENT_BYTES);
    int code = sqlite3_step(stmt);
    *ret_finished = code == SQLITE_ROW && sqlite3_column_int(stmt, 0) != 0;
    (void)sqlite3_reset(stmt);
    return code == SQLITE_ROW || code == SQLITE_DONE ? STATUS_OK
                                                     : journal_fail(journal, "job", err);
}

/* ---- reports ---- */

uint64_t journal_next(const journal_t *journal) {
    return journal->next;
}

status_t journal_report(journal_t *journal, const journal_report_t *report, error_t *err) {
    INVARIANT(report->number == journal->next);
    TRY(journal_begin(journal, err));
    sqlite3_stmt *stmt = journal_statement(journal, SQL_REPORT);
    (void)sqlite3_bind_int64(stmt, 1, (int64_t)report->number);
    journal_bind(stmt, 2, report->attempt.bytes, IDENT_BYTES);
    (void)sqlite3_bind_int64(stmt, 3, clock_wall_us());
    journal_bind(stmt, 4, report->bytes, report->size);
    (void)sqlite3_bind_int64(stmt, 5, report->result);
    TRY(journal_run(journal, stmt, "report", err));
    journal->next++;
    return STATUS_OK;
}

status_t journal_reports(journal_t *journal, journal_range_t range, journal_report_fn *take,
                         void *context, error_t *err) {
    INVARIANT(!journal->open_transaction);
    sqlite3_stmt *stmt = journal_statement(journal, SQL_REPORTS);
    (void)sqlite3_bind_int64(stmt, 1, (int64_t)range.after);
    (void)sqlite3_bind_int(stmt, 2, range.most);
    status_t status = STATUS_OK;
    int code = SQLITE_ROW;
    while (status == STATUS_OK && (code = sqlite3_step(stmt)) == SQLITE_ROW) {
        journal_report_t report = {.number = (uint64_t)sqlite3_column_int64(stmt, 0),
                                   .bytes = sqlite3_column_blob(stmt, 2),
                                   .size = (size_t)sqlite3_column_bytes(stmt, 2),
                                   .result = (uint32_t)sqlite3_column_int(stmt, 3)};
        journal_read(stmt, 1, report.attempt.bytes, IDENT_BYTES);
        status = take(&report, context, err);
    }
    if (status == STATUS_OK && code != SQLITE_DONE) {
        status = journal_fail(journal, "reports", err);
    }
    (void)sqlite3_reset(stmt);
    return status;
}

status_t journal_last_report(journal_t *journal, const ident_t *attempt, uint64_t *ret_number,
                             error_t *err) {
    sqlite3_stmt *stmt = journal_statement(journal, SQL_LAST);
    journal_bind(stmt, 1, attempt->bytes, IDENT_BYTES);
    int code = sqlite3_step(stmt);
    *ret_number = code == SQLITE_ROW ? (uint64_t)sqlite3_column_int64(stmt, 0) : 0;
    (void)sqlite3_reset(stmt);
    return code == SQLITE_ROW || code == SQLITE_DONE ? STATUS_OK
                                                     : journal_fail(journal, "report", err);
}

/* The last number is kept apart: numbers never come again, though every report be gone. */
status_t journal_forget(journal_t *journal, uint64_t acknowledged, int64_t before_us,
                        error_t *err) {
    char number[24];
    (void)snprintf(number, sizeof number, "%llu", (unsigned long long)journal->next - 1);
    TRY(journal_set_meta(journal, "number", number, err));
    sqlite3_stmt *reports = journal_statement(journal, SQL_FORGET_REPORTS);
    (void)sqlite3_bind_int64(reports, 1, (int64_t)acknowledged);
    (void)sqlite3_bind_int64(reports, 2, before_us);
    TRY(journal_run(journal, reports, "forget", err));
    sqlite3_stmt *jobs = journal_statement(journal, SQL_FORGET_JOBS);
    (void)sqlite3_bind_int64(jobs, 1, before_us);
    TRY(journal_run(journal, jobs, "forget", err));
    sqlite3_stmt *begun = journal_statement(journal, SQL_FORGET_BEGUN);
    (void)sqlite3_bind_int64(begun, 1, before_us);
    TRY(journal_run(journal, begun, "forget", err));
    return journal_run(journal, journal_statement(journal, SQL_FORGET_BATCHES), "forget", err);
}

/* ---- which tenant a database is ---- */

/* The id that is kept for a place; null where there is none. */
static status_t find_place(journal_t *journal, const journal_place_t *place, ident_t *ret_tenant,
                           error_t *err) {
    sqlite3_stmt *find = journal_statement(journal, SQL_PLACE);
    (void)sqlite3_bind_int64(find, 1, (int64_t)place->system_identifier);
    (void)sqlite3_bind_int64(find, 2, place->database_oid);
    *ret_tenant = (ident_t){{0}};
    int code = sqlite3_step(find);
    if (code == SQLITE_ROW) {
        journal_read(find, 0, ret_tenant->bytes, IDENT_BYTES);
    }
    (void)sqlite3_reset(find);
    return code == SQLITE_ROW || code == SQLITE_DONE ? STATUS_OK
                                                     : journal_fail(journal, "place", err);
}

status_t journal_stamped(journal_t *journal, const journal_place_t *place, const ident_t *tenant,
                         error_t *err) {
    ident_t known;
    TRY(find_place(journal, place, &known, err));
    if (ident_equal(&known, tenant)) {
        return STATUS_OK;
    }
    TRY(journal_begin(journal, err));
    sqlite3_stmt *set = journal_statement(journal, SQL_PLACE_SET);
    (void)sqlite3_bind_int64(set, 1, (int64_t)place->system_identifier);
    (void)sqlite3_bind_int64(set, 2, place->database_oid);
    journal_bind(set, 3, tenant->bytes, IDENT_BYTES);
    return journal_run(journal, set, "stamped id", err);
}

status_t journal_provisional(journal_t *journal, const journal_place_t *place, ident_t *ret_tenant,
                             error_t *err) {
    TRY(journal_begin(journal, err));
    ident_t fresh = random_ident();
    sqlite3_stmt *add = journal_statement(journal, SQL_PLACE_ADD);
    (void)sqlite3_bind_int64(add, 1, (int64_t)place->system_identifier);
    (void)sqlite3_bind_int64(add, 2, place->database_oid);
    journal_bind(add, 3, fresh.bytes, IDENT_BYTES);
    TRY(journal_run(journal, add, "provisional id", err));
    return find_place(journal, place, ret_tenant, err);
}
