/*
 * node.c: see node.h. libfyaml's events are turned into a tree of our own rather than its document:
 * the document compares every key with every other, resolves aliases, and has no bound on nodes.
 */
#include "common/config/node.h"
#include "common/base/cleanup.h"

#include <libfyaml.h>
#include <string.h>

enum { BLOCK_BYTES = 64 * 1024 };

typedef struct block {
    struct block *next;
    size_t used;
    size_t room;
    char bytes[];
} block_t;

struct node_document {
    block_t *blocks; /* newest first; hold all nodes, keys and texts */
    char *source;
    node_t *root;
    size_t nodes;
};

/* One open map or list. */
typedef struct level {
    node_t *node;
    node_t *last; /* its newest child */
    const char *key;
    problem_place_t key_place;
} level_t;

typedef struct builder {
    node_document_t *document;
    problems_t *problems;
    level_t levels[NODE_DEPTH_MAX];
    size_t depth;
    size_t documents;
    bool stopped; /* a problem after which the rest of the text cannot be read */
} builder_t;

/* Memory of the document, zeroed; NULL when there is none. */
static void *take(node_document_t *document, size_t size) {
    size = (size + 15) & ~(size_t)15;
    block_t *block = document->blocks;
    if (block == NULL || block->room - block->used < size) {
        size_t room = size > BLOCK_BYTES ? size : BLOCK_BYTES;
        block = calloc(1, sizeof *block + room);
        if (block == NULL) {
            return NULL;
        }
        block->room = room;
        block->next = document->blocks;
        document->blocks = block;
    }
    void *bytes = block->bytes + block->used;
    block->used += size;
    return bytes;
}

static char *take_text(node_document_t *document, const char *bytes, size_t size) {
    char *text = take(document, size + 1);
    if (text != NULL && size > 0) {
        memcpy(text, bytes, size);
    }
    return text;
}

static void stop(builder_t *builder, problem_place_t place, const char *message) {
    problems_add(builder->problems, builder->document->source, place, "%s", message);
    builder->stopped = true;
}

static problem_place_t place_of(struct fy_event *event) {
    const struct fy_mark *mark = fy_event_start_mark(event);
    if (mark == NULL) {
        return (problem_place_t){0};
    }
    return (problem_place_t){.line = mark->line + 1, .column = mark->column + 1};
}

/* Hang a new node under the innermost open one, or make it the root. */
static status_t add_node(builder_t *builder, node_kind_t kind, problem_place_t place,
                         node_t **ret_node, error_t *err) {
    if (builder->document->nodes == NODE_COUNT_MAX) {
        stop(builder, place, "too many values in one file");
        return error_set(err, ERROR_BOUND, "more than %d nodes", NODE_COUNT_MAX);
    }
    node_t *node = take(builder->document, sizeof *node);
    if (node == NULL) {
        return error_set(err, ERROR_NO_MEMORY, "no memory for a YAML tree");
    }
    builder->document->nodes++;
    node->kind = kind;
    node->place = place;
    if (builder->depth == 0) {
        builder->document->root = node;
    } else {
        level_t *level = &builder->levels[builder->depth - 1];
        node->key = level->key;
        node->key_place = level->key_place;
        if (place.line == 0) {
            node->place = level->key_place;
        }
        level->key = NULL;
        if (level->last == NULL) {
            level->node->first = node;
        } else {
            level->last->next = node;
        }
        level->last = node;
        level->node->count++;
    }
    *ret_node = node;
    return STATUS_OK;
}

/* Whether the innermost open node is a map that awaits a key. */
static bool awaits_key(const builder_t *builder) {
    return builder->depth > 0 && builder->levels[builder->depth - 1].node->kind == NODE_MAP &&
           builder->levels[builder->depth - 1].key == NULL;
}

static status_t on_open(builder_t *builder, struct fy_event *event, node_kind_t kind,
                        error_t *err) {
    problem_place_t place = place_of(event);
    if (awaits_key(builder)) {
        stop(builder, place, "a key must be plain text");
        return STATUS_OK;
    }
    if (builder->depth == NODE_DEPTH_MAX) {
        stop(builder, place, "nested too deep");
        return STATUS_OK;
    }
    node_t *node = NULL;
    TRY(add_node(builder, kind, place, &node, err));
    builder->levels[builder->depth++] = (level_t){.node = node};
    return STATUS_OK;
}

