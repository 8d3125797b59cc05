/* local_trust.h: what the commands of 'drover trust' share. */
#ifndef DROVER_CLI_LOCAL_TRUST_H
#define DROVER_CLI_LOCAL_TRUST_H

#include "cli/command.h"
#include "cli/remote.h"
#include "cli/trust_draft.h"
#include "cli/trust_text.h"
#include "common/trust/trust_file.h"

/* Show a trust file on stdout, with its signatures. previous->trust may be NULL. */
MUST_CHECK status_t local_trust_show(const command_input_t *input, const trust_paper_t *paper,
                                     const trust_paper_t *previous, error_t *err);

/* The file of --previous, complete by its own roots, which the paper may follow. Without the flag
 * ret_previous stays as it is. */
MUST_CHECK status_t local_trust_previous(const command_input_t *input, const trust_paper_t *paper,
                                         trust_paper_t *ret_previous, error_t *err);

/* A draft of version 1 of a fleet that is new. */
MUST_CHECK status_t local_trust_first(trust_draft_t *ret_draft, error_t *err);

/* Now, in whole seconds: what is shown is what is signed. */
int64_t local_trust_now_us(void);

/* ERROR_INVALID where something stands at the path: no trust file or folder of keys is replaced by
 * one that does not follow it. */
MUST_CHECK status_t local_trust_is_new(const char *path, error_t *err);

/* 'show' without a file: the one that the coordinator goes by (remote_trust.c). */
MUST_CHECK status_t remote_trust_show(const command_input_t *input, error_t *err);

/* The same for who goes by it: signed by its own root threshold, of the fleet of the pin and no
 * older than it, which is all that can be said without the files between. ERROR_TRUST_INCOMPLETE,
 * TRUST_FLEET, TRUST_ROLLBACK, TRUST_FORK. */
MUST_CHECK status_t remote_trust_current(remote_t *remote, trust_paper_t *ret_paper, error_t *err);

/* 'init --solo': keys and a signed trust file for one person (local_trust_solo.c). */
MUST_CHECK status_t local_trust_solo(const command_input_t *input, error_t *err);

#endif
