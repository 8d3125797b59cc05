/*
 * scratch.h: a PostgreSQL cluster that lives as long as a test.
 *
 * A keeper process stops it and removes its files when the test lets go of it or dies.
 *
 * On a socket in a directory of its own, without TCP, as an unprivileged user where the test runs
 * as root. Its superuser is "postgres"; login "drover" is none, may SET ROLE to "owner", and each
 * database made by scratch_database belongs to "owner" with CREATE granted to "drover".
 */
#ifndef DROVER_TESTS_SCRATCH_H
#define DROVER_TESTS_SCRATCH_H

#include "common/postgres/connection.h"

typedef struct scratch {
    char folder[64];
    char bin[64];
    int keeper; /* pipe whose end tells the keeper process to clean up */
    int keeper_pid;
} scratch_t;

/* Start one, or abort with a message. */
void scratch_start(scratch_t *scratch);
void scratch_stop(scratch_t *scratch);

/* Run pg_ctl with these words ("restart -m immediate"). */
void scratch_control(const scratch_t *scratch, const char *words);

/* A new database. */
void scratch_database(const scratch_t *scratch, const char *name);

/* "host=… dbname=… user=…"; answers buffer. */
typedef struct scratch_who {
    const char *database;
    const char *user;
} scratch_who_t;
const char *scratch_conninfo(const scratch_t *scratch, scratch_who_t who, char buffer[256]);

/* Connect, or abort. */
connection_t *scratch_connect(const scratch_t *scratch, scratch_who_t who);

/* Run SQL that must succeed, and answer the first value of its last result, in a static buffer. */
const char *scratch_run(connection_t *c, const char *sql);

/* Run SQL and answer its SQLSTATE, "" where it succeeded. */
const char *scratch_state(connection_t *c, const char *sql);

#endif
