/*
 * keyfile.c: see keyfile.h. A new file is written under a random name, fsynced and then linked to
 * its own, so that it appears whole or not at all and never replaces one: link(2) refuses.
 */
#include "common/crypto/keyfile.h"
#include "common/base/clock.h"
#include "common/crypto/random.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <termios.h>

/* Argon2id as a file may ask for it: more would let a forged file eat the host. */
#define OPS_MOST UINT64_C(16)
#define MEMORY_MOST (UINT64_C(1) << 30)

typedef struct key_secret {
    sign_secret_t sign;
    seal_secret_t seal;
    uint8_t curve[KEYTEXT_KEY_BYTES];
} key_secret_t;

struct keyfile {
    key_public_t key;
    sign_public_t sign;
    seal_public_t seal;
    key_secret_t *secret; /* guarded, read-only once filled */
};

struct passphrase {
    size_t size;
    char bytes[KEYFILE_PASSPHRASE_MAX];
};

_Static_assert(KEYTEXT_SALT_BYTES == crypto_pwhash_SALTBYTES, "Argon2id's salt");
_Static_assert(KEYTEXT_NONCE_BYTES == crypto_secretbox_NONCEBYTES, "secretbox's nonce");
_Static_assert(KEYTEXT_BOX_BYTES == KEYTEXT_KEY_BYTES + crypto_secretbox_MACBYTES, "its box");

static void guarded_free_p(void *local) {
    void **pointer = local;
    sodium_free(*pointer);
    *pointer = NULL;
}

static status_t guarded_new(size_t size, void *ret_pointer, error_t *err) {
    void *pointer = sodium_malloc(size);
    if (pointer == NULL) {
        return error_set(err, ERROR_NO_MEMORY, "no guarded memory for a key");
    }
    sodium_memzero(pointer, size);
    memcpy(ret_pointer, &pointer, sizeof(void *));
    return STATUS_OK;
}

static status_t io_error(error_t *err, const char *what, const char *path) {
    return error_set(err, ERROR_IO, "%s %s: %s", what, path, strerror(errno));
}

/* --- locking --------------------------------------------------------------------------------- */

static status_t derive(const keytext_t *text, const passphrase_t *passphrase, uint8_t *key,
                       error_t *err) {
    if (crypto_pwhash(key, crypto_secretbox_KEYBYTES, passphrase->bytes, passphrase->size,
                      text->salt, text->ops, (size_t)text->memory_bytes,
                      crypto_pwhash_ALG_ARGON2ID13) != 0) {
        return error_set(err, ERROR_NO_MEMORY, "no memory to derive a key from the passphrase");
    }
    return STATUS_OK;
}

/* Replace the plain secret by one locked with the passphrase. */
static status_t lock_secret(keytext_t *text, const passphrase_t *passphrase, error_t *err) {
    CLEANUP(guarded_free_p) uint8_t *key = NULL;
    TRY(guarded_new(crypto_secretbox_KEYBYTES, &key, err));
    text->ops = crypto_pwhash_OPSLIMIT_MODERATE;
    text->memory_bytes = crypto_pwhash_MEMLIMIT_MODERATE;
    random_fill(text->salt, sizeof text->salt);
    random_fill(text->nonce, sizeof text->nonce);
    TRY(derive(text, passphrase, key, err));
    INVARIANT(crypto_secretbox_easy(text->box, text->plain, KEYTEXT_KEY_BYTES, text->nonce, key) ==
              0);
    sodium_memzero(text->plain, sizeof text->plain);
    text->secret = KEYTEXT_LOCKED;
    return STATUS_OK;
}

static status_t unlock_secret(keytext_t *text, const keyfile_open_t *what, error_t *err) {
    CLEANUP(guarded_free_p) uint8_t *key = NULL;
    if (what->passphrase == NULL) {
        return error_set(err, ERROR_KEY_FILE, "%s: the key is locked: a passphrase is needed",
                         what->path);
    }
    if (text->ops < 1 || text->ops > OPS_MOST || text->memory_bytes < crypto_pwhash_MEMLIMIT_MIN ||
        text->memory_bytes > MEMORY_MOST) {
        return error_set(err, ERROR_KEY_FILE, "%s:5: the costs of argon2id are out of bounds",
                         what->path);
    }
    TRY(guarded_new(crypto_secretbox_KEYBYTES, &key, err));
    TRY(derive(text, what->passphrase, key, err));
    if (crypto_secretbox_open_easy(text->plain, text->box, KEYTEXT_BOX_BYTES, text->nonce, key) !=
        0) {
        return error_set(err, ERROR_KEY_FILE, "%s: the passphrase does not open the key",
                         what->path);
    }
    text->secret = KEYTEXT_PLAIN;
    return STATUS_OK;
}

