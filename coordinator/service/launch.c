/* launch.c: see launch.h. */
#include "coordinator/service/launch.h"
#include "common/crypto/random.h"
#include "coordinator/store/store_rollout.h"

#include <string.h>

static uint32_t open_rollouts(engine_t *engine) {
    uint32_t count = 0;
    for (size_t i = 0; i < engine_rollout_count(engine); i++) {
        count += !rollout_state_is_final(engine_rollout_at(engine, i)->state);
    }
    return count;
}

static status_t all_refused(const plan_t *plan, error_t *err) {
    uint32_t refused = plan->by_outcome[PLAN_REFUSED] + plan->by_outcome[PLAN_GONE];
    for (uint32_t i = 0; i < plan->count; i++) {
        const plan_row_t *row = &plan->rows[i];
        if (row->outcome == PLAN_REFUSED || row->outcome == PLAN_GONE) {
            return error_set(err, row->code,
                             "nothing can be done: all %u are refused, '%s' first: %s", refused,
                             row->name, row->reason);
        }
    }
    return error_set(err, ERROR_SELECTS_NOTHING, "no wave takes any of the %u tenants selected",
                     plan->count);
}

/* The way back stays open: what undoes a rollout must not wait for room. */
static bool is_bounded(rollout_kind_t kind) {
    return kind != KIND_UNDO && kind != KIND_RESTORE;
}

status_t launch_check(call_t *call, const plan_t *plan, error_t *err) {
    uint32_t limit = call->service->options.rollouts;
    if (plan->by_outcome[PLAN_WORK] == 0 && plan->by_outcome[PLAN_NOT_NEEDED] == 0 &&
        plan->by_outcome[PLAN_LOOK] == 0) {
        return all_refused(plan, err);
    }
    if (is_bounded(plan->kind) && limit > 0 && open_rollouts(call->engine) >= limit) {
        return error_set(err, ERROR_BOUND, "%u rollouts are open, at most %u (limits.rollouts)",
                         open_rollouts(call->engine), limit);
    }
    return STATUS_OK;
}

static char *copy(const char *text, bool *failed) {
    char *made = strdup(text != NULL ? text : "");
    *failed = *failed || made == NULL;
    return made;
}

static char *copy_or_null(const char *text, bool *failed) {
    return text != NULL ? copy(text, failed) : NULL;
}

static status_t describe(const plan_t *plan, const launch_t *launch, char **ret_text,
                         error_t *err) {
    CLEANUP(row_free) row_t row = row_new();
    row_text(&row, "spec", plan->spec);
    row_text(&row, "select", launch->select);
    row_text(&row, "reason", launch->reason);
    row_text(&row, "target_version", plan_version(plan, plan->target));
    row_number(&row, "selected", plan->count);
    row_number(&row, "left_out", plan->by_outcome[PLAN_LEFT_OUT]);
    row_flag(&row, "accept_data_loss", launch->accept_data_loss);
    TRY(row_check(&row, err));
    char *text = json_dumps(row.json, JSON_COMPACT);
    if (text == NULL) {
        return error_set(err, ERROR_NO_MEMORY, "out of memory for a rollout");
    }
    *ret_text = text;
    return STATUS_OK;
}

