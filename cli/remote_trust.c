/*
 * remote_trust.c: drover trust publish, and the trust file that the coordinator goes by. What a
 * file says is checked by whoever takes it; here it is only seen that it is complete by its own
 * roots, so that a draft is never sent.
 */
#include "cli/handlers.h"
#include "cli/local_trust.h"
#include "cli/paper.h"
#include "cli/remote.h"

#include <inttypes.h>

static status_t publish(remote_t *remote, const char *path, json_t **ret_answer, error_t *err) {
    CLEANUP(trust_paper_free) trust_paper_t paper = {0};
    json_t *text = NULL;
    TRY(trust_paper_load_signed(path, &paper, err));
    TRY(paper_text(paper.document, &text, err));
    return remote_order(remote, "trust.publish", json_pack("{s:o}", "document", text), ret_answer,
                        err);
}

status_t handle_trust_publish(const command_input_t *input, error_t *err) {
    static const output_column_t COLUMNS[] = {{"VERSION", "version", COLUMN_NUMBER},
                                              {"DIGEST", "digest", COLUMN_ID},
                                              {"KNOWN BEFORE", "known", COLUMN_YES}};
    const output_view_t view = {OUTPUT_COLUMNS(COLUMNS), .rows = "published"};
    CLEANUP(remote_destroy_p) remote_t *remote = NULL;
    CLEANUP(document_release) json_t *document = NULL;
    const char *path = NULL;
    TRY(remote_open(input, &remote, err));
    TRY(document_made(json_pack("{s:[]}", "published"), &document, err));
    for (size_t i = 0; (path = command_argument(input, i)) != NULL; i++) {
        json_t *answer = NULL;
        if (publish(remote, path, &answer, err) != STATUS_OK) {
            return error_context(err, "publishing %.120s", path);
        }
        if (json_array_append_new(json_object_get(document, "published"), answer) != 0) {
            return error_set(err, ERROR_NO_MEMORY, "no memory for an answer");
        }
    }
    const output_t output = remote_output(remote);
    return output_write(&output, &view, document, stdout, err);
}

/* The file that the coordinator goes by, as far as it can be told from what is here. */
static status_t get(remote_t *remote, trust_paper_t *paper, error_t *err) {
    CLEANUP(document_release) json_t *answer = NULL;
    TRY(remote_ask(remote, "trust.show", json_object(), &answer, err));
    const paper_place_t place = {.answer = answer, .path = "document", .kind = DOCUMENT_TRUST};
    TRY(paper_read(&place, &paper->document, err));
    return trust_read(paper->document, &paper->trust, err);
}

status_t remote_trust_current(remote_t *remote, trust_paper_t *ret_paper, error_t *err) {
    const trust_t *pin = remote_pin(remote);
    CLEANUP(trust_paper_free) trust_paper_t paper = {0};
    TRY(get(remote, &paper, err));
    const trust_paper_count_t count = trust_paper_count(paper.trust, paper.document);
    if (count.signed_by < count.needed) {
        return error_set(err, ERROR_TRUST_INCOMPLETE,
                         "the coordinator's trust file has %zu of its %u root signatures",
                         count.signed_by, count.needed);
    }
    if (pin != NULL && !ident_equal(&pin->fleet, &paper.trust->fleet)) {
        return error_set(err, ERROR_TRUST_FLEET,
                         "the coordinator is of another fleet than the trust file of drover.yaml");
    }
    if (pin != NULL) {
        const trust_seen_t seen = {.version = pin->version, .digest = pin->digest};
        TRY(trust_check_seen(paper.trust, &seen, err));
    }
    *ret_paper = paper;
    paper = (trust_paper_t){0};
    return STATUS_OK;
}

status_t remote_trust_show(const command_input_t *input, error_t *err) {
    const trust_paper_t none = {0};
    CLEANUP(remote_destroy_p) remote_t *remote = NULL;
    CLEANUP(trust_paper_free) trust_paper_t paper = {0};
    TRY(remote_open(input, &remote, err));
    TRY(get(remote, &paper, err));
    return local_trust_show(input, &paper, &none, err);
}
