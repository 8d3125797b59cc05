/* remote_fleet.c: drover coordinator, tenants, tenant show, agents, clusters, history, audit log.
 */
#include "cli/handlers.h"
#include "cli/moment.h"
#include "cli/remote.h"
#include "common/base/clock.h"

#include <string.h>

/* Ask a verb without arguments and show its rows. */
static status_t show_list(const command_input_t *input, const char *verb, const output_view_t *view,
                          error_t *err) {
    CLEANUP(remote_destroy_p) remote_t *remote = NULL;
    CLEANUP(document_release) json_t *document = NULL;
    TRY(remote_open(input, &remote, err));
    TRY(remote_ask(remote, verb, json_object(), &document, err));
    const output_t output = remote_output(remote);
    return output_write(&output, view, document, stdout, err);
}

static status_t no_memory(error_t *err) {
    return error_set(err, ERROR_NO_MEMORY, "no memory for a table");
}

/* What an operator should know of a tenant first. */
static const char *condition_of(const json_t *tenant) {
    return document_flag(tenant, "gone")                      ? "gone"
           : document_flag(tenant, "clone")                   ? "clone"
           : document_text(tenant, "problem_code")[0] != '\0' ? "quarantined"
           : document_flag(tenant, "late")                    ? "late"
                                                              : "ok";
}

/* "region=eu,tier=gold", in the document's order. */
static json_t *labels_text(const json_t *labels) {
    CLEANUP(buffer_free) buffer_t text = {0};
    const char *key = NULL;
    json_t *value = NULL;
    json_object_foreach((json_t *)(uintptr_t)labels, key, value) {
        buffer_format(&text, "%s%s=%s", text.size > 0 ? "," : "", key,
                      json_is_string(value) ? json_string_value(value) : "");
    }
    return json_string(buffer_string(&text));
}

/* Add a row for each of a tenant's applications, or one where it has none. */
static status_t add_tenant(json_t *rows, const json_t *tenant, error_t *err) {
    const json_t *applications = document_at(tenant, "applications");
    size_t count = json_array_size(applications);
    for (size_t i = 0; i < (count > 0 ? count : 1); i++) {
        const json_t *application = json_array_get(applications, i);
        json_t *row = json_copy((json_t *)(uintptr_t)tenant);
        const char *version = document_text(application, "version");
        if (row == NULL || json_array_append_new(rows, row) != 0 ||
            json_object_set_new(row, "condition", json_string(condition_of(tenant))) != 0 ||
            json_object_set_new(row, "labels", labels_text(document_at(tenant, "labels"))) != 0) {
            return no_memory(err);
        }
        if (application != NULL &&
            (json_object_set_new(row, "application",
                                 json_string(document_text(application, "application"))) != 0 ||
             json_object_set_new(row, "version",
                                 json_string(version[0] != '\0' ? version : "(empty)")) != 0)) {
            return no_memory(err);
        }
    }
    return STATUS_OK;
}

static status_t show_tenants(const output_t *output, const json_t *document, error_t *err) {
    static const output_column_t COLUMNS[] = {
        {"TENANT", "name", COLUMN_TEXT},       {"CLUSTER", "cluster", COLUMN_TEXT},
        {"DATABASE", "database", COLUMN_TEXT}, {"APPLICATION", "application", COLUMN_TEXT},
        {"VERSION", "version", COLUMN_TEXT},   {"CONDITION", "condition", COLUMN_STATE},
        {"SIZE", "size_bytes", COLUMN_BYTES},  {"SEEN AGO", "age_us", COLUMN_AGE},
        {"LABELS", "labels", COLUMN_TEXT}};
    const output_view_t view = {OUTPUT_COLUMNS(COLUMNS), .rows = "", .empty = "no such tenant"};
    CLEANUP(document_release) json_t *rows = json_array();
    size_t index = 0;
    const json_t *tenant = NULL;
    json_array_foreach(document_at(document, "tenants"), index, tenant) {
        TRY(add_tenant(rows, tenant, err));
    }
    return output_write(output, &view, rows, stdout, err);
}

status_t handle_tenants(const command_input_t *input, error_t *err) {
    const remote_list_t list = {
        .verb = "tenants.list", .rows = "tenants", .most = command_number(input, "limit", 0)};
    CLEANUP(remote_destroy_p) remote_t *remote = NULL;
    CLEANUP(document_release) json_t *document = NULL;
    TRY(remote_open(input, &remote, err));
    json_t *arguments = json_pack("{s:s*,s:s*}", "select", command_text(input, "select"),
                                  "application", command_text(input, "application"));
    if (command_switch(input, "gone")) {
        (void)json_object_set_new(arguments, "gone", json_true());
    }
    TRY(remote_ask_list(remote, &list, arguments, &document, err));
    const output_t output = remote_output(remote);
    return output.form == OUTPUT_JSON ? output_write(&output, NULL, document, stdout, err)
                                      : show_tenants(&output, document, err);
}

