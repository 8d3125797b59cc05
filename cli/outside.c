/* outside.c: see outside.h. posix_spawnp(3), pipe2(2), poll(2), waitpid(2). */
#include "cli/outside.h"
#include "common/base/clock.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <sodium.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>

extern char **environ;

enum {
    SIGNATURE_TEXT = 2 * SIGN_SIGNATURE_BYTES,
    ANSWER_ROOM = SIGNATURE_TEXT + 16, /* a signature, and blanks after it */
    DRAIN = 4096,
    PAUSE_MS = 20, /* between looks at a command that has closed its stdout and not ended */
};

/* --- words ----------------------------------------------------------------------------------- */

static status_t bad_words(const outside_command_t *command, const char *why, error_t *err) {
    return error_set(err, ERROR_USAGE, "%s: %s", command->flag, why);
}

/* Copy one word from *from to *to; both move on. False where a quote is left open. */
static bool take_word(const char **from, char **to) {
    char quote = '\0';
    for (; **from != '\0' && (quote != '\0' || !isspace((unsigned char)**from)); (*from)++) {
        if (quote == '\0' && (**from == '\'' || **from == '"')) {
            quote = **from;
        } else if (quote != '\0' && **from == quote) {
            quote = '\0';
        } else {
            *(*to)++ = **from;
        }
    }
    *(*to)++ = '\0';
    return quote == '\0';
}

status_t outside_split(const outside_command_t *command, outside_words_t *ret_words, error_t *err) {
    if (strlen(command->text) + OUTSIDE_WORDS >= OUTSIDE_TEXT) {
        return bad_words(command, "the command is too long", err);
    }
    const char *from = command->text;
    char *to = ret_words->text;
    ret_words->count = 0;
    for (;;) { /* each turn takes a word, or ends */
        from += strspn(from, " \t\r\n");
        if (*from == '\0') {
            break;
        }
        if (ret_words->count == OUTSIDE_WORDS) {
            return bad_words(command, "the command has more than 64 words", err);
        }
        ret_words->items[ret_words->count++] = to;
        if (!take_word(&from, &to)) {
            return bad_words(command, "a quote in the command is not closed", err);
        }
    }
    ret_words->items[ret_words->count] = NULL;
    return ret_words->count > 0 && ret_words->items[0][0] != '\0'
               ? STATUS_OK
               : bad_words(command, "the command is empty", err);
}

/* --- running --------------------------------------------------------------------------------- */

typedef struct child {
    pid_t pid;
    int in;           /* its stdin, to be written; -1: it has drover's */
    int out;          /* its stdout, to be read */
    int64_t until_us; /* of clock_boot_us: it is killed past that */
} child_t;

static void end_p(int *fd) {
    close_p(fd);
    *fd = -1;
}

/* Start it with one or two pipes. SIGPIPE, which drover ignores, is the child's again. */
static int spawn(const outside_words_t *words, const int in[2], const int out[2], pid_t *ret_pid) {
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t signals;
    (void)sigemptyset(&signals);
    (void)sigaddset(&signals, SIGPIPE);
    int failed = posix_spawn_file_actions_init(&actions);
    if (failed != 0) {
        return failed;
    }
    failed = posix_spawnattr_init(&attributes);
    if (failed == 0) {
        (void)posix_spawnattr_setsigdefault(&attributes, &signals);
        (void)posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF);
        failed = posix_spawn_file_actions_adddup2(&actions, out[1], STDOUT_FILENO);
        if (failed == 0 && in[0] >= 0) {
            failed = posix_spawn_file_actions_adddup2(&actions, in[0], STDIN_FILENO);
        }
        if (failed == 0) {
            failed = posix_spawnp(ret_pid, words->items[0], &actions, &attributes, words->items,
                                  environ);
        }
        (void)posix_spawnattr_destroy(&attributes);
    }
    (void)posix_spawn_file_actions_destroy(&actions);
    return failed;
}

static int64_t timeout_of(const outside_command_t *command) {
    return command->timeout_us > 0 ? command->timeout_us : OUTSIDE_TIMEOUT_US;
}

static status_t start(const outside_command_t *command, bool feeds, child_t *ret_child,
                      error_t *err) {
    outside_words_t words;
    CLEANUP(end_p) int in_read = -1;
    CLEANUP(end_p) int in_write = -1;
    CLEANUP(end_p) int out_read = -1;
    CLEANUP(end_p) int out_write = -1;
    int in[2] = {-1, -1};
    int out[2] = {-1, -1};
    TRY(outside_split(command, &words, err));
    if ((feeds && pipe2(in, O_CLOEXEC) != 0)) {
        return error_set(err, ERROR_IO, "cannot make a pipe: %s", strerror(errno));
    }
    in_read = in[0];
    in_write = in[1];
    if (pipe2(out, O_CLOEXEC) != 0) {
        return error_set(err, ERROR_IO, "cannot make a pipe: %s", strerror(errno));
    }
    out_read = out[0];
    out_write = out[1];
    int failed = spawn(&words, in, out, &ret_child->pid);
    if (failed != 0) {
        return error_set(err, failed == ENOENT ? ERROR_NOT_FOUND : ERROR_IO,
                         "%s: cannot run '%.100s': %s", command->flag, words.items[0],
                         strerror(failed));
    }
    ret_child->until_us = clock_boot_us() + timeout_of(command);
    ret_child->in = in_write;
    ret_child->out = out_read;
    in_write = -1;
    out_read = -1;
    return STATUS_OK;
}