static int compare_keys(const void *a, const void *b) {
    const node_t *x = *(const node_t *const *)a;
    const node_t *y = *(const node_t *const *)b;
    int order = strcmp(x->key, y->key);
    if (order != 0) {
        return order;
    }
    if (x->key_place.line != y->key_place.line) {
        return x->key_place.line < y->key_place.line ? -1 : 1;
    }
    return x->key_place.column < y->key_place.column ? -1 : 1;
}

/* Note every key of a map that stands there twice; sorted, so that large maps stay cheap. */
static status_t find_duplicates(builder_t *builder, const node_t *map, error_t *err) {
    if (map->count < 2) {
        return STATUS_OK;
    }
    CLEANUP(free_p) const node_t **sorted = malloc(map->count * sizeof(*sorted));
    if (sorted == NULL) {
        return error_set(err, ERROR_NO_MEMORY, "no memory for %zu keys", map->count);
    }
    size_t n = 0;
    for (const node_t *child = map->first; child != NULL; child = child->next) {
        sorted[n++] = child;
    }
    qsort(sorted, n, sizeof(*sorted), compare_keys);
    for (size_t i = 1; i < n; i++) {
        if (strcmp(sorted[i]->key, sorted[i - 1]->key) == 0) {
            problems_add(builder->problems, builder->document->source, sorted[i]->key_place,
                         "key '%.64s' stands here twice, first in line %d", sorted[i]->key,
                         sorted[i - 1]->key_place.line);
        }
    }
    return STATUS_OK;
}

static status_t on_close(builder_t *builder, error_t *err) {
    INVARIANT(builder->depth > 0);
    const node_t *node = builder->levels[--builder->depth].node;
    return node->kind == NODE_MAP ? find_duplicates(builder, node, err) : STATUS_OK;
}

static status_t on_scalar(builder_t *builder, struct fy_event *event, error_t *err) {
    problem_place_t place = place_of(event);
    size_t size = 0;
    const char *bytes =
        event->scalar.value != NULL ? fy_token_get_text(event->scalar.value, &size) : "";
    if (bytes == NULL || (size > 0 && memchr(bytes, '\0', size) != NULL)) {
        stop(builder, place, "a NUL byte in a text");
        return STATUS_OK;
    }
    char *text = take_text(builder->document, bytes, size);
    if (text == NULL) {
        return error_set(err, ERROR_NO_MEMORY, "no memory for a YAML text");
    }
    if (awaits_key(builder)) {
        level_t *level = &builder->levels[builder->depth - 1];
        if (strcmp(text, "<<") == 0) {
            stop(builder, place, "merge keys (<<) are not allowed: write the values out");
        } else if (text[0] == '\0') {
            stop(builder, place, "a key must not be empty");
        }
        level->key = text;
        level->key_place = place;
        return STATUS_OK;
    }
    if (event->scalar.value != NULL && place.column > 1 &&
        (fy_token_scalar_style(event->scalar.value) == FYSS_SINGLE_QUOTED ||
         fy_token_scalar_style(event->scalar.value) == FYSS_DOUBLE_QUOTED)) {
        place.column--; /* libfyaml points behind the quote */
    }
    node_t *node = NULL;
    TRY(add_node(builder, NODE_SCALAR, place, &node, err));
    node->text = text;
    node->quoted =
        event->scalar.value != NULL && fy_token_scalar_style(event->scalar.value) != FYSS_PLAIN;
    return STATUS_OK;
}

/* Anchors and tags; both would make the file mean something else than what stands in the line. */
static bool decorated(builder_t *builder, struct fy_event *event, const struct fy_token *anchor,
                      const struct fy_token *tag) {
    if (anchor != NULL) {
        stop(builder, place_of(event), "anchors (&name) are not allowed: write the values out");
    } else if (tag != NULL) {
        stop(builder, place_of(event), "tags (!name) are not allowed: quote the text");
    }
    return builder->stopped;
}

