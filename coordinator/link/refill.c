/*
 * refill.c: a catalog that went back in time, restored from an older copy, is filled again.
 *
 * It is recognised by what agents have seen and it has not: a newer run, reports that were
 * acknowledged, reports that are needed no more, a tenant's fence. From then on it recovers:
 * nothing is dispatched, time stands still for rollouts, and agents say again what they keep
 * (WELCOME's acknowledged and send_again_from). What a report tells of a task settles it, though
 * the catalog never knew of that try.
 *
 * The epoch is raised past the one that was seen, and the incarnation drawn anew, in the commit
 * that precedes the welcome: no agent that has seen the newer run would listen otherwise, and no
 * older run is obeyed from then on.
 *
 * It ends by one rule: every enrolled agent has said hello since and handed over everything up to
 * the last report that it named; one that does not come is what it waits for, until an operator
 * goes on without it. Rollouts that go forward pause then: what people ordered meanwhile nobody
 * knows.
 */
#include "common/wire/field.h"
#include "coordinator/link/internal.h"
#include "coordinator/store/store_refill.h"
#include "coordinator/store/store_trust.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum {
    WORDS_BYTES = 512,
    STARTS_MOST = 1000000 /* of a coordinator, between a copy's making and its return */
};

/* ------------------------------------------------------------------ how it stands */

status_t refill_load(hub_t *self, error_t *err) {
    CLEANUP(arena_free) arena_t arena = {0};
    refill_row_t row = {0};
    TRY(store_refill_get(self->options.store, &arena, &row, err));
    self->refilling = row.open;
    self->refill_since_us = row.since_us;
    self->refill_look = row.open;
    if (self->raised) { /* what raised it may have been given up */
        TRY(store_identity_get(self->options.store, &self->options.identity, err));
    }
    if (row.open) {
        log_warning("catalog is recovering", "reason", row.reason, "effect",
                    "nothing is dispatched");
    }
    return STATUS_OK;
}

static status_t standing_of(hub_t *self, const agent_key_t *key, refill_standing_t *ret_standing,
                            error_t *err) {
    CLEANUP(arena_free) arena_t arena = {0};
    refill_agent_t agent = {0};
    TRY(store_refill_agent_get(self->options.store, key, self->refill_since_us, &arena, &agent,
                               err));
    *ret_standing = agent.standing;
    return STATUS_OK;
}

static status_t put_standing(hub_t *self, const session_t *session, refill_standing_t standing,
                             error_t *err) {
    refill_agent_t agent = {.key = session_agent(&session->key),
                            .since_us = self->refill_since_us,
                            .standing = standing,
                            .number = session->last_report,
                            .words = ""};
    TRY(hub_begin(self, err));
    self->refill_look = true;
    return store_refill_agent_put(self->options.store, &agent, err);
}

/* ------------------------------------------------------------------ it is recognised */

static status_t enter(hub_t *self, const char *who, const char *words, error_t *err) {
    refill_row_t row = {.open = true, .since_us = self->now_us, .reason = words};
    audit_row_t told = {.actor = who,
                        .origin = "coordinator",
                        .action = "recovery.begin",
                        .result = "ok",
                        .detail = words};
    TRY(hub_begin(self, err));
    TRY(store_refill_put(self->options.store, &row, err));
    TRY(hub_audit(self, &told, err));
    self->refilling = true;
    self->refill_look = true;
    self->refill_since_us = row.since_us;
    self->refill_waits = 0;
    log_warning("catalog went back in time", "reason", words, "effect",
                "nothing is dispatched until agents have filled it again", "code",
                error_code_text(ERROR_CATALOG_RECOVERING), "hint",
                error_code_hint(ERROR_CATALOG_RECOVERING));
    for (session_t *session = self->sessions; session != NULL; session = session->hh.next) {
        bool done = session->acknowledged >= session->last_report;
        session->refills = true;
        session->late = false;
        TRY(put_standing(self, session, done ? REFILL_DONE : REFILL_HANDING, err));
    }
    return STATUS_OK;
}

