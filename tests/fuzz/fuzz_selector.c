/* fuzz_selector.c: any text parses or is refused; what parses prints to a text that parses to the
 * same print. */
#include "common/selector/selector.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const selector_label_t LABELS[] = {{"tier", "gold"}, {"region", "eu"}};
    const selector_subject_t subject = {.name = "acme", .labels = LABELS, .label_count = 2};
    error_t err;
    selector_t *first = NULL;
    selector_t *second = NULL;
    buffer_t text = {0};
    buffer_t again = {0};
    char *input = malloc(size + 1);
    if (input != NULL) { /* not strndup: it may look at the byte after data */
        memcpy(input, data, size);
        input[size] = '\0';
    }
    if (input != NULL && selector_parse(input, NULL, &first, &err) == STATUS_OK) {
        bool matches = selector_matches(first, &subject);
        selector_print(first, &text);
        INVARIANT(text.size > SELECTOR_TEXT_MAX ||
                  selector_parse(buffer_string(&text), NULL, &second, &err) == STATUS_OK);
        if (second != NULL) {
            selector_print(second, &again);
            INVARIANT(strcmp(buffer_string(&text), buffer_string(&again)) == 0);
            INVARIANT(selector_matches(second, &subject) == matches);
        }
    }
    selector_destroy(&first);
    selector_destroy(&second);
    buffer_free(&text);
    buffer_free(&again);
    free(input);
    return 0;
}
