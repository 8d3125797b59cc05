/*
 * orders.h: signed documents that come as files: the way to an agent where no coordinator is, or
 * can be (a dead one, an air gap). A file NAME.order in the folder `orders` of the agent's state is
 * looked at within a second or so: a take-back, a hold, its release, a stop, a trust file, a
 * revocation. It is verified as if it had come by the wire (keeper.h), committed to the journal,
 * and renamed to NAME.accepted; what is refused is renamed to NAME.refused. NAME.txt says what came
 * of it: at once, of a take-back when the last tenant's undo is over.
 *
 * Who may write there is the host's to rule (the folder is 0700): that somebody can drop a file
 * permits nothing, only its signatures do. Put it there by a rename, so that it is never seen half.
 */
#ifndef DROVER_AGENT_ORDERS_H
#define DROVER_AGENT_ORDERS_H

#include "agent/agent.h"

/* Take up the take-backs that were accepted and whose outcome was not told. The folder is there.
 * ERROR_IO, NO_MEMORY, BOUND. */
MUST_CHECK status_t orders_open(agent_t *agent, const char *folder, error_t *err);
void orders_close(agent_t *agent);

/* Look, at most once a second. */
void orders_tick(agent_t *agent);

#endif