static status_t put_tenant(const output_t *output, const json_t *tenant, buffer_t *out,
                           error_t *err) {
    static const output_column_t PAIRS[] = {{"tenant", "name", COLUMN_TEXT},
                                            {"id", "tenant", COLUMN_TEXT},
                                            {"condition", "condition", COLUMN_STATE},
                                            {"problem", "problem_code", COLUMN_TEXT},
                                            {"", "problem", COLUMN_TEXT},
                                            {"cluster", "cluster", COLUMN_TEXT},
                                            {"database", "database", COLUMN_TEXT},
                                            {"schema", "schema", COLUMN_TEXT},
                                            {"agent", "agent", COLUMN_TEXT},
                                            {"labels", "labels", COLUMN_TEXT},
                                            {"size", "size_bytes", COLUMN_BYTES},
                                            {"observed", "observed_us", COLUMN_TIME},
                                            {"which is ago", "age_us", COLUMN_AGE}};
    static const output_column_t APPLICATIONS[] = {{"APPLICATION", "application", COLUMN_TEXT},
                                                   {"VERSION", "version", COLUMN_TEXT},
                                                   {"POSITION", "position", COLUMN_NUMBER},
                                                   {"GENERATION", "generation", COLUMN_NUMBER},
                                                   {"LEDGER ROW", "ledger_sequence", COLUMN_NUMBER},
                                                   {"FINGERPRINT", "fingerprint_strict", COLUMN_ID},
                                                   {"OBSERVED", "observed_us", COLUMN_TIME}};
    const output_view_t pairs = {OUTPUT_COLUMNS(PAIRS)};
    const output_view_t applications = {OUTPUT_COLUMNS(APPLICATIONS), .rows = "applications"};
    CLEANUP(document_release) json_t *shown = json_copy((json_t *)(uintptr_t)tenant);
    if (shown == NULL ||
        json_object_set_new(shown, "condition", json_string(condition_of(tenant))) != 0 ||
        json_object_set_new(shown, "labels", labels_text(document_at(tenant, "labels"))) != 0) {
        return no_memory(err);
    }
    output_pairs(output, &pairs, shown, out);
    buffer_text(out, document_count(tenant, "applications") > 0 ? "\n" : "\nno ledger\n");
    return output_table(output, &applications, tenant, out, err);
}

static status_t show_tenant(const output_t *output, const json_t *document, error_t *err) {
    static const output_column_t BACKUPS[] = {
        {"BACKUP", "backup", COLUMN_TEXT},    {"KIND", "kind", COLUMN_TEXT},
        {"TAKEN", "taken_us", COLUMN_TIME},   {"VERIFIED", "verified", COLUMN_TEXT},
        {"SIZE", "size_bytes", COLUMN_BYTES}, {"POSITION", "position", COLUMN_NUMBER}};
    static const output_column_t ROLLOUTS[] = {{"OPEN ROLLOUT", "rollout", COLUMN_ID},
                                               {"NAME", "name", COLUMN_TEXT},
                                               {"STATE", "state", COLUMN_STATE},
                                               {"ITS TASK", "task", COLUMN_STATE}};
    const output_view_t backups = {OUTPUT_COLUMNS(BACKUPS), .rows = "backups"};
    const output_view_t rollouts = {OUTPUT_COLUMNS(ROLLOUTS), .rows = "open_rollouts"};
    CLEANUP(buffer_free) buffer_t text = {0};
    TRY(put_tenant(output, document_at(document, "tenant"), &text, err));
    buffer_text(&text, document_count(document, "open_rollouts") > 0 ? "\n" : "");
    TRY(output_table(output, &rollouts, document, &text, err));
    buffer_text(&text, document_count(document, "backups") > 0 ? "\n" : "\nno backup\n");
    TRY(output_table(output, &backups, document, &text, err));
    return output_flush(&text, stdout, err);
}

status_t handle_tenant_show(const command_input_t *input, error_t *err) {
    CLEANUP(remote_destroy_p) remote_t *remote = NULL;
    CLEANUP(document_release) json_t *document = NULL;
    TRY(remote_open(input, &remote, err));
    TRY(remote_ask(remote, "tenant.show", json_pack("{s:s}", "tenant", command_argument(input, 0)),
                   &document, err));
    const output_t output = remote_output(remote);
    return output.form == OUTPUT_JSON ? output_write(&output, NULL, document, stdout, err)
                                      : show_tenant(&output, document, err);
}

