/*
 * directory.h: a directory of native migrations, loaded whole: names, texts, directives and
 * statements, ordered by position.
 *
 * Loading never stops at the first finding: what is wrong with the set is collected, and only what
 * prevents reading at all (no such directory, a file that cannot be read, no memory) is an error.
 * A directory with errors among its findings must not become a bundle; bundle_build refuses it.
 */
#ifndef DROVER_MIGRATION_DIRECTORY_H
#define DROVER_MIGRATION_DIRECTORY_H

#include "common/migration/script.h"

typedef struct migration {
    uint32_t position; /* from 1, without gaps, in the order of versions */
    uint32_t number;   /* as the file's name says */
    char version[VERSION_TEXT_SIZE];
    char description[DESCRIPTION_TEXT_SIZE];
    script_t *scripts[SCRIPT_COUNT]; /* NULL where there is none */
} migration_t;

typedef struct directory {
    char *path;
    migration_t *items;
    size_t count;
    finding_list_t findings;
} directory_t;

/* Load a directory; the caller destroys it. ERROR_IO, ERROR_NOT_FOUND, ERROR_BOUND (more than
 * LIMIT_MIGRATIONS or LIMIT_BUNDLE_BYTES), ERROR_NO_MEMORY. */
MUST_CHECK status_t directory_load(const char *path, const statement_options_t *options,
                                   directory_t **ret_directory, error_t *err);

/* The migration of this version ("V007"; "7" and "v7" find it too), or NULL. */
const migration_t *directory_find(const directory_t *directory, const char *version);

void directory_destroy(directory_t **directory_p);
DEFINE_CLEANUP(directory_t, directory_destroy)

#endif
