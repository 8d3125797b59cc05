/*
 * remote_refill.c: drover coordinator recovery|recovered|saved: a catalog that went back in time.
 */
#include "cli/confirm.h"
#include "cli/handlers.h"
#include "cli/moment.h"
#include "cli/remote.h"
#include "common/base/clock.h"

#include <inttypes.h>
#include <string.h>

void remote_warn_recovering(const json_t *document) {
    const json_t *recovering = document_at(document, "recovering");
    if (!json_is_object(recovering)) {
        return;
    }
    output_say("WARNING: the catalog went back in time and dispatches nothing: %s. It waits for "
               "%" PRId64 " of %" PRId64 " agents: 'drover coordinator recovery'",
               document_text(recovering, "reason"), document_number(recovering, "waits_for"),
               document_number(recovering, "agents"));
}

/* --- recovery -------------------------------------------------------------------------------- */

/* What an operator can do next. */
static void put_next(const json_t *document, buffer_t *out) {
    int64_t waits = document_number(document, "waits_for");
    if (!document_flag(document, "recovering")) {
        buffer_text(out, document_number(document, "since_us") > 0
                             ? "\nit is filled again: 'drover rollout list' shows what is paused, "
                               "'drover rollout resume' goes on\n"
                             : "");
        return;
    }
    buffer_format(out,
                  "\nit waits for %" PRId64 " of %" PRId64
                  " agents; one that will not come back is left with\n"
                  "  drover coordinator recovered --without AGENT --reason TEXT\n",
                  waits, document_number(document, "agents_total"));
}

static void put_unknown(const json_t *document, buffer_t *out) {
    const json_t *rows = document_at(document, "unknown_rollouts");
    for (size_t i = 0; i < json_array_size(rows); i++) {
        const json_t *row = json_array_get(rows, i);
        buffer_text(out, i == 0 ? "\nrollouts that only agents know:\n" : "");
        buffer_format(out, "  rollout %s, order %s, application ", document_text(row, "rollout"),
                      document_text(row, "order_digest"));
        output_escape(document_text(row, "application"), out);
        buffer_format(out, ", %" PRId64 " jobs\n    ", document_number(row, "jobs"));
        output_lines(document_text(row, "words"), "    ", out);
    }
}

static status_t show_recovery(const output_t *output, const json_t *document, error_t *err) {
    static const output_column_t PAIRS[] = {
        {"RECOVERING", "recovering", COLUMN_YES}, {"SINCE", "since_us", COLUMN_TIME},
        {"BECAUSE", "reason", COLUMN_TEXT},       {"ENDED", "ended_us", COLUMN_TIME},
        {"EPOCH", "epoch", COLUMN_TEXT},          {"CATALOG COPIED", "saved_us", COLUMN_TIME}};
    static const output_column_t AGENTS[] = {
        {"AGENT", "name", COLUMN_TEXT},       {"STANDING", "standing", COLUMN_STATE},
        {"ONLINE", "online", COLUMN_YES},     {"REPORTS HERE", "acknowledged", COLUMN_NUMBER},
        {"OF", "last_report", COLUMN_NUMBER}, {"WORDS", "words", COLUMN_TEXT}};
    const output_view_t pairs = {OUTPUT_COLUMNS(PAIRS)};
    const output_view_t agents = {OUTPUT_COLUMNS(AGENTS), .rows = "agents"};
    CLEANUP(buffer_free) buffer_t text = {0};
    output_pairs(output, &pairs, document, &text);
    buffer_text(&text, document_count(document, "agents") > 0 ? "\n" : "");
    TRY(output_table(output, &agents, document, &text, err));
    put_unknown(document, &text);
    put_next(document, &text);
    return output_flush(&text, stdout, err);
}