/* Past an epoch that somebody has seen. */
static status_t raise_epoch(hub_t *self, uint64_t seen, error_t *err) {
    uint64_t before = self->options.identity.epoch;
    TRY(hub_begin(self, err));
    self->raised = true;
    TRY(store_raise(self->options.store, seen, &self->options.identity, err));
    log_warning("epoch raised", "from", LOG_NUMBER(before), "to",
                LOG_NUMBER(self->options.identity.epoch), "seen", LOG_NUMBER(seen));
    return STATUS_OK;
}

/* Whether this token is of a newer run than ours, or of another that reached the same epoch. */
static bool is_newer(const hub_t *self, uint64_t epoch, const ident_t *incarnation) {
    const store_identity_t *own = &self->options.identity;
    return epoch > own->epoch ||
           (epoch == own->epoch && !ident_equal(incarnation, &own->incarnation));
}

bool refill_is_plausible(const hub_t *self, uint64_t epoch) {
    return epoch <= self->options.identity.epoch ||
           epoch - self->options.identity.epoch <= STARTS_MOST;
}

/* How an agent shows that this catalog lacks what another run of it had; false where it does not.
 */
static bool tells_more(const hub_t *self, const char *name, const Drover__Hello *hello,
                       const agent_hello_t *known, char words[WORDS_BYTES]) {
    ident_t incarnation = field_ident(hello->incarnation_seen);
    if (is_newer(self, hello->epoch_seen, &incarnation)) {
        (void)snprintf(words, WORDS_BYTES,
                       "agent '%.128s' has seen epoch %" PRIu64 " of another run, this catalog was "
                       "at %" PRIu64 ": it is an older copy",
                       name, hello->epoch_seen, self->options.identity.epoch);
        return true;
    }
    if (hello->acknowledged_seen > known->acknowledged) {
        (void)snprintf(words, WORDS_BYTES,
                       "reports of agent '%.128s' were acknowledged up to number %" PRIu64
                       ", this catalog has them up to %" PRIu64 ": it is an older copy",
                       name, hello->acknowledged_seen, known->acknowledged);
        return true;
    }
    if (hello->first_report > known->acknowledged + 1) {
        (void)snprintf(words, WORDS_BYTES,
                       "agent '%.128s' keeps reports from number %" PRIu64
                       " on, this catalog has them up to %" PRIu64 ": it is an older copy",
                       name, hello->first_report, known->acknowledged);
        return true;
    }
    return false;
}

/* Reports that nobody has any more: the numbers go on behind them. */
static status_t pass_gap(hub_t *self, const listener_message_t *from, uint64_t first,
                         agent_hello_t *known, error_t *err) {
    char words[WORDS_BYTES];
    agent_key_t key = session_agent(&from->peer->key);
    (void)snprintf(words, sizeof words,
                   "reports %" PRIu64 " to %" PRIu64 " of agent '%.128s' are kept no more: where "
                   "their tenants stand comes with its inventory",
                   known->acknowledged + 1, first - 1, from->peer->name);
    audit_row_t row = {.actor = from->peer->name,
                       .origin = from->address,
                       .action = "recovery.gap",
                       .result = "ok",
                       .detail = words};
    log_warning("reports are lost", "agent", from->peer->name, "reason", words);
    TRY(store_agent_set_acknowledged(self->options.store, &key, first - 1, err));
    known->acknowledged = first - 1;
    return hub_audit(self, &row, err);
}

