/*
 * carry.c: carry out what the engine wants: rows and audit before the commit, jobs and cancels
 * after it.
 */
#include "coordinator/link/internal.h"
#include "coordinator/store/store_agent.h"
#include "coordinator/store/store_rollout.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ------------------------------------------------------------------ before the commit */

static status_t write_audit(hub_t *self, const effect_t *effect, error_t *err) {
    char action[64];
    char detail[512];
    (void)snprintf(action, sizeof action, "%s:%u", effect->machine->name,
                   (unsigned)effect->row->id);
    const wave_t *wave = &effect->rollout->waves[effect->wave];
    (void)snprintf(detail, sizeof detail, "rollout '%.128s', wave '%.128s': %s",
                   effect->rollout->name, wave->name,
                   rollout_why(effect->rollout->kind, effect->row->why));
    audit_row_t row = {.actor = "coordinator",
                       .origin = "engine",
                       .action = action,
                       .rollout = effect->rollout->id,
                       .result = "ok",
                       .detail = detail};
    return hub_audit(self, &row, err);
}

static status_t write_lease(hub_t *self, const effect_t *effect, error_t *err) {
    cluster_row_t row = {.system_identifier = effect->cluster, .agent = effect->agent};
    if (effect->granted) {
        row.lease_until_us = self->now_us + self->options.config->lease_us;
    }
    TRY(store_cluster_set_lease(self->options.store, &row, err));
    curve_public_t key = session_key(&effect->agent);
    session_t *session = session_find(self->sessions, &key);
    if (session != NULL) {
        session->tell_leases = true;
    }
    return STATUS_OK;
}

static status_t save_task(hub_t *self, const effect_t *effect, error_t *err) {
    task_t *task = &effect->rollout->tasks[effect->task];
    TRY(store_rollout_save_task(self->options.store, task, err));
    task->dirty = false;
    if (!task_state_is_in_flight(task->state)) {
        curve_public_t key = session_key(&task->agent);
        session_t *session = session_find(self->sessions, &key);
        session_attempt_t *entry =
            session != NULL ? session_find_attempt(session, &task->attempt) : NULL;
        if (entry != NULL && !entry->heard) { /* one that is at work goes with its last word */
            session_remove_attempt(session, &task->attempt);
        }
    }
    /* a place in a wave, or a task, became free for any agent */
    const wave_t *wave = &effect->rollout->waves[effect->wave];
    self->offer_all = self->offer_all || task->state == TASK_READY ||
                      (task_state_is_final(task->state) && wave->max_parallel > 0);
    return STATUS_OK;
}

/* The job will leave after the commit; from now on it counts as being with the agent. */
static void note_job(hub_t *self, const effect_t *effect) {
    const task_t *task = &effect->rollout->tasks[effect->task];
    curve_public_t key = session_key(&effect->agent);
    session_t *session = session_find(self->sessions, &key);
    session_attempt_t *entry =
        session != NULL ? session_add_attempt(session, &task->attempt, &task->job) : NULL;
    if (entry != NULL) {
        entry->sent_boot_us = self->boot_us;
        entry->heard = false;
    }
}

static void note_cancel(hub_t *self, const effect_t *effect) {
    const task_t *task = &effect->rollout->tasks[effect->task];
    curve_public_t key = session_key(&effect->agent);
    session_t *session = session_find(self->sessions, &key);
    session_attempt_t *entry =
        session != NULL ? session_find_attempt(session, &task->attempt) : NULL;
    if (entry != NULL) {
        entry->cancel = true;
    }
}

/* A rollback that starts by itself runs under the order of what it takes back: where the catalog's
 * copy is damaged none of its jobs could be sent, and an operator's own rollback can. */
static bool lacks_order(hub_t *self, const rollout_t *rollout, error_t *ret_why) {
    proofs_t *proofs = NULL;
    if (digest_is_null(&rollout->order_digest) ||
        proofs_find(self, rollout, &proofs, ret_why) == STATUS_OK) {
        return false;
    }
    if (ret_why->code == ERROR_STORE || ret_why->code == ERROR_NO_MEMORY) {
        error_clear(ret_why); /* what follows meets it again, and gives the transaction up */
        return false;
    }
    (void)error_context(ret_why, "reading the order of rollout '%.100s'", rollout->name);
    return true;
}

