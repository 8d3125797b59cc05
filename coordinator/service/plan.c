/* plan.c: see plan.h. Life and judgement of rows; plan_waves.c makes the waves. */
#include "coordinator/service/plan.h"
#include "common/base/clock.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

plan_t *plan_new(rollout_kind_t kind) {
    plan_t *plan = calloc(1, sizeof *plan);
    if (plan != NULL) {
        *plan = (plan_t){.kind = kind,
                         .name = "",
                         .application = "",
                         .attempts = 1,
                         .unreachable = UNREACHABLE_WAIT,
                         .recovery_kind = "none",
                         .trial_restore = "never"};
    }
    return plan;
}

void plan_destroy(plan_t **self) {
    if (self == NULL || *self == NULL) {
        return;
    }
    plan_t *plan = *self;
    free(plan->rows);
    arena_free(&plan->arena);
    free(plan);
    *self = NULL;
}

status_t plan_reserve(plan_t *plan, size_t count, error_t *err) {
    if (count > LIMIT_TENANTS) {
        return error_set(err, ERROR_BOUND, "%zu tenants in one rollout, at most %d (LIMIT_TENANTS)",
                         count, (int)LIMIT_TENANTS);
    }
    plan->rows = calloc(count > 0 ? count : 1, sizeof *plan->rows);
    if (plan->rows == NULL) {
        return error_set(err, ERROR_NO_MEMORY, "out of memory for a plan of %zu tenants", count);
    }
    plan->count = (uint32_t)count;
    return STATUS_OK;
}

status_t plan_use_bundle(plan_t *plan, const bundle_t *bundle, error_t *err) {
    size_t count = bundle_count(bundle);
    const char **versions = NULL;
    TRY(arena_allocate(&plan->arena, (count > 0 ? count : 1) * sizeof *versions, &versions, err));
    for (size_t i = 0; i < count; i++) {
        const char *version = bundle_migration(bundle, i)->version;
        TRY(arena_text(&plan->arena, version, strlen(version), &versions[i], err));
    }
    const char *application = bundle_application(bundle);
    TRY(arena_text(&plan->arena, application, strlen(application), &plan->application, err));
    plan->bundle = *bundle_digest(bundle);
    plan->versions = versions;
    plan->version_count = (uint32_t)count;
    return STATUS_OK;
}

const char *plan_version(const plan_t *plan, uint32_t position) {
    return position > 0 && position <= plan->version_count ? plan->versions[position - 1] : "";
}

/* A position as an operator reads it. */
static const char *spoken(const plan_t *plan, uint32_t position) {
    if (position == 0) {
        return "nothing";
    }
    const char *version = plan_version(plan, position);
    return version[0] != '\0' ? version : "a position that the bundle lacks";
}

static const char *stands_at(const plan_t *plan, const plan_row_t *row) {
    bool named = row->from_version != NULL && row->from_version[0] != '\0';
    return named ? row->from_version : spoken(plan, row->from);
}

static status_t set_reason(plan_t *plan, plan_row_t *row, error_t *err, const char *format,
                           va_list values) {
    char text[ERROR_TEXT_MAX];
    int size = vsnprintf(text, sizeof text, format, values);
    INVARIANT(size >= 0);
    return arena_text(&plan->arena, text, strlen(text), &row->reason, err);
}

status_t plan_refuse(plan_t *plan, plan_row_t *row, error_t *err, error_code_t code,
                     const char *format, ...) {
    va_list values;
    va_start(values, format);
    status_t status = set_reason(plan, row, err, format, values);
    va_end(values);
    row->outcome = code == ERROR_TENANT_GONE ? PLAN_GONE : PLAN_REFUSED;
    row->code = code;
    return status;
}

status_t plan_pass(plan_t *plan, plan_row_t *row, error_t *err, const char *format, ...) {
    va_list values;
    va_start(values, format);
    status_t status = set_reason(plan, row, err, format, values);
    va_end(values);
    row->outcome = PLAN_NOT_NEEDED;
    row->to = row->from;
    return status;
}

static status_t judge_set_aside(plan_t *plan, plan_row_t *row, error_t *err) {
    row->outcome = PLAN_WORK;
    row->code = ERROR_NONE;
    row->reason = "";
    row->wave = PLAN_NO_WAVE;
    if (row->problem_code == NULL || row->problem_code[0] == '\0') {
        return STATUS_OK;
    }
    error_code_t code = error_code_parse(row->problem_code);
    bool another = code == ERROR_TENANT_CLONE || code == ERROR_TENANT_MISMATCH;
    if (plan->kind == KIND_RESTORE && !another) {
        return STATUS_OK; /* what is wrong with it may be why it is restored */
    }
    return plan_refuse(plan, row, err, code != ERROR_NONE ? code : ERROR_INVALID,
                       "set aside by its agent: %s", row->problem);
}

