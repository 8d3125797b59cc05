/*
 * plan.h: who is worked on, in which wave, from which position to which; who is not, and why.
 *
 * Pure: tenants, spec and bundle come in, no store and no clock. The same input in any order gives
 * the same plan and the same digest, which an operator's order names. Every row ends with exactly
 * one outcome, so that each tenant that was selected is accounted for.
 *
 * Life of a plan: plan_new, fields of the caller, plan_reserve and rows, a judge per row, one of
 * the three that make waves, plan_finish. Texts live in the plan's arena, or longer than the plan.
 */
#ifndef DROVER_SERVICE_PLAN_H
#define DROVER_SERVICE_PLAN_H

#include "common/base/arena.h"
#include "common/config/rollout_spec.h"
#include "common/migration/bundle.h"
#include "coordinator/engine/model.h"

typedef enum plan_outcome {
    PLAN_WORK,
    PLAN_NOT_NEEDED, /* where it should be, as far as inventory tells */
    PLAN_REFUSED,
    PLAN_GONE,     /* the tenant is no more */
    PLAN_LEFT_OUT, /* selected, but in no wave */
    PLAN_LOOK,     /* there as far as inventory tells, and visited all the same */
    PLAN_OUTCOME_COUNT
} plan_outcome_t;

enum { PLAN_NO_WAVE = UINT32_MAX };

typedef struct plan_row {
    /* as inventory has it */
    ident_t tenant;
    const char *name;
    const char *database;
    uint64_t system_identifier;
    selector_subject_t subject; /* what a wave's selector sees */
    bool has_ledger;            /* of the plan's application */
    uint32_t from;
    const char *from_version;
    int64_t observed_us;
    const char *problem_code; /* "" where nothing sets it aside */
    const char *problem;
    const char *elsewhere; /* name of another open rollout that has it, or NULL */
    /* as the plan has it */
    uint32_t to;
    plan_outcome_t outcome;
    error_code_t code;     /* REFUSED, GONE */
    const char *reason;    /* "" where there is nothing to say */
    const char *reference; /* the backup to use, or NULL */
    uint32_t wave;
} plan_row_t;

typedef struct plan_wave {
    const char *name;
    uint32_t target;
    bool canary;
    bool needs_approval; /* the order's first wave never does: its signatures open it */
    failure_policy_t on_failure;
    uint32_t max_parallel;
    uint32_t max_parallel_per_cluster;
    int64_t soak_us;
    uint32_t budget;
    uint32_t first; /* row */
    uint32_t count;
    uint32_t by_outcome[PLAN_OUTCOME_COUNT];
} plan_wave_t;

typedef struct plan {
    arena_t arena;
    rollout_kind_t kind;
    const char *name; /* what a rollout of it is called where nobody says */
    const char *application;
    digest_t bundle;
    const char *const *versions; /* of positions 1, 2, … */
    uint32_t version_count;
    uint32_t target;  /* the lowest where waves differ */
    const char *spec; /* canonical YAML, or NULL */
    unreachable_policy_t unreachable;
    uint32_t attempts;
    const char *recovery_kind;
    const char *recovery_reason; /* or NULL */
    const char *trial_restore;
    uint32_t sample_bp;
    bool look; /* nobody is passed over on inventory's word */
    int64_t task_timeout_us;
    int64_t prune_keep_us;
    uint32_t prune_keep_count;
    ident_t parent;
    int64_t loss_oldest_us; /* RESTORE: rows written since are lost; 0 otherwise */
    int64_t loss_newest_us;
    plan_row_t *rows; /* by wave, then name, then id; those in no wave last */
    uint32_t count;
    plan_wave_t *waves;
    uint32_t wave_count;
    uint32_t by_outcome[PLAN_OUTCOME_COUNT];
    uint64_t steps;
    int64_t oldest_us; /* of the inventory that it rests on */
    int64_t newest_us;
    digest_t digest;
} plan_t;

plan_t *plan_new(rollout_kind_t kind);
void plan_destroy(plan_t **self);
DEFINE_CLEANUP(plan_t, plan_destroy)

/* Room for count rows, zeroed; the caller fills them. ERROR_NO_MEMORY. */
MUST_CHECK status_t plan_reserve(plan_t *plan, size_t count, error_t *err);

/* Take the bundle's digest, application and versions. ERROR_NO_MEMORY. */
MUST_CHECK status_t plan_use_bundle(plan_t *plan, const bundle_t *bundle, error_t *err);

/* Version of a position of the plan's bundle; "" for 0 and for what it lacks. */
const char *plan_version(const plan_t *plan, uint32_t position);

/* Set a row's outcome with a reason. ERROR_NO_MEMORY. */
MUST_CHECK status_t plan_refuse(plan_t *plan, plan_row_t *row, error_t *err, error_code_t code,
                                const char *format, ...) PRINTF_LIKE(5, 6);
MUST_CHECK status_t plan_pass(plan_t *plan, plan_row_t *row, error_t *err, const char *format, ...)
    PRINTF_LIKE(4, 5);

/* Judge a row whose `from` is set: for a way forward to plan->target, for a way back to row->to,
 * for a kind that moves nobody (whose target is where the tenant stands). ERROR_NO_MEMORY. */
MUST_CHECK status_t plan_judge_forward(plan_t *plan, plan_row_t *row, error_t *err);
MUST_CHECK status_t plan_judge_undo(plan_t *plan, const bundle_t *bundle, plan_row_t *row,
                                    error_t *err);
MUST_CHECK status_t plan_judge_still(plan_t *plan, plan_row_t *row, error_t *err);

/* What keeps a tenant from any work: set aside, or in another open rollout. Leaves the outcome
 * PLAN_WORK where nothing does. */
MUST_CHECK status_t plan_judge_common(plan_t *plan, plan_row_t *row, error_t *err);

/*
 * Cut waves as the spec says, over all rows by (name, id). Counts and percentages are of tenants
 * that are not refused; a refused one goes along in the wave that it would have been in. Those that
 * no wave takes become PLAN_LEFT_OUT. ERROR_NO_MEMORY.
 */
MUST_CHECK status_t plan_cut(plan_t *plan, const rollout_spec_t *spec, error_t *err);

/* One wave of everybody. on_failure continue: each tenant is tried. ERROR_NO_MEMORY. */
MUST_CHECK status_t plan_single_wave(plan_t *plan, const char *name, error_t *err);

/* One wave a target, the highest first; rows without work stand in the first. ERROR_NO_MEMORY. */
MUST_CHECK status_t plan_waves_by_target(plan_t *plan, error_t *err);

/* Order the rows, count, and make the digest. The waves are made. */
MUST_CHECK status_t plan_finish(plan_t *plan, error_t *err);

#endif
