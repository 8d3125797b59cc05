/*
 * remote_approve.c: drover rollout approve: another person's signature under the order of a rollout
 * that waits for it, or under the opening of one of its waves.
 *
 * What is signed is what the order itself says; the coordinator's word is taken for nothing but the
 * names beside it.
 */
#include "cli/confirm.h"
#include "cli/handlers.h"
#include "cli/order.h"
#include "cli/order_at.h"
#include "cli/order_check.h"
#include "cli/order_text.h"
#include "cli/paper.h"
#include "cli/standing.h"
#include "common/base/clock.h"
#include "common/trust/text.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { FEW = 20 };

/* Some of the tenants of an array, and how many there are. */
static status_t put_tenants(const output_t *output, const json_t *answer, const char *array,
                            const char *title, buffer_t *out, error_t *err) {
    static const output_column_t COLUMNS[] = {
        {"  TENANT", "name", COLUMN_TEXT},      {"ID", "tenant", COLUMN_TEXT},
        {"CLUSTER", "cluster_id", COLUMN_TEXT}, {"WAVE", "wave_name", COLUMN_TEXT},
        {"FROM", "from", COLUMN_NUMBER},        {"TO", "to", COLUMN_NUMBER},
        {"BACKUP", "reference", COLUMN_TEXT}};
    const output_view_t view = {OUTPUT_COLUMNS(COLUMNS), .rows = ""};
    const json_t *all = document_at(answer, array);
    CLEANUP(document_release) json_t *rows = json_array();
    size_t count = json_array_size(all);
    if (count == 0) {
        return STATUS_OK;
    }
    for (size_t i = 0; i < count && i < FEW; i++) {
        if (json_array_append(rows, json_array_get(all, i)) != 0) {
            return error_set(err, ERROR_NO_MEMORY, "no memory for a table");
        }
    }
    buffer_format(out, "\n%s: %zu\n", title, count);
    TRY(output_table(output, &view, rows, out, err));
    if (count > FEW) {
        buffer_format(out, "  and %zu more; -o json has them all\n", count - FEW);
    }
    return STATUS_OK;
}

static status_t show_order(remote_t *remote, const order_at_t *at, error_t *err) {
    CLEANUP(buffer_free) buffer_t text = {0};
    const output_t speech = remote_speech(remote);
    buffer_text(&text, "to be signed\n");
    order_text(&speech, at->order, remote_pin(remote), &text);
    TRY(put_tenants(&speech, at->answer, "tenants", "tenants with work", &text, err));
    TRY(put_tenants(&speech, at->answer, "looked_at", "tenants that are looked at", &text, err));
    buffer_text(&text, "\n");
    return output_flush(&text, remote_talk(remote), err);
}

/* What would be, or was, signed, and what came of it. */
static status_t write_json(remote_t *remote, const order_t *order, const json_t *rows,
                           const json_t *answer, error_t *err) {
    CLEANUP(document_release) json_t *document = json_object();
    const output_t output = remote_output(remote);
    json_t *shown = NULL;
    if (output.form != OUTPUT_JSON) {
        return STATUS_OK;
    }
    TRY(order_text_json(order, &shown, err));
    int failed = json_object_set_new(document, "order", shown);
    for (size_t i = 0; i < 2 && failed == 0; i++) {
        const char *array = ((const char *[]){"tenants", "looked_at"})[i];
        json_t *value = json_object_get(rows, array);
        failed = value != NULL ? json_object_set(document, array, value) : 0;
    }
    if (failed == 0 && answer != NULL) {
        failed = json_object_update(document, (json_t *)(uintptr_t)answer);
    }
    return failed == 0 ? output_write(&output, NULL, document, stdout, err)
                       : error_set(err, ERROR_NO_MEMORY, "no memory for an answer");
}

/* Ask; where the answer is no, JSON still has what there is to sign. */
static status_t agree(remote_t *remote, const command_input_t *input, const char *question,
                      const order_t *order, const json_t *rows, error_t *err) {
    const confirm_streams_t streams = confirm_terminal();
    error_t ignored;
    if (confirm(input, &streams, question, err) == STATUS_OK) {
        return STATUS_OK;
    }
    (void)(write_json(remote, order, rows, NULL, &ignored) == STATUS_OK);
    return STATUS_ERROR;
}

