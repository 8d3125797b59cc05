/* backoff.c: see backoff.h. */
#include "common/base/backoff.h"

int64_t backoff_wait_ms(const backoff_t *backoff, int tries, uint32_t chance) {
    int64_t step = backoff->first_ms;
    for (int i = 1; i < tries && step < backoff->most_ms; i++) {
        step *= 2;
    }
    if (step > backoff->most_ms) {
        step = backoff->most_ms;
    }
    int64_t half = step / 2;
    return half + (int64_t)(((uint64_t)chance * (uint64_t)(step - half + 1)) >> 32);
}
