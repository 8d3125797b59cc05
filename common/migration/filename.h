/*
 * filename.h: names of native migration files. Pure.
 *
 *     V001__what_it_does.sql          what is applied
 *     V001__what_it_does.undo.sql     takes it back
 *     V001__what_it_does.verify.sql   must be true afterwards
 *     V001__what_it_does.check.sql    must be true before
 *
 * V, at least three digits, zero-padded to three and no further, from 1 to LIMIT_MIGRATIONS; two
 * underscores; a description of lower-case letters, digits and underscores.
 */
#ifndef DROVER_MIGRATION_FILENAME_H
#define DROVER_MIGRATION_FILENAME_H

#include "common/base/error.h"

#include <stdint.h>

/* The scripts of one migration. Numbers stand in bundles: append only. */
typedef enum script_kind {
    SCRIPT_UP,
    SCRIPT_UNDO,
    SCRIPT_VERIFY,
    SCRIPT_CHECK,
    SCRIPT_COUNT
} script_kind_t;

enum {
    VERSION_TEXT_SIZE = 64,      /* any tool's version, with the terminator */
    DESCRIPTION_TEXT_SIZE = 129, /* LIMIT_NAME_BYTES and the terminator */
};

typedef struct filename {
    uint32_t number;                         /* 1 */
    char version[VERSION_TEXT_SIZE];         /* "V001" */
    char description[DESCRIPTION_TEXT_SIZE]; /* "what_it_does" */
    script_kind_t kind;
} filename_t;

/* "up", "undo", "verify", "check". */
const char *script_kind_text(script_kind_t kind);

/* Whether a directory entry is meant as a migration, rightly named or not: any .sql file, and any
 * name that begins with V and a digit. Names that begin with a dot never are. */
bool filename_is_meant(const char *name);

/* Read a name. ERROR_MIGRATION_NAME says what is wrong with it. */
MUST_CHECK status_t filename_parse(const char *name, filename_t *ret_filename, error_t *err);

/* "V007" for 7. */
const char *filename_version(uint32_t number, char buffer[VERSION_TEXT_SIZE]);

/* Whether the text means this version: "V007", or "v7", "7", "007". */
bool filename_is_version(const char *text, const char *version);

/* Make a description of words: "Add e-mail!" is add_e_mail. ERROR_INVALID where nothing is left or
 * it is too long. */
MUST_CHECK status_t filename_describe(const char *words, char ret_text[DESCRIPTION_TEXT_SIZE],
                                      error_t *err);

#endif
