/* throttle.c: see throttle.h. Few are noisy at a time: a list that is looked through is enough. */
#include "common/base/throttle.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct entry {
    char key[THROTTLE_KEY_BYTES]; /* "": free */
    char text[THROTTLE_TEXT_BYTES];
    uint64_t total;
    uint64_t untold;
    uint32_t told;    /* times within the interval */
    int64_t begun_us; /* of the interval */
    int64_t last_us;
} entry_t;

struct throttle {
    throttle_options_t options;
    uint32_t told; /* times within the interval, of all */
    int64_t begun_us;
    entry_t entries[THROTTLE_ENTRIES];
};

throttle_t *throttle_new(const throttle_options_t *options) {
    INVARIANT(options->interval_us > 0 && options->each > 0 && options->all > 0);
    throttle_t *self = calloc(1, sizeof *self);
    if (self != NULL) {
        self->options = *options;
    }
    return self;
}

void throttle_destroy(throttle_t **self_p) {
    if (self_p != NULL) {
        free(*self_p);
        *self_p = NULL;
    }
}

static void copy(char *to, size_t size, const char *from) {
    (void)snprintf(to, size, "%s", from);
}

/* The one with this key; else a free one, else the one that was quiet longest. */
static entry_t *entry_of(throttle_t *self, const throttle_hit_t *hit) {
    char key[THROTTLE_KEY_BYTES];
    entry_t *oldest = &self->entries[0];
    copy(key, sizeof key, hit->key[0] != '\0' ? hit->key : "-");
    for (size_t i = 0; i < THROTTLE_ENTRIES; i++) {
        entry_t *entry = &self->entries[i];
        if (strcmp(entry->key, key) == 0) {
            return entry;
        }
        bool better = entry->key[0] == '\0'
                          ? oldest->key[0] != '\0'
                          : oldest->key[0] != '\0' && entry->last_us < oldest->last_us;
        oldest = better ? entry : oldest;
    }
    *oldest = (entry_t){.begun_us = hit->now_us};
    copy(oldest->key, sizeof oldest->key, key);
    return oldest;
}

/* Whether one more word is within the bounds of one and of all; counts it. */
static bool may_tell(throttle_t *self, entry_t *entry, int64_t now_us) {
    if (now_us - entry->begun_us >= self->options.interval_us) {
        entry->begun_us = now_us;
        entry->told = 0;
    }
    if (now_us - self->begun_us >= self->options.interval_us) {
        self->begun_us = now_us;
        self->told = 0;
    }
    if (entry->told >= self->options.each || self->told >= self->options.all) {
        return false;
    }
    entry->told++;
    self->told++;
    return true;
}

static void tell(entry_t *entry, throttle_word_t *ret_word) {
    *ret_word = (throttle_word_t){
        .key = entry->key, .text = entry->text, .count = entry->untold, .total = entry->total};
    entry->untold = 0;
}

bool throttle_take(throttle_t *self, const throttle_hit_t *hit, throttle_word_t *ret_word) {
    entry_t *entry = entry_of(self, hit);
    copy(entry->text, sizeof entry->text, hit->text);
    entry->total++;
    entry->untold++;
    entry->last_us = hit->now_us;
    if (!may_tell(self, entry, hit->now_us)) {
        return false;
    }
    tell(entry, ret_word);
    return true;
}

bool throttle_next(throttle_t *self, int64_t now_us, throttle_word_t *ret_word) {
    for (size_t i = 0; i < THROTTLE_ENTRIES; i++) {
        entry_t *entry = &self->entries[i];
        bool due = entry->untold > 0 && now_us - entry->begun_us >= self->options.interval_us;
        if (due && may_tell(self, entry, now_us)) {
            tell(entry, ret_word);
            return true;
        }
    }
    return false;
}
