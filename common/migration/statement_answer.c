/*
 * statement_answer.c: a child's answer as bytes. Both ends are one program on one machine, so
 * numbers travel as they lie in memory; the reader still checks every one of them.
 */
#include "common/migration/statement_internal.h"

#include "common/base/cleanup.h"
#include "common/migration/finding.h"

#include <string.h>

/* Rules that a problem may name; the index travels. */
static const char *const rules[] = {RULE_PARSES, RULE_PSQL_COMMAND, RULE_COPY_STDIN, RULE_ENCODING,
                                    RULE_SIZE};
enum { RULES = sizeof rules / sizeof rules[0] };

typedef struct head {
    uint64_t size; /* of the whole answer */
    uint64_t offset;
    uint64_t count;
    uint32_t code;
    uint32_t rule;
    char message[ERROR_TEXT_MAX];
} head_t;

typedef struct row {
    uint64_t offset;
    uint64_t length;
    uint64_t texts[5]; /* sizes, without terminator */
    int32_t line;
    uint32_t kind;
} row_t;

static uint32_t rule_number(const char *rule) {
    for (uint32_t i = 0; i < RULES; i++) {
        if (rule != NULL && strcmp(rules[i], rule) == 0) {
            return i;
        }
    }
    return 0;
}

void statement_encode(const statement_result_t *result, buffer_t *out) {
    size_t start = out->size;
    head_t head = {
        .offset = result->problem.offset,
        .count = result->list.count,
        .code = (uint32_t)result->problem.error.code,
        .rule = rule_number(result->problem.rule),
    };
    memcpy(head.message, result->problem.error.message, sizeof head.message);
    buffer_append(out, &head, sizeof head);
    for (size_t i = 0; i < result->list.count; i++) {
        const statement_t *from = &result->list.items[i];
        const char *texts[5] = {from->node, from->index_schema, from->index_name,
                                from->table_schema, from->table_name};
        row_t row = {.offset = from->offset,
                     .length = from->length,
                     .line = from->line,
                     .kind = (uint32_t)from->kind};
        for (size_t t = 0; t < 5; t++) {
            row.texts[t] = strlen(texts[t]);
        }
        buffer_append(out, &row, sizeof row);
        for (size_t t = 0; t < 5; t++) {
            buffer_text(out, texts[t]);
        }
    }
    if (!out->failed) {
        head.size = out->size - start;
        memcpy(out->data + start, &head.size, sizeof head.size);
    }
}

typedef struct reader {
    const char *bytes;
    size_t left;
} reader_t;

static bool take(reader_t *reader, void *ret_bytes, size_t size) {
    if (size > reader->left) {
        return false;
    }
    memcpy(ret_bytes, reader->bytes, size);
    reader->bytes += size;
    reader->left -= size;
    return true;
}

static bool take_text(reader_t *reader, uint64_t size, char **ret_text) {
    if (size > reader->left) {
        return false;
    }
    *ret_text = strndup(reader->bytes, (size_t)size);
    reader->bytes += size;
    reader->left -= (size_t)size;
    return *ret_text != NULL;
}

static bool take_row(reader_t *reader, size_t script_size, statement_t *statement) {
    row_t row;
    if (!take(reader, &row, sizeof row) || row.kind >= STATEMENT_KIND_COUNT ||
        row.offset > script_size || row.length > script_size - row.offset || row.line < 1) {
        return false;
    }
    statement->offset = (size_t)row.offset;
    statement->length = (size_t)row.length;
    statement->line = row.line;
    statement->kind = (statement_kind_t)row.kind;
    return take_text(reader, row.texts[0], &statement->node) &&
           take_text(reader, row.texts[1], &statement->index_schema) &&
           take_text(reader, row.texts[2], &statement->index_name) &&
           take_text(reader, row.texts[3], &statement->table_schema) &&
           take_text(reader, row.texts[4], &statement->table_name);
}

status_t statement_decode(text_span_t answer, size_t script_size, statement_result_t *ret_result,
                          error_t *err) {
    reader_t reader = {.bytes = answer.bytes, .left = answer.size};
    head_t head;
    if (!take(&reader, &head, sizeof head) || head.size != answer.size ||
        head.code >= ERROR_COUNT || head.rule >= RULES || head.offset > script_size ||
        head.count > reader.left / sizeof(row_t)) {
        return error_set(err, ERROR_INTERNAL, "the parser's child answered nonsense");
    }
    head.message[sizeof head.message - 1] = '\0';
    CLEANUP(statement_result_free) statement_result_t result = {0};
    if (head.code != ERROR_NONE) {
        result.problem.rule = rules[head.rule];
        result.problem.offset = (size_t)head.offset;
        (void)error_set(&result.problem.error, (error_code_t)head.code, "%s", head.message);
    }
    if (head.count > 0) {
        result.list.items = calloc((size_t)head.count, sizeof *result.list.items);
        if (result.list.items == NULL) {
            return error_set(err, ERROR_NO_MEMORY, "out of memory for %llu statements",
                             (unsigned long long)head.count);
        }
        result.list.count = (size_t)head.count;
    }
    for (size_t i = 0; i < result.list.count; i++) {
        if (!take_row(&reader, script_size, &result.list.items[i])) {
            return error_set(err, ERROR_INTERNAL, "the parser's child answered nonsense");
        }
    }
    *ret_result = result;
    memset(&result, 0, sizeof result);
    return STATUS_OK;
}
