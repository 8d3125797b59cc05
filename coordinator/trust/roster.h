/*
 * roster.h: who may connect at a moment, as the table of zap.h takes it: active operators of the
 * trust file that have a transport key, agents whose card verifies, and the one-time keys of
 * invitations that have not ended.
 *
 * One key stands in it once: where two claim it, operators come before agents and those before
 * newcomers, and the other is left out.
 */
#ifndef DROVER_COORDINATOR_TRUST_ROSTER_H
#define DROVER_COORDINATOR_TRUST_ROSTER_H

#include "common/wire/zap.h"
#include "coordinator/trust/keeper.h"

typedef struct roster {
    zap_peer_t *peers;
    size_t count;
    size_t operators;
    size_t agents;
    size_t newcomers;
    size_t left_out;  /* cards that no longer verify, and keys that another has */
    int64_t until_us; /* when somebody in it ends or another begins; INT64_MAX: never */
} roster_t;

/* Read it. ERROR_STORE, NO_MEMORY. */
MUST_CHECK status_t roster_read(const keeper_t *keeper, int64_t now_us, roster_t *ret_roster,
                                error_t *err);

void roster_free(roster_t *roster);

#endif
