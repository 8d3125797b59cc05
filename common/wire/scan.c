/*
 * scan.c: see scan.h. The rules are turned once into plans indexed by field, so that a payload is
 * walked in one pass; recursion is bounded by WIRE_DEPTH.
 */
#include "common/wire/scan.h"
#include "common/wire/bounds.h"

#include <pthread.h>
#include <string.h>

enum {
    ALIGNMENT = 16,       /* of every allocation, as codec.c rounds */
    SCRATCH_BYTES = 48,   /* protobuf-c's record of one scanned field, rounded up */
    SCRATCH_ON_STACK = 16 /* as many it keeps on its stack */
};

typedef scan_plan_t plan_t;

/* Guards the making of plans, of any table; who finds a table ready never takes it. */
static pthread_mutex_t making = PTHREAD_MUTEX_INITIALIZER;

static const plan_t *find_plan(const scan_table_t *table,
                               const ProtobufCMessageDescriptor *descriptor) {
    for (size_t i = 0; i < table->count; i++) {
        if (table->plans[i].descriptor == descriptor) {
            return &table->plans[i];
        }
    }
    return NULL;
}

static void make_plan(const scan_table_t *table, plan_t *plan, const scan_rule_t *rules) {
    const ProtobufCMessageDescriptor *descriptor = plan->descriptor;
    INVARIANT(descriptor->n_fields <= SCAN_FIELDS_MAX);
    for (const scan_rule_t *rule = rules; rule->field != NULL; rule++) {
        const ProtobufCFieldDescriptor *field =
            protobuf_c_message_descriptor_get_field_by_name(descriptor, rule->field);
        INVARIANT(field != NULL);
        size_t index = (size_t)(field - descriptor->fields);
        plan->rules[index] = rule;
        plan->needed |= rule->needed ? UINT64_C(1) << index : 0;
    }
    for (unsigned i = 0; i < descriptor->n_fields; i++) {
        if (descriptor->fields[i].type == PROTOBUF_C_TYPE_MESSAGE) {
            plan->inner[i] = find_plan(table, descriptor->fields[i].descriptor);
            INVARIANT(plan->inner[i] != NULL);
        }
    }
}

static void prepare(scan_table_t *table) {
    if (atomic_load_explicit(&table->ready, memory_order_acquire)) {
        return;
    }
    INVARIANT(pthread_mutex_lock(&making) == 0);
    if (!atomic_load_explicit(&table->ready, memory_order_relaxed)) {
        for (size_t i = 0; i < table->count; i++) {
            table->plans[i].descriptor = table->messages[i].descriptor;
        }
        for (size_t i = 0; i < table->count; i++) {
            make_plan(table, &table->plans[i], table->messages[i].rules);
        }
        atomic_store_explicit(&table->ready, true, memory_order_release);
    }
    INVARIANT(pthread_mutex_unlock(&making) == 0);
}

const scan_rule_t *scan_rule_of(scan_table_t *table, const ProtobufCMessageDescriptor *descriptor,
                                const char *field) {
    prepare(table);
    const plan_t *plan = find_plan(table, descriptor);
    const ProtobufCFieldDescriptor *found =
        protobuf_c_message_descriptor_get_field_by_name(descriptor, field);
    return plan == NULL || found == NULL ? NULL : plan->rules[found - descriptor->fields];
}

size_t scan_varint(const uint8_t *bytes, size_t size, uint64_t *ret_value) {
    uint64_t value = 0;
    for (size_t i = 0; i < size && i < 10; i++) {
        if (i == 9 && bytes[i] > 1) {
            return 0; /* more than 64 bits */
        }
        value |= (uint64_t)(bytes[i] & 0x7f) << (7 * i);
        if ((bytes[i] & 0x80) == 0) {
            *ret_value = value;
            return i + 1;
        }
    }
    return 0;
}

