/* hash.c: see hash.h. */
#include "common/crypto/hash.h"

#include <string.h>

void hash_begin(hash_t *hash, const char *domain) {
    size_t length = strlen(domain);
    INVARIANT(length > 0 && length <= 64);
    INVARIANT(crypto_generichash_init(&hash->state, NULL, 0, DIGEST_BYTES) == 0);
    hash_add_text(hash, domain);
}

void hash_add(hash_t *hash, const void *bytes, size_t size) {
    INVARIANT(crypto_generichash_update(&hash->state, bytes, size) == 0);
}

void hash_add_number(hash_t *hash, int64_t number) {
    uint8_t bytes[8];
    uint64_t value = (uint64_t)number;
    for (size_t i = 0; i < sizeof bytes; i++) {
        bytes[i] = (uint8_t)(value >> (56 - 8 * i));
    }
    hash_add(hash, bytes, sizeof bytes);
}

void hash_add_text(hash_t *hash, const char *text) {
    size_t length = strlen(text);
    hash_add_number(hash, (int64_t)length);
    hash_add(hash, text, length);
}

digest_t hash_end(hash_t *hash) {
    digest_t digest;
    INVARIANT(crypto_generichash_final(&hash->state, digest.bytes, DIGEST_BYTES) == 0);
    return digest;
}

digest_t hash_of(const char *domain, const void *bytes, size_t size) {
    hash_t hash;
    hash_begin(&hash, domain);
    hash_add(&hash, bytes, size);
    return hash_end(&hash);
}
