/* order.c: see order.h. */
#include "cli/order.h"
#include "cli/confirm.h"
#include "cli/order_at.h"
#include "cli/order_check.h"
#include "cli/order_text.h"
#include "cli/paper.h"
#include "cli/plan.h"
#include "cli/standing.h"
#include "cli/watch.h"
#include "common/base/clock.h"

#include <inttypes.h>
#include <string.h>

enum { TRIES = 3 }; /* drafts of one command, where the fleet changes while nobody reads them */

/* What the coordinator would have signed. */
typedef struct draft {
    json_t *answer;
    json_t *shown;     /* the answer, or the saved plan */
    document_t *paper; /* NULL: nobody gets a job, nothing is signed */
    order_t *order;    /* of the paper */
} draft_t;

static void draft_free(draft_t *draft) {
    json_decref(draft->answer);
    json_decref(draft->shown);
    document_destroy(&draft->paper);
    order_destroy(&draft->order);
}

static status_t no_memory(error_t *err) {
    return error_set(err, ERROR_NO_MEMORY, "no memory for an order");
}

static status_t ask_draft(remote_t *remote, const order_way_t *way, json_t *arguments,
                          json_t **ret_answer, error_t *err) {
    json_t *question = json_pack("{s:s,s:O}", "verb", way->verb, "arguments", arguments);
    TRY(remote_ask(remote, "order.draft", question, ret_answer, err));
    if (way->sql != ORDER_SQL_SHOWN) {
        (void)json_object_del(*ret_answer, "scripts");
    }
    return STATUS_OK;
}

/* The list that goes with the plan. */
static status_t add_list(remote_t *remote, const order_way_t *way, const json_t *arguments,
                         json_t *document, error_t *err) {
    CLEANUP(document_release) json_t *list = NULL;
    if (way->list_verb == NULL || document_at(document, "backups") != NULL) {
        return STATUS_OK;
    }
    json_t *asked = json_copy((json_t *)(uintptr_t)arguments);
    (void)json_object_del(asked, "reason");
    (void)json_object_del(asked, "name");
    TRY(remote_ask(remote, way->list_verb, asked, &list, err));
    json_t *backups = json_object_get(list, "backups");
    return backups == NULL || json_object_set(document, "backups", backups) == 0 ? STATUS_OK
                                                                                 : no_memory(err);
}

/* Hold the draft against what is shown and what was asked for. */
static status_t check_draft(const remote_t *remote, const order_way_t *way, json_t *arguments,
                            int64_t asked_us, draft_t *draft, error_t *err) {
    const paper_place_t place = {.answer = draft->answer, .path = "draft", .kind = DOCUMENT_ORDER};
    TRY(paper_read_draft(&place, &draft->paper, err));
    if (draft->paper == NULL) {
        return order_check_empty(draft->shown)
                   ? STATUS_OK
                   : error_set(err, ERROR_ORDER_DIFFERS,
                               "the coordinator shows tenants with work, and no order for them");
    }
    TRY(order_read(draft->paper, &draft->order, err));
    const order_asked_t asked = {.kind = way->kind,
                                 .plan_kind = way->plan_kind,
                                 .arguments = arguments,
                                 .spec = way->spec,
                                 .key = remote_key(remote),
                                 .pin = remote_pin(remote),
                                 .asked_us = asked_us,
                                 .now_us = clock_wall_us()};
    const order_shown_t shown = {.answer = draft->answer, .document = draft->shown};
    return order_check_draft(&asked, &shown, draft->order, err);
}

/* Losing rows takes a word of its own; --yes is not that word. */
static status_t check_loss(const json_t *plan, const json_t *arguments, error_t *err) {
    CLEANUP(buffer_free) buffer_t when = {0};
    const output_t output = {0};
    if (document_number(plan, "data_loss.oldest_us") <= 0 ||
        document_flag(arguments, "accept_data_loss")) {
        return STATUS_OK;
    }
    output_cell(&output, COLUMN_TIME, document_at(plan, "data_loss.oldest_us"), &when);
    return error_set(err, ERROR_RESTORE_REFUSED, "rows written since %s would be lost",
                     buffer_string(&when));
}

