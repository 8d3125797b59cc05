/*
 * trust_paper.h: trust files on disk, unsigned drafts included, and how far they are signed.
 *
 * A draft stands behind a line of its own ("drover unsigned") and has no signature: no program that
 * verifies trust files takes it for one. With its first signature it becomes a document.
 */
#ifndef DROVER_CLI_TRUST_PAPER_H
#define DROVER_CLI_TRUST_PAPER_H

#include "common/trust/trust.h"

#include <jansson.h>

#define TRUST_PAPER_MAGIC "drover unsigned\n"

/* A trust file with what it says. Nothing is said of whether its signatures suffice. */
typedef struct trust_paper {
    document_t *document;
    trust_t *trust;
} trust_paper_t;

/* Read a draft or a document. ERROR_TRUST_KIND where it is another document; else as
 * trust_file_read and trust_read. Released by trust_paper_free, usable with CLEANUP. */
MUST_CHECK status_t trust_paper_load(const char *path, trust_paper_t *ret_paper, error_t *err);
void trust_paper_free(trust_paper_t *paper);

/* Replace the file whole: as a draft where nobody has signed, else as a document. */
MUST_CHECK status_t trust_paper_save(const document_t *document, const char *path, error_t *err);

/* Read one that is signed by its own root threshold. ERROR_TRUST_INCOMPLETE. */
MUST_CHECK status_t trust_paper_load_signed(const char *path, trust_paper_t *ret_paper,
                                            error_t *err);

/* Signatures that one set of root keys gives a paper. */
typedef struct trust_paper_count {
    size_t signed_by; /* persons */
    uint32_t needed;
} trust_paper_count_t;

trust_paper_count_t trust_paper_count(const trust_t *roots, const document_t *document);

/* Whether own roots and those of the one before signed enough; only of version 1 can that be said
 * without the one before. */
bool trust_paper_complete(const trust_paper_t *paper, const trust_paper_t *previous);

/* Whether `paper` may follow `previous` as far as that can be said before it is signed.
 * ERROR_TRUST_FLEET, TRUST_VERSION. */
MUST_CHECK status_t trust_paper_follows(const trust_paper_t *paper, const trust_paper_t *previous,
                                        error_t *err);

#endif
