/* remote_bundle.c: drover bundle list and bundle push. */
#include "cli/handlers.h"
#include "cli/remote.h"

status_t handle_bundle_list(const command_input_t *input, error_t *err) {
    static const output_column_t COLUMNS[] = {
        {"BUNDLE", "digest", COLUMN_ID},      {"APPLICATION", "application", COLUMN_TEXT},
        {"HEAD", "head", COLUMN_TEXT},        {"MIGRATIONS", "migrations", COLUMN_NUMBER},
        {"SIZE", "size_bytes", COLUMN_BYTES}, {"SIGNATURES", "signatures", COLUMN_NUMBER},
        {"PUSHED", "pushed_us", COLUMN_TIME}, {"BY", "pushed_by", COLUMN_TEXT}};
    const bool one = command_text(input, "application") != NULL;
    const output_view_t view = {
        OUTPUT_COLUMNS(COLUMNS), .rows = "bundles",
        .empty = one ? "the coordinator has no bundle of this application"
                     : "the coordinator has no bundle: 'drover bundle push' sends one"};
    CLEANUP(remote_destroy_p) remote_t *remote = NULL;
    CLEANUP(document_release) json_t *document = NULL;
    TRY(remote_open(input, &remote, err));
    TRY(remote_ask(remote, "bundles.list",
                   json_pack("{s:s*}", "application", command_text(input, "application")),
                   &document, err));
    const output_t output = remote_output(remote);
    return output_write(&output, &view, document, stdout, err);
}

/* What was pushed, with what the coordinator said of it. */
static status_t describe(const bundle_t *bundle, json_t *answer, error_t *err) {
    char digest[DIGEST_TEXT_SIZE];
    size_t count = bundle_count(bundle);
    CLEANUP(document_release) json_t *known = NULL;
    TRY(document_made(
        json_pack("{s:s,s:s,s:s,s:I,s:I,s:I}", "application", bundle_application(bundle), "digest",
                  digest_text(bundle_digest(bundle), digest), "head",
                  count > 0 ? bundle_migration(bundle, count - 1)->version : "", "migrations",
                  (json_int_t)count, "size_bytes", (json_int_t)bundle_bytes(bundle).size,
                  "signatures", (json_int_t)bundle_signer_count(bundle)),
        &known, err));
    return json_object_update_missing(answer, known) == 0
               ? STATUS_OK
               : error_set(err, ERROR_NO_MEMORY, "no memory for an answer");
}

status_t handle_bundle_push(const command_input_t *input, error_t *err) {
    static const output_column_t PAIRS[] = {
        {"pushed", "application", COLUMN_TEXT},      {"head", "head", COLUMN_TEXT},
        {"migrations", "migrations", COLUMN_NUMBER}, {"digest", "digest", COLUMN_TEXT},
        {"size", "size_bytes", COLUMN_BYTES},        {"signatures", "signatures", COLUMN_NUMBER}};
    const output_view_t view = {OUTPUT_COLUMNS(PAIRS)};
    CLEANUP(bundle_destroy_p) bundle_t *bundle = NULL;
    CLEANUP(remote_destroy_p) remote_t *remote = NULL;
    CLEANUP(document_release) json_t *answer = NULL;
    CLEANUP(buffer_free) buffer_t text = {0};
    TRY(bundle_open(command_argument(input, 0), &bundle, err));
    TRY(remote_open(input, &remote, err));
    if (bundle_signer_count(bundle) == 0) {
        output_say("this bundle is not signed, and no agent runs it: 'drover bundle sign' it, and "
                   "push it again");
    }
    TRY(remote_push(remote, bundle, &answer, err));
    TRY(describe(bundle, answer, err));
    const output_t output = remote_output(remote);
    if (output.form == OUTPUT_JSON) {
        return output_write(&output, NULL, answer, stdout, err);
    }
    output_pairs(&output, &view, answer, &text);
    return output_flush(&text, stdout, err);
}