static void fill_rollout(const plan_t *plan, const launch_t *launch, int64_t now_us,
                         rollout_t *rollout, bool *failed) {
    rollout->id = random_ident();
    rollout->name = copy(launch->name != NULL ? launch->name : plan->name, failed);
    rollout->kind = plan->kind;
    rollout->application = copy(plan->application, failed);
    rollout->bundle = plan->bundle;
    rollout->target_position = plan->target;
    rollout->target_version = copy(plan_version(plan, plan->target), failed);
    rollout->state = ROLLOUT_PLANNED;
    rollout->unreachable = plan->unreachable;
    rollout->attempts = plan->attempts;
    rollout->recovery_kind = copy(plan->recovery_kind, failed);
    rollout->recovery_reason = copy_or_null(plan->recovery_reason, failed);
    rollout->trial_restore = copy(plan->trial_restore, failed);
    rollout->sample_bp = plan->sample_bp;
    rollout->task_timeout_us = plan->task_timeout_us;
    rollout->accept_data_loss = launch->accept_data_loss;
    rollout->prune_keep_us = plan->prune_keep_us;
    rollout->prune_keep_count = plan->prune_keep_count;
    rollout->plan = plan->digest;
    rollout->order = launch->order;
    rollout->order_digest = launch->order_digest;
    rollout->ticketed = launch->ticketed;
    rollout->parent = plan->parent;
    rollout->actor = copy(launch->actor, failed);
    rollout->created_us = rollout->updated_us = now_us;
}

static task_state_t state_of(plan_outcome_t outcome) {
    switch (outcome) {
    case PLAN_WORK:
    case PLAN_LOOK:
        return TASK_PENDING;
    case PLAN_NOT_NEEDED:
        return TASK_NOT_NEEDED;
    case PLAN_REFUSED:
        return TASK_REFUSED;
    case PLAN_GONE:
        return TASK_GONE;
    case PLAN_LEFT_OUT:
    case PLAN_OUTCOME_COUNT:
        break;
    }
    return TASK_SKIPPED;
}

static void fill_task(const plan_row_t *row, int64_t now_us, task_t *task, bool *failed) {
    bool refused = row->outcome == PLAN_REFUSED || row->outcome == PLAN_GONE;
    bool visited = row->outcome == PLAN_WORK || row->outcome == PLAN_LOOK;
    const char *reason = row->reason[0] != '\0' ? row->reason : NULL;
    task->job = random_ident();
    task->tenant = row->tenant;
    task->tenant_name = copy(row->name, failed);
    task->system_identifier = row->system_identifier;
    task->database = copy(row->database, failed);
    task->wave = row->wave;
    task->state = state_of(row->outcome);
    task->from_position = task->position = row->from;
    task->to_position = row->to;
    task->error_code = row->code;
    task->error = refused ? copy_or_null(reason, failed) : NULL;
    bool told = !refused && row->outcome != PLAN_LOOK; /* what its agent finds is told instead */
    task->notes = told ? copy_or_null(reason, failed) : NULL;
    task->reference = copy_or_null(row->reference, failed);
    task->finished_us = visited ? 0 : now_us;
    task->observed_us = row->observed_us;
}

/* Failures that the plan showed are accepted with it: they spend no budget. */
static void fill_wave(const plan_t *plan, const plan_wave_t *from, wave_t *wave, bool *failed) {
    wave->name = copy(from->name, failed);
    wave->state = WAVE_PENDING;
    wave->first = from->first;
    wave->count = from->count;
    wave->target_position = from->target != plan->target ? from->target : 0;
    wave->max_parallel = from->max_parallel;
    wave->max_parallel_per_cluster = from->max_parallel_per_cluster;
    wave->canary = from->canary;
    wave->needs_approval = from->needs_approval;
    wave->on_failure = from->on_failure;
    wave->budget = from->budget;
    wave->forgiven = from->by_outcome[PLAN_REFUSED];
    wave->soak_for_us = from->soak_us;
}

static bool fill_lists(const plan_t *plan, int64_t now_us, rollout_t *rollout) {
    bool failed = false;
    uint32_t tasks = plan->count - plan->by_outcome[PLAN_LEFT_OUT];
    rollout->waves = calloc(plan->wave_count, sizeof *rollout->waves);
    rollout->tasks = calloc(tasks > 0 ? tasks : 1, sizeof *rollout->tasks);
    if (rollout->waves == NULL || rollout->tasks == NULL) {
        return false;
    }
    rollout->wave_count = plan->wave_count;
    for (uint32_t i = 0; i < plan->wave_count; i++) {
        fill_wave(plan, &plan->waves[i], &rollout->waves[i], &failed);
    }
    for (uint32_t i = 0; i < tasks; i++) { /* those in no wave stand last */
        fill_task(&plan->rows[i], now_us, &rollout->tasks[i], &failed);
        rollout->tasks[i].ordinal = i;
        rollout->task_count++;
    }
    return !failed;
}

