/*
 * trust_text.h: what a trust file says, for those who sign it: one line a fact, nothing left out,
 * so that two versions can be compared line by line; and the same as JSON.
 */
#ifndef DROVER_CLI_TRUST_TEXT_H
#define DROVER_CLI_TRUST_TEXT_H

#include "cli/trust_paper.h"
#include "common/base/buffer.h"

/* Append every fact of the body as a line; text from elsewhere is escaped. */
void trust_text_lines(const trust_t *trust, buffer_t *out);

/* Append what differs: "- " and a line of before only, "+ " and one of after only. */
typedef struct trust_text_change {
    const trust_t *before;
    const trust_t *after;
} trust_text_change_t;

MUST_CHECK status_t trust_text_diff(const trust_text_change_t *change, buffer_t *out, error_t *err);

/* Append who signed, who has not, and how many are missing; previous->trust may be NULL. */
void trust_text_signatures(const trust_paper_t *paper, const trust_paper_t *previous,
                           buffer_t *out);

/* All of it as one document. */
MUST_CHECK status_t trust_text_json(const trust_paper_t *paper, const trust_paper_t *previous,
                                    int64_t now_us, json_t **ret_document, error_t *err);

/* "fresh", "warning", "expired". */
const char *trust_text_freshness(const trust_t *trust, int64_t now_us);

#endif
