/*
 * journal_mark.c: how far reports were acknowledged, and which are still kept: by these an agent
 * shows a catalog that went back in time that it did. See journal.h.
 */
#include "agent/journal/journal_internal.h"

#include <stdio.h>

uint64_t journal_mark(const journal_t *journal) {
    return journal->mark;
}

void journal_raise_mark(journal_t *journal, uint64_t acknowledged) {
    if (acknowledged > journal->mark) {
        journal->mark = acknowledged;
    }
}

status_t journal_keep_mark(journal_t *journal, error_t *err) {
    char mark[24];
    if (journal->mark == journal->mark_kept) {
        return STATUS_OK;
    }
    (void)snprintf(mark, sizeof mark, "%llu", (unsigned long long)journal->mark);
    TRY(journal_set_meta(journal, "mark", mark, err));
    journal->mark_kept = journal->mark;
    return STATUS_OK;
}

status_t journal_first(journal_t *journal, uint64_t *ret_number, error_t *err) {
    sqlite3_stmt *stmt = journal_statement(journal, SQL_FIRST);
    int code = sqlite3_step(stmt);
    uint64_t first = code == SQLITE_ROW ? (uint64_t)sqlite3_column_int64(stmt, 0) : 0;
    (void)sqlite3_reset(stmt);
    if (code != SQLITE_ROW) {
        return journal_fail(journal, "report", err);
    }
    *ret_number = first != 0 ? first : journal->next;
    return STATUS_OK;
}