status_t refill_hello(hub_t *self, const listener_message_t *from, const Drover__Hello *hello,
                      agent_hello_t *known, error_t *err) {
    char words[WORDS_BYTES];
    agent_key_t key = session_agent(&from->peer->key);
    refill_standing_t standing = REFILL_AWAITED;
    ident_t incarnation = field_ident(hello->incarnation_seen);
    if (!tells_more(self, from->peer->name, hello, known, words)) {
        return STATUS_OK;
    }
    if (is_newer(self, hello->epoch_seen, &incarnation)) {
        TRY(raise_epoch(self, hello->epoch_seen, err));
    }
    /* one that an operator went on without comes late: what it knows is taken in beside the work */
    TRY(standing_of(self, &key, &standing, err));
    if (!self->refilling && (self->refill_since_us == 0 || standing != REFILL_WITHOUT)) {
        TRY(enter(self, from->peer->name, words, err));
    }
    return hello->first_report > known->acknowledged + 1
               ? pass_gap(self, from, hello->first_report, known, err)
               : STATUS_OK;
}

status_t refill_begin(hub_t *self, session_t *session, error_t *err) {
    agent_key_t key = session_agent(&session->key);
    bool done = session->acknowledged >= session->last_report;
    refill_standing_t standing = REFILL_AWAITED;
    session->refills = self->refilling;
    session->late = false;
    if (self->refill_since_us == 0) {
        return STATUS_OK;
    }
    TRY(standing_of(self, &key, &standing, err));
    if (!self->refilling) {
        session->refills = session->late = standing == REFILL_WITHOUT && !done;
        return STATUS_OK;
    }
    if (standing == REFILL_DONE || (standing == REFILL_WITHOUT && !done)) {
        return STATUS_OK;
    }
    return put_standing(self, session, done ? REFILL_DONE : REFILL_HANDING, err);
}

status_t refill_fence(hub_t *self, const session_t *session, const Drover__TenantSeen *seen,
                      error_t *err) {
    char words[WORDS_BYTES];
    ident_t incarnation = field_ident(seen->fence_incarnation);
    bool ours = seen->stamped && !seen->gone && *seen->problem_code == '\0' &&
                refill_is_plausible(self, seen->fence_epoch);
    if (!ours || seen->fence_epoch == 0 || !is_newer(self, seen->fence_epoch, &incarnation)) {
        return STATUS_OK;
    }
    (void)snprintf(words, sizeof words,
                   "the fence of tenant '%.128s' was passed by epoch %" PRIu64
                   " of another run, this catalog was at %" PRIu64 ": it is an older copy",
                   seen->name, seen->fence_epoch, self->options.identity.epoch);
    TRY(raise_epoch(self, seen->fence_epoch, err));
    return self->refilling ? STATUS_OK : enter(self, session->name, words, err);
}

/* ------------------------------------------------------------------ it is filled again */

status_t refill_lost(hub_t *self, const session_t *session, const Drover__Report *report,
                     error_t *err) {
    CLEANUP(arena_free) arena_t arena = {0};
    refill_lost_t lost = {.order = field_digest(report->order),
                          .rollout = field_ident(report->rollout),
                          .since_us = self->refill_since_us};
    TRY(store_refill_lost_get(self->options.store, &lost, &arena, err));
    bool first = lost.jobs == 0;
    lost.jobs++;
    lost.agent = session_agent(&session->key);
    lost.first_us =
        first || report->finished_us < lost.first_us ? report->finished_us : lost.first_us;
    lost.last_us = report->finished_us > lost.last_us ? report->finished_us : lost.last_us;
    if (report->state != NULL) {
        lost.application = report->state->application;
    }
    TRY(store_refill_lost_put(self->options.store, &lost, err));
    if (!first) {
        return STATUS_OK;
    }
    char words[WORDS_BYTES];
    char order[DIGEST_TEXT_SIZE];
    char rollout[IDENT_TEXT_SIZE];
    (void)snprintf(words, sizeof words,
                   "agent '%.128s' worked under order %s of rollout %s, which this catalog does "
                   "not know; it keeps the signed order",
                   session->name, digest_text(&lost.order, order),
                   ident_text(&lost.rollout, rollout));
    log_warning("work of a rollout that is not known", "reason", words);
    audit_row_t row = {.actor = session->name,
                       .origin = "report",
                       .action = "recovery.unknown",
                       .rollout = lost.rollout,
                       .result = "ok",
                       .detail = words};
    return hub_audit(self, &row, err);
}

