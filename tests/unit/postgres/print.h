/*
 * print.h: fingerprints of a database, for tests: the whole way from SQL to digests on one libpq
 * connection, inside the transaction that is open there.
 */
#ifndef DROVER_TESTS_PRINT_H
#define DROVER_TESTS_PRINT_H

#include "common/postgres/fingerprint.h"

typedef struct print {
    fingerprint_t digests;
    fingerprint_stamp_t stamp;
    char *text; /* of the caller, to be freed */
} print_t;

/* Run SQL that must succeed; the result is the caller's. */
PGresult *print_run(PGconn *conn, const char *sql);

/* Read stamp and fingerprint, with the mask that the stamp tells; aborts where anything fails. */
print_t print_take(PGconn *conn, const fingerprint_exceptions_t *exceptions);

/* The same with every catalog asked. */
print_t print_take_everything(PGconn *conn);

/* The whole of a file of this folder; the caller frees it. */
char *print_file(const char *name);

#endif
