/*
 * yaml.h: strict YAML to structs, driven by tables of fields.
 *
 * A schema is a list of fields {key, kind, offset, bounds, default}. An unknown key, a key twice, a
 * missing one, a wrong type, a value out of bounds, an empty document, a second document, anchors,
 * aliases, tags and merge keys are problems with line and column; several are found in one pass.
 * Booleans are true and false and nothing else. A path that is not absolute is relative to the
 * file's folder; "~/" is the home folder.
 *
 * Struct members by kind:
 *   TEXT, PATH   char *        owned; NULL where absent without default
 *   BOOL         bool
 *   INTEGER      int64_t       within min and max
 *   DURATION     int64_t       microseconds, within min and max
 *   SIZE         int64_t       bytes, within min and max
 *   PERCENT      int64_t       hundredths of a percent, within min and max
 *   ENUM         int or enum   index into names
 *   TEXTS, PATHS yaml_texts_t
 *   MAP          yaml_map_t    text to text, in the file's order
 *   STRUCT       the struct itself, described by inner; absent: its defaults
 *   STRUCTS      yaml_list_t   array of the struct described by inner
 *   REFUSED      none          the key is an error, with default_text as its message
 */
#ifndef DROVER_CONFIG_YAML_H
#define DROVER_CONFIG_YAML_H

#include "common/config/node.h"

#include <stdint.h>

typedef enum yaml_kind {
    YAML_TEXT,
    YAML_PATH,
    YAML_BOOL,
    YAML_INTEGER,
    YAML_DURATION,
    YAML_SIZE,
    YAML_PERCENT,
    YAML_ENUM,
    YAML_TEXTS,
    YAML_PATHS,
    YAML_MAP,
    YAML_STRUCT,
    YAML_STRUCTS,
    YAML_REFUSED,
    YAML_KIND_COUNT
} yaml_kind_t;

typedef struct yaml_texts {
    char **items;
    size_t count;
} yaml_texts_t;

typedef struct yaml_pair {
    char *key;
    char *value;
} yaml_pair_t;

typedef struct yaml_map {
    yaml_pair_t *items;
    size_t count;
} yaml_map_t;

typedef struct yaml_list {
    void *items; /* count structs of the inner schema's size */
    size_t count;
} yaml_list_t;

typedef struct yaml_schema yaml_schema_t;

typedef struct yaml_field {
    const char *key;
    yaml_kind_t kind;
    size_t offset; /* offsetof the member */
    bool required;
    int64_t min;              /* INTEGER, DURATION, SIZE, PERCENT; min == max: any */
    int64_t max;              /* also the most items of a list; 0: YAML_LIST_MAX */
    const char *default_text; /* as it would stand in the file; NULL: zero or empty */
    const char *const *names; /* ENUM, ended by NULL */
    const yaml_schema_t *inner;
    const char *help; /* one line for documents */
} yaml_field_t;

enum {
    YAML_LIST_MAX = 10000,
    YAML_TEXT_MAX = 64 * 1024,
};

/* What a check of a whole struct may look at and complain to. */
typedef struct yaml_source {
    const node_document_t *document;
    problems_t *problems;
    const char *folder; /* that relative paths start from */
} yaml_source_t;

struct yaml_schema {
    const char *name; /* "wave", for messages */
    size_t size;      /* sizeof the struct */
    const yaml_field_t *fields;
    size_t field_count;
    /* Looks at one decoded struct as a whole; may be NULL. Notes problems with yaml_complain. */
    void (*check)(const yaml_source_t *source, const node_t *node, void *object);
    /* Frees what check derived and no field owns; may be NULL. The struct itself stays. */
    void (*release)(void *object);
};

#define YAML_FIELDS(array) .fields = (array), .field_count = sizeof(array) / sizeof(array)[0]

/*
 * Read a file of at most limit bytes into *ret_object, a fresh struct of the schema's size that the
 * caller gives back with yaml_release. problems (may be NULL) gets all that was found. Errors:
 * CONFIG_MISSING where the file cannot be read, else code, with the first problem.
 */
typedef struct yaml_request {
    const yaml_schema_t *schema;
    error_code_t code;
    size_t limit_bytes;
    problems_t *problems;
} yaml_request_t;

MUST_CHECK status_t yaml_load_file(const yaml_request_t *request, const char *path,
                                   void **ret_object, error_t *err);

/* The same from memory; name stands for the file in messages, its folder is where paths start. */
typedef struct yaml_text {
    const char *name;
    const char *bytes;
    size_t size;
} yaml_text_t;

MUST_CHECK status_t yaml_load_text(const yaml_request_t *request, const yaml_text_t *text,
                                   void **ret_object, error_t *err);

/* Free everything that the schema's fields own, and the struct. NULL is fine. */
void yaml_release(const yaml_schema_t *schema, void *object);

/* For checks: note a problem at the value of key in node, or at node where key is NULL or absent.
 */
void yaml_complain(const yaml_source_t *source, const node_t *node, const char *key,
                   const char *format, ...) PRINTF_LIKE(4, 5);

/* The value under a key of a map, or NULL. */
const char *yaml_map_get(const yaml_map_t *map, const char *key);

#endif
