/* plan_waves.c: waves, the order of rows, counts and the digest of a plan. See plan.h. */
#include "common/crypto/hash.h"
#include "coordinator/service/plan.h"

#include <stdlib.h>
#include <string.h>

static int by_name(const void *a, const void *b) {
    const plan_row_t *left = a;
    const plan_row_t *right = b;
    int order = strcmp(left->name, right->name);
    return order != 0 ? order : ident_compare(&left->tenant, &right->tenant);
}

static int by_wave(const void *a, const void *b) {
    const plan_row_t *left = a;
    const plan_row_t *right = b;
    if (left->wave != right->wave) {
        return left->wave < right->wave ? -1 : 1; /* PLAN_NO_WAVE is the greatest */
    }
    return by_name(a, b);
}

static status_t make_waves(plan_t *plan, size_t count, error_t *err) {
    TRY(arena_allocate(&plan->arena, count * sizeof *plan->waves, &plan->waves, err));
    plan->wave_count = (uint32_t)count;
    return STATUS_OK;
}

/* Texts of a spec do not live as long as its plan. */
static status_t keep(plan_t *plan, const char *text, const char **ret_text, error_t *err) {
    return arena_text(&plan->arena, text, strlen(text), ret_text, err);
}

static failure_policy_t policy_of(spec_on_failure_t spec) {
    switch (spec) {
    case SPEC_ON_FAILURE_ROLLBACK_WAVE:
        return ON_FAILURE_ROLLBACK_WAVE;
    case SPEC_ON_FAILURE_CONTINUE:
        return ON_FAILURE_CONTINUE;
    case SPEC_ON_FAILURE_PAUSE:
    case SPEC_ON_FAILURE_COUNT:
        break;
    }
    return ON_FAILURE_PAUSE;
}

/* How many tenants a wave may still take. */
static int64_t quota_of(const plan_t *plan, const spec_wave_t *wave) {
    switch (wave->kind) {
    case SPEC_WAVE_TENANTS:
        return wave->count;
    case SPEC_WAVE_PERCENT:
        return spec_wave_percent_of(wave, plan->count);
    case SPEC_WAVE_SELECT:
    case SPEC_WAVE_REST:
    case SPEC_WAVE_KIND_COUNT:
        break;
    }
    return INT64_MAX;
}

/* Give the wave its rows, in order; answers how many count. */
static int64_t fill_wave(plan_t *plan, const spec_wave_t *wave, uint32_t number) {
    int64_t quota = quota_of(plan, wave);
    int64_t taken = 0;
    for (uint32_t i = 0; i < plan->count && taken < quota; i++) {
        plan_row_t *row = &plan->rows[i];
        bool fits = row->wave == PLAN_NO_WAVE &&
                    (wave->selector == NULL || selector_matches(wave->selector, &row->subject));
        if (!fits) {
            continue;
        }
        row->wave = number;
        taken += row->outcome != PLAN_REFUSED && row->outcome != PLAN_GONE;
    }
    return taken;
}

static void leave_out(plan_t *plan) {
    for (uint32_t i = 0; i < plan->count; i++) {
        if (plan->rows[i].wave == PLAN_NO_WAVE) {
            plan->rows[i].outcome = PLAN_LEFT_OUT;
            plan->rows[i].code = ERROR_NONE;
            plan->rows[i].reason = "no wave takes it";
            plan->rows[i].to = plan->rows[i].from;
        }
    }
}

status_t plan_cut(plan_t *plan, const rollout_spec_t *spec, error_t *err) {
    qsort(plan->rows, plan->count, sizeof *plan->rows, by_name);
    TRY(make_waves(plan, rollout_spec_wave_count(spec), err));
    for (uint32_t i = 0; i < plan->wave_count; i++) {
        const spec_wave_t *wave = rollout_spec_wave(spec, i);
        int64_t taken = fill_wave(plan, wave, i);
        plan->waves[i] = (plan_wave_t){
            .target = plan->target,
            .canary = i == 0,
            .needs_approval = wave->approval,
            .on_failure = policy_of(wave->on_failure),
            .max_parallel = (uint32_t)wave->max_parallel,
            .max_parallel_per_cluster = (uint32_t)wave->max_parallel_per_cluster,
            .soak_us = wave->soak_us,
            .budget = (uint32_t)rollout_spec_budget(spec, taken),
        };
        TRY(keep(plan, wave->name, &plan->waves[i].name, err));
    }
    leave_out(plan);
    return STATUS_OK;
}

