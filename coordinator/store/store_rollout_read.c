/* store_rollout_read.c: the reading half of store_rollout.h. */
#include "coordinator/store/query.h"
#include "coordinator/store/store_rollout.h"

#include <string.h>

DEFINE_CLEANUP(rollout_t, rollout_destroy)

/* Read ROLLOUT_COLUMNS into a rollout that owns its texts. */
static void read_rollout(query_t *query, rollout_t *rollout) {
    rollout->id = query_ident_at(query, 0);
    rollout->name = query_own_at(query, 1, NULL);
    rollout->kind = (rollout_kind_t)query_enum_at(query, 2, KIND_END);
    rollout->application = query_own_at(query, 3, NULL);
    rollout->bundle = query_digest_at(query, 4);
    rollout->target_position = query_u32_at(query, 5);
    rollout->target_version = query_own_at(query, 6, NULL);
    rollout->state = (rollout_state_t)query_enum_at(query, 7, ROLLOUT_STATE_COUNT);
    rollout->current_wave = query_u32_at(query, 8);
    rollout->unreachable = (unreachable_policy_t)query_enum_at(query, 9, UNREACHABLE_POLICY_COUNT);
    rollout->attempts = query_u32_at(query, 10);
    rollout->recovery_kind = query_own_at(query, 11, NULL);
    rollout->recovery_reason = query_own_or_null_at(query, 12, NULL);
    rollout->trial_restore = query_own_at(query, 13, NULL);
    rollout->sample_bp = query_u32_at(query, 14);
    rollout->task_timeout_us = query_number_at(query, 15);
    rollout->accept_data_loss = query_flag_at(query, 16);
    rollout->prune_keep_us = query_number_at(query, 17);
    rollout->prune_keep_count = query_u32_at(query, 18);
    rollout->spec = query_own_at(query, 19, NULL);
    rollout->plan = query_digest_at(query, 20);
    rollout->order = query_ident_at(query, 21);
    rollout->parent = query_ident_at(query, 22);
    rollout->actor = query_own_at(query, 23, NULL);
    rollout->reason = query_own_or_null_at(query, 24, NULL);
    rollout->created_us = query_number_at(query, 25);
    rollout->started_us = query_number_at(query, 26);
    rollout->finished_us = query_number_at(query, 27);
    rollout->updated_us = query_number_at(query, 28);
    rollout->order_digest = query_digest_at(query, 29);
    rollout->ticketed = query_flag_at(query, 30);
}

static status_t new_rollout(query_t *query, rollout_t **ret_rollout, error_t *err) {
    CLEANUP(rollout_destroy_p) rollout_t *rollout = calloc(1, sizeof *rollout);
    if (rollout == NULL) {
        return error_set(err, ERROR_NO_MEMORY, "out of memory for a rollout");
    }
    read_rollout(query, rollout);
    TRY(query_check(query));
    *ret_rollout = TAKE(rollout);
    return STATUS_OK;
}

/* Read TASK_COLUMNS; texts in the arena, or owned by the task without one. */
static void read_task(query_t *query, arena_t *arena, task_t *task) {
    task->job = query_ident_at(query, 0);
    task->wave = query_u32_at(query, 1);
    task->ordinal = query_u32_at(query, 2);
    task->tenant = query_ident_at(query, 3);
    task->tenant_name = query_own_at(query, 4, arena);
    task->system_identifier = query_unsigned_at(query, 5);
    task->database = query_own_at(query, 6, arena);
    task->state = (task_state_t)query_enum_at(query, 7, TASK_STATE_COUNT);
    task->attempt = query_ident_at(query, 8);
    task->attempts = query_u32_at(query, 9);
    task->agent = query_key_at(query, 10);
    task->from_position = query_u32_at(query, 11);
    task->position = query_u32_at(query, 12);
    task->touched = query_flag_at(query, 13);
    task->step = query_u32_at(query, 14);
    task->error_code = query_error_code_at(query, 15);
    const char *sqlstate = query_text_at(query, 16);
    memcpy(task->sqlstate, sqlstate, strnlen(sqlstate, sizeof task->sqlstate - 1));
    task->error = query_own_or_null_at(query, 17, arena);
    task->reference = query_own_or_null_at(query, 18, arena);
    task->notes = query_own_or_null_at(query, 19, arena);
    task->started_us = query_number_at(query, 20);
    task->finished_us = query_number_at(query, 21);
    task->due_us = query_number_at(query, 22);
    task->observed_us = query_number_at(query, 23);
    task->to_position = query_u32_at(query, 24);
}

static status_t count_of(store_t *store, statement_id_t id, const ident_t *rollout,
                         uint32_t *ret_count, error_t *err) {
    CLEANUP(query_end) query_t query = query_begin(store, id, err);
    query_ident(&query, 1, rollout);
    bool row = false;
    TRY(query_next(&query, &row));
    uint32_t count = query_u32_at(&query, 0);
    TRY(query_check(&query));
    *ret_count = count;
    return STATUS_OK;
}

