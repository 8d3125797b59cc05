/*
 * directive.h: what a script says about itself in its leading comments. Pure.
 *
 *     -- drover: phase=expand                         expand, backfill or contract
 *     -- drover: transaction=none                     statements run one by one
 *     -- drover: lock_timeout=500ms                   whole ms, s, min or h
 *     -- drover: statement_timeout=5min
 *     -- drover: backfill=table:public.users,key:id,batch:1000,pause:50ms
 *     -- drover: irreversible="drops a column"        why there is no undo
 *     -- drover: allow=verify-exists:"nothing to see" a lint rule, and why
 *
 * One a line, each key once (allow once a rule). Leading comments end at the first statement.
 * An undo script knows transaction, lock_timeout, statement_timeout and allow; a verify or check
 * script knows statement_timeout and allow.
 */
#ifndef DROVER_MIGRATION_DIRECTIVE_H
#define DROVER_MIGRATION_DIRECTIVE_H

#include "common/migration/filename.h"
#include "common/migration/finding.h"

/* Numbers stand in bundles: append only. */
typedef enum phase {
    PHASE_NONE, /* not said */
    PHASE_EXPAND,
    PHASE_BACKFILL,
    PHASE_CONTRACT,
    PHASE_COUNT
} phase_t;

enum {
    DIRECTIVE_ALLOWS = 16,
    DIRECTIVE_TEXT_SIZE = 257, /* a reason, a table's name, with the terminator */
    DIRECTIVE_RULE_SIZE = 65,
};

typedef struct directive_allow {
    char rule[DIRECTIVE_RULE_SIZE];
    char reason[DIRECTIVE_TEXT_SIZE];
    size_t offset; /* of the directive in its script */
} directive_allow_t;

typedef struct directive_backfill {
    char table[DIRECTIVE_TEXT_SIZE]; /* "" where there is none; as written */
    char key[DIRECTIVE_TEXT_SIZE];
    uint32_t batch;   /* rows; 1000 where not said */
    int64_t pause_ms; /* 0 where not said */
} directive_backfill_t;

typedef struct directives {
    phase_t phase;
    bool transaction_none;
    int64_t lock_timeout_ms;      /* -1: not said */
    int64_t statement_timeout_ms; /* -1: not said */
    directive_backfill_t backfill;
    char irreversible[DIRECTIVE_TEXT_SIZE]; /* "" where not said */
    directive_allow_t allows[DIRECTIVE_ALLOWS];
    size_t allow_count;
} directives_t;

typedef struct directive_source {
    const char *file; /* for findings */
    script_kind_t kind;
    text_span_t text; /* has passed text_check */
} directive_source_t;

/* Read the directives of a script; each broken one is a finding of RULE_DIRECTIVE and is left out.
 */
void directive_parse(directive_source_t source, directives_t *ret_directives,
                     finding_list_t *findings);

/* Whether the script allows a rule to be broken. */
bool directive_allows(const directives_t *directives, const char *rule);

/* Read "500ms", "2s", "5min" or "1h" (whole numbers, at most 30 days). ERROR_DIRECTIVE. */
MUST_CHECK status_t directive_duration(const char *text, int64_t *ret_ms, error_t *err);

const char *phase_text(phase_t phase); /* "", "expand", … */

#endif
