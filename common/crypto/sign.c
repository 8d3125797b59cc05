/* sign.c: see sign.h. The message that Ed25519 signs is the 32-byte digest of domain and bytes. */
#include "common/crypto/sign.h"
#include "common/crypto/hash.h"

#include <string.h>

signature_t sign_bytes(const sign_secret_t *secret, const char *domain, const void *bytes,
                       size_t size) {
    digest_t digest = hash_of(domain, bytes, size);
    return sign_digest(secret, &digest);
}

signature_t sign_digest(const sign_secret_t *secret, const digest_t *digest) {
    signature_t signature;
    INVARIANT(crypto_sign_detached(signature.bytes, NULL, digest->bytes, DIGEST_BYTES,
                                   secret->bytes) == 0);
    return signature;
}

bool sign_verify(const sign_public_t *key, const char *domain, const void *bytes, size_t size,
                 const signature_t *signature) {
    digest_t digest = hash_of(domain, bytes, size);
    return sign_verify_digest(key, &digest, signature);
}

bool sign_verify_digest(const sign_public_t *key, const digest_t *digest,
                        const signature_t *signature) {
    return crypto_sign_verify_detached(signature->bytes, digest->bytes, DIGEST_BYTES, key->bytes) ==
           0;
}

void sign_keypair(sign_public_t *ret_public, sign_secret_t *ret_secret) {
    INVARIANT(crypto_sign_keypair(ret_public->bytes, ret_secret->bytes) == 0);
}

bool sign_public_equal(const sign_public_t *a, const sign_public_t *b) {
    return memcmp(a->bytes, b->bytes, SIGN_PUBLIC_BYTES) == 0;
}
