/* invitation.c: see invitation.h. Reads line by line in the one order there is. */
#include "common/trust/invitation.h"
#include "common/base/digest.h"
#include "common/crypto/keytext.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <libgen.h>
#include <limits.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FIRST_LINE "drover invitation"

struct invitation {
    invitation_terms_t terms;
    uint8_t public_key[INVITATION_KEY_BYTES];
    uint8_t secret[INVITATION_KEY_BYTES];
};

void invitation_destroy(invitation_t **invitation_p) {
    if (invitation_p != NULL && *invitation_p != NULL) {
        sodium_free(*invitation_p); /* wipes */
        *invitation_p = NULL;
    }
}

const invitation_terms_t *invitation_terms(const invitation_t *invitation) {
    return &invitation->terms;
}

const uint8_t *invitation_public(const invitation_t *invitation) {
    return invitation->public_key;
}

const uint8_t *invitation_secret(const invitation_t *invitation) {
    return invitation->secret;
}

/* Guarded and zeroed. */
static status_t new_guarded(size_t size, void *ret_memory, error_t *err) {
    void *memory = sodium_init() < 0 ? NULL : sodium_malloc(size);
    if (memory == NULL) {
        return error_set(err, ERROR_NO_MEMORY, "out of guarded memory for an invitation");
    }
    memset(memory, 0, size);
    memcpy(ret_memory, &memory, sizeof memory);
    return STATUS_OK;
}

static void guarded_free_p(void *memory_p) {
    void *memory = NULL;
    memcpy(&memory, memory_p, sizeof memory);
    sodium_free(memory);
}

static bool address_ok(const char *address) {
    static const char SCHEME[] = "tcp://";
    if (strncmp(address, SCHEME, sizeof SCHEME - 1) != 0 || address[sizeof SCHEME - 1] == '\0') {
        return false;
    }
    for (const char *at = address; *at != '\0'; at++) {
        if (*at <= ' ' || *at > '~') {
            return false;
        }
    }
    return true;
}

/* NULL where the terms make sense, else what is wrong with them. */
static const char *terms_problem(const invitation_terms_t *terms) {
    if (!address_ok(terms->coordinator)) {
        return "the coordinator's address reads like tcp://HOST:PORT";
    }
    if (sodium_is_zero(terms->curve, sizeof terms->curve)) {
        return "the coordinator's transport key is missing";
    }
    if (!keytext_name_ok(terms->name)) {
        return "a name has 1 to 63 letters, digits and ._@+-";
    }
    return terms->expires_us > 0 ? NULL : "the end is missing";
}

status_t invitation_new(const invitation_terms_t *terms, invitation_t **ret_invitation,
                        error_t *err) {
    const char *problem = terms_problem(terms);
    if (problem != NULL) {
        return error_set(err, ERROR_INVITATION, "no invitation: %s", problem);
    }
    CLEANUP(invitation_destroy_p) invitation_t *invitation = NULL;
    TRY(new_guarded(sizeof *invitation, &invitation, err));
    invitation->terms = *terms;
    (void)crypto_box_keypair(invitation->public_key, invitation->secret);
    *ret_invitation = TAKE(invitation);
    return STATUS_OK;
}

/* --- the text -------------------------------------------------------------------------------- */

size_t invitation_format(const invitation_t *invitation, char buffer[INVITATION_BYTES]) {
    const invitation_terms_t *terms = &invitation->terms;
    char curve[Z85_KEY_SIZE];
    int size = snprintf(buffer, INVITATION_BYTES,
                        FIRST_LINE "\nversion: 1\ncoordinator: %s\ncurve: %s\nname: %s\nexpires: "
                                   "%" PRId64 "\nsecret: ",
                        terms->coordinator, keytext_z85(terms->curve, curve), terms->name,
                        terms->expires_us);
    INVARIANT(size > 0 && (size_t)size + 2 * INVITATION_KEY_BYTES + 2 <= INVITATION_BYTES);
    (void)hex_text(invitation->secret, INVITATION_KEY_BYTES, buffer + size);
    size += 2 * INVITATION_KEY_BYTES;
    memcpy(buffer + size, "\n", 2);
    return (size_t)size + 1;
}