/* --- files ----------------------------------------------------------------------------------- */

typedef struct new_file {
    const char *path;
    const char *bytes;
    size_t size;
    mode_t mode;
} new_file_t;

static status_t write_all(int fd, const new_file_t *file, error_t *err) {
    for (size_t done = 0; done < file->size;) {
        ssize_t n = write(fd, file->bytes + done, file->size - done);
        if (n < 0 && errno != EINTR) {
            return io_error(err, "cannot write", file->path);
        }
        done += n > 0 ? (size_t)n : 0;
    }
    if (fchmod(fd, file->mode) != 0 || fsync(fd) != 0) {
        return io_error(err, "cannot write", file->path);
    }
    return STATUS_OK;
}

static status_t sync_folder(const char *path, error_t *err) {
    char folder[PATH_MAX];
    (void)snprintf(folder, sizeof folder, "%s", path);
    char *slash = strrchr(folder, '/');
    if (slash != NULL) {
        slash[slash == folder ? 1 : 0] = '\0';
    }
    CLEANUP(close_p)
    int fd = open(slash != NULL ? folder : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || fsync(fd) != 0) {
        return io_error(err, "cannot sync the folder of", path);
    }
    return STATUS_OK;
}

/* Write it whole beside its path, then let put_in_place give it its name. */
static status_t write_beside(const new_file_t *file,
                             status_t (*put_in_place)(const char *beside, const char *path,
                                                      error_t *err),
                             error_t *err) {
    char temporary[PATH_MAX];
    int length = snprintf(temporary, sizeof temporary, "%s.%08x.partial", file->path, random_u32());
    if (length < 0 || (size_t)length >= sizeof temporary) {
        return error_set(err, ERROR_BOUND, "the path %.80s… is too long", file->path);
    }
    CLEANUP(close_p) int fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0) {
        return io_error(err, "cannot create", file->path);
    }
    status_t status = write_all(fd, file, err);
    if (status == STATUS_OK) {
        status = put_in_place(temporary, file->path, err);
    }
    (void)unlink(temporary);
    TRY(status);
    return sync_folder(file->path, err);
}

static status_t link_new(const char *beside, const char *path, error_t *err) {
    if (link(beside, path) == 0) {
        return STATUS_OK;
    }
    return errno == EEXIST
               ? error_set(err, ERROR_KEY_FILE, "%s exists; a key is never overwritten", path)
               : io_error(err, "cannot create", path);
}

static status_t rename_over(const char *beside, const char *path, error_t *err) {
    return rename(beside, path) == 0 ? STATUS_OK : io_error(err, "cannot replace", path);
}

static status_t create_file(const new_file_t *file, error_t *err) {
    return write_beside(file, link_new, err);
}

/* Whoever else can read or write a secret file makes it useless. */
static status_t check_rights(int fd, const char *path, error_t *err) {
    struct stat about;
    if (fstat(fd, &about) != 0) {
        return io_error(err, "cannot look at", path);
    }
    if (!S_ISREG(about.st_mode)) {
        return error_set(err, ERROR_KEY_FILE, "%s is no regular file", path);
    }
    if (about.st_uid != geteuid() && about.st_uid != 0) {
        return error_set(err, ERROR_KEY_FILE, "%s belongs to another user (uid %u)", path,
                         (unsigned)about.st_uid);
    }
    if ((about.st_mode & 077) != 0) {
        return error_set(err, ERROR_KEY_FILE,
                         "%s may be used by its group or by others (mode %04o): chmod 600 it", path,
                         (unsigned)(about.st_mode & 07777));
    }
    return STATUS_OK;
}

static status_t read_text(int fd, const char *path, keytext_t *text, error_t *err) {
    CLEANUP(guarded_free_p) char *bytes = NULL;
    TRY(guarded_new(KEYTEXT_MAX + 1, &bytes, err));
    size_t size = 0;
    while (size <= KEYTEXT_MAX) {
        ssize_t n = read(fd, bytes + size, KEYTEXT_MAX + 1 - size);
        if (n < 0 && errno != EINTR) {
            return io_error(err, "cannot read", path);
        }
        if (n == 0) {
            break;
        }
        size += n > 0 ? (size_t)n : 0;
    }
    keytext_source_t source = {.path = path, .bytes = bytes, .size = size};
    return keytext_parse(&source, text, err);
}

