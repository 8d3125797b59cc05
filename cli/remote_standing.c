/*
 * remote_standing.c: drover standing start|approve|list|resume|end: orders that stand open until
 * they end for whoever matches their selector.
 *
 * The tenants that the coordinator counts for today are shown for orientation. What is signed is
 * the selector, and that is held against the operator's own spec (order_check.h).
 */
#include "cli/confirm.h"
#include "cli/handlers.h"
#include "cli/moment.h"
#include "cli/order.h"
#include "cli/order_at.h"
#include "cli/order_check.h"
#include "cli/order_text.h"
#include "cli/paper.h"
#include "cli/plan.h"
#include "common/base/clock.h"

#include <inttypes.h>
#include <string.h>

/* --- showing --------------------------------------------------------------------------------- */

static void put_today(const json_t *answer, buffer_t *out) {
    const json_t *names = document_at(answer, "first");
    int64_t behind = document_number(answer, "behind");
    buffer_format(out,
                  "today           %" PRId64
                  " tenants match, as the coordinator knows them, %" PRId64 " below the target",
                  document_number(answer, "matching"), behind);
    for (size_t i = 0; i < json_array_size(names); i++) {
        const char *name = json_string_value(json_array_get(names, i));
        buffer_text(out, i == 0 ? ":\n                " : ", ");
        output_escape(name != NULL ? name : "", out);
    }
    if (behind > (int64_t)json_array_size(names)) {
        buffer_format(out, " and %" PRId64 " more", behind - (int64_t)json_array_size(names));
    }
    buffer_text(out, "\nand to come     whoever matches later is moved, too, without another "
                     "signature\n");
}

static status_t show_order(remote_t *remote, const json_t *answer, const order_t *order,
                           error_t *err) {
    CLEANUP(buffer_free) buffer_t text = {0};
    const output_t speech = remote_speech(remote);
    buffer_text(&text, "standing order  ");
    output_escape(document_text(answer, "name"), &text);
    buffer_text(&text, "\nto              ");
    output_escape(document_text(answer, "target_version"), &text);
    buffer_text(&text, "\n");
    put_today(answer, &text);
    buffer_text(&text, "\nto be signed\n");
    order_text(&speech, order, remote_pin(remote), &text);
    buffer_text(&text, "\n");
    return output_flush(&text, remote_talk(remote), err);
}

static status_t ask_whether(const remote_t *remote, const command_input_t *input,
                            const order_t *order, error_t *err) {
    const confirm_streams_t streams = confirm_terminal();
    CLEANUP(buffer_free) buffer_t question = {0};
    buffer_text(&question, "sign for whoever matches ");
    output_escape(order->standing, &question);
    buffer_format(&question, " until it ends, as %s?", remote_key_name(remote));
    TRY(buffer_check(&question, err));
    return confirm(input, &streams, buffer_string(&question), err);
}

/* What became of it; where signatures are missing, what the next person types. */
static status_t say_done(const remote_t *remote, const json_t *answer, error_t *err) {
    CLEANUP(buffer_free) buffer_t text = {0};
    const output_t output = remote_output(remote);
    int64_t missing =
        document_number(answer, "signatures.needed") - document_number(answer, "signatures.have");
    if (output.form == OUTPUT_JSON) {
        TRY(output_write(&output, NULL, answer, stdout, err));
    } else {
        buffer_text(&text, "standing order '");
        output_escape(document_text(answer, "name"), &text);
        buffer_text(&text, "' is ");
        output_escape(document_text(answer, "state"), &text);
        const char *reason = document_text(answer, "reason");
        buffer_text(&text, reason[0] != '\0' ? ": " : "");
        output_escape(reason, &text);
        buffer_text(&text, "\n");
        TRY(output_flush(&text, stdout, err));
    }
    if (strcmp(document_text(answer, "state"), "waits") != 0) {
        return STATUS_OK;
    }
    buffer_clear(&text);
    output_escape(document_text(answer, "name"), &text);
    TRY(buffer_check(&text, err));
    (void)fflush(stdout);
    output_say("  drover standing approve '%s'    show it, and add another person's signature",
               buffer_string(&text));
    return error_set(err, ERROR_ORDER_WAITS,
                     "standing order '%s' waits for %" PRId64 " signature%s", buffer_string(&text),
                     missing, missing == 1 ? "" : "s");
}

/* --- start ----------------------------------------------------------------------------------- */

/* --until or --for, in microseconds since 1970. */
static status_t read_end(const command_input_t *input, int64_t *ret_until_us, error_t *err) {
    int64_t now_us = clock_wall_us();
    int64_t for_us = command_duration_us(input, "for", 0);
    const moment_text_t until = {
        .what = "--until", .text = command_text(input, "until"), .now_us = now_us};
    if ((until.text != NULL) == (for_us > 0)) {
        return error_set(err, ERROR_USAGE, "give its end: --until TIME, or --for TIME");
    }
    if (until.text == NULL) {
        *ret_until_us = now_us + for_us;
        return STATUS_OK;
    }
    TRY(moment_parse(&until, ret_until_us, err));
    return *ret_until_us > now_us
               ? STATUS_OK
               : error_set(err, ERROR_USAGE,
                           "--until '%.64s' is past already: --for takes how long "
                           "it holds",
                           until.text);
}

