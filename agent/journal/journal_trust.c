/* journal_trust.c: trust files, revocations, holds and stops; accepted numbers. See journal.h. */
#include "agent/journal/journal_internal.h"

/* Step a statement that may answer one row; leaves it on that row. */
static status_t look(journal_t *journal, sqlite3_stmt *stmt, bool *ret_found, error_t *err) {
    int code = sqlite3_step(stmt);
    *ret_found = code == SQLITE_ROW;
    return code == SQLITE_ROW || code == SQLITE_DONE ? STATUS_OK
                                                     : journal_fail(journal, "trust", err);
}

status_t journal_keep_paper(journal_t *journal, const journal_paper_t *paper, error_t *err) {
    TRY(journal_begin(journal, err));
    sqlite3_stmt *stmt = journal_statement(journal, SQL_PAPER_ADD);
    journal_bind(stmt, 1, paper->digest.bytes, DIGEST_BYTES);
    (void)sqlite3_bind_int64(stmt, 2, paper->kind);
    (void)sqlite3_bind_int64(stmt, 3, paper->sequence);
    journal_bind(stmt, 4, paper->bytes, paper->size);
    return journal_run(journal, stmt, "paper", err);
}

status_t journal_drop_paper(journal_t *journal, const digest_t *digest, error_t *err) {
    TRY(journal_begin(journal, err));
    sqlite3_stmt *stmt = journal_statement(journal, SQL_PAPER_DROP);
    journal_bind(stmt, 1, digest->bytes, DIGEST_BYTES);
    return journal_run(journal, stmt, "paper", err);
}

status_t journal_papers(journal_t *journal, journal_paper_fn *take, void *context, error_t *err) {
    sqlite3_stmt *stmt = journal_statement(journal, SQL_PAPERS);
    status_t status = STATUS_OK;
    int code = SQLITE_ROW;
    while (status == STATUS_OK && (code = sqlite3_step(stmt)) == SQLITE_ROW) {
        journal_paper_t paper = {
            .kind = (journal_paper_kind_t)sqlite3_column_int(stmt, 1),
            .sequence = sqlite3_column_int64(stmt, 2),
            .bytes = sqlite3_column_blob(stmt, 3),
            .size = (size_t)sqlite3_column_bytes(stmt, 3),
        };
        journal_read(stmt, 0, paper.digest.bytes, DIGEST_BYTES);
        status = take(&paper, context, err);
    }
    if (status == STATUS_OK && code != SQLITE_DONE) {
        status = journal_fail(journal, "papers", err);
    }
    (void)sqlite3_reset(stmt);
    return status;
}

/* ---- accepted orders ---- */

status_t journal_set_accepted(journal_t *journal, const journal_accepted_t *accepted,
                              error_t *err) {
    TRY(journal_begin(journal, err));
    sqlite3_stmt *stmt = journal_statement(journal, SQL_ACCEPTED_SET);
    journal_bind(stmt, 1, accepted->tenant.bytes, IDENT_BYTES);
    (void)sqlite3_bind_text(stmt, 2, accepted->application, -1, SQLITE_STATIC);
    (void)sqlite3_bind_int64(stmt, 3, accepted->number);
    journal_bind(stmt, 4, accepted->order.bytes, DIGEST_BYTES);
    (void)sqlite3_bind_int64(stmt, 5, accepted->moved);
    journal_bind(stmt, 6, accepted->moved_order.bytes, DIGEST_BYTES);
    return journal_run(journal, stmt, "accepted number", err);
}

status_t journal_find_accepted(journal_t *journal, journal_accepted_t *accepted, error_t *err) {
    sqlite3_stmt *stmt = journal_statement(journal, SQL_ACCEPTED);
    bool found = false;
    journal_bind(stmt, 1, accepted->tenant.bytes, IDENT_BYTES);
    (void)sqlite3_bind_text(stmt, 2, accepted->application, -1, SQLITE_STATIC);
    accepted->number = accepted->moved = 0;
    accepted->order = accepted->moved_order = (digest_t){{0}};
    status_t status = look(journal, stmt, &found, err);
    if (found) {
        accepted->number = sqlite3_column_int64(stmt, 0);
        journal_read(stmt, 1, accepted->order.bytes, DIGEST_BYTES);
        accepted->moved = sqlite3_column_int64(stmt, 2);
        journal_read(stmt, 3, accepted->moved_order.bytes, DIGEST_BYTES);
    }
    (void)sqlite3_reset(stmt);
    return status;
}

status_t journal_order_known(journal_t *journal, const digest_t *order, bool *ret_known,
                             error_t *err) {
    sqlite3_stmt *stmt = journal_statement(journal, SQL_ORDER_KNOWN);
    journal_bind(stmt, 1, order->bytes, DIGEST_BYTES);
    status_t status = look(journal, stmt, ret_known, err);
    (void)sqlite3_reset(stmt);
    return status;
}

/* ---- how fast it goes ---- */

status_t journal_set_begun(journal_t *journal, const ident_t *tenant, int64_t begun_us,
                           error_t *err) {
    TRY(journal_begin(journal, err));
    sqlite3_stmt *stmt = journal_statement(journal, SQL_BEGUN_SET);
    journal_bind(stmt, 1, tenant->bytes, IDENT_BYTES);
    (void)sqlite3_bind_int64(stmt, 2, begun_us);
    return journal_run(journal, stmt, "begun", err);
}

status_t journal_count_begun(journal_t *journal, const ident_t *but, int64_t after_us,
                             int64_t *ret_count, error_t *err) {
    sqlite3_stmt *stmt = journal_statement(journal, SQL_BEGUN);
    bool found = false;
    (void)sqlite3_bind_int64(stmt, 1, after_us);
    journal_bind(stmt, 2, but->bytes, IDENT_BYTES);
    status_t status = look(journal, stmt, &found, err);
    *ret_count = found ? sqlite3_column_int64(stmt, 0) : INT64_MAX;
    (void)sqlite3_reset(stmt);
    return status;
}
