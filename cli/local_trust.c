/*
 * local_trust.c: drover trust init, show, sign and verify: trust files are made, read and signed
 * here, without a coordinator and without a network. Editing one is local_trust_edit.c's.
 */
#include "cli/confirm.h"
#include "cli/handlers.h"
#include "cli/local_trust.h"
#include "cli/output.h"
#include "cli/signer.h"
#include "cli/trust_spec.h"
#include "common/base/clock.h"
#include "common/crypto/random.h"

#include <inttypes.h>
#include <string.h>

/* --- showing --------------------------------------------------------------------------------- */

status_t local_trust_show(const command_input_t *input, const trust_paper_t *paper,
                          const trust_paper_t *previous, error_t *err) {
    const output_t output = output_choose(input, OUTPUT_TABLE);
    CLEANUP(document_release) json_t *document = NULL;
    CLEANUP(buffer_free) buffer_t text = {0};
    char digest[DIGEST_TEXT_SIZE];
    int64_t now_us = clock_wall_us();
    if (output.form == OUTPUT_JSON) {
        TRY(trust_text_json(paper, previous, now_us, &document, err));
        return output_write(&output, NULL, document, stdout, err);
    }
    trust_text_lines(paper->trust, &text);
    buffer_format(&text, "\ndigest %s\n%s\n", digest_text(&paper->trust->digest, digest),
                  trust_text_freshness(paper->trust, now_us));
    trust_text_signatures(paper, previous, &text);
    return output_flush(&text, stdout, err);
}

status_t local_trust_previous(const command_input_t *input, const trust_paper_t *paper,
                              trust_paper_t *ret_previous, error_t *err) {
    const char *path = command_text(input, "previous");
    CLEANUP(trust_paper_free) trust_paper_t previous = {0};
    if (path == NULL) {
        return STATUS_OK;
    }
    TRY(trust_paper_load_signed(path, &previous, err));
    TRY(trust_paper_follows(paper, &previous, err));
    *ret_previous = previous;
    previous = (trust_paper_t){0};
    return STATUS_OK;
}

status_t handle_trust_show(const command_input_t *input, error_t *err) {
    CLEANUP(trust_paper_free) trust_paper_t paper = {0};
    CLEANUP(trust_paper_free) trust_paper_t previous = {0};
    if (command_argument(input, 0) == NULL) {
        return command_text(input, "previous") == NULL
                   ? remote_trust_show(input, err)
                   : error_set(err, ERROR_USAGE, "drover trust show: --previous goes with a FILE");
    }
    TRY(trust_paper_load(command_argument(input, 0), &paper, err));
    TRY(local_trust_previous(input, &paper, &previous, err));
    return local_trust_show(input, &paper, &previous, err);
}

/* --- making ---------------------------------------------------------------------------------- */

int64_t local_trust_now_us(void) {
    int64_t now_us = clock_wall_us();
    return now_us - now_us % US_PER_S;
}

/* A draft of version 1 for a fleet that there was not before. */
status_t local_trust_first(trust_draft_t *ret_draft, error_t *err) {
    TRY(trust_draft_begin(NULL, ret_draft, err));
    ret_draft->trust.fleet = random_ident();
    ret_draft->trust.version = 1;
    ret_draft->trust.issued_us = local_trust_now_us();
    return STATUS_OK;
}

static status_t init_from_spec(const command_input_t *input, const char *spec_path, error_t *err) {
    const char *out = command_text(input, "out");
    CLEANUP(trust_spec_destroy_p) trust_spec_t *spec = NULL;
    CLEANUP(trust_draft_free) trust_draft_t draft = {0};
    CLEANUP(trust_paper_free) trust_paper_t paper = {0};
    const trust_paper_t none = {0};
    TRY(local_trust_is_new(out, err));
    TRY(trust_spec_load(spec_path, &spec, err));
    TRY(local_trust_first(&draft, err));
    if (trust_spec_fill(spec, &draft, err) != STATUS_OK) {
        return error_context(err, "reading %.120s", spec_path);
    }
    TRY(trust_write(&draft.trust, &paper.document, err));
    TRY(trust_read(paper.document, &paper.trust, err));
    TRY(trust_paper_save(paper.document, out, err));
    TRY(local_trust_show(input, &paper, &none, err));
    output_say("wrote %s, unsigned: 'drover trust sign' adds a signature", out);
    return STATUS_OK;
}

