/* row.c: see row.h. */
#include "coordinator/service/row.h"
#include "common/base/clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { KEY_MAX = 64 };

row_t row_new(void) {
    json_t *json = json_object();
    return (row_t){.json = json, .failed = json == NULL};
}

row_t row_list(void) {
    json_t *json = json_array();
    return (row_t){.json = json, .failed = json == NULL};
}

void row_free(row_t *row) {
    json_decref(row->json);
    row->json = NULL;
}

/* Takes the value's reference in any case. */
static void put(row_t *row, const char *key, json_t *value) {
    if (row->failed) {
        json_decref(value);
        return;
    }
    row->failed = json_object_set_new_nocheck(row->json, key, value) != 0;
}

/* A text that is no UTF-8, made fit to be shown. */
static json_t *mended(const char *text) {
    char *copy = strdup(text);
    if (copy == NULL) {
        return NULL;
    }
    for (char *c = copy; *c != '\0'; c++) {
        if ((unsigned char)*c >= 0x80) {
            *c = '?';
        }
    }
    json_t *value = json_string(copy);
    free(copy);
    return value;
}

static json_t *text_of(const char *text) {
    if (text == NULL) {
        return json_null();
    }
    json_t *value = json_string(text);
    return value != NULL ? value : mended(text);
}

void row_text(row_t *row, const char *key, const char *text) {
    put(row, key, text_of(text));
}

void row_number(row_t *row, const char *key, int64_t number) {
    put(row, key, json_integer(number));
}

void row_flag(row_t *row, const char *key, bool flag) {
    put(row, key, json_boolean(flag));
}

void row_real(row_t *row, const char *key, double number) {
    put(row, key, json_real(number));
}

void row_ident(row_t *row, const char *key, const ident_t *id) {
    char text[IDENT_TEXT_SIZE];
    row_text(row, key, ident_is_null(id) ? NULL : ident_text(id, text));
}

void row_digest(row_t *row, const char *key, const digest_t *digest) {
    char text[DIGEST_TEXT_SIZE];
    row_text(row, key, digest_is_null(digest) ? NULL : digest_text(digest, text));
}

void row_agent_key(row_t *row, const char *key, const agent_key_t *agent) {
    char text[2 * sizeof agent->bytes + 1];
    row_text(row, key, hex_text(agent->bytes, sizeof agent->bytes, text));
}

void row_cluster(row_t *row, const char *key, uint64_t system_identifier) {
    char text[24];
    (void)snprintf(text, sizeof text, "%llu", (unsigned long long)system_identifier);
    row_text(row, key, text);
}

void row_time(row_t *row, const char *key, int64_t us) {
    char text[CLOCK_TEXT_SIZE];
    char key_us[KEY_MAX];
    (void)snprintf(key_us, sizeof key_us, "%s_us", key);
    row_text(row, key, us != 0 ? clock_text(us, text) : NULL);
    row_number(row, key_us, us);
}

void row_take(row_t *row, const char *key, row_t *inner) {
    row->failed = row->failed || inner->failed;
    if (row->failed) {
        return;
    }
    put(row, key, inner->json); /* takes the reference even where it fails */
    inner->json = NULL;
}

void row_append(row_t *list, row_t *inner) {
    list->failed = list->failed || inner->failed;
    if (list->failed) {
        return;
    }
    list->failed = json_array_append_new(list->json, inner->json) != 0;
    inner->json = NULL;
}

void row_append_text(row_t *list, const char *text) {
    if (!list->failed) {
        list->failed = json_array_append_new(list->json, text_of(text)) != 0;
    }
}

status_t row_check(const row_t *row, error_t *err) {
    return row->failed ? error_set(err, ERROR_NO_MEMORY, "out of memory for an answer") : STATUS_OK;
}
