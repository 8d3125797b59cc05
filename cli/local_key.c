/* local_key.c: drover key new and key show; keys are made and read by crypto's keyfile.h. */
#include "cli/handlers.h"
#include "cli/output.h"
#include "common/base/cleanup.h"
#include "common/crypto/keyfile.h"

static void release_json(json_t **document) {
    json_decref(*document);
}

/* Show a public key: its text alone is what configuration files want. */
static status_t show(const command_input_t *input, const key_public_t *key, const char *path,
                     error_t *err) {
    static const output_column_t COLUMNS[] = {{"FILE", "file", COLUMN_TEXT},
                                              {"KIND", "kind", COLUMN_TEXT},
                                              {"NAME", "name", COLUMN_TEXT},
                                              {"PUBLIC KEY", "public", COLUMN_TEXT}};
    const output_view_t view = {.columns = COLUMNS, .count = 4, .rows = "keys"};
    const output_t output = output_choose(input, OUTPUT_TABLE);
    char text[KEYTEXT_PUBLIC_SIZE];
    CLEANUP(release_json)
    json_t *document = json_pack("{s:[{s:s,s:s,s:s,s:s}]}", "keys", "file", path, "kind",
                                 keytext_kind_text(key->kind), "name", key->name, "public",
                                 keytext_public_text(key, text));
    if (document == NULL) {
        return error_set(err, ERROR_INVALID, "%.300s: a path that is no UTF-8", path);
    }
    return output_write(&output, &view, document, stdout, err);
}

/* From --passphrase-fd, asked twice with --passphrase, or none. */
static status_t new_passphrase(const command_input_t *input, passphrase_t **ret_passphrase,
                               error_t *err) {
    CLEANUP(keyfile_passphrase_destroy_p) passphrase_t *first = NULL;
    CLEANUP(keyfile_passphrase_destroy_p) passphrase_t *second = NULL;
    int64_t fd = command_number(input, "passphrase-fd", -1);
    if (fd >= 0) {
        return keyfile_read_passphrase_fd((int)fd, ret_passphrase, err);
    }
    if (!command_switch(input, "passphrase")) {
        return STATUS_OK;
    }
    TRY(keyfile_ask_passphrase("new passphrase: ", &first, err));
    TRY(keyfile_ask_passphrase("the same again: ", &second, err));
    if (!keyfile_passphrase_equal(first, second)) {
        return error_set(err, ERROR_INVALID, "the two passphrases differ: no key was made");
    }
    *ret_passphrase = TAKE(first);
    return STATUS_OK;
}

status_t handle_key_new(const command_input_t *input, error_t *err) {
    CLEANUP(keyfile_passphrase_destroy_p) passphrase_t *passphrase = NULL;
    keyfile_new_t what = {.path = command_argument(input, 0), .name = command_text(input, "name")};
    key_public_t key;
    TRY(keytext_kind_parse(command_text(input, "kind"), &what.kind, err));
    TRY(new_passphrase(input, &passphrase, err));
    what.passphrase = passphrase;
    TRY(keyfile_create(&what, &key, err));
    return show(input, &key, what.path, err);
}

status_t handle_key_show(const command_input_t *input, error_t *err) {
    key_kind_t kind = KEY_RELEASE;
    key_public_t key;
    const char *path = command_argument(input, 0);
    TRY(keytext_kind_parse(command_text(input, "kind"), &kind, err));
    TRY(keyfile_open_public(path, kind, &key, err));
    return show(input, &key, path, err);
}