static status_t on_event(builder_t *builder, struct fy_event *event, error_t *err) {
    switch (event->type) {
    case FYET_DOCUMENT_START:
        if (++builder->documents > 1) {
            stop(builder, place_of(event), "a second document: one file holds one");
        }
        return STATUS_OK;
    case FYET_ALIAS:
        stop(builder, place_of(event), "aliases (*name) are not allowed: write the values out");
        return STATUS_OK;
    case FYET_SCALAR:
        return decorated(builder, event, event->scalar.anchor, event->scalar.tag)
                   ? STATUS_OK
                   : on_scalar(builder, event, err);
    case FYET_MAPPING_START:
        return decorated(builder, event, event->mapping_start.anchor, event->mapping_start.tag)
                   ? STATUS_OK
                   : on_open(builder, event, NODE_MAP, err);
    case FYET_SEQUENCE_START:
        return decorated(builder, event, event->sequence_start.anchor, event->sequence_start.tag)
                   ? STATUS_OK
                   : on_open(builder, event, NODE_LIST, err);
    case FYET_MAPPING_END:
    case FYET_SEQUENCE_END:
        return on_close(builder, err);
    case FYET_NONE:
    case FYET_STREAM_START:
    case FYET_STREAM_END:
    case FYET_DOCUMENT_END:
        return STATUS_OK;
    }
    return STATUS_OK;
}

/* What libfyaml itself complained about, with its places. */
static void copy_diagnostics(builder_t *builder, struct fy_diag *diag) {
    void *position = NULL;
    size_t before = builder->problems->count;
    for (struct fy_diag_error *found = fy_diag_errors_iterate(diag, &position); found != NULL;
         found = fy_diag_errors_iterate(diag, &position)) {
        problem_place_t place = {.line = found->line > 0 ? found->line : 0,
                                 .column = found->column > 0 ? found->column : 0};
        problems_add(builder->problems, builder->document->source, place, "no valid YAML: %s",
                     found->msg != NULL ? found->msg : "unreadable");
    }
    if (builder->problems->count == before && !builder->stopped) {
        problems_add(builder->problems, NULL, (problem_place_t){0}, "no valid YAML");
    }
}

static void swallow(struct fy_diag *diag, void *user, const char *bytes, size_t size) {
    (void)diag;
    (void)user;
    (void)bytes;
    (void)size;
}

typedef struct reader {
    struct fy_diag *diag;
    struct fy_parser *parser;
} reader_t;

static void reader_close(reader_t *reader) {
    if (reader->parser != NULL) {
        fy_parser_destroy(reader->parser);
    }
    if (reader->diag != NULL) {
        fy_diag_destroy(reader->diag);
    }
}

static status_t reader_open(reader_t *reader, node_input_t input, error_t *err) {
    struct fy_diag_cfg diag_cfg;
    fy_diag_cfg_default(&diag_cfg);
    diag_cfg.fp = NULL;
    diag_cfg.output_fn = swallow;
    diag_cfg.level = FYET_ERROR;
    reader->diag = fy_diag_create(&diag_cfg);
    if (reader->diag != NULL) {
        fy_diag_set_collect_errors(reader->diag, true);
        struct fy_parse_cfg cfg = {.flags = FYPCF_JSON_NONE, .diag = reader->diag};
        reader->parser = fy_parser_create(&cfg);
    }
    if (reader->parser == NULL ||
        fy_parser_set_string(reader->parser, input.bytes, input.size) != 0) {
        return error_set(err, ERROR_NO_MEMORY, "no memory for the YAML parser");
    }
    return STATUS_OK;
}

/* Walk the events; each takes at least a byte or closes what one opened, so the loop ends. */
static status_t walk(builder_t *builder, node_input_t input, error_t *err) {
    CLEANUP(reader_close) reader_t reader = {0};
    TRY(reader_open(&reader, input, err));
    while (!builder->stopped) {
        struct fy_event *event = fy_parser_parse(reader.parser);
        if (event == NULL) {
            break;
        }
        status_t status = on_event(builder, event, err);
        fy_parser_event_free(reader.parser, event);
        TRY(status);
    }
    if (fy_parser_get_stream_error(reader.parser)) {
        copy_diagnostics(builder, reader.diag);
    }
    return STATUS_OK;
}

