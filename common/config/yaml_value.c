/* yaml_value.c: see yaml_value.h. */
#include "common/config/yaml_value.h"
#include "common/base/cleanup.h"
#include "common/config/quantity.h"
#include "common/config/suggest.h"

#include <inttypes.h>
#include <string.h>

static void no_memory(yaml_decoder_t *decoder) {
    if (!decoder->failed) {
        decoder->failed = true;
        (void)error_set(decoder->err, ERROR_NO_MEMORY, "no memory for the configuration");
    }
}

/* A value that was left out: `key:` and the spellings of null. */
static bool is_null(const node_t *node) {
    return node->kind == NODE_SCALAR && !node->quoted &&
           (node->text[0] == '\0' || strcmp(node->text, "~") == 0 ||
            strcmp(node->text, "null") == 0 || strcmp(node->text, "Null") == 0 ||
            strcmp(node->text, "NULL") == 0);
}

static const char *kind_text(const node_t *node) {
    static const char *const TEXTS[NODE_KIND_COUNT] = {
        [NODE_SCALAR] = "a single value", [NODE_LIST] = "a list", [NODE_MAP] = "a map"};
    return TEXTS[node->kind];
}

/* The text of a scalar that is there, not empty and within bounds; else a problem and NULL. */
static const char *scalar(yaml_decoder_t *decoder, const node_t *node, const char *expected) {
    const char *key = node->key != NULL ? node->key : "the list's item";
    if (node->kind != NODE_SCALAR) {
        yaml_complain(&decoder->source, node, NULL, "'%s' must be %s, not %s", key, expected,
                      kind_text(node));
        return NULL;
    }
    if (is_null(node)) {
        yaml_complain(&decoder->source, node, NULL, "'%s' has no value: %s is expected", key,
                      expected);
        return NULL;
    }
    if (node->text[0] == '\0') {
        yaml_complain(&decoder->source, node, NULL, "'%s' is empty: %s is expected", key, expected);
        return NULL;
    }
    if (strlen(node->text) > YAML_TEXT_MAX) {
        yaml_complain(&decoder->source, node, NULL, "'%s' is longer than %d bytes", key,
                      YAML_TEXT_MAX);
        return NULL;
    }
    return node->text;
}

static char *copy_text(yaml_decoder_t *decoder, const char *text) {
    char *copy = strdup(text);
    if (copy == NULL) {
        no_memory(decoder);
    }
    return copy;
}

/* Absolute as it is, "~/" from the home folder, else from the file's folder. */
static char *copy_path(yaml_decoder_t *decoder, const char *text) {
    const char *home = getenv("HOME");
    char *path = NULL;
    if (text[0] == '/') {
        return copy_text(decoder, text);
    }
    int n = strncmp(text, "~/", 2) == 0 && home != NULL && home[0] == '/'
                ? asprintf(&path, "%s/%s", home, text + 2)
                : asprintf(&path, "%s/%s", decoder->source.folder, text);
    if (n < 0) {
        no_memory(decoder);
        return NULL;
    }
    return path;
}

static char *copy_of_kind(yaml_decoder_t *decoder, const char *text, bool path) {
    return path ? copy_path(decoder, text) : copy_text(decoder, text);
}

static void decode_bool(yaml_decoder_t *decoder, const node_t *node, bool *ret_value) {
    const char *text = scalar(decoder, node, "true or false");
    if (text == NULL) {
        return;
    }
    if (!node->quoted && strcmp(text, "true") == 0) {
        *ret_value = true;
    } else if (!node->quoted && strcmp(text, "false") == 0) {
        *ret_value = false;
    } else {
        yaml_complain(&decoder->source, node, NULL, "'%.64s' is neither true nor false%s", text,
                      node->quoted ? ": write it without quotes" : "");
    }
}

static const char *number_text(const yaml_field_t *field, int64_t number, char *buffer) {
    switch (field->kind) {
    case YAML_DURATION:
        return quantity_duration_text(number, buffer);
    case YAML_SIZE:
        return quantity_size_text(number, buffer);
    case YAML_PERCENT:
        return quantity_percent_text(number, buffer);
    case YAML_INTEGER:
    case YAML_TEXT:
    case YAML_PATH:
    case YAML_BOOL:
    case YAML_ENUM:
    case YAML_TEXTS:
    case YAML_PATHS:
    case YAML_MAP:
    case YAML_STRUCT:
    case YAML_STRUCTS:
    case YAML_REFUSED:
    case YAML_KIND_COUNT:
        break;
    }
    (void)snprintf(buffer, QUANTITY_TEXT_SIZE, "%" PRId64, number);
    return buffer;
}