typedef struct wish {
    plan_source_t source;
    const char *bundle; /* or NULL */
    const char *name;   /* or NULL */
    int64_t until_us;
} wish_t;

static void wish_free(wish_t *wish) {
    plan_source_free(&wish->source);
}

static status_t read_wish(const command_input_t *input, wish_t *wish, error_t *err) {
    TRY(read_end(input, &wish->until_us, err));
    TRY(plan_open(command_argument(input, 0), &wish->source, err));
    if (wish->source.plan != NULL) {
        return error_set(err, ERROR_USAGE,
                         "a standing order is started from a spec, not from a "
                         "saved plan");
    }
    const char *bundle = command_text(input, "bundle");
    wish->bundle = bundle != NULL ? bundle : wish->source.bundle;
    wish->name = command_text(input, "name");
    return STATUS_OK;
}

static json_t *arguments_of(const wish_t *wish) {
    return json_pack("{s:s,s:s*,s:s*,s:I}", "spec", wish->source.spec, "bundle", wish->bundle,
                     "name", wish->name, "until_us", (json_int_t)wish->until_us);
}

/* The draft, held against what was asked for. */
static status_t get_draft(remote_t *remote, const wish_t *wish, json_t **ret_answer,
                          order_draft_t *draft, error_t *err) {
    int64_t asked_us = clock_wall_us();
    TRY(remote_ask(remote, "standing.draft", arguments_of(wish), ret_answer, err));
    const paper_place_t place = {.answer = *ret_answer, .path = "draft", .kind = DOCUMENT_ORDER};
    TRY(paper_read_draft(&place, &draft->paper, err));
    if (draft->paper == NULL) {
        return error_set(err, ERROR_WIRE_INVALID, "the coordinator drafted nothing");
    }
    TRY(order_read(draft->paper, &draft->order, err));
    const order_standing_t asked = {.answer = *ret_answer,
                                    .spec = wish->source.read,
                                    .bundle = wish->bundle,
                                    .until_us = wish->until_us,
                                    .key = remote_key(remote),
                                    .pin = remote_pin(remote),
                                    .asked_us = asked_us,
                                    .now_us = clock_wall_us()};
    return order_check_standing(&asked, draft->order, err);
}

status_t handle_standing_start(const command_input_t *input, error_t *err) {
    CLEANUP(wish_free) wish_t wish = {0};
    CLEANUP(remote_destroy_p) remote_t *remote = NULL;
    CLEANUP(document_release) json_t *draft_answer = NULL;
    CLEANUP(document_release) json_t *answer = NULL;
    CLEANUP(order_draft_free) order_draft_t draft = {0};
    json_t *text = NULL;
    TRY(read_wish(input, &wish, err));
    TRY(remote_open(input, &remote, err));
    TRY(get_draft(remote, &wish, &draft_answer, &draft, err));
    TRY(show_order(remote, draft_answer, draft.order, err));
    TRY(ask_whether(remote, input, draft.order, err));
    TRY(order_draft_sign(remote, &draft, &text, err));
    json_t *arguments = arguments_of(&wish);
    const char *reason = command_text(input, "reason");
    if (arguments == NULL || json_object_set_new(arguments, "order", text) != 0 ||
        (reason != NULL && json_object_set_new(arguments, "reason", json_string(reason)) != 0)) {
        json_decref(arguments);
        return error_set(err, ERROR_NO_MEMORY, "no memory for a question");
    }
    TRY(remote_order(remote, "standing.start", arguments, &answer, err));
    return say_done(remote, answer, err);
}

/* --- approve --------------------------------------------------------------------------------- */

/* The order as the coordinator has it. */
static status_t get_order(remote_t *remote, const char *name, order_at_t *at, error_t *err) {
    TRY(remote_ask(remote, "standing.show", json_pack("{s:s}", "standing", name), &at->answer,
                   err));
    const paper_place_t place = {.answer = at->answer, .path = "order", .kind = DOCUMENT_ORDER};
    TRY(paper_read(&place, &at->paper, err));
    TRY(order_read(at->paper, &at->order, err));
    TRY(order_check_pin(remote_pin(remote), at->order, err));
    return order_is_standing(at->order)
               ? STATUS_OK
               : error_set(err, ERROR_ORDER_DIFFERS, "what is shown is no standing order");
}

