/* field.c: see field.h. */
#include "common/wire/field.h"

#include <string.h>

/* The scan has seen to the size: anything but empty and exact is a defect of ours. */
static void copy_exact(ProtobufCBinaryData field, size_t size, uint8_t *ret_bytes) {
    INVARIANT(field.len == 0 || field.len == size);
    memset(ret_bytes, 0, size);
    if (field.len == size) {
        memcpy(ret_bytes, field.data, size);
    }
}

static bool all_zero(const uint8_t *bytes, size_t size) {
    uint8_t any = 0;
    for (size_t i = 0; i < size; i++) {
        any |= bytes[i];
    }
    return any == 0;
}

/* protobuf-c's struct has no const: packing only reads, and nothing here is ever unpacked into. */
static ProtobufCBinaryData borrow(const uint8_t *bytes, size_t size) {
    union {
        const uint8_t *in;
        uint8_t *out;
    } pointer = {.in = bytes};
    return (ProtobufCBinaryData){.len = size, .data = pointer.out};
}

static ProtobufCBinaryData borrow_unless_null(const uint8_t *bytes, size_t size) {
    ProtobufCBinaryData nothing = {0};
    return all_zero(bytes, size) ? nothing : borrow(bytes, size);
}

ident_t field_ident(ProtobufCBinaryData field) {
    ident_t id;
    copy_exact(field, IDENT_BYTES, id.bytes);
    return id;
}

digest_t field_digest(ProtobufCBinaryData field) {
    digest_t digest;
    copy_exact(field, DIGEST_BYTES, digest.bytes);
    return digest;
}

curve_public_t field_curve(ProtobufCBinaryData field) {
    curve_public_t key;
    copy_exact(field, CURVE_BYTES, key.bytes);
    return key;
}

ProtobufCBinaryData field_of_ident(const ident_t *id) {
    return borrow_unless_null(id->bytes, IDENT_BYTES);
}

ProtobufCBinaryData field_of_digest(const digest_t *digest) {
    return borrow_unless_null(digest->bytes, DIGEST_BYTES);
}

ProtobufCBinaryData field_of_curve(const curve_public_t *key) {
    return borrow(key->bytes, CURVE_BYTES);
}

ProtobufCBinaryData field_of_bytes(const void *bytes, size_t size) {
    return borrow(bytes, size);
}

char *field_of_text(const char *text) {
    union {
        const char *in;
        char *out;
    } pointer = {.in = text};
    return pointer.out;
}
