/*
 * manifest_scan.c: see manifest_scan in bundle_internal.h.
 *
 * protobuf-c unpacks whatever nests or repeats (25 times the memory of the bytes), keeps unknown
 * fields and takes any bytes for text. So the bytes are walked first, against this table of what a
 * manifest may hold, with a stack as deep as the schema. Source: the Protocol Buffers encoding.
 */
#include "common/migration/bundle_internal.h"

#include "common/base/limits.h"

#include <string.h>

typedef enum shape { SHAPE_NUMBER, SHAPE_TEXT, SHAPE_BYTES, SHAPE_NUMBERS, SHAPE_MESSAGE } shape_t;
typedef enum message {
    MESSAGE_MANIFEST,
    MESSAGE_MIGRATION,
    MESSAGE_BACKFILL,
    MESSAGE_SCRIPT,
    MESSAGE_STATEMENT,
    MESSAGE_COUNT
} message_t;

enum {
    FIELDS = 9, /* numbers 1 to 8 */
    DEPTH = 4,
    WIRE_VARINT = 0,
    WIRE_LENGTH = 2,
    STATEMENT_NAME_BYTES = 1024,
};

typedef struct shape_row {
    const char *name; /* NULL: no such field */
    shape_t shape;
    bool list;
    size_t most;       /* bytes of a text; sizes of messages are bounded by the whole */
    message_t message; /* of a message */
} shape_row_t;

// clang-format off
static const shape_row_t shapes[MESSAGE_COUNT][FIELDS] = {
    [MESSAGE_MANIFEST] = {
        [1] = {"format", SHAPE_NUMBER, false, 0, 0},
        [2] = {"application", SHAPE_TEXT, false, LIMIT_NAME_BYTES, 0},
        [3] = {"postgres_majors", SHAPE_NUMBERS, false, BUNDLE_MAJORS, 0},
        [4] = {"migrations", SHAPE_MESSAGE, true, 0, MESSAGE_MIGRATION},
    },
    [MESSAGE_MIGRATION] = {
        [1] = {"version", SHAPE_TEXT, false, VERSION_TEXT_SIZE - 1, 0},
        [2] = {"position", SHAPE_NUMBER, false, 0, 0},
        [3] = {"description", SHAPE_TEXT, false, DESCRIPTION_TEXT_SIZE - 1, 0},
        [4] = {"kind", SHAPE_NUMBER, false, 0, 0},
        [5] = {"phase", SHAPE_NUMBER, false, 0, 0},
        [6] = {"irreversible", SHAPE_TEXT, false, DIRECTIVE_TEXT_SIZE - 1, 0},
        [7] = {"backfill", SHAPE_MESSAGE, false, 0, MESSAGE_BACKFILL},
        [8] = {"scripts", SHAPE_MESSAGE, true, 0, MESSAGE_SCRIPT},
    },
    [MESSAGE_BACKFILL] = {
        [1] = {"table", SHAPE_TEXT, false, DIRECTIVE_TEXT_SIZE - 1, 0},
        [2] = {"key", SHAPE_TEXT, false, DIRECTIVE_TEXT_SIZE - 1, 0},
        [3] = {"batch", SHAPE_NUMBER, false, 0, 0},
        [4] = {"pause_ms", SHAPE_NUMBER, false, 0, 0},
    },
    [MESSAGE_SCRIPT] = {
        [1] = {"kind", SHAPE_NUMBER, false, 0, 0},
        [2] = {"digest", SHAPE_BYTES, false, DIGEST_BYTES, 0},
        [3] = {"size", SHAPE_NUMBER, false, 0, 0},
        [4] = {"outside_transaction", SHAPE_NUMBER, false, 0, 0},
        [5] = {"lock_timeout_ms", SHAPE_NUMBER, false, 0, 0},
        [6] = {"statement_timeout_ms", SHAPE_NUMBER, false, 0, 0},
        [7] = {"statement_count", SHAPE_NUMBER, false, 0, 0},
        [8] = {"statements", SHAPE_MESSAGE, true, 0, MESSAGE_STATEMENT},
    },
    [MESSAGE_STATEMENT] = {
        [1] = {"offset", SHAPE_NUMBER, false, 0, 0},
        [2] = {"length", SHAPE_NUMBER, false, 0, 0},
        [3] = {"kind", SHAPE_NUMBER, false, 0, 0},
        [4] = {"index_schema", SHAPE_TEXT, false, STATEMENT_NAME_BYTES, 0},
        [5] = {"index_name", SHAPE_TEXT, false, STATEMENT_NAME_BYTES, 0},
        [6] = {"table_schema", SHAPE_TEXT, false, STATEMENT_NAME_BYTES, 0},
        [7] = {"table_name", SHAPE_TEXT, false, STATEMENT_NAME_BYTES, 0},
    },
};
// clang-format on

typedef struct frame {
    message_t message;
    size_t end;    /* offset after it */
    unsigned seen; /* a bit a field */
} frame_t;

typedef struct walk {
    const uint8_t *bytes;
    size_t at;
    frame_t frames[DEPTH];
    size_t depth;
    manifest_counts_t counts;
} walk_t;

static status_t invalid(const walk_t *walk, const char *what, error_t *err) {
    return error_set(err, ERROR_BUNDLE_INVALID, "manifest, byte %zu: %s", walk->at, what);
}

