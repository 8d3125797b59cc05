/* bodies.c: see bodies.h. */
#include "common/trust/bodies.h"

#include "common/base/limits.h"
#include "common/trust/card.h"
#include "common/trust/checks.h"
#include "common/trust/order.h"
#include "common/trust/request.h"
#include "common/trust/ticket.h"
#include "common/trust/walk.h"
#include "common/wire/scan_rules.h"

#include <stdint.h>
#include <sodium.h>
#include <string.h>

_Static_assert((int)SCAN_KEY_BYTES == (int)SIGN_PUBLIC_BYTES, "keys in bodies are Ed25519 keys");

enum { CLUSTER_BYTES = 8, OUTCOME_BYTES = IDENT_BYTES + 1, WORD_BYTES = 16 };

// clang-format off
static const scan_rule_t trust_body[] = {
    NEEDED("format"), IDENT_NEEDED("fleet"), NEEDED("version"), MANY("keys", TRUST_KEYS),
    MANY("thresholds", TRUST_THRESHOLDS),
    {.field = "revoked_agents", .count = TRUST_REVOKED_AGENTS, .bytes = SIGN_PUBLIC_BYTES,
     .fixed = true},
    END};
static const scan_rule_t trust_key[] = {
    KEY_NEEDED("key"), NEEDED("use"), NAME_NEEDED("name"), KEY("curve"), NEEDED("standing"),
    UP_TO("reason", TRUST_REASON_BYTES), MANY("grants", TRUST_GRANTS), END};
static const scan_rule_t trust_grant[] = {
    NEEDED("role"), NAME("application"), NAME("environment"),
    UP_TO("selector", TRUST_SELECTOR_BYTES), END};
static const scan_rule_t trust_threshold[] = {
    NEEDED("role"), NAME("application"), NAME("environment"), END};
static const scan_rule_t order_body[] = {
    NEEDED("format"), IDENT_NEEDED("fleet"), IDENT_NEEDED("id"), NEEDED("kind"),
    NAME("application"), NAME("environment"), DIGEST("bundle"), UP_TO("recovery_kind", WORD_BYTES),
    UP_TO("recovery_reason", TRUST_REASON_BYTES), UP_TO("trial_restore", WORD_BYTES),
    MANY("waves", LIMIT_WAVES), DIGEST("merkle_root"), KEY_NEEDED("proposer"), DIGEST("subject"),
    DIGEST("plan"), UP_TO("standing_selector", TRUST_SELECTOR_BYTES), END};
static const scan_rule_t order_wave[] = {NEEDED("count"), DIGEST_NEEDED("root"), END};
static const scan_rule_t card_body[] = {
    NEEDED("format"), IDENT_NEEDED("fleet"), KEY_NEEDED("key"), KEY_NEEDED("curve"),
    NAME_NEEDED("name"), UP_TO("clusters", CARD_CLUSTERS * CLUSTER_BYTES), END};
static const scan_rule_t revocation_body[] = {
    NEEDED("format"), IDENT_NEEDED("fleet"), KEY_NEEDED("key"), NEEDED("at_us"),
    UP_TO("reason", TRUST_REASON_BYTES), END};
static const scan_rule_t result_body[] = {
    NEEDED("format"), IDENT_NEEDED("fleet"), DIGEST_NEEDED("order"), NEEDED("issued_us"),
    UP_TO_NEEDED("outcomes", RESULT_OUTCOMES * OUTCOME_BYTES), END};
static const scan_rule_t request_body[] = {
    NEEDED("format"), KEY_NEEDED("key"), KEY_NEEDED("curve"), NAME_NEEDED("name"),
    UP_TO("clusters", CARD_CLUSTERS * CLUSTER_BYTES), NEEDED("issued_us"), END};

#define MESSAGE(name) {.descriptor = &drover__trust__##name##__descriptor, .rules = name}

static const scan_message_t messages[] = {
    MESSAGE(trust_body), MESSAGE(trust_key), MESSAGE(trust_grant), MESSAGE(trust_threshold),
    MESSAGE(order_body), MESSAGE(order_wave), MESSAGE(card_body), MESSAGE(revocation_body),
    MESSAGE(result_body), MESSAGE(request_body),
};

static const ProtobufCMessageDescriptor *const DESCRIPTORS[DOCUMENT_KIND_END] = {
    [DOCUMENT_TRUST] = &drover__trust__trust_body__descriptor,
    [DOCUMENT_ORDER] = &drover__trust__order_body__descriptor,
    [DOCUMENT_CARD] = &drover__trust__card_body__descriptor,
    [DOCUMENT_REVOCATION] = &drover__trust__revocation_body__descriptor,
    [DOCUMENT_RESULT] = &drover__trust__result_body__descriptor,
    [DOCUMENT_REQUEST] = &drover__trust__request_body__descriptor,
};
// clang-format on

static scan_table_t table = SCAN_TABLE(messages);

enum { FORMAT = 1 }; /* of every body, so far; another one needs a column of its own */
_Static_assert((int)TRUST_FORMAT == (int)FORMAT && (int)ORDER_FORMAT == (int)FORMAT &&
                   (int)CARD_FORMAT == (int)FORMAT && (int)REVOCATION_FORMAT == (int)FORMAT &&
                   (int)RESULT_FORMAT == (int)FORMAT && (int)REQUEST_FORMAT == (int)FORMAT,
               "all bodies have one format");

