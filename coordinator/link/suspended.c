/*
 * suspended.c: an agent that comes back with another journal than before lost its state: nobody
 * knows why, nor what else that host lost. It is suspended until a person lets it go on
 * ('drover agents resume') or it is enrolled anew. Until then it is heard as before, settles what
 * is to be taken back and takes it back; nothing forward is given to it, and what it had of that
 * in hand is unknown. Where another agent can act on a cluster, that one does.
 *
 * It stands in the catalog, in the commit that precedes the welcome: no restart forgets it. The
 * welcome and each beat tell the agent, for its log.
 */
#include "common/wire/field.h"
#include "coordinator/link/internal.h"

#include <stdlib.h>
#include <string.h>

#define LOST_WORDS "said hello with another journal than before: it lost its state"

static status_t put_standing(hub_t *self, const agent_key_t *key, const agent_standing_t *standing,
                             agent_hello_t *known, error_t *err) {
    TRY(store_agent_set_status(self->options.store, key, standing, err));
    known->status = standing->status;
    return STATUS_OK;
}

static status_t tell(hub_t *self, const listener_message_t *from, const char *detail,
                     error_t *err) {
    audit_row_t lost = {.actor = from->peer->name,
                        .origin = from->address,
                        .action = "agent.state",
                        .result = "ok",
                        .detail = detail};
    return hub_audit(self, &lost, err);
}

status_t suspended_hello(hub_t *self, const listener_message_t *from, agent_hello_t *known,
                         error_t *err) {
    const agent_key_t key = session_agent(&from->peer->key);
    const agent_standing_t fine = {.status = AGENT_KNOWN, .why = ""};
    const agent_standing_t suspended = {
        .status = AGENT_SUSPENDED, .since_us = self->now_us, .why = LOST_WORDS};
    bool renewed = known->known && known->status == AGENT_RENEWED;
    if (renewed) { /* this is the journal that it was to come with */
        TRY(put_standing(self, &key, &fine, known, err));
    }
    if (!known->known || !known->state_changed) {
        return STATUS_OK;
    }
    if (renewed || self->options.config->on_lost_state == LOST_STATE_NOTE) {
        log_warning("agent lost its state", "agent", from->peer->name, "effect",
                    renewed ? "none: it was enrolled anew" : "none: on_lost_state is 'note'");
        return tell(self, from,
                    renewed ? LOST_WORDS "; it was enrolled anew"
                            : LOST_WORDS "; on_lost_state is 'note'",
                    err);
    }
    log_warning("agent suspended", "agent", from->peer->name, "reason", LOST_WORDS, "effect",
                "it is given nothing forward", "code", error_code_text(ERROR_AGENT_SUSPENDED),
                "hint", error_code_hint(ERROR_AGENT_SUSPENDED));
    TRY(put_standing(self, &key, &suspended, known, err));
    return tell(self, from, LOST_WORDS "; suspended", err);
}

held_t suspended_held(const hub_t *self, const session_t *session) {
    static const char *const EVERYTHING[] = {""};
    return session != NULL && session->suspended ? (held_t){.applications = EVERYTHING, .count = 1}
                                                 : self->holds.held;
}

char *suspended_word(const session_t *session) {
    return field_of_text(session->suspended ? LOST_WORDS : "");
}

/* ------------------------------------------------------------------ who acts instead */

static bool can_act(const session_t *session, uint64_t cluster) {
    bool writable = false;
    for (uint32_t i = 0; i < session->cluster_count; i++) {
        writable = writable || (session->clusters[i].system_identifier == cluster &&
                                session->clusters[i].writable);
    }
    return session->online && !session->suspended && writable;
}

bool suspended_yields(const hub_t *self, const session_t *session, uint64_t cluster) {
    if (!session->suspended) {
        return false;
    }
    for (const session_t *other = self->sessions; other != NULL; other = other->hh.next) {
        if (can_act(other, cluster)) {
            return true;
        }
    }
    return false;
}

void suspended_beat(hub_t *self, const session_t *session) {
    const agent_key_t agent = session_agent(&session->key);
    for (uint32_t i = 0; session->suspended && i < session->cluster_count; i++) {
        uint64_t cluster = session->clusters[i].system_identifier;
        agent_key_t holder;
        if (!engine_holder(self->engine, cluster, &holder) ||
            memcmp(&holder, &agent, sizeof holder) != 0 ||
            !suspended_yields(self, session, cluster)) {
            continue;
        }
        event_t event = hub_event(self, EVENT_SEEN, &session->key);
        event.cluster = cluster;
        event.parallel = session->clusters[i].parallel;
        hub_step(self, &event); /* as if it saw no primary: the lease is free for the other one */
    }
}

/* ------------------------------------------------------------------ it goes on */

/* What was kept back from it is sent; one that is not here, or still owes reports, is told by its
 * hello as any other. */
static status_t go_on(hub_t *self, session_t *session, error_t *err) {
    session->suspended = false;
    session->offer = true;
    log_info("agent goes on", "agent", session->name, "reason", "no longer suspended");
    if (session->online) {
        hello_tell_leases(self, session); /* and with them that it goes on */
    }
    if (!session->online || !session->settled || self->refilling) {
        return STATUS_OK;
    }
    uint32_t count = 0;
    CLEANUP(free_p) ident_t *in_hand = calloc(HASH_COUNT(session->attempts) + 1, sizeof *in_hand);
    if (in_hand == NULL) {
        return error_set(err, ERROR_NO_MEMORY, "out of memory for jobs in hand");
    }
    for (const session_attempt_t *entry = session->attempts; entry != NULL;
         entry = entry->hh.next) {
        in_hand[count++] = entry->attempt;
    }
    event_t event = hub_event(self, EVENT_IN_HAND, &session->key);
    event.fresh = in_hand;
    event.fresh_count = count;
    hub_step(self, &event);
    return STATUS_OK;
}

static status_t look_at(hub_t *self, session_t *session, error_t *err) {
    CLEANUP(arena_free) arena_t arena = {0};
    const agent_key_t key = session_agent(&session->key);
    agent_row_t agent = {0};
    TRY(store_agent_get(self->options.store, &key, &arena, &agent, err));
    return agent.status == AGENT_SUSPENDED ? STATUS_OK : go_on(self, session, err);
}

status_t suspended_look(hub_t *self, error_t *err) {
    if (!self->suspended_look) {
        return STATUS_OK;
    }
    self->suspended_look = false;
    for (session_t *session = self->sessions; session != NULL; session = session->hh.next) {
        if (session->suspended) {
            TRY(look_at(self, session, err));
        }
    }
    return STATUS_OK;
}
