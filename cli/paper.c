/* paper.c: see paper.h. sodium_bin2base64(3), sodium_base642bin(3). */
#include "cli/paper.h"
#include "common/base/cleanup.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

enum { VARIANT = sodium_base64_VARIANT_ORIGINAL };

typedef struct bytes {
    uint8_t *data;
    size_t size;
} bytes_t;

static void bytes_free(bytes_t *bytes) {
    free(bytes->data);
}

static status_t decode(const paper_place_t *place, bytes_t *ret_bytes, error_t *err) {
    const json_t *value = document_at(place->answer, place->path);
    const char *text = json_string_value(value);
    if (text == NULL) {
        return error_set(err, ERROR_WIRE_INVALID, "the coordinator's answer has no '%s'",
                         place->path);
    }
    size_t length = json_string_length(value);
    size_t room = length / 4 * 3 + 3;
    CLEANUP(bytes_free) bytes_t bytes = {.data = malloc(room)};
    if (bytes.data == NULL) {
        return error_set(err, ERROR_NO_MEMORY, "no memory for a document");
    }
    if (sodium_base642bin(bytes.data, room, text, length, NULL, &bytes.size, NULL, VARIANT) != 0) {
        return error_set(err, ERROR_WIRE_INVALID, "'%s' of the coordinator's answer is no base64",
                         place->path);
    }
    *ret_bytes = bytes;
    bytes.data = NULL;
    return STATUS_OK;
}

status_t paper_text(const document_t *paper, json_t **ret_text, error_t *err) {
    CLEANUP(buffer_free) buffer_t bytes = {0};
    TRY(document_encode(paper, &bytes, err));
    TRY(buffer_check(&bytes, err));
    size_t room = sodium_base64_encoded_len(bytes.size, VARIANT);
    CLEANUP(free_p) char *text = malloc(room);
    if (text == NULL) {
        return error_set(err, ERROR_NO_MEMORY, "no memory for a document");
    }
    (void)sodium_bin2base64(text, room, (const uint8_t *)bytes.data, bytes.size, VARIANT);
    return document_made(json_string(text), ret_text, err);
}

status_t paper_read(const paper_place_t *place, document_t **ret_paper, error_t *err) {
    CLEANUP(bytes_free) bytes_t bytes = {0};
    CLEANUP(document_destroy_p) document_t *paper = NULL;
    TRY(decode(place, &bytes, err));
    TRY(document_decode(bytes.data, bytes.size, &paper, err));
    if (paper->kind != place->kind) {
        return error_set(err, ERROR_TRUST_KIND, "'%s' of the coordinator's answer is a %s, no %s",
                         place->path, document_kind_text(paper->kind),
                         document_kind_text(place->kind));
    }
    *ret_paper = TAKE(paper);
    return STATUS_OK;
}

status_t paper_read_draft(const paper_place_t *place, document_t **ret_paper, error_t *err) {
    CLEANUP(bytes_free) bytes_t bytes = {0};
    TRY(decode(place, &bytes, err));
    if (bytes.size == 0) {
        *ret_paper = NULL;
        return STATUS_OK;
    }
    const document_body_t body = {.kind = place->kind, .bytes = bytes.data, .size = bytes.size};
    return document_new(&body, ret_paper, err);
}
