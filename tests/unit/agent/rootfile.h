/*
 * rootfile.h: a trust file of a fleet of few, as an agent is given it: one root key, one operator,
 * one release key, one coordinator, each enough by itself.
 */
#ifndef DROVER_TESTS_AGENT_ROOTFILE_H
#define DROVER_TESTS_AGENT_ROOTFILE_H

#include "common/trust/trust.h"

typedef struct rootfile {
    sign_public_t coordinator;
    sign_secret_t coordinator_secret;
    sign_secret_t root; /* signs the next one, too */
    sign_secret_t operator;
    sign_secret_t release;
    sign_public_t keys[3]; /* of root, operator, release */
    ident_t fleet;
    int64_t version;
} rootfile_t;

/* Make the keys, and the trust file of version 1 at this path. */
void rootfile_make(rootfile_t *file, const char *path);

/* The next version, which names this coordinator's key in the place of the former. */
void rootfile_next(rootfile_t *file, const sign_public_t *coordinator, document_t **ret_document);

#endif