static status_t judge_elsewhere(plan_t *plan, plan_row_t *row, error_t *err) {
    if (row->outcome != PLAN_WORK || row->elsewhere == NULL) {
        return STATUS_OK;
    }
    return plan_refuse(plan, row, err, ERROR_TENANT_IN_ROLLOUT, "is in the open rollout '%s'",
                       row->elsewhere);
}

status_t plan_judge_common(plan_t *plan, plan_row_t *row, error_t *err) {
    TRY(judge_set_aside(plan, row, err));
    return judge_elsewhere(plan, row, err);
}

static status_t judge_ledger(plan_t *plan, plan_row_t *row, error_t *err) {
    if (row->outcome == PLAN_WORK && !row->has_ledger) {
        return plan_refuse(plan, row, err, ERROR_TENANT_NO_LEDGER, "has no ledger of '%s'",
                           plan->application);
    }
    if (row->outcome == PLAN_WORK && plan->version_count > 0 && row->from > plan->version_count) {
        return plan_refuse(plan, row, err, ERROR_TENANT_AHEAD,
                           "stands at %s, position %u; the bundle ends at %s, position %u",
                           stands_at(plan, row), row->from, spoken(plan, plan->version_count),
                           plan->version_count);
    }
    return STATUS_OK;
}

/* Its agent is sent there with the same job as to the others: it compares identity, ledger and
 * schema, and works only where inventory was wrong. That job takes the tenant's lock. */
static status_t look_anyway(plan_t *plan, plan_row_t *row, error_t *err) {
    const char *reason = row->reason;
    row->outcome = PLAN_WORK;
    row->reason = "";
    TRY(judge_elsewhere(plan, row, err));
    if (row->outcome == PLAN_WORK) {
        row->outcome = PLAN_LOOK;
        row->reason = reason;
    }
    return STATUS_OK;
}

status_t plan_judge_forward(plan_t *plan, plan_row_t *row, error_t *err) {
    TRY(judge_set_aside(plan, row, err));
    TRY(judge_ledger(plan, row, err));
    row->to = plan->target;
    if (row->outcome != PLAN_WORK || row->from < plan->target) {
        return judge_elsewhere(plan, row, err);
    }
    bool past = row->from > plan->target;
    TRY(plan_pass(plan, row, err, "stands %sat %s as inventory tells",
                  past ? "past the target, " : "", stands_at(plan, row)));
    /* past the target there is nothing that an order for the target could permit */
    return plan->look && !past ? look_anyway(plan, row, err) : STATUS_OK;
}

/* The newest migration on the way from `from` back to `to` that has no undo; NULL: all have one. */
static const bundle_migration_t *without_undo(const bundle_t *bundle, uint32_t from, uint32_t to) {
    for (uint32_t position = from; position > to; position--) {
        const bundle_migration_t *migration = bundle_migration(bundle, position - 1);
        if (migration->scripts[SCRIPT_UNDO] == NULL) {
            return migration;
        }
    }
    return NULL;
}

status_t plan_judge_undo(plan_t *plan, const bundle_t *bundle, plan_row_t *row, error_t *err) {
    TRY(judge_set_aside(plan, row, err));
    TRY(judge_ledger(plan, row, err));
    if (row->outcome != PLAN_WORK) {
        return STATUS_OK;
    }
    if (row->from <= row->to) {
        return plan_pass(plan, row, err, "stands at %s as inventory tells, not past %s",
                         stands_at(plan, row), spoken(plan, row->to));
    }
    const bundle_migration_t *stuck = without_undo(bundle, row->from, row->to);
    if (stuck != NULL) {
        return plan_refuse(plan, row, err, ERROR_IRREVERSIBLE, "%s has no undo%s%s", stuck->version,
                           stuck->irreversible[0] != '\0' ? ": " : "", stuck->irreversible);
    }
    return judge_elsewhere(plan, row, err);
}

status_t plan_judge_still(plan_t *plan, plan_row_t *row, error_t *err) {
    TRY(judge_set_aside(plan, row, err));
    row->to = row->from;
    return judge_ledger(plan, row, err);
}
