/* local.c: commands that need no coordinator: version and generated documents. */
#include "cli/handlers.h"
#include "common/base/cleanup.h"
#include "cli/output.h"
#include "common/lint/lint.h"

#include <string.h>

status_t handle_version(const command_input_t *input, error_t *err) {
    const output_t output = output_choose(input, OUTPUT_TABLE);
    if (output.form == OUTPUT_JSON) {
        json_t *document = json_pack("{s:s}", "version", DROVER_VERSION);
        if (document == NULL) {
            return error_set(err, ERROR_NO_MEMORY, "no memory for the version");
        }
        status_t status = output_write(&output, NULL, document, stdout, err);
        json_decref(document);
        return status;
    }
    (void)printf("drover %s\n", DROVER_VERSION);
    return STATUS_OK;
}

status_t handle_doc(const command_input_t *input, error_t *err) {
    CLEANUP(buffer_free) buffer_t text = {0};
    const char *what = command_argument(input, 0);
    if (strcmp(what, "cli") == 0) {
        command_reference(&CLI_TREE, &text);
    } else if (strcmp(what, "completion") == 0) {
        command_completion(&CLI_TREE, &text);
    } else if (strcmp(what, "rules") == 0) {
        lint_print_rules(&text);
    } else {
        return error_set(err, ERROR_USAGE,
                         "drover doc: '%.64s' is none of cli, completion and rules", what);
    }
    TRY(buffer_check(&text, err));
    (void)fputs(buffer_string(&text), stdout);
    return STATUS_OK;
}
