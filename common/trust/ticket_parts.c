/* ticket_parts.c: a ticket between its bytes and its parts. See ticket_parts.h and ticket.h. */
#include "common/trust/ticket_parts.h"

#include "common/crypto/hash.h"
#include "common/trust/checks.h"

#include <string.h>

/* Field numbers of Ticket and of Statement. */
enum {
    FIELD_FORMAT = 1,
    FIELD_ORDER = 2,
    FIELD_WAVE = 3,
    FIELD_LEAVES = 4,
    FIELD_STATEMENT = 5,
    FIELD_APPROVAL = 6,
    FIELDS = 7,
};
enum { FIELD_CARD = 1, FIELD_RESULT = 2 };
/* Of a leaf. */
enum {
    AT_CLUSTER = 16,
    AT_NUMBER = 24,
    AT_FROM = 32,
    AT_TO = 36,
    AT_REFERENCE = 40,
    LEAF_BYTES = 56
};

static status_t malformed(error_t *err, const char *what) {
    return error_set(err, ERROR_TICKET_INVALID, "no ticket: %s", what);
}

static status_t read_leaves(parts_t *parts, const scan_field_t *field, error_t *err) {
    size_t count = field->size / LEAF_BYTES;
    if (field->size % LEAF_BYTES != 0 || count > MERKLE_LEAVES) {
        return malformed(err, "its tenants are cut off, or too many");
    }
    parts->leaves = calloc(count + 1, sizeof *parts->leaves);
    if (parts->leaves == NULL) {
        return error_set(err, ERROR_NO_MEMORY, "out of memory for a ticket of %zu tenants", count);
    }
    for (size_t i = 0; i < count; i++) {
        const uint8_t *at = field->bytes + i * LEAF_BYTES;
        leaf_t *leaf = &parts->leaves[i];
        memcpy(leaf->tenant.bytes, at, IDENT_BYTES);
        leaf->cluster = walk_u64(at + AT_CLUSTER);
        leaf->number = (int64_t)walk_u64(at + AT_NUMBER);
        leaf->from_position = walk_u32(at + AT_FROM);
        leaf->to_position = walk_u32(at + AT_TO);
        memcpy(leaf->reference.bytes, at + AT_REFERENCE, IDENT_BYTES);
    }
    parts->leaf_count = count;
    return STATUS_OK;
}

/* What of the fields must be there, and what excludes what. */
static status_t check_fields(const scan_field_t fields[FIELDS], size_t statements, error_t *err) {
    static const int TYPES[FIELDS] = {
        [FIELD_FORMAT] = SCAN_VARINT, [FIELD_ORDER] = SCAN_BYTES,     [FIELD_WAVE] = SCAN_VARINT,
        [FIELD_LEAVES] = SCAN_BYTES,  [FIELD_STATEMENT] = SCAN_BYTES, [FIELD_APPROVAL] = SCAN_BYTES,
    };
    for (size_t i = FIELD_FORMAT; i < FIELDS; i++) {
        if (fields[i].number != 0 && fields[i].type != TYPES[i]) {
            return malformed(err, "a field of another type");
        }
    }
    if (fields[FIELD_FORMAT].value != TICKET_FORMAT || fields[FIELD_ORDER].size != DIGEST_BYTES ||
        fields[FIELD_WAVE].value == 0 || fields[FIELD_WAVE].value >= LIMIT_WAVES) {
        return malformed(err, "another format, or no order and wave");
    }
    bool approval = fields[FIELD_APPROVAL].number != 0;
    bool results = fields[FIELD_LEAVES].number != 0;
    if (approval == results || (approval && statements > 0)) {
        return malformed(err, "it holds either an approval or results");
    }
    return STATUS_OK;
}

status_t parts_read(const void *bytes, size_t size, parts_t *ret_parts, error_t *err) {
    if (size > TICKET_BYTES) {
        return error_set(err, ERROR_BOUND, "a ticket of %zu bytes, more than %d", size,
                         (int)TICKET_BYTES);
    }
    walk_t walk = {.at = bytes,
                   .left = size,
                   .most = FIELD_APPROVAL,
                   .many = FIELD_STATEMENT,
                   .what = "ticket"};
    parts_t parts = {0};
    scan_field_t fields[FIELDS] = {0};
    for (bool more = true; more;) {
        walk_t before = walk;
        scan_field_t field;
        TRY(walk_next(&walk, &field, &more, err));
        if (!more) {
            break;
        }
        if (field.number == FIELD_STATEMENT && ++parts.statement_count == 1) {
            parts.rest = before;
        }
        if (parts.statement_count > TICKET_STATEMENTS) {
            return error_set(err, ERROR_BOUND, "a ticket of more than %d statements",
                             (int)TICKET_STATEMENTS);
        }
        fields[field.number] = field;
    }
    TRY(check_fields(fields, parts.statement_count, err));
    memcpy(parts.order.bytes, fields[FIELD_ORDER].bytes, DIGEST_BYTES);
    parts.wave = (uint32_t)fields[FIELD_WAVE].value;
    parts.approval = fields[FIELD_APPROVAL].bytes;
    parts.approval_size = fields[FIELD_APPROVAL].size;
    if (fields[FIELD_LEAVES].number != 0) {
        TRY(read_leaves(&parts, &fields[FIELD_LEAVES], err));
    }
    *ret_parts = parts;
    return STATUS_OK;
}

