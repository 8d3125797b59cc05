/*
 * remote_agents.c: drover agents invite|pending|accept|reject|revoke: who may be an agent.
 *
 * A name proves nothing: what is compared is the request's fingerprint. A card is made here from
 * the request itself, which its own key has signed, and from nothing that the coordinator says but
 * the fleet and the number of the agent's last card; the pin of drover.yaml bounds the former.
 */
#include "cli/confirm.h"
#include "cli/handlers.h"
#include "cli/order.h"
#include "cli/paper.h"
#include "cli/remote.h"
#include "cli/take_out.h"
#include "common/base/clock.h"
#include "common/trust/invitation.h"
#include "common/trust/request.h"
#include "common/trust/trust_file.h"

#include <inttypes.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

/* --- invite ---------------------------------------------------------------------------------- */

static status_t make_invitation(const remote_t *remote, const char *name, int64_t expires_us,
                                invitation_t **ret_invitation, error_t *err) {
    invitation_terms_t terms = {.expires_us = expires_us};
    const char *address = remote_address(remote);
    if (strlen(address) >= sizeof terms.coordinator || strlen(name) >= sizeof terms.name) {
        return error_set(err, ERROR_BOUND, "the coordinator's address or the name is too long");
    }
    (void)snprintf(terms.coordinator, sizeof terms.coordinator, "%s", address);
    (void)snprintf(terms.name, sizeof terms.name, "%s", name);
    memcpy(terms.curve, remote_curve(remote), sizeof terms.curve);
    return invitation_new(&terms, ret_invitation, err);
}

status_t handle_agents_invite(const command_input_t *input, error_t *err) {
    const char *name = command_argument(input, 0);
    const char *out = command_text(input, "out");
    int64_t valid_us = command_duration_us(input, "valid", 0);
    CLEANUP(remote_destroy_p) remote_t *remote = NULL;
    CLEANUP(invitation_destroy_p) invitation_t *invitation = NULL;
    CLEANUP(document_release) json_t *answer = NULL;
    char curve[2 * INVITATION_KEY_BYTES + 1];
    if (valid_us <= 0) {
        return error_set(err, ERROR_USAGE, "drover agents invite: --valid is longer than nothing");
    }
    TRY(remote_open(input, &remote, err));
    TRY(make_invitation(remote, name, clock_wall_us() + valid_us, &invitation, err));
    TRY(invitation_write(invitation, out, err));
    json_t *question =
        json_pack("{s:s,s:s,s:I}", "name", name, "curve",
                  hex_text(invitation_public(invitation), INVITATION_KEY_BYTES, curve),
                  "expires_us", (json_int_t)invitation_terms(invitation)->expires_us);
    if (remote_order(remote, "agents.invite", question, &answer, err) != STATUS_OK) {
        (void)unlink(out); /* nobody would let it in */
        return STATUS_ERROR;
    }
    const output_t output = remote_output(remote);
    if (output.form == OUTPUT_JSON) {
        return output_write(&output, NULL, answer, stdout, err);
    }
    output_say("wrote %s, a secret: bring it to the host and run 'drover-agent enroll --token' "
               "there, once",
               out);
    return STATUS_OK;
}

/* --- pending --------------------------------------------------------------------------------- */

/* Who asks, and whom nobody has heard of yet though a token was made. */
static status_t show_pending(const output_t *output, const json_t *document, error_t *err) {
    static const output_column_t ASKERS[] = {{"NAME", "name", COLUMN_TEXT},
                                             {"ASKED", "asked_us", COLUMN_TIME},
                                             {"SIGNED", "signatures.have", COLUMN_NUMBER},
                                             {"OF", "signatures.needed", COLUMN_NUMBER},
                                             {"FINGERPRINT", "fingerprint", COLUMN_TEXT}};
    static const output_column_t INVITED[] = {{"INVITED", "name", COLUMN_TEXT},
                                              {"UNTIL", "expires_us", COLUMN_TIME},
                                              {"BY", "by", COLUMN_TEXT}};
    const output_view_t askers = {OUTPUT_COLUMNS(ASKERS), .rows = "agents"};
    const output_view_t invited = {OUTPUT_COLUMNS(INVITED), .rows = "invitations"};
    CLEANUP(buffer_free) buffer_t text = {0};
    if (document_count(document, "agents") > 0) {
        TRY(output_table(output, &askers, document, &text, err));
    } else {
        output_say("nobody asks to be an agent");
    }
    if (document_count(document, "invitations") > 0) {
        buffer_text(&text, text.size > 0 ? "\n" : "");
        TRY(output_table(output, &invited, document, &text, err));
    }
    return output_flush(&text, stdout, err);
}

