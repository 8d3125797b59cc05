/* verbs_rollout.c: rollouts as lists, where they stand, tenant by tenant, and as a whole record. */
#include "coordinator/service/awaits.h"
#include "coordinator/service/lookup.h"
#include "coordinator/service/names.h"
#include "coordinator/service/status.h"
#include "coordinator/service/verbs.h"

#include <stdio.h>
#include <string.h>

status_t verbs_rollout_status(call_t *call, error_t *err) {
    CLEANUP(lookup_rollout_free) lookup_rollout_t found = {0};
    TRY(lookup_rollout(call, &found, err));
    TRY(verbs_refill_banner(call, err));
    return status_write(call, found.rollout, err);
}

/* What the engine knows is newer than what is stored. */
static void freshen(const call_t *call, rollout_summary_t *summary, const char **reason) {
    const rollout_t *rollout = engine_rollout(call->engine, &summary->rollout.id);
    if (rollout == NULL) {
        return;
    }
    memset(summary->by_state, 0, sizeof summary->by_state);
    for (uint32_t i = 0; i < rollout->task_count; i++) {
        summary->by_state[rollout->tasks[i].state]++;
    }
    summary->rollout.state = rollout->state;
    summary->rollout.started_us = rollout->started_us;
    summary->rollout.finished_us = rollout->finished_us;
    *reason = rollout->reason;
}

static status_t list_rollout(void *context, const rollout_summary_t *stored, error_t *err) {
    call_t *call = context;
    rollout_summary_t summary = *stored;
    const rollout_t *rollout = &summary.rollout;
    const char *reason = rollout->reason;
    char id[IDENT_TEXT_SIZE];
    if (call->more && call_is_full(call)) {
        return STATUS_OK;
    }
    freshen(call, &summary, &reason);
    CLEANUP(row_free) row_t row = row_new();
    row_ident(&row, "rollout", &rollout->id);
    row_text(&row, "name", rollout->name);
    row_text(&row, "kind", names_kind(rollout->kind));
    row_text(&row, "application", rollout->application);
    row_text(&row, "target_version", rollout->target_version);
    row_text(&row, "state", names_rollout_state(rollout->state));
    row_text(&row, "reason", reason != NULL ? reason : "");
    row_text(&row, "actor", rollout->actor);
    row_ident(&row, "parent", &rollout->parent);
    row_number(&row, "waves", summary.waves);
    row_number(&row, "tasks", summary.tasks);
    names_counts(&row, "counts", summary.by_state);
    row_time(&row, "created", rollout->created_us);
    row_time(&row, "started", rollout->started_us);
    row_time(&row, "finished", rollout->finished_us);
    TRY(awaits_write(call, engine_rollout(call->engine, &rollout->id), &row, err));
    TRY(call_add(call, "rollouts", &row, err));
    if (call_is_full(call)) {
        call_more(call, "%lld:%s", (long long)rollout->created_us, ident_text(&rollout->id, id));
    }
    return STATUS_OK;
}

status_t verbs_rollout_list(call_t *call, error_t *err) {
    rollout_page_t page = {0};
    const char *after = NULL;
    call_place_t place = {0};
    bool all = false;
    TRY(call_limit(call, err));
    TRY(call_flag(call, "all", false, &all, err));
    TRY(call_after(call, &after, err));
    if (after != NULL) {
        TRY(call_place(after, &place, err));
        TRY(ident_parse(place.text, &page.before_id, err));
    }
    page.before_us = place.number;
    page.open_only = !all;
    page.limit = call->row_limit;
    call_array(call, "rollouts");
    TRY(verbs_refill_banner(call, err));
    return store_rollout_each(call->store, &page, list_rollout, call, err);
}

typedef struct tasks {
    call_t *call;
    names_task_context_t context;
    uint32_t states;
    int64_t wave;
    int64_t after;      /* ordinal of the last row */
    const char *prefix; /* of the `after` that is written */
} tasks_t;

static status_t list_task(void *context, const task_t *task, error_t *err) {
    tasks_t *into = context;
    if (into->call->more) {
        return STATUS_OK;
    }
    if (call_is_full(into->call)) {
        call_more(into->call, "%lld:%s", (long long)into->after, into->prefix);
        return STATUS_OK;
    }
    into->after = task->ordinal;
    CLEANUP(row_free) row_t row = names_task(&into->context, task);
    return call_add(into->call, "tasks", &row, err);
}

/* The versions of positions, where the bundle is at hand. */
static const bundle_t *bundle_of(call_t *call, const rollout_t *rollout) {
    const bundle_t *bundle = NULL;
    error_t inner = {0};
    bool found = !digest_is_null(&rollout->bundle) &&
                 call_bundle_by_digest(call, &rollout->bundle, &bundle, &inner) == STATUS_OK;
    return found ? bundle : NULL;
}

static status_t write_tasks(tasks_t *into, error_t *err) {
    const rollout_t *rollout = into->context.rollout;
    call_array(into->call, "tasks");
    for (uint32_t i = (uint32_t)(into->after + 1); i < rollout->task_count && !into->call->more;
         i++) {
        const task_t *task = &rollout->tasks[i];
        bool wanted = (TASK_SET(task->state) & into->states) != 0 &&
                      (into->wave < 0 || task->wave == (uint64_t)into->wave);
        if (wanted) {
            TRY(list_task(into, task, err));
        }
    }
    return STATUS_OK;
}