typedef struct cursor {
    const char *path;
    const char *at;
    const char *end;
    unsigned line;
} cursor_t;

static status_t wrong(const cursor_t *cursor, const char *what, error_t *err) {
    return error_set(err, ERROR_INVITATION, "%s:%u: %s", cursor->path, cursor->line, what);
}

/* The value of the next line, which must begin with key, into room bytes. Names no value: the last
 * one is a secret. */
static status_t read_line(cursor_t *cursor, const char *key, char *value, size_t room,
                          error_t *err) {
    size_t left = (size_t)(cursor->end - cursor->at);
    size_t skip = strlen(key);
    cursor->line++;
    const char *newline = left > 0 ? memchr(cursor->at, '\n', left) : NULL;
    if (newline == NULL || (size_t)(newline - cursor->at) < skip ||
        memcmp(cursor->at, key, skip) != 0) {
        char what[64];
        (void)snprintf(what, sizeof what, "a line '%s…' is wanted here", key);
        return wrong(cursor, what, err);
    }
    size_t size = (size_t)(newline - cursor->at) - skip;
    if (size >= room || memchr(cursor->at + skip, '\0', size) != NULL) {
        return wrong(cursor, "the value is too long, or holds a zero byte", err);
    }
    memcpy(value, cursor->at + skip, size);
    value[size] = '\0';
    cursor->at = newline + 1;
    return STATUS_OK;
}

static status_t read_number(cursor_t *cursor, const char *key, int64_t *ret_number, error_t *err) {
    char text[20]; /* 18 digits suffice for any date, and never overflow */
    TRY(read_line(cursor, key, text, sizeof text, err));
    size_t size = strlen(text);
    if (size == 0 || size > 18 || text[0] == '0' || strspn(text, "0123456789") != size) {
        return wrong(cursor, "a number is wanted here, without leading zeros", err);
    }
    *ret_number = (int64_t)strtoll(text, NULL, 10);
    return STATUS_OK;
}

/* One spelling: what is read is what would be written. */
static status_t read_secret(cursor_t *cursor, invitation_t *invitation, error_t *err) {
    CLEANUP(guarded_free_p) char *text = NULL;
    error_t quotes_it = {0};
    TRY(new_guarded(2 * INVITATION_KEY_BYTES + 1, &text, err));
    TRY(read_line(cursor, "secret: ", text, 2 * INVITATION_KEY_BYTES + 1, err));
    if (strspn(text, "0123456789abcdef") != 2 * (size_t)INVITATION_KEY_BYTES ||
        hex_parse(text, INVITATION_KEY_BYTES, invitation->secret, &quotes_it) != STATUS_OK) {
        sodium_memzero(&quotes_it, sizeof quotes_it);
        return wrong(cursor, "a key is 64 hexadecimal digits in small letters", err);
    }
    if (crypto_scalarmult_base(invitation->public_key, invitation->secret) != 0) {
        return wrong(cursor, "that is no key", err);
    }
    return STATUS_OK;
}

status_t invitation_parse(const invitation_source_t *source, invitation_t **ret_invitation,
                          error_t *err) {
    CLEANUP(invitation_destroy_p) invitation_t *invitation = NULL;
    cursor_t cursor = {
        .path = source->path, .at = source->bytes, .end = source->bytes + source->size};
    char text[Z85_KEY_SIZE];
    error_t ignored = {0};
    int64_t version = 0;
    TRY(new_guarded(sizeof *invitation, &invitation, err));
    invitation_terms_t *terms = &invitation->terms;
    TRY(read_line(&cursor, FIRST_LINE, text, 1, err));
    TRY(read_number(&cursor, "version: ", &version, err));
    if (version != 1) {
        return wrong(&cursor, "a newer Drover wrote this: only version 1 is known here", err);
    }
    TRY(read_line(&cursor, "coordinator: ", terms->coordinator, sizeof terms->coordinator, err));
    TRY(read_line(&cursor, "curve: ", text, sizeof text, err));
    if (keytext_z85_parse(text, terms->curve, &ignored) != STATUS_OK) {
        return wrong(&cursor, "a curve key is 40 characters of Z85", err);
    }
    TRY(read_line(&cursor, "name: ", terms->name, sizeof terms->name, err));
    TRY(read_number(&cursor, "expires: ", &terms->expires_us, err));
    TRY(read_secret(&cursor, invitation, err));
    const char *problem = terms_problem(terms);
    if (problem == NULL && cursor.at != cursor.end) {
        problem = "something stands after the last line";
    }
    if (problem != NULL) {
        return wrong(&cursor, problem, err);
    }
    *ret_invitation = TAKE(invitation);
    return STATUS_OK;
}