/* Bytes of the UTF-8 character at text (RFC 3629), or 0 where it is none. */
static size_t utf8_bytes(const unsigned char *text, size_t left) {
    size_t n = text[0] < 0x80   ? 1
               : text[0] < 0xC2 ? 0
               : text[0] < 0xE0 ? 2
               : text[0] < 0xF0 ? 3
                                : 4;
    if (text[0] > 0xF4 || n > left) {
        return 0;
    }
    for (size_t i = 1; i < n; i++) {
        if ((text[i] & 0xC0) != 0x80) {
            return 0;
        }
    }
    bool overlong = (text[0] == 0xE0 && text[1] < 0xA0) || (text[0] == 0xF0 && text[1] < 0x90);
    bool beyond = (text[0] == 0xED && text[1] > 0x9F) || (text[0] == 0xF4 && text[1] > 0x8F);
    return overlong || beyond ? 0 : n;
}

/* libfyaml ends quietly at bytes that are no UTF-8, so they are looked for first. */
static void check_bytes(node_input_t input, problems_t *problems) {
    problem_place_t place = {.line = 1, .column = 1};
    for (size_t i = 0; i < input.size;) {
        size_t n = utf8_bytes((const unsigned char *)input.bytes + i, input.size - i);
        if (n == 0 || input.bytes[i] == '\0') {
            problems_add(problems, NULL, place,
                         n == 0 ? "no valid YAML: bytes that are no UTF-8"
                                : "a NUL byte: this is no text file");
            return;
        }
        bool line_end = input.bytes[i] == '\n';
        place.line += line_end ? 1 : 0;
        place.column = line_end ? 1 : place.column + 1;
        i += n;
    }
}

static bool only_blanks_and_comments(const node_document_t *document) {
    return document->root == NULL || (document->root->kind == NODE_SCALAR &&
                                      document->root->text[0] == '\0' && !document->root->quoted);
}

status_t node_parse(node_input_t input, problems_t *problems, node_document_t **ret_document,
                    error_t *err) {
    CLEANUP(node_destroy) node_document_t *document = calloc(1, sizeof *document);
    if (document == NULL || (document->source = malloc(input.size + 1)) == NULL) {
        return error_set(err, ERROR_NO_MEMORY, "no memory for a file of %zu bytes", input.size);
    }
    if (input.size > 0) {
        memcpy(document->source, input.bytes, input.size);
    }
    document->source[input.size] = '\0';
    size_t before = problems->count;
    builder_t builder = {.document = document, .problems = problems};
    input.bytes = document->source;
    check_bytes(input, problems);
    if (problems->count == before && input.size > 0) {
        if (walk(&builder, input, err) != STATUS_OK && problems->count == before) {
            return STATUS_ERROR;
        }
    }
    if (problems->count == before && only_blanks_and_comments(document)) {
        problems_add(problems, NULL, (problem_place_t){0}, "the file is empty");
    }
    if (problems->count > before) {
        return error_set(err, ERROR_CONFIG_INVALID, "%zu problems in the file",
                         problems->count + problems->more);
    }
    *ret_document = TAKE(document);
    return STATUS_OK;
}

const node_t *node_root(const node_document_t *document) {
    return document->root;
}

const char *node_source(const node_document_t *document) {
    return document->source;
}

const node_t *node_get(const node_t *map, const char *key) {
    if (map->kind == NODE_MAP) {
        for (const node_t *child = map->first; child != NULL; child = child->next) {
            if (strcmp(child->key, key) == 0) {
                return child;
            }
        }
    }
    return NULL;
}

void node_destroy(node_document_t **document) {
    if (*document == NULL) {
        return;
    }
    while ((*document)->blocks != NULL) { /* one turn a block */
        block_t *next = (*document)->blocks->next;
        free((*document)->blocks);
        (*document)->blocks = next;
    }
    free((*document)->source);
    free(*document);
    *document = NULL;
}
