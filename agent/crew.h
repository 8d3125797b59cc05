/*
 * crew.h: the jobs in hand: accepted, begun as slots, leases and bundles allow, stepped through
 * their machine, reported.
 */
#ifndef DROVER_AGENT_CREW_H
#define DROVER_AGENT_CREW_H

#include "agent/agent.h"

/* Fill agent->shared's callbacks. */
void crew_attach(agent_t *agent);

/* Take up the jobs that the journal holds, after a start. */
MUST_CHECK status_t crew_resume(agent_t *agent, error_t *err);

/* Accept the jobs of a batch that was verified; payload is the batch's bytes as they travelled.
 * That they may start is found out when they would begin. */
typedef struct crew_batch {
    const Drover__JobBatch *batch;
    sign_public_t signer; /* the coordinator's key; zero: a batch of our own */
    const void *payload;
    size_t payload_size;
    bool expired; /* it came after its end: no job of it begins, and each says so */
} crew_batch_t;
MUST_CHECK status_t crew_accept(agent_t *agent, const crew_batch_t *batch, error_t *err);

/* Whether the agent made a job itself, by a take-back. No coordinator is asked about it, waited for
 * with it, or can call it off. */
bool crew_is_own(const run_t *run);

/* Find the configured cluster that a job means. Right after a start, clusters that were not reached
 * yet have no identity: then nothing is decided. One that is not ours makes the job unfit. */
void crew_place(agent_t *agent, run_t *run);

/* Make a job unfit because it came after its end. What was at work before a restart, by an intent
 * that was journaled beside that, is read first. */
void crew_refuse_expired(run_t *run);

/* The coordinator asks to stop these attempts. */
void crew_cancel(agent_t *agent, const Drover__Cancel *cancel);

/* A signed stop names the job's order: as a cancel. */
void crew_stop(agent_t *agent, run_t *run);

/* Let machines take what their steps came back with; gather journal writes. Bounded: steps that
 * were not started yet wait for the commit. */
MUST_CHECK status_t crew_take_events(agent_t *agent, error_t *err);

/* After a commit: start steps, begin jobs that have a slot, drop those that are over. True where
 * something happened that wants another round. */
bool crew_carry_out(agent_t *agent);

/* Leases that ended: before an answer lets a run go on, since timers may be behind. */
void crew_watch_leases(agent_t *agent);

/* The order of this run was accepted for its tenant, and supersedes others: what is at work under
 * one of those stops at its next seam. No machine takes an event here. */
void crew_supersede(agent_t *agent, const run_t *by);

/* Waits that are over, leases that ended, deadlines that passed. */
void crew_tick(agent_t *agent);

/* Jobs that we could take now, over all clusters that we hold. */
uint32_t crew_room(const agent_t *agent);

/* Jobs that are in hand. */
size_t crew_count(const agent_t *agent);

/* Backups that jobs in hand may need. */
bool crew_holds(const backup_manifest_t *manifest, void *context);

#endif
