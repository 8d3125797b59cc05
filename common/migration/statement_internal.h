/*
 * statement_internal.h: what statement's files share among themselves. A child writes an answer
 * for each script with statement_encode; its parent, which trusts nothing that a child says after
 * parsing hostile text, reads it with statement_decode.
 */
#ifndef DROVER_MIGRATION_STATEMENT_INTERNAL_H
#define DROVER_MIGRATION_STATEMENT_INTERNAL_H

#include "common/base/buffer.h"
#include "common/migration/statement.h"

/* First bytes of an answer: its size in all, a host-order uint64_t. */
enum { STATEMENT_ANSWER_MAX = 256 * 1024 * 1024 };

void statement_encode(const statement_result_t *result, buffer_t *out);

/* Read one whole answer about a script of script_size bytes. ERROR_INTERNAL where it is none. */
MUST_CHECK status_t statement_decode(text_span_t answer, size_t script_size,
                                     statement_result_t *ret_result, error_t *err);

/* What the parser said, as libpg_query has it. */
typedef struct statement_complaint {
    const char *message;
    int cursor; /* characters from 1; 0: nowhere */
} statement_complaint_t;

/* Put the parser's complaint into words: which psql thing it was, or PostgreSQL's own message. */
void statement_explain(text_span_t script, statement_complaint_t complaint,
                       statement_problem_t *ret_problem);

/* Whether the text (followed by a NUL) parses and its last statement copies from or to the client;
 * ret_offset gets that statement. */
bool statement_ends_with_copy(text_span_t script, size_t *ret_offset);

#endif
