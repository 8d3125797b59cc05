/* verbs_control.c: pause, resume, stop, retry. The engine's table decides; what it would ignore is
 * refused here with the table's own words, so that nobody believes that something happened. */
#include "coordinator/engine/rollout_table.h"
#include "coordinator/service/approve.h"
#include "coordinator/service/lookup.h"
#include "coordinator/service/names.h"
#include "coordinator/service/status.h"
#include "coordinator/service/verbs.h"

#include <stdlib.h>
#include <string.h>

typedef struct wish {
    event_kind_t event;
    uint32_t states; /* in which it can be done */
    const char *done;
    const char *paper; /* argument with a signed document, or NULL */
} wish_t;

static status_t refuse_state(const rollout_t *rollout, const char *wish, error_t *err) {
    return error_set(err, ERROR_ROLLOUT_STATE, "rollout '%s' is %s: it cannot be %s", rollout->name,
                     names_rollout_state(rollout->state), wish);
}

/* Put the operator's words behind the engine's. */
static status_t add_reason(rollout_t *rollout, const char *words, error_t *err) {
    if (words == NULL) {
        return STATUS_OK;
    }
    CLEANUP(buffer_free) buffer_t text = {0};
    buffer_format(&text, "%s: %.500s", rollout->reason != NULL ? rollout->reason : "", words);
    TRY(buffer_check(&text, err));
    free(rollout->reason);
    rollout->reason = buffer_take(&text);
    return STATUS_OK;
}

static status_t step(call_t *call, const event_t *event, error_t *err) {
    call_changes(call);
    engine_step(call->engine, event, call->effects);
    return call->effects->failed
               ? error_set(err, ERROR_NO_MEMORY, "out of memory for a rollout's effects")
               : STATUS_OK;
}

/* What comes with a stop or a resume, signed. It is taken before the engine moves: one that does
 * not hold refuses the whole question. */
static status_t take_paper(call_t *call, const wish_t *wish, rollout_t *rollout, error_t *err) {
    const char *text = NULL;
    if (wish->paper == NULL) {
        return STATUS_OK;
    }
    TRY(call_text(call, wish->paper, &text, err));
    if (text == NULL) {
        return STATUS_OK;
    }
    return wish->event == EVENT_STOP ? approve_stop(call, rollout, err)
                                     : approve_wave(call, rollout, -1, err);
}

/* A rollout whose order has ended: agents would refuse every job of it. */
static status_t check_order(call_t *call, const rollout_t *rollout, error_t *err) {
    signed_order_row_t row = {0};
    char when[CLOCK_TEXT_SIZE];
    if (digest_is_null(&rollout->order_digest)) {
        return STATUS_OK;
    }
    TRY(store_signed_order_get(call->store, &rollout->order_digest, &call->arena, &row, err));
    return call->question->now_us <= row.expires_us + TRUST_SKEW_US
               ? STATUS_OK
               : error_set(err, ERROR_ORDER_EXPIRED, "the order of rollout '%s' ended at %s",
                           rollout->name, clock_text(row.expires_us, when));
}

/* One that is over has nothing to stop, but agents that were away may still have to hear of it. */
static status_t stop_late(call_t *call, rollout_t *rollout, error_t *err) {
    TRY(approve_stop(call, rollout, err));
    status_write_short(call, rollout);
    return STATUS_OK;
}

