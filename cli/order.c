/* order.c: see order.h. */
#include "cli/order.h"
#include "cli/confirm.h"
#include "cli/plan.h"
#include "cli/standing.h"
#include "cli/watch.h"

#include <inttypes.h>

static status_t get_plan(remote_t *remote, const order_t *order, const json_t *arguments,
                         json_t **ret_plan, error_t *err) {
    if (order->plan != NULL) {
        *ret_plan = json_deep_copy(order->plan);
        return *ret_plan != NULL ? STATUS_OK
                                 : error_set(err, ERROR_NO_MEMORY, "no memory for a plan");
    }
    json_t *asked = json_copy((json_t *)(uintptr_t)arguments);
    if (asked != NULL && order->sql == ORDER_SQL_HIDDEN &&
        json_object_set_new(asked, "sql", json_false()) != 0) {
        json_decref(asked);
        asked = NULL;
    }
    return remote_ask(remote, order->plan_verb, asked, ret_plan, err);
}

static status_t show_plan(remote_t *remote, const order_t *order, const json_t *plan,
                          error_t *err) {
    CLEANUP(buffer_free) buffer_t text = {0};
    const output_t speech = remote_speech(remote);
    TRY(plan_show(&speech, plan, order->brief, &text, err));
    buffer_text(&text, "\n");
    return output_flush(&text, remote_talk(remote), err);
}

/* Losing rows takes a word of its own; --yes is not that word. */
static status_t check_loss(const json_t *plan, const json_t *more, error_t *err) {
    CLEANUP(buffer_free) buffer_t when = {0};
    const output_t output = {0};
    if (document_number(plan, "data_loss.oldest_us") <= 0 ||
        document_flag(more, "accept_data_loss")) {
        return STATUS_OK;
    }
    output_cell(&output, COLUMN_TIME, document_at(plan, "data_loss.oldest_us"), &when);
    return error_set(err, ERROR_RESTORE_REFUSED, "rows written since %s would be lost",
                     buffer_string(&when));
}

/* Show what would happen and have it agreed to; more then names the plan that was agreed to. */
static status_t agree(remote_t *remote, const command_input_t *input, const order_t *order,
                      const json_t *arguments, json_t *more, error_t *err) {
    const confirm_streams_t streams = confirm_terminal();
    CLEANUP(document_release) json_t *plan = NULL;
    CLEANUP(buffer_free) buffer_t question = {0};
    if (order->plan_verb == NULL && order->plan == NULL) {
        return order->question != NULL ? confirm(input, &streams, order->question, err) : STATUS_OK;
    }
    TRY(get_plan(remote, order, arguments, &plan, err));
    TRY(show_plan(remote, order, plan, err));
    TRY(check_loss(plan, more, err));
    plan_question(plan, &question);
    TRY(buffer_check(&question, err));
    TRY(confirm(input, &streams, buffer_string(&question), err));
    /* what --yes waves through is the order, whatever the plan has become by then */
    bool named = !order->loose && (order->plan != NULL || !command_switch(input, "yes"));
    if (named && json_object_set_new(more, "plan_digest",
                                     json_string(document_text(plan, "plan_digest"))) != 0) {
        return error_set(err, ERROR_NO_MEMORY, "no memory for an order");
    }
    return STATUS_OK;
}

static status_t say_started(remote_t *remote, const json_t *answer, error_t *err) {
    CLEANUP(buffer_free) buffer_t text = {0};
    char id[OUTPUT_ID_SIZE];
    buffer_text(&text, "rollout ");
    output_escape(document_text(answer, "name"), &text);
    int64_t work = document_number(answer, "totals.work");
    buffer_format(&text, " (%s) %s: %" PRId64 " tenant%s with work, ", standing_id(answer, id),
                  document_text(answer, "state"), work, work == 1 ? "" : "s");
    if (document_number(answer, "totals.look") > 0) {
        buffer_format(&text, "%" PRId64 " looked at, ", document_number(answer, "totals.look"));
    }
    buffer_format(&text, "%" PRId64 " passed over, %" PRId64 " refused\n",
                  document_number(answer, "totals.not_needed"),
                  document_number(answer, "totals.refused"));
    return output_flush(&text, remote_talk(remote), err);
}

status_t order_run(remote_t *remote, const command_input_t *input, const order_t *order,
                   json_t *arguments, json_t *more, error_t *err) {
    CLEANUP(document_release) json_t *asked = arguments;
    CLEANUP(document_release) json_t *extras = more;
    CLEANUP(document_release) json_t *answer = NULL;
    const output_t output = remote_output(remote);
    watch_options_t options;
    char id[OUTPUT_ID_SIZE];
    if (asked == NULL || extras == NULL) {
        return error_set(err, ERROR_INVALID, "an argument is no UTF-8, or no memory");
    }
    TRY(watch_options_of(input, &options, err));
    TRY(agree(remote, input, order, asked, extras, err));
    if (json_object_update(extras, asked) != 0) {
        return error_set(err, ERROR_NO_MEMORY, "no memory for an order");
    }
    TRY(remote_order(remote, order->start_verb, TAKE(extras), &answer, err));
    bool wait = command_switch(input, "wait");
    if (output.form == OUTPUT_JSON && !wait) {
        return output_write(&output, NULL, answer, stdout, err);
    }
    TRY(say_started(remote, answer, err));
    if (wait) {
        return watch_rollout(remote, document_text(answer, "rollout"), &options, err);
    }
    output_say("follow it with 'drover rollout watch %s'", standing_id(answer, id));
    return STATUS_OK;
}