/* "no", "all", or the applications that are. */
static status_t put_held(json_t *shown, const json_t *document, error_t *err) {
    const json_t *applications = document_at(document, "held_applications");
    CLEANUP(buffer_free) buffer_t text = {0};
    for (size_t i = 0; i < json_array_size(applications); i++) {
        const char *name = json_string_value(json_array_get(applications, i));
        buffer_format(&text, "%s%s", i > 0 ? ", " : "", name != NULL ? name : "");
    }
    if (text.size == 0) {
        buffer_text(&text, document_flag(document, "held") ? "all" : "no");
    }
    TRY(buffer_check(&text, err));
    return json_object_set_new(shown, "held", json_string(buffer_string(&text))) == 0
               ? STATUS_OK
               : no_memory(err);
}

static status_t show_coordinator(const output_t *output, const json_t *document, error_t *err) {
    static const output_column_t PAIRS[] = {{"CATALOG", "catalog", COLUMN_TEXT},
                                            {"ITS CLOCK", "now_us", COLUMN_TIME},
                                            {"TRUST FILE", "trust.version", COLUMN_NUMBER},
                                            {"EXPIRES", "trust.expires_us", COLUMN_TIME},
                                            {"FRESHNESS", "trust.freshness", COLUMN_STATE},
                                            {"HELD", "held", COLUMN_TEXT},
                                            {"OPEN ROLLOUTS", "open_rollouts", COLUMN_NUMBER},
                                            {"AGENTS", "agents", COLUMN_NUMBER},
                                            {"CLUSTERS", "clusters", COLUMN_NUMBER},
                                            {"TENANTS", "tenants", COLUMN_NUMBER}};
    const output_view_t pairs = {OUTPUT_COLUMNS(PAIRS)};
    const char *freshness = document_text(document, "trust.freshness");
    CLEANUP(buffer_free) buffer_t text = {0};
    CLEANUP(document_release) json_t *shown = json_copy((json_t *)(uintptr_t)document);
    if (shown == NULL) {
        return no_memory(err);
    }
    TRY(put_held(shown, document, err));
    output_pairs(output, &pairs, shown, &text);
    TRY(output_flush(&text, stdout, err));
    if (strcmp(freshness, "fresh") != 0) {
        output_say("WARNING: the trust file %s: 'drover trust renew' writes the next one, for the "
                   "root holders to sign",
                   strcmp(freshness, "expired") == 0 ? "has expired" : freshness);
    }
    return STATUS_OK;
}

status_t handle_coordinator(const command_input_t *input, error_t *err) {
    CLEANUP(remote_destroy_p) remote_t *remote = NULL;
    CLEANUP(document_release) json_t *document = NULL;
    TRY(remote_open(input, &remote, err));
    TRY(remote_ask(remote, "coordinator.show", json_object(), &document, err));
    remote_warn_recovering(document);
    const output_t output = remote_output(remote);
    return output.form == OUTPUT_JSON ? output_write(&output, NULL, document, stdout, err)
                                      : show_coordinator(&output, document, err);
}

status_t handle_agents(const command_input_t *input, error_t *err) {
    static const output_column_t COLUMNS[] = {
        {"AGENT", "name", COLUMN_TEXT},           {"CLUSTERS", "clusters", COLUMN_TEXT},
        {"TENANTS", "tenants", COLUMN_NUMBER},    {"LAST SEEN", "last_seen_us", COLUMN_TIME},
        {"SILENT FOR", "silence_us", COLUMN_AGE}, {"LATE", "late", COLUMN_YES},
        {"SUSPENDED", "suspended", COLUMN_YES},   {"SOFTWARE", "software", COLUMN_TEXT},
        {"PROTOCOL", "protocol", COLUMN_NUMBER},  {"KEY", "key", COLUMN_ID},
        {"PROBLEM", "problem", COLUMN_TEXT}};
    const output_view_t view = {OUTPUT_COLUMNS(COLUMNS), .rows = "agents",
                                .empty = "no agent was ever seen: 'drover agents pending' lists "
                                         "those that ask"};
    return show_list(input, "agents.list", &view, err);
}

status_t handle_clusters(const command_input_t *input, error_t *err) {
    static const output_column_t COLUMNS[] = {{"CLUSTER", "name", COLUMN_TEXT},
                                              {"SERVER", "server_version", COLUMN_NUMBER},
                                              {"TIMELINE", "timeline", COLUMN_NUMBER},
                                              {"TENANTS", "tenants", COLUMN_NUMBER},
                                              {"PARALLEL", "parallel", COLUMN_NUMBER},
                                              {"AGENT", "agent", COLUMN_TEXT},
                                              {"LEASED", "leased", COLUMN_YES},
                                              {"LAST SEEN", "last_seen_us", COLUMN_TIME},
                                              {"ID", "id", COLUMN_TEXT},
                                              {"PROBLEM", "problem", COLUMN_TEXT}};
    const output_view_t view = {OUTPUT_COLUMNS(COLUMNS), .rows = "clusters",
                                .empty = "no agent has told of a cluster"};
    return show_list(input, "clusters.list", &view, err);
}

