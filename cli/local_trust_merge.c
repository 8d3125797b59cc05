/*
 * local_trust_merge.c: drover trust merge: root holders who signed at the same time, each a copy of
 * their own, get one file with all their signatures. Signatures are joined, never replaced.
 */
#include "cli/handlers.h"
#include "cli/local_trust.h"
#include "cli/output.h"

#include <unistd.h>

/* Join one more copy. The first is taken as it is. */
static status_t join(const char *first_path, trust_paper_t *joined, const char *path,
                     error_t *err) {
    CLEANUP(trust_paper_free) trust_paper_t other = {0};
    char ours[DIGEST_TEXT_SIZE];
    char theirs[DIGEST_TEXT_SIZE];
    TRY(trust_paper_load(path, &other, err));
    if (joined->document == NULL) {
        *joined = other;
        other = (trust_paper_t){0};
        return STATUS_OK;
    }
    if (!digest_equal(&joined->document->id, &other.document->id)) {
        return error_set(err, ERROR_TRUST_MERGE,
                         "%.120s and %.120s say different things: their digests are %s and %s",
                         first_path, path, digest_text(&joined->document->id, ours),
                         digest_text(&other.document->id, theirs));
    }
    return document_merge(joined->document, other.document, err);
}

status_t handle_trust_merge(const command_input_t *input, error_t *err) {
    const char *out = command_text(input, "out");
    const char *first = command_argument(input, 0);
    const char *path = first;
    CLEANUP(trust_paper_free) trust_paper_t joined = {0};
    CLEANUP(trust_paper_free) trust_paper_t previous = {0};
    if (command_argument(input, 1) == NULL) {
        return error_set(err, ERROR_USAGE, "drover trust merge: two files at least");
    }
    for (size_t i = 0; (path = command_argument(input, i)) != NULL; i++) {
        TRY(join(first, &joined, path, err));
    }
    if (access(out, F_OK) == 0) { /* no signature that stands there is lost */
        TRY(join(first, &joined, out, err));
    }
    TRY(local_trust_previous(input, &joined, &previous, err));
    TRY(trust_paper_save(joined.document, out, err));
    return local_trust_show(input, &joined, &previous, err);
}