/* Read a varint in its shortest form; false past `end` or where it is longer than 64 bits. */
static bool read_varint(walk_t *walk, size_t end, uint64_t *ret_number) {
    uint64_t number = 0;
    for (unsigned shift = 0; shift < 70 && walk->at < end; shift += 7) {
        uint8_t byte = walk->bytes[walk->at++];
        if (shift == 63 && byte > 1) {
            return false;
        }
        number |= (uint64_t)(byte & 0x7F) << shift;
        if ((byte & 0x80) == 0) {
            *ret_number = number;
            return byte != 0 || shift == 0;
        }
    }
    return false;
}

static status_t check_numbers(walk_t *walk, size_t end, size_t most, error_t *err) {
    size_t count = 0;
    while (walk->at < end) {
        uint64_t number = 0;
        if (!read_varint(walk, end, &number) || ++count > most) {
            return invalid(walk, "a broken or too long list of numbers", err);
        }
    }
    return STATUS_OK;
}

/* Count one more message and step into it. */
static status_t enter(walk_t *walk, message_t message, size_t size, error_t *err) {
    size_t *count = message == MESSAGE_MIGRATION   ? &walk->counts.migrations
                    : message == MESSAGE_SCRIPT    ? &walk->counts.scripts
                    : message == MESSAGE_STATEMENT ? &walk->counts.statements
                                                   : NULL;
    size_t most = message == MESSAGE_MIGRATION ? (size_t)LIMIT_MIGRATIONS
                  : message == MESSAGE_SCRIPT  ? (size_t)LIMIT_MIGRATIONS * SCRIPT_COUNT
                                               : (size_t)BUNDLE_STATEMENTS;
    if (count != NULL && ++*count > most) {
        return invalid(walk, "more migrations, scripts or statements than a bundle may list", err);
    }
    INVARIANT(walk->depth < DEPTH); /* the schema is no deeper */
    walk->frames[walk->depth++] = (frame_t){.message = message, .end = walk->at + size};
    return STATUS_OK;
}

static status_t read_run(walk_t *walk, const shape_row_t *row, error_t *err) {
    const frame_t *frame = &walk->frames[walk->depth - 1];
    uint64_t size = 0;
    if (!read_varint(walk, frame->end, &size) || size > frame->end - walk->at) {
        return invalid(walk, "a length past the end", err);
    }
    size_t end = walk->at + (size_t)size;
    if (row->shape == SHAPE_MESSAGE) {
        return enter(walk, row->message, (size_t)size, err);
    }
    if (row->shape == SHAPE_NUMBERS) {
        return check_numbers(walk, end, row->most, err);
    }
    if (size > row->most) {
        return error_set(err, ERROR_BUNDLE_INVALID,
                         "manifest, byte %zu: %s has more than %zu bytes", walk->at, row->name,
                         row->most);
    }
    if (row->shape == SHAPE_TEXT &&
        text_utf8_length(walk->bytes + walk->at, (size_t)size) != size) {
        return error_set(err, ERROR_BUNDLE_INVALID, "manifest, byte %zu: %s is no UTF-8 text",
                         walk->at, row->name);
    }
    walk->at = end;
    return STATUS_OK;
}

static status_t read_field(walk_t *walk, error_t *err) {
    frame_t *frame = &walk->frames[walk->depth - 1];
    uint64_t tag = 0;
    if (!read_varint(walk, frame->end, &tag)) {
        return invalid(walk, "a broken field number", err);
    }
    uint64_t number = tag >> 3;
    const shape_row_t *row = number < FIELDS ? &shapes[frame->message][number] : NULL;
    if (row == NULL || row->name == NULL) {
        return invalid(walk, "a field that this version does not know", err);
    }
    if (!row->list && (frame->seen & 1U << number) != 0) {
        return error_set(err, ERROR_BUNDLE_INVALID, "manifest, byte %zu: %s stands twice", walk->at,
                         row->name);
    }
    frame->seen |= 1U << number;
    unsigned wire = (unsigned)(tag & 7);
    if (wire != (row->shape == SHAPE_NUMBER ? WIRE_VARINT : WIRE_LENGTH)) {
        return error_set(err, ERROR_BUNDLE_INVALID, "manifest, byte %zu: %s is of another type",
                         walk->at, row->name);
    }
    if (row->shape != SHAPE_NUMBER) {
        return read_run(walk, row, err);
    }
    uint64_t value = 0;
    return read_varint(walk, frame->end, &value) ? STATUS_OK
                                                 : invalid(walk, "a broken number", err);
}

status_t manifest_scan(text_span_t bytes, manifest_counts_t *ret_counts, error_t *err) {
    walk_t walk = {.bytes = (const uint8_t *)bytes.bytes, .depth = 1};
    walk.frames[0] = (frame_t){.message = MESSAGE_MANIFEST, .end = bytes.size};
    while (walk.depth > 0) { /* each turn moves at or leaves a message */
        if (walk.at == walk.frames[walk.depth - 1].end) {
            walk.depth--;
        } else {
            TRY(read_field(&walk, err));
        }
    }
    *ret_counts = walk.counts;
    return STATUS_OK;
}
