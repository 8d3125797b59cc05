/*
 * status.h: where a rollout stands, as one document: what `rollout status` and `watch` show.
 */
#ifndef DROVER_SERVICE_STATUS_H
#define DROVER_SERVICE_STATUS_H

#include "coordinator/service/call.h"

MUST_CHECK status_t status_write(call_t *call, const rollout_t *rollout, error_t *err);

/* What a verb that changed a rollout answers: the rollout, its name, state, reason, in_flight. */
void status_write_short(call_t *call, const rollout_t *rollout);

#endif