/* --- the file -------------------------------------------------------------------------------- */

static status_t io_error(const char *what, const char *path, error_t *err) {
    int number = errno;
    return error_set(err, number == ENOSPC || number == EDQUOT ? ERROR_DISK_FULL : ERROR_IO,
                     "cannot %s %s: %s", what, path, strerror(number));
}

static status_t write_all(int fd, const char *path, const char *bytes, size_t size, error_t *err) {
    for (size_t done = 0; done < size;) { /* each turn writes something */
        ssize_t wrote = write(fd, bytes + done, size - done);
        if (wrote < 0 && errno != EINTR) {
            return io_error("write", path, err);
        }
        done += wrote > 0 ? (size_t)wrote : 0;
    }
    return fsync(fd) == 0 ? STATUS_OK : io_error("sync", path, err);
}

static status_t sync_folder(const char *path, error_t *err) {
    char copy[PATH_MAX];
    (void)snprintf(copy, sizeof copy, "%s", path);
    const char *folder = dirname(copy);
    CLEANUP(close_p) int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return fd >= 0 && fsync(fd) == 0 ? STATUS_OK : io_error("sync", folder, err);
}

status_t invitation_write(const invitation_t *invitation, const char *path, error_t *err) {
    CLEANUP(guarded_free_p) char *text = NULL;
    TRY(new_guarded(INVITATION_BYTES, &text, err));
    size_t size = invitation_format(invitation, text);
    CLEANUP(close_p) int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0 && errno == EEXIST) {
        return error_set(err, ERROR_INVITATION, "%s exists; an invitation never replaces a file",
                         path);
    }
    if (fd < 0) {
        return io_error("create", path, err);
    }
    if (write_all(fd, path, text, size, err) != STATUS_OK) {
        (void)unlink(path);
        return STATUS_ERROR;
    }
    return sync_folder(path, err);
}

static status_t check_rights(int fd, const char *path, error_t *err) {
    struct stat about;
    if (fstat(fd, &about) != 0) {
        return io_error("look at", path, err);
    }
    if (!S_ISREG(about.st_mode)) {
        return error_set(err, ERROR_INVITATION, "%s is no regular file", path);
    }
    if (about.st_uid != geteuid() && about.st_uid != 0) {
        return error_set(err, ERROR_INVITATION, "%s belongs to another user (uid %u)", path,
                         (unsigned)about.st_uid);
    }
    if ((about.st_mode & 077) != 0) {
        return error_set(err, ERROR_INVITATION,
                         "%s may be used by its group or by others (mode %04o): chmod 600 it", path,
                         (unsigned)(about.st_mode & 07777));
    }
    return STATUS_OK;
}

status_t invitation_read(const char *path, invitation_t **ret_invitation, error_t *err) {
    CLEANUP(guarded_free_p) char *text = NULL;
    CLEANUP(close_p) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) {
        return errno == ENOENT ? error_set(err, ERROR_NOT_FOUND, "there is no file %s", path)
                               : io_error("open", path, err);
    }
    TRY(check_rights(fd, path, err));
    TRY(new_guarded(INVITATION_BYTES + 1, &text, err));
    size_t size = 0;
    while (size <= INVITATION_BYTES) { /* each turn reads something, or ends it */
        ssize_t got = read(fd, text + size, INVITATION_BYTES + 1 - size);
        if (got < 0 && errno != EINTR) {
            return io_error("read", path, err);
        }
        if (got == 0) {
            break;
        }
        size += got > 0 ? (size_t)got : 0;
    }
    if (size > INVITATION_BYTES) {
        return error_set(err, ERROR_INVITATION, "%s is too long for an invitation", path);
    }
    return invitation_parse(&(invitation_source_t){.path = path, .bytes = text, .size = size},
                            ret_invitation, err);
}
