/* bundle.c: see bundle.h. What a bundle answers, and its signatures. */
#include "common/migration/bundle_internal.h"
#include "common/crypto/hash.h"

#include <stdlib.h>
#include <string.h>

_Static_assert(sizeof(bundle_place_t) == BUNDLE_PLACE_BYTES && _Alignof(bundle_place_t) == 1,
               "a place is read where it lies");

uint32_t bundle_get_u32(const char *bytes) {
    uint32_t number = 0;
    for (int i = 0; i < 4; i++) {
        number = number << 8 | (uint8_t)bytes[i];
    }
    return number;
}

void bundle_put_u32(char *bytes, uint32_t number) {
    for (int i = 3; i >= 0; i--) {
        bytes[i] = (char)(number & 0xFF);
        number >>= 8;
    }
}

size_t bundle_signed(const bundle_t *bundle) {
    return bundle_get_u32(bundle->bytes + BUNDLE_AT_SIGNED);
}

const bundle_place_t *bundle_place(const bundle_t *bundle, size_t index) {
    INVARIANT(index < BUNDLE_SIGNATURES);
    return (const bundle_place_t *)(const void *)(bundle->bytes + BUNDLE_AT_PLACES) + index;
}

text_span_t bundle_manifest_bytes(const bundle_t *bundle) {
    return (text_span_t){.bytes = bundle->bytes + BUNDLE_AT_MANIFEST,
                         .size = bundle->manifest_size};
}

size_t bundle_signer_count(const bundle_t *bundle) {
    return bundle_signed(bundle);
}

const sign_public_t *bundle_signer(const bundle_t *bundle, size_t index) {
    INVARIANT(index < bundle_signed(bundle));
    return &bundle_place(bundle, index)->key;
}

const signature_t *bundle_signature(const bundle_t *bundle, size_t index) {
    INVARIANT(index < bundle_signed(bundle));
    return &bundle_place(bundle, index)->signature;
}

status_t bundle_add_signature(bundle_t *bundle, const sign_public_t *key,
                              const signature_t *signature, error_t *err) {
    text_span_t manifest = bundle_manifest_bytes(bundle);
    if (!sign_verify(key, SIGN_BUNDLE, manifest.bytes, manifest.size, signature)) {
        return error_set(err, ERROR_SIGNATURE, "the signature is not this key's over this bundle");
    }
    size_t count = bundle_signed(bundle);
    size_t index = 0;
    while (index < count && memcmp(bundle_signer(bundle, index), key, sizeof *key) < 0) {
        index++;
    }
    if (index < count && sign_public_equal(bundle_signer(bundle, index), key)) {
        return STATUS_OK;
    }
    if (count == BUNDLE_SIGNATURES) {
        return error_set(err, ERROR_BOUND, "a bundle holds at most %d signatures",
                         BUNDLE_SIGNATURES);
    }
    char *place = bundle->bytes + BUNDLE_AT_PLACES + index * BUNDLE_PLACE_BYTES;
    memmove(place + BUNDLE_PLACE_BYTES, place, (count - index) * BUNDLE_PLACE_BYTES);
    memcpy(place, key->bytes, SIGN_PUBLIC_BYTES);
    memcpy(place + SIGN_PUBLIC_BYTES, signature->bytes, SIGN_SIGNATURE_BYTES);
    bundle_put_u32(bundle->bytes + BUNDLE_AT_SIGNED, (uint32_t)count + 1);
    return STATUS_OK;
}

digest_t bundle_to_sign(const bundle_t *bundle) {
    text_span_t manifest = bundle_manifest_bytes(bundle);
    return hash_of(SIGN_BUNDLE, manifest.bytes, manifest.size);
}

status_t bundle_sign(bundle_t *bundle, const sign_secret_t *secret, error_t *err) {
    /* an Ed25519 secret key ends with its public one (libsodium, "Public-key signatures") */
    sign_public_t key;
    memcpy(key.bytes, secret->bytes + SIGN_SECRET_BYTES - SIGN_PUBLIC_BYTES, SIGN_PUBLIC_BYTES);
    const digest_t digest = bundle_to_sign(bundle);
    const signature_t signature = sign_digest(secret, &digest);
    return bundle_add_signature(bundle, &key, &signature, err);
}

static bool is_among(const sign_public_t *keys, size_t count, const sign_public_t *key) {
    for (size_t i = 0; i < count; i++) {
        if (sign_public_equal(&keys[i], key)) {
            return true;
        }
    }
    return false;
}

status_t bundle_verify(const bundle_t *bundle, const sign_public_t *keys, size_t count,
                       size_t threshold, error_t *err) {
    text_span_t manifest = bundle_manifest_bytes(bundle);
    size_t good = 0;
    /* the bundle's keys are distinct, so counting them counts no key twice */
    for (size_t i = 0; i < bundle_signed(bundle); i++) {
        const bundle_place_t *place = bundle_place(bundle, i);
        good +=
            is_among(keys, count, &place->key) &&
            sign_verify(&place->key, SIGN_BUNDLE, manifest.bytes, manifest.size, &place->signature);
    }
    if (threshold == 0) {
        return error_set(err, ERROR_BUNDLE_UNSIGNED, "a threshold of 0 signatures trusts nobody");
    }
    if (good < threshold) {
        return error_set(err, ERROR_BUNDLE_UNSIGNED,
                         "%zu of the trusted release keys signed this bundle, %zu must", good,
                         threshold);
    }
    return STATUS_OK;
}

const digest_t *bundle_digest(const bundle_t *bundle) {
    return &bundle->digest;
}

const char *bundle_application(const bundle_t *bundle) {
    return bundle->manifest->application;
}

size_t bundle_major_count(const bundle_t *bundle) {
    return bundle->manifest->n_postgres_majors;
}

uint32_t bundle_major(const bundle_t *bundle, size_t index) {
    INVARIANT(index < bundle_major_count(bundle));
    return bundle->manifest->postgres_majors[index];
}

bool bundle_suits_major(const bundle_t *bundle, uint32_t major) {
    size_t count = bundle_major_count(bundle);
    for (size_t i = 0; i < count; i++) {
        if (bundle_major(bundle, i) == major) {
            return true;
        }
    }
    return count == 0;
}

text_span_t bundle_bytes(const bundle_t *bundle) {
    return (text_span_t){.bytes = bundle->bytes, .size = bundle->size};
}

size_t bundle_count(const bundle_t *bundle) {
    return bundle->count;
}

const bundle_migration_t *bundle_migration(const bundle_t *bundle, size_t index) {
    INVARIANT(index < bundle->count);
    return &bundle->migrations[index];
}

uint32_t bundle_position_of_version(const bundle_t *bundle, const char *version) {
    size_t low = 0;
    size_t high = bundle->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(bundle->versions[middle], version);
        if (order == 0) {
            return bundle->positions[middle];
        }
        if (order < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    for (size_t i = 0; i < bundle->count; i++) {
        if (filename_is_version(version, bundle->migrations[i].version)) {
            return bundle->migrations[i].position;
        }
    }
    return 0;
}

void bundle_destroy(bundle_t **bundle_p) {
    bundle_t *bundle = *bundle_p;
    if (bundle == NULL) {
        return;
    }
    if (bundle->manifest != NULL) {
        drover__bundle__manifest__free_unpacked(bundle->manifest, NULL);
    }
    free(bundle->bytes);
    free(bundle->migrations);
    free(bundle->scripts);
    free(bundle->statements);
    free(bundle->backfills);
    free(bundle->versions);
    free(bundle->positions);
    free(bundle);
    *bundle_p = NULL;
}
