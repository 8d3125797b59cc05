/* remote_doctor.c: drover doctor: what was left behind in the fleet, and how to mend it. */
#include "cli/handlers.h"
#include "cli/remote.h"

#include <inttypes.h>

/* A finding takes lines of its own: the command that mends it is to be copied whole. */
static void put_finding(const output_t *output, const json_t *finding, buffer_t *out) {
    output_state(output, document_text(finding, "severity"), out);
    buffer_text(out, " ");
    output_escape(document_text(finding, "kind"), out);
    static const struct {
        const char *title;
        const char *path;
    } PLACES[] = {{"cluster", "cluster"}, {"database", "database"}, {"tenant", "tenant"}};
    for (size_t i = 0; i < sizeof PLACES / sizeof PLACES[0]; i++) {
        const char *text = document_text(finding, PLACES[i].path);
        if (text[0] != '\0') {
            buffer_format(out, "  %s ", PLACES[i].title);
            output_escape(text, out);
        }
    }
    buffer_text(out, "\n  ");
    output_lines(document_text(finding, "what"), "  ", out);
    buffer_text(out, "  mend: ");
    output_lines(document_text(finding, "command"), "  ", out);
}

static status_t show(const output_t *output, const json_t *document, error_t *err) {
    const json_t *findings = document_at(document, "findings");
    CLEANUP(buffer_free) buffer_t text = {0};
    for (size_t i = 0; i < json_array_size(findings); i++) {
        put_finding(output, json_array_get(findings, i), &text);
    }
    buffer_format(&text,
                  "%s%" PRId64 " findings in %" PRId64 " agents, %" PRId64 " clusters, %" PRId64
                  " tenants\n",
                  json_array_size(findings) > 0 ? "\n" : "", document_number(document, "found"),
                  document_number(document, "agents"), document_number(document, "clusters"),
                  document_number(document, "tenants"));
    return output_flush(&text, stdout, err);
}

status_t handle_doctor(const command_input_t *input, error_t *err) {
    CLEANUP(remote_destroy_p) remote_t *remote = NULL;
    CLEANUP(document_release) json_t *document = NULL;
    TRY(remote_open(input, &remote, err));
    TRY(remote_ask(remote, "fleet.doctor", json_object(), &document, err));
    const output_t output = remote_output(remote);
    TRY(output.form == OUTPUT_JSON ? output_write(&output, NULL, document, stdout, err)
                                   : show(&output, document, err));
    int64_t found = document_number(document, "found");
    return found == 0 ? STATUS_OK
                      : error_set(err, ERROR_DOCTOR_FINDINGS, "%" PRId64 " findings", found);
}