scan_table_t *body_table(void) {
    return &table;
}

/* Every body's first field. */
static uint32_t format_of(const ProtobufCMessage *message) {
    const ProtobufCFieldDescriptor *field =
        protobuf_c_message_descriptor_get_field_by_name(message->descriptor, "format");
    INVARIANT(field != NULL && field->type == PROTOBUF_C_TYPE_UINT32);
    uint32_t format = 0;
    memcpy(&format, (const uint8_t *)message + field->offset, sizeof format);
    return format;
}

status_t body_unpack(const document_t *document, document_kind_t kind, arena_t *arena,
                     const void **ret_message, error_t *err) {
    const char *what = document_kind_text(kind);
    TRUST_REQUIRE(KIND, document->kind == kind, err, "this document is of kind %s, not of kind %s",
                  document_kind_text(document->kind), what);
    scan_found_t found;
    error_t inner;
    if (scan_with(&table, DESCRIPTORS[kind], document->body, document->body_size, &found, &inner) !=
        STATUS_OK) {
        return error_set(err, ERROR_TRUST_DOCUMENT, "no %s: %s", what, inner.message);
    }
    TRUST_REQUIRE(CLOSED, found.unknown == 0, err,
                  "this %s holds %zu fields that this version does not know", what, found.unknown);
    ProtobufCAllocator allocator = arena_allocator(arena);
    const ProtobufCMessage *message = protobuf_c_message_unpack(
        DESCRIPTORS[kind], &allocator, document->body_size, document->body);
    if (message == NULL) {
        return arena_empty(err);
    }
    uint32_t format = format_of(message);
    TRUST_REQUIRE(FORMAT, format == FORMAT, err, "%s of format %u: this version reads %d", what,
                  format, (int)FORMAT);
    *ret_message = message;
    return STATUS_OK;
}

status_t body_pack(document_kind_t kind, const ProtobufCMessage *message, document_t **ret_document,
                   error_t *err) {
    INVARIANT(message->descriptor == DESCRIPTORS[kind]);
    size_t size = protobuf_c_message_get_packed_size(message);
    if (size > DOCUMENT_BODY_BYTES) {
        return error_set(err, ERROR_BOUND, "%s of %zu bytes, more than %d",
                         document_kind_text(kind), size, (int)DOCUMENT_BODY_BYTES);
    }
    CLEANUP(free_p) uint8_t *bytes = malloc(size + 1);
    if (bytes == NULL) {
        return arena_empty(err);
    }
    (void)protobuf_c_message_pack(message, bytes);
    document_body_t body = {.kind = kind, .bytes = bytes, .size = size};
    return document_new(&body, ret_document, err);
}

static void copy_out(void *to, size_t size, ProtobufCBinaryData from) {
    memset(to, 0, size);
    if (from.len == size) {
        memcpy(to, from.data, size);
    }
}

ident_t body_ident(ProtobufCBinaryData bytes) {
    ident_t ident;
    copy_out(ident.bytes, sizeof ident.bytes, bytes);
    return ident;
}

digest_t body_digest(ProtobufCBinaryData bytes) {
    digest_t digest;
    copy_out(digest.bytes, sizeof digest.bytes, bytes);
    return digest;
}

sign_public_t body_key(ProtobufCBinaryData bytes) {
    sign_public_t key;
    copy_out(key.bytes, sizeof key.bytes, bytes);
    return key;
}

ProtobufCBinaryData body_bytes(const void *bytes, size_t size) {
    /* packing only reads what it is given */
    return (ProtobufCBinaryData){.len = size, .data = (uint8_t *)(uintptr_t)bytes};
}

ProtobufCBinaryData body_optional(const void *bytes, size_t size) {
    if (sodium_is_zero(bytes, size)) {
        return (ProtobufCBinaryData){0};
    }
    return body_bytes(bytes, size);
}

status_t body_read_clusters(arena_t *arena, ProtobufCBinaryData bytes,
                            body_clusters_t *ret_clusters, error_t *err) {
    if (bytes.len % CLUSTER_BYTES != 0) {
        return error_set(err, ERROR_TRUST_DOCUMENT, "%zu bytes of clusters", bytes.len);
    }
    size_t count = bytes.len / CLUSTER_BYTES;
    uint64_t *list = arena_take(arena, count, sizeof *list);
    if (list == NULL) {
        return arena_empty(err);
    }
    bool ascend = true;
    for (size_t i = 0; i < count; i++) {
        list[i] = walk_u64(bytes.data + i * CLUSTER_BYTES);
        ascend = ascend && list[i] > (i == 0 ? 0 : list[i - 1]);
    }
    *ret_clusters = (body_clusters_t){.list = list, .count = count, .ascend = ascend};
    return STATUS_OK;
}

status_t body_put_clusters(const body_clusters_t *clusters, buffer_t *out,
                           ProtobufCBinaryData *ret_bytes, error_t *err) {
    for (size_t i = 0; i < clusters->count; i++) {
        walk_put_u64(out, clusters->list[i]);
    }
    TRY(buffer_check(out, err));
    *ret_bytes = body_bytes(out->data, out->size);
    return STATUS_OK;
}

char *body_text(const char *text) {
    return (char *)(uintptr_t)text;
}
