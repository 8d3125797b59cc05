/*
 * notary.h: what the agent's loop has to do with trust: opens what judgements rest on, takes what
 * the coordinator brings of it, has jobs judged, and acts on what changed.
 */
#ifndef DROVER_AGENT_NOTARY_H
#define DROVER_AGENT_NOTARY_H

#include "agent/agent.h"

/* Open keeper, papers, court and policy; papers_dir is the folder of orders and tickets. The
 * journal is open. */
MUST_CHECK status_t notary_open(agent_t *agent, const char *papers_dir, error_t *err);
void notary_close(agent_t *agent);

/* Whether this key may sign jobs and cancels now. ERROR_TRUST_KEY. */
MUST_CHECK status_t notary_knows(const agent_t *agent, const sign_public_t *coordinator,
                                 error_t *err);

/* Whether the job may start: see court.h. bundle is what the job brings, or NULL. On COURT_GRANTED
 * the run is bound to its warrant, and what was accepted is gathered in the journal. */
court_answer_t notary_judge(agent_t *agent, run_t *run, error_t *err);

/* Whether the work of a job that was granted may begin: its order still stands, no hold came. As
 * court_recheck. */
MUST_CHECK status_t notary_recheck(agent_t *agent, const run_t *run, error_t *err);

/* Documents in their sequence; each counts once it is committed. What is wrong with one is logged,
 * and the others are taken all the same. */
void notary_take_trust(agent_t *agent, const Drover__Trust *trust);
/* The same of one document that came as a file: see keeper_take. Where the journal fails the agent
 * has given up. */
MUST_CHECK status_t notary_take_file(agent_t *agent, const void *bytes, size_t size, error_t *err);
void notary_take_chunk(agent_t *agent, const Drover__PaperChunk *chunk);

/* Say when the trust file, or the policy, comes to its end or is mended: once each. */
void notary_tick(agent_t *agent);

/* With the journal's daily look: drop what nothing can need any more. */
MUST_CHECK status_t notary_forget(agent_t *agent, error_t *err);

#endif
