/*
 * local_trust_edit.c: drover trust add, revoke, threshold, rotate and renew. Each writes an
 * unsigned draft of the next version and shows what differs; a draft is amended in place.
 */
#include "cli/handlers.h"
#include "cli/local_trust.h"
#include "cli/output.h"
#include "cli/trust_spec.h"
#include "common/crypto/keyfile.h"

#include <inttypes.h>
#include <string.h>

typedef struct edit {
    trust_paper_t from;
    trust_draft_t draft;
    const char *out;
} edit_t;

static void edit_free(edit_t *edit) {
    trust_draft_free(&edit->draft); /* borrows from what it was made of */
    trust_paper_free(&edit->from);
}

/* Where the next version goes: a draft stays where it is, a signed file is never changed. */
static status_t choose_out(const command_input_t *input, edit_t *edit, error_t *err) {
    const char *path = command_argument(input, 0);
    bool amends = edit->from.document->signature_count == 0;
    edit->out = command_text(input, "out");
    if (edit->out == NULL && !amends) {
        return error_set(err, ERROR_USAGE,
                         "drover trust %s: %.200s is signed and stays as it is: name the file of "
                         "version %" PRId64 " with --out",
                         command_chosen(input)->name, path, edit->from.trust->version + 1);
    }
    if (edit->out == NULL) {
        edit->out = path;
        return STATUS_OK;
    }
    return local_trust_is_new(edit->out, err);
}

static status_t edit_begin(const command_input_t *input, edit_t *edit, error_t *err) {
    const char *path = command_argument(input, 0);
    TRY(trust_paper_load(path, &edit->from, err));
    bool amends = edit->from.document->signature_count == 0;
    if (!amends) { /* nothing may follow what its own roots have not finished */
        trust_paper_free(&edit->from);
        TRY(trust_paper_load_signed(path, &edit->from, err));
    }
    TRY(choose_out(input, edit, err));
    TRY(trust_draft_begin(edit->from.trust, &edit->draft, err));
    trust_t *trust = &edit->draft.trust;
    int64_t life_us = trust->expires_us - trust->issued_us;
    int64_t now_us = local_trust_now_us();
    if (now_us < trust->issued_us) {
        return error_set(err, ERROR_TRUST_TIME,
                         "%.200s says that it was issued in the future, by this host's clock",
                         path);
    }
    trust->version += amends ? 0 : 1;
    trust->issued_us = now_us;
    trust->expires_us = now_us + command_duration_us(input, "expires", life_us);
    return STATUS_OK;
}

/* Write the draft and show what it changes. */
static status_t edit_end(const command_input_t *input, const edit_t *edit, error_t *err) {
    const output_t output = output_choose(input, OUTPUT_TABLE);
    const trust_paper_t none = {0};
    CLEANUP(trust_paper_free) trust_paper_t paper = {0};
    CLEANUP(buffer_free) buffer_t text = {0};
    TRY(trust_write(&edit->draft.trust, &paper.document, err));
    TRY(trust_read(paper.document, &paper.trust, err));
    const trust_text_change_t change = {.before = edit->from.trust, .after = paper.trust};
    TRY(trust_text_diff(&change, &text, err));
    TRY(trust_paper_save(paper.document, edit->out, err));
    if (output.form == OUTPUT_JSON) {
        TRY(local_trust_show(input, &paper, &none, err));
    } else {
        TRY(output_flush(&text, stdout, err));
    }
    output_say("wrote %s, version %" PRId64 ", unsigned: 'drover trust sign' adds a signature",
               edit->out, paper.trust->version);
    return STATUS_OK;
}

static const char *text_or_empty(const command_input_t *input, const char *flag) {
    const char *text = command_text(input, flag);
    return text != NULL ? text : "";
}

/* --- add ------------------------------------------------------------------------------------- */

static status_t add_roles(const command_input_t *input, edit_t *edit, trust_key_t *key,
                          error_t *err) {
    trust_grant_t grant = {.application = text_or_empty(input, "application"),
                           .environment = text_or_empty(input, "environment"),
                           .selector = text_or_empty(input, "select")};
    const char *role = NULL;
    size_t count = 0;
    for (; (role = command_nth(input, "role", count)) != NULL; count++) {
        TRY(trust_role_parse(role, &grant.role, err));
        TRY(trust_draft_grant(&edit->draft, key, &grant, err));
    }
    if (count == 0 && (grant.application[0] != '\0' || grant.environment[0] != '\0' ||
                       grant.selector[0] != '\0')) {
        return error_set(err, ERROR_USAGE,
                         "drover trust add: --application, --environment and --select go with "
                         "--role");
    }
    return STATUS_OK;
}

status_t handle_trust_add(const command_input_t *input, error_t *err) {
    CLEANUP(edit_free) edit_t edit = {0};
    key_public_t public;
    trust_key_t *key = NULL;
    TRY(edit_begin(input, &edit, err));
    TRY(keyfile_peek(command_argument(input, 1), &public, err));
    if (public.kind == KEY_ROOT) {
        return error_set(err, ERROR_USAGE,
                         "drover trust add: %s's key is a root key: 'drover trust rotate --add' "
                         "adds it",
                         public.name);
    }
    TRY(trust_draft_key(&edit.draft, &public, &key, err));
    if (command_text(input, "curve") != NULL) {
        TRY(trust_spec_curve(command_text(input, "curve"), key, err));
    }
    TRY(add_roles(input, &edit, key, err));
    return edit_end(input, &edit, err);
}

