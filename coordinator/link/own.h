/*
 * own.h: jobs that an agent made itself, by a take-back that came to it as a file while no
 * coordinator was there (agent/takeback.h). The catalog knows no such job; what its reports bring
 * along says whether people ordered it.
 */
#ifndef DROVER_COORDINATOR_LINK_OWN_H
#define DROVER_COORDINATOR_LINK_OWN_H

#include "coordinator/link/hub.h"
#include "proto/drover.pb-c.h"

/* Whether the message brings the take-back that the report names, signed by who may, and of the
 * order that the report says it was made under. Whether that order names the tenant, and that
 * nothing but undo was done, an export proves (common/audit/verify_own.c). */
bool own_is_ordered(const hub_t *self, const Drover__Reports *reports,
                    const Drover__Report *report);

#endif
