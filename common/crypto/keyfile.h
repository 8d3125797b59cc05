/*
 * keyfile.h: keys at rest, one pair a file, and their secrets in memory.
 *
 * A key file is text of our own, readable by its owner alone (anything else is refused), with a
 * public twin beside it (FILE.pub) to hand out. The secret stands there plainly, or locked with a
 * passphrase. In memory secrets live in guarded pages and are wiped. Format and its parser:
 * keytext.h.
 *
 * Sources: libsodium "Secure memory", "The pwhash* API" (Argon2id); ZeroMQ RFC 32 (Z85).
 */
#ifndef DROVER_CRYPTO_KEYFILE_H
#define DROVER_CRYPTO_KEYFILE_H

#include "common/crypto/keytext.h"
#include "common/crypto/sealed.h"
#include "common/crypto/sign.h"

enum { KEYFILE_PASSPHRASE_MAX = 1024 };

typedef struct keyfile keyfile_t;
typedef struct passphrase passphrase_t;

/* What to create. */
typedef struct keyfile_new {
    const char *path;               /* must not exist; nor may path.pub */
    key_kind_t kind;                /* what the key is for */
    const char *name;               /* whose it is: letters, digits and ._@+- */
    const passphrase_t *passphrase; /* NULL: the secret stands in the file unlocked */
} keyfile_new_t;

/*
 * Make a key pair and write path (mode 0600) and path.pub (0644), both fsynced, neither ever
 * replacing a file. ret_public (may be NULL) gets the public half. ERROR_KEY_FILE where one exists
 * or the name is bad; ERROR_IO.
 */
MUST_CHECK status_t keyfile_create(const keyfile_new_t *what, key_public_t *ret_public,
                                   error_t *err);

/*
 * Read a secret key. kind is what the caller needs; another kind is refused, so that a release key
 * never signs as a coordinator. ERROR_KEY_FILE names file and line, or the right that is too wide;
 * also where the file is locked and passphrase is NULL or wrong. The caller destroys it.
 */
typedef struct keyfile_open {
    const char *path;
    key_kind_t kind;
    const passphrase_t *passphrase; /* NULL: the file must be unlocked */
} keyfile_open_t;

MUST_CHECK status_t keyfile_open(const keyfile_open_t *what, keyfile_t **ret_key, error_t *err);

/* Read a public key from a .pub file, or from a secret key file without unlocking it. */
MUST_CHECK status_t keyfile_open_public(const char *path, key_kind_t kind, key_public_t *ret_public,
                                        error_t *err);

/* Read whatever public half stands in a file of either sort, of any kind: for those who take kind
 * and name from it. */
MUST_CHECK status_t keyfile_peek(const char *path, key_public_t *ret_public, error_t *err);

/*
 * Lock a secret key with another passphrase. The file is replaced whole (fsync, rename): a crash
 * leaves the old one or the new one. Copies made before keep the old passphrase. ERROR_KEY_FILE as
 * keyfile_open, ERROR_IO.
 */
typedef struct keyfile_relock {
    const char *path;
    const passphrase_t *from; /* NULL: the file must be unlocked */
    const passphrase_t *to;   /* NULL: the secret stands there unlocked afterwards */
} keyfile_relock_t;

MUST_CHECK status_t keyfile_relock(const keyfile_relock_t *what, key_public_t *ret_public,
                                   error_t *err);

/* Whether the file's secret needs a passphrase. */
MUST_CHECK status_t keyfile_is_locked(const char *path, bool *ret_locked, error_t *err);

/* Write path.pub again from a key (for one that was lost). ERROR_KEY_FILE where it exists. */
MUST_CHECK status_t keyfile_write_public(const char *path, const key_public_t *key, error_t *err);

/* Wipe and release; safe on NULL. */
void keyfile_destroy(keyfile_t **key_p);

/* The public half; borrowed. keytext_public_text prints its key. */
const key_public_t *keyfile_public(const keyfile_t *key);

/* Halves of a release, operator, coordinator or agent key. Borrowed; another kind aborts. */
const sign_public_t *keyfile_sign_public(const keyfile_t *key);
const sign_secret_t *keyfile_sign_secret(const keyfile_t *key);

/* Halves of a backup or recovery key. Borrowed; another kind aborts. */
const seal_public_t *keyfile_seal_public(const keyfile_t *key);
const seal_secret_t *keyfile_seal_secret(const keyfile_t *key);

/* The 32 bytes of a curve key's halves, as zmq_setsockopt takes them. Borrowed; another kind
 * aborts. */
const uint8_t *keyfile_curve_public(const keyfile_t *key);
const uint8_t *keyfile_curve_secret(const keyfile_t *key);

/*
 * Read a passphrase from fd up to the end or the first line break. ERROR_INVALID where it is empty,
 * ERROR_BOUND past KEYFILE_PASSPHRASE_MAX bytes, ERROR_IO. The caller destroys it.
 */
MUST_CHECK status_t keyfile_read_passphrase_fd(int fd, passphrase_t **ret_passphrase, error_t *err);

/* The same before a moment of clock_boot_us. ERROR_COMMAND_LATE. */
MUST_CHECK status_t keyfile_read_passphrase_until(int fd, int64_t until_us,
                                                  passphrase_t **ret_passphrase, error_t *err);

/* Ask for it on the terminal, unechoed. ERROR_IO where there is no terminal. */
MUST_CHECK status_t keyfile_ask_passphrase(const char *prompt, passphrase_t **ret_passphrase,
                                           error_t *err);

bool keyfile_passphrase_equal(const passphrase_t *a, const passphrase_t *b);

/* Wipe and release; safe on NULL. */
void keyfile_passphrase_destroy(passphrase_t **passphrase_p);

/* Cleaners for locals. */
DEFINE_CLEANUP(keyfile_t, keyfile_destroy)
DEFINE_CLEANUP(passphrase_t, keyfile_passphrase_destroy)

#endif
