/*
 * sign.h: Ed25519 signatures over the bytes that travel, under a domain that separates one kind of
 * statement from another. Verify before parsing; never re-serialize to verify.
 * Source: RFC 8032, libsodium "Public-key signatures" (multi-part form is not used).
 */
#ifndef DROVER_CRYPTO_SIGN_H
#define DROVER_CRYPTO_SIGN_H

#include "common/base/digest.h"

enum {
    SIGN_PUBLIC_BYTES = 32,
    SIGN_SECRET_BYTES = 64,
    SIGN_SIGNATURE_BYTES = 64,
    SIGN_PUBLIC_TEXT_SIZE = 65,
};

/* Domains of signatures; part of the format. */
#define SIGN_JOB "drover/sign/job/1"
#define SIGN_REPORTS "drover/sign/reports/1"
#define SIGN_BUNDLE "drover/sign/bundle/1"
#define SIGN_ORDER "drover/sign/order/1"
#define SIGN_BACKUP "drover/sign/backup/1"
#define SIGN_LEDGER "drover/sign/ledger/1"
#define SIGN_AUDIT_HEAD "drover/sign/audit-head/1"
/* Documents, by kind (common/trust). SIGN_ORDER is an operator's question on the wire. */
#define SIGN_TRUST_DOCUMENT "drover/sign/document/trust/1"
#define SIGN_ORDER_DOCUMENT "drover/sign/document/order/1"
#define SIGN_CARD_DOCUMENT "drover/sign/document/card/1"
#define SIGN_REVOCATION_DOCUMENT "drover/sign/document/revocation/1"
#define SIGN_RESULT_DOCUMENT "drover/sign/document/result/1"
#define SIGN_REQUEST_DOCUMENT "drover/sign/document/request/1"

typedef struct sign_public {
    uint8_t bytes[SIGN_PUBLIC_BYTES];
} sign_public_t;

/* Held in guarded memory by its owner (see keyfile.h); never copied, never printed. */
typedef struct sign_secret {
    uint8_t bytes[SIGN_SECRET_BYTES];
} sign_secret_t;

typedef struct signature {
    uint8_t bytes[SIGN_SIGNATURE_BYTES];
} signature_t;

/* Sign size bytes under a domain. Allocates nothing; what is signed is hash(domain, bytes). */
signature_t sign_bytes(const sign_secret_t *secret, const char *domain, const void *bytes,
                       size_t size);

/* The same for a digest that stands already: what a signer elsewhere gets, and signs as it is. */
signature_t sign_digest(const sign_secret_t *secret, const digest_t *digest);
bool sign_verify_digest(const sign_public_t *key, const digest_t *digest,
                        const signature_t *signature);

/* Whether the signature is this key's over these bytes under this domain. */
bool sign_verify(const sign_public_t *key, const char *domain, const void *bytes, size_t size,
                 const signature_t *signature);

/* Make a key pair from the system's randomness. */
void sign_keypair(sign_public_t *ret_public, sign_secret_t *ret_secret);

bool sign_public_equal(const sign_public_t *a, const sign_public_t *b);

#endif
