/*
 * remote_key.c: drover key revoke: a key of the trust file that is taken out at once, without the
 * root holders. What it may not be: a root key, which only the next trust file ends.
 *
 * Whose key it is comes from the trust file that the coordinator shows. It is signed by root keys,
 * and held against the pin of drover.yaml; what is signed is the key itself, which is shown whole.
 */
#include "cli/confirm.h"
#include "cli/handlers.h"
#include "cli/local_trust.h"
#include "cli/take_out.h"
#include "common/base/clock.h"
#include "common/trust/tally.h"
#include "common/trust/text.h"

#include <string.h>
#include <strings.h>

enum { PREFIX_LEAST = 8 }; /* digits that name a key, as for 'trust revoke' */

/* --- whose ----------------------------------------------------------------------------------- */

static bool is_meant(const trust_key_t *key, const char *who) {
    char text[DIGEST_TEXT_SIZE];
    size_t size = strlen(who);
    return text_same_person(key->name, who) ||
           (size >= PREFIX_LEAST && size < DIGEST_TEXT_SIZE &&
            strncasecmp(hex_text(key->key.bytes, SIGN_PUBLIC_BYTES, text), who, size) == 0);
}

static status_t say_several(const trust_t *trust, const char *who, error_t *err) {
    CLEANUP(buffer_free) buffer_t text = {0};
    char hex[DIGEST_TEXT_SIZE];
    for (size_t i = 0; i < trust->key_count; i++) {
        const trust_key_t *key = &trust->keys[i];
        if (key->standing == TRUST_ACTIVE && key->use != TRUST_ROOT && is_meant(key, who)) {
            buffer_format(&text, "%s%s %.16s", text.size > 0 ? ", " : "", trust_use_text(key->use),
                          hex_text(key->key.bytes, SIGN_PUBLIC_BYTES, hex));
        }
    }
    return error_set(err, ERROR_TRUST_CHOICE,
                     "'%.64s' has several keys, and each is taken out by itself: %.300s", who,
                     buffer_string(&text));
}

/* The one key that is meant. */
static status_t choose(const trust_t *trust, const char *who, const trust_key_t **ret_key,
                       error_t *err) {
    const trust_key_t *found = NULL;
    const trust_key_t *ended = NULL;
    bool root = false;
    for (size_t i = 0; i < trust->key_count; i++) {
        const trust_key_t *key = &trust->keys[i];
        if (!is_meant(key, who)) {
            continue;
        }
        if (key->standing != TRUST_ACTIVE) {
            ended = key;
        } else if (key->use == TRUST_ROOT) {
            root = true;
        } else if (found != NULL) {
            return say_several(trust, who, err);
        } else {
            found = key;
        }
    }
    if (found == NULL && root) {
        return error_set(err, ERROR_TRUST_CHOICE,
                         "'%.64s' has a root key alone, which only the next trust file takes out: "
                         "'drover trust rotate --revoke'",
                         who);
    }
    if (found == NULL) {
        return error_set(err, ERROR_TRUST_CHOICE, "'%.140s' names no active key%s%s", who,
                         ended != NULL ? ": it was taken out by a trust file, as " : "",
                         ended != NULL ? trust_standing_text(ended->standing) : "");
    }
    *ret_key = found;
    return STATUS_OK;
}

/* --- what it means --------------------------------------------------------------------------- */

static void put_scope(const char *what, const char *of, buffer_t *out) {
    buffer_format(out, ", %s ", what);
    output_escape(of[0] != '\0' ? of : "any", out);
}

/* What the key can no longer do, a line for each. */
static void put_loss(const trust_key_t *key, buffer_t *out) {
    switch (key->use) {
    case TRUST_ROOT: /* never chosen */
    case TRUST_USE_END:
        break;
    case TRUST_RELEASE:
        buffer_text(out, "no longer       sign bundles: none counts that lacks signatures without "
                         "it\n");
        break;
    case TRUST_OPERATOR:
        buffer_text(out, "no longer       ask the coordinator anything; its connections end\n");
        break;
    case TRUST_COORDINATOR:
        buffer_text(out, "no longer       hand out jobs: agents refuse its coordinator, until a "
                         "trust file names a new key\n");
        break;
    }
    for (size_t i = 0; i < key->grant_count; i++) {
        const trust_grant_t *grant = &key->grants[i];
        buffer_format(out, "no longer       %s", trust_role_text(grant->role));
        put_scope("application", grant->application, out);
        put_scope("environment", grant->environment, out);
        put_scope("tenants", grant->selector, out);
        buffer_text(out, "\n");
    }
}