status_t handle_agents_pending(const command_input_t *input, error_t *err) {
    CLEANUP(remote_destroy_p) remote_t *remote = NULL;
    CLEANUP(document_release) json_t *document = NULL;
    TRY(remote_open(input, &remote, err));
    TRY(remote_ask(remote, "agents.pending", json_object(), &document, err));
    const output_t output = remote_output(remote);
    return output.form == OUTPUT_JSON ? output_write(&output, NULL, document, stdout, err)
                                      : show_pending(&output, document, err);
}

/* --- who asks -------------------------------------------------------------------------------- */

/* A request, and what the coordinator knows about its maker. */
typedef struct asker_of {
    json_t *answer;    /* of agents.show */
    document_t *paper; /* the request */
    request_t *request;
} asker_of_t;

static void asker_of_free(asker_of_t *of) {
    json_decref(of->answer);
    document_destroy(&of->paper);
    request_destroy(&of->request);
}

static status_t from_file(remote_t *remote, const char *path, asker_of_t *of, error_t *err) {
    json_t *text = NULL;
    TRY(trust_file_read(path, &of->paper, err));
    TRY(request_verify(of->paper, &of->request, err));
    TRY(paper_text(of->paper, &text, err));
    return remote_ask(remote, "agents.show", json_pack("{s:o}", "request", text), &of->answer, err);
}

static status_t from_name(remote_t *remote, const char *name, asker_of_t *of, error_t *err) {
    TRY(remote_ask(remote, "agents.show", json_pack("{s:s}", "name", name), &of->answer, err));
    const paper_place_t place = {.answer = of->answer, .path = "request", .kind = DOCUMENT_REQUEST};
    TRY(paper_read(&place, &of->paper, err));
    TRY(request_verify(of->paper, &of->request, err));
    return strcmp(of->request->name, name) == 0
               ? STATUS_OK
               : error_set(err, ERROR_ORDER_DIFFERS,
                           "the coordinator answers with the request of '%.64s', asked for was "
                           "'%.64s'",
                           of->request->name, name);
}

/* The fleet that the coordinator names, which the pin must agree to. */
static status_t fleet_of(const remote_t *remote, const asker_of_t *of, ident_t *ret_fleet,
                         error_t *err) {
    const trust_t *pin = remote_pin(remote);
    TRY(ident_parse(document_text(of->answer, "fleet"), ret_fleet, err));
    return pin == NULL || ident_equal(&pin->fleet, ret_fleet)
               ? STATUS_OK
               : error_set(err, ERROR_TRUST_FLEET,
                           "the coordinator is of another fleet than the trust file of "
                           "drover.yaml");
}

static void put_request(const asker_of_t *of, buffer_t *out) {
    const request_t *request = of->request;
    char text[DIGEST_TEXT_SIZE];
    buffer_text(out, "name            ");
    output_escape(request->name, out);
    buffer_format(out, "\nfingerprint     %s\n", digest_text(&request->digest, text));
    buffer_format(out, "signing key     %s\n",
                  hex_text(request->key.bytes, sizeof request->key.bytes, text));
    buffer_format(out, "transport key   %s\n",
                  hex_text(request->curve, sizeof request->curve, text));
    buffer_text(out, "clusters        ");
    for (size_t i = 0; i < request->cluster_count; i++) {
        buffer_format(out, "%s%" PRIu64, i > 0 ? ", " : "", request->clusters[i]);
    }
    buffer_text(out, request->cluster_count == 0 ? "any\n" : "\n");
}

/* --- accept ---------------------------------------------------------------------------------- */

static status_t check_fingerprint(const command_input_t *input, const asker_of_t *of,
                                  error_t *err) {
    const char *wanted = command_text(input, "fingerprint");
    char text[DIGEST_TEXT_SIZE];
    (void)digest_text(&of->request->digest, text);
    return wanted == NULL || strcasecmp(wanted, text) == 0
               ? STATUS_OK
               : error_set(err, ERROR_REQUEST_INVALID,
                           "the request's fingerprint is %s: another host asks under that name",
                           text);
}

/* Whether a card is of exactly this request. */
static bool is_card_of(const card_t *card, const request_t *request, const ident_t *fleet) {
    return ident_equal(&card->fleet, fleet) &&
           memcmp(card->key.bytes, request->key.bytes, sizeof card->key.bytes) == 0 &&
           memcmp(card->curve, request->curve, sizeof card->curve) == 0 &&
           strcmp(card->name, request->name) == 0 &&
           card->cluster_count == request->cluster_count &&
           (card->cluster_count == 0 || memcmp(card->clusters, request->clusters,
                                               card->cluster_count * sizeof *card->clusters) == 0);
}

