/*
 * remote_turn.c: drover rollout pause|resume|stop|retry, and drover fleet hold|release: what turns
 * things under way.
 *
 * A stop and a hold are signed, so that agents obey them whatever the coordinator does. Where no
 * order can be had, a stop goes out without one: the coordinator still stops dispatching.
 */
#include "cli/confirm.h"
#include "cli/handlers.h"
#include "cli/order.h"
#include "cli/order_at.h"
#include "cli/order_check.h"
#include "cli/order_text.h"
#include "cli/standing.h"
#include "cli/watch.h"
#include "common/trust/trust_file.h"

#include <inttypes.h>
#include <string.h>
#include <unistd.h>

/* What pause, resume, stop and retry answer. */
static status_t show_turn(remote_t *remote, const json_t *answer, error_t *err) {
    const output_t output = remote_output(remote);
    CLEANUP(buffer_free) buffer_t text = {0};
    char id[OUTPUT_ID_SIZE];
    int64_t in_flight = document_number(answer, "in_flight");
    if (output.form == OUTPUT_JSON) {
        return output_write(&output, NULL, answer, stdout, err);
    }
    buffer_text(&text, "rollout ");
    output_escape(document_text(answer, "name"), &text);
    buffer_format(&text, " (%s) is ", standing_id(answer, id));
    output_state(&output, document_text(answer, "state"), &text);
    if (document_text(answer, "reason")[0] != '\0') {
        buffer_text(&text, ": ");
        output_escape(document_text(answer, "reason"), &text);
    }
    if (document_at(answer, "retried") != NULL) {
        buffer_format(&text, "; %" PRId64 " tenants are tried again",
                      document_number(answer, "retried"));
    }
    if (in_flight > 0) {
        buffer_format(&text, "; %" PRId64 " jobs are in hand", in_flight);
    }
    buffer_text(&text, "\n");
    return output_flush(&text, stdout, err);
}

/* A turn, and the document that is signed for it: NULL where there is none. */
typedef status_t sign_fn(remote_t *remote, const char *rollout, json_t **ret_text, error_t *err);

typedef struct turn {
    const char *verb;
    const char *paper; /* name of the argument that carries the document */
    const char *what;  /* it is, in words */
    sign_fn *sign;     /* NULL: nothing is signed */
    bool waits;        /* --wait is one of its flags */
} turn_t;

static status_t add_paper(remote_t *remote, const turn_t *turn, json_t *arguments, error_t *err) {
    json_t *text = NULL;
    if (turn->sign == NULL) {
        return STATUS_OK;
    }
    TRY(turn->sign(remote, document_text(arguments, "rollout"), &text, err));
    if (text != NULL && json_object_set_new(arguments, turn->paper, text) != 0) {
        return error_set(err, ERROR_NO_MEMORY, "no memory for an order");
    }
    return STATUS_OK;
}

/* What was signed along may lack signatures; the turn itself was taken. */
static void say_short(const turn_t *turn, const json_t *answer) {
    int64_t have = document_number(answer, "signatures.have");
    int64_t needed = document_number(answer, "signatures.needed");
    if (have < needed) {
        output_say("the signed %s has %" PRId64 " of %" PRId64 " signatures: agents are not told "
                   "of it yet",
                   turn->what, have, needed);
    }
}

/* Give the order, then show what came of it or wait. */
static status_t take(const command_input_t *input, const turn_t *turn, json_t *arguments,
                     error_t *err) {
    CLEANUP(document_release) json_t *owned = NULL;
    CLEANUP(remote_destroy_p) remote_t *remote = NULL;
    CLEANUP(document_release) json_t *answer = NULL;
    watch_options_t options = {0};
    TRY(document_made(arguments, &owned, err));
    TRY(turn->waits ? watch_options_of(input, &options, err) : STATUS_OK);
    TRY(remote_open(input, &remote, err));
    TRY(add_paper(remote, turn, owned, err));
    TRY(remote_order(remote, turn->verb, TAKE(owned), &answer, err));
    say_short(turn, answer);
    if (turn->waits && command_switch(input, "wait")) {
        return watch_rollout(remote, document_text(answer, "rollout"), &options, err);
    }
    return show_turn(remote, answer, err);
}

static json_t *turn_arguments(const command_input_t *input) {
    return json_pack("{s:s,s:s*}", "rollout", command_argument(input, 0), "reason",
                     command_text(input, "reason"));
}

status_t handle_rollout_pause(const command_input_t *input, error_t *err) {
    const turn_t turn = {.verb = "rollout.pause"};
    return take(input, &turn, turn_arguments(input), err);
}

/* --- resume ---------------------------------------------------------------------------------- */

/* The plan's wave that comes after a spent budget and has tenants in the order; -1: none. */
static int64_t wave_to_approve(const json_t *status, const order_at_t *at) {
    int64_t current = document_number(status, "current_wave");
    uint32_t ignored = 0;
    for (int64_t i = current + 1; i < (int64_t)document_count(status, "waves"); i++) {
        if (order_check_wave(at->answer, i, &ignored)) {
            return i;
        }
    }
    return -1;
}

