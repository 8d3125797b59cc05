/*
 * awaits.h: what people have to sign before a rollout goes on, each with the command that does it.
 */
#ifndef DROVER_SERVICE_AWAITS_H
#define DROVER_SERVICE_AWAITS_H

#include "coordinator/service/call.h"

/* {signatures: {needed, have, by} or null, awaits: [{kind, wave, wave_name, reason, command}]}.
 * signatures are those under the order of a planned rollout. kind is signatures, approval (a wave
 * that opens by one only), evidence (a wave whose results do not open it yet), release (the fleet
 * is held), retry (a revoked agent had tenants in hand) or order (it has ended). NULL: a rollout
 * that is over, which awaits nothing. */
MUST_CHECK status_t awaits_write(call_t *call, const rollout_t *rollout, row_t *into, error_t *err);

#endif
