/* arguments.c: reading a question's JSON. See call.h. */
#include "coordinator/service/call.h"

#include <limits.h>
#include <string.h>

/* The value, or NULL where it is absent or null. */
static json_t *value_of(const call_t *call, const char *key) {
    json_t *value = json_object_get(call->arguments, key);
    return json_is_null(value) ? NULL : value;
}

/* Text without a NUL inside. */
static const char *plain_text(const json_t *value) {
    const char *text = json_string_value(value);
    return text != NULL && strlen(text) == json_string_length(value) ? text : NULL;
}

status_t call_text(call_t *call, const char *key, const char **ret_text, error_t *err) {
    const json_t *value = value_of(call, key);
    const char *text = value != NULL ? plain_text(value) : NULL;
    if (value != NULL && (text == NULL || text[0] == '\0')) {
        return error_set(err, ERROR_INVALID, "argument '%s' must be a text", key);
    }
    *ret_text = text;
    return STATUS_OK;
}

status_t call_need(call_t *call, const char *key, const char **ret_text, error_t *err) {
    const char *text = NULL;
    TRY(call_text(call, key, &text, err));
    if (text == NULL) {
        return error_set(err, ERROR_INVALID, "%s: argument '%s' is missing", call->question->verb,
                         key);
    }
    *ret_text = text;
    return STATUS_OK;
}

status_t call_flag(call_t *call, const char *key, bool missing, bool *ret_flag, error_t *err) {
    const json_t *value = value_of(call, key);
    if (value != NULL && !json_is_boolean(value)) {
        return error_set(err, ERROR_INVALID, "argument '%s' must be true or false", key);
    }
    *ret_flag = value != NULL ? json_is_true(value) : missing;
    return STATUS_OK;
}

status_t call_number(call_t *call, const call_number_t *number, int64_t *ret_number, error_t *err) {
    const json_t *value = value_of(call, number->key);
    if (value == NULL) {
        *ret_number = number->missing;
        return STATUS_OK;
    }
    int64_t got = json_integer_value(value);
    if (!json_is_integer(value) || got < number->least || got > number->most) {
        return error_set(err, ERROR_INVALID, "argument '%s' must be a number from %lld to %lld",
                         number->key, (long long)number->least, (long long)number->most);
    }
    *ret_number = got;
    return STATUS_OK;
}

status_t call_object(call_t *call, const char *key, json_t **ret_object, error_t *err) {
    json_t *value = value_of(call, key);
    if (value != NULL && !json_is_object(value)) {
        return error_set(err, ERROR_INVALID, "argument '%s' must be an object", key);
    }
    *ret_object = value;
    return STATUS_OK;
}

status_t call_texts(call_t *call, const char *key, call_texts_t *ret_texts, error_t *err) {
    const json_t *list = value_of(call, key);
    *ret_texts = (call_texts_t){0};
    if (list == NULL) {
        return STATUS_OK;
    }
    if (!json_is_array(list) || json_array_size(list) > LIMIT_TENANTS) {
        return error_set(err, ERROR_INVALID, "argument '%s' must be a list of texts", key);
    }
    call_texts_t texts = {.count = json_array_size(list)};
    TRY(arena_allocate(&call->arena, (texts.count + 1) * sizeof *texts.items, &texts.items, err));
    for (size_t i = 0; i < texts.count; i++) {
        texts.items[i] = plain_text(json_array_get(list, i));
        if (texts.items[i] == NULL) {
            return error_set(err, ERROR_INVALID, "argument '%s' must be a list of texts", key);
        }
    }
    *ret_texts = texts;
    return STATUS_OK;
}

/* Whether a word stands in a list that is parted by spaces. */
static bool is_among(const char *names, const char *word) {
    size_t size = strlen(word);
    for (const char *at = names; *at != '\0';) {
        size_t length = strcspn(at, " ");
        if (length == size && memcmp(at, word, size) == 0) {
            return true;
        }
        at += length + strspn(at + length, " ");
    }
    return false;
}

status_t call_check_names(const call_t *call, const char *names, error_t *err) {
    const char *key = NULL;
    json_t *value = NULL;
    json_object_foreach(call->arguments, key, value) {
        if (strcmp(key, "after") != 0 && !is_among(names, key)) {
            return error_set(err, ERROR_INVALID, "%s has no argument '%s'", call->question->verb,
                             key);
        }
    }
    return STATUS_OK;
}

status_t call_after(call_t *call, const char **ret_after, error_t *err) {
    return call_text(call, "after", ret_after, err);
}

status_t call_limit(call_t *call, error_t *err) {
    int64_t limit = 0;
    TRY(call_number(call,
                    &(call_number_t){
                        .key = "limit", .least = 1, .most = UINT32_MAX, .missing = call->row_limit},
                    &limit, err));
    if (limit < call->row_limit) {
        call->row_limit = (uint32_t)limit;
    }
    return STATUS_OK;
}

status_t call_place(const char *after, call_place_t *ret_place, error_t *err) {
    char *end = NULL;
    long long number = strtoll(after, &end, 10);
    if (end == after || *end != ':') {
        return error_set(err, ERROR_INVALID, "argument 'after' is not what an answer said");
    }
    *ret_place = (call_place_t){.number = number, .text = end + 1};
    return STATUS_OK;
}