/* --- revoke ---------------------------------------------------------------------------------- */

/* An agent's key as 64 digits, or from its public file. */
static status_t agent_key(const char *who, sign_public_t *ret_key, error_t *err) {
    key_public_t public = {.kind = KEY_AGENT};
    error_t ignored;
    if (keytext_public_parse(who, KEY_AGENT, public.bytes, &ignored) != STATUS_OK) {
        TRY(keyfile_open_public(who, KEY_AGENT, &public, err));
    }
    memcpy(ret_key->bytes, public.bytes, sizeof ret_key->bytes);
    return STATUS_OK;
}

status_t handle_trust_revoke(const command_input_t *input, error_t *err) {
    CLEANUP(edit_free) edit_t edit = {0};
    const char *who = command_argument(input, 1);
    bool agent = command_switch(input, "agent");
    bool retire = command_switch(input, "retire");
    if (agent && retire) {
        return error_set(err, ERROR_USAGE, "drover trust revoke: --agent or --retire, not both");
    }
    TRY(edit_begin(input, &edit, err));
    if (agent) {
        sign_public_t key;
        TRY(agent_key(who, &key, err));
        TRY(trust_draft_agent(&edit.draft, &key, err));
    } else {
        const trust_draft_end_t end = {.who = who,
                                       .standing = retire ? TRUST_RETIRED : TRUST_REVOKED,
                                       .reason = command_text(input, "reason"),
                                       .at_us = edit.draft.trust.issued_us};
        TRY(trust_draft_end(&edit.draft, &end, err));
    }
    return edit_end(input, &edit, err);
}

/* --- thresholds, roots, time ----------------------------------------------------------------- */

status_t handle_trust_threshold(const command_input_t *input, error_t *err) {
    CLEANUP(edit_free) edit_t edit = {0};
    trust_threshold_t row = {.application = text_or_empty(input, "application"),
                             .environment = text_or_empty(input, "environment"),
                             .proposer_counts = !command_switch(input, "proposer-apart")};
    int64_t count = command_number(input, "count", 0);
    TRY(trust_role_parse(command_argument(input, 1), &row.role, err));
    if (count > DOCUMENT_SIGNATURES) {
        return error_set(err, ERROR_USAGE, "drover trust threshold: --count is at most %d",
                         (int)DOCUMENT_SIGNATURES);
    }
    row.count = (uint32_t)count;
    TRY(edit_begin(input, &edit, err));
    TRY(trust_draft_threshold(&edit.draft, &row, err));
    return edit_end(input, &edit, err);
}

/* End root keys of one flag. */
static status_t end_roots(const command_input_t *input, edit_t *edit, trust_standing_t standing,
                          error_t *err) {
    const char *flag = standing == TRUST_REVOKED ? "revoke" : "retire";
    const char *who = NULL;
    for (size_t i = 0; (who = command_nth(input, flag, i)) != NULL; i++) {
        const trust_draft_end_t end = {.who = who,
                                       .only = TRUST_ROOT,
                                       .standing = standing,
                                       .reason = text_or_empty(input, "reason"),
                                       .at_us = edit->draft.trust.issued_us};
        TRY(trust_draft_end(&edit->draft, &end, err));
    }
    return STATUS_OK;
}

static status_t add_roots(const command_input_t *input, edit_t *edit, error_t *err) {
    const char *path = NULL;
    for (size_t i = 0; (path = command_nth(input, "add", i)) != NULL; i++) {
        key_public_t public;
        trust_key_t *key = NULL;
        TRY(keyfile_open_public(path, KEY_ROOT, &public, err));
        TRY(trust_draft_key(&edit->draft, &public, &key, err));
    }
    return STATUS_OK;
}

status_t handle_trust_rotate(const command_input_t *input, error_t *err) {
    CLEANUP(edit_free) edit_t edit = {0};
    int64_t threshold = command_number(input, "threshold", 0);
    if (command_text(input, "add") == NULL && command_text(input, "retire") == NULL &&
        command_text(input, "revoke") == NULL && command_text(input, "threshold") == NULL) {
        return error_set(err, ERROR_USAGE,
                         "drover trust rotate: at least one of --add, --retire, --revoke and "
                         "--threshold");
    }
    if (command_text(input, "revoke") != NULL && command_text(input, "reason") == NULL) {
        return error_set(err, ERROR_USAGE, "drover trust rotate: --revoke needs a --reason");
    }
    if (command_text(input, "threshold") != NULL &&
        (threshold < 1 || threshold > DOCUMENT_SIGNATURES)) {
        return error_set(err, ERROR_USAGE, "drover trust rotate: --threshold is 1 to %d",
                         (int)DOCUMENT_SIGNATURES);
    }
    TRY(edit_begin(input, &edit, err));
    /* old ones first: who gets a new key by the name of the old one keeps the new one */
    TRY(end_roots(input, &edit, TRUST_REVOKED, err));
    TRY(end_roots(input, &edit, TRUST_RETIRED, err));
    TRY(add_roots(input, &edit, err));
    if (threshold > 0) {
        edit.draft.trust.root_threshold = (uint32_t)threshold;
    }
    return edit_end(input, &edit, err);
}

status_t handle_trust_renew(const command_input_t *input, error_t *err) {
    CLEANUP(edit_free) edit_t edit = {0};
    TRY(edit_begin(input, &edit, err));
    return edit_end(input, &edit, err);
}
