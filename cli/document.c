/* document.c: see document.h. */
#include "cli/document.h"

#include <string.h>

void document_release(json_t **document) {
    json_decref(*document);
    *document = NULL;
}

const json_t *document_at(const json_t *document, const char *path) {
    while (document != NULL && path[0] != '\0') { /* each turn steps over a member's name */
        char name[64];
        size_t length = strcspn(path, ".");
        INVARIANT(length < sizeof name);
        memcpy(name, path, length);
        name[length] = '\0';
        document = json_object_get(document, name);
        path += length + (path[length] == '.' ? 1 : 0);
    }
    return document;
}

const char *document_text(const json_t *document, const char *path) {
    const char *text = json_string_value(document_at(document, path));
    return text != NULL ? text : "";
}

int64_t document_number(const json_t *document, const char *path) {
    return (int64_t)json_integer_value(document_at(document, path));
}

bool document_flag(const json_t *document, const char *path) {
    return json_is_true(document_at(document, path));
}

size_t document_count(const json_t *document, const char *path) {
    return json_array_size(document_at(document, path));
}

status_t document_join(json_t *first, json_t *page, error_t *err) {
    const char *key = NULL;
    json_t *value = NULL;
    json_object_foreach(page, key, value) {
        json_t *known = json_object_get(first, key);
        int failed = 0;
        if (known == NULL) {
            failed = json_object_set(first, key, value);
        } else if (json_is_array(known) && json_is_array(value)) {
            failed = json_array_extend(known, value);
        }
        if (failed != 0) {
            return error_set(err, ERROR_NO_MEMORY, "no memory for an answer's next page");
        }
    }
    return STATUS_OK;
}

bool document_cut(json_t *document, const char *array, size_t most) {
    json_t *rows = json_object_get(document, array);
    bool cut = json_array_size(rows) > most;
    while (json_array_size(rows) > most) {
        (void)json_array_remove(rows, json_array_size(rows) - 1);
    }
    return cut;
}

status_t document_made(json_t *document, json_t **ret_document, error_t *err) {
    if (document == NULL) {
        return error_set(err, ERROR_INVALID, "a name or text that is no UTF-8, or no memory");
    }
    *ret_document = document;
    return STATUS_OK;
}