typedef status_t (*number_parse_t)(const char *text, int64_t *ret_number, error_t *err);

static void decode_number(yaml_decoder_t *decoder, const yaml_field_t *field, const node_t *node,
                          int64_t *ret_number) {
    static const struct {
        const char *expected;
        number_parse_t parse;
    } KINDS[YAML_KIND_COUNT] = {
        [YAML_INTEGER] = {"a whole number", quantity_integer},
        [YAML_DURATION] = {"a duration such as 30s", quantity_duration},
        [YAML_SIZE] = {"a size such as 10GiB", quantity_size},
        [YAML_PERCENT] = {"a percentage such as 25%", quantity_percent},
    };
    const char *text = scalar(decoder, node, KINDS[field->kind].expected);
    int64_t number = 0;
    error_t why;
    if (text == NULL) {
        return;
    }
    if (field->kind == YAML_INTEGER && node->quoted) {
        yaml_complain(&decoder->source, node, NULL,
                      "a whole number is expected, not a text in quotes");
    } else if (KINDS[field->kind].parse(text, &number, &why) != STATUS_OK) {
        yaml_complain(&decoder->source, node, NULL, "%s", why.message);
    } else if (field->min != field->max && (number < field->min || number > field->max)) {
        char low[QUANTITY_TEXT_SIZE];
        char high[QUANTITY_TEXT_SIZE];
        yaml_complain(&decoder->source, node, NULL, "'%s' is %s, outside %s to %s", field->key,
                      text, number_text(field, field->min, low),
                      number_text(field, field->max, high));
    } else {
        *ret_number = number;
    }
}

static void decode_enum(yaml_decoder_t *decoder, const yaml_field_t *field, const node_t *node,
                        int *ret_value) {
    char list[PROBLEM_TEXT_MAX / 2] = "";
    size_t used = 0;
    size_t count = 0;
    for (; field->names[count] != NULL; count++) {
        int n = snprintf(list + used, sizeof list - used, "%s%s", count > 0 ? ", " : "",
                         field->names[count]);
        INVARIANT(n > 0 && (size_t)n < sizeof list - used);
        used += (size_t)n;
    }
    const char *text = scalar(decoder, node, "one of its words");
    if (text == NULL) {
        return;
    }
    for (size_t i = 0; i < count; i++) {
        if (strcmp(field->names[i], text) == 0) {
            *ret_value = (int)i;
            return;
        }
    }
    const char *near = suggest(text, field->names, count);
    yaml_complain(&decoder->source, node, NULL, "'%.64s' is none of %s%s%s%s", text, list,
                  near != NULL ? "; did you mean '" : "", near != NULL ? near : "",
                  near != NULL ? "'?" : "");
}

/* Whether a list is one, and within the field's bound. */
static bool list_fits(yaml_decoder_t *decoder, const yaml_field_t *field, const node_t *node) {
    size_t most = field->max > 0 ? (size_t)field->max : YAML_LIST_MAX;
    if (node->kind != NODE_LIST) {
        yaml_complain(&decoder->source, node, NULL, "'%s' must be a list, not %s", field->key,
                      is_null(node) ? "nothing" : kind_text(node));
        return false;
    }
    if (node->count > most) {
        yaml_complain(&decoder->source, node, NULL, "'%s' has %zu items, more than %zu", field->key,
                      node->count, most);
        return false;
    }
    return true;
}

static void decode_texts(yaml_decoder_t *decoder, const yaml_field_t *field, const node_t *node,
                         yaml_texts_t *ret_texts) {
    if (!list_fits(decoder, field, node) || node->count == 0) {
        return;
    }
    ret_texts->items = calloc(node->count, sizeof(*ret_texts->items));
    if (ret_texts->items == NULL) {
        no_memory(decoder);
        return;
    }
    for (const node_t *item = node->first; item != NULL; item = item->next) {
        const char *text = scalar(decoder, item, "a text");
        if (text == NULL) {
            continue;
        }
        char *copy = copy_of_kind(decoder, text, field->kind == YAML_PATHS);
        if (copy != NULL) {
            ret_texts->items[ret_texts->count++] = copy;
        }
    }
}

