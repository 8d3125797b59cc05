/* curve.c: see curve.h. CURVE keys are X25519 keys. */
#include "common/wire/curve.h"
#include "common/base/digest.h"

#include <sodium.h>
#include <string.h>

curve_public_t curve_public_from(const uint8_t bytes[CURVE_BYTES]) {
    curve_public_t key;
    memcpy(key.bytes, bytes, CURVE_BYTES);
    return key;
}

bool curve_public_equal(const curve_public_t *a, const curve_public_t *b) {
    return curve_public_compare(a, b) == 0;
}

int curve_public_compare(const curve_public_t *a, const curve_public_t *b) {
    return memcmp(a->bytes, b->bytes, CURVE_BYTES);
}

curve_public_t curve_public_of(const uint8_t secret[CURVE_BYTES]) {
    curve_public_t key;
    INVARIANT(crypto_scalarmult_base(key.bytes, secret) == 0);
    return key;
}

const char *curve_public_text(const curve_public_t *key, char buffer[CURVE_TEXT_SIZE]) {
    return hex_text(key->bytes, CURVE_BYTES, buffer);
}

status_t curve_public_parse(const char *text, curve_public_t *ret_key, error_t *err) {
    curve_public_t key;
    TRY(hex_parse(text, CURVE_BYTES, key.bytes, err));
    *ret_key = key;
    return STATUS_OK;
}

void curve_keypair(curve_public_t *ret_public, uint8_t *ret_secret) {
    INVARIANT(crypto_box_keypair(ret_public->bytes, ret_secret) == 0);
}
