/*
 * keytext.h: the text of a key file, read and written without touching a file. Pure but for memory.
 *
 *     drover release key          (or: drover release public key)
 *     version: 1
 *     name: alice@example
 *     public: 64 hexadecimal digits, or 40 characters of Z85 for a curve key
 *     secret: the same of the 32 secret bytes     -- in a plain secret file
 *     locked: argon2id OPS MEMORY SALT NONCE BOX  -- in one with a passphrase, all hexadecimal
 *                                                    but the two numbers
 *
 * Lines come in this order, each once, ended by "\n"; anything else is an error with its line. The
 * 32 secret bytes are an Ed25519 seed or an X25519 scalar; that they belong to the public half is
 * checked by keyfile.h. Sources: RFC 8032, RFC 7748, ZeroMQ RFC 32 (Z85).
 */
#ifndef DROVER_CRYPTO_KEYTEXT_H
#define DROVER_CRYPTO_KEYTEXT_H

#include "common/base/cleanup.h"
#include "common/base/error.h"
#include "common/base/limits.h"

#include <stdint.h>

enum {
    KEYTEXT_MAX = 4096,         /* bytes of a key file, at most */
    KEYTEXT_KEY_BYTES = 32,     /* either half, of any kind */
    KEYTEXT_PUBLIC_SIZE = 65,   /* room for a public key's text */
    KEYTEXT_SALT_BYTES = 16,    /* Argon2id */
    KEYTEXT_NONCE_BYTES = 24,   /* secretbox */
    KEYTEXT_BOX_BYTES = 32 + 16 /* secret and authenticator */
};

typedef enum key_kind {
    KEY_RELEASE,     /* signs bundles */
    KEY_OPERATOR,    /* signs orders */
    KEY_COORDINATOR, /* signs job envelopes */
    KEY_AGENT,       /* signs reports, ledger rows and backup manifests */
    KEY_CURVE,       /* transport */
    KEY_BACKUP,      /* an agent's own: opens its backups unattended */
    KEY_RECOVERY,    /* offline: opens any backup sealed to it */
    KEY_ROOT,        /* offline: signs trust files */
    KEY_KIND_COUNT
} key_kind_t;

typedef enum key_form { KEY_FORM_SIGN, KEY_FORM_CURVE, KEY_FORM_SEAL, KEY_FORM_COUNT } key_form_t;

/* A public key with its use and its owner's name: a plain value. */
typedef struct key_public {
    key_kind_t kind;
    char name[LIMIT_NAME_BYTES + 1];
    uint8_t bytes[KEYTEXT_KEY_BYTES];
} key_public_t;

/* How the secret half stands in the text. */
typedef enum keytext_secret { KEYTEXT_NONE, KEYTEXT_PLAIN, KEYTEXT_LOCKED } keytext_secret_t;

/* A key file as data. Where secret is PLAIN it holds key material: keep it in guarded memory. */
typedef struct keytext {
    key_public_t key;
    keytext_secret_t secret;
    uint8_t plain[KEYTEXT_KEY_BYTES];
    uint64_t ops;
    uint64_t memory_bytes;
    uint8_t salt[KEYTEXT_SALT_BYTES];
    uint8_t nonce[KEYTEXT_NONCE_BYTES];
    uint8_t box[KEYTEXT_BOX_BYTES];
} keytext_t;

/* "release", "operator", … and back. ERROR_INVALID for any other word. */
const char *keytext_kind_text(key_kind_t kind);
MUST_CHECK status_t keytext_kind_parse(const char *text, key_kind_t *ret_kind, error_t *err);
key_form_t keytext_form(key_kind_t kind);

/* Whether a name is 1..LIMIT_NAME_BYTES letters, digits and ._@+- */
bool keytext_name_ok(const char *name);

/* Read size bytes of text; path is for messages only. ERROR_KEY_FILE with "path:line: …". */
typedef struct keytext_source {
    const char *path;
    const char *bytes;
    size_t size;
} keytext_source_t;

MUST_CHECK status_t keytext_parse(const keytext_source_t *source, keytext_t *ret_text,
                                  error_t *err);

/* Write the text, terminated, into KEYTEXT_MAX bytes (guarded where secret is PLAIN); answers its
 * length. */
size_t keytext_format(const keytext_t *text, char buffer[KEYTEXT_MAX]);

/* The key alone as text: hexadecimal, Z85 for a curve key; answers buffer. And back:
 * ERROR_KEY_FILE. */
const char *keytext_public_text(const key_public_t *key, char buffer[KEYTEXT_PUBLIC_SIZE]);
MUST_CHECK status_t keytext_public_parse(const char *text, key_kind_t kind, uint8_t *ret_bytes,
                                         error_t *err);

/* Z85 of 32 bytes: 40 characters and a terminator. */
enum { Z85_KEY_SIZE = 41 };
const char *keytext_z85(const uint8_t bytes[KEYTEXT_KEY_BYTES], char buffer[Z85_KEY_SIZE]);
MUST_CHECK status_t keytext_z85_parse(const char *text, uint8_t ret_bytes[KEYTEXT_KEY_BYTES],
                                      error_t *err);

#endif
