/* remote_rollback.c: drover rollback and drover baseline. */
#include "cli/handlers.h"
#include "cli/order.h"

#include <string.h>

static status_t check_line(const command_input_t *input, error_t *err) {
    const bool by_rollout = command_argument(input, 0) != NULL;
    const bool select = command_text(input, "select") != NULL;
    const bool to = command_text(input, "to") != NULL;
    if (by_rollout && (select || to)) {
        return error_set(err, ERROR_USAGE,
                         "drover rollback: either a ROLLOUT, or --select with --to, not both");
    }
    if (!by_rollout && select != to) {
        return error_set(err, ERROR_USAGE, "drover rollback: --%s is missing",
                         select ? "to" : "select");
    }
    if (!by_rollout && !select) {
        return error_set(err, ERROR_USAGE,
                         "drover rollback: which one? a ROLLOUT, or --select with --to");
    }
    if (by_rollout &&
        (command_text(input, "application") != NULL || command_text(input, "bundle") != NULL)) {
        return error_set(err, ERROR_USAGE,
                         "drover rollback: --application and --bundle go with "
                         "--select; a ROLLOUT has its own");
    }
    return STATUS_OK;
}

status_t handle_rollback(const command_input_t *input, error_t *err) {
    bool restores = strcmp(command_text(input, "method"), "restore") == 0;
    const order_way_t way = {.verb = "rollback.start",
                             .kind = restores ? ORDER_RESTORE : ORDER_ROLLBACK,
                             .plan_kind = restores ? "restore" : "undo",
                             .plan_verb = "rollback.plan",
                             .sql = command_switch(input, "no-sql") ? ORDER_SQL_HIDDEN
                                                                    : ORDER_SQL_SHOWN};
    CLEANUP(remote_destroy_p) remote_t *remote = NULL;
    TRY(check_line(input, err));
    TRY(remote_open(input, &remote, err));
    json_t *more = json_pack("{s:s*,s:s*}", "name", command_text(input, "name"), "reason",
                             command_text(input, "reason"));
    if (command_switch(input, "accept-data-loss")) {
        (void)json_object_set_new(more, "accept_data_loss", json_true());
    }
    return order_run(
        remote, input, &way,
        json_pack("{s:s*,s:s*,s:s*,s:s*,s:s*,s:s}", "rollout", command_argument(input, 0), "select",
                  command_text(input, "select"), "to", command_text(input, "to"), "application",
                  command_text(input, "application"), "bundle", command_text(input, "bundle"),
                  "method", command_text(input, "method")),
        more, err);
}

/* The one application that bundles were pushed of, where nobody names one. */
static status_t only_application(remote_t *remote, json_t **ret_name, error_t *err) {
    CLEANUP(document_release) json_t *bundles = NULL;
    const char *only = "";
    size_t index = 0;
    const json_t *row = NULL;
    TRY(remote_ask(remote, "bundles.list", json_object(), &bundles, err));
    json_array_foreach(document_at(bundles, "bundles"), index, row) {
        const char *application = document_text(row, "application");
        if (only[0] != '\0' && strcmp(only, application) != 0) {
            return error_set(err, ERROR_USAGE,
                             "drover baseline: bundles of '%.64s' and '%.64s' were pushed: name "
                             "one with --application or --bundle",
                             only, application);
        }
        only = application;
    }
    if (only[0] == '\0') {
        return error_set(err, ERROR_BUNDLE_UNKNOWN,
                         "the coordinator has no bundle: a baseline is a place in one");
    }
    return document_made(json_string(only), ret_name, err);
}

status_t handle_baseline(const command_input_t *input, error_t *err) {
    const order_way_t way = {.verb = "baseline.start",
                             .kind = ORDER_BASELINE,
                             .plan_kind = "baseline",
                             .plan_verb = "baseline.plan"};
    const char *application = command_text(input, "application");
    const char *bundle = command_text(input, "bundle");
    CLEANUP(remote_destroy_p) remote_t *remote = NULL;
    CLEANUP(document_release) json_t *only = NULL;
    if (application != NULL && bundle != NULL) {
        return error_set(err, ERROR_USAGE,
                         "drover baseline: --bundle names its application: leave out one");
    }
    TRY(remote_open(input, &remote, err));
    bundle = bundle != NULL ? bundle : application;
    if (bundle == NULL) {
        TRY(only_application(remote, &only, err));
        bundle = json_string_value(only);
    }
    return order_run(remote, input, &way,
                     json_pack("{s:s,s:s,s:s}", "select", command_text(input, "select"), "at",
                               command_text(input, "at"), "bundle", bundle),
                     json_pack("{s:s*,s:s*}", "name", command_text(input, "name"), "reason",
                               command_text(input, "reason")),
                     err);
}
