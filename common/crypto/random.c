/* random.c: see random.h. */
#include "common/crypto/random.h"

#include <sodium.h>

status_t random_start(error_t *err) {
    if (sodium_init() < 0) {
        return error_set(err, ERROR_INTERNAL, "libsodium could not start");
    }
    return STATUS_OK;
}

void random_fill(void *ret_bytes, size_t size) {
    randombytes_buf(ret_bytes, size);
}

ident_t random_ident(void) {
    uint8_t bytes[IDENT_BYTES];
    random_fill(bytes, sizeof bytes);
    return ident_from_bytes(bytes);
}

uint32_t random_u32(void) {
    return randombytes_random();
}

uint64_t random_u64(void) {
    uint64_t value;
    random_fill(&value, sizeof value);
    return value;
}
