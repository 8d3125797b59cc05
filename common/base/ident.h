/*
 * ident.h: random 128-bit ids as values.
 *
 * Ids are random, never counters: a catalog that went back in time must not hand out an id twice.
 * They print as UUIDs (RFC 9562 form, version 4). Randomness comes from the caller, so that engines
 * stay deterministic: see ident_from_bytes; crypto's random.h makes them.
 */
#ifndef DROVER_BASE_IDENT_H
#define DROVER_BASE_IDENT_H

#include "common/base/error.h"

#include <stdint.h>

enum {
    IDENT_BYTES = 16,
    IDENT_TEXT_SIZE = 37, /* with the terminator */
};

typedef struct ident {
    uint8_t bytes[IDENT_BYTES];
} ident_t;

/* Make a version-4 id of 16 random bytes. */
ident_t ident_from_bytes(const uint8_t random[IDENT_BYTES]);

bool ident_is_null(const ident_t *id);
bool ident_equal(const ident_t *a, const ident_t *b);
int ident_compare(const ident_t *a, const ident_t *b);

/* Write the 36-character form; answers buffer. */
const char *ident_text(const ident_t *id, char buffer[IDENT_TEXT_SIZE]);

/* Read the 36-character form, any case. ERROR_INVALID where it is none. */
MUST_CHECK status_t ident_parse(const char *text, ident_t *ret_id, error_t *err);

#endif
