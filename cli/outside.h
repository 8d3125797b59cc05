/*
 * outside.h: commands of the team's own that drover runs: one that tells a passphrase, one that
 * signs. No shell is between: a command's text is split into words at blanks; a word with blanks
 * stands in '…' or "…"; nothing else has a meaning. The first word is looked up in PATH. The
 * command shares stderr and the terminal with drover, so that it can say what went wrong, or ask.
 * Its time is bounded: past it, it is killed, and nothing that it said counts. What it has started
 * itself is not followed.
 */
#ifndef DROVER_CLI_OUTSIDE_H
#define DROVER_CLI_OUTSIDE_H

#include "common/crypto/keyfile.h"

enum { OUTSIDE_WORDS = 64, OUTSIDE_TEXT = 4096 };

#define OUTSIDE_TIMEOUT_US (INT64_C(60) * 1000 * 1000)

/* A command's words. Points into itself: not to be copied. */
typedef struct outside_words {
    char *items[OUTSIDE_WORDS + 1]; /* ended by NULL, as execvp(3) takes them */
    size_t count;
    char text[OUTSIDE_TEXT];
} outside_words_t;

/* ERROR_USAGE: no word, too many or too long, a quote that is not closed. flag is for the message.
 */
typedef struct outside_command {
    const char *flag; /* "--signer" */
    const char *text;
    int64_t timeout_us; /* 0: OUTSIDE_TIMEOUT_US */
} outside_command_t;

MUST_CHECK status_t outside_split(const outside_command_t *command, outside_words_t *ret_words,
                                  error_t *err);

/* The first line that a command writes; its stdin is drover's. The line never leaves guarded memory
 * but for the pipe. ERROR_INVALID where it says nothing or does not end with 0, ERROR_COMMAND_LATE;
 * else as keyfile_read_passphrase_fd. */
MUST_CHECK status_t outside_passphrase(const outside_command_t *command,
                                       passphrase_t **ret_passphrase, error_t *err);

/* Have a command sign: it gets the 32 bytes as a line of hexadecimal on stdin and answers the
 * Ed25519 signature, 64 bytes of hexadecimal, on stdout. Whether it is the right key's is for the
 * caller to check. ERROR_TRUST_SIGNER, ERROR_COMMAND_LATE. */
MUST_CHECK status_t outside_sign(const outside_command_t *command, const digest_t *digest,
                                 signature_t *ret_signature, error_t *err);

#endif
