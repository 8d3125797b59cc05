/*
 * random.h: chance, from the kernel. Loops and adapters call it; engines get it inside events.
 * Source: libsodium "Generating random data" (getrandom(2)).
 */
#ifndef DROVER_CRYPTO_RANDOM_H
#define DROVER_CRYPTO_RANDOM_H

#include "common/base/ident.h"

/* Must be called once at the start of every program and test that links crypto. */
MUST_CHECK status_t random_start(error_t *err);

ident_t random_ident(void);
uint32_t random_u32(void);
uint64_t random_u64(void);
void random_fill(void *ret_bytes, size_t size);

#endif
