/*
 * bodies.h: between a document's body and its protobuf message: bounds first, then unpacking into
 * an arena. What comes out obeys the rules of its fields (bodies.c), has no unknown field and the
 * format that this version reads.
 */
#ifndef DROVER_TRUST_BODIES_H
#define DROVER_TRUST_BODIES_H

#include "common/base/ident.h"
#include "common/trust/arena.h"
#include "common/trust/document.h"
#include "common/wire/scan.h"

#include "proto/trust.pb-c.h"

/* Unpack a document of this kind. ERROR_TRUST_KIND, TRUST_DOCUMENT, NO_MEMORY. */
MUST_CHECK status_t body_unpack(const document_t *document, document_kind_t kind, arena_t *arena,
                                const void **ret_message, error_t *err);

/* The unsigned document of a message. */
MUST_CHECK status_t body_pack(document_kind_t kind, const ProtobufCMessage *message,
                              document_t **ret_document, error_t *err);

/* The rules of all bodies, for the test that each field is covered. */
scan_table_t *body_table(void);

/* Values out of bytes fields, whose sizes the scan has checked: zero where the field is empty. */
ident_t body_ident(ProtobufCBinaryData bytes);
digest_t body_digest(ProtobufCBinaryData bytes);
sign_public_t body_key(ProtobufCBinaryData bytes);

/* And into them, borrowed. body_optional: empty where all bytes are zero. */
ProtobufCBinaryData body_bytes(const void *bytes, size_t size);
ProtobufCBinaryData body_optional(const void *bytes, size_t size);

/* System identifiers of clusters, as cards and requests hold them: 8 bytes each, big-endian. */
typedef struct body_clusters {
    const uint64_t *list; /* in the arena */
    size_t count;
    bool ascend; /* strictly, and from above 0 */
} body_clusters_t;

/* ERROR_TRUST_DOCUMENT, NO_MEMORY. */
MUST_CHECK status_t body_read_clusters(arena_t *arena, ProtobufCBinaryData bytes,
                                       body_clusters_t *ret_clusters, error_t *err);
/* Borrowed from out, to which they are written. ERROR_NO_MEMORY. */
MUST_CHECK status_t body_put_clusters(const body_clusters_t *clusters, buffer_t *out,
                                      ProtobufCBinaryData *ret_bytes, error_t *err);

/* A borrowed text for a message. */
char *body_text(const char *text);

#endif
