/*
 * unlock.h: where a passphrase comes from: the terminal, a file descriptor or a command. Never the
 * command line nor the environment, which other programs of the host can read.
 */
#ifndef DROVER_CLI_UNLOCK_H
#define DROVER_CLI_UNLOCK_H

#include "cli/command.h"
#include "common/crypto/keyfile.h"

/* From --passphrase-fd, else --passphrase-command, else asked for with this prompt. */
typedef struct unlock_prompt {
    const char *prompt;
    int64_t timeout_us; /* of the command, where --command-timeout says nothing; 0: as outside.h */
} unlock_prompt_t;

MUST_CHECK status_t unlock_passphrase(const command_input_t *input, const unlock_prompt_t *ask,
                                      passphrase_t **ret_passphrase, error_t *err);

/* Open a secret key; its passphrase is wanted only where the file is locked. */
typedef struct unlock_key {
    const char *path;
    key_kind_t kind;
} unlock_key_t;

MUST_CHECK status_t unlock_key(const command_input_t *input, const unlock_key_t *what,
                               keyfile_t **ret_key, error_t *err);

/* A passphrase for a new lock, from the named flags of the command, or asked twice. ERROR_INVALID
 * where the two differ. */
typedef struct unlock_new {
    const char *fd_flag;      /* "passphrase-fd" */
    const char *command_flag; /* "passphrase-command" */
    int64_t timeout_us;       /* as above */
} unlock_new_t;

MUST_CHECK status_t unlock_new_passphrase(const command_input_t *input, const unlock_new_t *from,
                                          passphrase_t **ret_passphrase, error_t *err);

#endif
