/* call.c: see call.h. The page, events and bundles; arguments.c reads the question. */
#include "coordinator/service/call.h"
#include "common/crypto/random.h"
#include "coordinator/store/store_bundle.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void call_free(call_t *call) {
    json_decref(call->arguments);
    row_free(&call->document);
    arena_free(&call->arena);
    buffer_free(&call->next);
    buffer_free(&call->detail);
}

bool call_is_full(const call_t *call) {
    return call->rows >= call->row_limit || call->bytes >= call->service->options.page_bytes;
}

void call_array(call_t *call, const char *array) {
    if (!call->document.failed && json_object_get(call->document.json, array) == NULL) {
        row_t list = row_list();
        row_take(&call->document, array, &list);
        row_free(&list);
    }
}

status_t call_add(call_t *call, const char *array, row_t *row, error_t *err) {
    TRY(row_check(row, err));
    call_array(call, array);
    TRY(row_check(&call->document, err));
    call->rows++;
    call->bytes += json_dumpb(row->json, NULL, 0, JSON_COMPACT);
    int status = json_array_append_new(json_object_get(call->document.json, array), row->json);
    row->json = NULL;
    return status == 0 ? STATUS_OK : error_set(err, ERROR_NO_MEMORY, "out of memory for an answer");
}

void call_more(call_t *call, const char *format, ...) {
    char text[1024];
    va_list values;
    va_start(values, format);
    int size = vsnprintf(text, sizeof text, format, values);
    va_end(values);
    INVARIANT(size > 0 && (size_t)size < sizeof text); /* names are bounded */
    buffer_clear(&call->next);
    buffer_text(&call->next, text);
    call->more = true;
}

void call_changes(call_t *call) {
    call->changed = true;
}

event_t call_event(const call_t *call, event_kind_t kind, const ident_t *rollout) {
    return (event_t){.kind = kind,
                     .now_us = call->question->now_us,
                     .boot_us = call->question->boot_us,
                     .chance = random_u32(),
                     .rollout = *rollout};
}

/* Read the whole file of a bundle into memory. */
static status_t read_bytes(store_t *store, const bundle_row_t *row, uint8_t *bytes, error_t *err) {
    for (uint64_t offset = 0; offset < (uint64_t)row->size_bytes;) {
        bundle_part_t part = {.digest = row->digest,
                              .offset = offset,
                              .buffer = bytes + offset,
                              .room = (size_t)((uint64_t)row->size_bytes - offset)};
        bundle_part_read_t read = {0};
        TRY(store_bundle_read(store, &part, &read, err));
        if (read.size == 0) {
            char text[DIGEST_TEXT_SIZE];
            return error_set(err, ERROR_BUNDLE_INVALID, "the file of bundle %s is cut short",
                             digest_text(&row->digest, text));
        }
        offset += read.size;
    }
    return STATUS_OK;
}

static status_t load_bundle(call_t *call, const bundle_row_t *row, const bundle_t **ret_bundle,
                            error_t *err) {
    service_t *service = call->service;
    bool kept = service->bundle != NULL &&
                digest_equal(bundle_digest(service->bundle), &row->digest) &&
                bundle_signer_count(service->bundle) == row->signatures;
    if (kept) {
        *ret_bundle = service->bundle;
        return STATUS_OK;
    }
    if (row->size_bytes <= 0 || row->size_bytes > LIMIT_BUNDLE_BYTES) {
        return error_set(err, ERROR_BUNDLE_INVALID, "a bundle of %lld bytes",
                         (long long)row->size_bytes);
    }
    CLEANUP(free_p) uint8_t *bytes = malloc((size_t)row->size_bytes);
    if (bytes == NULL) {
        return error_set(err, ERROR_NO_MEMORY, "out of memory for a bundle");
    }
    TRY(read_bytes(call->store, row, bytes, err));
    bundle_t *bundle = NULL;
    TRY(bundle_read(bytes, (size_t)row->size_bytes, &bundle, err));
    bundle_destroy(&service->bundle);
    service->bundle = bundle;
    if (!digest_equal(bundle_digest(bundle), &row->digest)) {
        return error_set(err, ERROR_BUNDLE_INVALID, "the file of a bundle holds another one");
    }
    *ret_bundle = bundle;
    return STATUS_OK;
}

/* Takes the first: the newest. */
static status_t take_newest(void *context, const bundle_row_t *row, error_t *err) {
    (void)err;
    bundle_row_t *newest = context;
    if (digest_is_null(&newest->digest)) {
        *newest = *row;
        newest->application = newest->head = newest->pushed_by = "";
    }
    return STATUS_OK;
}

status_t call_bundle(call_t *call, const char *text, const bundle_t **ret_bundle, error_t *err) {
    if (strchr(text, '/') != NULL) {
        return error_set(err, ERROR_BUNDLE_UNKNOWN,
                         "'%s' is a file: push it, then name it by application or digest", text);
    }
    bundle_row_t row = {0};
    TRY(store_bundle_each(call->store, text, take_newest, &row, err));
    if (digest_is_null(&row.digest)) {
        TRY(store_bundle_find(call->store, text, &call->arena, &row, err));
    }
    return load_bundle(call, &row, ret_bundle, err);
}

status_t call_bundle_by_digest(call_t *call, const digest_t *digest, const bundle_t **ret_bundle,
                               error_t *err) {
    char text[DIGEST_TEXT_SIZE];
    bundle_row_t row = {0};
    TRY(store_bundle_find(call->store, digest_text(digest, text), &call->arena, &row, err));
    return load_bundle(call, &row, ret_bundle, err);
}