static status_t say_done(remote_t *remote, const json_t *answer, const char *wave, error_t *err) {
    CLEANUP(buffer_free) buffer_t text = {0};
    char id[OUTPUT_ID_SIZE];
    if (remote_output(remote).form == OUTPUT_JSON) {
        return order_waits(answer, wave, err);
    }
    buffer_text(&text, "rollout ");
    output_escape(document_text(answer, "name"), &text);
    buffer_format(&text, " (%s) is ", standing_id(answer, id));
    output_escape(document_text(answer, "state"), &text);
    buffer_text(&text, "\n");
    TRY(output_flush(&text, stdout, err));
    return order_waits(answer, wave, err);
}

/* --- the order ------------------------------------------------------------------------------- */

/* What the trust file calls the holder of this key, where drover.yaml names one. */
static const char *own_name(const remote_t *remote) {
    const trust_t *pin = remote_pin(remote);
    const trust_key_t *row = pin != NULL ? trust_find(pin, remote_key(remote)) : NULL;
    return row != NULL ? row->name : remote_key_name(remote);
}

/* Whether this person's signature is among those that count, by another key of theirs. */
static bool is_counted(const remote_t *remote, const json_t *answer) {
    const json_t *by = document_at(answer, "signatures.by");
    const json_t *who = NULL;
    size_t index = 0;
    json_array_foreach(by, index, who) {
        if (json_is_string(who) && text_same_person(json_string_value(who), own_name(remote))) {
            return true;
        }
    }
    return false;
}

/* Before anybody reads it: whether a signature could do anything. The coordinator says once more
 * what it says here, and what it says decides nothing but whether somebody is asked. */
static status_t check_signable(const remote_t *remote, const order_at_t *at, error_t *err) {
    const char *state = document_text(at->answer, "state");
    if (state[0] != '\0' && strcmp(state, "planned") != 0) {
        return error_set(err, ERROR_ROLLOUT_STATE,
                         "rollout '%.64s' is %.32s: its order waits for no signature%s",
                         document_text(at->answer, "name"), state,
                         strcmp(state, "running") == 0 || strcmp(state, "paused") == 0
                             ? "; --wave NAME approves a wave of it"
                             : "");
    }
    if (document_signed_by(at->paper, remote_key(remote))) {
        return error_set(err, ERROR_TRUST_SIGNED, "%s has signed this order already",
                         remote_key_name(remote));
    }
    if (is_counted(remote, at->answer)) {
        return error_set(err, ERROR_PERSON_COUNTED,
                         "%s has signed this order with another key before",
                         remote_key_name(remote));
    }
    if (clock_wall_us() > at->order->expires_us) {
        return error_set(err, ERROR_ORDER_EXPIRED, "the order has ended: nobody would obey it");
    }
    return STATUS_OK;
}

static status_t approve_order(remote_t *remote, const command_input_t *input, error_t *err) {
    const order_at_place_t place = {.rollout = command_argument(input, 0)};
    CLEANUP(order_at_free) order_at_t at = {0};
    CLEANUP(document_release) json_t *answer = NULL;
    char question[LIMIT_NAME_BYTES + 128];
    json_t *text = NULL;
    TRY(order_at_get(remote, &place, &at, err));
    TRY(check_signable(remote, &at, err));
    TRY(show_order(remote, &at, err));
    (void)snprintf(question, sizeof question, "sign this %s of %u tenant%s as %s?",
                   order_kind_text(at.order->kind), at.order->tenants_total,
                   at.order->tenants_total == 1 ? "" : "s", remote_key_name(remote));
    TRY(agree(remote, input, question, at.order, at.answer, err));
    TRY(remote_sign(remote, at.paper, err));
    TRY(paper_text(at.paper, &text, err));
    TRY(remote_order(remote, "rollout.approve",
                     json_pack("{s:s,s:o}", "rollout", place.rollout, "order", text), &answer,
                     err));
    TRY(write_json(remote, at.order, at.answer, answer, err));
    return say_done(remote, answer, NULL, err);
}

/* --- a wave ---------------------------------------------------------------------------------- */

/* By its name, else by its number from 1. */
static status_t find_wave(const json_t *status, const char *name, int64_t *ret_wave, error_t *err) {
    const json_t *waves = document_at(status, "waves");
    const json_t *wave = NULL;
    char *end = NULL;
    size_t index = 0;
    json_array_foreach(waves, index, wave) {
        if (strcmp(document_text(wave, "name"), name) == 0) {
            *ret_wave = (int64_t)index;
            return STATUS_OK;
        }
    }
    unsigned long number = strtoul(name, &end, 10);
    if (name[0] < '0' || name[0] > '9' || *end != '\0' || number < 1 ||
        number > json_array_size(waves)) {
        return error_set(err, ERROR_NOT_FOUND, "the rollout has no wave '%.64s'", name);
    }
    *ret_wave = (int64_t)number - 1;
    return STATUS_OK;
}

