/*
 * finding.h: what is wrong with a set of scripts, all of it, each with its place. Pure.
 *
 * Loading a directory and lint collect findings instead of stopping at the first. A list lives in
 * its owner (zeroed is empty), is released by finding_list_free, and holds at most FINDING_MAX:
 * what is beyond is counted, not kept.
 */
#ifndef DROVER_MIGRATION_FINDING_H
#define DROVER_MIGRATION_FINDING_H

#include "common/base/buffer.h"
#include "common/migration/text.h"

/* Rules that loading a directory itself finds broken; lint's table (lint.h) describes them all. */
#define RULE_FILE_NAME "file-name"
#define RULE_VERSION_GAP "version-gap"
#define RULE_VERSION_DUPLICATE "version-duplicate"
#define RULE_UP_EXISTS "up-exists"
#define RULE_DESCRIPTION "description"
#define RULE_SIZE "size"
#define RULE_ENCODING "encoding"
#define RULE_DIRECTIVE "directive"
#define RULE_PARSES "parses"
#define RULE_PSQL_COMMAND "psql-command"
#define RULE_COPY_STDIN "copy-stdin"
#define RULE_UNDO_EXISTS "undo-exists"
#define RULE_NON_TRANSACTIONAL "non-transactional"
#define RULE_OWN_TRANSACTION "own-transaction"
#define RULE_QUERIES "queries"

enum { FINDING_MAX = 1000 };

typedef enum finding_severity {
    FINDING_ERROR,
    FINDING_WARNING,
    FINDING_SEVERITY_COUNT
} finding_severity_t;

typedef struct finding {
    char *file;         /* name in the directory, odd bytes escaped; "" where it is itself meant */
    text_place_t place; /* line 0: no place in the file */
    const char *rule;   /* static */
    const char *hint;   /* static; NULL where lint has not filled it */
    finding_severity_t severity;
    char *message; /* escaped like file */
    char *source;  /* the source line, cut; NULL where there is none */
    int caret;     /* characters of source before the caret */
} finding_t;

typedef struct finding_list {
    finding_t *items;
    size_t count;
    size_t room;
    size_t dropped; /* found but not kept */
    size_t errors;  /* of all found, those of severity FINDING_ERROR */
    bool failed;    /* out of memory: finding_list_check */
} finding_list_t;

/* Where a finding belongs. text and offset are used when text.bytes is not NULL. */
typedef struct finding_at {
    const char *file;
    text_span_t text;
    size_t offset;
} finding_at_t;

/* Add an error finding; hint stays NULL. rule must be static. */
void finding_add(finding_list_t *list, finding_at_t at, const char *rule, const char *format, ...)
    PRINTF_LIKE(4, 5);

/* Add a copy of a finding, with its severity and hint. */
void finding_copy(finding_list_t *list, const finding_t *finding);

/* ERROR_NO_MEMORY where a finding could not be kept. */
MUST_CHECK status_t finding_list_check(const finding_list_t *list, error_t *err);

/* Order by file, line, column, rule; stable for equal ones. */
void finding_list_sort(finding_list_t *list);

/* ERROR_LINT that counts the errors and quotes the first, or STATUS_OK where there are none. */
MUST_CHECK status_t finding_list_refuse(const finding_list_t *list, error_t *err);

/* Append "file:line:column: error: message [rule]", the source line with a caret, and HINT. */
void finding_print(const finding_t *finding, buffer_t *out);

const char *finding_severity_text(finding_severity_t severity);

/* Release everything; a zeroed list is fine. Usable with CLEANUP. */
void finding_list_free(finding_list_t *list);

#endif