status_t handle_standing_approve(const command_input_t *input, error_t *err) {
    const char *name = command_argument(input, 0);
    CLEANUP(remote_destroy_p) remote_t *remote = NULL;
    CLEANUP(document_release) json_t *answer = NULL;
    CLEANUP(order_at_free) order_at_t at = {0};
    json_t *text = NULL;
    TRY(remote_open(input, &remote, err));
    TRY(get_order(remote, name, &at, err));
    if (document_signed_by(at.paper, remote_key(remote))) {
        return error_set(err, ERROR_TRUST_SIGNED, "%s has signed this order already",
                         remote_key_name(remote));
    }
    TRY(show_order(remote, at.answer, at.order, err));
    TRY(ask_whether(remote, input, at.order, err));
    TRY(remote_sign(remote, at.paper, err));
    TRY(paper_text(at.paper, &text, err));
    TRY(remote_order(remote, "standing.approve",
                     json_pack("{s:s,s:o}", "standing", name, "order", text), &answer, err));
    return say_done(remote, answer, err);
}

/* --- list ------------------------------------------------------------------------------------ */

status_t handle_standing_list(const command_input_t *input, error_t *err) {
    static const output_column_t COLUMNS[] = {
        {"NAME", "name", COLUMN_TEXT},         {"STATE", "state", COLUMN_STATE},
        {"SELECTOR", "selector", COLUMN_TEXT}, {"TARGET", "target_version", COLUMN_TEXT},
        {"SWEEPS", "sweeps", COLUMN_NUMBER},   {"ENDS", "expires_us", COLUMN_TIME},
        {"WHY", "reason", COLUMN_TEXT},        {"WHAT TO TYPE", "command", COLUMN_TEXT}};
    const output_view_t view = {OUTPUT_COLUMNS(COLUMNS), .rows = "standing",
                                .empty = "no standing order"};
    CLEANUP(remote_destroy_p) remote_t *remote = NULL;
    CLEANUP(document_release) json_t *document = NULL;
    TRY(remote_open(input, &remote, err));
    TRY(remote_ask(remote, "standing.list", json_pack("{s:b}", "all", command_switch(input, "all")),
                   &document, err));
    const output_t output = remote_output(remote);
    return output_write(&output, &view, document, stdout, err);
}

/* --- resume and end -------------------------------------------------------------------------- */

status_t handle_standing_resume(const command_input_t *input, error_t *err) {
    CLEANUP(remote_destroy_p) remote_t *remote = NULL;
    CLEANUP(document_release) json_t *answer = NULL;
    TRY(remote_open(input, &remote, err));
    TRY(remote_order(remote, "standing.resume",
                     json_pack("{s:s,s:s*}", "standing", command_argument(input, 0), "reason",
                               command_text(input, "reason")),
                     &answer, err));
    return say_done(remote, answer, err);
}

/* The signed stop, which agents obey whatever the coordinator does afterwards. Where none can be
 * had the coordinator ends it alone, but not where somebody is asked to sign something else. */
static status_t sign_stop(remote_t *remote, const char *name, json_t **ret_text, error_t *err) {
    CLEANUP(order_at_free) order_at_t at = {0};
    CLEANUP(order_draft_free) order_draft_t draft = {0};
    order_about_t about = {.kind = ORDER_STOP, .standing = name, .at = &at};
    if (get_order(remote, name, &at, err) != STATUS_OK ||
        order_at_draft(remote, &about, &draft, err) != STATUS_OK) {
        if (order_at_is_silence(err) || err->code == ERROR_NOT_FOUND) {
            return STATUS_ERROR;
        }
        output_say("ended by the coordinator alone, without an order to the agents: %s",
                   err->message);
        return STATUS_OK;
    }
    return order_draft_sign(remote, &draft, ret_text, err);
}

status_t handle_standing_end(const command_input_t *input, error_t *err) {
    const char *name = command_argument(input, 0);
    const confirm_streams_t streams = confirm_terminal();
    CLEANUP(remote_destroy_p) remote_t *remote = NULL;
    CLEANUP(document_release) json_t *answer = NULL;
    CLEANUP(buffer_free) buffer_t question = {0};
    json_t *text = NULL;
    TRY(remote_open(input, &remote, err));
    buffer_text(&question, "end standing order '");
    output_escape(name, &question);
    buffer_text(&question, "' for good?");
    TRY(buffer_check(&question, err));
    TRY(confirm(input, &streams, buffer_string(&question), err));
    TRY(sign_stop(remote, name, &text, err));
    TRY(remote_order(remote, "standing.end",
                     json_pack("{s:s,s:s*,s:o*}", "standing", name, "reason",
                               command_text(input, "reason"), "order", text),
                     &answer, err));
    if (document_number(answer, "signatures.have") < document_number(answer, "signatures.needed")) {
        output_say("its stop has %" PRId64 " of %" PRId64
                   " signatures, so that agents are not told: 'drover order stop' makes one that "
                   "several people sign",
                   document_number(answer, "signatures.have"),
                   document_number(answer, "signatures.needed"));
    }
    return say_done(remote, answer, err);
}