/* Length of the UTF-8 character at bytes, 0 where it is none. RFC 3629, table of section 4. */
static size_t utf8_character(const uint8_t *bytes, size_t size) {
    uint8_t lead = bytes[0];
    size_t length = lead < 0x80 ? 1 : lead < 0xc2 ? 0 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
    if (lead == 0 || lead > 0xf4 || length == 0 || length > size) {
        return 0;
    }
    for (size_t i = 1; i < length; i++) {
        if ((bytes[i] & 0xc0) != 0x80) {
            return 0;
        }
    }
    bool wrong = (lead == 0xe0 && bytes[1] < 0xa0) || /* overlong */
                 (lead == 0xed && bytes[1] > 0x9f) || /* surrogate */
                 (lead == 0xf0 && bytes[1] < 0x90) || /* overlong */
                 (lead == 0xf4 && bytes[1] > 0x8f);   /* beyond U+10FFFF */
    return wrong ? 0 : length;
}

bool scan_text(const uint8_t *bytes, size_t size) {
    for (size_t at = 0; at < size;) {
        size_t length = utf8_character(bytes + at, size - at);
        if (length == 0) {
            return false;
        }
        at += length;
    }
    return true;
}

typedef struct scan {
    size_t fields; /* in all messages so far */
    size_t unknown;
    size_t memory;
    size_t memory_limit;
    error_t *err;
} scan_t;

