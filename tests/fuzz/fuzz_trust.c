/*
 * fuzz_trust.c: files of signed documents, and the bodies of all kinds but orders, as if every
 * signature were good. What is read as a document has one encoding: writing it gives the same
 * bytes. What is read as a trust file, card, revocation, result or request can be written and read
 * again.
 */
#include "common/trust/checks.h"
#include "common/trust/request.h"
#include "common/trust/ticket.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(status_t status) {
    if (status != STATUS_OK) {
        abort();
    }
}

static void refused(const error_t *err) {
    if (err->code == ERROR_NONE || err->message[0] == '\0') {
        abort();
    }
}

static void again_trust(const document_t *document) {
    error_t err;
    CLEANUP(trust_destroy_p) trust_t *trust = NULL;
    CLEANUP(document_destroy_p) document_t *written = NULL;
    if (trust_read(document, &trust, &err) != STATUS_OK) {
        refused(&err);
        return;
    }
    must(trust_write(trust, &written, &err));
    CLEANUP(trust_destroy_p) trust_t *pinned = NULL;
    if (trust_pin(document, &pinned, &err) != STATUS_OK) {
        refused(&err);
    }
}

static void again_card(const document_t *document) {
    error_t err;
    CLEANUP(card_destroy_p) card_t *card = NULL;
    CLEANUP(document_destroy_p) document_t *written = NULL;
    if (card_read(document, &card, &err) != STATUS_OK) {
        refused(&err);
        return;
    }
    must(card_write(card, &written, &err));
}

static void again_revocation(const document_t *document) {
    error_t err;
    revocation_t revocation;
    CLEANUP(document_destroy_p) document_t *written = NULL;
    if (revocation_read(document, &revocation, &err) != STATUS_OK) {
        refused(&err);
        return;
    }
    must(revocation_write(&revocation, &written, &err));
}

static void again_result(const document_t *document) {
    error_t err;
    CLEANUP(result_destroy_p) result_t *result = NULL;
    CLEANUP(document_destroy_p) document_t *written = NULL;
    if (result_read(document, &result, &err) != STATUS_OK) {
        refused(&err);
        return;
    }
    must(result_write(result, &written, &err));
}

static void again_request(const document_t *document) {
    error_t err;
    CLEANUP(request_destroy_p) request_t *request = NULL;
    CLEANUP(request_destroy_p) request_t *verified = NULL;
    CLEANUP(document_destroy_p) document_t *written = NULL;
    if (request_read(document, &request, &err) != STATUS_OK) {
        refused(&err);
        return;
    }
    must(request_write(request, &written, &err));
    if (request_verify(document, &verified, &err) != STATUS_OK) {
        refused(&err);
    } else if (!document_signed_by(document, &request->key)) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    error_t err;
    CLEANUP(document_destroy_p) document_t *document = NULL;
    CLEANUP(buffer_free) buffer_t bytes = {0};
    trust_check_remove(CHECK_SIGNATURE);
    if (document_decode_file(data, size, &document, &err) != STATUS_OK) {
        refused(&err);
        return 0;
    }
    must(document_encode_file(document, &bytes, &err));
    if (bytes.size != size || memcmp(bytes.data, data, size) != 0) {
        abort();
    }
    switch (document->kind) {
    case DOCUMENT_TRUST:
        again_trust(document);
        break;
    case DOCUMENT_CARD:
        again_card(document);
        break;
    case DOCUMENT_REVOCATION:
        again_revocation(document);
        break;
    case DOCUMENT_RESULT:
        again_result(document);
        break;
    case DOCUMENT_REQUEST:
        again_request(document);
        break;
    case DOCUMENT_ORDER: /* fuzz_order.c */
    case DOCUMENT_KIND_END:
        break;
    }
    return 0;
}
