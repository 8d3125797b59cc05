/* fuzz_spec.c: any bytes as a rollout spec; what is accepted prints to a text that reads back to
 * the same print, since that print is what an order signs. */
#include "common/config/rollout_spec.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const yaml_text_t text = {.name = "/f.yaml", .bytes = (const char *)data, .size = size};
    error_t err = {0};
    rollout_spec_t *first = NULL;
    rollout_spec_t *second = NULL;
    buffer_t print = {0};
    buffer_t again = {0};
    if (rollout_spec_parse(&text, NULL, &first, &err) == STATUS_OK) {
        rollout_spec_print(first, &print);
        const yaml_text_t printed = {
            .name = "/f.yaml", .bytes = buffer_string(&print), .size = print.size};
        status_t status = rollout_spec_parse(&printed, NULL, &second, &err);
        INVARIANT(status == STATUS_OK);
        rollout_spec_print(second, &again);
        INVARIANT(strcmp(buffer_string(&print), buffer_string(&again)) == 0);
    }
    rollout_spec_destroy(&first);
    rollout_spec_destroy(&second);
    buffer_free(&print);
    buffer_free(&again);
    return 0;
}