/* Whether its stdout has something to read, or its end, before its time is up. */
static bool await_output(const child_t *child) {
    for (;;) { /* ends with its time */
        struct pollfd waited = {.fd = child->out, .events = POLLIN};
        int64_t left_ms = (child->until_us - clock_boot_us()) / US_PER_MS;
        if (left_ms <= 0) {
            return false;
        }
        int ready = poll(&waited, 1, left_ms < INT_MAX ? (int)left_ms : INT_MAX);
        if (ready > 0 || (ready < 0 && errno != EINTR)) {
            return ready > 0;
        }
    }
}

/* Whether it ended before its time was up. */
static bool await_end(const child_t *child, int *ret_how) {
    for (;;) { /* ends with the child or its time */
        pid_t got = waitpid(child->pid, ret_how, WNOHANG);
        if (got == child->pid) {
            return true;
        }
        if ((got < 0 && errno != EINTR) || clock_boot_us() >= child->until_us) {
            return false;
        }
        (void)poll(NULL, 0, PAUSE_MS);
    }
}

static void end(child_t *child) {
    int how = 0;
    (void)kill(child->pid, SIGKILL);
    while (waitpid(child->pid, &how, 0) < 0 && errno == EINTR) { /* a killed child ends */
    }
    end_p(&child->in);
    end_p(&child->out);
}

typedef enum ending { ENDED_WELL, ENDED_BADLY, ENDED_LATE } ending_t;

/* Let it finish what it writes, then wait. */
static ending_t finish(child_t *child) {
    char rest[DRAIN];
    int how = 0;
    bool late = false;
    end_p(&child->in);
    for (;;) { /* ends with the child's stdout or its time */
        late = !await_output(child);
        ssize_t got = late ? 0 : read(child->out, rest, sizeof rest);
        if (got == 0 || (got < 0 && errno != EINTR)) {
            break;
        }
    }
    sodium_memzero(rest, sizeof rest);
    if (late || !await_end(child, &how)) {
        end(child);
        return ENDED_LATE;
    }
    end_p(&child->out);
    return WIFEXITED(how) && WEXITSTATUS(how) == 0 ? ENDED_WELL : ENDED_BADLY;
}

static status_t say_late(const outside_command_t *command, error_t *err) {
    return error_set(err, ERROR_COMMAND_LATE,
                     "%s: the command was not done after %lld s: it was killed", command->flag,
                     (long long)((timeout_of(command) + US_PER_S - 1) / US_PER_S));
}

status_t outside_passphrase(const outside_command_t *command, passphrase_t **ret_passphrase,
                            error_t *err) {
    CLEANUP(keyfile_passphrase_destroy_p) passphrase_t *passphrase = NULL;
    child_t child = {.in = -1, .out = -1};
    TRY(start(command, false, &child, err));
    status_t status = keyfile_read_passphrase_until(child.out, child.until_us, &passphrase, err);
    switch (finish(&child)) {
    case ENDED_WELL:
        break;
    case ENDED_BADLY:
        return error_set(err, ERROR_INVALID,
                         "%s: the command failed; run it by hand to see what it says",
                         command->flag);
    case ENDED_LATE:
        return say_late(command, err);
    }
    if (status != STATUS_OK) {
        return error_context(err, "reading what the command of %s says", command->flag);
    }
    *ret_passphrase = TAKE(passphrase);
    return STATUS_OK;
}

/* What it answers, up to the room. */
static size_t read_answer(const child_t *child, char *text, size_t room) {
    size_t size = 0;
    while (size < room && await_output(child)) { /* ends with the answer, the room or its time */
        ssize_t got = read(child->out, text + size, room - size);
        if (got == 0 || (got < 0 && errno != EINTR)) {
            break;
        }
        size += got > 0 ? (size_t)got : 0;
    }
    return size;
}

/* The answer's text as a signature. */
static status_t parse_answer(const outside_command_t *command, char *answer, size_t size,
                             signature_t *ret_signature, error_t *err) {
    error_t ignored;
    while (size > 0 && isspace((unsigned char)answer[size - 1])) {
        size--;
    }
    answer[size] = '\0';
    if (size != SIGNATURE_TEXT ||
        hex_parse(answer, SIGN_SIGNATURE_BYTES, ret_signature->bytes, &ignored) != STATUS_OK) {
        return error_set(err, ERROR_TRUST_SIGNER,
                         "%s: the command answered %zu bytes, a signature is %d hexadecimal digits",
                         command->flag, size, (int)SIGNATURE_TEXT);
    }
    return STATUS_OK;
}

status_t outside_sign(const outside_command_t *command, const digest_t *digest,
                      signature_t *ret_signature, error_t *err) {
    child_t child = {.in = -1, .out = -1};
    char line[DIGEST_TEXT_SIZE + 1];
    char answer[ANSWER_ROOM + 1];
    TRY(start(command, true, &child, err));
    (void)digest_text(digest, line);
    line[DIGEST_TEXT_SIZE - 1] = '\n';
    /* a pipe holds far more than this line: it does not block. One that reads nothing may still
     * sign what it was told elsewhere; its signature is checked in any case */
    ssize_t put = write(child.in, line, DIGEST_TEXT_SIZE);
    (void)put;
    end_p(&child.in);
    size_t size = read_answer(&child, answer, sizeof answer - 1);
    if (size == sizeof answer - 1) { /* it may never end: nothing more is read */
        end(&child);
        return error_set(err, ERROR_TRUST_SIGNER,
                         "%s: the command answered more than the %d hexadecimal digits of a "
                         "signature",
                         command->flag, (int)SIGNATURE_TEXT);
    }
    switch (finish(&child)) {
    case ENDED_WELL:
        break;
    case ENDED_BADLY:
        return error_set(err, ERROR_TRUST_SIGNER, "%s: the command failed", command->flag);
    case ENDED_LATE:
        return say_late(command, err);
    }
    return parse_answer(command, answer, size, ret_signature, err);
}
