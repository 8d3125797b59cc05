/*
 * signer.h: whoever signs for a person: a key file, or a command of theirs where the key is
 * elsewhere (HSM, KMS, CI). Both sign the same 32 bytes (sign.h), and nothing past this header
 * knows which it was.
 *
 * Invariant: what signer_sign answers is the key's signature over that digest. A command's answer
 * is checked before anything is done with it.
 */
#ifndef DROVER_CLI_SIGNER_H
#define DROVER_CLI_SIGNER_H

#include "cli/command.h"
#include "cli/outside.h"
#include "common/crypto/keyfile.h"
#include "common/migration/bundle.h"
#include "common/trust/document.h"

typedef struct signer signer_t;

/* Open a key: unlocked where it is a file's; of a command's only the public half is read, from a
 * .pub file or beside the secret. command.text NULL: the file signs. What the command points to is
 * borrowed for the signer's life. As unlock_key. */
typedef struct signer_from {
    const char *path;
    key_kind_t kind;
    outside_command_t command;
} signer_from_t;

MUST_CHECK status_t signer_open(const command_input_t *input, const signer_from_t *from,
                                signer_t **ret_signer, error_t *err);

/* The same of a key that is open already; takes it. */
MUST_CHECK status_t signer_of_key(keyfile_t **key_p, signer_t **ret_signer, error_t *err);

/* The command of --signer, with its time. */
outside_command_t signer_flag(const command_input_t *input);

const sign_public_t *signer_key(const signer_t *signer);
const char *signer_name(const signer_t *signer);

/* ERROR_TRUST_SIGNER, also where a command answered with what is not the key's signature;
 * ERROR_COMMAND_LATE. */
MUST_CHECK status_t signer_sign(const signer_t *signer, const digest_t *digest,
                                signature_t *ret_signature, error_t *err);

/* Put a signature under a document, or a bundle. As document_add, bundle_add_signature. */
MUST_CHECK status_t signer_document(const signer_t *signer, document_t *paper, error_t *err);
MUST_CHECK status_t signer_bundle(const signer_t *signer, bundle_t *bundle, error_t *err);

void signer_destroy(signer_t **signer_p);
DEFINE_CLEANUP(signer_t, signer_destroy)

#endif
