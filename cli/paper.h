/*
 * paper.h: signed documents, and drafts of them, as they stand in questions and answers: base64
 * (RFC 4648, section 4) in a text of JSON.
 */
#ifndef DROVER_CLI_PAPER_H
#define DROVER_CLI_PAPER_H

#include "cli/document.h"
#include "common/trust/document.h"

/* The bytes of a document as a text. ERROR_TRUST_DOCUMENT where nobody has signed; NO_MEMORY. */
MUST_CHECK status_t paper_text(const document_t *paper, json_t **ret_text, error_t *err);

/* The document of this kind that stands in an answer at a path, each signature checked; what it
 * says, and whether its signers may, is not. ERROR_TRUST_KIND, else as document_decode. */
typedef struct paper_place {
    const json_t *answer;
    const char *path;
    document_kind_t kind;
} paper_place_t;

MUST_CHECK status_t paper_read(const paper_place_t *place, document_t **ret_paper, error_t *err);

/* The same of a draft: the body alone. NULL where the text is "": there is nothing to sign. */
MUST_CHECK status_t paper_read_draft(const paper_place_t *place, document_t **ret_paper,
                                     error_t *err);

#endif
