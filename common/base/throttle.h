/*
 * throttle.h: how often something that others cause is told: so many times an interval for each of
 * them, so that one who is noisy hides nobody else, in memory that is bounded whoever comes.
 *
 * What is not told is counted, and told with the next word, or once the interval is over. The one
 * who was quiet longest makes room for a new one. Pure: the owner says what time it is, and tells.
 */
#ifndef DROVER_BASE_THROTTLE_H
#define DROVER_BASE_THROTTLE_H

#include "common/base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { THROTTLE_ENTRIES = 256, THROTTLE_KEY_BYTES = 200, THROTTLE_TEXT_BYTES = 200 };

typedef struct throttle_options {
    int64_t interval_us;
    uint32_t each; /* times that one is told within an interval */
    uint32_t all;  /* times that all together are: what is past it is counted for its own word */
} throttle_options_t;

/* What is to be told of one. The texts are borrowed until the next call. */
typedef struct throttle_word {
    const char *key;  /* who; cut at THROTTLE_KEY_BYTES - 1 */
    const char *text; /* as it was given last */
    uint64_t count;   /* times since it was last told, this one included; at least 1 */
    uint64_t total;   /* times since it is known */
} throttle_word_t;

typedef struct throttle throttle_t;

/* NULL where memory ran out. */
throttle_t *throttle_new(const throttle_options_t *options);
void throttle_destroy(throttle_t **self_p);

/* It happened once more: who, and in which words. Answers whether it is to be told now. */
typedef struct throttle_hit {
    const char *key;
    const char *text;
    int64_t now_us; /* of a clock that never goes back */
} throttle_hit_t;
bool throttle_take(throttle_t *self, const throttle_hit_t *hit, throttle_word_t *ret_word);

/* One whose interval is over and of whom something was not told; false where there is none. Called
 * until it answers false, now and then. */
bool throttle_next(throttle_t *self, int64_t now_us, throttle_word_t *ret_word);

#endif
