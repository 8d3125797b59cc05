/*
 * scan.h: every rule about a payload's bytes, checked before protobuf-c sees them. Pure.
 *
 * protobuf-c has no bound on depth or memory and takes any text. The scan walks the bytes along the
 * message's descriptor and refuses: truncation, a wrong wire type, a singular field twice, nesting,
 * too many elements, text that is no UTF-8 or holds a NUL, ids and digests of a wrong size, enum
 * numbers without a name, fields that must be there and are not. It also computes how much memory
 * the unpacked message takes. Source: protobuf.dev "Encoding"; RFC 3629.
 */
#ifndef DROVER_WIRE_SCAN_H
#define DROVER_WIRE_SCAN_H

#include "common/base/error.h"

#include <protobuf-c/protobuf-c.h>
#include <stdatomic.h>

/* One rule about a field, for those that need more than their type says. */
typedef struct scan_rule {
    const char *field;
    uint32_t count; /* most elements of a repeated field */
    uint32_t bytes; /* most bytes of a text or bytes field; exact where the field is fixed */
    bool fixed;     /* a bytes field is empty or of exactly this size */
    bool needed;    /* absent, empty or 0 is refused */
} scan_rule_t;

/* Rules of one message; the list ends with a NULL field. */
typedef struct scan_message {
    const ProtobufCMessageDescriptor *descriptor;
    const scan_rule_t *rules;
} scan_message_t;

enum { SCAN_FIELDS_MAX = 40 }; /* of one message */

/* A message's rules by field; made once. */
typedef struct scan_plan {
    const ProtobufCMessageDescriptor *descriptor;
    const scan_rule_t *rules[SCAN_FIELDS_MAX];
    const struct scan_plan *inner[SCAN_FIELDS_MAX];
    uint64_t needed; /* bit per field */
} scan_plan_t;

/* Messages that belong together: one static object, made by SCAN_TABLE of an array of theirs. */
typedef struct scan_table {
    const scan_message_t *messages;
    size_t count;
    scan_plan_t *plans; /* as many; filled in when first used */
    atomic_bool ready;
} scan_table_t;

#define SCAN_TABLE(list)                                                                           \
    {                                                                                              \
        .messages = (list), .count = sizeof(list) / sizeof((list)[0]),                             \
        .plans = (scan_plan_t[sizeof(list) / sizeof((list)[0])]) {                                 \
            { 0 }                                                                                  \
        }                                                                                          \
    }

/* What a scan counted. */
typedef struct scan_found {
    size_t memory;  /* unpacking takes at most so many bytes, protobuf-c's own scratch included */
    size_t unknown; /* fields that no descriptor names, at any depth */
} scan_found_t;

/* Check bytes by the rules of a table. ERROR_WIRE_INVALID or ERROR_BOUND, the message naming the
 * field. */
MUST_CHECK status_t scan_with(scan_table_t *table, const ProtobufCMessageDescriptor *descriptor,
                              const uint8_t *bytes, size_t size, scan_found_t *ret_found,
                              error_t *err);

/* The rule of a field, NULL where it has none; for the test that every field is covered. */
const scan_rule_t *scan_rule_of(scan_table_t *table, const ProtobufCMessageDescriptor *descriptor,
                                const char *field);

/* The rules of every message that travels, and the same over them (rules.c). */
const scan_message_t *scan_messages(size_t *ret_count);
MUST_CHECK status_t scan_payload(const ProtobufCMessageDescriptor *descriptor, const uint8_t *bytes,
                                 size_t size, size_t *ret_memory, error_t *err);
const scan_rule_t *scan_rule(const ProtobufCMessageDescriptor *descriptor, const char *field);

/* Whether these bytes are UTF-8 without NUL, surrogates or overlong forms. */
bool scan_text(const uint8_t *bytes, size_t size);

/* Wire types; groups are refused. */
enum { SCAN_VARINT = 0, SCAN_64 = 1, SCAN_BYTES = 2, SCAN_32 = 5 };

/* One field as it stands in the bytes. */
typedef struct scan_field {
    uint32_t number;
    int type;
    uint64_t value;       /* of a varint */
    const uint8_t *bytes; /* of a length-delimited one, borrowed */
    size_t size;
} scan_field_t;

/* Read the field at bytes; answers its length, 0 where it is truncated, a group, or no field. */
size_t scan_field(const uint8_t *bytes, size_t size, scan_field_t *ret_field);

/* Read a varint; answers its length, 0 where it is truncated or longer than 64 bits. */
size_t scan_varint(const uint8_t *bytes, size_t size, uint64_t *ret_value);

#endif
