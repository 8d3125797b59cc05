/* trust_paper.c: see trust_paper.h. */
#include "cli/trust_paper.h"
#include "cli/file.h"
#include "common/trust/tally.h"
#include "common/trust/trust_file.h"

#include <inttypes.h>
#include <string.h>

_Static_assert(sizeof TRUST_PAPER_MAGIC - 1 == DOCUMENT_MAGIC_BYTES, "one length for both lines");

void trust_paper_free(trust_paper_t *paper) {
    trust_destroy(&paper->trust);
    document_destroy(&paper->document);
}

static status_t decode(const buffer_t *bytes, document_t **ret_document, error_t *err) {
    if (bytes->size < DOCUMENT_MAGIC_BYTES ||
        memcmp(bytes->data, TRUST_PAPER_MAGIC, DOCUMENT_MAGIC_BYTES) != 0) {
        return document_decode_file(buffer_string(bytes), bytes->size, ret_document, err);
    }
    const document_body_t body = {.kind = DOCUMENT_TRUST,
                                  .bytes = bytes->data + DOCUMENT_MAGIC_BYTES,
                                  .size = bytes->size - DOCUMENT_MAGIC_BYTES};
    return document_new(&body, ret_document, err);
}

static status_t load(const char *path, trust_paper_t *paper, error_t *err) {
    CLEANUP(buffer_free)
    buffer_t bytes = {.limit = (size_t)DOCUMENT_BYTES + DOCUMENT_MAGIC_BYTES};
    TRY(file_read(path, &bytes, err));
    TRY(decode(&bytes, &paper->document, err));
    return trust_read(paper->document, &paper->trust, err);
}

status_t trust_paper_load(const char *path, trust_paper_t *ret_paper, error_t *err) {
    CLEANUP(trust_paper_free) trust_paper_t paper = {0};
    if (load(path, &paper, err) != STATUS_OK) {
        return error_context(err, "reading %.120s", path);
    }
    *ret_paper = paper;
    paper = (trust_paper_t){0};
    return STATUS_OK;
}

status_t trust_paper_load_signed(const char *path, trust_paper_t *ret_paper, error_t *err) {
    CLEANUP(trust_paper_free) trust_paper_t paper = {0};
    TRY(trust_paper_load(path, &paper, err));
    trust_paper_count_t count = trust_paper_count(paper.trust, paper.document);
    if (count.signed_by < count.needed) {
        return error_set(err, ERROR_TRUST_INCOMPLETE,
                         "%.200s: version %" PRId64 " has %zu of its %u root signatures", path,
                         paper.trust->version, count.signed_by, count.needed);
    }
    *ret_paper = paper;
    paper = (trust_paper_t){0};
    return STATUS_OK;
}

status_t trust_paper_save(const document_t *document, const char *path, error_t *err) {
    CLEANUP(buffer_free) buffer_t bytes = {0};
    if (document->signature_count > 0) {
        return trust_file_write(document, path, err);
    }
    buffer_append(&bytes, TRUST_PAPER_MAGIC, DOCUMENT_MAGIC_BYTES);
    buffer_append(&bytes, document->body, document->body_size);
    return file_replace(path, &bytes, err);
}

trust_paper_count_t trust_paper_count(const trust_t *roots, const document_t *document) {
    const tally_roots_t tally = {.trust = roots, .document = document};
    return (trust_paper_count_t){.signed_by = tally_count_roots(&tally),
                                 .needed = roots->root_threshold};
}

bool trust_paper_complete(const trust_paper_t *paper, const trust_paper_t *previous) {
    trust_paper_count_t own = trust_paper_count(paper->trust, paper->document);
    if (previous->trust == NULL) {
        return paper->trust->version == 1 && own.signed_by >= own.needed;
    }
    trust_paper_count_t old = trust_paper_count(previous->trust, paper->document);
    return own.signed_by >= own.needed && old.signed_by >= old.needed;
}

status_t trust_paper_follows(const trust_paper_t *paper, const trust_paper_t *previous,
                             error_t *err) {
    if (!ident_equal(&paper->trust->fleet, &previous->trust->fleet)) {
        return error_set(err, ERROR_TRUST_FLEET, "the two trust files are of different fleets");
    }
    if (paper->trust->version != previous->trust->version + 1) {
        return error_set(err, ERROR_TRUST_VERSION,
                         "version %" PRId64 " does not follow version %" PRId64,
                         paper->trust->version, previous->trust->version);
    }
    return STATUS_OK;
}
