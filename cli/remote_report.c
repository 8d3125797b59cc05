/* remote_report.c: drover rollout report. */
#include "cli/file.h"
#include "cli/handlers.h"
#include "cli/remote.h"
#include "cli/report.h"

static status_t make_text(const output_t *output, const json_t *report, buffer_t *out,
                          error_t *err) {
    if (output->form == OUTPUT_TABLE) {
        return report_markdown(output, report, out, err);
    }
    return output_json(report, out, err);
}

status_t handle_rollout_report(const command_input_t *input, error_t *err) {
    const char *path = command_text(input, "out");
    CLEANUP(remote_destroy_p) remote_t *remote = NULL;
    CLEANUP(document_release) json_t *report = NULL;
    CLEANUP(buffer_free) buffer_t text = {0};
    TRY(remote_open(input, &remote, err));
    TRY(remote_ask(remote, "rollout.report",
                   json_pack("{s:s*}", "rollout", command_argument(input, 0)), &report, err));
    output_t output = remote_output(remote);
    output.utc = true; /* a record is read in other zones than it was made in */
    TRY(make_text(&output, report, &text, err));
    if (path == NULL) {
        return output_flush(&text, stdout, err);
    }
    TRY(file_replace(path, &text, err));
    output_say("written to %s", path);
    return STATUS_OK;
}