static status_t control(call_t *call, const wish_t *wish, error_t *err) {
    CLEANUP(lookup_rollout_free) lookup_rollout_t found = {0};
    const char *name = NULL;
    const char *reason = NULL;
    TRY(call_need(call, "rollout", &name, err));
    TRY(call_text(call, "reason", &reason, err));
    TRY(lookup_rollout(call, &found, err));
    rollout_t *rollout = found.rollout;
    TRY(orders_allow(call, call->verb->roles, rollout->application, err));
    bool over = found.owned != NULL || rollout_state_is_final(rollout->state);
    if (over && wish->event == EVENT_STOP && json_object_get(call->arguments, "order") != NULL) {
        return stop_late(call, rollout, err);
    }
    if (found.owned != NULL || (wish->states & IN(rollout->state)) == 0) {
        return refuse_state(rollout, wish->done, err);
    }
    TRY(wish->event == EVENT_RESUME ? check_order(call, rollout, err) : STATUS_OK);
    TRY(take_paper(call, wish, rollout, err));
    event_t event = call_event(call, wish->event, &rollout->id);
    TRY(step(call, &event, err));
    TRY(add_reason(rollout, reason, err));
    buffer_format(&call->detail, "%s%s", call->detail.size > 0 ? "; " : "",
                  rollout->reason != NULL ? rollout->reason : "");
    status_write_short(call, rollout);
    return STATUS_OK;
}

status_t verbs_rollout_pause(call_t *call, error_t *err) {
    static const wish_t WISH = {EVENT_PAUSE, IN(ROLLOUT_RUNNING), "paused", NULL};
    return control(call, &WISH, err);
}

status_t verbs_rollout_resume(call_t *call, error_t *err) {
    static const wish_t WISH = {EVENT_RESUME, IN(ROLLOUT_PAUSED), "resumed", "approval"};
    return control(call, &WISH, err);
}

status_t verbs_rollout_stop(call_t *call, error_t *err) {
    static const wish_t WISH = {EVENT_STOP,
                                IN(ROLLOUT_PLANNED) | IN(ROLLOUT_RUNNING) | IN(ROLLOUT_PAUSED) |
                                    IN(ROLLOUT_STOPPING) | IN(ROLLOUT_REVERTING),
                                "stopped", "order"};
    return control(call, &WISH, err);
}

/* Whether an operator's retry sets the task back. */
static bool can_retry(const task_t *task) {
    return task_state_is_failure(task->state) || task->state == TASK_SKIPPED ||
           task->state == TASK_UNKNOWN || task->state == TASK_WAITING;
}

/* The tasks that are meant, by ordinal. */
typedef struct chosen {
    uint32_t *ordinals;
    uint32_t count;
    bool all; /* nobody was named: every failed one */
} chosen_t;

static status_t choose_named(const rollout_t *rollout, const char *name, chosen_t *into,
                             error_t *err) {
    char state[NAMES_STATE_MAX];
    for (uint32_t i = 0; i < rollout->task_count; i++) {
        const task_t *task = &rollout->tasks[i];
        char id[IDENT_TEXT_SIZE];
        if (strcmp(task->tenant_name, name) != 0 &&
            strcmp(ident_text(&task->tenant, id), name) != 0) {
            continue;
        }
        if (!task_is_ordered(rollout, task)) {
            return error_set(err, ERROR_ROLLOUT_STATE,
                             "the plan found tenant '%s' %s: no signed order names it, so that "
                             "there is nothing to retry",
                             name, names_task_state(task->state, state));
        }
        if (!can_retry(task)) {
            return error_set(err, ERROR_ROLLOUT_STATE,
                             "tenant '%s' is %s: there is nothing to retry", name,
                             names_task_state(task->state, state));
        }
        into->ordinals[into->count++] = i;
        return STATUS_OK;
    }
    return error_set(err, ERROR_NOT_FOUND, "rollout '%s' has no tenant '%s'", rollout->name, name);
}

static status_t choose(call_t *call, const rollout_t *rollout, chosen_t *into, error_t *err) {
    call_texts_t names = {0};
    TRY(call_texts(call, "tenants", &names, err));
    size_t room = names.count > rollout->task_count ? names.count : rollout->task_count;
    TRY(arena_allocate(&call->arena, (room + 1) * sizeof *into->ordinals, &into->ordinals, err));
    for (size_t i = 0; i < names.count; i++) {
        TRY(choose_named(rollout, names.items[i], into, err));
    }
    into->all = names.count == 0;
    for (uint32_t i = 0; into->all && i < rollout->task_count; i++) {
        if (task_is_ordered(rollout, &rollout->tasks[i]) &&
            (task_state_is_failure(rollout->tasks[i].state) ||
             task_is_left_out(&rollout->tasks[i]))) {
            into->ordinals[into->count++] = i;
        }
    }
    if (into->count == 0) { /* no name, or none that failed */
        return error_set(err, ERROR_ROLLOUT_STATE, "rollout '%s' has nothing to retry",
                         rollout->name);
    }
    return STATUS_OK;
}