status_t handle_history(const command_input_t *input, error_t *err) {
    static const output_column_t COLUMNS[] = {
        {"TIME", "time_us", COLUMN_TIME}, {"WHAT", "action", COLUMN_TEXT},
        {"STEP", "step", COLUMN_TEXT},    {"OUTCOME", "outcome", COLUMN_STATE},
        {"AT", "version", COLUMN_TEXT},   {"ROLLOUT", "rollout_name", COLUMN_TEXT},
        {"BY", "actor", COLUMN_TEXT},     {"AGENT", "agent", COLUMN_TEXT},
        {"SQL", "sql_digest", COLUMN_ID}, {"SQLSTATE", "sqlstate", COLUMN_TEXT},
        {"CODE", "code", COLUMN_TEXT},    {"MESSAGE", "message", COLUMN_TEXT}};
    const output_view_t view = {OUTPUT_COLUMNS(COLUMNS), .rows = "events",
                                .empty = "nothing was ever done to this tenant"};
    const remote_list_t list = {
        .verb = "history", .rows = "events", .most = command_number(input, "limit", 0)};
    CLEANUP(remote_destroy_p) remote_t *remote = NULL;
    CLEANUP(document_release) json_t *document = NULL;
    TRY(remote_open(input, &remote, err));
    TRY(remote_ask_list(remote, &list, json_pack("{s:s}", "tenant", command_argument(input, 0)),
                        &document, err));
    const output_t output = remote_output(remote);
    return output_write(&output, &view, document, stdout, err);
}

/* --since or --until as an argument, where it was given. */
static status_t add_moment(const command_input_t *input, const char *flag, int64_t now_us,
                           json_t *arguments, error_t *err) {
    char what[16];
    char name[16];
    int64_t us = 0;
    if (command_text(input, flag) == NULL) {
        return STATUS_OK;
    }
    (void)snprintf(what, sizeof what, "--%s", flag);
    (void)snprintf(name, sizeof name, "%s_us", flag);
    const moment_text_t moment = {
        .what = what, .text = command_text(input, flag), .now_us = now_us};
    TRY(moment_parse(&moment, &us, err));
    return json_object_set_new(arguments, name, json_integer(us)) == 0 ? STATUS_OK : no_memory(err);
}

static status_t audit_arguments(const command_input_t *input, json_t **ret_arguments,
                                error_t *err) {
    int64_t now_us = clock_wall_us();
    CLEANUP(document_release) json_t *arguments = NULL;
    TRY(document_made(json_pack("{s:s*,s:s*,s:s*,s:s*}", "tenant", command_text(input, "tenant"),
                                "actor", command_text(input, "actor"), "action",
                                command_text(input, "action"), "rollout",
                                command_text(input, "rollout")),
                      &arguments, err));
    TRY(add_moment(input, "since", now_us, arguments, err));
    TRY(add_moment(input, "until", now_us, arguments, err));
    *ret_arguments = TAKE(arguments);
    return STATUS_OK;
}

status_t handle_audit_log(const command_input_t *input, error_t *err) {
    static const output_column_t COLUMNS[] = {
        {"TIME", "time_us", COLUMN_TIME},  {"WHO", "actor", COLUMN_TEXT},
        {"FROM", "origin", COLUMN_TEXT},   {"WHAT", "action", COLUMN_TEXT},
        {"ROLLOUT", "rollout", COLUMN_ID}, {"TENANT", "tenant", COLUMN_TEXT},
        {"SQL", "sql_digest", COLUMN_ID},  {"RESULT", "result", COLUMN_STATE},
        {"DETAIL", "detail", COLUMN_TEXT}};
    const output_view_t view = {OUTPUT_COLUMNS(COLUMNS), .rows = "rows",
                                .empty = "the audit log has no such row"};
    const remote_list_t list = {
        .verb = "audit.list", .rows = "rows", .most = command_number(input, "limit", 0)};
    CLEANUP(remote_destroy_p) remote_t *remote = NULL;
    CLEANUP(document_release) json_t *document = NULL;
    CLEANUP(document_release) json_t *arguments = NULL;
    bool utc = false;
    TRY(moment_use_zone(command_text(input, "zone"), &utc, err));
    TRY(audit_arguments(input, &arguments, err));
    TRY(remote_open(input, &remote, err));
    TRY(remote_ask_list(remote, &list, TAKE(arguments), &document, err));
    output_t output = remote_output(remote);
    output.utc = utc;
    return output_write(&output, &view, document, stdout, err);
}
