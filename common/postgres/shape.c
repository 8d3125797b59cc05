/*
 * shape.c: see shape.h. Chained hash buckets over a fixed pool of entries, threaded on a list in
 * order of use. Digests are uniform, so a few of their bytes are hash enough.
 */
#include "common/postgres/shape.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

typedef struct entry {
    shape_key_t key;
    shape_after_t after;
    struct entry *chain;         /* next in its bucket; of the free list while unused */
    struct entry *newer, *older; /* in order of use */
} entry_t;

struct shape {
    entry_t *pool;
    entry_t **buckets;
    entry_t *unused;
    entry_t *newest, *oldest;
    size_t most, count;
};

shape_t *shape_new(size_t most) {
    INVARIANT(most > 0);
    shape_t *self = calloc(1, sizeof *self);
    if (self == NULL) {
        return NULL;
    }
    self->most = most;
    self->pool = calloc(most, sizeof *self->pool);
    self->buckets = calloc(most, sizeof(entry_t *));
    if (self->pool == NULL || self->buckets == NULL) {
        shape_destroy(&self);
        return NULL;
    }
    for (size_t i = 0; i < most; i++) {
        self->pool[i].chain = self->unused;
        self->unused = &self->pool[i];
    }
    return self;
}

void shape_destroy(shape_t **self_p) {
    shape_t *self = *self_p;
    if (self != NULL) {
        free(self->pool);
        free(self->buckets);
        free(self);
        *self_p = NULL;
    }
}

size_t shape_count(const shape_t *self) {
    return self->count;
}

static entry_t **bucket(const shape_t *self, const shape_key_t *key) {
    uint64_t a, b;
    memcpy(&a, key->before.bytes, sizeof a);
    memcpy(&b, key->script.bytes, sizeof b);
    const uint64_t hash = a ^ (b * UINT64_C(0x9e3779b97f4a7c15)) ^ (uint64_t)key->server_major;
    return &self->buckets[hash % self->most];
}

static bool same(const shape_key_t *a, const shape_key_t *b) {
    return a->server_major == b->server_major && digest_equal(&a->before, &b->before) &&
           digest_equal(&a->script, &b->script);
}

static entry_t *find(const shape_t *self, const shape_key_t *key) {
    entry_t *entry = *bucket(self, key);
    while (entry != NULL && !same(&entry->key, key)) {
        entry = entry->chain;
    }
    return entry;
}

static void unlink_use(shape_t *self, entry_t *entry) {
    *(entry->newer != NULL ? &entry->newer->older : &self->newest) = entry->older;
    *(entry->older != NULL ? &entry->older->newer : &self->oldest) = entry->newer;
    entry->newer = entry->older = NULL;
}

static void use(shape_t *self, entry_t *entry) {
    entry->older = self->newest;
    *(self->newest != NULL ? &self->newest->newer : &self->oldest) = entry;
    self->newest = entry;
}

static void drop(shape_t *self, entry_t *entry) {
    entry_t **at = bucket(self, &entry->key);
    while (*at != entry) {
        at = &(*at)->chain;
    }
    *at = entry->chain;
    unlink_use(self, entry);
    entry->chain = self->unused;
    self->unused = entry;
    self->count--;
}

void shape_put(shape_t *self, const shape_key_t *key, const shape_after_t *after) {
    entry_t *entry = find(self, key);
    if (entry != NULL) {
        drop(self, entry);
    } else if (self->count == self->most) {
        drop(self, self->oldest);
    }
    entry = self->unused;
    self->unused = entry->chain;
    *entry = (entry_t){.key = *key, .after = *after};
    entry_t **at = bucket(self, key);
    entry->chain = *at;
    *at = entry;
    use(self, entry);
    self->count++;
}

bool shape_get(shape_t *self, const shape_key_t *key, shape_after_t *ret_after) {
    entry_t *entry = find(self, key);
    if (entry == NULL) {
        return false;
    }
    unlink_use(self, entry);
    use(self, entry);
    *ret_after = entry->after;
    return true;
}

void shape_forget(shape_t *self, const shape_key_t *key) {
    entry_t *entry = find(self, key);
    if (entry != NULL) {
        drop(self, entry);
    }
}

bool shape_chain(shape_t *self, const digest_t *before, int server_major, const digest_t *scripts,
                 size_t count, shape_after_t *ret_after) {
    shape_key_t key = {.before = *before, .server_major = server_major};
    shape_after_t after;
    for (size_t i = 0; i < count; i++) {
        key.script = scripts[i];
        if (!shape_get(self, &key, &after)) {
            return false;
        }
        key.before = after.strict;
    }
    if (count > 0) {
        *ret_after = after;
    }
    return count > 0;
}
