/*
 * takeback.h: an accepted take-back at work: every tenant that the journal holds a forward job for
 * under the order that is taken back gets an undo of this agent's own, under that order's own
 * authority to undo, with the proof that came with the forward job. No coordinator is asked.
 *
 * Nothing of it is kept but in the journal: which tenants there are, which have had their undo and
 * how it ended is read from there anew for each round, so that a restart goes on where it was. A
 * job of our own is a batch of one, which nobody signed, in whose terms the take-back stands for a
 * ticket (agent/recruit.c); it is journaled before it begins, as every job.
 *
 * An undo that met a passing fault is tried again after a pause that grows, until the take-back
 * ends: nobody else gives it out again.
 */
#ifndef DROVER_AGENT_TAKEBACK_H
#define DROVER_AGENT_TAKEBACK_H

#include "agent/agent.h"

typedef struct takeback takeback_t;

MUST_CHECK status_t takeback_new(const order_t *order, takeback_t **ret_takeback, error_t *err);
void takeback_destroy(takeback_t **takeback_p);
DEFINE_CLEANUP(takeback_t, takeback_destroy)

const digest_t *takeback_digest(const takeback_t *takeback);

typedef enum takeback_state {
    TAKEBACK_AT_WORK, /* jobs are in hand, were just given out, or wait to be tried again */
    TAKEBACK_OVER,    /* account has a line a tenant: database, id, how it ended, code */
} takeback_state_t;

/* Give out what can be given out. Commits what is gathered in the journal. ERROR_STORE, NO_MEMORY.
 */
MUST_CHECK status_t takeback_look(agent_t *agent, takeback_t *takeback, takeback_state_t *ret_state,
                                  buffer_t *account, error_t *err);

#endif