/* A rollout that was over may find its tenants taken by another one. */
static status_t check_free(call_t *call, const rollout_t *rollout, const chosen_t *chosen,
                           error_t *err) {
    CLEANUP(fleet_busy_destroy_p) fleet_busy_t *busy = NULL;
    fleet_question_t question = {
        .application = rollout->application, .kind = rollout->kind, .except = &rollout->id};
    TRY(fleet_busy_new(call, &question, &busy, err));
    for (uint32_t i = 0; i < chosen->count; i++) {
        const task_t *task = &rollout->tasks[chosen->ordinals[i]];
        const char *other = fleet_busy_with(busy, &task->tenant);
        if (other != NULL) {
            return error_set(err, ERROR_TENANT_IN_ROLLOUT,
                             "tenant '%s' is in the open rollout '%s'", task->tenant_name, other);
        }
    }
    return STATUS_OK;
}

/* What a rollback of it names, what it passed over too, would go forward behind that rollback. */
static status_t check_taken_back(call_t *call, const rollout_t *rollout, const chosen_t *chosen,
                                 error_t *err) {
    for (uint32_t i = 0; i < chosen->count; i++) {
        const task_t *task = &rollout->tasks[chosen->ordinals[i]];
        const char *back = NULL;
        TRY(store_rollout_taken_back(call->store, &rollout->id, &task->tenant, &call->arena, &back,
                                     err));
        if (back != NULL) {
            return error_set(err, ERROR_ROLLOUT_STATE,
                             "tenant '%s' is in '%s': what was taken back is not tried again; take "
                             "it on with 'drover rollout start', others with --tenant",
                             task->tenant_name, back);
        }
    }
    return STATUS_OK;
}

/* An agent that accepted a newer order over a tenant's version refuses an older one: said before
 * anything is set back, for no retry would ever get past it. */
static status_t check_newest(call_t *call, const rollout_t *rollout, const chosen_t *chosen,
                             error_t *err) {
    bool changes = rollout->kind <= KIND_BASELINE && !digest_is_null(&rollout->order_digest);
    for (uint32_t i = 0; changes && i < chosen->count; i++) {
        const task_t *task = &rollout->tasks[chosen->ordinals[i]];
        newer_order_t newer = {0};
        char id[IDENT_TEXT_SIZE];
        TRY(store_signed_order_newer(call->store, &rollout->order_digest, &task->tenant,
                                     &call->arena, &newer, err));
        if (newer.issued_us != 0) {
            return error_set(
                err, ERROR_ORDER_SUPERSEDED,
                "tenant '%s' accepted the newer order of rollout '%.100s' (%.8s): its agent "
                "refuses "
                "this one; leave it out with --tenant, and take it on with 'drover rollout start' "
                "and a spec that selects it (select: name=%s)",
                task->tenant_name, newer.name, ident_text(&newer.rollout, id), task->tenant_name);
        }
    }
    return STATUS_OK;
}

/* Failures of a wave that nobody asked to be tried again. */
static uint32_t failures_left(const rollout_t *rollout, const chosen_t *chosen, uint32_t wave) {
    uint32_t failed = 0;
    for (uint32_t i = 0; i < rollout->waves[wave].count; i++) {
        failed += task_state_is_failure(rollout->tasks[rollout->waves[wave].first + i].state);
    }
    for (uint32_t i = 0; i < chosen->count; i++) {
        const task_t *task = &rollout->tasks[chosen->ordinals[i]];
        failed -= task->wave == wave && task_state_is_failure(task->state);
    }
    return failed;
}

