/*
 * plan.h: showing what an order would do to whom, and plans at rest.
 *
 * A saved plan is the coordinator's document as it came. It carries its digest: an order that is
 * started from it is refused where the fleet has changed so that the plan would be another one.
 */
#ifndef DROVER_CLI_PLAN_H
#define DROVER_CLI_PLAN_H

#include "cli/output.h"
#include "common/config/rollout_spec.h"

/* Append it: head, each wave with its tenants, who is passed over, refused, left out, the scripts.
 * brief: without tenants that have work and without scripts. ERROR_NO_MEMORY. */
MUST_CHECK status_t plan_show(const output_t *output, const json_t *plan, bool brief, buffer_t *out,
                              error_t *err);

/* The question whether to start it: "roll 38 tenants forward to V042 in 3 waves?" */
void plan_question(const json_t *plan, buffer_t *out);

/* Save it: beside the file, fsynced, then renamed over it; readable by its owner alone. ERROR_IO,
 * ERROR_DISK_FULL. */
MUST_CHECK status_t plan_save(const json_t *plan, const char *path, error_t *err);

/* What stands in a file that an order is started from. */
typedef struct plan_source {
    char *spec;           /* YAML text */
    rollout_spec_t *read; /* what it says */
    char *bundle;         /* digest of what the spec or the plan names by path or digest; or NULL */
    json_t *plan;         /* the saved plan; NULL where the file is a spec */
} plan_source_t;

/*
 * Read a spec, which is checked here before anything is asked, or a saved plan. A spec's problems
 * are printed with their lines. ERROR_SPEC_INVALID, ERROR_NOT_FOUND, ERROR_IO, ERROR_BOUND;
 * ERROR_INVALID for a plan that no spec stands behind.
 */
MUST_CHECK status_t plan_open(const char *path, plan_source_t *ret_source, error_t *err);
void plan_source_free(plan_source_t *source);

#endif
