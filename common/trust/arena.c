/* arena.c: see arena.h. Blocks in a list, the newest first; a large piece gets a block of its own.
 */
#include "common/trust/arena.h"

#include <stdint.h>
#include <stdlib.h>

enum { ALIGNMENT = 16, BLOCK_BYTES = 4096 };

typedef struct arena_block {
    struct arena_block *older;
    size_t size;
    size_t used;
    _Alignas(ALIGNMENT) uint8_t bytes[];
} block_t;

void *arena_take(arena_t *arena, size_t count, size_t size) {
    size_t whole = 0;
    if (__builtin_mul_overflow(count, size, &whole) || whole > SIZE_MAX / 2) {
        return NULL;
    }
    whole = (whole + ALIGNMENT) / ALIGNMENT * ALIGNMENT; /* nothing takes a little, too */
    block_t *block = arena->blocks;
    if (block == NULL || block->size - block->used < whole) {
        size_t room = whole > BLOCK_BYTES ? whole : BLOCK_BYTES;
        block = calloc(1, sizeof *block + room);
        if (block == NULL) {
            return NULL;
        }
        block->older = arena->blocks;
        block->size = room;
        arena->blocks = block;
    }
    void *memory = block->bytes + block->used;
    block->used += whole;
    return memory;
}

static void *take(void *context, size_t size) {
    return arena_take(context, 1, size);
}

static void give_back(void *context, void *memory) {
    (void)context;
    (void)memory;
}

ProtobufCAllocator arena_allocator(arena_t *arena) {
    return (ProtobufCAllocator){.alloc = take, .free = give_back, .allocator_data = arena};
}

status_t arena_empty(error_t *err) {
    return error_set(err, ERROR_NO_MEMORY, "out of memory for a signed document");
}

void arena_free(arena_t *arena) {
    while (arena->blocks != NULL) { /* each turn frees one */
        block_t *block = arena->blocks;
        arena->blocks = block->older;
        free(block);
    }
}