status_t parts_next(parts_t *parts, statement_t *ret_statement, bool *ret_more, error_t *err) {
    scan_field_t field;
    TRY(walk_next(&parts->rest, &field, ret_more, err));
    if (!*ret_more || field.number != FIELD_STATEMENT) {
        *ret_more = false;
        return STATUS_OK;
    }
    walk_t walk = {
        .at = field.bytes, .left = field.size, .most = FIELD_RESULT, .what = "statement"};
    scan_field_t inner[FIELD_RESULT + 1] = {0};
    for (bool more = true; more;) {
        TRY(walk_next(&walk, &field, &more, err));
        if (more) {
            inner[field.number] = field;
        }
    }
    if (inner[FIELD_CARD].bytes == NULL || inner[FIELD_RESULT].bytes == NULL) {
        return malformed(err, "a statement without its card or its result");
    }
    *ret_statement = (statement_t){
        .card = inner[FIELD_CARD].bytes,
        .card_size = inner[FIELD_CARD].size,
        .result = inner[FIELD_RESULT].bytes,
        .result_size = inner[FIELD_RESULT].size,
    };
    return STATUS_OK;
}

void parts_free(parts_t *parts) {
    free(parts->leaves);
    *parts = (parts_t){0};
}

/* --- writing --------------------------------------------------------------------------------- */

static status_t put_document(buffer_t *out, unsigned number, const document_t *document,
                             error_t *err) {
    CLEANUP(buffer_free) buffer_t bytes = {0};
    TRY(document_encode(document, &bytes, err));
    walk_put_bytes(out, number, bytes.data, bytes.size);
    return STATUS_OK;
}

static status_t put_statement(buffer_t *out, const ticket_statement_t *statement, error_t *err) {
    CLEANUP(buffer_free) buffer_t inner = {0};
    TRY(put_document(&inner, FIELD_CARD, statement->card, err));
    TRY(put_document(&inner, FIELD_RESULT, statement->result, err));
    TRY(buffer_check(&inner, err));
    walk_put_bytes(out, FIELD_STATEMENT, inner.data, inner.size);
    return STATUS_OK;
}

/* A statement, and by which statements are put into their sequence. */
typedef struct turn {
    const ticket_statement_t *statement;
    size_t index;
} turn_t;

/* By the agent's key; the rest stays as it was handed in. */
static int compare_turns(const void *left, const void *right) {
    const turn_t *a = left;
    const turn_t *b = right;
    int order = memcmp(a->statement->result->keys[0].bytes, b->statement->result->keys[0].bytes,
                       SIGN_PUBLIC_BYTES);
    return order != 0 ? order : (a->index > b->index) - (a->index < b->index);
}

static status_t put_statements(buffer_t *out, const ticket_parts_t *parts, error_t *err) {
    CLEANUP(free_p) turn_t *turns = calloc(parts->statement_count + 1, sizeof *turns);
    if (turns == NULL) {
        return error_set(err, ERROR_NO_MEMORY, "out of memory for a ticket of %zu statements",
                         parts->statement_count);
    }
    for (size_t i = 0; i < parts->statement_count; i++) {
        turns[i] = (turn_t){.statement = &parts->statements[i], .index = i};
    }
    qsort(turns, parts->statement_count, sizeof *turns, compare_turns);
    for (size_t i = 0; i < parts->statement_count; i++) {
        TRY(put_statement(out, turns[i].statement, err));
    }
    return STATUS_OK;
}

static status_t put_leaves(buffer_t *out, const ticket_parts_t *parts, error_t *err) {
    CLEANUP(buffer_free) buffer_t leaves = {0};
    for (size_t i = 0; i < parts->leaf_count; i++) {
        const leaf_t *leaf = &parts->leaves[i];
        buffer_append(&leaves, leaf->tenant.bytes, IDENT_BYTES);
        walk_put_u64(&leaves, leaf->cluster);
        walk_put_u64(&leaves, (uint64_t)leaf->number);
        walk_put_u32(&leaves, leaf->from_position);
        walk_put_u32(&leaves, leaf->to_position);
        buffer_append(&leaves, leaf->reference.bytes, IDENT_BYTES);
    }
    TRY(buffer_check(&leaves, err));
    walk_put_bytes(out, FIELD_LEAVES, leaves.data, leaves.size);
    return STATUS_OK;
}

status_t ticket_encode(const ticket_parts_t *parts, buffer_t *out, error_t *err) {
    out->limit = TICKET_BYTES;
    walk_put_number(out, FIELD_FORMAT, TICKET_FORMAT);
    walk_put_bytes(out, FIELD_ORDER, parts->order.bytes, DIGEST_BYTES);
    walk_put_number(out, FIELD_WAVE, parts->wave);
    if (parts->approval != NULL) {
        TRY(put_document(out, FIELD_APPROVAL, parts->approval, err));
        return buffer_check(out, err);
    }
    TRY(put_leaves(out, parts, err));
    TRY(put_statements(out, parts, err));
    return buffer_check(out, err);
}

digest_t ticket_digest(const void *bytes, size_t size) {
    return hash_of(HASH_TICKET, bytes, size);
}