static const json_t *wave_at(const json_t *status, int64_t number) {
    return json_array_get(document_at(status, "waves"), (size_t)number);
}

static status_t draft_approval(remote_t *remote, const json_t *status, order_draft_t *ret_draft,
                               int64_t *ret_wave, error_t *err) {
    CLEANUP(order_at_free) order_at_t at = {0};
    const char *rollout = document_text(status, "rollout");
    TRY(order_at_get(remote, &(order_at_place_t){.rollout = rollout}, &at, err));
    *ret_wave = wave_to_approve(status, &at);
    if (*ret_wave < 0) {
        return STATUS_OK;
    }
    const order_about_t about = {
        .kind = ORDER_APPROVE_WAVE, .rollout = rollout, .at = &at, .wave = *ret_wave};
    return order_at_draft(remote, &about, ret_draft, err);
}

/* Going on past a spent budget accepts the failures. No ticket can then be made of the results, so
 * whoever may approve the next wave does so with the same word. */
static status_t sign_approval(remote_t *remote, const char *rollout, json_t **ret_text,
                              error_t *err) {
    CLEANUP(document_release) json_t *status = NULL;
    CLEANUP(order_draft_free) order_draft_t draft = {0};
    int64_t wave = -1;
    char id[OUTPUT_ID_SIZE];
    TRY(remote_ask(remote, "rollout.status", json_pack("{s:s}", "rollout", rollout), &status, err));
    const json_t *current = wave_at(status, document_number(status, "current_wave"));
    if (strcmp(document_text(status, "state"), "paused") != 0 ||
        strcmp(document_text(current, "state"), "failed") != 0) {
        return STATUS_OK;
    }
    if (draft_approval(remote, status, &draft, &wave, err) != STATUS_OK) {
        if (order_at_is_grave(err)) {
            return STATUS_ERROR;
        }
        output_say("resumed without an approval of the next wave: %s", err->message);
        (void)fprintf(stderr, "  drover rollout approve %s --wave WAVE    opens it, by who may\n",
                      standing_id(status, id));
        return STATUS_OK;
    }
    if (draft.paper == NULL) {
        return STATUS_OK;
    }
    TRY(order_draft_sign(remote, &draft, ret_text, err));
    output_say("signed as %s: the approval of wave %" PRId64 " '%s'", remote_key_name(remote),
               wave + 1, document_text(wave_at(status, wave), "name"));
    return STATUS_OK;
}

status_t handle_rollout_resume(const command_input_t *input, error_t *err) {
    const turn_t turn = {.verb = "rollout.resume",
                         .paper = "approval",
                         .what = "approval",
                         .sign = sign_approval,
                         .waits = true};
    return take(input, &turn, turn_arguments(input), err);
}

/* --- stop ------------------------------------------------------------------------------------ */

static status_t draft_stop(remote_t *remote, const char *rollout, order_draft_t *ret_draft,
                           error_t *err) {
    CLEANUP(order_at_free) order_at_t at = {0};
    TRY(order_at_get(remote, &(order_at_place_t){.rollout = rollout, .head = true}, &at, err));
    const order_about_t about = {.kind = ORDER_STOP, .rollout = rollout, .at = &at};
    return order_at_draft(remote, &about, ret_draft, err);
}

static status_t sign_stop(remote_t *remote, const char *rollout, json_t **ret_text, error_t *err) {
    CLEANUP(order_draft_free) order_draft_t draft = {0};
    if (draft_stop(remote, rollout, &draft, err) != STATUS_OK) {
        if (order_at_is_silence(err)) {
            return STATUS_ERROR;
        }
        output_say("stopped by the coordinator alone, without an order to the agents: %s",
                   err->message);
        return STATUS_OK;
    }
    return order_draft_sign(remote, &draft, ret_text, err);
}

status_t handle_rollout_stop(const command_input_t *input, error_t *err) {
    const turn_t turn = {
        .verb = "rollout.stop", .paper = "order", .what = "stop", .sign = sign_stop};
    return take(input, &turn, turn_arguments(input), err);
}

/* --- retry ----------------------------------------------------------------------------------- */

status_t handle_rollout_retry(const command_input_t *input, error_t *err) {
    const turn_t turn = {.verb = "rollout.retry", .waits = true};
    CLEANUP(document_release)
    json_t *arguments = json_pack("{s:s}", "rollout", command_argument(input, 0));
    CLEANUP(document_release) json_t *tenants = json_array();
    size_t count = 0;
    for (const char *name = NULL; (name = command_nth(input, "tenant", count)) != NULL; count++) {
        if (json_array_append_new(tenants, json_string(name)) != 0) {
            return error_set(err, ERROR_INVALID, "--tenant: a name that is no UTF-8");
        }
    }
    if (count > 0 && json_object_set(arguments, "tenants", tenants) != 0) {
        return error_set(err, ERROR_NO_MEMORY, "no memory for an order");
    }
    return take(input, &turn, TAKE(arguments), err);
}

/* --- the fleet ------------------------------------------------------------------------------- */

