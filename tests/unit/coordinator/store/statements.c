/*
 * statements.c: one SQL text for both. The catalog's migrations run and every statement prepares on
 * a PostgreSQL of the test's own.
 */
#include "coordinator/store/migrate.h"
#include "tests/unit/coordinator/store/fixture.h"
#include "tests/unit/postgres/scratch.h"

#include <libpq-fe.h>

static void expect(PGconn *connection, PGresult *result, ExecStatusType status, const char *what) {
    (void)connection;
    if (PQresultStatus(result) != status) {
        print_error("%s: %s\n", what, PQresultErrorMessage(result));
        fail();
    }
    PQclear(result);
}

static PGconn *connect_to(const scratch_t *scratch) {
    char text[256];
    scratch_who_t who = {.database = "catalog", .user = "postgres"};
    PGconn *connection = PQconnectdb(scratch_conninfo(scratch, who, text));
    if (PQstatus(connection) != CONNECTION_OK) {
        print_error("%s\n", PQerrorMessage(connection));
        fail();
    }
    return connection;
}

static void postgresql_accepts_every_text(void **state) {
    (void)state;
    scratch_t scratch;
    scratch_start(&scratch);
    scratch_database(&scratch, "catalog");
    PGconn *connection = connect_to(&scratch);
    expect(connection, PQexec(connection, MIGRATE_TABLE), PGRES_COMMAND_OK, "catalog_migration");
    for (size_t i = 0; i < MIGRATE_FILE_COUNT; i++) {
        expect(connection, PQexec(connection, MIGRATE_FILES[i].text), PGRES_COMMAND_OK,
               MIGRATE_FILES[i].name);
    }
    for (int i = 0; i < STATEMENT_COUNT; i++) {
        const statement_text_t *statement = &STATEMENTS[i];
        expect(connection, PQprepare(connection, statement->name, statement->sql, 0, NULL),
               PGRES_COMMAND_OK, statement->name);
    }
    PQfinish(connection);
    scratch_stop(&scratch);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(postgresql_accepts_every_text)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
