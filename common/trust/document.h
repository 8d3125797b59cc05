/*
 * document.h: a body of one kind with the signatures that people or agents put under it. Pure but
 * for memory.
 *
 * Invariant: in a document_t every signature present is its key's over this body under the domain
 * of this kind; it was checked when it came in. Whether a key is one to trust is the tally's
 * (tally.h). Nothing of the body has been parsed: the readers (trust_read, order_read, …) do that.
 *
 * Bytes: proto/trust.proto, Document, in the one encoding there is. In a file a line of 16 bytes
 * stands before them. A document's id is hash(domain of its kind, body); signatures are over the
 * body under a domain of signatures (sign.h). Neither depends on the signatures.
 */
#ifndef DROVER_TRUST_DOCUMENT_H
#define DROVER_TRUST_DOCUMENT_H

#include "common/base/buffer.h"
#include "common/base/cleanup.h"
#include "common/crypto/sign.h"

enum {
    DOCUMENT_SIGNATURES = 32,         /* most under one body */
    DOCUMENT_BODY_BYTES = 512 * 1024, /* most in one body */
    DOCUMENT_BYTES = 520 * 1024,      /* most in all, without the line of a file */
    DOCUMENT_MAGIC_BYTES = 16,
};

#define DOCUMENT_MAGIC "drover document\n"

/* Numbers stand in documents: append only. */
typedef enum document_kind {
    DOCUMENT_TRUST = 1,
    DOCUMENT_ORDER = 2,
    DOCUMENT_CARD = 3,
    DOCUMENT_REVOCATION = 4,
    DOCUMENT_RESULT = 5,
    DOCUMENT_REQUEST = 6,
    DOCUMENT_KIND_END
} document_kind_t;

typedef struct document {
    document_kind_t kind;
    const uint8_t *body;
    size_t body_size;
    digest_t id;
    size_t signature_count;
    sign_public_t keys[DOCUMENT_SIGNATURES]; /* ascending */
    signature_t signatures[DOCUMENT_SIGNATURES];
} document_t;

/* "trust file", "order", … */
const char *document_kind_text(document_kind_t kind);

/* A document that nobody signed yet; copies the body, as it stands: a draft made by one program has
 * the same id where it is read, shown and signed by another. The readers read it unsigned.
 * ERROR_BOUND, NO_MEMORY. */
typedef struct document_body {
    document_kind_t kind;
    const void *bytes;
    size_t size;
} document_body_t;

MUST_CHECK status_t document_new(const document_body_t *body, document_t **ret_document,
                                 error_t *err);

/* Sign. ERROR_TRUST_SIGNED where this key has signed already, ERROR_BOUND past 32. */
MUST_CHECK status_t document_sign(document_t *document, const sign_secret_t *secret, error_t *err);

/* What a signer elsewhere (HSM, KMS, CI) signs with Ed25519: 32 bytes. */
digest_t document_to_sign(const document_t *document);

/* Add a signature made elsewhere. As document_sign; ERROR_TRUST_SIGNATURE where it is not this
 * key's. */
MUST_CHECK status_t document_add(document_t *document, const sign_public_t *key,
                                 const signature_t *signature, error_t *err);

/* Take over the signatures of another copy of the same body that this one lacks. Signatures by one
 * key in both stay as they are. ERROR_TRUST_MERGE where kind or body differ, ERROR_BOUND past 32;
 * nothing is changed then. */
MUST_CHECK status_t document_merge(document_t *document, const document_t *other, error_t *err);

bool document_signed_by(const document_t *document, const sign_public_t *key);

/* Append the bytes (as they travel), or the magic line and the bytes (as they stand in a file).
 * ERROR_TRUST_DOCUMENT where nobody has signed. */
MUST_CHECK status_t document_encode(const document_t *document, buffer_t *out, error_t *err);
MUST_CHECK status_t document_encode_file(const document_t *document, buffer_t *out, error_t *err);

/* Read bytes, checking every signature; copies. ERROR_TRUST_DOCUMENT, TRUST_SIGNATURE, BOUND. */
MUST_CHECK status_t document_decode(const void *bytes, size_t size, document_t **ret_document,
                                    error_t *err);
MUST_CHECK status_t document_decode_file(const void *bytes, size_t size, document_t **ret_document,
                                         error_t *err);

void document_destroy(document_t **document_p);
DEFINE_CLEANUP(document_t, document_destroy)

#endif
