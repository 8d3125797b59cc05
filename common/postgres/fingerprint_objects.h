/*
 * fingerprint_objects.h: the objects of a result, found by catalog, OID and column number; and the
 * memory that lives as long as the reading of one result.
 */
#ifndef DROVER_POSTGRES_FINGERPRINT_OBJECTS_H
#define DROVER_POSTGRES_FINGERPRINT_OBJECTS_H

#include "common/postgres/fingerprint_kinds.h"

#include <stddef.h>

typedef struct object_key {
    int class_oid;
    uint32_t oid;
    int sub; /* column number; 0 is the object itself */
} object_key_t;

typedef struct object {
    object_key_t key;
    const fingerprint_kind_t *kind;
    const char *const *values; /* of the row that defines it, as kind->fields */
    struct object *parent;     /* what it is a part of, or NULL */
    const char *top;           /* "table public.orders": kind and name of the outermost object */
    const char *part;          /* "column note", or "" */
    const char *name;          /* the name alone: the tail of top, or of part */
    const char *begin;         /* of its lines: top and part, escaped; NULL before the first */
    size_t begin_size;
    double order;  /* column number, or place in the enum */
    char code;     /* relkind, typtype, prokind, attislocal */
    bool kept;     /* makes lines; others only lend their name */
    bool told;     /* has made a logical line */
    bool inherits; /* has parents by inheritance, not as a partition */
} object_t;

typedef struct objects {
    struct arena_chunk *chunks;
    object_t **list; /* in order of adding */
    size_t count, room;
    object_t **slots; /* open addressing; a power of two */
    size_t slot_count;
    bool failed; /* out of memory: everything after does nothing */
} objects_t;

void objects_free(objects_t *self);

/* Zeroed memory until objects_free; NULL and failed when there is none. */
void *objects_memory(objects_t *self, size_t size);
char *objects_text(objects_t *self, const char *bytes, size_t size);

/* Add an object of a key that is not known yet (a known one is answered). NULL when failed. */
object_t *objects_add(objects_t *self, const object_key_t *key);
object_t *objects_find(const objects_t *self, const object_key_t *key);

#endif
