/*
 * store_rollout.c: writing rollouts; store_rollout_read.c builds them again. See store_rollout.h.
 */
#include "coordinator/store/store_rollout.h"
#include "coordinator/store/query.h"

static status_t insert_row(store_t *store, const rollout_t *rollout, int64_t *ret_changed,
                           error_t *err) {
    CLEANUP(query_end) query_t query = query_begin(store, STATEMENT_ROLLOUT_INSERT, err);
    query_ident(&query, 1, &rollout->id);
    query_text(&query, 2, rollout->name);
    query_number(&query, 3, rollout->kind);
    query_text(&query, 4, rollout->application);
    query_digest(&query, 5, &rollout->bundle);
    query_number(&query, 6, rollout->target_position);
    query_text(&query, 7, rollout->target_version);
    query_number(&query, 8, rollout->state);
    query_number(&query, 9, rollout->current_wave);
    query_number(&query, 10, rollout->unreachable);
    query_number(&query, 11, rollout->attempts);
    query_text(&query, 12, rollout->recovery_kind);
    query_text(&query, 13, rollout->recovery_reason);
    query_text(&query, 14, rollout->trial_restore);
    query_number(&query, 15, rollout->sample_bp);
    query_number(&query, 16, rollout->task_timeout_us);
    query_flag(&query, 17, rollout->accept_data_loss);
    query_number(&query, 18, rollout->prune_keep_us);
    query_number(&query, 19, rollout->prune_keep_count);
    query_text(&query, 20, rollout->spec);
    query_digest(&query, 21, &rollout->plan);
    query_ident(&query, 22, &rollout->order);
    query_ident(&query, 23, &rollout->parent);
    query_text(&query, 24, rollout->actor);
    query_text(&query, 25, rollout->reason);
    query_number(&query, 26, rollout->created_us);
    query_number(&query, 27, rollout->started_us);
    query_number(&query, 28, rollout->finished_us);
    query_number(&query, 29, rollout->updated_us);
    query_digest(&query, 30, &rollout->order_digest);
    query_flag(&query, 31, rollout->ticketed);
    return query_run(&query, ret_changed);
}

static status_t insert_waves(store_t *store, const rollout_t *rollout, error_t *err) {
    CLEANUP(query_end) query_t query = query_begin(store, STATEMENT_WAVE_INSERT, err);
    for (uint32_t i = 0; i < rollout->wave_count; i++) {
        const wave_t *wave = &rollout->waves[i];
        query_text(&query, 1, wave->name);
        query_number(&query, 2, wave->state);
        query_number(&query, 3, wave->first);
        query_number(&query, 4, wave->count);
        query_number(&query, 5, wave->max_parallel);
        query_number(&query, 6, wave->max_parallel_per_cluster);
        query_flag(&query, 7, wave->canary);
        query_number(&query, 8, wave->on_failure);
        query_number(&query, 9, wave->budget);
        query_number(&query, 10, wave->forgiven);
        query_number(&query, 11, wave->soak_for_us);
        query_number(&query, 12, wave->opened_us);
        query_number(&query, 13, wave->soak_us);
        query_number(&query, 14, wave->finished_us);
        query_number(&query, 15, wave->target_position);
        query_flag(&query, 16, wave->needs_approval);
        query_ident(&query, 17, &rollout->id);
        query_number(&query, 18, i);
        TRY(query_run(&query, NULL));
    }
    return STATUS_OK;
}

static status_t insert_task(query_t *query, const rollout_t *rollout, const task_t *task) {
    query_ident(query, 1, &task->job);
    query_number(query, 2, task->wave);
    query_number(query, 3, task->ordinal);
    query_ident(query, 4, &task->tenant);
    query_text(query, 5, task->tenant_name);
    query_unsigned(query, 6, task->system_identifier);
    query_text(query, 7, task->database);
    query_number(query, 8, task->state);
    query_ident(query, 9, &task->attempt);
    query_number(query, 10, task->attempts);
    query_key(query, 11, &task->agent);
    query_number(query, 12, task->from_position);
    query_number(query, 13, task->position);
    query_flag(query, 14, task->touched);
    query_number(query, 15, task->step);
    query_error_code(query, 16, task->error_code);
    query_text(query, 17, task->sqlstate);
    query_text(query, 18, task->error);
    query_text(query, 19, task->reference);
    query_text(query, 20, task->notes);
    query_number(query, 21, task->started_us);
    query_number(query, 22, task->finished_us);
    query_number(query, 23, task->due_us);
    query_number(query, 24, task->observed_us);
    query_number(query, 25, task->to_position);
    query_ident(query, 26, &rollout->id);
    return query_run(query, NULL);
}

