/* print.c: see print.h. */
#include "tests/unit/postgres/print.h"
#include "common/base/cleanup.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void must(status_t status, const error_t *err) {
    if (status != STATUS_OK) {
        error_print(err, "print");
        abort();
    }
}

PGresult *print_run(PGconn *conn, const char *sql) {
    PGresult *result = PQexec(conn, sql);
    const ExecStatusType status = PQresultStatus(result);
    if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK) {
        fprintf(stderr, "%.3000s\n%s", sql, PQerrorMessage(conn));
        abort();
    }
    return result;
}

static void take_stamp(PGconn *conn, print_t *print) {
    error_t err = {0};
    fingerprint_scope_t scope = {PQserverVersion(conn), 0};
    for (int i = 0; i < 2 && !print->stamp.complete; i++) {
        CLEANUP(buffer_free) buffer_t sql = {0};
        must(fingerprint_stamp_sql(&scope, &sql, &err), &err);
        PGresult *result = print_run(conn, buffer_string(&sql));
        must(fingerprint_stamp_read(result, &scope, &print->stamp, &err), &err);
        PQclear(result);
        scope.mask = print->stamp.mask;
    }
    if (!print->stamp.complete || fingerprint_stamp_mask(print->stamp.text) != print->stamp.mask) {
        abort();
    }
}

static print_t take(PGconn *conn, const fingerprint_exceptions_t *exceptions, bool everything) {
    print_t print = {0};
    error_t err = {0};
    PQclear(print_run(conn, "SAVEPOINT print"));
    PQclear(print_run(conn, fingerprint_session_sql()));
    take_stamp(conn, &print);
    const fingerprint_scope_t scope = {PQserverVersion(conn),
                                       everything ? FINGERPRINT_EVERYTHING : print.stamp.mask};
    CLEANUP(buffer_free) buffer_t sql = {0};
    buffer_t text = {0};
    must(fingerprint_sql(&scope, &sql, &err), &err);
    PGresult *result = print_run(conn, buffer_string(&sql));
    must(fingerprint_from_result(result, &scope, exceptions, &print.digests, &text, &err), &err);
    fingerprint_stamp_t same = {0};
    must(fingerprint_stamp_from_result(result, &scope, &same, &err), &err);
    if (!same.complete || strcmp(same.text, print.stamp.text) != 0) {
        fprintf(stderr, "the fingerprint's own stamp is %s, not %s\n", same.text, print.stamp.text);
        abort();
    }
    PQclear(result);
    PQclear(print_run(conn, "ROLLBACK TO print"));
    print.text = buffer_take(&text);
    return print;
}

print_t print_take(PGconn *conn, const fingerprint_exceptions_t *exceptions) {
    return take(conn, exceptions, false);
}

print_t print_take_everything(PGconn *conn) {
    return take(conn, NULL, true);
}

char *print_file(const char *name) {
    char path[256];
    (void)snprintf(path, sizeof path, "tests/unit/postgres/%s", name);
    FILE *file = fopen(path, "r");
    if (file == NULL) {
        perror(path);
        abort();
    }
    CLEANUP(buffer_free) buffer_t text = {0};
    char block[4096];
    for (size_t size; (size = fread(block, 1, sizeof block, file)) > 0;) {
        buffer_append(&text, block, size);
    }
    (void)fclose(file);
    return buffer_take(&text);
}
