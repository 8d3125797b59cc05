/*
 * script.h: one file of a migration: its name, text, directives and statements, and what is wrong
 * with it by itself.
 */
#ifndef DROVER_MIGRATION_SCRIPT_H
#define DROVER_MIGRATION_SCRIPT_H

#include "common/base/cleanup.h"
#include "common/base/digest.h"
#include "common/migration/directive.h"
#include "common/migration/statement.h"

typedef struct script {
    char *name; /* of the file, without its directory */
    filename_t filename;
    char *text; /* followed by a NUL; "" where it was not fit to be kept (a finding says so) */
    size_t size;
    bool readable;   /* text_check passed: the text may be parsed */
    digest_t digest; /* under HASH_SCRIPT */
    directives_t directives;
    statement_result_t parsed;
} script_t;

/*
 * Read a file of the open directory, check its text and read its directives; statements come later,
 * all scripts at once. filename is what its name says. What is wrong with the text is a finding;
 * ERROR_IO and ERROR_NO_MEMORY are errors. The caller destroys the script.
 */
MUST_CHECK status_t script_load(int directory_fd, const char *name, const filename_t *filename,
                                finding_list_t *findings, script_t **ret_script, error_t *err);

/* Add what is wrong with a script's statements, once it has been parsed: what could not be parsed,
 * what may not stand where it stands. */
void script_judge(const script_t *script, finding_list_t *findings);

/* The text as a span. */
text_span_t script_text(const script_t *script);

void script_destroy(script_t **script_p);
DEFINE_CLEANUP(script_t, script_destroy)

#endif