/* Whether an approval could open it: before anybody reads it, as above. */
static status_t check_wave(const json_t *status, int64_t wave, error_t *err) {
    const json_t *row = json_array_get(document_at(status, "waves"), (size_t)wave);
    const char *state = document_text(row, "state");
    const char *name = document_text(status, "name");
    if (document_flag(status, "over")) {
        return error_set(err, ERROR_ROLLOUT_STATE, "rollout '%.64s' is over: it is %.32s", name,
                         document_text(status, "state"));
    }
    if (strcmp(document_text(status, "state"), "planned") == 0) {
        return error_set(err, ERROR_ROLLOUT_STATE,
                         "the order of rollout '%.64s' waits for signatures itself: leave out "
                         "--wave",
                         name);
    }
    if (strcmp(state, "pending") != 0 && strcmp(state, "awaiting") != 0) {
        return error_set(err, ERROR_ROLLOUT_STATE,
                         "wave '%.64s' of rollout '%.64s' is %.32s "
                         "already",
                         document_text(row, "name"), name, state);
    }
    return STATUS_OK;
}

/* The evidence so far, and what the signature stands under. */
static status_t show_wave(remote_t *remote, const json_t *status, const order_at_t *at,
                          const order_t *approval, error_t *err) {
    CLEANUP(buffer_free) buffer_t text = {0};
    const output_t speech = remote_speech(remote);
    TRY(standing_show(&speech, status, &text, err));
    buffer_text(&text, "\nthe order that the rollout stands under\n");
    order_text(&speech, at->order, remote_pin(remote), &text);
    buffer_text(&text, "\nto be signed\n");
    order_text(&speech, approval, remote_pin(remote), &text);
    buffer_text(&text, "\n");
    return output_flush(&text, remote_talk(remote), err);
}

static status_t approve_wave(remote_t *remote, const command_input_t *input, error_t *err) {
    const char *name = command_text(input, "wave");
    CLEANUP(document_release) json_t *status = NULL;
    CLEANUP(order_at_free) order_at_t at = {0};
    CLEANUP(order_draft_free) order_draft_t draft = {0};
    CLEANUP(document_release) json_t *answer = NULL;
    char question[2 * LIMIT_NAME_BYTES + 128];
    json_t *text = NULL;
    order_about_t about = {.kind = ORDER_APPROVE_WAVE, .at = &at};
    TRY(remote_ask(remote, "rollout.status",
                   json_pack("{s:s}", "rollout", command_argument(input, 0)), &status, err));
    TRY(find_wave(status, name, &about.wave, err));
    TRY(check_wave(status, about.wave, err));
    about.rollout = document_text(status, "rollout");
    TRY(order_at_get(remote, &(order_at_place_t){.rollout = about.rollout}, &at, err));
    TRY(order_at_pending(remote, &about, &draft, err));
    if (draft.paper == NULL) {
        TRY(order_at_draft(remote, &about, &draft, err));
    }
    TRY(show_wave(remote, status, &at, draft.order, err));
    uint32_t count = at.order->waves[draft.order->subject_wave].count;
    (void)snprintf(question, sizeof question, "open wave %" PRId64 ", %u tenant%s, as %s?",
                   about.wave + 1, count, count == 1 ? "" : "s", remote_key_name(remote));
    TRY(agree(remote, input, question, draft.order, NULL, err));
    TRY(order_draft_sign(remote, &draft, &text, err));
    TRY(remote_order(remote, "rollout.approve",
                     json_pack("{s:s,s:I,s:o}", "rollout", about.rollout, "wave",
                               (json_int_t)about.wave, "approval", text),
                     &answer, err));
    TRY(write_json(remote, draft.order, NULL, answer, err));
    return say_done(remote, answer, name, err);
}

status_t handle_rollout_approve(const command_input_t *input, error_t *err) {
    CLEANUP(remote_destroy_p) remote_t *remote = NULL;
    TRY(remote_open(input, &remote, err));
    return command_text(input, "wave") != NULL ? approve_wave(remote, input, err)
                                               : approve_order(remote, input, err);
}
