/*
 * arena.h: memory that goes all at once: rows that are read together, a document that was read.
 *
 * An arena_t lives in its owner (zeroed is empty). What it hands out stays where it is until
 * arena_free or arena_clear. Pure but for memory.
 */
#ifndef DROVER_BASE_ARENA_H
#define DROVER_BASE_ARENA_H

#include "common/base/cleanup.h"
#include "common/base/error.h"

typedef struct arena_block arena_block_t;

typedef struct arena {
    arena_block_t *blocks; /* newest first */
} arena_t;

/* size bytes, aligned for any type and zeroed. ERROR_NO_MEMORY. */
MUST_CHECK status_t arena_allocate(arena_t *arena, size_t size, void *ret_memory, error_t *err);

/* A terminated copy of size bytes of text. ERROR_NO_MEMORY. */
MUST_CHECK status_t arena_text(arena_t *arena, const char *text, size_t size, const char **ret_text,
                               error_t *err);

/* As arena_allocate, for count things of size bytes each; NULL when there is no memory. */
void *arena_take(arena_t *arena, size_t count, size_t size);

/* ERROR_NO_MEMORY, for who got NULL. */
status_t arena_empty(error_t *err);

/* Forget the content but keep one block for what comes next. */
void arena_clear(arena_t *arena);

/* Release everything; usable with CLEANUP. */
void arena_free(arena_t *arena);

#endif
