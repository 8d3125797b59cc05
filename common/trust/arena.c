/* arena.c: see arena.h. */
#include "common/trust/arena.h"

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
