/* local_key.c: drover key; keys are made and read by crypto's keyfile.h. */
#include "cli/handlers.h"
#include "cli/output.h"
#include "cli/unlock.h"
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

/* Keys that people hold are locked unless --no-passphrase says otherwise; programs that run
 * unattended could not open theirs. */
static bool is_locked_by_default(key_kind_t kind) {
    return kind == KEY_ROOT;
}

/* The lock of a new key; *ret_passphrase stays NULL where it gets none. */
static status_t new_passphrase(const command_input_t *input, key_kind_t kind,
                               passphrase_t **ret_passphrase, error_t *err) {
    static const unlock_new_t FROM = {.fd_flag = "passphrase-fd",
                                      .command_flag = "passphrase-command"};
    bool wanted = command_switch(input, "passphrase") ||
                  command_text(input, "passphrase-fd") != NULL ||
                  command_text(input, "passphrase-command") != NULL;
    if (command_switch(input, "no-passphrase")) {
        return wanted ? error_set(err, ERROR_USAGE,
                                  "drover key new: --no-passphrase goes with no other passphrase")
                      : STATUS_OK;
    }
    return wanted || is_locked_by_default(kind)
               ? unlock_new_passphrase(input, &FROM, ret_passphrase, err)
               : STATUS_OK;
}

status_t handle_key_new(const command_input_t *input, error_t *err) {
    CLEANUP(keyfile_passphrase_destroy_p) passphrase_t *passphrase = NULL;
    keyfile_new_t what = {.path = command_argument(input, 0), .name = command_text(input, "name")};
    key_public_t key;
    TRY(keytext_kind_parse(command_text(input, "kind"), &what.kind, err));
    TRY(new_passphrase(input, what.kind, &passphrase, err));
    what.passphrase = passphrase;
    TRY(keyfile_create(&what, &key, err));
    return show(input, &key, what.path, err);
}

status_t handle_key_show(const command_input_t *input, error_t *err) {
    key_kind_t kind = KEY_RELEASE;
    key_public_t key;
    const char *path = command_argument(input, 0);
    const char *wanted = command_text(input, "kind");
    if (wanted == NULL) {
        TRY(keyfile_peek(path, &key, err));
    } else {
        TRY(keytext_kind_parse(wanted, &kind, err));
        TRY(keyfile_open_public(path, kind, &key, err));
    }
    return show(input, &key, path, err);
}

status_t handle_key_change_passphrase(const command_input_t *input, error_t *err) {
    static const unlock_new_t FROM = {.fd_flag = "new-passphrase-fd",
                                      .command_flag = "new-passphrase-command"};
    CLEANUP(keyfile_passphrase_destroy_p) passphrase_t *from = NULL;
    CLEANUP(keyfile_passphrase_destroy_p) passphrase_t *to = NULL;
    const char *path = command_argument(input, 0);
    bool unlocked = command_switch(input, "no-passphrase");
    bool locked = false;
    char prompt[512];
    key_public_t key;
    if (unlocked && (command_text(input, FROM.fd_flag) != NULL ||
                     command_text(input, FROM.command_flag) != NULL)) {
        return error_set(
            err, ERROR_USAGE,
            "drover key change-passphrase: --no-passphrase goes with no new passphrase");
    }
    TRY(keyfile_is_locked(path, &locked, err));
    if (locked) {
        (void)snprintf(prompt, sizeof prompt, "passphrase of %.400s", path);
        TRY(unlock_passphrase(input, &(unlock_prompt_t){.prompt = prompt}, &from, err));
    }
    if (!unlocked) {
        TRY(unlock_new_passphrase(input, &FROM, &to, err));
    }
    const keyfile_relock_t what = {.path = path, .from = from, .to = to};
    TRY(keyfile_relock(&what, &key, err));
    return show(input, &key, path, err);
}
