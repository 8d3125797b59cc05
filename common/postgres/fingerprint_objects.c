/*
 * fingerprint_objects.c: see fingerprint_objects.h.
 */
#include "common/postgres/fingerprint_objects.h"

#include <stdalign.h>
#include <stdlib.h>
#include <string.h>

enum { CHUNK_BYTES = 64 * 1024, FIRST_SLOTS = 1024, FIRST_ROOM = 512 };

typedef struct arena_chunk {
    struct arena_chunk *next;
    size_t used, room;
    alignas(max_align_t) char bytes[];
} arena_chunk_t;

void objects_free(objects_t *self) {
    while (self->chunks != NULL) {
        arena_chunk_t *next = self->chunks->next;
        free(self->chunks);
        self->chunks = next;
    }
    free(self->list);
    free(self->slots);
    *self = (objects_t){0};
}

static void *take_memory(objects_t *self, size_t size) {
    const size_t aligned = (size + alignof(max_align_t) - 1) & ~(alignof(max_align_t) - 1);
    arena_chunk_t *chunk = self->chunks;
    if (chunk == NULL || chunk->room - chunk->used < aligned) {
        const size_t room = aligned > CHUNK_BYTES ? aligned : CHUNK_BYTES;
        chunk = malloc(sizeof *chunk + room);
        if (chunk == NULL) {
            self->failed = true;
            return NULL;
        }
        chunk->room = room;
        chunk->used = 0;
        chunk->next = self->chunks;
        self->chunks = chunk;
    }
    void *memory = chunk->bytes + chunk->used;
    chunk->used += aligned;
    return memory;
}

void *objects_memory(objects_t *self, size_t size) {
    void *memory = take_memory(self, size);
    return memory == NULL ? NULL : memset(memory, 0, size);
}

char *objects_text(objects_t *self, const char *bytes, size_t size) {
    char *text = take_memory(self, size + 1);
    if (text != NULL) {
        memcpy(text, bytes, size);
        text[size] = '\0';
    }
    return text;
}

static size_t slot_of(const object_key_t *key, size_t slot_count) {
    uint64_t hash = (uint64_t)key->oid * UINT64_C(0x9e3779b97f4a7c15);
    hash ^= ((uint64_t)(unsigned)key->class_oid << 17) ^ (uint64_t)(unsigned)key->sub;
    hash *= UINT64_C(0xff51afd7ed558ccd);
    return (size_t)(hash >> 32) & (slot_count - 1);
}

static bool same_key(const object_key_t *a, const object_key_t *b) {
    return a->class_oid == b->class_oid && a->oid == b->oid && a->sub == b->sub;
}

static void place(objects_t *self, object_t *object) {
    size_t slot = slot_of(&object->key, self->slot_count);
    while (self->slots[slot] != NULL) { /* ends: the table is never more than half full */
        slot = (slot + 1) & (self->slot_count - 1);
    }
    self->slots[slot] = object;
}

static bool grow_slots(objects_t *self) {
    const size_t count = self->slot_count == 0 ? FIRST_SLOTS : self->slot_count * 2;
    object_t **slots = calloc(count, sizeof *slots);
    if (slots == NULL) {
        return false;
    }
    free(self->slots);
    self->slots = slots;
    self->slot_count = count;
    for (size_t i = 0; i < self->count; i++) {
        place(self, self->list[i]);
    }
    return true;
}

static bool grow_list(objects_t *self) {
    const size_t room = self->room == 0 ? FIRST_ROOM : self->room * 2;
    object_t **list = realloc(self->list, room * sizeof *list);
    if (list == NULL) {
        return false;
    }
    self->list = list;
    self->room = room;
    return true;
}

object_t *objects_add(objects_t *self, const object_key_t *key) {
    object_t *object = objects_find(self, key);
    if (object != NULL) {
        return object;
    }
    if ((self->count == self->room && !grow_list(self)) ||
        ((self->count + 1) * 2 > self->slot_count && !grow_slots(self))) {
        self->failed = true;
        return NULL;
    }
    object = objects_memory(self, sizeof *object);
    if (object != NULL) {
        object->key = *key;
        self->list[self->count++] = object;
        place(self, object);
    }
    return object;
}

object_t *objects_find(const objects_t *self, const object_key_t *key) {
    if (self->slot_count == 0) {
        return NULL;
    }
    size_t slot = slot_of(key, self->slot_count);
    while (self->slots[slot] != NULL) {
        if (same_key(&self->slots[slot]->key, key)) {
            return self->slots[slot];
        }
        slot = (slot + 1) & (self->slot_count - 1);
    }
    return NULL;
}
