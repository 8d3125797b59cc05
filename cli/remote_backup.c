/* remote_backup.c: drover backup create|list|show|check|restore|prune. */
#include "cli/handlers.h"
#include "cli/order.h"

#include <string.h>

static json_t *name_and_reason(const command_input_t *input) {
    return json_pack("{s:s*}", "reason", command_text(input, "reason"));
}

static status_t run_order(const command_input_t *input, const order_way_t *way, json_t *arguments,
                          json_t *more, error_t *err) {
    CLEANUP(document_release) json_t *owned = arguments;
    CLEANUP(document_release) json_t *extras = more;
    CLEANUP(remote_destroy_p) remote_t *remote = NULL;
    TRY(remote_open(input, &remote, err));
    return order_run(remote, input, way, TAKE(owned), TAKE(extras), err);
}

/* Exactly one of --select and --tenant. */
static status_t check_whose(const command_input_t *input, error_t *err) {
    bool select = command_text(input, "select") != NULL;
    bool tenant = command_text(input, "tenant") != NULL;
    if (select == tenant) {
        return error_set(err, ERROR_USAGE, "drover backup: whose? %s",
                         select ? "--select or --tenant, not both" : "--select or --tenant");
    }
    return STATUS_OK;
}

status_t handle_backup_create(const command_input_t *input, error_t *err) {
    const order_way_t way = {
        .verb = "backup.create", .kind = ORDER_BACKUP, .plan_kind = "backup", .quiet = true};
    TRY(check_whose(input, err));
    return run_order(input, &way,
                     json_pack("{s:s*,s:s*,s:s*}", "select", command_text(input, "select"),
                               "tenant", command_text(input, "tenant"), "application",
                               command_text(input, "application")),
                     name_and_reason(input), err);
}

status_t handle_backup_list(const command_input_t *input, error_t *err) {
    static const output_column_t COLUMNS[] = {
        {"TENANT", "name", COLUMN_TEXT},      {"TAKEN", "taken_us", COLUMN_TIME},
        {"KIND", "kind", COLUMN_TEXT},        {"VERIFIED", "verified", COLUMN_STATE},
        {"SIZE", "size_bytes", COLUMN_BYTES}, {"POSITION", "position", COLUMN_NUMBER},
        {"AGENT", "agent", COLUMN_TEXT},      {"ROLLOUT", "rollout", COLUMN_ID},
        {"PRUNED", "pruned_us", COLUMN_TIME}, {"BACKUP", "backup", COLUMN_TEXT}};
    const output_view_t view = {OUTPUT_COLUMNS(COLUMNS), .rows = "backups", .empty = "no backup"};
    const remote_list_t list = {
        .verb = "backup.list", .rows = "backups", .most = command_number(input, "limit", 0)};
    CLEANUP(remote_destroy_p) remote_t *remote = NULL;
    CLEANUP(document_release) json_t *document = NULL;
    TRY(remote_open(input, &remote, err));
    json_t *arguments =
        json_pack("{s:s*,s:s*,s:s*}", "tenant", command_argument(input, 0), "select",
                  command_text(input, "select"), "rollout", command_text(input, "rollout"));
    if (command_switch(input, "pruned")) {
        (void)json_object_set_new(arguments, "pruned", json_true());
    }
    TRY(remote_ask_list(remote, &list, arguments, &document, err));
    const output_t output = remote_output(remote);
    return output_write(&output, &view, document, stdout, err);
}

status_t handle_backup_show(const command_input_t *input, error_t *err) {
    static const output_column_t PAIRS[] = {
        {"backup", "backup", COLUMN_TEXT},    {"tenant", "name", COLUMN_TEXT},
        {"tenant id", "tenant", COLUMN_TEXT}, {"agent", "agent", COLUMN_TEXT},
        {"kind", "kind", COLUMN_TEXT},        {"taken", "taken_us", COLUMN_TIME},
        {"lsn", "lsn", COLUMN_TEXT},          {"verified", "verified", COLUMN_STATE},
        {"size", "size_bytes", COLUMN_BYTES}, {"position", "position", COLUMN_NUMBER},
        {"digest", "digest", COLUMN_TEXT},    {"rollout", "rollout", COLUMN_TEXT},
        {"pruned", "pruned", COLUMN_TEXT}};
    const output_view_t view = {OUTPUT_COLUMNS(PAIRS)};
    CLEANUP(remote_destroy_p) remote_t *remote = NULL;
    CLEANUP(document_release) json_t *document = NULL;
    CLEANUP(buffer_free) buffer_t text = {0};
    TRY(remote_open(input, &remote, err));
    TRY(remote_ask(remote, "backup.show",
                   json_pack("{s:s,s:s*}", "backup", command_argument(input, 0), "tenant",
                             command_text(input, "tenant")),
                   &document, err));
    const output_t output = remote_output(remote);
    if (output.form == OUTPUT_JSON) {
        return output_write(&output, NULL, document, stdout, err);
    }
    output_pairs(&output, &view, document_at(document, "backup"), &text);
    return output_flush(&text, stdout, err);
}

