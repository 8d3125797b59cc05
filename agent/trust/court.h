/*
 * court.h: where jobs are judged. Gets a job's order and ticket from the papers, verifies each
 * once, and asks the warrant. What was verified is remembered by order, so that a job costs a
 * proof; it is verified again when trust changes, and every second, because keys begin and orders
 * end by the clock.
 */
#ifndef DROVER_AGENT_TRUST_COURT_H
#define DROVER_AGENT_TRUST_COURT_H

#include "agent/trust/keeper.h"
#include "agent/trust/papers.h"
#include "agent/trust/warrant.h"

typedef struct court court_t;

enum { COURT_ORDERS = 128 /* remembered at a time */ };

/* All borrowed. */
typedef struct court_rooms {
    keeper_t *keeper;
    papers_t *papers;
    journal_t *journal;
} court_rooms_t;

MUST_CHECK status_t court_new(const court_rooms_t *rooms, court_t **ret_court, error_t *err);
void court_destroy(court_t **court_p);
DEFINE_CLEANUP(court_t, court_destroy)

typedef enum court_answer {
    COURT_GRANTED, /* *ret_warrant is what binds the job; court_accept before it starts */
    COURT_COMING,  /* its order or ticket is on its way: ask again */
    COURT_REFUSED, /* err says why */
} court_answer_t;

/* The errors are warrant_judge's, order_open's, ticket_verify's and papers_get's. */
court_answer_t court_judge(court_t *court, const warrant_job_t *job, const warrant_facts_t *facts,
                           warrant_t *ret_warrant, error_t *err);

/*
 * Whether a granted job's order still stands, right before its work begins: a recovery point may
 * have taken hours. ERROR_CANCELLED for a stop, FLEET_HELD, ORDER_MISSING, else as order_verify.
 */
MUST_CHECK status_t court_recheck(court_t *court, const warrant_job_t *job,
                                  const warrant_facts_t *facts, error_t *err);

/* Keep the number that a granted job is bound to. Gathered in the journal: it is committed with the
 * job's intent, before anything is done. */
MUST_CHECK status_t court_accept(court_t *court, const warrant_job_t *job, const warrant_t *warrant,
                                 error_t *err);

/* An order that was read, or NULL. Borrowed until the next call. */
const order_t *court_order(court_t *court, const digest_t *digest);

#endif
