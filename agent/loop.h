/*
 * loop.h: the agent's one event loop: sockets, libpq sessions, children, signals, timers.
 */
#ifndef DROVER_AGENT_LOOP_H
#define DROVER_AGENT_LOOP_H

#include "agent/agent.h"

/* Run until drained. */
MUST_CHECK status_t loop_run(agent_t *agent, error_t *err);

/*
 * The end of every handler: machines take their events, the journal commits once, steps start,
 * reports leave, descriptors are registered anew. When the journal cannot be written the agent
 * stops: what it cannot remember it must not do.
 */
void loop_settle(agent_t *agent);

/* The journal cannot be written: log it and stop. */
void loop_give_up(agent_t *agent, const error_t *err);

/* Forget the descriptors of a run that is about to go. */
void loop_forget(agent_t *agent, run_t *run);

#endif
