/*
 * change.h: one migration in one direction, from its first byte to its COMMIT.
 *
 * A transactional script runs whole, with verify script, fingerprint and ledger row, in one
 * transaction (common/postgres/transaction.h). A script that cannot run in one is change's
 * neighbour, piecewise.h; both end in the same record.
 */
#ifndef DROVER_AGENT_STEPS_CHANGE_H
#define DROVER_AGENT_STEPS_CHANGE_H

#include "agent/steps/run.h"

typedef struct change {
    const bundle_migration_t *migration;
    bool undo;
    bool last;         /* of its chain: the schema is read, whatever is remembered */
    run_next_fn *next; /* after the COMMIT, with rows and standing brought forward */
} change_t;

/* The step ends where the change fails; nothing is then open. */
void change_begin(run_t *run, const change_t *change);

/* The open transaction holds the change (or nothing, where it was made piecewise): prove, read the
 * schema, record, commit, report, next. For piecewise.c. */
void change_conclude(run_t *run);

/* Where the script runs: role, path, timeouts. For piecewise.c. */
transaction_begin_t change_settings(const run_t *run);

#endif