/* Where no order is drafted the plan is shown all the same: it has the reasons in full. */
static status_t show_refused(remote_t *remote, const order_way_t *way, const json_t *arguments,
                             error_t *err) {
    static const char *const OF_START[] = {"reason", "name", "accept_data_loss"};
    CLEANUP(document_release) json_t *plan = NULL;
    CLEANUP(buffer_free) buffer_t text = {0};
    const output_t speech = remote_speech(remote);
    error_t why;
    json_t *asked = json_copy((json_t *)(uintptr_t)arguments);
    for (size_t i = 0; i < sizeof OF_START / sizeof OF_START[0]; i++) {
        (void)json_object_del(asked, OF_START[i]);
    }
    if (remote_ask(remote, way->plan_verb, asked, &plan, &why) != STATUS_OK) {
        return STATUS_ERROR; /* the same reason, most likely */
    }
    (void)json_object_del(plan, "scripts");
    if (plan_show(&speech, plan, way->brief, &text, &why) == STATUS_OK) {
        buffer_text(&text, "\n");
        TRY(output_flush(&text, remote_talk(remote), err));
    }
    return STATUS_ERROR;
}

static status_t get_draft(remote_t *remote, const order_way_t *way, json_t *arguments,
                          draft_t *draft, error_t *err) {
    int64_t asked_us = clock_wall_us();
    if (ask_draft(remote, way, arguments, &draft->answer, err) != STATUS_OK) {
        bool shows = !way->quiet && way->plan_verb != NULL && !order_at_is_silence(err);
        return shows ? show_refused(remote, way, arguments, err) : STATUS_ERROR;
    }
    const char *digest = document_text(draft->answer, "plan_digest");
    if (way->plan != NULL && strcmp(document_text(way->plan, "plan_digest"), digest) != 0) {
        return error_set(err, ERROR_PLAN_STALE, "the plan was %.16s…, it is %.16s… now",
                         document_text(way->plan, "plan_digest"), digest);
    }
    draft->shown = json_incref(way->plan != NULL ? (json_t *)(uintptr_t)way->plan : draft->answer);
    TRY(add_list(remote, way, arguments, draft->shown, err));
    return check_draft(remote, way, arguments, asked_us, draft, err);
}

/* The plan, and what exactly the signature will stand under. */
static status_t show_draft(remote_t *remote, const order_way_t *way, const draft_t *draft,
                           error_t *err) {
    CLEANUP(buffer_free) buffer_t text = {0};
    const output_t speech = remote_speech(remote);
    TRY(plan_show(&speech, draft->shown, way->brief, &text, err));
    if (draft->order != NULL) {
        buffer_text(&text, "\nto be signed\n");
        order_text(&speech, draft->order, remote_pin(remote), &text);
    }
    buffer_text(&text, "\n");
    return output_flush(&text, remote_talk(remote), err);
}

/* Show what would happen and have it agreed to. */
static status_t agree(remote_t *remote, const command_input_t *input, const order_way_t *way,
                      const json_t *arguments, const draft_t *draft, error_t *err) {
    const confirm_streams_t streams = confirm_terminal();
    CLEANUP(buffer_free) buffer_t question = {0};
    if (!way->quiet) {
        TRY(show_draft(remote, way, draft, err));
        plan_question(draft->shown, &question);
    }
    if (way->question != NULL) {
        buffer_clear(&question);
        buffer_text(&question, way->question);
    }
    TRY(buffer_check(&question, err));
    TRY(check_loss(draft->shown, arguments, err));
    if (question.size == 0) {
        return STATUS_OK;
    }
    return confirm(input, &streams, buffer_string(&question), err);
}

/* Sign, and give the order. */
static status_t start(remote_t *remote, const order_way_t *way, json_t *arguments, draft_t *draft,
                      json_t **ret_answer, error_t *err) {
    CLEANUP(document_release) json_t *given = json_copy(arguments);
    const char *digest = document_text(draft->answer, "plan_digest");
    if (given == NULL || json_object_set_new(given, "plan_digest", json_string(digest)) != 0) {
        return no_memory(err);
    }
    if (draft->paper != NULL) {
        json_t *text = NULL;
        TRY(remote_sign(remote, draft->paper, err));
        TRY(paper_text(draft->paper, &text, err));
        if (json_object_set_new(given, "order", text) != 0) {
            return no_memory(err);
        }
    }
    return remote_order(remote, way->verb, TAKE(given), ret_answer, err);
}