status_t plan_single_wave(plan_t *plan, const char *name, error_t *err) {
    TRY(make_waves(plan, 1, err));
    plan->waves[0] = (plan_wave_t){.target = plan->target, .on_failure = ON_FAILURE_CONTINUE};
    for (uint32_t i = 0; i < plan->count; i++) {
        plan->rows[i].wave = 0;
    }
    return keep(plan, name, &plan->waves[0].name, err);
}

static int by_height(const void *a, const void *b) {
    uint32_t left = *(const uint32_t *)a;
    uint32_t right = *(const uint32_t *)b;
    return left < right ? 1 : left > right ? -1 : 0;
}

/* The different targets of rows with work, highest first; answers how many. */
static size_t distinct_targets(const plan_t *plan, uint32_t *targets) {
    size_t all = 0;
    for (uint32_t i = 0; i < plan->count; i++) {
        if (plan->rows[i].outcome == PLAN_WORK) {
            targets[all++] = plan->rows[i].to;
        }
    }
    qsort(targets, all, sizeof *targets, by_height);
    size_t count = 0;
    for (size_t i = 0; i < all; i++) {
        if (count == 0 || targets[count - 1] != targets[i]) {
            targets[count++] = targets[i];
        }
    }
    return count;
}

static void place_by_target(plan_t *plan, const uint32_t *targets, size_t count) {
    for (uint32_t i = 0; i < plan->count; i++) {
        plan_row_t *row = &plan->rows[i];
        row->wave = 0;
        for (uint32_t w = 0; row->outcome == PLAN_WORK && w < count; w++) {
            if (targets[w] == row->to) {
                row->wave = w;
                break;
            }
        }
    }
}

status_t plan_waves_by_target(plan_t *plan, error_t *err) {
    uint32_t *targets = NULL;
    TRY(arena_allocate(&plan->arena, (plan->count + 1) * sizeof *targets, &targets, err));
    size_t count = distinct_targets(plan, targets);
    if (count > LIMIT_WAVES) {
        return error_set(err, ERROR_BOUND,
                         "tenants go back to %zu different versions, at most %d (LIMIT_WAVES): "
                         "roll back by --select instead",
                         count, (int)LIMIT_WAVES);
    }
    if (count <= 1) {
        plan->target = count == 1 ? targets[0] : plan->target;
        return plan_single_wave(plan, "rollback", err);
    }
    TRY(make_waves(plan, count, err));
    plan->target = targets[count - 1];
    for (size_t i = 0; i < count; i++) {
        plan->waves[i] = (plan_wave_t){.target = targets[i], .on_failure = ON_FAILURE_CONTINUE};
        CLEANUP(buffer_free) buffer_t name = {0};
        const char *version = plan_version(plan, targets[i]);
        buffer_format(&name, "to %s", version[0] != '\0' ? version : "empty");
        TRY(buffer_check(&name, err));
        TRY(keep(plan, buffer_string(&name), &plan->waves[i].name, err));
    }
    place_by_target(plan, targets, count);
    return STATUS_OK;
}

static void count_row(plan_t *plan, uint32_t index) {
    const plan_row_t *row = &plan->rows[index];
    bool moves = plan->kind == KIND_FORWARD || plan->kind == KIND_UNDO;
    uint32_t way = row->to > row->from ? row->to - row->from : row->from - row->to;
    plan->by_outcome[row->outcome]++;
    plan->steps += row->outcome != PLAN_WORK ? 0 : moves ? way : 1;
    if (row->observed_us != 0 && (plan->oldest_us == 0 || row->observed_us < plan->oldest_us)) {
        plan->oldest_us = row->observed_us;
    }
    plan->newest_us = row->observed_us > plan->newest_us ? row->observed_us : plan->newest_us;
    if (row->wave != PLAN_NO_WAVE) {
        plan_wave_t *wave = &plan->waves[row->wave];
        wave->by_outcome[row->outcome]++;
        wave->count++;
    }
}