/* Whether enough administrators would be left to do this once more. */
static bool leaves_enough(const trust_t *trust, const trust_key_t *gone) {
    const revoked_t revoked = {.keys = (sign_public_t[]){gone->key}, .count = 1, .room = 1};
    const trust_view_t view = {.trust = trust, .revoked = &revoked, .now_us = clock_wall_us()};
    const tally_scope_t all = {.application = "", .environment = ""};
    sign_public_t admins[DOCUMENT_SIGNATURES];
    tally_question_t question = {.role = ROLE_ADMIN,
                                 .application = "",
                                 .environment = "",
                                 .signers = admins,
                                 .signed_us = view.now_us};
    for (size_t i = 0; i < trust->key_count && question.signer_count < DOCUMENT_SIGNATURES; i++) {
        if ((tally_grants(&view, &trust->keys[i].key, &all) & (1U << ROLE_ADMIN)) != 0) {
            admins[question.signer_count++] = trust->keys[i].key;
        }
    }
    const tally_t tally = tally_count(&view, &question);
    return tally.needed > 0 && tally.count >= tally.needed;
}

static void put_key(const remote_t *remote, const trust_t *trust, const trust_key_t *key,
                    buffer_t *out) {
    char text[DIGEST_TEXT_SIZE];
    buffer_text(out, "name            ");
    output_escape(key->name, out);
    buffer_format(out, "\nkind            %s\nkey             %s\ntrust file      version %lld\n",
                  trust_use_text(key->use), hex_text(key->key.bytes, sizeof key->key.bytes, text),
                  (long long)trust->version);
    put_loss(key, out);
    if (sign_public_equal(&key->key, remote_key(remote))) {
        buffer_text(out, "beware          it is the key that you are signing with\n");
    }
    if (!leaves_enough(trust, key)) {
        buffer_text(out, "beware          too few administrators are left to accept or revoke "
                         "anything, until the root holders publish a trust file\n");
    }
}

/* --- doing it -------------------------------------------------------------------------------- */

static status_t say_done(const remote_t *remote, const trust_key_t *key, json_t *answer,
                         error_t *err) {
    const output_t output = remote_output(remote);
    if (output.form == OUTPUT_JSON) {
        return json_object_set_new(answer, "kind", json_string(trust_use_text(key->use))) == 0
                   ? output_write(&output, NULL, answer, stdout, err)
                   : error_set(err, ERROR_NO_MEMORY, "no memory for an answer");
    }
    output_say(document_flag(answer, "known") ? "the %s key of %s was taken out before"
                                              : "the %s key of %s is taken out",
               trust_use_text(key->use), key->name);
    return STATUS_OK;
}

status_t handle_key_revoke(const command_input_t *input, error_t *err) {
    const confirm_streams_t streams = confirm_terminal();
    CLEANUP(remote_destroy_p) remote_t *remote = NULL;
    CLEANUP(trust_paper_free) trust_paper_t current = {0};
    CLEANUP(take_out_free) take_out_t of = {0};
    CLEANUP(document_release) json_t *answer = NULL;
    CLEANUP(buffer_free) buffer_t text = {0};
    const trust_key_t *key = NULL;
    char question[2 * LIMIT_NAME_BYTES + 96];
    TRY(remote_open(input, &remote, err));
    TRY(remote_trust_current(remote, &current, err));
    TRY(choose(current.trust, command_argument(input, 0), &key, err));
    of.key = key->key;
    of.fleet = current.trust->fleet;
    TRY(take_out_begin(input, &of, err));
    put_key(remote, current.trust, key, &text);
    take_out_text(&of, &text);
    TRY(output_flush(&text, remote_talk(remote), err));
    (void)snprintf(question, sizeof question, "take this %s key of %s out, for good, as %s?",
                   trust_use_text(key->use), key->name, remote_key_name(remote));
    TRY(confirm(input, &streams, question, err));
    TRY(take_out_give(remote, input, &of, "trust.revoke", &answer, err));
    return say_done(remote, key, answer, err);
}
