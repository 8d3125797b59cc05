/* fuzz_statements.c: any text has statements within it, or a problem within it. In this process,
 * and so with a cap on the size: the parser's stack is the fuzzer's own. */
#include "common/migration/statement_internal.h"

#include "common/base/cleanup.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size > 2048) {
        return 0;
    }
    char *text = malloc(size + 1);
    INVARIANT(text != NULL);
    memcpy(text, data, size);
    text[size] = '\0';
    CLEANUP(statement_result_free) statement_result_t result = {0};
    statement_parse_here((text_span_t){.bytes = text, .size = size}, &result);
    if (result.problem.error.code != ERROR_NONE) {
        INVARIANT(result.problem.rule != NULL && result.problem.offset <= size);
        INVARIANT(result.list.count == 0);
    }
    size_t before = 0;
    for (size_t i = 0; i < result.list.count; i++) {
        const statement_t *statement = &result.list.items[i];
        INVARIANT(statement->offset >= before && statement->length > 0);
        before = statement->offset + statement->length;
        INVARIANT(before <= size);
    }
    CLEANUP(buffer_free) buffer_t answer = {0};
    CLEANUP(statement_result_free) statement_result_t read = {0};
    error_t err;
    statement_encode(&result, &answer);
    text_span_t span = {.bytes = answer.data, .size = answer.size};
    INVARIANT(statement_decode(span, size, &read, &err) == STATUS_OK);
    INVARIANT(read.list.count == result.list.count);
    free(text);
    return 0;
}
