/* yaml.c: see yaml.h. Structs, files and release; single values are yaml_value.c's. */
#include "common/config/yaml.h"
#include "common/base/cleanup.h"
#include "common/config/suggest.h"
#include "common/config/yaml_value.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdarg.h>
#include <string.h>

enum { SCHEMA_FIELDS_MAX = 64 };

void yaml_complain(const yaml_source_t *source, const node_t *node, const char *key,
                   const char *format, ...) {
    char message[PROBLEM_TEXT_MAX];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    const node_t *value = key != NULL ? node_get(node, key) : NULL;
    problems_add(source->problems, node_source(source->document),
                 value != NULL ? value->place : node->place, "%s", message);
}

static const yaml_field_t *field_of(const yaml_schema_t *schema, const char *key) {
    for (size_t i = 0; i < schema->field_count; i++) {
        if (strcmp(schema->fields[i].key, key) == 0) {
            return &schema->fields[i];
        }
    }
    return NULL;
}

static void complain_unknown(yaml_decoder_t *decoder, const yaml_schema_t *schema,
                             const node_t *child) {
    const char *keys[SCHEMA_FIELDS_MAX];
    INVARIANT(schema->field_count <= SCHEMA_FIELDS_MAX);
    for (size_t i = 0; i < schema->field_count; i++) {
        keys[i] = schema->fields[i].kind == YAML_REFUSED ? NULL : schema->fields[i].key;
    }
    const char *near = suggest(child->key, keys, schema->field_count);
    problems_add(decoder->source.problems, node_source(decoder->source.document), child->key_place,
                 "unknown key '%.64s' in %s%s%s%s", child->key, schema->name,
                 near != NULL ? "; did you mean '" : "", near != NULL ? near : "",
                 near != NULL ? "'?" : "");
}

static void decode_fields(yaml_decoder_t *decoder, const yaml_schema_t *schema, const node_t *node,
                          char *object) {
    for (size_t i = 0; i < schema->field_count && !decoder->failed; i++) {
        const yaml_field_t *field = &schema->fields[i];
        const node_t *value = node_get(node, field->key);
        if (value != NULL) {
            yaml_value_decode(decoder, field, value, object);
        } else if (field->required) {
            yaml_complain(&decoder->source, node, NULL, "%s lacks the key '%s'", schema->name,
                          field->key);
        } else {
            yaml_value_default(decoder, field, object);
        }
    }
}

static size_t problems_found(const yaml_decoder_t *decoder) {
    return decoder->source.problems->count + decoder->source.problems->more;
}

void yaml_struct_decode(yaml_decoder_t *decoder, const yaml_schema_t *schema, const node_t *node,
                        char *object) {
    size_t before = problems_found(decoder);
    if (node->kind != NODE_MAP) {
        yaml_complain(&decoder->source, node, NULL, "%s must be a map of key: value, not %s",
                      schema->name, node->kind == NODE_LIST ? "a list" : "a single value");
        return;
    }
    for (const node_t *child = node->first; child != NULL; child = child->next) {
        if (field_of(schema, child->key) == NULL) {
            complain_unknown(decoder, schema, child);
        }
    }
    decode_fields(decoder, schema, node, object);
    /* A struct that has a problem is not judged as a whole: what follows from it would confuse. */
    if (schema->check != NULL && !decoder->failed && problems_found(decoder) == before) {
        schema->check(&decoder->source, node, object);
    }
}

void yaml_struct_default(yaml_decoder_t *decoder, const yaml_schema_t *schema, char *object) {
    for (size_t i = 0; i < schema->field_count && !decoder->failed; i++) {
        yaml_value_default(decoder, &schema->fields[i], object);
    }
}

/* The folder of a file as an absolute path where it exists, else as it is written. */
static char *folder_of(const char *name) {
    CLEANUP(free_p) char *copy = strdup(name);
    if (copy == NULL) {
        return NULL;
    }
    const char *folder = dirname(copy);
    char *absolute = realpath(folder, NULL);
    return absolute != NULL ? absolute : strdup(folder);
}

static status_t decode(const yaml_request_t *request, const yaml_text_t *text,
                       const node_document_t *document, void **ret_object, error_t *err) {
    CLEANUP(free_p) char *folder = folder_of(text->name);
    char *object = calloc(1, request->schema->size);
    if (folder == NULL || object == NULL) {
        free(object);
        return error_set(err, ERROR_NO_MEMORY, "no memory for the configuration");
    }
    yaml_decoder_t decoder = {
        .source = {.document = document, .problems = request->problems, .folder = folder},
        .err = err};
    yaml_struct_decode(&decoder, request->schema, node_root(document), object);
    if (decoder.failed || problems_check(request->problems, request->code, err) != STATUS_OK) {
        yaml_release(request->schema, object);
        return STATUS_ERROR;
    }
    *ret_object = object;
    return STATUS_OK;
}

