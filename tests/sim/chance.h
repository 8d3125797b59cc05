/* chance.h: all chance of a simulation, from one seed. splitmix64 (Steele, Lea, Flood 2014). */
#ifndef DROVER_TESTS_SIM_CHANCE_H
#define DROVER_TESTS_SIM_CHANCE_H

#include "common/base/ident.h"

#include <string.h>

typedef struct chance {
    uint64_t state;
} chance_t;

static inline uint64_t chance_next(chance_t *chance) {
    chance->state += UINT64_C(0x9E3779B97F4A7C15);
    uint64_t z = chance->state;
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return z ^ (z >> 31);
}

static inline uint32_t chance_u32(chance_t *chance) {
    return (uint32_t)(chance_next(chance) >> 32);
}

/* 0 … below - 1; 0 where below is 0. */
static inline uint32_t chance_below(chance_t *chance, uint32_t below) {
    return below == 0 ? 0 : (uint32_t)((uint64_t)chance_u32(chance) * below >> 32);
}

/* True in `of` cases of 1,000. */
static inline bool chance_permille(chance_t *chance, uint32_t of) {
    return chance_below(chance, 1000) < of;
}

/* Between the two, both included. */
static inline int64_t chance_between(chance_t *chance, int64_t least, int64_t most) {
    uint64_t width = (uint64_t)(most - least) + 1;
    return least + (int64_t)(chance_next(chance) % width);
}

static inline ident_t chance_ident(chance_t *chance) {
    uint64_t words[2] = {chance_next(chance), chance_next(chance) | 1};
    ident_t id;
    memcpy(id.bytes, words, sizeof id.bytes);
    return id;
}

#endif
