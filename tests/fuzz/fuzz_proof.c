/*
 * fuzz_proof.c: proofs, held against a good order and one of its tenants. The only proof that is
 * admitted is the one that the order's tree gives.
 */
#include "tests/unit/trust/world.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static world_t world;
static buffer_t good;

static void prepare(void) {
    error_t err;
    proof_t proof;
    if (world.trust == NULL) {
        world_keys();
        world_open(&world);
        if (world_admit(&world, &err) != STATUS_OK ||
            world_proof(&world, &proof, &err) != STATUS_OK) {
            abort();
        }
        proof_encode(&proof, &good);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    error_t err;
    proof_t proof;
    prepare();
    if (proof_decode(data, size, &proof, &err) != STATUS_OK) {
        return 0;
    }
    CLEANUP(buffer_free) buffer_t again = {0};
    proof_encode(&proof, &again);
    if (again.size != size || memcmp(again.data, data, size) != 0) {
        abort();
    }
    if (order_admits(&world.authority, &world.deed, &proof, &err) == STATUS_OK &&
        (size != good.size || memcmp(data, good.data, size) != 0)) {
        abort();
    }
    return 0;
}