status_t handle_trust_init(const command_input_t *input, error_t *err) {
    const char *spec = command_argument(input, 0);
    bool solo = command_switch(input, "solo");
    if (solo == (spec != NULL)) {
        return error_set(err, ERROR_USAGE, "drover trust init: a SPEC, or --solo%s",
                         solo ? ", not both" : "");
    }
    if (!solo && (command_text(input, "expires") != NULL || command_text(input, "name") != NULL ||
                  command_switch(input, "no-passphrase"))) {
        return error_set(err, ERROR_USAGE,
                         "drover trust init: --name, --expires and --no-passphrase go with --solo");
    }
    return solo ? local_trust_solo(input, err) : init_from_spec(input, spec, err);
}

/* --- signing --------------------------------------------------------------------------------- */

/* The row by which a key may sign this paper: a root's, active in it or in the one before. */
static status_t find_signer(const trust_paper_t *paper, const trust_paper_t *previous,
                            const key_public_t *key, error_t *err) {
    const trust_t *const places[] = {paper->trust, previous->trust};
    sign_public_t public;
    memcpy(public.bytes, key->bytes, sizeof public.bytes);
    if (document_signed_by(paper->document, &public)) {
        return error_set(err, ERROR_TRUST_SIGNED, "%s has signed this with that key already",
                         key->name);
    }
    for (size_t i = 0; i < 2; i++) {
        const trust_key_t *row = places[i] != NULL ? trust_find(places[i], &public) : NULL;
        if (row != NULL && row->use == TRUST_ROOT && row->standing == TRUST_ACTIVE) {
            return STATUS_OK;
        }
    }
    return error_set(err, ERROR_TRUST_KEY,
                     "the %s key of %s is no active root key of this trust file%s",
                     keytext_kind_text(key->kind), key->name,
                     previous->trust != NULL ? " nor of the one before" : "");
}

/* On stderr: exactly what the signature will stand under, and what it changes. */
static status_t show_for_signing(const trust_paper_t *paper, const trust_paper_t *previous,
                                 error_t *err) {
    CLEANUP(buffer_free) buffer_t text = {0};
    char digest[DIGEST_TEXT_SIZE];
    const digest_t signs = document_to_sign(paper->document);
    buffer_text(&text, "to be signed, in full:\n");
    trust_text_lines(paper->trust, &text);
    if (previous->trust != NULL) {
        const trust_text_change_t change = {.before = previous->trust, .after = paper->trust};
        buffer_format(&text, "\nwhat it changes of version %" PRId64 ":\n",
                      previous->trust->version);
        TRY(trust_text_diff(&change, &text, err));
    }
    buffer_format(&text, "\ndigest %s\n", digest_text(&paper->trust->digest, digest));
    buffer_format(&text, "the signature is over %s\n", digest_text(&signs, digest));
    return output_flush(&text, stderr, err);
}

/* Sign with the key file, or have the command of --signer do it. */
static status_t sign(const command_input_t *input, document_t *document, error_t *err) {
    CLEANUP(signer_destroy_p) signer_t *signer = NULL;
    const signer_from_t from = {
        .path = command_text(input, "key"), .kind = KEY_ROOT, .command = signer_flag(input)};
    TRY(signer_open(input, &from, &signer, err));
    return signer_document(signer, document, err);
}

status_t handle_trust_sign(const command_input_t *input, error_t *err) {
    const char *path = command_argument(input, 0);
    const confirm_streams_t streams = confirm_terminal();
    CLEANUP(trust_paper_free) trust_paper_t paper = {0};
    CLEANUP(trust_paper_free) trust_paper_t previous = {0};
    key_public_t key;
    char question[2 * LIMIT_NAME_BYTES + 64];
    TRY(trust_paper_load(path, &paper, err));
    if (paper.trust->version > 1 && command_text(input, "previous") == NULL) {
        return error_set(err, ERROR_USAGE,
                         "drover trust sign: %.200s is version %" PRId64
                         ": give the one before it with --previous, so that what changes is shown",
                         path, paper.trust->version);
    }
    TRY(local_trust_previous(input, &paper, &previous, err));
    TRY(keyfile_open_public(command_text(input, "key"), KEY_ROOT, &key, err));
    TRY(find_signer(&paper, &previous, &key, err));
    TRY(show_for_signing(&paper, &previous, err));
    (void)snprintf(question, sizeof question, "sign version %" PRId64 " as %s?",
                   paper.trust->version, key.name);
    TRY(confirm(input, &streams, question, err));
    TRY(sign(input, paper.document, err));
    TRY(trust_paper_save(paper.document, path, err));
    return local_trust_show(input, &paper, &previous, err);
}

