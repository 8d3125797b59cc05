/* trust_file.c: see trust_file.h. */
#include "common/trust/trust_file.h"
#include "common/base/whole.h"

status_t trust_file_read(const char *path, document_t **ret_document, error_t *err) {
    whole_source_t source = {
        .path = path, .most_bytes = DOCUMENT_BYTES + DOCUMENT_MAGIC_BYTES, .what = "a document"};
    CLEANUP(free_p) char *bytes = NULL;
    size_t size = 0;
    TRY(whole_read(&source, &bytes, &size, err));
    if (document_decode_file(bytes, size, ret_document, err) != STATUS_OK) {
        return error_context(err, "reading %s", path);
    }
    return STATUS_OK;
}

status_t trust_file_write(const document_t *document, const char *path, error_t *err) {
    CLEANUP(buffer_free) buffer_t bytes = {0};
    TRY(document_encode_file(document, &bytes, err));
    return whole_replace(&(whole_target_t){.path = path, .mode = 0666}, bytes.data, bytes.size,
                         err);
}
