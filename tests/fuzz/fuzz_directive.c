/* fuzz_directive.c: any text has directives or findings, each finding within the text. The first
 * byte says what kind of script it is. */
#include "common/migration/directive.h"

#include "common/base/cleanup.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size == 0) {
        return 0;
    }
    /* a copy of exact size, so that a byte read past the end is seen */
    char *text = malloc(size);
    INVARIANT(text != NULL);
    memcpy(text, data + 1, size - 1);
    text[size - 1] = '\0';
    text_span_t span = {.bytes = text, .size = size - 1};
    error_t err;
    if (text_check(span, NULL, &err) == STATUS_OK) {
        CLEANUP(finding_list_free) finding_list_t findings = {0};
        CLEANUP(buffer_free) buffer_t out = {0};
        directives_t directives;
        directive_source_t source = {
            .file = "f", .kind = (script_kind_t)(data[0] % SCRIPT_COUNT), .text = span};
        directive_parse(source, &directives, &findings);
        INVARIANT(directives.allow_count <= DIRECTIVE_ALLOWS);
        INVARIANT(directives.lock_timeout_ms >= -1 && directives.statement_timeout_ms >= -1);
        for (size_t i = 0; i < findings.count; i++) {
            INVARIANT(findings.items[i].place.line > 0);
            finding_print(&findings.items[i], &out);
        }
    }
    free(text);
    return 0;
}