/* --- verifying ------------------------------------------------------------------------------- */

static status_t add_row(const char *path, const trust_t *trust, int64_t now_us, json_t *rows,
                        error_t *err) {
    char digest[DIGEST_TEXT_SIZE];
    CLEANUP(document_release) json_t *row = NULL;
    TRY(document_made(
        json_pack("{s:s,s:I,s:s,s:I,s:I,s:s}", "file", path, "version", (json_int_t)trust->version,
                  "digest", digest_text(&trust->digest, digest), "issued",
                  (json_int_t)trust->issued_us, "expires", (json_int_t)trust->expires_us,
                  "freshness", trust_text_freshness(trust, now_us)),
        &row, err));
    return json_array_append(rows, row) == 0
               ? STATUS_OK
               : error_set(err, ERROR_NO_MEMORY, "no memory for a chain of trust files");
}

/* From the pin, one file after the other. */
static status_t walk_chain(const command_input_t *input, int64_t now_us, json_t *rows,
                           trust_t **ret_newest, error_t *err) {
    const char *path = command_text(input, "pin");
    CLEANUP(trust_destroy_p) trust_t *current = NULL;
    CLEANUP(document_destroy_p) document_t *document = NULL;
    TRY(trust_file_read(path, &document, err));
    if (trust_pin(document, &current, err) != STATUS_OK) {
        return error_context(err, "taking %.120s as the pin", path);
    }
    TRY(add_row(path, current, now_us, rows, err));
    for (size_t i = 0; (path = command_argument(input, i)) != NULL; i++) {
        CLEANUP(document_destroy_p) document_t *next = NULL;
        CLEANUP(trust_destroy_p) trust_t *followed = NULL;
        TRY(trust_file_read(path, &next, err));
        const trust_step_t step = {.current = current, .next = next, .now_us = now_us};
        if (trust_follow(&step, &followed, err) != STATUS_OK) {
            return error_context(err, "following to %.120s", path);
        }
        TRY(add_row(path, followed, now_us, rows, err));
        trust_destroy(&current);
        current = TAKE(followed);
    }
    *ret_newest = TAKE(current);
    return STATUS_OK;
}

status_t handle_trust_verify(const command_input_t *input, error_t *err) {
    static const output_column_t COLUMNS[] = {
        {"VERSION", "version", COLUMN_NUMBER}, {"FILE", "file", COLUMN_TEXT},
        {"DIGEST", "digest", COLUMN_TEXT},     {"ISSUED", "issued", COLUMN_TIME},
        {"EXPIRES", "expires", COLUMN_TIME},   {"FRESHNESS", "freshness", COLUMN_STATE}};
    const output_view_t view = {OUTPUT_COLUMNS(COLUMNS), .rows = "chain"};
    const output_t output = output_choose(input, OUTPUT_TABLE);
    CLEANUP(document_release) json_t *document = NULL;
    CLEANUP(trust_destroy_p) trust_t *newest = NULL;
    int64_t now_us = clock_wall_us();
    TRY(document_made(json_pack("{s:[]}", "chain"), &document, err));
    TRY(walk_chain(input, now_us, json_object_get(document, "chain"), &newest, err));
    TRY(output_write(&output, &view, document, stdout, err));
    const trust_view_t last = {.trust = newest, .now_us = now_us};
    return trust_freshness(&last) == TRUST_EXPIRED
               ? error_set(err, ERROR_TRUST_EXPIRED,
                           "the chain holds, but version %" PRId64 ", its newest, has expired",
                           newest->version)
               : STATUS_OK;
}