static status_t take_memory(scan_t *scan, size_t bytes) {
    scan->memory += (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    if (scan->memory > scan->memory_limit) {
        return error_set(scan->err, ERROR_BOUND,
                         "message would take more than %zu bytes unpacked (WIRE_MEMORY_FACTOR)",
                         scan->memory_limit);
    }
    return STATUS_OK;
}

/* Tags and lengths have at most five bytes, as protobuf-c reads them. */
size_t scan_field(const uint8_t *bytes, size_t size, scan_field_t *ret_found) {
    uint64_t tag = 0;
    size_t at = scan_varint(bytes, size < 5 ? size : 5, &tag);
    if (at == 0 || tag > UINT32_MAX || tag >> 3 == 0) {
        return 0;
    }
    scan_field_t found = {.number = (uint32_t)(tag >> 3), .type = (int)(tag & 7)};
    size_t left = size - at;
    size_t length = 0;
    uint64_t counted = 0;
    switch (tag & 7) {
    case SCAN_VARINT:
        length = scan_varint(bytes + at, left, &found.value);
        break;
    case SCAN_64:
        length = left >= 8 ? 8 : 0;
        break;
    case SCAN_32:
        length = left >= 4 ? 4 : 0;
        break;
    case SCAN_BYTES:
        length = scan_varint(bytes + at, left < 5 ? left : 5, &counted);
        if (length == 0 || counted > left - length) {
            return 0;
        }
        found.bytes = bytes + at + length;
        found.size = (size_t)counted;
        length += found.size;
        break;
    default: /* groups, and numbers that mean nothing */
        return 0;
    }
    *ret_found = found;
    return length == 0 ? 0 : at + length;
}

static status_t check_text(scan_t *scan, const plan_t *plan, const ProtobufCFieldDescriptor *field,
                           const scan_rule_t *rule, const scan_field_t *found) {
    const char *message = plan->descriptor->short_name;
    size_t most = rule != NULL && rule->bytes != 0 ? rule->bytes : WIRE_TEXT_BYTES;
    if (found->size > most) {
        return error_set(scan->err, ERROR_BOUND, "%s.%s: %zu bytes, more than %zu", message,
                         field->name, found->size, most);
    }
    if (!scan_text(found->bytes, found->size)) {
        return error_set(scan->err, ERROR_WIRE_INVALID, "%s.%s: not UTF-8, or holds a NUL", message,
                         field->name);
    }
    return take_memory(scan, found->size + 1);
}

static status_t check_bytes(scan_t *scan, const plan_t *plan, const ProtobufCFieldDescriptor *field,
                            const scan_rule_t *rule, const scan_field_t *found) {
    const char *message = plan->descriptor->short_name;
    INVARIANT(rule != NULL && rule->bytes != 0);
    /* an empty element of a list would be an id of nothing */
    bool may_be_empty = field->label != PROTOBUF_C_LABEL_REPEATED;
    if (rule->fixed && found->size != rule->bytes && !(may_be_empty && found->size == 0)) {
        return error_set(scan->err, ERROR_WIRE_INVALID, "%s.%s: %zu bytes instead of %u", message,
                         field->name, found->size, rule->bytes);
    }
    if (found->size > rule->bytes) {
        return error_set(scan->err, ERROR_BOUND, "%s.%s: %zu bytes, more than %u", message,
                         field->name, found->size, rule->bytes);
    }
    return take_memory(scan, found->size);
}

static status_t check_number(scan_t *scan, const plan_t *plan,
                             const ProtobufCFieldDescriptor *field, const scan_field_t *found) {
    bool fits = true;
    if (field->type == PROTOBUF_C_TYPE_ENUM) {
        fits = found->value <= INT32_MAX &&
               protobuf_c_enum_descriptor_get_value(field->descriptor, (int)found->value) != NULL;
    } else if (field->type == PROTOBUF_C_TYPE_BOOL) {
        fits = found->value <= 1;
    } else if (field->type == PROTOBUF_C_TYPE_UINT32) {
        fits = found->value <= UINT32_MAX;
    } else {
        INVARIANT(field->type == PROTOBUF_C_TYPE_INT64 || field->type == PROTOBUF_C_TYPE_UINT64);
    }
    if (!fits) {
        return error_set(scan->err, ERROR_WIRE_INVALID, "%s.%s: %llu is out of range",
                         plan->descriptor->short_name, field->name,
                         (unsigned long long)found->value);
    }
    return STATUS_OK;
}

static status_t scan_message(scan_t *scan, const plan_t *plan, const scan_field_t *outer,
                             int depth);

/* Check one known field's value; sets *ret_empty where it is 0 or empty. */
static status_t check_field(scan_t *scan, const plan_t *plan, size_t index,
                            const scan_field_t *found, int depth) {
    const ProtobufCFieldDescriptor *field = &plan->descriptor->fields[index];
    const scan_rule_t *rule = plan->rules[index];
    bool delimited = field->type == PROTOBUF_C_TYPE_STRING ||
                     field->type == PROTOBUF_C_TYPE_BYTES || field->type == PROTOBUF_C_TYPE_MESSAGE;
    if (found->type != (delimited ? SCAN_BYTES : SCAN_VARINT)) {
        return error_set(scan->err, ERROR_WIRE_INVALID, "%s.%s: of another type",
                         plan->descriptor->short_name, field->name);
    }
    if (field->type == PROTOBUF_C_TYPE_MESSAGE) {
        return scan_message(scan, plan->inner[index], found, depth + 1);
    }
    if (field->type == PROTOBUF_C_TYPE_STRING) {
        return check_text(scan, plan, field, rule, found);
    }
    if (field->type == PROTOBUF_C_TYPE_BYTES) {
        return check_bytes(scan, plan, field, rule, found);
    }
    return check_number(scan, plan, field, found);
}

/* Memory of the lists, of the unknown fields' table and of protobuf-c's scratch. */
static status_t take_lists(scan_t *scan, const plan_t *plan, const uint32_t *counts,
                           size_t unknown) {
    size_t all = unknown;
    for (unsigned i = 0; i < plan->descriptor->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &plan->descriptor->fields[i];
        all += counts[i];
        if (field->label == PROTOBUF_C_LABEL_REPEATED && counts[i] > 0) {
            bool bytes = field->type == PROTOBUF_C_TYPE_BYTES;
            size_t element = bytes ? sizeof(ProtobufCBinaryData) : sizeof(void *);
            TRY(take_memory(scan, counts[i] * element));
        }
    }
    TRY(take_memory(scan, unknown * sizeof(ProtobufCMessageUnknownField)));
    size_t slab = SCRATCH_ON_STACK;
    for (size_t held = slab; held < all; held += slab) {
        slab *= 2;
        TRY(take_memory(scan, slab * SCRATCH_BYTES));
    }
    return STATUS_OK;
}

/* Count one more occurrence of a known field, within its bound. */
static status_t count_field(scan_t *scan, const plan_t *plan, size_t index, uint32_t *count) {
    const ProtobufCFieldDescriptor *field = &plan->descriptor->fields[index];
    bool repeated = field->label == PROTOBUF_C_LABEL_REPEATED;
    const scan_rule_t *rule = plan->rules[index];
    INVARIANT(!repeated || (rule != NULL && rule->count > 0));
    uint32_t most = repeated ? rule->count : 1;
    (*count)++;
    if (*count <= most) {
        return STATUS_OK;
    }
    if (repeated) {
        return error_set(scan->err, ERROR_BOUND, "%s.%s: more than %u elements",
                         plan->descriptor->short_name, field->name, most);
    }
    return error_set(scan->err, ERROR_WIRE_INVALID, "%s.%s: stands there twice",
                     plan->descriptor->short_name, field->name);
}

static status_t check_needed(scan_t *scan, const plan_t *plan, uint64_t filled) {
    for (unsigned i = 0; i < plan->descriptor->n_fields; i++) {
        if ((plan->needed & ~filled) >> i & 1) {
            return error_set(scan->err, ERROR_WIRE_INVALID, "%s.%s: missing",
                             plan->descriptor->short_name, plan->descriptor->fields[i].name);
        }
    }
    return STATUS_OK;
}

static status_t scan_message(scan_t *scan, const plan_t *plan, const scan_field_t *outer,
                             int depth) {
    const ProtobufCMessageDescriptor *descriptor = plan->descriptor;
    if (depth > WIRE_DEPTH) {
        return error_set(scan->err, ERROR_BOUND, "%s: nested deeper than %d",
                         descriptor->short_name, WIRE_DEPTH);
    }
    TRY(take_memory(scan, descriptor->sizeof_message));
    uint32_t counts[SCAN_FIELDS_MAX] = {0};
    uint64_t filled = 0;
    size_t unknown = 0;
    for (size_t at = 0; at < outer->size;) {
        scan_field_t found;
        size_t length = scan_field(outer->bytes + at, outer->size - at, &found);
        if (length == 0) {
            return error_set(scan->err, ERROR_WIRE_INVALID, "%s: truncated or no field at byte %zu",
                             descriptor->short_name, at);
        }
        at += length;
        if (++scan->fields > WIRE_FIELDS) {
            return error_set(scan->err, ERROR_BOUND, "more than %d fields", WIRE_FIELDS);
        }
        const ProtobufCFieldDescriptor *field =
            protobuf_c_message_descriptor_get_field(descriptor, found.number);
        if (field == NULL) {
            unknown++;
            TRY(take_memory(scan, length));
            continue;
        }
        size_t index = (size_t)(field - descriptor->fields);
        TRY(count_field(scan, plan, index, &counts[index]));
        TRY(check_field(scan, plan, index, &found, depth));
        filled |= found.size > 0 || found.value != 0 ? UINT64_C(1) << index : 0;
    }
    scan->unknown += unknown;
    TRY(check_needed(scan, plan, filled));
    return take_lists(scan, plan, counts, unknown);
}

status_t scan_with(scan_table_t *table, const ProtobufCMessageDescriptor *descriptor,
                   const uint8_t *bytes, size_t size, scan_found_t *ret_found, error_t *err) {
    prepare(table);
    const plan_t *plan = find_plan(table, descriptor);
    INVARIANT(plan != NULL);
    scan_t scan = {
        .memory_limit = size * WIRE_MEMORY_FACTOR + WIRE_MEMORY_BASE_BYTES,
        .err = err,
    };
    scan_field_t outer = {.bytes = bytes, .size = size};
    TRY(scan_message(&scan, plan, &outer, 1));
    *ret_found = (scan_found_t){.memory = scan.memory, .unknown = scan.unknown};
    return STATUS_OK;
}
