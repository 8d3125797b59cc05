/*
 * samples.h: one filled message of every kind, sealed; for the tests of common/wire and its
 * fuzzer's seeds. The keys are made from fixed seeds, so that the bytes are the same in every run.
 */
#ifndef DROVER_TESTS_WIRE_SAMPLES_H
#define DROVER_TESTS_WIRE_SAMPLES_H

#include "common/wire/codec.h"
#include "common/wire/field.h"

#include <sodium.h>
#include <string.h>

enum { SAMPLE_ID_SIZE = 16, SAMPLE_DIGEST_SIZE = 32 };

static uint8_t sample_bytes[64] = {1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12, 13, 14, 15, 16,
                                   17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32};

/* The same pair signs for every party; each kind has its own domain all the same. */
static inline void sample_key(sign_public_t *ret_key, sign_secret_t *ret_secret) {
    static const uint8_t seed[crypto_sign_SEEDBYTES] = {7};
    (void)crypto_sign_seed_keypair(ret_key->bytes, ret_secret->bytes, seed);
}

static inline ProtobufCBinaryData sample_field(size_t size) {
    return (ProtobufCBinaryData){.len = size, .data = sample_bytes};
}

/*
 * Fill a message as its descriptor and rules say: every text, id and number set, one element in
 * every list, nested messages from *pool. So a field added to the protocol is in the samples too.
 */
typedef struct sample_pool {
    _Alignas(16) uint8_t memory[16384];
    size_t used;
} sample_pool_t;

static inline void *sample_take(sample_pool_t *pool, size_t size) {
    void *memory = pool->memory + pool->used;
    pool->used += (size + 15) / 16 * 16;
    INVARIANT(pool->used <= sizeof pool->memory);
    return memory;
}

size_t sample_field_bytes(const ProtobufCMessageDescriptor *message, const char *field);
ProtobufCMessage *sample_fill(const ProtobufCMessageDescriptor *descriptor, sample_pool_t *pool);

/* Seal the sample of a kind, signed where the kind is. */
void sample_seal(const kind_t *kind, buffer_t *buffer);

#endif
