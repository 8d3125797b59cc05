/* arena.c: see arena.h. Blocks double in size, so that many rows cost few allocations. */
#include "common/base/arena.h"

#include <stdalign.h>
#include <stdint.h>
#include <string.h>

enum { BLOCK_FIRST = 4 * 1024, BLOCK_MOST = 4 * 1024 * 1024 };

struct arena_block {
    struct arena_block *next;
    size_t room;
    size_t used;
    alignas(max_align_t) unsigned char bytes[];
};

status_t arena_empty(error_t *err) {
    return error_set(err, ERROR_NO_MEMORY, "out of memory");
}

static bool add_block(arena_t *arena, size_t size) {
    size_t room = BLOCK_FIRST;
    if (arena->blocks != NULL) {
        room = arena->blocks->room < BLOCK_MOST ? arena->blocks->room * 2 : arena->blocks->room;
    }
    room = room < size ? size : room;
    arena_block_t *block = room < SIZE_MAX - sizeof *block ? malloc(sizeof *block + room) : NULL;
    if (block == NULL) {
        return false;
    }
    block->next = arena->blocks;
    block->room = room;
    block->used = 0;
    arena->blocks = block;
    return true;
}

/* Cut size bytes at an alignment from the newest block; NULL when there is no memory. */
static void *cut(arena_t *arena, size_t size, size_t alignment) {
    arena_block_t *block = arena->blocks;
    size_t start = block != NULL ? (block->used + alignment - 1) / alignment * alignment : 0;
    if (block == NULL || start > block->room || size > block->room - start) {
        if (!add_block(arena, size)) {
            return NULL;
        }
        block = arena->blocks;
        start = 0;
    }
    block->used = start + size;
    return block->bytes + start;
}

void *arena_take(arena_t *arena, size_t count, size_t size) {
    size_t whole = 0;
    if (__builtin_mul_overflow(count, size, &whole) || whole > SIZE_MAX / 2) {
        return NULL;
    }
    void *bytes = cut(arena, whole > 0 ? whole : 1, alignof(max_align_t));
    return bytes == NULL ? NULL : memset(bytes, 0, whole);
}

status_t arena_allocate(arena_t *arena, size_t size, void *ret_memory, error_t *err) {
    void *bytes = arena_take(arena, 1, size);
    if (bytes == NULL) {
        return arena_empty(err);
    }
    memcpy(ret_memory, &bytes, sizeof bytes);
    return STATUS_OK;
}

status_t arena_text(arena_t *arena, const char *text, size_t size, const char **ret_text,
                    error_t *err) {
    if (size == 0) {
        *ret_text = "";
        return STATUS_OK;
    }
    char *copy = cut(arena, size + 1, 1);
    if (copy == NULL) {
        return arena_empty(err);
    }
    memcpy(copy, text, size);
    copy[size] = '\0';
    *ret_text = copy;
    return STATUS_OK;
}

void arena_clear(arena_t *arena) {
    if (arena->blocks == NULL) {
        return;
    }
    arena_t older = {.blocks = arena->blocks->next};
    arena->blocks->next = NULL;
    arena->blocks->used = 0;
    arena_free(&older);
}

void arena_free(arena_t *arena) {
    while (arena->blocks != NULL) { /* each turn frees one */
        arena_block_t *block = arena->blocks;
        arena->blocks = block->next;
        free(block);
    }
}