/* From the draft to the start. Where nobody reads the plan, a fleet that changed meanwhile means a
 * new draft, not an error. */
static status_t give(remote_t *remote, const command_input_t *input, const order_way_t *way,
                     json_t *arguments, json_t **ret_answer, error_t *err) {
    bool unread = command_switch(input, "yes") && way->plan == NULL;
    for (int i = 1;; i++) { /* at most TRIES times */
        CLEANUP(draft_free) draft_t draft = {0};
        status_t status = get_draft(remote, way, arguments, &draft, err);
        if (status == STATUS_OK) {
            TRY(agree(remote, input, way, arguments, &draft, err));
            status = start(remote, way, arguments, &draft, ret_answer, err);
        }
        if (status == STATUS_OK || err->code != ERROR_PLAN_STALE || !unread || i == TRIES) {
            return status;
        }
    }
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

/* "alice, bob"; who says it escapes it. */
static void put_signers(const json_t *answer, buffer_t *out) {
    size_t index = 0;
    const json_t *who = NULL;
    json_array_foreach(document_at(answer, "signatures.by"), index, who) {
        buffer_text(out, index > 0 ? ", " : "");
        buffer_text(out, json_is_string(who) ? json_string_value(who) : "");
    }
    buffer_text(out, index == 0 ? "nobody who counts" : "");
}

bool order_is_short(const json_t *answer) {
    return document_number(answer, "signatures.have") <
               document_number(answer, "signatures.needed") ||
           strcmp(document_text(answer, "state"), "planned") == 0;
}

status_t order_waits(const json_t *answer, const char *wave, error_t *err) {
    CLEANUP(buffer_free) buffer_t by = {0};
    char id[OUTPUT_ID_SIZE];
    int64_t needed = document_number(answer, "signatures.needed");
    int64_t missing = needed - document_number(answer, "signatures.have");
    if (!order_is_short(answer)) {
        return STATUS_OK;
    }
    put_signers(answer, &by);
    (void)standing_id(answer, id);
    (void)fflush(stdout);
    output_say("%" PRId64 " people must sign it; so far: %s", needed, buffer_string(&by));
    buffer_clear(&by);
    buffer_text(&by, wave != NULL ? " --wave '" : "");
    output_escape(wave != NULL ? wave : "", &by);
    buffer_text(&by, wave != NULL ? "'" : "");
    (void)fprintf(stderr,
                  "  drover rollout approve %s%s    show it, and add another person's "
                  "signature\n",
                  id, buffer_string(&by));
    return error_set(err, ERROR_ORDER_WAITS, "rollout %.64s (%s) waits for %" PRId64 " signature%s",
                     document_text(answer, "name"), id, missing, missing == 1 ? "" : "s");
}

static status_t finish(remote_t *remote, const command_input_t *input, const json_t *answer,
                       error_t *err) {
    const output_t output = remote_output(remote);
    watch_options_t options;
    char id[OUTPUT_ID_SIZE];
    bool waits = order_is_short(answer);
    bool wait = command_switch(input, "wait");
    TRY(watch_options_of(input, &options, err));
    if (output.form == OUTPUT_JSON && (!wait || waits)) {
        TRY(output_write(&output, NULL, answer, stdout, err));
        return order_waits(answer, NULL, err);
    }
    TRY(say_started(remote, answer, err));
    TRY(order_waits(answer, NULL, err));
    if (wait) {
        return watch_rollout(remote, document_text(answer, "rollout"), &options, err);
    }
    output_say("follow it with 'drover rollout watch %s'", standing_id(answer, id));
    return STATUS_OK;
}

status_t order_run(remote_t *remote, const command_input_t *input, const order_way_t *way,
                   json_t *arguments, json_t *more, error_t *err) {
    CLEANUP(document_release) json_t *asked = arguments;
    CLEANUP(document_release) json_t *extras = more;
    CLEANUP(document_release) json_t *answer = NULL;
    watch_options_t options;
    if (asked == NULL || extras == NULL) {
        return error_set(err, ERROR_INVALID, "an argument is no UTF-8, or no memory");
    }
    TRY(watch_options_of(input, &options, err));
    if (json_object_update(extras, asked) != 0) {
        return no_memory(err);
    }
    TRY(give(remote, input, way, extras, &answer, err));
    return finish(remote, input, answer, err);
}