/* The card that others have signed already; NULL where there is none. */
static status_t pending_card(const asker_of_t *of, const ident_t *fleet, document_t **ret_paper,
                             error_t *err) {
    const paper_place_t place = {.answer = of->answer, .path = "draft", .kind = DOCUMENT_CARD};
    CLEANUP(document_destroy_p) document_t *paper = NULL;
    CLEANUP(card_destroy_p) card_t *card = NULL;
    if (document_text(of->answer, "draft")[0] == '\0') {
        return STATUS_OK;
    }
    TRY(paper_read(&place, &paper, err));
    TRY(card_read(paper, &card, err));
    if (!is_card_of(card, of->request, fleet)) {
        return error_set(err, ERROR_ORDER_DIFFERS,
                         "the card that waits for signatures is not of this request");
    }
    *ret_paper = TAKE(paper);
    return STATUS_OK;
}

static status_t new_card(const command_input_t *input, const asker_of_t *of, const ident_t *fleet,
                         document_t **ret_paper, error_t *err) {
    const request_t *request = of->request;
    int64_t now_us = clock_wall_us();
    int64_t valid_us = command_duration_us(input, "valid", 0);
    int64_t serial = document_number(of->answer, "serial");
    card_t card = {.fleet = *fleet,
                   .key = request->key,
                   .name = request->name,
                   .clusters = request->clusters,
                   .cluster_count = request->cluster_count,
                   .issued_us = now_us,
                   .expires_us = valid_us > 0 ? now_us + valid_us : 0,
                   .serial = serial > 0 ? serial + 1 : 1};
    memcpy(card.curve, request->curve, sizeof card.curve);
    return card_write(&card, ret_paper, err);
}

/* What the card adds to the request. */
static status_t put_card(const output_t *output, const document_t *paper, buffer_t *out,
                         error_t *err) {
    CLEANUP(card_destroy_p) card_t *card = NULL;
    char fleet[IDENT_TEXT_SIZE];
    TRY(card_read(paper, &card, err));
    CLEANUP(document_release) json_t *expires = json_integer(card->expires_us);
    buffer_text(out, "card ends       ");
    if (card->expires_us > 0) {
        output_cell(output, COLUMN_TIME, expires, out);
    }
    buffer_format(out, "%s\nfleet           %s\ncard number     %" PRId64 "\n",
                  card->expires_us > 0 ? "" : "never", ident_text(&card->fleet, fleet),
                  card->serial);
    return STATUS_OK;
}

/* Show, ask, sign. */
static status_t sign_card(remote_t *remote, const command_input_t *input, const asker_of_t *of,
                          document_t **ret_card, error_t *err) {
    const confirm_streams_t streams = confirm_terminal();
    const output_t speech = remote_speech(remote);
    CLEANUP(document_destroy_p) document_t *card = NULL;
    CLEANUP(buffer_free) buffer_t text = {0};
    char question[LIMIT_NAME_BYTES + 128];
    ident_t fleet = {0};
    TRY(fleet_of(remote, of, &fleet, err));
    TRY(pending_card(of, &fleet, &card, err));
    if (card == NULL) {
        TRY(new_card(input, of, &fleet, &card, err));
    }
    put_request(of, &text);
    TRY(put_card(&speech, card, &text, err));
    TRY(output_flush(&text, remote_talk(remote), err));
    (void)snprintf(question, sizeof question,
                   "does the host itself show this fingerprint, and is it to be an agent? sign "
                   "its card as %s?",
                   remote_key_name(remote));
    TRY(confirm(input, &streams, question, err));
    TRY(remote_sign(remote, card, err));
    *ret_card = TAKE(card);
    return STATUS_OK;
}

static status_t say_card(remote_t *remote, const asker_of_t *of, const json_t *answer,
                         error_t *err) {
    const output_t output = remote_output(remote);
    int64_t have = document_number(answer, "signatures.have");
    int64_t needed = document_number(answer, "signatures.needed");
    if (output.form == OUTPUT_JSON) {
        TRY(output_write(&output, NULL, answer, stdout, err));
    }
    if (have < needed || strcmp(document_text(answer, "state"), "pending") == 0) {
        return error_set(err, ERROR_CARD_WAITS,
                         "the card of %.64s has %" PRId64 " of %" PRId64 " signatures",
                         of->request->name, have, needed);
    }
    output_say("%s is an agent", of->request->name);
    return STATUS_OK;
}

