/*
 * arena.h: memory that goes all at once: one per document that was read. Zeroed is empty.
 */
#ifndef DROVER_TRUST_ARENA_H
#define DROVER_TRUST_ARENA_H

#include "common/base/cleanup.h"
#include "common/base/error.h"

#include <protobuf-c/protobuf-c.h>

typedef struct arena {
    struct arena_block *blocks;
} arena_t;

/* Zeroed memory for count things of size bytes, aligned for anything; NULL when there is none. */
void *arena_take(arena_t *arena, size_t count, size_t size);

/* protobuf-c's way to take from it; what it gives back stays until the end. */
ProtobufCAllocator arena_allocator(arena_t *arena);

/* ERROR_NO_MEMORY, for who got NULL. */
status_t arena_empty(error_t *err);

void arena_free(arena_t *arena);

#endif