status_t handle_coordinator_recovery(const command_input_t *input, error_t *err) {
    CLEANUP(remote_destroy_p) remote_t *remote = NULL;
    CLEANUP(document_release) json_t *document = NULL;
    TRY(remote_open(input, &remote, err));
    TRY(remote_ask(remote, "coordinator.recovery", json_object(), &document, err));
    const output_t output = remote_output(remote);
    return output.form == OUTPUT_JSON ? output_write(&output, NULL, document, stdout, err)
                                      : show_recovery(&output, document, err);
}

/* --- recovered ------------------------------------------------------------------------------- */

static const json_t *find_agent(const json_t *document, const char *name) {
    const json_t *rows = document_at(document, "agents");
    for (size_t i = 0; i < json_array_size(rows); i++) {
        if (strcmp(document_text(json_array_get(rows, i), "name"), name) == 0) {
            return json_array_get(rows, i);
        }
    }
    return NULL;
}

/* What it means, before anybody answers yes. */
static status_t explain(remote_t *remote, const char *name, error_t *err) {
    CLEANUP(document_release) json_t *document = NULL;
    TRY(remote_ask(remote, "coordinator.recovery", json_object(), &document, err));
    const json_t *agent = find_agent(document, name);
    FILE *talk = remote_talk(remote);
    CLEANUP(buffer_free) buffer_t text = {0};
    buffer_text(&text, "agent ");
    output_escape(name, &text);
    if (agent != NULL) {
        buffer_format(&text, ": %s, %s; the catalog has its reports up to number %" PRId64 ".\n",
                      document_text(agent, "standing"),
                      document_flag(agent, "online") ? "connected" : "not connected",
                      document_number(agent, "acknowledged"));
    } else {
        buffer_text(&text, " is not among those that are waited for.\n");
    }
    buffer_text(&text,
                "Going on without it means: what it did since the copy was made is not known here "
                "until it\ncomes back; tasks that it settled stand as the copy has them and are "
                "tried again; each\ntenant's own ledger and fence keep that from being done "
                "twice.\n");
    return output_flush(&text, talk, err);
}

status_t handle_coordinator_recovered(const command_input_t *input, error_t *err) {
    const char *name = command_text(input, "without");
    const confirm_streams_t streams = confirm_terminal();
    CLEANUP(remote_destroy_p) remote_t *remote = NULL;
    CLEANUP(document_release) json_t *answer = NULL;
    TRY(remote_open(input, &remote, err));
    TRY(explain(remote, name, err));
    TRY(confirm(input, &streams, "Go on without it?", err));
    TRY(remote_order(
        remote, "coordinator.recovered",
        json_pack("{s:s,s:s}", "without", name, "reason", command_text(input, "reason")), &answer,
        err));
    const output_t output = remote_output(remote);
    if (output.form == OUTPUT_JSON) {
        return output_write(&output, NULL, answer, stdout, err);
    }
    output_say("the catalog waits for %s no longer", name);
    return STATUS_OK;
}

/* --- saved ----------------------------------------------------------------------------------- */

status_t handle_coordinator_saved(const command_input_t *input, error_t *err) {
    int64_t now_us = clock_wall_us();
    int64_t at_us = now_us;
    const char *text = command_text(input, "at");
    CLEANUP(remote_destroy_p) remote_t *remote = NULL;
    CLEANUP(document_release) json_t *answer = NULL;
    if (text != NULL) {
        const moment_text_t moment = {.what = "--at", .text = text, .now_us = now_us};
        TRY(moment_parse(&moment, &at_us, err));
    }
    TRY(remote_open(input, &remote, err));
    TRY(remote_order(remote, "coordinator.saved",
                     text != NULL ? json_pack("{s:I}", "at_us", (json_int_t)at_us) : json_object(),
                     &answer, err));
    const output_t output = remote_output(remote);
    if (output.form == OUTPUT_JSON) {
        return output_write(&output, NULL, answer, stdout, err);
    }
    output_say("agents may forget reports of rollouts that closed before the copy was made");
    return STATUS_OK;
}
