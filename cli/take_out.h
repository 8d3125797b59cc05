/*
 * take_out.h: revocations: a key that is taken out for good and at once, by the administrators
 * alone. What 'agents revoke' and 'key revoke' share.
 *
 * A revocation counts with all its signatures at once, and the coordinator keeps no part of one: it
 * travels between administrators as a file (--revocation).
 */
#ifndef DROVER_CLI_TAKE_OUT_H
#define DROVER_CLI_TAKE_OUT_H

#include "cli/remote.h"
#include "common/trust/card.h"

typedef struct take_out {
    sign_public_t key;
    ident_t fleet;
    document_t *paper;
    revocation_t revocation; /* what the paper says */
} take_out_t;

/* The paper of --revocation that another administrator has begun, else a new one with --reason.
 * key and fleet are given. ERROR_ORDER_DIFFERS where the file takes out another key; ERROR_USAGE.
 */
MUST_CHECK status_t take_out_begin(const command_input_t *input, take_out_t *of, error_t *err);
void take_out_free(take_out_t *of);

/* Append "reason …". */
void take_out_text(const take_out_t *of, buffer_t *out);

/* Sign, keep it where the next one finds it, and send it to the verb. A paper that this operator
 * has signed before is sent as it is: a command whose answer was lost is given again.
 * ERROR_ORDER_WAITS while administrators are missing, ERROR_TRUST_SIGNED where they are and this
 * one had signed before. */
MUST_CHECK status_t take_out_give(remote_t *remote, const command_input_t *input, take_out_t *of,
                                  const char *verb, json_t **ret_answer, error_t *err);

#endif
