/*
 * fuzz_ticket.c: tickets, held against a good order. The first byte says whether signatures are
 * checked; where they are not, a verdict must still hold together.
 */
#include "tests/unit/trust/world.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static world_t world;

static void prepare(void) {
    error_t err;
    if (world.trust == NULL) {
        world_keys();
        world_open(&world);
        trust_check_remove(CHECK_COUNT);
        if (world_verify(&world, &err) != STATUS_OK) {
            abort();
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    error_t err;
    prepare();
    if (size == 0) {
        return 0;
    }
    trust_check_remove(data[0] % 2 == 1 ? CHECK_SIGNATURE : CHECK_COUNT);
    ticket_claim_t claim = {.wave = 1, .bytes = data + 1, .size = size - 1};
    ticket_verdict_t verdict;
    if (ticket_verify(&world.authority, &claim, &verdict, &err) != STATUS_OK) {
        if (err.code == ERROR_NONE || err.message[0] == '\0') {
            abort();
        }
    } else if (!verdict.approved &&
               (verdict.tenants != WAVE_0 || verdict.failures > verdict.budget)) {
        abort();
    }
    return 0;
}
