/*
 * remote_resolve.c: drover resolve: a person rules on an outcome that nobody can read any more.
 * What is known is shown before, with what the ruling means.
 */
#include "cli/confirm.h"
#include "cli/handlers.h"
#include "cli/remote.h"

#include <string.h>

static const char *meaning_of(const char *as) {
    if (strcmp(as, "applied") == 0) {
        return "It counts as done: the tenant is taken to stand at the rollout's target, by your "
               "word alone.\nThe next rollout begins there, and a rollback takes it back.";
    }
    if (strcmp(as, "not-applied") == 0) {
        return "It counts as failed with nothing changed: a rollback leaves the tenant alone, a "
               "retry tries it\nagain. Should its agent come back, what that reports counts.";
    }
    return "The tenant is gone for good: no rollout and no rollback waits for it or reaches it any "
           "more.";
}

static void put_known(const output_t *output, const json_t *document, buffer_t *out) {
    static const output_column_t PAIRS[] = {{"TENANT", "task.name", COLUMN_TEXT},
                                            {"DATABASE", "task.database", COLUMN_TEXT},
                                            {"CLUSTER", "task.cluster", COLUMN_TEXT},
                                            {"ROLLOUT", "name", COLUMN_TEXT},
                                            {"TASK", "task.state", COLUMN_STATE},
                                            {"LAST STEP", "task.step", COLUMN_TEXT},
                                            {"AGENT", "task.agent", COLUMN_TEXT},
                                            {"FROM", "task.from_version", COLUMN_TEXT},
                                            {"TO", "task.to_version", COLUMN_TEXT},
                                            {"LAST REPORTED AT", "task.version", COLUMN_TEXT},
                                            {"LEDGER SAID", "ledger.said", COLUMN_TEXT},
                                            {"POSITION", "ledger.position", COLUMN_NUMBER},
                                            {"GENERATION", "ledger.generation", COLUMN_NUMBER},
                                            {"READ AT", "ledger.observed_us", COLUMN_TIME},
                                            {"NOBODY READS IT", "blocker", COLUMN_TEXT},
                                            {"CAN BE READ BY", "reader", COLUMN_TEXT}};
    const output_view_t pairs = {OUTPUT_COLUMNS(PAIRS)};
    output_pairs(output, &pairs, document, out);
}

/* What is known and what the ruling means, before anybody answers yes. */
static status_t explain(remote_t *remote, const json_t *known, const char *as, error_t *err) {
    const output_t output = remote_speech(remote);
    CLEANUP(buffer_free) buffer_t text = {0};
    put_known(&output, known, &text);
    buffer_format(&text, "\n%s\n", meaning_of(as));
    return output_flush(&text, remote_talk(remote), err);
}

status_t handle_resolve(const command_input_t *input, error_t *err) {
    const char *tenant = command_argument(input, 0);
    const char *rollout = command_text(input, "rollout");
    const char *as = command_text(input, "as");
    const confirm_streams_t streams = confirm_terminal();
    CLEANUP(remote_destroy_p) remote_t *remote = NULL;
    CLEANUP(document_release) json_t *known = NULL;
    CLEANUP(document_release) json_t *answer = NULL;
    char question[128];
    TRY(remote_open(input, &remote, err));
    TRY(remote_ask(remote, "task.show",
                   json_pack("{s:s,s:s}", "tenant", tenant, "rollout", rollout), &known, err));
    TRY(explain(remote, known, as, err));
    (void)snprintf(question, sizeof question, "Rule it %s?", as);
    TRY(confirm(input, &streams, question, err));
    TRY(remote_order(remote, "task.resolve",
                     json_pack("{s:s,s:s,s:s,s:s}", "tenant", document_text(known, "task.tenant"),
                               "rollout", document_text(known, "rollout"), "as", as, "reason",
                               command_text(input, "reason")),
                     &answer, err));
    const output_t output = remote_output(remote);
    if (output.form == OUTPUT_JSON) {
        return output_write(&output, NULL, answer, stdout, err);
    }
    output_say("%s is %s in rollout %s, by your ruling", document_text(answer, "task.name"),
               document_text(answer, "task.state"), document_text(answer, "name"));
    return STATUS_OK;
}