static status_t add_waves(store_t *store, rollout_t *rollout, error_t *err) {
    uint32_t room = 0;
    TRY(count_of(store, STATEMENT_WAVE_COUNT, &rollout->id, &room, err));
    rollout->waves = calloc(room > 0 ? room : 1, sizeof *rollout->waves);
    if (rollout->waves == NULL) {
        return error_set(err, ERROR_NO_MEMORY, "out of memory for %u waves", room);
    }
    CLEANUP(query_end) query_t query = query_begin(store, STATEMENT_WAVE_LIST, err);
    query_ident(&query, 1, &rollout->id);
    for (bool row = true; rollout->wave_count < room;) {
        TRY(query_next(&query, &row));
        INVARIANT(row); /* one owner: as many as were counted */
        wave_t *wave = &rollout->waves[rollout->wave_count++];
        wave->name = query_own_at(&query, 0, NULL);
        wave->state = (wave_state_t)query_enum_at(&query, 1, WAVE_STATE_COUNT);
        wave->first = query_u32_at(&query, 2);
        wave->count = query_u32_at(&query, 3);
        wave->max_parallel = query_u32_at(&query, 4);
        wave->max_parallel_per_cluster = query_u32_at(&query, 5);
        wave->canary = query_flag_at(&query, 6);
        wave->on_failure = (failure_policy_t)query_enum_at(&query, 7, ON_FAILURE_COUNT);
        wave->budget = query_u32_at(&query, 8);
        wave->forgiven = query_u32_at(&query, 9);
        wave->soak_for_us = query_number_at(&query, 10);
        wave->opened_us = query_number_at(&query, 11);
        wave->soak_us = query_number_at(&query, 12);
        wave->finished_us = query_number_at(&query, 13);
        wave->target_position = query_u32_at(&query, 14);
        wave->needs_approval = query_flag_at(&query, 15);
        TRY(query_check(&query));
    }
    return STATUS_OK;
}

static status_t add_tasks(store_t *store, rollout_t *rollout, error_t *err) {
    uint32_t room = 0;
    TRY(count_of(store, STATEMENT_TASK_COUNT, &rollout->id, &room, err));
    rollout->tasks = calloc(room > 0 ? room : 1, sizeof *rollout->tasks);
    if (rollout->tasks == NULL) {
        return error_set(err, ERROR_NO_MEMORY, "out of memory for %u tasks", room);
    }
    CLEANUP(query_end) query_t query = query_begin(store, STATEMENT_TASK_LIST, err);
    query_ident(&query, 1, &rollout->id);
    for (bool row = true; rollout->task_count < room;) {
        TRY(query_next(&query, &row));
        INVARIANT(row); /* one owner: as many as were counted */
        task_t *task = &rollout->tasks[rollout->task_count++];
        read_task(&query, NULL, task);
        TRY(query_check(&query));
    }
    return STATUS_OK;
}

/* What the engine relies on as it indexes: ordinals without gaps, waves that tile the tasks. */
static status_t check_shape(const rollout_t *rollout, error_t *err) {
    char text[IDENT_TEXT_SIZE];
    uint64_t next = 0;
    for (uint32_t i = 0; i < rollout->wave_count; i++) {
        if (rollout->waves[i].first != next) {
            return error_set(err, ERROR_STORE, "rollout %s: wave %u begins at task %u, not %llu",
                             ident_text(&rollout->id, text), i, rollout->waves[i].first,
                             (unsigned long long)next);
        }
        next += rollout->waves[i].count;
    }
    for (uint32_t i = 0; i < rollout->task_count; i++) {
        const task_t *task = &rollout->tasks[i];
        if (task->ordinal != i || task->wave >= rollout->wave_count) {
            return error_set(err, ERROR_STORE, "rollout %s: task %u of wave %u in place %u",
                             ident_text(&rollout->id, text), task->ordinal, task->wave, i);
        }
    }
    if (next != rollout->task_count) {
        return error_set(err, ERROR_STORE, "rollout %s: %u tasks, its waves hold %llu",
                         ident_text(&rollout->id, text), rollout->task_count,
                         (unsigned long long)next);
    }
    return STATUS_OK;
}

static status_t load_row(store_t *store, const ident_t *id, rollout_t **ret_rollout, error_t *err) {
    CLEANUP(query_end) query_t query = query_begin(store, STATEMENT_ROLLOUT_GET, err);
    query_ident(&query, 1, id);
    bool row = false;
    TRY(query_next(&query, &row));
    if (!row) {
        char text[IDENT_TEXT_SIZE];
        return error_set(err, ERROR_NOT_FOUND, "no rollout has id %s", ident_text(id, text));
    }
    return new_rollout(&query, ret_rollout, err);
}