status_t store_rollout_insert(store_t *store, const rollout_t *rollout, error_t *err) {
    int64_t changed = 0;
    TRY(insert_row(store, rollout, &changed, err));
    if (changed == 0) {
        char text[IDENT_TEXT_SIZE];
        return error_set(err, ERROR_INVALID, "rollout %s exists already",
                         ident_text(&rollout->id, text));
    }
    TRY(insert_waves(store, rollout, err));
    CLEANUP(query_end) query_t query = query_begin(store, STATEMENT_TASK_INSERT, err);
    for (uint32_t i = 0; i < rollout->task_count; i++) {
        INVARIANT(rollout->tasks[i].ordinal == i);
        TRY(insert_task(&query, rollout, &rollout->tasks[i]));
    }
    return STATUS_OK;
}

/* A save of what was never inserted would be lost in silence. */
static status_t run_on_one(query_t *query, error_t *err) {
    int64_t changed = 0;
    TRY(query_run(query, &changed));
    if (changed != 1) {
        query->store->spoiled = true;
        return error_set(err, ERROR_STORE, "%s found %lld rows instead of one",
                         STATEMENTS[query->id].name, (long long)changed);
    }
    return STATUS_OK;
}

status_t store_rollout_save(store_t *store, const rollout_t *rollout, error_t *err) {
    CLEANUP(query_end) query_t query = query_begin(store, STATEMENT_ROLLOUT_SAVE, err);
    query_ident(&query, 1, &rollout->id);
    query_number(&query, 2, rollout->state);
    query_number(&query, 3, rollout->current_wave);
    query_text(&query, 4, rollout->reason);
    query_number(&query, 5, rollout->started_us);
    query_number(&query, 6, rollout->finished_us);
    query_number(&query, 7, rollout->updated_us);
    return run_on_one(&query, err);
}

status_t store_rollout_save_wave(store_t *store, const rollout_t *rollout, uint32_t number,
                                 error_t *err) {
    INVARIANT(number < rollout->wave_count);
    const wave_t *wave = &rollout->waves[number];
    CLEANUP(query_end) query_t query = query_begin(store, STATEMENT_WAVE_SAVE, err);
    query_ident(&query, 1, &rollout->id);
    query_number(&query, 2, number);
    query_number(&query, 3, wave->state);
    query_number(&query, 4, wave->opened_us);
    query_number(&query, 5, wave->soak_us);
    query_number(&query, 6, wave->finished_us);
    query_number(&query, 7, wave->forgiven);
    return run_on_one(&query, err);
}

status_t store_rollout_save_task(store_t *store, const task_t *task, error_t *err) {
    CLEANUP(query_end) query_t query = query_begin(store, STATEMENT_TASK_SAVE, err);
    query_ident(&query, 1, &task->job);
    query_number(&query, 2, task->state);
    query_ident(&query, 3, &task->attempt);
    query_number(&query, 4, task->attempts);
    query_key(&query, 5, &task->agent);
    query_number(&query, 6, task->position);
    query_flag(&query, 7, task->touched);
    query_number(&query, 8, task->step);
    query_error_code(&query, 9, task->error_code);
    query_text(&query, 10, task->sqlstate);
    query_text(&query, 11, task->error);
    query_text(&query, 12, task->reference);
    query_text(&query, 13, task->notes);
    query_number(&query, 14, task->started_us);
    query_number(&query, 15, task->finished_us);
    query_number(&query, 16, task->due_us);
    query_unsigned(&query, 17, task->system_identifier);
    query_text(&query, 18, task->database);
    query_number(&query, 19, task->from_position);
    return run_on_one(&query, err);
}
