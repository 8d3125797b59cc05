/*
 * invitation.h: the file by which one host may ask, once, to be enrolled (`drover agents invite`,
 * `drover-agent enroll --token`). Readable by its owner alone; whoever holds it may ask in its name
 * until it ends, and nothing more: a person still signs the card.
 *
 *     drover invitation
 *     version: 1
 *     coordinator: tcp://203.0.113.7:7707
 *     curve: 40 characters of Z85          -- the coordinator's transport key
 *     name: agent-eu-1
 *     expires: 1800000000000000            -- microseconds since 1970 UTC
 *     secret: 64 hexadecimal digits        -- the one-time transport key
 *
 * Lines come in this order, each once, ended by "\n"; anything else is an error with its line. The
 * secret lives in guarded memory, is wiped, and never stands in a message.
 */
#ifndef DROVER_TRUST_INVITATION_H
#define DROVER_TRUST_INVITATION_H

#include "common/base/cleanup.h"
#include "common/base/error.h"
#include "common/base/limits.h"

#include <stdint.h>

enum {
    INVITATION_BYTES = 1024, /* of a file, at most */
    INVITATION_ADDRESS_BYTES = 255,
    INVITATION_KEY_BYTES = 32,
};

typedef struct invitation_terms {
    char coordinator[INVITATION_ADDRESS_BYTES + 1]; /* "tcp://…", where to connect */
    uint8_t curve[INVITATION_KEY_BYTES];            /* the coordinator's public key */
    char name[LIMIT_NAME_BYTES + 1];                /* of the agent to be */
    int64_t expires_us;
} invitation_terms_t;

typedef struct invitation invitation_t;

/* Draw the one-time key. ERROR_INVITATION where the terms are none, NO_MEMORY. */
MUST_CHECK status_t invitation_new(const invitation_terms_t *terms, invitation_t **ret_invitation,
                                   error_t *err);

/* All borrowed. The public half is what the coordinator is told (agents.invite). */
const invitation_terms_t *invitation_terms(const invitation_t *invitation);
const uint8_t *invitation_public(const invitation_t *invitation);
const uint8_t *invitation_secret(const invitation_t *invitation);

/* Write a file of mode 0600, fsynced; never replaces one. ERROR_INVITATION where there is one, IO,
 * DISK_FULL. */
MUST_CHECK status_t invitation_write(const invitation_t *invitation, const char *path,
                                     error_t *err);

/* Read one. ERROR_INVITATION names the line, or the right that is too wide; NOT_FOUND, IO. */
MUST_CHECK status_t invitation_read(const char *path, invitation_t **ret_invitation, error_t *err);

/* The same from memory; path is for messages only. */
typedef struct invitation_source {
    const char *path;
    const char *bytes;
    size_t size;
} invitation_source_t;

MUST_CHECK status_t invitation_parse(const invitation_source_t *source,
                                     invitation_t **ret_invitation, error_t *err);

/* The text, terminated, into memory of the caller's, which wipes it; answers its length. */
size_t invitation_format(const invitation_t *invitation, char buffer[INVITATION_BYTES]);

/* Wipe and release; safe on NULL. */
void invitation_destroy(invitation_t **invitation_p);
DEFINE_CLEANUP(invitation_t, invitation_destroy)

#endif
