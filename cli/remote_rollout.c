/* remote_rollout.c: drover rollout plan|start|watch|status|list|failures. */
#include "cli/handlers.h"
#include "cli/order.h"
#include "cli/plan.h"
#include "cli/standing.h"
#include "cli/watch.h"

#include <inttypes.h>
#include <string.h>

/* A plan's document as JSON, or as people read it. */
static status_t show_plan(remote_t *remote, const json_t *plan, error_t *err) {
    CLEANUP(buffer_free) buffer_t text = {0};
    const output_t output = remote_output(remote);
    if (output.form == OUTPUT_JSON) {
        return output_write(&output, NULL, plan, stdout, err);
    }
    TRY(plan_show(&output, plan, false, &text, err));
    return output_flush(&text, stdout, err);
}

/* --bundle, else what the file itself names by a path. */
static const char *bundle_of(const command_input_t *input, const plan_source_t *source) {
    const char *bundle = command_text(input, "bundle");
    return bundle != NULL ? bundle : source->bundle;
}

/* --look, beside what the spec itself says. */
static json_t *look_of(const command_input_t *input) {
    return command_switch(input, "look") ? json_true() : NULL;
}

status_t handle_rollout_plan(const command_input_t *input, error_t *err) {
    const char *out = command_text(input, "out");
    CLEANUP(plan_source_free) plan_source_t source = {0};
    CLEANUP(remote_destroy_p) remote_t *remote = NULL;
    CLEANUP(document_release) json_t *plan = NULL;
    TRY(plan_open(command_argument(input, 0), &source, err));
    TRY(remote_open(input, &remote, err));
    TRY(remote_ask(remote, "rollout.plan",
                   json_pack("{s:s,s:s*,s:o*,s:b}", "spec", source.spec, "bundle",
                             bundle_of(input, &source), "look", look_of(input), "sql",
                             !command_switch(input, "no-sql")),
                   &plan, err));
    if (out != NULL) {
        TRY(plan_save(plan, out, err));
    }
    TRY(show_plan(remote, plan, err));
    if (out != NULL) {
        output_say("saved; start it with 'drover rollout start %s'", out);
    }
    return STATUS_OK;
}

status_t handle_rollout_start(const command_input_t *input, error_t *err) {
    CLEANUP(plan_source_free) plan_source_t source = {0};
    CLEANUP(remote_destroy_p) remote_t *remote = NULL;
    TRY(plan_open(command_argument(input, 0), &source, err));
    if (source.plan != NULL && command_text(input, "bundle") != NULL) {
        return error_set(err, ERROR_USAGE, "--bundle: a saved plan has its bundle");
    }
    if (source.plan != NULL && command_switch(input, "look")) {
        return error_set(err, ERROR_USAGE,
                         "--look: a saved plan says who is looked at: make it with --look");
    }
    TRY(remote_open(input, &remote, err));
    /* nobody is there to read a plan where --yes is given for a spec: the start says what it does
     */
    bool unread = command_switch(input, "yes") && source.plan == NULL;
    const order_way_t way = {.verb = "rollout.start",
                             .kind = ORDER_ROLLOUT,
                             .plan_kind = "forward",
                             .plan_verb = "rollout.plan",
                             .spec = source.read,
                             .plan = source.plan,
                             .quiet = unread,
                             .sql = ORDER_SQL_HIDDEN,
                             .brief = true};
    return order_run(remote, input, &way,
                     json_pack("{s:s,s:s*,s:o*}", "spec", source.spec, "bundle",
                               bundle_of(input, &source), "look", look_of(input)),
                     json_pack("{s:s*,s:s*}", "name", command_text(input, "name"), "reason",
                               command_text(input, "reason")),
                     err);
}

/* How a rollout stands; without an argument the newest one. */
static status_t ask_status(remote_t *remote, const command_input_t *input, json_t **ret_status,
                           error_t *err) {
    return remote_ask(remote, "rollout.status",
                      json_pack("{s:s*}", "rollout", command_argument(input, 0)), ret_status, err);
}

status_t handle_rollout_watch(const command_input_t *input, error_t *err) {
    CLEANUP(remote_destroy_p) remote_t *remote = NULL;
    CLEANUP(document_release) json_t *status = NULL;
    const watch_options_t options = {.timeout_us = command_duration_us(input, "timeout", 0)};
    TRY(remote_open(input, &remote, err));
    TRY(ask_status(remote, input, &status, err));
    return watch_rollout(remote, document_text(status, "rollout"), &options, err);
}

/* "Next:" and the commands, on stderr. */
static void advise(const json_t *status) {
    CLEANUP(buffer_free) buffer_t advice = {0};
    standing_advice(status, &advice);
    if (advice.size > 0) {
        (void)fflush(stdout);
        (void)fprintf(stderr, "\nNext:\n%s", buffer_string(&advice));
    }
}

status_t handle_rollout_status(const command_input_t *input, error_t *err) {
    CLEANUP(remote_destroy_p) remote_t *remote = NULL;
    CLEANUP(document_release) json_t *status = NULL;
    CLEANUP(buffer_free) buffer_t text = {0};
    TRY(remote_open(input, &remote, err));
    TRY(ask_status(remote, input, &status, err));
    const output_t output = remote_output(remote);
    remote_warn_recovering(status);
    if (output.form == OUTPUT_JSON) {
        return output_write(&output, NULL, status, stdout, err);
    }
    TRY(standing_show(&output, status, &text, err));
    TRY(output_flush(&text, stdout, err));
    advise(status);
    return STATUS_OK;
}