status_t store_rollout_load(store_t *store, const ident_t *id, rollout_t **ret_rollout,
                            error_t *err) {
    CLEANUP(rollout_destroy_p) rollout_t *rollout = NULL;
    TRY(load_row(store, id, &rollout, err));
    TRY(add_waves(store, rollout, err));
    TRY(add_tasks(store, rollout, err));
    TRY(check_shape(rollout, err));
    *ret_rollout = TAKE(rollout);
    return STATUS_OK;
}

status_t store_rollout_load_head(store_t *store, const ident_t *id, rollout_t **ret_rollout,
                                 error_t *err) {
    return load_row(store, id, ret_rollout, err);
}

status_t store_rollout_children(store_t *store, const ident_t *parent, store_child_fn *fn,
                                void *context, error_t *err) {
    CLEANUP(query_end) query_t query = query_begin(store, STATEMENT_ROLLOUT_CHILDREN, err);
    query_ident(&query, 1, parent);
    for (;;) { /* ends with the rows */
        bool row = false;
        TRY(query_next(&query, &row));
        if (!row) {
            return STATUS_OK;
        }
        rollout_child_t child = {
            .id = query_ident_at(&query, 0),
            .name = query_text_at(&query, 1),
            .kind = (rollout_kind_t)query_enum_at(&query, 2, KIND_END),
            .state = (rollout_state_t)query_enum_at(&query, 3, ROLLOUT_STATE_COUNT)};
        TRY(query_check(&query));
        TRY(fn(context, &child, err));
    }
}

status_t store_rollout_taken_back(store_t *store, const ident_t *rollout, const ident_t *tenant,
                                  arena_t *arena, const char **ret_name, error_t *err) {
    CLEANUP(query_end) query_t query = query_begin(store, STATEMENT_ROLLOUT_TAKEN_BACK, err);
    bool any = false;
    query_ident(&query, 1, rollout);
    query_ident(&query, 2, tenant);
    TRY(query_next(&query, &any));
    *ret_name = any ? query_keep_at(&query, 0, arena) : NULL;
    return query_check(&query);
}

void store_rollout_list_free(rollout_list_t *list) {
    for (size_t i = 0; i < list->count; i++) {
        rollout_destroy(&list->rollouts[i]);
    }
    free(list->rollouts);
    *list = (rollout_list_t){0};
}

/* Make room for one more; counts double at powers of two. */
static status_t list_add(rollout_list_t *list, rollout_t **rollout_p, error_t *err) {
    if ((list->count & (list->count - 1)) == 0) {
        size_t room = list->count > 0 ? list->count * 2 : 1;
        rollout_t **rollouts = realloc(list->rollouts, room * sizeof(rollout_t *));
        if (rollouts == NULL) {
            return error_set(err, ERROR_NO_MEMORY, "out of memory for %zu rollouts", room);
        }
        list->rollouts = rollouts;
    }
    list->rollouts[list->count++] = TAKE(*rollout_p);
    return STATUS_OK;
}

status_t store_rollout_load_open(store_t *store, rollout_list_t *ret_list, error_t *err) {
    CLEANUP(query_end) query_t query = query_begin(store, STATEMENT_ROLLOUT_OPEN, err);
    CLEANUP(store_rollout_list_free) rollout_list_t list = {0};
    for (bool row = true;;) {
        TRY(query_next(&query, &row));
        if (!row) {
            break;
        }
        ident_t id = query_ident_at(&query, 0);
        TRY(query_check(&query));
        CLEANUP(rollout_destroy_p) rollout_t *rollout = NULL;
        TRY(store_rollout_load(store, &id, &rollout, err));
        TRY(list_add(&list, &rollout, err));
    }
    *ret_list = list;
    list = (rollout_list_t){0};
    return STATUS_OK;
}

/* The single id that a query answers; null where there is none. */
static status_t first_id(query_t *query, ident_t *ret_id) {
    bool row = false;
    TRY(query_next(query, &row));
    *ret_id = row ? query_ident_at(query, 0) : (ident_t){0};
    return query_check(query);
}

static status_t find_by_prefix(store_t *store, const char *text, ident_t *ret_id, error_t *err) {
    size_t size = strlen(text);
    if (size < 4 || size >= IDENT_TEXT_SIZE || strspn(text, "0123456789abcdef-") != size) {
        *ret_id = (ident_t){0};
        return STATUS_OK;
    }
    /* 'g' follows every digit of an id */
    char end[IDENT_TEXT_SIZE + 1];
    memcpy(end, text, size);
    memcpy(end + size, "g", 2);
    CLEANUP(query_end) query_t query = query_begin(store, STATEMENT_ROLLOUT_BY_PREFIX, err);
    query_text(&query, 1, text);
    query_text(&query, 2, end);
    TRY(first_id(&query, ret_id));
    bool more = false;
    if (!ident_is_null(ret_id)) {
        TRY(query_next(&query, &more));
    }
    return more ? error_set(err, ERROR_INVALID, "several rollouts begin with '%s'", text)
                : STATUS_OK;
}

