/* arena.h: protobuf messages in an arena (common/base/arena.h): one per document that was read. */
#ifndef DROVER_TRUST_ARENA_H
#define DROVER_TRUST_ARENA_H

#include "common/base/arena.h"

#include <protobuf-c/protobuf-c.h>

/* protobuf-c's way to take from it; what it gives back stays until the end. */
ProtobufCAllocator arena_allocator(arena_t *arena);

#endif
