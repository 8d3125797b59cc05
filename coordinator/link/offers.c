/*
 * offers.c: who gets work. An agent says how many jobs it can have at once; what it was given and
 * has not ended is taken off, so that a job that ends makes room without waiting for the next beat.
 */
#include "common/crypto/random.h"
#include "coordinator/link/internal.h"

#include <stdlib.h>

static uint32_t room_of(const hub_t *self, const session_t *session) {
    if (!session->online || !session->settled || self->draining || self->refilling) {
        return 0;
    }
    int64_t limit = self->options.config->limits.jobs_per_agent;
    uint32_t most = session->capacity < limit ? session->capacity : (uint32_t)limit;
    uint32_t with_it = session_attempt_count(session);
    return most > with_it ? most - with_it : 0;
}

/* Give one agent what it has room for; answers how many jobs that were. */
static uint32_t offer(hub_t *self, session_t *session, uint32_t room) {
    ident_t fresh[WIRE_JOBS];
    uint32_t count = room < WIRE_JOBS ? room : WIRE_JOBS;
    random_fill(fresh, count * sizeof fresh[0]);
    for (uint32_t i = 0; i < count; i++) {
        fresh[i] = ident_from_bytes(fresh[i].bytes);
    }
    event_t event = hub_event(self, EVENT_ROOM, &session->key);
    event.room = count;
    event.held = suspended_held(self, session);
    event.fresh = fresh;
    event.fresh_count = count;
    size_t before = self->effects.count;
    hub_step(self, &event);
    uint32_t given = 0;
    for (size_t i = before; i < self->effects.count; i++) {
        given += self->effects.items[i].kind == EFFECT_SEND_JOB;
    }
    return given;
}

void offers_make(hub_t *self) {
    bool all = self->offer_all;
    self->offer_all = false;
    for (session_t *session = self->sessions; session != NULL; session = session->hh.next) {
        if (!all && !session->offer) {
            continue;
        }
        session->offer = false;
        agent_key_t agent = session_agent(&session->key);
        uint32_t room = room_of(self, session);
        while (room > 0 && engine_has_ready(self->engine, &agent)) {
            uint32_t given = offer(self, session, room);
            if (given == 0) {
                break;
            }
            room -= given;
        }
    }
}

/* Jobs that left and that the agent never mentioned, while it says that it has fewer than it was
 * given: they were lost on the way, and are sent again as they are. */
static void sweep(hub_t *self, const session_t *session) {
    int64_t patience_us = self->options.config->timeouts.offer_us;
    if (!session->online || !session->settled ||
        session_attempt_count(session) <= session->in_hand_said) {
        return;
    }
    jobs_item_t items[WIRE_JOBS];
    size_t count = 0;
    for (session_attempt_t *entry = session->attempts; entry != NULL && count < WIRE_JOBS;
         entry = entry->hh.next) {
        const task_t *task = engine_task(self->engine, &entry->job);
        /* its lease may have ended meanwhile, and silence makes it unknown: it is owed all the same
         */
        bool owed = task != NULL &&
                    (task->state == TASK_DISPATCHED || task->state == TASK_UNKNOWN) &&
                    ident_equal(&task->attempt, &entry->attempt);
        if (entry->heard || self->boot_us - entry->sent_boot_us < patience_us || !owed) {
            continue;
        }
        entry->sent_boot_us = self->boot_us;
        items[count++] = (jobs_item_t){.key = session->key,
                                       .rollout = engine_rollout_of(self->engine, &entry->job),
                                       .task = task};
    }
    if (count > 0) {
        log_info("jobs offered again", "agent", session->name, "jobs", LOG_NUMBER(count));
        jobs_send(self, items, count);
    }
}

void offers_sweep(hub_t *self) {
    if (self->refilling) {
        return;
    }
    for (const session_t *session = self->sessions; session != NULL; session = session->hh.next) {
        sweep(self, session);
    }
}
