/*
 * lint.h: rules over a loaded directory, as a table.
 *
 * A rule is a row: its check looks at the directory and adds findings. Rules that loading itself
 * judges (names, gaps, encoding, directives, syntax) are rows too: their check hands on what was
 * found. A script may allow a rule that is allowable, with a reason; then its findings in that
 * script's migration are left out. docs/RULES.md is printed from the table.
 */
#ifndef DROVER_LINT_LINT_H
#define DROVER_LINT_LINT_H

#include "common/migration/directory.h"

typedef struct lint_rule lint_rule_t;

typedef struct lint_options {
    uint32_t newest_major; /* newest PostgreSQL that the scripts are for; 0: the grammar's */
} lint_options_t;

typedef struct lint_context {
    const directory_t *directory;
    const lint_options_t *options;
    const lint_rule_t *rule;
    finding_list_t *findings;
} lint_context_t;

struct lint_rule {
    const char *id;   /* stable: stands in allow directives */
    const char *name; /* a few words */
    finding_severity_t severity;
    bool allowable;
    void (*check)(const lint_context_t *context);
    const char *hint; /* what to do */
    const char *doc;  /* one sentence or two, for docs/RULES.md */
};

/* The table. */
size_t lint_rule_count(void);
const lint_rule_t *lint_rule(size_t index);
const lint_rule_t *lint_rule_find(const char *id); /* NULL where there is none */

/* Run every rule; findings come sorted, with severity and hint. options may be NULL.
 * ERROR_NO_MEMORY only. The caller frees ret_findings with finding_list_free. */
MUST_CHECK status_t lint_run(const directory_t *directory, const lint_options_t *options,
                             finding_list_t *ret_findings, error_t *err);

/* Append docs/RULES.md. */
void lint_print_rules(buffer_t *out);

#endif
