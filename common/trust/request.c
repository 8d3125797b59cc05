/* request.c: see request.h. */
#include "common/trust/request.h"

#include "common/crypto/keytext.h"
#include "common/trust/bodies.h"
#include "common/trust/checks.h"

#include <sodium.h>
#include <string.h>

/* request_t with what it points to. */
typedef struct holder {
    request_t request; /* first: request_destroy frees the holder through it */
    arena_t arena;
} holder_t;

void request_destroy(request_t **request_p) {
    if (request_p != NULL && *request_p != NULL) {
        holder_t *holder = (holder_t *)*request_p;
        arena_free(&holder->arena);
        free(holder);
        *request_p = NULL;
    }
}

static status_t check_rules(const request_t *request, bool clusters_ascend, error_t *err) {
    TRUST_REQUIRE(REQUEST_TEXT, keytext_name_ok(request->name), err,
                  "a request's name has 1 to %d letters, digits and ._@+-", (int)LIMIT_NAME_BYTES);
    TRUST_REQUIRE(REQUEST_CURVE, !sodium_is_zero(request->curve, sizeof request->curve), err,
                  "the request of %s has a transport key of zeros", request->name);
    TRUST_REQUIRE(REQUEST_CLUSTERS_ASCEND, clusters_ascend, err,
                  "the clusters in the request of %s do not ascend", request->name);
    if (request->issued_us <= 0) {
        return error_set(err, ERROR_REQUEST_INVALID, "the request of %s has no date",
                         request->name);
    }
    return STATUS_OK;
}

status_t request_read(const document_t *document, request_t **ret_request, error_t *err) {
    holder_t *holder = calloc(1, sizeof *holder);
    if (holder == NULL) {
        return arena_empty(err);
    }
    CLEANUP(request_destroy_p) request_t *request = &holder->request;
    const void *message = NULL;
    body_clusters_t clusters;
    TRY(body_unpack(document, DOCUMENT_REQUEST, &holder->arena, &message, err));
    const Drover__Trust__RequestBody *body = message;
    TRY(body_read_clusters(&holder->arena, body->clusters, &clusters, err));
    *request = (request_t){
        .key = body_key(body->key),
        .name = body->name,
        .clusters = clusters.list,
        .cluster_count = clusters.count,
        .issued_us = body->issued_us,
        .digest = document->id,
    };
    memcpy(request->curve, body->curve.data, sizeof request->curve);
    TRY(check_rules(request, clusters.ascend, err));
    *ret_request = TAKE(request);
    return STATUS_OK;
}

status_t request_write(const request_t *request, document_t **ret_document, error_t *err) {
    CLEANUP(buffer_free) buffer_t bytes = {0};
    body_clusters_t clusters = {.list = request->clusters, .count = request->cluster_count};
    Drover__Trust__RequestBody body;
    drover__trust__request_body__init(&body);
    body.format = REQUEST_FORMAT;
    body.key = body_bytes(request->key.bytes, SIGN_PUBLIC_BYTES);
    body.curve = body_bytes(request->curve, sizeof request->curve);
    body.name = body_text(request->name);
    TRY(body_put_clusters(&clusters, &bytes, &body.clusters, err));
    body.issued_us = request->issued_us;
    CLEANUP(document_destroy_p) document_t *document = NULL;
    TRY(body_pack(DOCUMENT_REQUEST, &body.base, &document, err));
    CLEANUP(request_destroy_p) request_t *back = NULL;
    TRY(request_read(document, &back, err));
    *ret_document = TAKE(document);
    return STATUS_OK;
}

status_t request_verify(const document_t *document, request_t **ret_request, error_t *err) {
    CLEANUP(request_destroy_p) request_t *request = NULL;
    TRY(request_read(document, &request, err));
    TRUST_REQUIRE(REQUEST_SIGNER,
                  document->signature_count == 1 &&
                      sign_public_equal(&document->keys[0], &request->key),
                  err, "the request of %s is not signed by its own key alone", request->name);
    *ret_request = TAKE(request);
    return STATUS_OK;
}
