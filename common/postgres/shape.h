/*
 * shape.h: what a script did to a tenant of a known shape, remembered. Many tenants have one shape;
 * a script proved on one of them leads the others to the same fingerprint, so that an agent may
 * skip the fingerprints between the steps of a chain and compare only at its end.
 *
 * A bounded map in memory; at its bound the entry longest unused makes room. Holds digests only;
 * losing it costs time, never truth. One thread owns it.
 */
#ifndef DROVER_POSTGRES_SHAPE_H
#define DROVER_POSTGRES_SHAPE_H

#include "common/base/digest.h"

typedef struct shape shape_t;

/* A script on a shape. */
typedef struct shape_key {
    digest_t before; /* strict fingerprint before the script */
    digest_t script;
    int server_major;
} shape_key_t;

/* The fingerprint after it. */
typedef struct shape_after {
    digest_t strict;
    digest_t logical;
} shape_after_t;

/* A memo of at most `most` entries (1 or more); NULL when out of memory. */
shape_t *shape_new(size_t most);
void shape_destroy(shape_t **self_p);

size_t shape_count(const shape_t *self);

/* Remember; an entry of the same key is replaced. */
void shape_put(shape_t *self, const shape_key_t *key, const shape_after_t *after);

/* Whether the key is known; counts as a use. */
bool shape_get(shape_t *self, const shape_key_t *key, shape_after_t *ret_after);

/* Drop an entry that a tenant contradicted: it leads nobody any more. */
void shape_forget(shape_t *self, const shape_key_t *key);

/*
 * Follow a chain of count scripts (1 or more) from the shape before. True where
 * every step is known; then ret_after is the fingerprint at the end.
 */
bool shape_chain(shape_t *self, const digest_t *before, int server_major, const digest_t *scripts,
                 size_t count, shape_after_t *ret_after);

#endif