/* Read a file of either sort into guarded memory; a file with a secret in it must be private. */
static status_t load(const char *path, keytext_t *text, error_t *err) {
    CLEANUP(close_p) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) {
        return error_set(err, ERROR_KEY_FILE, "cannot open %s: %s", path, strerror(errno));
    }
    TRY(read_text(fd, path, text, err));
    return text->secret == KEYTEXT_NONE ? STATUS_OK : check_rights(fd, path, err);
}

static status_t check_kind(const keytext_t *text, const char *path, key_kind_t kind, error_t *err) {
    if (text->key.kind != kind) {
        return error_set(err, ERROR_KEY_FILE, "%s:1: %s key, but %s is needed", path,
                         keytext_kind_text(text->key.kind), keytext_kind_text(kind));
    }
    return STATUS_OK;
}

/* --- keys ------------------------------------------------------------------------------------ */

/* Fill both halves from the 32 secret bytes. */
static void expand(keyfile_t *key, const uint8_t *plain) {
    switch (keytext_form(key->key.kind)) {
    case KEY_FORM_SIGN:
        INVARIANT(crypto_sign_seed_keypair(key->sign.bytes, key->secret->sign.bytes, plain) == 0);
        memcpy(key->key.bytes, key->sign.bytes, KEYTEXT_KEY_BYTES);
        break;
    case KEY_FORM_SEAL:
        memcpy(key->secret->seal.bytes, plain, KEYTEXT_KEY_BYTES);
        INVARIANT(crypto_scalarmult_base(key->seal.bytes, plain) == 0);
        memcpy(key->key.bytes, key->seal.bytes, KEYTEXT_KEY_BYTES);
        break;
    case KEY_FORM_CURVE:
        memcpy(key->secret->curve, plain, KEYTEXT_KEY_BYTES);
        INVARIANT(crypto_scalarmult_base(key->key.bytes, plain) == 0);
        break;
    case KEY_FORM_COUNT:
        INVARIANT(false);
    }
}

static status_t key_make(const keytext_t *text, keyfile_t **ret_key, error_t *err) {
    CLEANUP(keyfile_destroy_p) keyfile_t *key = calloc(1, sizeof *key);
    if (key == NULL) {
        return error_set(err, ERROR_NO_MEMORY, "no memory for a key");
    }
    TRY(guarded_new(sizeof *key->secret, &key->secret, err));
    key->key = text->key;
    expand(key, text->plain);
    (void)sodium_mprotect_readonly(key->secret);
    *ret_key = TAKE(key);
    return STATUS_OK;
}

status_t keyfile_create(const keyfile_new_t *what, key_public_t *ret_public, error_t *err) {
    CLEANUP(guarded_free_p) keytext_t *text = NULL;
    CLEANUP(guarded_free_p) char *bytes = NULL;
    CLEANUP(keyfile_destroy_p) keyfile_t *key = NULL;
    if (!keytext_name_ok(what->name)) {
        return error_set(err, ERROR_KEY_FILE,
                         "'%.40s' cannot name a key: 1 to %d letters, digits and ._@+-", what->name,
                         (int)LIMIT_NAME_BYTES);
    }
    TRY(guarded_new(sizeof *text, &text, err));
    TRY(guarded_new(KEYTEXT_MAX, &bytes, err));
    text->key.kind = what->kind;
    (void)snprintf(text->key.name, sizeof text->key.name, "%s", what->name);
    text->secret = KEYTEXT_PLAIN;
    random_fill(text->plain, sizeof text->plain);
    TRY(key_make(text, &key, err));
    text->key = key->key;
    if (what->passphrase != NULL) {
        TRY(lock_secret(text, what->passphrase, err));
    }
    char public_path[PATH_MAX];
    (void)snprintf(public_path, sizeof public_path, "%s.pub", what->path);
    if (access(public_path, F_OK) == 0) {
        return error_set(err, ERROR_KEY_FILE, "%s exists; a key is never overwritten", public_path);
    }
    size_t size = keytext_format(text, bytes);
    new_file_t file = {.path = what->path, .bytes = bytes, .size = size, .mode = 0600};
    TRY(create_file(&file, err));
    TRY(keyfile_write_public(what->path, &key->key, err));
    if (ret_public != NULL) {
        *ret_public = key->key;
    }
    return STATUS_OK;
}

