/*
 * fuzz_wire.c: codec_open and codec_unpack of every kind. The first byte is the party that sent the
 * rest. Signed kinds are unpacked as if verified, so that the search reaches their payloads; what
 * comes through must pack again.
 */
#include "common/wire/codec.h"

#include <sodium.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    envelope_t envelope;
    error_t err;
    if (size == 0 || data[0] >= PARTY_COUNT ||
        codec_open(data + 1, size - 1, (party_t)data[0], &envelope, &err) != STATUS_OK) {
        return 0;
    }
    kind_t plain = *envelope.kind;
    plain.domain = NULL;
    envelope.kind = &plain;
    CLEANUP(message_destroy_p) message_t *message = NULL;
    if (codec_unpack(&envelope, NULL, &message, &err) == STATUS_OK) {
        size_t packed = protobuf_c_message_get_packed_size(message->base);
        uint8_t *bytes = malloc(packed + 1);
        if (bytes == NULL || protobuf_c_message_pack(message->base, bytes) != packed) {
            abort();
        }
        free(bytes);
    } else if (err.code == ERROR_NONE || err.message[0] == '\0') {
        abort();
    }
    return 0;
}
