/*
 * proof.h: verify and check scripts: lists of queries, each answering rows of one boolean or of a
 * name and a boolean. Every one must be true; no row, NULL or no query at all fails.
 */
#ifndef DROVER_AGENT_STEPS_PROOF_H
#define DROVER_AGENT_STEPS_PROOF_H

#include "agent/steps/run.h"

/*
 * Run a script's queries read-only, as the owner and under the tenant's own search_path, inside a
 * savepoint of the open transaction or, where none is open, in a transaction of its own; then call
 * next. What is not true ends the step with `failure` (ERROR_VERIFY_FAILED or ERROR_CHECK_FAILED)
 * after rolling back.
 */
typedef struct proof {
    const bundle_script_t *script;
    const char *version; /* for the message */
    bool in_transaction;
    error_code_t failure;
    run_next_fn *next;
} proof_t;
void proof_begin(run_t *run, const proof_t *proof);

/* Judge the results of a script's queries; pure. ERROR `failure` names the query. */
typedef struct proof_results {
    PGresult *const *results;
    size_t count;
} proof_results_t;
MUST_CHECK status_t proof_judge(proof_results_t results, error_code_t failure, const char *version,
                                error_t *err);

#endif