status_t handle_backup_check(const command_input_t *input, error_t *err) {
    const order_way_t way = {
        .verb = "backup.check", .kind = ORDER_BACKUP, .plan_kind = "backup_check", .quiet = true};
    json_t *arguments = json_pack("{s:s,s:s*}", "backup", command_argument(input, 0), "tenant",
                                  command_text(input, "tenant"));
    return run_order(input, &way, arguments, name_and_reason(input), err);
}

/* Ask with the backup before one's eyes: which tenant, taken when. */
static status_t restore_question(remote_t *remote, const command_input_t *input, buffer_t *out,
                                 error_t *err) {
    CLEANUP(document_release) json_t *document = NULL;
    TRY(remote_ask(remote, "backup.show",
                   json_pack("{s:s,s:s*}", "backup", command_argument(input, 0), "tenant",
                             command_text(input, "tenant")),
                   &document, err));
    const output_t speech = remote_speech(remote);
    buffer_text(out, "bring tenant '");
    output_escape(document_text(document, "backup.name"), out);
    buffer_text(out, "' back to its backup of ");
    output_cell(&speech, COLUMN_TIME, document_at(document, "backup.taken_us"), out);
    buffer_text(out, command_switch(input, "accept-data-loss") ? ", losing every row written since?"
                                                               : ", if nothing was written since?");
    return buffer_check(out, err);
}

status_t handle_backup_restore(const command_input_t *input, error_t *err) {
    CLEANUP(remote_destroy_p) remote_t *remote = NULL;
    CLEANUP(buffer_free) buffer_t question = {0};
    TRY(remote_open(input, &remote, err));
    TRY(restore_question(remote, input, &question, err));
    const order_way_t way = {.verb = "backup.restore",
                             .kind = ORDER_RESTORE,
                             .plan_kind = "restore",
                             .question = buffer_string(&question),
                             .quiet = true};
    json_t *more = name_and_reason(input);
    if (command_switch(input, "accept-data-loss")) {
        (void)json_object_set_new(more, "accept_data_loss", json_true());
    }
    return order_run(remote, input, &way,
                     json_pack("{s:s,s:s*}", "backup", command_argument(input, 0), "tenant",
                               command_text(input, "tenant")),
                     more, err);
}

static json_t *prune_arguments(const command_input_t *input) {
    int64_t keep_us = command_duration_us(input, "keep", 0);
    int64_t count = command_number(input, "keep-count", 0);
    json_t *arguments = json_pack("{s:s*,s:s*}", "select", command_text(input, "select"),
                                  "application", command_text(input, "application"));
    if (keep_us > 0) {
        (void)json_object_set_new(arguments, "keep_us", json_integer(keep_us));
    }
    if (count > 0) {
        (void)json_object_set_new(arguments, "keep_count", json_integer(count));
    }
    return arguments;
}

static status_t dry_run(const command_input_t *input, error_t *err) {
    static const output_column_t COLUMNS[] = {{"TENANT", "name", COLUMN_TEXT},
                                              {"TAKEN", "taken_us", COLUMN_TIME},
                                              {"SIZE", "size_bytes", COLUMN_BYTES},
                                              {"AGENT", "agent", COLUMN_TEXT},
                                              {"BACKUP", "backup", COLUMN_TEXT}};
    const output_view_t view = {OUTPUT_COLUMNS(COLUMNS), .rows = "backups",
                                .empty = "no backup is past what is kept"};
    CLEANUP(remote_destroy_p) remote_t *remote = NULL;
    CLEANUP(document_release) json_t *plan = NULL;
    if (command_text(input, "keep") == NULL && command_text(input, "keep-count") == NULL) {
        return error_set(err, ERROR_USAGE,
                         "drover backup prune --dry-run: needs --keep, --keep-count or both: each "
                         "agent's own retention stands in its agent.yaml");
    }
    TRY(remote_open(input, &remote, err));
    TRY(remote_ask(remote, "backup.prune_plan", prune_arguments(input), &plan, err));
    const output_t output = remote_output(remote);
    return output_write(&output, &view, plan, stdout, err);
}

status_t handle_backup_prune(const command_input_t *input, error_t *err) {
    const order_way_t way = {.verb = "backup.prune",
                             .kind = ORDER_PRUNE,
                             .plan_kind = "prune",
                             .list_verb = "backup.prune_plan",
                             .brief = true};
    if (command_switch(input, "dry-run")) {
        return dry_run(input, err);
    }
    return run_order(input, &way, prune_arguments(input), name_and_reason(input), err);
}
