/* take_out.c: see take_out.h. */
#include "cli/take_out.h"
#include "cli/paper.h"
#include "common/base/clock.h"
#include "common/trust/trust_file.h"

#include <string.h>
#include <unistd.h>

void take_out_free(take_out_t *of) {
    document_destroy(&of->paper);
}

/* The one that somebody else has signed already. */
static status_t read_begun(const char *path, take_out_t *of, error_t *err) {
    TRY(trust_file_read(path, &of->paper, err));
    if (of->paper->kind != DOCUMENT_REVOCATION) {
        return error_set(err, ERROR_TRUST_KIND, "%.200s is a %s, no revocation", path,
                         document_kind_text(of->paper->kind));
    }
    TRY(revocation_read(of->paper, &of->revocation, err));
    if (!sign_public_equal(&of->revocation.key, &of->key) ||
        !ident_equal(&of->revocation.fleet, &of->fleet)) {
        return error_set(err, ERROR_ORDER_DIFFERS,
                         "%.200s takes out another key than the one that was named", path);
    }
    return STATUS_OK;
}

static status_t make(const command_input_t *input, take_out_t *of, error_t *err) {
    const char *reason = command_text(input, "reason");
    revocation_t revocation = {.fleet = of->fleet, .key = of->key, .at_us = clock_wall_us()};
    if (reason == NULL || reason[0] == '\0') {
        return error_set(err, ERROR_USAGE,
                         "--reason is required: agents and the audit log keep it");
    }
    if (strlen(reason) >= sizeof revocation.reason) {
        return error_set(err, ERROR_BOUND, "--reason: at most %d bytes", (int)TRUST_REASON_BYTES);
    }
    (void)snprintf(revocation.reason, sizeof revocation.reason, "%s", reason);
    TRY(revocation_write(&revocation, &of->paper, err));
    return revocation_read(of->paper, &of->revocation, err);
}

status_t take_out_begin(const command_input_t *input, take_out_t *of, error_t *err) {
    const char *path = command_text(input, "revocation");
    bool begun = path != NULL && access(path, F_OK) == 0;
    return begun ? read_begun(path, of, err) : make(input, of, err);
}

void take_out_text(const take_out_t *of, buffer_t *out) {
    buffer_text(out, "reason          ");
    output_escape(of->revocation.reason, out);
    buffer_text(out, "\n");
}

/* A revocation counts with all its signatures at once: what is short of them is said, and nothing
 * of it is kept but the file. */
static status_t say_lacking(const char *path, const take_out_t *of, bool again, const char *who,
                            error_t *err) {
    const error_t why = *err;
    size_t count = of->paper->signature_count;
    if (why.code != ERROR_TRUST_THRESHOLD) {
        return STATUS_ERROR;
    }
    if (again) {
        return error_set(err, ERROR_TRUST_SIGNED,
                         "%.64s has signed this revocation already, and it lacks others' "
                         "signatures still (%.300s)",
                         who, why.message);
    }
    return error_set(err, ERROR_ORDER_WAITS, "it has %zu signature%s (%.300s): %s%.200s", count,
                     count == 1 ? "" : "s", why.message,
                     path != NULL ? "the next administrator signs with --revocation "
                                  : "give it anew with --revocation FILE, for the next "
                                    "administrator to sign it",
                     path != NULL ? path : "");
}

status_t take_out_give(remote_t *remote, const command_input_t *input, take_out_t *of,
                       const char *verb, json_t **ret_answer, error_t *err) {
    const char *path = command_text(input, "revocation");
    bool again = document_signed_by(of->paper, remote_key(remote));
    json_t *text = NULL;
    if (!again) {
        TRY(remote_sign(remote, of->paper, err));
        TRY(path != NULL ? trust_file_write(of->paper, path, err) : STATUS_OK);
    }
    TRY(paper_text(of->paper, &text, err));
    return remote_order(remote, verb, json_pack("{s:o}", "document", text), ret_answer, err) ==
                   STATUS_OK
               ? STATUS_OK
               : say_lacking(path, of, again, remote_key_name(remote), err);
}
