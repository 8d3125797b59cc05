/* signer.c: see signer.h. */
#include "cli/signer.h"
#include "cli/unlock.h"

#include <stdlib.h>
#include <string.h>

struct signer {
    keyfile_t *file; /* NULL: the command signs */
    outside_command_t command;
    sign_public_t key;
    char name[sizeof((key_public_t *)0)->name];
};

void signer_destroy(signer_t **signer_p) {
    if (signer_p != NULL && *signer_p != NULL) {
        keyfile_destroy(&(*signer_p)->file);
        free(*signer_p);
        *signer_p = NULL;
    }
}

static status_t make(const key_public_t *public, signer_t **ret_signer, error_t *err) {
    signer_t *signer = calloc(1, sizeof *signer);
    if (signer == NULL) {
        return error_set(err, ERROR_NO_MEMORY, "no memory for a key");
    }
    memcpy(signer->key.bytes, public->bytes, sizeof signer->key.bytes);
    memcpy(signer->name, public->name, sizeof signer->name);
    *ret_signer = signer;
    return STATUS_OK;
}

status_t signer_of_key(keyfile_t **key_p, signer_t **ret_signer, error_t *err) {
    TRY(make(keyfile_public(*key_p), ret_signer, err));
    (*ret_signer)->file = TAKE(*key_p);
    return STATUS_OK;
}

status_t signer_open(const command_input_t *input, const signer_from_t *from, signer_t **ret_signer,
                     error_t *err) {
    CLEANUP(keyfile_destroy_p) keyfile_t *file = NULL;
    if (from->command.text == NULL) {
        const unlock_key_t wanted = {.path = from->path, .kind = from->kind};
        TRY(unlock_key(input, &wanted, &file, err));
        return signer_of_key(&file, ret_signer, err);
    }
    key_public_t public;
    TRY(keyfile_open_public(from->path, from->kind, &public, err));
    TRY(make(&public, ret_signer, err));
    (*ret_signer)->command = from->command;
    return STATUS_OK;
}

outside_command_t signer_flag(const command_input_t *input) {
    return (outside_command_t){.flag = "--signer",
                               .text = command_text(input, "signer"),
                               .timeout_us = command_duration_us(input, "command-timeout", 0)};
}

const sign_public_t *signer_key(const signer_t *signer) {
    return &signer->key;
}

const char *signer_name(const signer_t *signer) {
    return signer->name;
}

status_t signer_sign(const signer_t *signer, const digest_t *digest, signature_t *ret_signature,
                     error_t *err) {
    signature_t signature;
    if (signer->file != NULL) {
        *ret_signature = sign_digest(keyfile_sign_secret(signer->file), digest);
        return STATUS_OK;
    }
    TRY(outside_sign(&signer->command, digest, &signature, err));
    if (!sign_verify_digest(&signer->key, digest, &signature)) {
        return error_set(err, ERROR_TRUST_SIGNER,
                         "%s: the command's signature is not that of %s's key: nothing was done "
                         "with it",
                         signer->command.flag, signer->name);
    }
    *ret_signature = signature;
    return STATUS_OK;
}

status_t signer_document(const signer_t *signer, document_t *paper, error_t *err) {
    const digest_t digest = document_to_sign(paper);
    signature_t signature;
    TRY(signer_sign(signer, &digest, &signature, err));
    return document_add(paper, &signer->key, &signature, err);
}

status_t signer_bundle(const signer_t *signer, bundle_t *bundle, error_t *err) {
    const digest_t digest = bundle_to_sign(bundle);
    signature_t signature;
    TRY(signer_sign(signer, &digest, &signature, err));
    return bundle_add_signature(bundle, &signer->key, &signature, err);
}