status_t yaml_load_text(const yaml_request_t *request, const yaml_text_t *text, void **ret_object,
                        error_t *err) {
    CLEANUP(free_p) problems_t *own = NULL;
    yaml_request_t with = *request;
    if (with.problems == NULL) {
        own = calloc(1, sizeof *own);
        if (own == NULL) {
            return error_set(err, ERROR_NO_MEMORY, "no memory for the configuration");
        }
        with.problems = own;
    }
    problems_begin(with.problems, text->name);
    if (text->size > with.limit_bytes) {
        return error_set(err, ERROR_BOUND, "%.300s: larger than %zu bytes", text->name,
                         with.limit_bytes);
    }
    CLEANUP(node_destroy) node_document_t *document = NULL;
    const node_input_t input = {.bytes = text->bytes, .size = text->size};
    if (node_parse(input, with.problems, &document, err) != STATUS_OK) {
        return with.problems->count > 0 ? problems_check(with.problems, with.code, err)
                                        : STATUS_ERROR;
    }
    return decode(&with, text, document, ret_object, err);
}

/* Everything that a file holds, up to one byte more than the limit, so that too much shows. */
static status_t read_all(const char *path, size_t limit, char **ret_bytes, size_t *ret_size,
                         error_t *err) {
    CLEANUP(close_p) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0) {
        return error_set(err, ERROR_CONFIG_MISSING, "cannot read %.300s: %s", path,
                         strerror(errno));
    }
    size_t room = 4096;
    size_t size = 0;
    CLEANUP(free_p) char *bytes = malloc(room);
    if (bytes == NULL) {
        return error_set(err, ERROR_NO_MEMORY, "no memory for %.300s", path);
    }
    while (size <= limit) { /* each turn reads a byte at least */
        if (size == room) {
            char *more = realloc(bytes, room * 2);
            if (more == NULL) {
                return error_set(err, ERROR_NO_MEMORY, "no memory for %.300s", path);
            }
            bytes = more;
            room *= 2;
        }
        ssize_t n = read(fd, bytes + size, room - size);
        if (n < 0 && errno != EINTR) {
            return error_set(err, ERROR_CONFIG_MISSING, "cannot read %.300s: %s", path,
                             strerror(errno));
        }
        if (n == 0) {
            break;
        }
        size += n > 0 ? (size_t)n : 0;
    }
    *ret_bytes = TAKE(bytes);
    *ret_size = size;
    return STATUS_OK;
}

status_t yaml_load_file(const yaml_request_t *request, const char *path, void **ret_object,
                        error_t *err) {
    yaml_text_t text = {.name = path};
    if (request->problems != NULL) {
        problems_begin(request->problems, path);
    }
    char *bytes = NULL;
    TRY(read_all(path, request->limit_bytes, &bytes, &text.size, err));
    text.bytes = bytes;
    status_t status = yaml_load_text(request, &text, ret_object, err);
    free(bytes);
    return status;
}

static void release_fields(const yaml_schema_t *schema, char *object);

static void release_texts(yaml_texts_t *texts) {
    for (size_t i = 0; i < texts->count; i++) {
        free(texts->items[i]);
    }
    free(texts->items);
}

static void release_map(yaml_map_t *map) {
    for (size_t i = 0; i < map->count; i++) {
        free(map->items[i].key);
        free(map->items[i].value);
    }
    free(map->items);
}

static void release_list(const yaml_schema_t *inner, yaml_list_t *list) {
    for (size_t i = 0; i < list->count; i++) {
        release_fields(inner, (char *)list->items + i * inner->size);
    }
    free(list->items);
}

static void release_member(const yaml_field_t *field, void *member) {
    switch (field->kind) {
    case YAML_TEXT:
    case YAML_PATH:
        free(*(char **)member);
        return;
    case YAML_TEXTS:
    case YAML_PATHS:
        release_texts(member);
        return;
    case YAML_MAP:
        release_map(member);
        return;
    case YAML_STRUCT:
        release_fields(field->inner, member);
        return;
    case YAML_STRUCTS:
        release_list(field->inner, member);
        return;
    case YAML_BOOL:
    case YAML_INTEGER:
    case YAML_DURATION:
    case YAML_SIZE:
    case YAML_PERCENT:
    case YAML_ENUM:
    case YAML_REFUSED:
    case YAML_KIND_COUNT:
        return;
    }
}

static void release_fields(const yaml_schema_t *schema, char *object) {
    for (size_t i = 0; i < schema->field_count; i++) {
        release_member(&schema->fields[i], object + schema->fields[i].offset);
    }
    if (schema->release != NULL) {
        schema->release(object);
    }
}

void yaml_release(const yaml_schema_t *schema, void *object) {
    if (object != NULL) {
        release_fields(schema, object);
        free(object);
    }
}

const char *yaml_map_get(const yaml_map_t *map, const char *key) {
    for (size_t i = 0; i < map->count; i++) {
        if (strcmp(map->items[i].key, key) == 0) {
            return map->items[i].value;
        }
    }
    return NULL;
}
