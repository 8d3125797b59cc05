/* arena.c: see arena.h. Blocks double in size, so that many rows cost few allocations. */
#include "coordinator/store/arena.h"

#include <stdalign.h>
#include <stdint.h>
#include <string.h>

enum { BLOCK_FIRST = 16 * 1024, BLOCK_MOST = 4 * 1024 * 1024 };

struct arena_block {
    struct arena_block *next;
    size_t room;
    size_t used;
    alignas(max_align_t) unsigned char bytes[];
};

static status_t add_block(arena_t *arena, size_t size, error_t *err) {
    size_t room = BLOCK_FIRST;
    if (arena->blocks != NULL) {
        room = arena->blocks->room < BLOCK_MOST ? arena->blocks->room * 2 : arena->blocks->room;
    }
    room = room < size ? size : room;
    arena_block_t *block = room < SIZE_MAX - sizeof *block ? malloc(sizeof *block + room) : NULL;
    if (block == NULL) {
        return error_set(err, ERROR_NO_MEMORY, "out of memory for rows of the catalog");
    }
    block->next = arena->blocks;
    block->room = room;
    block->used = 0;
    arena->blocks = block;
    return STATUS_OK;
}

/* Cut size bytes at an alignment from the newest block. */
static status_t cut(arena_t *arena, size_t size, size_t alignment, void **ret_bytes, error_t *err) {
    arena_block_t *block = arena->blocks;
    size_t start = block != NULL ? (block->used + alignment - 1) / alignment * alignment : 0;
    if (block == NULL || start > block->room || size > block->room - start) {
        TRY(add_block(arena, size, err));
        block = arena->blocks;
        start = 0;
    }
    *ret_bytes = block->bytes + start;
    block->used = start + size;
    return STATUS_OK;
}

status_t arena_allocate(arena_t *arena, size_t size, void *ret_memory, error_t *err) {
    void *bytes = NULL;
    TRY(cut(arena, size > 0 ? size : 1, alignof(max_align_t), &bytes, err));
    memset(bytes, 0, size);
    memcpy(ret_memory, &bytes, sizeof bytes);
    return STATUS_OK;
}

status_t arena_text(arena_t *arena, const char *text, size_t size, const char **ret_text,
                    error_t *err) {
    if (size == 0) {
        *ret_text = "";
        return STATUS_OK;
    }
    void *bytes = NULL;
    TRY(cut(arena, size + 1, 1, &bytes, err));
    char *copy = bytes;
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
    while (arena->blocks != NULL) {
        arena_block_t *block = arena->blocks;
        arena->blocks = block->next;
        free(block);
    }
}
