/*
 * field.h: ids, digests and keys as bytes fields and back.
 *
 * The scan has refused every wrong size before a message is seen, so that these cannot fail: an
 * empty field reads as the null value.
 */
#ifndef DROVER_WIRE_FIELD_H
#define DROVER_WIRE_FIELD_H

#include "common/base/digest.h"
#include "common/base/ident.h"
#include "common/wire/curve.h"

#include <protobuf-c/protobuf-c.h>

ident_t field_ident(ProtobufCBinaryData field);
digest_t field_digest(ProtobufCBinaryData field);
curve_public_t field_curve(ProtobufCBinaryData field);

/* Fields that borrow from their argument; a null id or digest makes an empty field. */
ProtobufCBinaryData field_of_ident(const ident_t *id);
ProtobufCBinaryData field_of_digest(const digest_t *digest);
ProtobufCBinaryData field_of_curve(const curve_public_t *key);
ProtobufCBinaryData field_of_bytes(const void *bytes, size_t size);

/* A text field that borrows: protobuf-c's structs hold char *, which packing never writes to. */
char *field_of_text(const char *text);

#endif