/* Make and start the rollback. Where that broke a transaction once it is not tried again: every
 * message of that transaction would be asked for anew, for ever. */
static status_t start_way_back(hub_t *self, const effect_t *effect, service_way_back_t *ret_way,
                               error_t *err) {
    const rollout_t *rollout = effect->rollout;
    if (self->refilling) {
        *ret_way = (service_way_back_t){0};
        (void)error_set(&ret_way->why, ERROR_CATALOG_RECOVERING,
                        "what to roll back is not known while the catalog is filled again");
        return STATUS_OK;
    }
    if (ident_equal(&self->unrevertable, &rollout->id)) {
        self->unrevertable = (ident_t){{0}};
        *ret_way = (service_way_back_t){.why = self->unrevertable_why};
        return STATUS_OK;
    }
    if (lacks_order(self, rollout, &ret_way->why)) {
        return STATUS_OK;
    }
    service_moment_t moment = {.now_us = self->now_us, .boot_us = self->boot_us};
    status_t status = self->service.roll_back(self->service.context, rollout, effect->wave, &moment,
                                              ret_way, &self->effects, err);
    if (status != STATUS_OK) {
        self->unrevertable = rollout->id;
        self->unrevertable_why = *err;
        return error_context(err, "rolling back a wave of rollout '%.100s'", rollout->name);
    }
    return STATUS_OK;
}

/* A wave failed and its spec wants it taken back; how that went decides what becomes of the
 * rollout. Where it cannot be, it pauses, and its reason names the command that an operator types.
 * A later failure of the wave tries it again. */
static status_t roll_back(hub_t *self, const effect_t *effect, error_t *err) {
    rollout_t *rollout = effect->rollout;
    service_way_back_t way = {0};
    char id[IDENT_TEXT_SIZE];
    char words[ERROR_TEXT_MAX + 64];
    if (rollout->state != ROLLOUT_REVERTING) {
        return STATUS_OK; /* answered within this transaction */
    }
    TRY(start_way_back(self, effect, &way, err));
    event_t event = hub_event(self, EVENT_REVERTED, NULL);
    event.rollout = rollout->id;
    if (way.why.code != ERROR_NONE) {
        event.kind = EVENT_UNREVERTED;
        (void)snprintf(words, sizeof words, "%s; order it with 'drover rollback %.8s'",
                       way.why.message, ident_text(&rollout->id, id));
        event.words = words;
        log_warning("wave not rolled back", "rollout", rollout->name, "reason", way.why.message);
    }
    hub_step(self, &event);
    self->offer_all = true;
    return STATUS_OK;
}

static status_t store_one(hub_t *self, const effect_t *effect, error_t *err) {
    store_t *store = self->options.store;
    switch (effect->kind) {
    case EFFECT_SAVE_ROLLOUT:
        TRY(store_rollout_save(store, effect->rollout, err));
        effect->rollout->dirty = false;
        self->offer_all = true;
        return STATUS_OK;
    case EFFECT_SAVE_WAVE:
        TRY(store_rollout_save_wave(store, effect->rollout, effect->wave, err));
        effect->rollout->waves[effect->wave].dirty = false;
        self->offer_all = true;
        return STATUS_OK;
    case EFFECT_SAVE_TASK:
        return save_task(self, effect, err);
    case EFFECT_AUDIT:
        return write_audit(self, effect, err);
    case EFFECT_SEND_JOB:
        note_job(self, effect);
        return STATUS_OK;
    case EFFECT_SEND_CANCEL:
        note_cancel(self, effect);
        return STATUS_OK;
    case EFFECT_ROLL_BACK:
        return roll_back(self, effect, err);
    case EFFECT_TICKET:
        tickets_ask(self, effect);
        return STATUS_OK;
    case EFFECT_LEASE:
        self->offer_all = true;
        return write_lease(self, effect, err);
    case EFFECT_KIND_COUNT:
        break;
    }
    INVARIANT(effect->kind != EFFECT_KIND_COUNT);
    return STATUS_OK;
}