static void hash_row(hash_t *hash, const plan_row_t *row) {
    char text[IDENT_TEXT_SIZE];
    hash_add_text(hash, ident_text(&row->tenant, text));
    hash_add_number(hash, row->wave);
    hash_add_number(hash, row->from);
    hash_add_number(hash, row->to);
    hash_add_number(hash, row->outcome);
    hash_add_text(hash, error_code_text(row->code));
    hash_add_text(hash, row->reference != NULL ? row->reference : "");
}

static void hash_wave(hash_t *hash, const plan_wave_t *wave) {
    hash_add_text(hash, wave->name);
    hash_add_number(hash, wave->target);
    hash_add_number(hash, wave->canary);
    hash_add_number(hash, wave->needs_approval);
    hash_add_number(hash, wave->on_failure);
    hash_add_number(hash, wave->max_parallel);
    hash_add_number(hash, wave->max_parallel_per_cluster);
    hash_add_number(hash, wave->soak_us);
    hash_add_number(hash, wave->budget);
}

/* What is going to happen to whom. Inventory's times and the reasons' wording are left aside. */
static digest_t digest_of_plan(const plan_t *plan) {
    char text[DIGEST_TEXT_SIZE];
    hash_t hash;
    hash_begin(&hash, HASH_PLAN);
    hash_add_number(&hash, plan->kind);
    hash_add_text(&hash, plan->application);
    hash_add_text(&hash, digest_text(&plan->bundle, text));
    hash_add_number(&hash, plan->target);
    hash_add_text(&hash, plan->spec != NULL ? plan->spec : "");
    hash_add_text(&hash, plan->recovery_kind);
    hash_add_text(&hash, plan->trial_restore);
    hash_add_number(&hash, plan->prune_keep_us);
    hash_add_number(&hash, plan->prune_keep_count);
    hash_add_text(&hash, ident_text(&plan->parent, text));
    hash_add_number(&hash, plan->wave_count);
    for (uint32_t i = 0; i < plan->wave_count; i++) {
        hash_wave(&hash, &plan->waves[i]);
    }
    hash_add_number(&hash, plan->count);
    for (uint32_t i = 0; i < plan->count; i++) {
        hash_row(&hash, &plan->rows[i]);
    }
    return hash_end(&hash);
}

/* A wave without a job is none of the order's, and its first one opens by its own signatures. */
static void settle_approvals(plan_t *plan) {
    bool first = true;
    for (uint32_t i = 0; i < plan->wave_count; i++) {
        plan_wave_t *wave = &plan->waves[i];
        bool ordered = wave->by_outcome[PLAN_WORK] + wave->by_outcome[PLAN_LOOK] > 0;
        wave->needs_approval = wave->needs_approval && ordered && !first;
        first = first && !ordered;
    }
}

status_t plan_finish(plan_t *plan, error_t *err) {
    INVARIANT(plan->wave_count > 0);
    if (plan->wave_count > LIMIT_WAVES) {
        return error_set(err, ERROR_BOUND, "%u waves, at most %d (LIMIT_WAVES)", plan->wave_count,
                         (int)LIMIT_WAVES);
    }
    qsort(plan->rows, plan->count, sizeof *plan->rows, by_wave);
    for (uint32_t i = 0; i < plan->count; i++) {
        count_row(plan, i);
    }
    uint32_t first = 0;
    for (uint32_t i = 0; i < plan->wave_count; i++) {
        plan->waves[i].first = first;
        first += plan->waves[i].count;
    }
    settle_approvals(plan);
    plan->digest = digest_of_plan(plan);
    return STATUS_OK;
}
