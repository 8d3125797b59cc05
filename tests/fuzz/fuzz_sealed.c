/*
 * fuzz_sealed.c: bytes that may be a sealed stream. Nothing forged opens; a header that is read
 * holds what its bytes say; and nothing is read or written out of bounds, in whatever pieces.
 */
#include "common/crypto/random.h"
#include "common/crypto/sealed.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static seal_public_t key;
    static seal_secret_t secret;
    static bool ready;
    error_t err;
    if (!ready) {
        if (random_start(&err) != STATUS_OK) {
            abort();
        }
        seal_keypair(&key, &secret);
        ready = true;
    }
    sealed_header_t header;
    if (sealed_header_parse(data, size, &header, &err) == STATUS_OK) {
        if (header.recipient_count == 0 || header.recipient_count > SEALED_RECIPIENTS_MAX ||
            header.header_bytes > size) {
            abort();
        }
        key = header.recipients[0]; /* so that the sealed box is tried */
    }
    sealed_reader_t *reader = NULL;
    sealed_opening_t opening = {.key = &key, .secret = &secret};
    if (sealed_reader_new(&opening, &reader, &err) != STATUS_OK) {
        return 0;
    }
    buffer_t out = {0};
    size_t step = size > 0 ? (size_t)data[size - 1] + 1 : 1;
    status_t status = STATUS_OK;
    for (size_t at = 0; at < size && status == STATUS_OK; at += step) {
        status = sealed_read(reader, data + at, size - at < step ? size - at : step, &out, &err);
    }
    sealed_totals_t totals;
    if (status == STATUS_OK && sealed_read_end(reader, &out, &totals, &err) == STATUS_OK) {
        abort(); /* it was sealed to somebody else */
    }
    buffer_free(&out);
    sealed_reader_destroy(&reader);
    return 0;
}