status_t keyfile_write_public(const char *path, const key_public_t *key, error_t *err) {
    char public_path[PATH_MAX];
    char bytes[KEYTEXT_MAX];
    int length = snprintf(public_path, sizeof public_path, "%s.pub", path);
    if (length < 0 || (size_t)length >= sizeof public_path) {
        return error_set(err, ERROR_BOUND, "the path %.80s… is too long", path);
    }
    keytext_t text = {.key = *key, .secret = KEYTEXT_NONE};
    size_t size = keytext_format(&text, bytes);
    new_file_t file = {.path = public_path, .bytes = bytes, .size = size, .mode = 0644};
    return create_file(&file, err);
}

status_t keyfile_open(const keyfile_open_t *what, keyfile_t **ret_key, error_t *err) {
    CLEANUP(guarded_free_p) keytext_t *text = NULL;
    CLEANUP(keyfile_destroy_p) keyfile_t *key = NULL;
    TRY(guarded_new(sizeof *text, &text, err));
    TRY(load(what->path, text, err));
    TRY(check_kind(text, what->path, what->kind, err));
    if (text->secret == KEYTEXT_NONE) {
        return error_set(err, ERROR_KEY_FILE, "%s:1: a public key, but the secret one is needed",
                         what->path);
    }
    if (text->secret == KEYTEXT_LOCKED) {
        TRY(unlock_secret(text, what, err));
    }
    TRY(key_make(text, &key, err));
    if (memcmp(key->key.bytes, text->key.bytes, KEYTEXT_KEY_BYTES) != 0) {
        return error_set(err, ERROR_KEY_FILE, "%s: public and secret half do not belong together",
                         what->path);
    }
    *ret_key = TAKE(key);
    return STATUS_OK;
}

status_t keyfile_open_public(const char *path, key_kind_t kind, key_public_t *ret_public,
                             error_t *err) {
    CLEANUP(guarded_free_p) keytext_t *text = NULL;
    TRY(guarded_new(sizeof *text, &text, err));
    TRY(load(path, text, err));
    TRY(check_kind(text, path, kind, err));
    *ret_public = text->key;
    return STATUS_OK;
}

status_t keyfile_peek(const char *path, key_public_t *ret_public, error_t *err) {
    CLEANUP(guarded_free_p) keytext_t *text = NULL;
    TRY(guarded_new(sizeof *text, &text, err));
    TRY(load(path, text, err));
    *ret_public = text->key;
    return STATUS_OK;
}

status_t keyfile_relock(const keyfile_relock_t *what, key_public_t *ret_public, error_t *err) {
    CLEANUP(guarded_free_p) keytext_t *text = NULL;
    CLEANUP(guarded_free_p) char *bytes = NULL;
    CLEANUP(keyfile_destroy_p) keyfile_t *key = NULL;
    TRY(guarded_new(sizeof *text, &text, err));
    TRY(guarded_new(KEYTEXT_MAX, &bytes, err));
    TRY(load(what->path, text, err));
    /* all that keyfile_open checks: a damaged key is not made to look whole by locking it anew */
    keyfile_open_t open = {.path = what->path, .kind = text->key.kind, .passphrase = what->from};
    TRY(keyfile_open(&open, &key, err));
    if (text->secret == KEYTEXT_LOCKED) {
        TRY(unlock_secret(text, &open, err));
    }
    if (what->to != NULL) {
        TRY(lock_secret(text, what->to, err));
    }
    size_t size = keytext_format(text, bytes);
    new_file_t file = {.path = what->path, .bytes = bytes, .size = size, .mode = 0600};
    TRY(write_beside(&file, rename_over, err));
    if (ret_public != NULL) {
        *ret_public = text->key;
    }
    return STATUS_OK;
}

status_t keyfile_is_locked(const char *path, bool *ret_locked, error_t *err) {
    CLEANUP(guarded_free_p) keytext_t *text = NULL;
    TRY(guarded_new(sizeof *text, &text, err));
    TRY(load(path, text, err));
    *ret_locked = text->secret == KEYTEXT_LOCKED;
    return STATUS_OK;
}

void keyfile_destroy(keyfile_t **key_p) {
    keyfile_t *key = TAKE(*key_p);
    if (key != NULL) {
        sodium_free(key->secret);
        free(key);
    }
}

const key_public_t *keyfile_public(const keyfile_t *key) {
    return &key->key;
}

static const keyfile_t *of_form(const keyfile_t *key, key_form_t form) {
    INVARIANT(keytext_form(key->key.kind) == form);
    return key;
}

const sign_public_t *keyfile_sign_public(const keyfile_t *key) {
    return &of_form(key, KEY_FORM_SIGN)->sign;
}