status_t carry_store(hub_t *self, error_t *err) {
    if (self->carried < self->effects.count) {
        TRY(hub_begin(self, err));
    }
    /* grows while it runs: a rollback that starts has effects of its own */
    while (self->carried < self->effects.count) {
        effect_t effect = self->effects.items[self->carried++];
        TRY(store_one(self, &effect, err));
    }
    return STATUS_OK;
}

/* ------------------------------------------------------------------ after it */

static void send_jobs(hub_t *self) {
    size_t count = 0;
    for (size_t i = 0; i < self->effects.count; i++) {
        count += self->effects.items[i].kind == EFFECT_SEND_JOB;
    }
    CLEANUP(free_p) jobs_item_t *items = count > 0 ? calloc(count, sizeof *items) : NULL;
    if (items == NULL) {
        return; /* none, or no memory: what is not sent is offered again */
    }
    size_t at = 0;
    for (size_t i = 0; i < self->effects.count; i++) {
        const effect_t *effect = &self->effects.items[i];
        if (effect->kind == EFFECT_SEND_JOB) {
            items[at++] = (jobs_item_t){.key = session_key(&effect->agent),
                                        .rollout = effect->rollout,
                                        .task = &effect->rollout->tasks[effect->task]};
        }
    }
    jobs_send(self, items, count);
}

static void send_cancels(hub_t *self) {
    for (size_t i = 0; i < self->effects.count; i++) {
        const effect_t *effect = &self->effects.items[i];
        if (effect->kind == EFFECT_SEND_CANCEL) {
            curve_public_t key = session_key(&effect->agent);
            jobs_cancel(self, &key, &effect->rollout->tasks[effect->task].attempt, 1);
        }
    }
}

static void tell_leases(hub_t *self) {
    for (session_t *session = self->sessions; session != NULL; session = session->hh.next) {
        if (session->tell_leases && session->online) {
            hello_tell_leases(self, session);
        }
        session->tell_leases = false;
    }
}

void carry_send(hub_t *self) {
    bool leases = false;
    for (size_t i = 0; i < self->effects.count; i++) {
        leases = leases || self->effects.items[i].kind == EFFECT_LEASE;
    }
    if (leases) {
        tell_leases(self);
    }
    send_jobs(self);
    send_cancels(self);
}

/* A rollout is forgotten in which nothing is waited for: what agents have in hand of it still are
 * tries that were given up, and they are to stop. */
static void give_up(hub_t *self, const rollout_t *over) {
    for (session_t *session = self->sessions; session != NULL; session = session->hh.next) {
        for (session_attempt_t *entry = session->attempts; entry != NULL; entry = entry->hh.next) {
            entry->cancel = entry->cancel || engine_rollout_of(self->engine, &entry->job) == over;
        }
    }
}

/* One that is over stays while word of an outstanding task may still come. */
void carry_release(hub_t *self) {
    bool any = false;
    for (size_t i = 0; i < self->effects.count; i++) {
        const effect_t *effect = &self->effects.items[i];
        bool saved = effect->kind == EFFECT_SAVE_ROLLOUT || effect->kind == EFFECT_SAVE_TASK;
        if (!saved || !rollout_state_is_final(effect->rollout->state)) {
            continue;
        }
        rollout_t *over = effect->rollout;
        if (engine_is_owed_word(over)) {
            continue;
        }
        for (size_t k = i; k < self->effects.count; k++) {
            if (self->effects.items[k].rollout == over) {
                self->effects.items[k] = (effect_t){.kind = EFFECT_LEASE};
            }
        }
        ident_t id = over->id;
        give_up(self, over);
        engine_release(self->engine, &id);
        any = true;
    }
    if (self->recalled) { /* word that changed nothing leaves no effect to find its rollout by */
        self->recalled = false;
        any = engine_release_over(self->engine) || any;
    }
    if (any) {
        proofs_sweep(self);
    }
}
