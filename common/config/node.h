/*
 * node.h: a YAML text as a tree of nodes with places; what is built on libfyaml's events.
 *
 * The tree is plain data: maps, lists and scalars. Anchors, aliases, tags, merge keys, keys that
 * are no plain text, a key twice in one map, an empty text and a second document are problems.
 * Depth, number of nodes and bytes are bounded, so that a hostile file costs no more than its size.
 * Source: libfyaml 0.7 event interface; YAML 1.2.2.
 */
#ifndef DROVER_CONFIG_NODE_H
#define DROVER_CONFIG_NODE_H

#include "common/config/problem.h"

enum {
    NODE_DEPTH_MAX = 16,
    NODE_COUNT_MAX = 2000000,
};

typedef enum node_kind { NODE_SCALAR, NODE_LIST, NODE_MAP, NODE_KIND_COUNT } node_kind_t;

typedef struct node node_t;

struct node {
    node_kind_t kind;
    bool quoted;           /* a scalar that was written in quotes or as a block */
    problem_place_t place; /* where the value starts */
    problem_place_t key_place;
    const char *key;     /* inside a map: its key; else NULL */
    const char *text;    /* a scalar's text, NUL-terminated, without NULs inside; else NULL */
    const node_t *first; /* children of a list or map, in order */
    const node_t *next;  /* sibling */
    size_t count;        /* children */
};

typedef struct node_document node_document_t;

/*
 * Parse. The document keeps its own copy of the text. What is wrong goes to problems; then
 * *ret_document is untouched and ERROR_CONFIG_INVALID comes back (the caller reports the problems).
 * ERROR_NO_MEMORY otherwise.
 */
typedef struct node_input {
    const char *bytes;
    size_t size;
} node_input_t;

MUST_CHECK status_t node_parse(node_input_t input, problems_t *problems,
                               node_document_t **ret_document, error_t *err);

const node_t *node_root(const node_document_t *document);
const char *node_source(const node_document_t *document);

/* The child under a key of a map, or NULL. */
const node_t *node_get(const node_t *map, const char *key);

void node_destroy(node_document_t **document);

#endif
