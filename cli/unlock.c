/* unlock.c: see unlock.h. */
#include "cli/unlock.h"
#include "cli/outside.h"

#include <limits.h>
#include <stdio.h>

/* *ret_passphrase stays NULL where neither flag is given. */
static status_t from_flags(const command_input_t *input, const unlock_new_t *from,
                           passphrase_t **ret_passphrase, error_t *err) {
    char flag[64];
    int64_t fd = command_number(input, from->fd_flag, -1);
    const char *command = command_text(input, from->command_flag);
    if (fd >= 0 && command != NULL) {
        return error_set(err, ERROR_USAGE, "--%s or --%s, not both", from->fd_flag,
                         from->command_flag);
    }
    if (fd > INT_MAX) {
        return error_set(err, ERROR_USAGE, "--%s: no file descriptor has such a number",
                         from->fd_flag);
    }
    if (fd >= 0) {
        return keyfile_read_passphrase_fd((int)fd, ret_passphrase, err);
    }
    (void)snprintf(flag, sizeof flag, "--%s", from->command_flag);
    const outside_command_t outside = {
        .flag = flag,
        .text = command,
        .timeout_us = command_duration_us(input, "command-timeout", from->timeout_us)};
    return command == NULL ? STATUS_OK : outside_passphrase(&outside, ret_passphrase, err);
}

status_t unlock_passphrase(const command_input_t *input, const unlock_prompt_t *ask,
                           passphrase_t **ret_passphrase, error_t *err) {
    const unlock_new_t from = {.fd_flag = "passphrase-fd",
                               .command_flag = "passphrase-command",
                               .timeout_us = ask->timeout_us};
    CLEANUP(keyfile_passphrase_destroy_p) passphrase_t *passphrase = NULL;
    TRY(from_flags(input, &from, &passphrase, err));
    if (passphrase == NULL) {
        TRY(keyfile_ask_passphrase(ask->prompt, &passphrase, err));
    }
    *ret_passphrase = TAKE(passphrase);
    return STATUS_OK;
}

status_t unlock_key(const command_input_t *input, const unlock_key_t *what, keyfile_t **ret_key,
                    error_t *err) {
    CLEANUP(keyfile_passphrase_destroy_p) passphrase_t *passphrase = NULL;
    char prompt[512];
    bool locked = false;
    TRY(keyfile_is_locked(what->path, &locked, err));
    if (locked) {
        (void)snprintf(prompt, sizeof prompt, "passphrase of %.400s", what->path);
        TRY(unlock_passphrase(input, &(unlock_prompt_t){.prompt = prompt}, &passphrase, err));
    }
    const keyfile_open_t open = {.path = what->path, .kind = what->kind, .passphrase = passphrase};
    return keyfile_open(&open, ret_key, err);
}

status_t unlock_new_passphrase(const command_input_t *input, const unlock_new_t *from,
                               passphrase_t **ret_passphrase, error_t *err) {
    CLEANUP(keyfile_passphrase_destroy_p) passphrase_t *first = NULL;
    CLEANUP(keyfile_passphrase_destroy_p) passphrase_t *second = NULL;
    TRY(from_flags(input, from, &first, err));
    if (first == NULL) {
        TRY(keyfile_ask_passphrase("new passphrase", &first, err));
        TRY(keyfile_ask_passphrase("the same again", &second, err));
        if (!keyfile_passphrase_equal(first, second)) {
            return error_set(err, ERROR_INVALID, "the two passphrases differ: nothing was done");
        }
    }
    *ret_passphrase = TAKE(first);
    return STATUS_OK;
}