static void decode_map(yaml_decoder_t *decoder, const yaml_field_t *field, const node_t *node,
                       yaml_map_t *ret_map) {
    size_t most = field->max > 0 ? (size_t)field->max : YAML_LIST_MAX;
    if (node->kind != NODE_MAP) {
        yaml_complain(&decoder->source, node, NULL, "'%s' must be a map of key: value, not %s",
                      field->key, is_null(node) ? "nothing" : kind_text(node));
        return;
    }
    if (node->count > most) {
        yaml_complain(&decoder->source, node, NULL, "'%s' has %zu entries, more than %zu",
                      field->key, node->count, most);
        return;
    }
    if (node->count == 0) {
        return;
    }
    ret_map->items = calloc(node->count, sizeof(*ret_map->items));
    if (ret_map->items == NULL) {
        no_memory(decoder);
        return;
    }
    for (const node_t *item = node->first; item != NULL; item = item->next) {
        const char *text = scalar(decoder, item, "a text");
        if (text != NULL) {
            yaml_pair_t *pair = &ret_map->items[ret_map->count++];
            pair->key = copy_text(decoder, item->key);
            pair->value = copy_text(decoder, text);
        }
    }
}

static void decode_structs(yaml_decoder_t *decoder, const yaml_field_t *field, const node_t *node,
                           yaml_list_t *ret_list) {
    if (!list_fits(decoder, field, node) || node->count == 0) {
        return;
    }
    ret_list->items = calloc(node->count, field->inner->size);
    if (ret_list->items == NULL) {
        no_memory(decoder);
        return;
    }
    for (const node_t *item = node->first; item != NULL && !decoder->failed; item = item->next) {
        char *object = (char *)ret_list->items + ret_list->count * field->inner->size;
        ret_list->count++;
        yaml_struct_decode(decoder, field->inner, item, object);
    }
}

static void decode_text(yaml_decoder_t *decoder, const yaml_field_t *field, const node_t *node,
                        char **ret_text) {
    bool path = field->kind == YAML_PATH;
    const char *text = scalar(decoder, node, path ? "a path" : "a text");
    if (text != NULL) {
        *ret_text = copy_of_kind(decoder, text, path);
    }
}

void yaml_value_decode(yaml_decoder_t *decoder, const yaml_field_t *field, const node_t *node,
                       char *object) {
    void *member = object + field->offset;
    switch (field->kind) {
    case YAML_TEXT:
    case YAML_PATH:
        decode_text(decoder, field, node, member);
        return;
    case YAML_BOOL:
        decode_bool(decoder, node, member);
        return;
    case YAML_INTEGER:
    case YAML_DURATION:
    case YAML_SIZE:
    case YAML_PERCENT:
        decode_number(decoder, field, node, member);
        return;
    case YAML_ENUM:
        decode_enum(decoder, field, node, member);
        return;
    case YAML_TEXTS:
    case YAML_PATHS:
        decode_texts(decoder, field, node, member);
        return;
    case YAML_MAP:
        decode_map(decoder, field, node, member);
        return;
    case YAML_STRUCT:
        yaml_struct_decode(decoder, field->inner, node, member);
        return;
    case YAML_STRUCTS:
        decode_structs(decoder, field, node, member);
        return;
    case YAML_REFUSED:
        yaml_complain(&decoder->source, node, NULL, "%s", field->default_text);
        return;
    case YAML_KIND_COUNT:
        break;
    }
    INVARIANT(false);
}

void yaml_value_default(yaml_decoder_t *decoder, const yaml_field_t *field, char *object) {
    if (field->kind == YAML_STRUCT) {
        yaml_struct_default(decoder, field->inner, object + field->offset);
    } else if (field->kind != YAML_REFUSED && field->default_text != NULL) {
        const node_t node = {.kind = NODE_SCALAR, .key = field->key, .text = field->default_text};
        size_t before = decoder->source.problems->count;
        yaml_value_decode(decoder, field, &node, object);
        INVARIANT(decoder->source.problems->count == before); /* a default of ours is valid */
    }
}
