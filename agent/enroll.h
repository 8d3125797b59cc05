/*
 * enroll.h: `drover-agent enroll`: ask to become an agent. A request names this host's signing key,
 * transport key and name, signed by that signing key; people compare its fingerprint, which is
 * printed here, before they sign a card.
 *
 * The request is made once and kept in the state folder: asked again, the host shows the same
 * fingerprint, and the coordinator answers how that very request stands. Where the folder was lost
 * a new one is made, of another time and so of another fingerprint: to the coordinator it is the
 * same host by its keys and its name.
 */
#ifndef DROVER_AGENT_ENROLL_H
#define DROVER_AGENT_ENROLL_H

#include "common/config/agent_config.h"
#include "common/crypto/keyfile.h"
#include "common/trust/invitation.h"
#include "common/trust/request.h"

/* Who asks; all borrowed. */
typedef struct enroll_host {
    const char *name;
    const keyfile_t *sign;
    const keyfile_t *curve;
    const char *folder; /* where the request is kept; made where it is missing */
    int64_t now_us;
} enroll_host_t;

/* The request that is kept, where it is of these keys and this name; else a new one, kept before it
 * is answered. ERROR_IO, REQUEST_INVALID. */
MUST_CHECK status_t enroll_request(const enroll_host_t *host, document_t **ret_request,
                                   error_t *err);

/* Send it with an invitation and wait for the answer: "pending", "accepted", "rejected" or
 * "revoked". ERROR_INVITATION where the invitation has ended or is for another name; as asker_ask;
 * what the coordinator refuses with. */
typedef struct enroll_call {
    const invitation_t *invitation;
    const document_t *request;
    const char *name;
    int64_t now_us;
    int timeout_ms;
} enroll_call_t;

MUST_CHECK status_t enroll_send(const enroll_call_t *call, char ret_state[LIMIT_NAME_BYTES + 1],
                                error_t *err);

/* The command, with the arguments behind its name; answers the exit code. */
int enroll_main(int argc, char **argv);

#endif