/* With too many failures left behind, the wave would fail again before anybody tried. */
static status_t check_budget(const rollout_t *rollout, const chosen_t *chosen, error_t *err) {
    for (uint32_t i = 0; i < chosen->count; i++) {
        uint32_t number = rollout->tasks[chosen->ordinals[i]].wave;
        const wave_t *wave = &rollout->waves[number];
        uint32_t left = failures_left(rollout, chosen, number);
        if (wave->on_failure != ON_FAILURE_CONTINUE &&
            (uint64_t)left > (uint64_t)wave->budget + wave->forgiven) {
            return error_set(err, ERROR_ROLLOUT_STATE,
                             "%u other tenants of wave '%s' failed, past its budget of %u: retry "
                             "them too, or resume, which accepts them",
                             left, wave->name, wave->budget);
        }
    }
    return STATUS_OK;
}

/*
 * The engine sets back one task an event and judges the wave after each: until the last one is set
 * back, the others' failures must not spend the budget. check_budget saw that they fit afterwards.
 */
static status_t retry_named(call_t *call, rollout_t *rollout, const chosen_t *chosen,
                            error_t *err) {
    for (uint32_t w = 0; w < rollout->wave_count; w++) {
        rollout->waves[w].forgiven += chosen->count;
    }
    for (uint32_t i = 0; i < chosen->count; i++) {
        event_t event = call_event(call, EVENT_RETRY, &rollout->id);
        event.job = rollout->tasks[chosen->ordinals[i]].job;
        TRY(step(call, &event, err));
    }
    for (uint32_t w = 0; w < rollout->wave_count; w++) {
        rollout->waves[w].forgiven -= chosen->count;
    }
    return STATUS_OK;
}

static status_t retry(call_t *call, rollout_t *rollout, const chosen_t *chosen, error_t *err) {
    if (!chosen->all) {
        return retry_named(call, rollout, chosen, err);
    }
    event_t event = call_event(call, EVENT_RETRY, &rollout->id);
    return step(call, &event, err);
}

status_t verbs_rollout_retry(call_t *call, error_t *err) {
    static const uint32_t STATES =
        IN(ROLLOUT_RUNNING) | IN(ROLLOUT_PAUSED) | IN(ROLLOUT_INCOMPLETE);
    CLEANUP(lookup_rollout_free) lookup_rollout_t found = {0};
    const char *name = NULL;
    const char *reason = NULL;
    chosen_t chosen = {0};
    TRY(call_need(call, "rollout", &name, err));
    TRY(call_text(call, "reason", &reason, err));
    TRY(lookup_rollout(call, &found, err));
    TRY(orders_allow(call, call->verb->roles, found.rollout->application, err));
    if ((STATES & IN(found.rollout->state)) == 0) {
        return refuse_state(found.rollout, "retried", err);
    }
    TRY(check_order(call, found.rollout, err));
    TRY(choose(call, found.rollout, &chosen, err));
    TRY(check_budget(found.rollout, &chosen, err));
    TRY(check_free(call, found.rollout, &chosen, err));
    TRY(check_taken_back(call, found.rollout, &chosen, err));
    TRY(check_newest(call, found.rollout, &chosen, err));
    rollout_t *rollout = found.rollout;
    if (found.owned != NULL) {
        call_changes(call);
        found.rollout = NULL;
        rollout = engine_adopt(call->engine, &found.owned);
        if (rollout == NULL) {
            return error_set(err, ERROR_NO_MEMORY, "out of memory for a rollout");
        }
    }
    TRY(retry(call, rollout, &chosen, err));
    TRY(add_reason(rollout, reason, err));
    buffer_format(&call->detail, "%u tenants are tried again", chosen.count);
    status_write_short(call, rollout);
    row_number(&call->document, "retried", chosen.count);
    return STATUS_OK;
}