status_t store_rollout_find(store_t *store, const char *text, ident_t *ret_id, error_t *err) {
    ident_t id = {0};
    {
        CLEANUP(query_end) query_t query = query_begin(store, STATEMENT_ROLLOUT_BY_NAME, err);
        query_text(&query, 1, text);
        TRY(first_id(&query, &id));
    }
    if (ident_is_null(&id)) {
        TRY(find_by_prefix(store, text, &id, err));
    }
    if (ident_is_null(&id)) {
        return error_set(err, ERROR_NOT_FOUND, "no rollout has id or name '%s'", text);
    }
    *ret_id = id;
    return STATUS_OK;
}

static status_t count_states(store_t *store, rollout_summary_t *summary, error_t *err) {
    CLEANUP(query_end) query_t query = query_begin(store, STATEMENT_TASK_STATES, err);
    query_ident(&query, 1, &summary->rollout.id);
    for (bool row = true;;) {
        TRY(query_next(&query, &row));
        if (!row) {
            return STATUS_OK;
        }
        uint32_t state = query_enum_at(&query, 0, TASK_STATE_COUNT);
        uint32_t count = query_u32_at(&query, 1);
        TRY(query_check(&query));
        summary->by_state[state] = count;
        summary->tasks += count;
    }
}

status_t store_rollout_each(store_t *store, const rollout_page_t *page, store_rollout_fn *fn,
                            void *context, error_t *err) {
    CLEANUP(query_end) query_t query = query_begin(store, STATEMENT_ROLLOUT_PAGE, err);
    query_number(&query, 1, query_newest(page->before_us));
    query_ident(&query, 2, &page->before_id);
    query_flag(&query, 3, page->open_only);
    query_number(&query, 4, page->limit);
    for (;;) { /* ends with the page */
        bool row = false;
        TRY(query_next(&query, &row));
        if (!row) {
            return STATUS_OK;
        }
        CLEANUP(rollout_destroy_p) rollout_t *rollout = NULL;
        TRY(new_rollout(&query, &rollout, err));
        rollout_summary_t summary = {.rollout = *rollout};
        TRY(count_of(store, STATEMENT_WAVE_COUNT, &rollout->id, &summary.waves, err));
        TRY(count_states(store, &summary, err));
        TRY(fn(context, &summary, err));
    }
}

status_t store_task_each(store_t *store, const task_page_t *page, store_task_fn *fn, void *context,
                         error_t *err) {
    CLEANUP(query_end) query_t query = query_begin(store, STATEMENT_TASK_PAGE, err);
    CLEANUP(arena_free) arena_t arena = {0};
    query_ident(&query, 1, &page->rollout);
    query_number(&query, 2, page->after);
    query_number(&query, 3, page->states);
    query_number(&query, 4, page->wave);
    query_number(&query, 5, page->limit);
    for (;;) { /* ends with the page */
        bool row = false;
        TRY(query_next(&query, &row));
        if (!row) {
            return STATUS_OK;
        }
        task_t task = {0};
        arena_clear(&arena);
        read_task(&query, &arena, &task);
        TRY(query_check(&query));
        TRY(fn(context, &task, err));
    }
}

status_t store_task_open_elsewhere(store_t *store, const task_query_t *task, ident_t *ret_rollout,
                                   error_t *err) {
    CLEANUP(query_end) query_t query = query_begin(store, STATEMENT_TASK_OPEN_ELSEWHERE, err);
    query_ident(&query, 1, &task->tenant);
    query_text(&query, 2, task->application);
    query_ident(&query, 3, &task->except);
    query_number(&query, 4, task->states);
    ident_t id = {0};
    TRY(first_id(&query, &id));
    *ret_rollout = id;
    return STATUS_OK;
}

status_t store_task_get(store_t *store, const ident_t *job, arena_t *arena, task_t *ret_task,
                        ident_t *ret_rollout, error_t *err) {
    CLEANUP(query_end) query_t query = query_begin(store, STATEMENT_TASK_GET, err);
    query_ident(&query, 1, job);
    bool row = false;
    TRY(query_next(&query, &row));
    if (!row) {
        char text[IDENT_TEXT_SIZE];
        return error_set(err, ERROR_NOT_FOUND, "no task has job %s", ident_text(job, text));
    }
    task_t task = {0};
    read_task(&query, arena, &task);
    ident_t rollout = query_ident_at(&query, 25);
    TRY(query_check(&query));
    *ret_task = task;
    *ret_rollout = rollout;
    return STATUS_OK;
}
