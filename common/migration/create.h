/*
 * create.h: the files of a new migration, with the next number.
 *
 * Invariants: nothing is ever overwritten; either all three files are there afterwards or none of
 * them; two at work in one directory get two numbers (flock(2) on the directory).
 */
#ifndef DROVER_MIGRATION_CREATE_H
#define DROVER_MIGRATION_CREATE_H

#include "common/migration/filename.h"

enum { CREATE_FILES = 3, CREATE_PATH_SIZE = 4096 };

typedef struct create_paths {
    char version[VERSION_TEXT_SIZE];
    char path[CREATE_FILES][CREATE_PATH_SIZE]; /* up, undo, verify */
} create_paths_t;

/*
 * Make V0NN__words.sql, .undo.sql and .verify.sql in an existing directory, NN after the greatest
 * number there. ERROR_INVALID for words that leave no name, ERROR_MIGRATION_NAME where the
 * directory holds a misnamed file, ERROR_NOT_FOUND, ERROR_IO, ERROR_DISK_FULL.
 */
MUST_CHECK status_t create_migration(const char *directory, const char *words,
                                     create_paths_t *ret_paths, error_t *err);

#endif
