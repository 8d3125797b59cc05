/*
 * request.h: who wants to become an agent. Pure but for memory.
 *
 * A request is signed by the very key that it asks for, and by no other: whoever made it holds the
 * secret. It proves nothing else. People compare its fingerprint, digest_text of its digest, with
 * what the agent's host shows before they sign a card (card.h).
 */
#ifndef DROVER_TRUST_REQUEST_H
#define DROVER_TRUST_REQUEST_H

#include "common/trust/card.h"

enum { REQUEST_FORMAT = 1 };

typedef struct request {
    sign_public_t key;
    uint8_t curve[32];
    const char *name;
    const uint64_t *clusters; /* strictly ascending, none of them 0; none at all: any */
    size_t cluster_count;
    int64_t issued_us;
    digest_t digest; /* of the document; request_write ignores it */
} request_t;

/* Make the unsigned document; checks what request_read checks. ERROR_REQUEST_INVALID, BOUND. */
MUST_CHECK status_t request_write(const request_t *request, document_t **ret_document,
                                  error_t *err);
/* Read a document and check that it makes sense, whoever signed. ERROR_TRUST_KIND,
 * TRUST_DOCUMENT, REQUEST_INVALID. */
MUST_CHECK status_t request_read(const document_t *document, request_t **ret_request, error_t *err);
/* Read, and check that exactly its own key signed. No trust file is asked: whoever holds that key
 * may have made it. ERROR_REQUEST_INVALID, else as request_read. */
MUST_CHECK status_t request_verify(const document_t *document, request_t **ret_request,
                                   error_t *err);

void request_destroy(request_t **request_p);
DEFINE_CLEANUP(request_t, request_destroy)

#endif
