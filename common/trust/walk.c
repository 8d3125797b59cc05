/* walk.c: see walk.h. */
#include "common/trust/walk.h"

#include "common/trust/checks.h"

static size_t varint_size(uint64_t value) {
    size_t size = 1;
    for (; value >= 0x80; value >>= 7) {
        size++;
    }
    return size;
}

/* The bytes that this field takes in its shortest form. */
static size_t shortest(const scan_field_t *field) {
    size_t tag = varint_size((uint64_t)field->number << 3);
    return field->type == SCAN_VARINT ? tag + varint_size(field->value)
                                      : tag + varint_size(field->size) + field->size;
}

status_t walk_next(walk_t *walk, scan_field_t *ret_field, bool *ret_more, error_t *err) {
    while (walk->left > 0) { /* each turn goes on by a field */
        scan_field_t field;
        size_t length = scan_field(walk->at, walk->left, &field);
        if (length == 0 || (field.type != SCAN_VARINT && field.type != SCAN_BYTES)) {
            return error_set(err, ERROR_TRUST_DOCUMENT, "no %s: cut off or damaged, %zu bytes left",
                             walk->what, walk->left);
        }
        TRUST_REQUIRE(
            CANONICAL,
            field.number + (field.number == walk->many) > walk->last &&
                field.number <= walk->most && length == shortest(&field) &&
                (field.type == SCAN_VARINT ? field.value : field.size) != 0,
            err,
            "no %s: field %u is unknown, out of order, there twice, empty or written at length",
            walk->what, field.number);
        walk->at += length;
        walk->left -= length;
        walk->last = field.number;
        if (field.number <= walk->most) {
            *ret_field = field;
            *ret_more = true;
            return STATUS_OK;
        }
    }
    *ret_more = false;
    return STATUS_OK;
}

static void put_varint(buffer_t *out, uint64_t value) {
    for (; value >= 0x80; value >>= 7) {
        buffer_char(out, (char)((value & 0x7f) | 0x80));
    }
    buffer_char(out, (char)value);
}

void walk_put_number(buffer_t *out, unsigned number, uint64_t value) {
    if (value != 0) {
        put_varint(out, (uint64_t)number << 3 | SCAN_VARINT);
        put_varint(out, value);
    }
}

void walk_put_bytes(buffer_t *out, unsigned number, const void *bytes, size_t size) {
    if (size != 0) {
        put_varint(out, (uint64_t)number << 3 | SCAN_BYTES);
        put_varint(out, size);
        buffer_append(out, bytes, size);
    }
}

static void put_big(buffer_t *out, uint64_t value, unsigned bytes) {
    for (unsigned i = bytes; i-- > 0;) {
        buffer_char(out, (char)(value >> (8 * i)));
    }
}

void walk_put_u32(buffer_t *out, uint32_t value) {
    put_big(out, value, 4);
}

void walk_put_u64(buffer_t *out, uint64_t value) {
    put_big(out, value, 8);
}

static uint64_t get_big(const uint8_t *bytes, unsigned count) {
    uint64_t value = 0;
    for (unsigned i = 0; i < count; i++) {
        value = value << 8 | bytes[i];
    }
    return value;
}

uint32_t walk_u32(const uint8_t bytes[4]) {
    return (uint32_t)get_big(bytes, 4);
}

uint64_t walk_u64(const uint8_t bytes[8]) {
    return get_big(bytes, 8);
}