const sign_secret_t *keyfile_sign_secret(const keyfile_t *key) {
    return &of_form(key, KEY_FORM_SIGN)->secret->sign;
}

const seal_public_t *keyfile_seal_public(const keyfile_t *key) {
    return &of_form(key, KEY_FORM_SEAL)->seal;
}

const seal_secret_t *keyfile_seal_secret(const keyfile_t *key) {
    return &of_form(key, KEY_FORM_SEAL)->secret->seal;
}

const uint8_t *keyfile_curve_public(const keyfile_t *key) {
    return of_form(key, KEY_FORM_CURVE)->key.bytes;
}

const uint8_t *keyfile_curve_secret(const keyfile_t *key) {
    return of_form(key, KEY_FORM_CURVE)->secret->curve;
}

/* --- passphrases ----------------------------------------------------------------------------- */

/* Until there is something to read. until_us 0: for ever. */
static status_t await_byte(int fd, int64_t until_us, error_t *err) {
    while (until_us != 0) { /* ends with the moment at the latest */
        struct pollfd waited = {.fd = fd, .events = POLLIN};
        int64_t left_us = until_us - clock_boot_us();
        if (left_us <= 0) {
            return error_set(err, ERROR_COMMAND_LATE, "the passphrase did not come in time");
        }
        int ready = poll(&waited, 1,
                         (int)(left_us / US_PER_MS < INT_MAX ? left_us / US_PER_MS + 1 : INT_MAX));
        if (ready > 0) {
            break;
        }
        if (ready < 0 && errno != EINTR) {
            return error_set(err, ERROR_IO, "cannot read the passphrase: %s", strerror(errno));
        }
    }
    return STATUS_OK;
}

static status_t read_passphrase(int fd, int64_t until_us, passphrase_t *passphrase, error_t *err) {
    char byte = '\0';
    for (;;) {
        TRY(await_byte(fd, until_us, err));
        /* One byte at a time: what follows the line in fd is another reader's. */
        ssize_t n = read(fd, &byte, 1);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            return error_set(err, ERROR_IO, "cannot read the passphrase: %s", strerror(errno));
        }
        if (n == 0 || byte == '\n') {
            break;
        }
        if (passphrase->size == KEYFILE_PASSPHRASE_MAX) {
            return error_set(err, ERROR_BOUND, "the passphrase is longer than %d bytes",
                             (int)KEYFILE_PASSPHRASE_MAX);
        }
        passphrase->bytes[passphrase->size++] = byte;
    }
    if (passphrase->size == 0) {
        return error_set(err, ERROR_INVALID, "the passphrase is empty");
    }
    return STATUS_OK;
}

status_t keyfile_read_passphrase_until(int fd, int64_t until_us, passphrase_t **ret_passphrase,
                                       error_t *err) {
    CLEANUP(keyfile_passphrase_destroy_p) passphrase_t *passphrase = NULL;
    TRY(guarded_new(sizeof *passphrase, &passphrase, err));
    TRY(read_passphrase(fd, until_us, passphrase, err));
    *ret_passphrase = TAKE(passphrase);
    return STATUS_OK;
}

status_t keyfile_read_passphrase_fd(int fd, passphrase_t **ret_passphrase, error_t *err) {
    return keyfile_read_passphrase_until(fd, 0, ret_passphrase, err);
}

status_t keyfile_ask_passphrase(const char *prompt, passphrase_t **ret_passphrase, error_t *err) {
    struct termios shown;
    CLEANUP(close_p) int fd = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
    if (fd < 0 || tcgetattr(fd, &shown) != 0) {
        return error_set(err, ERROR_IO, "there is no terminal to ask for a passphrase on");
    }
    struct termios hidden = shown;
    hidden.c_lflag &= ~(tcflag_t)ECHO;
    if (tcsetattr(fd, TCSAFLUSH, &hidden) != 0) {
        return error_set(err, ERROR_IO, "the terminal cannot hide what is typed");
    }
    (void)dprintf(fd, "%s: ", prompt);
    status_t status = keyfile_read_passphrase_fd(fd, ret_passphrase, err);
    (void)tcsetattr(fd, TCSAFLUSH, &shown);
    (void)dprintf(fd, "\n");
    return status;
}

bool keyfile_passphrase_equal(const passphrase_t *a, const passphrase_t *b) {
    return a->size == b->size && sodium_memcmp(a->bytes, b->bytes, a->size) == 0;
}

void keyfile_passphrase_destroy(passphrase_t **passphrase_p) {
    passphrase_t *passphrase = TAKE(*passphrase_p);
    sodium_free(passphrase);
}
