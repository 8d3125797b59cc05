/*
 * hold.h: which holds stand. A hold and a release each have a scope and a moment, and that alone
 * decides: neither the sequence in which they came, nor who signed them, which was judged when they
 * were accepted. Coordinator and agents go by the same rule. Pure.
 */
#ifndef DROVER_TRUST_HOLD_H
#define DROVER_TRUST_HOLD_H

#include <stdbool.h>
#include <stdint.h>

/* "" takes in every application, or every environment. Borrowed. */
typedef struct hold_scope {
    const char *application;
    const char *environment;
} hold_scope_t;

/* A hold, or a release. */
typedef struct hold_word {
    hold_scope_t scope;
    int64_t issued_us; /* as it says itself */
} hold_word_t;

/* Whether a scope is the same as the other, or wider. */
bool hold_covers(const hold_scope_t *wide, const hold_scope_t *narrow);

/* Whether a release ends a hold: it covers the hold's scope and is no older. One of the same
 * microsecond counts as later: who signs both means the release. */
bool hold_ends(const hold_word_t *release, const hold_word_t *hold);

#endif