status_t refill_progress(hub_t *self, session_t *session, error_t *err) {
    if (!session->refills || session->acknowledged < session->last_report) {
        return STATUS_OK;
    }
    if (session->late) {
        session->refills = session->late = false;
        log_info("agent caught up", "agent", session->name);
    }
    return put_standing(self, session, REFILL_DONE, err);
}

/* ------------------------------------------------------------------ it is over */

typedef struct waits {
    hub_t *hub;
    size_t count;
    char names[WORDS_BYTES]; /* the first ones */
} waits_t;

static status_t count_waits(void *context, const enrolment_row_t *enrolment, error_t *err) {
    waits_t *waits = context;
    refill_standing_t standing = REFILL_AWAITED;
    if (enrolment->expires_us != 0 && enrolment->expires_us < waits->hub->now_us) {
        return STATUS_OK; /* it is let in no more */
    }
    TRY(standing_of(waits->hub, &enrolment->curve, &standing, err));
    if (standing == REFILL_DONE || standing == REFILL_WITHOUT) {
        return STATUS_OK;
    }
    size_t used = strlen(waits->names);
    waits->count++;
    (void)snprintf(waits->names + used, sizeof waits->names - used, "%s%.128s (%s)",
                   used > 0 ? ", " : "", enrolment->name, refill_standing_text(standing));
    return STATUS_OK;
}

/* What people ordered since the copy was made, a stop or a pause among it, is not known here: what
 * goes forward waits for a person. A way back goes on. */
static void pause_forward(hub_t *self) {
    for (size_t i = 0; i < engine_rollout_count(self->engine); i++) {
        const rollout_t *rollout = engine_rollout_at(self->engine, i);
        if (rollout->state == ROLLOUT_RUNNING && rollout_goes_forward(rollout)) {
            event_t event = hub_event(self, EVENT_PAUSE, NULL);
            event.rollout = rollout->id;
            event.words = "the catalog went back in time, and what was ordered meanwhile is not "
                          "known: look, then 'drover rollout resume'";
            hub_step(self, &event);
        }
    }
}

static status_t leave(hub_t *self, error_t *err) {
    CLEANUP(arena_free) arena_t arena = {0};
    refill_row_t row = {0};
    TRY(hub_begin(self, err));
    TRY(store_refill_get(self->options.store, &arena, &row, err));
    row.open = false;
    row.ended_us = self->now_us;
    audit_row_t told = {.actor = "coordinator",
                        .origin = "coordinator",
                        .action = "recovery.end",
                        .result = "ok",
                        .detail = "agents have handed over what the catalog lacked; rollouts that "
                                  "go forward wait for 'drover rollout resume'"};
    TRY(store_refill_put(self->options.store, &row, err));
    TRY(hub_audit(self, &told, err));
    pause_forward(self);
    self->refilling = false;
    self->offer_all = true;
    self->ask_all = true;
    log_warning("catalog is filled again", "effect", "dispatching goes on");
    for (session_t *session = self->sessions; session != NULL; session = session->hh.next) {
        bool whole = session->acknowledged >= session->last_report;
        session->late = session->refills && !whole;
        session->refills = session->late;
        session->progress_boot_us = self->boot_us;
        if (session->online && !session->settled && whole) {
            TRY(hello_settle(self, session, err));
        }
    }
    return STATUS_OK;
}

status_t refill_leave(hub_t *self, error_t *err) {
    waits_t waits = {.hub = self};
    if (!self->refilling || !self->refill_look) {
        return STATUS_OK;
    }
    self->refill_look = false;
    TRY(store_enrolment_each(self->options.store, ENROLMENT_ACCEPTED, count_waits, &waits, err));
    if (waits.count == 0) {
        return leave(self, err);
    }
    if (waits.count != self->refill_waits) {
        self->refill_waits = waits.count;
        log_warning("catalog is recovering", "waits_for", LOG_NUMBER(waits.count), "agents",
                    waits.names);
    }
    return STATUS_OK;
}