status_t handle_agents_accept(const command_input_t *input, error_t *err) {
    const char *name = command_argument(input, 0);
    const char *path = command_text(input, "request");
    CLEANUP(remote_destroy_p) remote_t *remote = NULL;
    CLEANUP(asker_of_free) asker_of_t of = {0};
    CLEANUP(document_destroy_p) document_t *card = NULL;
    CLEANUP(document_release) json_t *answer = NULL;
    CLEANUP(document_release) json_t *request_text = NULL;
    CLEANUP(document_release) json_t *card_text = NULL;
    if ((name == NULL) == (path == NULL)) {
        return error_set(err, ERROR_USAGE, "drover agents accept: a NAME, or --request%s",
                         name != NULL ? ", not both" : "");
    }
    TRY(remote_open(input, &remote, err));
    TRY(path != NULL ? from_file(remote, path, &of, err) : from_name(remote, name, &of, err));
    TRY(check_fingerprint(input, &of, err));
    TRY(sign_card(remote, input, &of, &card, err));
    TRY(paper_text(of.paper, &request_text, err));
    TRY(paper_text(card, &card_text, err));
    TRY(remote_order(remote, "agents.accept",
                     json_pack("{s:O,s:O}", "request", request_text, "card", card_text), &answer,
                     err));
    return say_card(remote, &of, answer, err);
}

/* --- reject and revoke ----------------------------------------------------------------------- */

static status_t say_state(remote_t *remote, const char *name, const json_t *answer, error_t *err) {
    const output_t output = remote_output(remote);
    if (output.form == OUTPUT_JSON) {
        return output_write(&output, NULL, answer, stdout, err);
    }
    const char *state = document_text(answer, "state");
    output_say("%s is %s", name, state[0] != '\0' ? state : "taken out");
    return STATUS_OK;
}

status_t handle_agents_reject(const command_input_t *input, error_t *err) {
    const char *name = command_argument(input, 0);
    CLEANUP(remote_destroy_p) remote_t *remote = NULL;
    CLEANUP(document_release) json_t *answer = NULL;
    TRY(remote_open(input, &remote, err));
    TRY(remote_order(remote, "agents.reject",
                     json_pack("{s:s,s:s*}", "name", name, "reason", command_text(input, "reason")),
                     &answer, err));
    return say_state(remote, name, answer, err);
}

status_t handle_agents_revoke(const command_input_t *input, error_t *err) {
    const char *name = command_argument(input, 0);
    const confirm_streams_t streams = confirm_terminal();
    CLEANUP(remote_destroy_p) remote_t *remote = NULL;
    CLEANUP(asker_of_free) asker_of_t agent = {0};
    CLEANUP(take_out_free) take_out_t of = {0};
    CLEANUP(document_release) json_t *answer = NULL;
    CLEANUP(buffer_free) buffer_t text = {0};
    char question[LIMIT_NAME_BYTES + 64];
    TRY(remote_open(input, &remote, err));
    TRY(from_name(remote, name, &agent, err));
    TRY(fleet_of(remote, &agent, &of.fleet, err));
    of.key = agent.request->key;
    TRY(take_out_begin(input, &of, err));
    put_request(&agent, &text);
    take_out_text(&of, &text);
    TRY(output_flush(&text, remote_talk(remote), err));
    (void)snprintf(question, sizeof question, "take the key of agent %s out, for good?",
                   agent.request->name);
    TRY(confirm(input, &streams, question, err));
    TRY(take_out_give(remote, input, &of, "agents.revoke", &answer, err));
    return say_state(remote, name, answer, err);
}

/* --- resume ---------------------------------------------------------------------------------- */

/* What it means, before anybody answers yes. */
static status_t explain_resume(remote_t *remote, const char *name, error_t *err) {
    CLEANUP(document_release) json_t *document = NULL;
    CLEANUP(buffer_free) buffer_t text = {0};
    TRY(remote_ask(remote, "agents.list", json_object(), &document, err));
    const json_t *rows = document_at(document, "agents");
    for (size_t i = 0; i < json_array_size(rows); i++) {
        const json_t *row = json_array_get(rows, i);
        if (strcmp(document_text(row, "name"), name) == 0) {
            output_escape(document_text(row, "problem"), &text);
            buffer_text(&text, text.size > 0 ? "\n" : "");
        }
    }
    buffer_text(&text,
                "Resuming it means: what it had in hand is sent again, and settled from the "
                "tenants' ledgers before\nanything goes on; then it is given work as before. See "
                "first why its state folder was lost, and\nwhether its keys were, too: then "
                "revoke it, and enrol that host with new ones.\n");
    return output_flush(&text, remote_talk(remote), err);
}

status_t handle_agents_resume(const command_input_t *input, error_t *err) {
    const char *name = command_argument(input, 0);
    const confirm_streams_t streams = confirm_terminal();
    CLEANUP(remote_destroy_p) remote_t *remote = NULL;
    CLEANUP(document_release) json_t *answer = NULL;
    TRY(remote_open(input, &remote, err));
    TRY(explain_resume(remote, name, err));
    TRY(confirm(input, &streams, "Let it go on?", err));
    TRY(remote_order(remote, "agents.resume",
                     json_pack("{s:s,s:s}", "name", name, "reason", command_text(input, "reason")),
                     &answer, err));
    return say_state(remote, name, answer, err);
}