typedef struct fleet_turn {
    const char *verb;
    order_kind_t kind;
    const char *word;
    const char *asks; /* behind the question what is meant */
    const char *done;
    const char *application; /* NULL: the whole fleet */
} fleet_turn_t;

/* "the fleet", or the application that is meant. */
static void put_scope(const fleet_turn_t *turn, buffer_t *out) {
    buffer_text(out, turn->application != NULL ? "application " : "the fleet");
    output_escape(turn->application != NULL ? turn->application : "", out);
}

/* The order of --order that somebody else has signed already. */
static status_t read_order(const remote_t *remote, const fleet_turn_t *turn, const char *path,
                           order_draft_t *draft, error_t *err) {
    const order_blank_t blank = {
        .kind = turn->kind, .application = turn->application, .pin = remote_pin(remote)};
    TRY(trust_file_read(path, &draft->paper, err));
    if (draft->paper->kind != DOCUMENT_ORDER) {
        return error_set(err, ERROR_TRUST_KIND, "%.200s is a %s, no order", path,
                         document_kind_text(draft->paper->kind));
    }
    TRY(order_read(draft->paper, &draft->order, err));
    return order_check_blank(&blank, draft->order, err);
}

static status_t get_order(remote_t *remote, const fleet_turn_t *turn, const char *path,
                          order_draft_t *draft, error_t *err) {
    const order_about_t about = {.kind = turn->kind, .application = turn->application};
    return path != NULL && access(path, F_OK) == 0 ? read_order(remote, turn, path, draft, err)
                                                   : order_at_draft(remote, &about, draft, err);
}

static status_t show_fleet_order(remote_t *remote, const order_draft_t *draft, error_t *err) {
    CLEANUP(buffer_free) buffer_t text = {0};
    const output_t speech = remote_speech(remote);
    buffer_text(&text, "to be signed\n");
    order_text(&speech, draft->order, remote_pin(remote), &text);
    return output_flush(&text, remote_talk(remote), err);
}

/* How far it came. A hold is known by its order alone: who signs next needs the file. */
static status_t say_fleet(const fleet_turn_t *turn, const char *path, const json_t *answer,
                          error_t *err) {
    int64_t have = document_number(answer, "signatures.have");
    int64_t needed = document_number(answer, "signatures.needed");
    CLEANUP(buffer_free) buffer_t scope = {0};
    put_scope(turn, &scope);
    TRY(buffer_check(&scope, err));
    if (have >= needed) {
        output_say("%s is %s", buffer_string(&scope), turn->done);
        return STATUS_OK;
    }
    return error_set(err, ERROR_ORDER_WAITS,
                     "it has %" PRId64 " of %" PRId64 " signatures: %s%.200s", have, needed,
                     path != NULL ? "the next one signs with --order "
                                  : "give it anew with --order FILE, for the next one to sign it",
                     path != NULL ? path : "");
}

static status_t turn_fleet(const command_input_t *input, const fleet_turn_t *turn, error_t *err) {
    const confirm_streams_t streams = confirm_terminal();
    const char *path = command_text(input, "order");
    CLEANUP(remote_destroy_p) remote_t *remote = NULL;
    CLEANUP(order_draft_free) order_draft_t draft = {0};
    CLEANUP(document_release) json_t *answer = NULL;
    CLEANUP(buffer_free) buffer_t question = {0};
    json_t *text = NULL;
    TRY(remote_open(input, &remote, err));
    const output_t output = remote_output(remote);
    TRY(get_order(remote, turn, path, &draft, err));
    TRY(show_fleet_order(remote, &draft, err));
    buffer_format(&question, "%s ", turn->word);
    put_scope(turn, &question);
    buffer_format(&question, ": %s?", turn->asks);
    TRY(buffer_check(&question, err));
    TRY(confirm(input, &streams, buffer_string(&question), err));
    TRY(order_draft_sign(remote, &draft, &text, err));
    status_t saved = path != NULL ? trust_file_write(draft.paper, path, err) : STATUS_OK;
    if (saved != STATUS_OK) {
        json_decref(text);
        return saved;
    }
    TRY(remote_order(remote, turn->verb, json_pack("{s:o}", "order", text), &answer, err));
    if (output.form == OUTPUT_JSON) {
        TRY(output_write(&output, NULL, answer, stdout, err));
    }
    return say_fleet(turn, path, answer, err);
}

status_t handle_fleet_hold(const command_input_t *input, error_t *err) {
    const fleet_turn_t turn = {
        .verb = "fleet.hold",
        .kind = ORDER_HOLD,
        .word = "hold",
        .asks = "start nothing forward there until it is released",
        .done = "held: what takes back may still run; 'drover fleet release' ends it",
        .application = command_text(input, "application")};
    return turn_fleet(input, &turn, err);
}

status_t handle_fleet_release(const command_input_t *input, error_t *err) {
    const fleet_turn_t turn = {.verb = "fleet.release",
                               .kind = ORDER_RELEASE_HOLD,
                               .word = "release",
                               .asks = "let rollouts go forward again",
                               .done = "released",
                               .application = command_text(input, "application")};
    return turn_fleet(input, &turn, err);
}
