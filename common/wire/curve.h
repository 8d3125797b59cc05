/*
 * curve.h: CURVE public keys as values. The authenticated key is a peer's identity.
 *
 * Secret halves are 32 bytes borrowed from their owner's guarded memory (keyfile.h).
 * Source: ZeroMQ RFC 26, "CurveZMQ".
 */
#ifndef DROVER_WIRE_CURVE_H
#define DROVER_WIRE_CURVE_H

#include "common/base/error.h"

#include <stdint.h>

enum {
    CURVE_BYTES = 32,
    CURVE_TEXT_SIZE = 65, /* hexadecimal, with the terminator */
};

typedef struct curve_public {
    uint8_t bytes[CURVE_BYTES];
} curve_public_t;

curve_public_t curve_public_from(const uint8_t bytes[CURVE_BYTES]);
bool curve_public_equal(const curve_public_t *a, const curve_public_t *b);
int curve_public_compare(const curve_public_t *a, const curve_public_t *b);

/* The public key that belongs to a secret one. */
curve_public_t curve_public_of(const uint8_t secret[CURVE_BYTES]);

/* Lower-case hexadecimal: the catalog's form and the User-Id. Answers buffer. */
const char *curve_public_text(const curve_public_t *key, char buffer[CURVE_TEXT_SIZE]);

/* Read it back. ERROR_INVALID where the text is no such thing. */
MUST_CHECK status_t curve_public_parse(const char *text, curve_public_t *ret_key, error_t *err);

/* A new pair from the system's randomness; ret_secret holds CURVE_BYTES. */
void curve_keypair(curve_public_t *ret_public, uint8_t *ret_secret);

#endif