static status_t read_states(call_t *call, uint32_t *ret_states, error_t *err) {
    call_texts_t words = {0};
    uint32_t states = 0;
    TRY(call_texts(call, "states", &words, err));
    for (size_t i = 0; i < words.count; i++) {
        task_state_t state = names_task_state_of(words.items[i]);
        if (state == TASK_STATE_COUNT) {
            return error_set(err, ERROR_INVALID, "a task has no state '%s'", words.items[i]);
        }
        states |= TASK_SET(state);
    }
    *ret_states = words.count > 0 ? states : TASK_SET_ALL;
    return STATUS_OK;
}

/* "ordinal:prefix"; ordinal -1 begins. */
static status_t read_after(call_t *call, int64_t *ret_ordinal, error_t *err) {
    const char *after = NULL;
    call_place_t place = {.number = -1};
    TRY(call_after(call, &after, err));
    if (after != NULL) {
        TRY(call_place(after, &place, err));
    }
    if (place.number < -1 || place.number >= UINT32_MAX) {
        return error_set(err, ERROR_INVALID, "argument 'after' is not what an answer said");
    }
    *ret_ordinal = place.number;
    return STATUS_OK;
}

status_t verbs_rollout_tasks(call_t *call, error_t *err) {
    CLEANUP(lookup_rollout_free) lookup_rollout_t found = {0};
    fleet_t fleet = {0};
    tasks_t into = {.call = call, .prefix = ""};
    TRY(call_limit(call, err));
    TRY(read_states(call, &into.states, err));
    TRY(call_number(call, &(call_number_t){.key = "wave", .most = LIMIT_WAVES, .missing = -1},
                    &into.wave, err));
    TRY(read_after(call, &into.after, err));
    TRY(lookup_rollout(call, &found, err));
    TRY(fleet_load(call, &fleet, err));
    into.context = (names_task_context_t){.fleet = &fleet,
                                          .rollout = found.rollout,
                                          .bundle = bundle_of(call, found.rollout),
                                          .call = call};
    if (into.after < 0) {
        row_ident(&call->document, "rollout", &found.rollout->id);
        row_text(&call->document, "name", found.rollout->name);
    }
    return write_tasks(&into, err);
}

static status_t list_event(void *context, const audit_row_t *audit, error_t *err) {
    call_t *call = context;
    if (call->more) {
        return STATUS_OK;
    }
    if (call_is_full(call)) {
        call_more(call, "%lld:events", (long long)audit->sequence + 1);
        return STATUS_OK;
    }
    CLEANUP(row_free) row_t row = names_audit(audit);
    return call_add(call, "events", &row, err);
}

static status_t write_events(call_t *call, const rollout_t *rollout, int64_t before, error_t *err) {
    audit_page_t page = {.rollout = rollout->id, .before = before, .limit = call->row_limit + 1};
    call_array(call, "events");
    return store_audit_each(call->store, &page, list_event, call, err);
}

/* The spec as it was written, out of the rollout's JSON. */
static void write_spec(const rollout_t *rollout, row_t *into) {
    json_t *all = json_loads(rollout->spec != NULL ? rollout->spec : "{}", 0, NULL);
    row_text(into, "spec", json_string_value(json_object_get(all, "spec")));
    row_text(into, "select", json_string_value(json_object_get(all, "select")));
    json_decref(all);
    row_ident(into, "order", &rollout->order);
    row_digest(into, "plan_digest", &rollout->plan);
    row_text(into, "recovery_kind", rollout->recovery_kind);
    row_text(into, "recovery_reason",
             rollout->recovery_reason != NULL ? rollout->recovery_reason : "");
}

status_t verbs_rollout_report(call_t *call, error_t *err) {
    CLEANUP(lookup_rollout_free) lookup_rollout_t found = {0};
    fleet_t fleet = {0};
    const char *after = NULL;
    call_place_t place = {.number = -1, .text = "tasks"};
    TRY(call_after(call, &after, err));
    if (after != NULL) {
        TRY(call_place(after, &place, err));
    }
    TRY(lookup_rollout(call, &found, err));
    if (after == NULL) {
        TRY(status_write(call, found.rollout, err));
        write_spec(found.rollout, &call->document);
        /* here `tasks` is the list of them */
        (void)json_object_del(call->document.json, "tasks");
        row_number(&call->document, "task_count", found.rollout->task_count);
    }
    if (strcmp(place.text, "events") == 0) {
        return write_events(call, found.rollout, place.number, err);
    }
    TRY(fleet_load(call, &fleet, err));
    tasks_t into = {.call = call, .states = TASK_SET_ALL, .wave = -1, .prefix = "tasks"};
    into.context = (names_task_context_t){.fleet = &fleet,
                                          .rollout = found.rollout,
                                          .bundle = bundle_of(call, found.rollout),
                                          .call = call};
    TRY(read_after(call, &into.after, err));
    TRY(write_tasks(&into, err));
    return call->more ? STATUS_OK : write_events(call, found.rollout, 0, err);
}