status_t handle_rollout_list(const command_input_t *input, error_t *err) {
    static const output_column_t COLUMNS[] = {{"ROLLOUT", "rollout", COLUMN_ID},
                                              {"NAME", "name", COLUMN_TEXT},
                                              {"KIND", "kind", COLUMN_TEXT},
                                              {"APPLICATION", "application", COLUMN_TEXT},
                                              {"TO", "target_version", COLUMN_TEXT},
                                              {"STATE", "state", COLUMN_STATE},
                                              {"TENANTS", "tasks", COLUMN_NUMBER},
                                              {"WAVES", "waves", COLUMN_NUMBER},
                                              {"STARTED", "started_us", COLUMN_TIME},
                                              {"FINISHED", "finished_us", COLUMN_TIME},
                                              {"BY", "actor", COLUMN_TEXT}};
    const bool all = command_switch(input, "all");
    const output_view_t view = {OUTPUT_COLUMNS(COLUMNS), .rows = "rollouts",
                                .empty = all ? "there is no rollout"
                                             : "no rollout is open; --all shows closed ones too"};
    const remote_list_t list = {
        .verb = "rollout.list", .rows = "rollouts", .most = command_number(input, "limit", 0)};
    CLEANUP(remote_destroy_p) remote_t *remote = NULL;
    CLEANUP(document_release) json_t *document = NULL;
    TRY(remote_open(input, &remote, err));
    TRY(remote_ask_list(remote, &list, json_pack("{s:b}", "all", all), &document, err));
    const output_t output = remote_output(remote);
    remote_warn_recovering(document);
    return output_write(&output, &view, document, stdout, err);
}

/* One tenant's failure: where, at what, why, and what helps. */
static void put_failure(const output_t *output, const json_t *task, buffer_t *out) {
    int64_t attempts = document_number(task, "attempts");
    const char *version = document_text(task, "version");
    const char *sqlstate = document_text(task, "sqlstate");
    output_escape(document_text(task, "name"), out);
    buffer_text(out, " (cluster ");
    output_escape(document_text(task, "cluster"), out);
    buffer_text(out, ", database ");
    output_escape(document_text(task, "database"), out);
    buffer_text(out, "): ");
    output_state(output, document_text(task, "state"), out);
    if (document_text(task, "step")[0] != '\0') {
        buffer_text(out, " in step ");
        output_escape(document_text(task, "step"), out);
    }
    if (attempts > 0) {
        buffer_format(out, " after %" PRId64 " tr%s", attempts, attempts == 1 ? "y" : "ies");
    } else {
        buffer_text(out, ", never tried");
    }
    buffer_format(out, ", stands at %s\n", version[0] != '\0' ? version : "(empty)");
    if (document_text(task, "code")[0] != '\0') {
        buffer_text(out, "  ");
        output_escape(document_text(task, "code"), out);
        buffer_text(out, sqlstate[0] != '\0' ? " [" : "");
        output_escape(sqlstate, out);
        buffer_text(out, sqlstate[0] != '\0' ? "] " : " ");
        output_lines(document_text(task, "error"), "    ", out);
    }
    static const struct {
        const char *path;
        const char *title;
    } MORE[] = {{"notes", "NOTES"}, {"reference", "BACKUP"}, {"hint", "HINT"}};
    for (size_t i = 0; i < sizeof MORE / sizeof MORE[0]; i++) {
        if (document_text(task, MORE[i].path)[0] != '\0') {
            buffer_format(out, "  %s: ", MORE[i].title);
            output_lines(document_text(task, MORE[i].path), "    ", out);
        }
    }
}

static status_t show_failures(remote_t *remote, const json_t *status, const json_t *document,
                              error_t *err) {
    const json_t *tasks = document_at(document, "tasks");
    const output_t output = remote_output(remote);
    CLEANUP(buffer_free) buffer_t text = {0};
    size_t index = 0;
    const json_t *task = NULL;
    json_array_foreach(tasks, index, task) {
        put_failure(&output, task, &text);
    }
    standing_blockers(status, &text);
    bool waits = text.size > 0; /* where no task is listed, it is all that there is to say */
    TRY(output_flush(&text, stdout, err));
    if (json_array_size(tasks) == 0) {
        output_say("nothing failed in rollout %s%s", document_text(status, "name"),
                   waits ? " so far" : "");
        return STATUS_OK;
    }
    advise(status);
    return STATUS_OK;
}

/* The states that are shown. Tenants that were out of reach are among the skipped; where a rollout
 * was ended before its time, those are the ones that it never came to. */
static json_t *failure_states(const json_t *status) {
    const char *state = document_text(status, "state");
    bool cut = strcmp(state, "stopped") == 0 || strcmp(state, "stopping") == 0 ||
               strcmp(state, "failed") == 0;
    return json_pack("[s,s,s,s,s,s*]", "failed", "refused", "unknown", "outstanding", "waiting",
                     cut ? NULL : "skipped");
}

status_t handle_rollout_failures(const command_input_t *input, error_t *err) {
    const remote_list_t list = {
        .verb = "rollout.tasks", .rows = "tasks", .most = command_number(input, "limit", 0)};
    CLEANUP(remote_destroy_p) remote_t *remote = NULL;
    CLEANUP(document_release) json_t *status = NULL;
    CLEANUP(document_release) json_t *document = NULL;
    TRY(remote_open(input, &remote, err));
    TRY(ask_status(remote, input, &status, err));
    TRY(remote_ask_list(remote, &list,
                        json_pack("{s:s,s:o}", "rollout", document_text(status, "rollout"),
                                  "states", failure_states(status)),
                        &document, err));
    const output_t output = remote_output(remote);
    return output.form == OUTPUT_JSON ? output_write(&output, NULL, document, stdout, err)
                                      : show_failures(remote, status, document, err);
}
