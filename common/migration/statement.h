/*
 * statement.h: the statements of a script, as PostgreSQL's own parser sees them.
 *
 * Invariants: whatever the text is, the caller neither crashes nor waits past the deadline. A
 * script is parsed in a child process whose memory is capped and whose parser runs on a 256 MiB
 * stack; a child that dies says ERROR_SQL_TOO_COMPLEX for the script in hand, and another child
 * goes on with the next one. The child inherits the texts by fork and answers through a pipe.
 * Sources: libpg_query (PostgreSQL 15's grammar), fork(2), setrlimit(2).
 */
#ifndef DROVER_MIGRATION_STATEMENT_H
#define DROVER_MIGRATION_STATEMENT_H

#include "common/migration/statement_kind.h"
#include "common/migration/text.h"

#include <stdint.h>

/* Major version of the grammar that we parse with. */
enum { STATEMENT_GRAMMAR_MAJOR = 15 };

typedef struct statement {
    size_t offset; /* first byte, comments before it left out */
    size_t length; /* without the ; */
    int line;
    statement_kind_t kind;
    char *node;         /* the parse tree's word: "index_stmt", "select_stmt", … */
    char *index_schema; /* of a CONCURRENTLY statement: "" where not written */
    char *index_name;   /* "" where the statement names none */
    char *table_schema; /* of CREATE INDEX, REINDEX TABLE; "" where not written */
    char *table_name;
} statement_t;

typedef struct statement_list {
    statement_t *items;
    size_t count;
} statement_list_t;

/* Why a script could not be parsed; code is ERROR_NONE where it could. */
typedef struct statement_problem {
    error_t error; /* SQL_SYNTAX, SQL_TOO_COMPLEX, ENCODING, BOUND, NO_MEMORY */
    const char
        *rule;     /* RULE_PARSES, RULE_PSQL_COMMAND, RULE_COPY_STDIN, RULE_ENCODING, RULE_SIZE */
    size_t offset; /* where, in bytes */
} statement_problem_t;

typedef struct statement_result {
    statement_list_t list;
    statement_problem_t problem;
} statement_result_t;

typedef struct statement_options {
    int64_t memory_bytes; /* the child's cap beyond what it inherits; 0: 2 GiB */
    int64_t deadline_ms;  /* for one script; 0: 60,000 */
} statement_options_t;

/*
 * Parse count scripts. options may be NULL. ret_results is an array of count, filled one by one
 * and released by statement_result_free whatever comes back. The answer is an error only where no
 * child could be had (ERROR_IO, ERROR_NO_MEMORY); what is wrong with a script stands in its result.
 */
MUST_CHECK status_t statement_parse(const text_span_t *scripts, size_t count,
                                    const statement_options_t *options,
                                    statement_result_t *ret_results, error_t *err);

/*
 * The same for one script in this very process and on this very stack: for the child itself, and
 * for fuzzing. The text must be followed by a NUL.
 */
void statement_parse_here(text_span_t script, statement_result_t *ret_result);

/* Release what a result holds; a zeroed one is fine. Usable with CLEANUP. */
void statement_result_free(statement_result_t *result);

#endif