/* A cleaner needs the type's own destructor name. */
DEFINE_CLEANUP(rollout_t, rollout_destroy)

static status_t build(const call_t *call, const plan_t *plan, const launch_t *launch,
                      rollout_t **ret_rollout, error_t *err) {
    bool failed = false;
    int64_t now_us = call->question->now_us;
    CLEANUP(rollout_destroy_p) rollout_t *rollout = calloc(1, sizeof *rollout);
    if (rollout == NULL) {
        return error_set(err, ERROR_NO_MEMORY, "out of memory for a rollout");
    }
    fill_rollout(plan, launch, now_us, rollout, &failed);
    TRY(describe(plan, launch, &rollout->spec, err));
    if (failed || !fill_lists(plan, now_us, rollout)) {
        return error_set(err, ERROR_NO_MEMORY, "out of memory for a rollout of %u tenants",
                         plan->count);
    }
    *ret_rollout = TAKE(rollout);
    return STATUS_OK;
}

/* The rows are about to be written as they stand: forget what asked for them to be saved. Of a
 * rollout that is over at once, nobody having anything to do, it stays: by a save of one that is
 * over the hub lets it go. */
static void mark_clean(rollout_t *rollout, effects_t *effects, size_t since) {
    size_t kept = since;
    for (size_t i = since; i < effects->count; i++) {
        const effect_t *effect = &effects->items[i];
        bool save = effect->kind == EFFECT_SAVE_ROLLOUT || effect->kind == EFFECT_SAVE_WAVE ||
                    effect->kind == EFFECT_SAVE_TASK;
        bool over = effect->kind == EFFECT_SAVE_ROLLOUT && rollout_state_is_final(rollout->state);
        if (!save || over || effect->rollout != rollout) {
            effects->items[kept++] = *effect;
        }
    }
    effects->count = kept;
    rollout->dirty = false;
    for (uint32_t i = 0; i < rollout->wave_count; i++) {
        rollout->waves[i].dirty = false;
    }
    for (uint32_t i = 0; i < rollout->task_count; i++) {
        rollout->tasks[i].dirty = false;
    }
}

static status_t start(call_t *call, rollout_t *rollout, error_t *err) {
    size_t since = call->effects->count;
    event_t event = call_event(call, EVENT_START, &rollout->id);
    engine_step(call->engine, &event, call->effects);
    if (call->effects->failed) {
        return error_set(err, ERROR_NO_MEMORY, "out of memory for a rollout's effects");
    }
    mark_clean(rollout, call->effects, since);
    return STATUS_OK;
}

static status_t explain_wait(rollout_t *rollout, error_t *err) {
    rollout->reason = strdup("its order waits for signatures");
    return rollout->reason != NULL ? STATUS_OK
                                   : error_set(err, ERROR_NO_MEMORY, "out of memory for a rollout");
}

status_t launch_plan(call_t *call, const plan_t *plan, const launch_t *launch,
                     rollout_t **ret_rollout, error_t *err) {
    rollout_t *made = NULL;
    TRY(build(call, plan, launch, &made, err));
    call_changes(call);
    rollout_t *rollout = engine_adopt(call->engine, &made);
    if (rollout == NULL) {
        return error_set(err, ERROR_NO_MEMORY, "out of memory for a rollout");
    }
    TRY(launch->waits ? explain_wait(rollout, err) : start(call, rollout, err));
    TRY(store_rollout_insert(call->store, rollout, err));
    *ret_rollout = rollout;
    return STATUS_OK;
}
