/*
 * reports.c: what agents did, taken in once. Reports are numbered per journal without gaps: those
 * up to the acknowledged one are known, a gap is not passed, and what is acknowledged is committed.
 * The signed batch is kept as evidence beside the rows made from it.
 */
#include "common/wire/field.h"
#include "common/crypto/hash.h"
#include "common/trust/ticket.h"
#include "coordinator/link/internal.h"
#include "coordinator/link/outcome.h"
#include "coordinator/link/own.h"
#include "coordinator/store/store_agent.h"
#include "coordinator/store/store_recovery.h"
#include "coordinator/store/store_report.h"
#include "coordinator/store/store_rollout.h"
#include "coordinator/store/store_tenant.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { NOTES_BYTES = 64 * 1024, ERROR_LINE_BYTES = 16 * 1024 };

/* One report with what was found out about it. */
typedef struct taken {
    const Drover__Report *report;
    ident_t job;
    ident_t attempt;
    ident_t tenant; /* the task's where it is known, else as reported */
    ident_t rollout;
    digest_t sql;
    error_code_t code;
    buffer_t error; /* message with its chain */
    buffer_t notes;
    bool known;        /* the engine has its task */
    bool own;          /* this agent was given the job */
    bool found;        /* by a try that the catalog, which went back in time, does not know */
    bool by_take_back; /* of a job that the agent made itself, as people ordered it */
} taken_t;

static void taken_free(taken_t *taken) {
    buffer_free(&taken->error);
    buffer_free(&taken->notes);
}

/* ------------------------------------------------------------------ what it says */

static void read_failure(taken_t *taken) {
    const Drover__Failure *failure = taken->report->failure;
    if (failure == NULL) {
        return;
    }
    taken->code = error_code_parse(failure->code);
    if (taken->code == ERROR_NONE) {
        taken->code = ERROR_INTERNAL; /* a code of a newer agent: the message still tells */
    }
    taken->error.limit = ERROR_LINE_BYTES;
    for (size_t i = failure->n_contexts; i > 0; i--) {
        buffer_format(&taken->error, "%s: ", failure->contexts[i - 1]);
    }
    buffer_text(&taken->error, failure->message);
}

static void read_notes(taken_t *taken) {
    taken->notes.limit = NOTES_BYTES;
    for (size_t i = 0; i < taken->report->n_notes; i++) {
        buffer_format(&taken->notes, "%s%s", i > 0 ? "\n" : "", taken->report->notes[i]);
    }
}

/* A task of a rollout that is over and was forgotten: bring it back where word of it still counts.
 */
status_t reports_recall(hub_t *self, const ident_t *job, error_t *err) {
    CLEANUP(arena_free) arena_t arena = {0};
    task_t task = {0};
    ident_t id = {{0}};
    if (engine_task(self->engine, job) != NULL) {
        return STATUS_OK;
    }
    if (store_task_get(self->options.store, job, &arena, &task, &id, err) != STATUS_OK) {
        if (err->code != ERROR_NOT_FOUND) {
            return STATUS_ERROR;
        }
        error_clear(err);
        return STATUS_OK;
    }
    if (engine_rollout(self->engine, &id) != NULL) {
        return STATUS_OK;
    }
    rollout_t *rollout = NULL;
    TRY(store_rollout_load(self->options.store, &id, &rollout, err));
    self->recalled = true;
    return engine_adopt(self->engine, &rollout) != NULL
               ? STATUS_OK
               : error_set(err, ERROR_NO_MEMORY, "out of memory for a rollout");
}

static bool sees(const session_t *session, uint64_t system_identifier) {
    for (uint32_t i = 0; i < session->cluster_count; i++) {
        if (session->clusters[i].system_identifier == system_identifier) {
            return true;
        }
    }
    return false;
}

/* Whether a report about another try than the catalog knows is the task's own word all the same:
 * the catalog went back in time, the agent serves the tenant's cluster, and no later word of the
 * task is known. Beside work that goes on, only of a task that nobody was ever given. */
static status_t is_found(hub_t *self, const session_t *session, const taken_t *taken,
                         const task_t *task, bool *ret_found, error_t *err) {
    report_moment_t moment = {
        .job = taken->job, .attempt = taken->attempt, .finished_us = taken->report->finished_us};
    bool overtaken = false;
    *ret_found = false;
    if (!session->refills || !ident_equal(&taken->tenant, &task->tenant) ||
        !sees(session, task->system_identifier) ||
        (session->late && !ident_is_null(&task->attempt))) {
        return STATUS_OK;
    }
    TRY(store_report_is_overtaken(self->options.store, &moment, &overtaken, err));
    *ret_found = !overtaken;
    return STATUS_OK;
}

static status_t identify(hub_t *self, const session_t *session, taken_t *taken, error_t *err) {
    TRY(reports_recall(self, &taken->job, err));
    const task_t *task = engine_task(self->engine, &taken->job);
    taken->known = task != NULL;
    if (task != NULL) {
        agent_key_t agent = session_agent(&session->key);
        taken->own = memcmp(&task->agent, &agent, sizeof agent) == 0 &&
                     (ident_is_null(&taken->tenant) || ident_equal(&taken->tenant, &task->tenant));
        if (!taken->own || !ident_equal(&task->attempt, &taken->attempt)) {
            TRY(is_found(self, session, taken, task, &taken->found, err));
            taken->own = taken->own || taken->found;
        }
        taken->tenant = taken->own ? task->tenant : taken->tenant;
        taken->rollout = engine_rollout_of(self->engine, &taken->job)->id;
    }
    return STATUS_OK;
}

/* ------------------------------------------------------------------ what is written */

static status_t write_row(hub_t *self, const session_t *session, const taken_t *taken,
                          const digest_t *batch, bool *ret_new, error_t *err) {
    const Drover__Report *report = taken->report;
    report_row_t row = {
        .agent = session_agent(&session->key),
        .state = session->state,
        .number = report->number,
        .job = taken->job,
        .attempt = taken->attempt,
        .tenant = taken->tenant,
        .step = (uint32_t)report->step,
        .outcome = (uint32_t)report->outcome,
        .final = report->final,
        .position = report->state != NULL ? report->state->position : 0,
        .error_code = taken->code != ERROR_NONE ? error_code_text(taken->code) : "",
        .sqlstate = report->failure != NULL ? report->failure->sqlstate : "",
        .message = buffer_string(&taken->error),
        .sql_digest = taken->sql,
        .started_us = report->started_us,
        .finished_us = report->finished_us,
        .received_us = self->now_us,
        .batch = *batch,
    };
    return store_report_insert(self->options.store, &row, ret_new, err);
}

/* As when inventory finds it (inventory.c): the rows that are missing now were there before. */
static status_t tell_regression(hub_t *self, const session_t *session, const taken_t *taken,
                                error_t *err) {
    const task_t *task = engine_task(self->engine, &taken->job);
    log_warning("tenant went back in time", "tenant", task->tenant_name, "agent", session->name);
    audit_row_t row = {.actor = session->name,
                       .origin = "report",
                       .action = "tenant.regressed",
                       .rollout = taken->rollout,
                       .tenant = taken->tenant,
                       .result = "ok",
                       .detail = "its ledger is older than one that was known before"};
    return hub_audit(self, &row, err);
}

static status_t write_state(hub_t *self, const session_t *session, const taken_t *taken,
                            error_t *err) {
    const Drover__Report *report = taken->report;
    const Drover__ApplicationSeen *seen = report->state;
    if (seen == NULL) {
        return STATUS_OK;
    }
    int64_t observed_us = report->finished_us > 0 && report->finished_us < self->now_us
                              ? report->finished_us
                              : self->now_us;
    application_row_t application = inventory_application(seen, observed_us);
    /* what was made before the hello says what was, and comes behind inventories that know better,
     * by whatever clock it was made */
    tenant_report_t told = {
        .tenant = taken->tenant,
        .application = &application,
        .size_bytes = report->size_bytes,
        .sighting = {.now_us = self->now_us, .late = report->number <= session->last_report}};
    head_verdict_t verdict = HEAD_SAME;
    if (store_tenant_reported(self->options.store, &told, &verdict, err) != STATUS_OK) {
        if (err->code != ERROR_NOT_FOUND) {
            return STATUS_ERROR;
        }
        error_clear(err); /* its inventory is still to come */
    }
    return verdict == HEAD_REGRESSED ? tell_regression(self, session, taken, err) : STATUS_OK;
}

/* Where the tenant stood when the point was taken. The task's own is of before its first change;
 * one of a later try is of where the try before it came to. */
static uint32_t point_position(const rollout_t *rollout, const task_t *task,
                               const char *reference) {
    bool own = task->reference == NULL || strcmp(task->reference, reference) == 0;
    return task->touched && (own || rollout->kind == KIND_RESTORE) ? task->from_position
                                                                   : task->position;
}

static status_t write_recovery(hub_t *self, const session_t *session, const taken_t *taken,
                               error_t *err) {
    const Drover__RecoveryPoint *point = taken->report->recovery_point;
    if (point == NULL || *point->reference == '\0' || strcmp(point->kind, "none") == 0) {
        return STATUS_OK;
    }
    if (taken->report->step == DROVER__STEP__STEP_PRUNE) {
        recovery_id_t id = {.tenant = taken->tenant, .reference = point->reference};
        return store_recovery_set_pruned(self->options.store, &id, self->now_us, err);
    }
    const rollout_t *rollout = engine_rollout_of(self->engine, &taken->job);
    const task_t *task = engine_task(self->engine, &taken->job);
    bool takes = rollout->kind == KIND_FORWARD || rollout->kind == KIND_BACKUP ||
                 rollout->kind == KIND_UNDO || rollout->kind == KIND_RESTORE;
    recovery_row_t row = {
        .reference = point->reference,
        .tenant = taken->tenant,
        .agent = session_agent(&session->key),
        .kind = point->kind,
        .lsn = point->lsn,
        .taken_us = point->time_us,
        .verified = point->verified,
        .size_bytes = point->size_bytes,
        .digest = field_digest(point->manifest_digest),
        .rollout = takes ? taken->rollout : (ident_t){{0}},
        .position = point_position(rollout, task, point->reference),
    };
    return store_recovery_put(self->options.store, &row, err);
}

/* SQL that ran on a tenant stands in the audit log: who, what, which bytes, with which result. A
 * report names a script only once it ran; one that failed may name none. */
static status_t write_audit(hub_t *self, const session_t *session, const taken_t *taken,
                            const char *address, error_t *err) {
    const Drover__Report *report = taken->report;
    bool failed = report->final && taken->code != ERROR_NONE && outcome_step_changes(report->step);
    if (digest_is_null(&taken->sql) && !failed) {
        return STATUS_OK;
    }
    const task_t *task = engine_task(self->engine, &taken->job);
    const char *version = report->failure != NULL && *report->failure->version != '\0'
                              ? report->failure->version
                          : report->state != NULL ? report->state->version
                                                  : "";
    char action[64];
    char detail[768];
    (void)snprintf(action, sizeof action, "%s", outcome_step_name(report->step));
    (void)snprintf(detail, sizeof detail, "%.64s on tenant '%.128s'%s%.400s", version,
                   task->tenant_name, taken->error.size > 0 ? ": " : "",
                   buffer_string(&taken->error));
    audit_row_t row = {.actor = session->name,
                       .origin = address,
                       .action = action,
                       .rollout = taken->rollout,
                       .tenant = taken->tenant,
                       .sql_digest = taken->sql,
                       .result = taken->code != ERROR_NONE ? error_code_text(taken->code) : "ok",
                       .detail = detail};
    return hub_audit(self, &row, err);
}

/* A report about a job that this agent was not given, or that it made itself: told, never applied.
 * What is true of the tenant comes with its inventory. */
static status_t write_foreign(hub_t *self, const session_t *session, const taken_t *taken,
                              const char *address, error_t *err) {
    char job[IDENT_TEXT_SIZE];
    char detail[512];
    const Drover__ApplicationSeen *state = taken->report->state;
    (void)snprintf(detail, sizeof detail,
                   "report %" PRIu64 " is about job %s, which %s: %s%s%.64s%s%.200s",
                   taken->report->number, ident_text(&taken->job, job),
                   taken->by_take_back ? "its agent made itself, by a signed take-back"
                   : taken->known      ? "this agent was not given"
                                       : "the catalog does not know",
                   outcome_step_name(taken->report->step), state != NULL ? ", at " : "",
                   state != NULL ? state->version : "", taken->error.size > 0 ? ": " : "",
                   buffer_string(&taken->error));
    if (taken->by_take_back) {
        log_info("report of a job that its agent made itself", "agent", session->name, "report",
                 detail);
    } else {
        log_warning("report not applied", "agent", session->name, "reason", detail);
    }
    audit_row_t row = {.actor = session->name,
                       .origin = address,
                       .action = taken->by_take_back ? "report.own" : "report.foreign",
                       .rollout = taken->rollout,
                       .tenant = taken->tenant,
                       .result =
                           taken->by_take_back ? "ok" : error_code_text(ERROR_PEER_NOT_ALLOWED),
                       .detail = detail};
    return hub_audit(self, &row, err);
}

/* ------------------------------------------------------------------ what follows */

static void tell_engine(hub_t *self, session_t *session, const taken_t *taken) {
    const Drover__Report *report = taken->report;
    const task_t *task = engine_task(self->engine, &taken->job);
    const rollout_t *rollout = engine_rollout_of(self->engine, &taken->job);
    report_facts_t facts = {.job = taken->job, .attempt = taken->attempt, .found = taken->found};
    if (!outcome_event(report->outcome, report->final, &facts.event)) {
        return;
    }
    outcome_positions_t positions = {.before = task->from_position};
    if (report->state != NULL && rollout->application != NULL &&
        strcmp(report->state->application, rollout->application) == 0) {
        positions.known = facts.has_position = true;
        positions.now = facts.position = report->state->position;
    }
    facts.step = (uint32_t)report->step;
    facts.touched = outcome_touched(report->step, report->outcome, &positions);
    facts.error_code = taken->code;
    /* an agent of before that field says it of a lapsed ticket by its code alone */
    facts.unspent = facts.event == TASK_EVENT_TRANSIENT &&
                    (report->held_back || ticket_has_lapsed(taken->code));
    facts.sqlstate = report->failure != NULL ? report->failure->sqlstate : NULL;
    facts.error = taken->error.size > 0 ? buffer_string(&taken->error) : NULL;
    facts.notes = taken->notes.size > 0 ? buffer_string(&taken->notes) : NULL;
    bool takes = rollout->kind != KIND_RESTORE && rollout->kind != KIND_BACKUP_CHECK;
    if (takes && report->recovery_point != NULL && *report->recovery_point->reference != '\0') {
        facts.reference = report->recovery_point->reference;
    }
    event_t event = hub_event(self, EVENT_REPORT, &session->key);
    event.report = &facts;
    hub_step(self, &event);
}

static void note_heard(session_t *session, const taken_t *taken) {
    session_attempt_t *entry = session_find_attempt(session, &taken->attempt);
    if (entry != NULL) {
        entry->heard = true;
    }
    if (entry != NULL && taken->report->final) {
        session_remove_attempt(session, &taken->attempt);
    }
}

/* Evidence after all, of what a person had ruled on: whatever it says, it is told. */
static status_t write_evidence(hub_t *self, const session_t *session, const taken_t *taken,
                               error_t *err) {
    const task_t *task = engine_task(self->engine, &taken->job);
    const Drover__ApplicationSeen *state = taken->report->state;
    char detail[512];
    if (!taken->report->final || task->error_code != ERROR_OUTCOME_RULED) {
        return STATUS_OK;
    }
    (void)snprintf(detail, sizeof detail,
                   "tenant '%.128s' was ruled %s by a person; its agent now reports on it%s%.64s",
                   task->tenant_name, TASK_MACHINE.states[task->state],
                   state != NULL ? ": it stands at " : "", state != NULL ? state->version : "");
    log_warning("evidence after a ruling", "agent", session->name, "reason", detail);
    audit_row_t row = {.actor = session->name,
                       .origin = "report",
                       .action = "task.evidence",
                       .rollout = taken->rollout,
                       .tenant = taken->tenant,
                       .result = taken->code != ERROR_NONE ? error_code_text(taken->code) : "ok",
                       .detail = detail};
    return hub_audit(self, &row, err);
}

static status_t apply(hub_t *self, session_t *session, const taken_t *taken, const char *address,
                      error_t *err) {
    TRY(write_state(self, session, taken, err));
    TRY(write_recovery(self, session, taken, err));
    TRY(write_audit(self, session, taken, address, err));
    TRY(write_evidence(self, session, taken, err));
    if (taken->report->outcome == DROVER__OUTCOME__OUTCOME_GONE && taken->report->final) {
        TRY(store_tenant_set_gone(self->options.store, &taken->tenant, self->now_us, err));
    }
    tell_engine(self, session, taken);
    return STATUS_OK;
}

/* A message of reports, as it came. */
typedef struct batch {
    const Drover__Reports *reports;
    const char *address;
    digest_t digest;
} batch_t;

static status_t take_one(hub_t *self, session_t *session, const batch_t *batch, size_t index,
                         error_t *err) {
    const Drover__Report *report = batch->reports->reports[index];
    CLEANUP(taken_free)
    taken_t taken = {.report = report,
                     .job = field_ident(report->job),
                     .attempt = field_ident(report->attempt),
                     .tenant = field_ident(report->tenant),
                     .sql = field_digest(report->sql_digest)};
    read_failure(&taken);
    read_notes(&taken);
    TRY(identify(self, session, &taken, err));
    note_heard(session, &taken);
    if (taken.known && !taken.own) {
        return write_foreign(self, session, &taken, batch->address, err);
    }
    bool is_new = false;
    TRY(write_row(self, session, &taken, &batch->digest, &is_new, err));
    if (!taken.known && session->refills) {
        return is_new && report->final ? refill_lost(self, session, report, err) : STATUS_OK;
    }
    if (!taken.known) {
        taken.by_take_back = own_is_ordered(self, batch->reports, report);
        return write_foreign(self, session, &taken, batch->address, err);
    }
    return is_new ? apply(self, session, &taken, batch->address, err) : STATUS_OK;
}

static status_t keep_batch(hub_t *self, const session_t *session, const envelope_t *envelope,
                           digest_t *ret_digest, error_t *err) {
    char key[2 * SIGN_PUBLIC_BYTES + 1];
    char signature[2 * SIGN_SIGNATURE_BYTES + 1];
    *ret_digest = hash_of(HASH_REPORT, envelope->payload, envelope->payload_size);
    report_batch_row_t row = {
        .digest = *ret_digest,
        .agent = session_agent(&session->key),
        .state = session->state,
        .payload = envelope->payload,
        .payload_size = envelope->payload_size,
        .signing_key = hex_text(envelope->key, SIGN_PUBLIC_BYTES, key),
        .signature = hex_text(envelope->signature, SIGN_SIGNATURE_BYTES, signature),
        .received_us = self->now_us,
    };
    return store_report_insert_batch(self->options.store, &row, err);
}

static status_t take_new(hub_t *self, const listener_message_t *from, session_t *session,
                         const envelope_t *envelope, const Drover__Reports *reports, error_t *err) {
    batch_t batch = {.reports = reports, .address = from->address};
    TRY(hub_begin(self, err));
    TRY(keep_batch(self, session, envelope, &batch.digest, err));
    uint64_t acknowledged = session->acknowledged;
    for (size_t i = 0; i < reports->n_reports; i++) {
        if (reports->reports[i]->number == acknowledged + 1) {
            TRY(take_one(self, session, &batch, i, err));
            acknowledged++;
        }
    }
    TRY(results_take(self, from, session, reports, err));
    agent_key_t agent = session_agent(&session->key);
    TRY(store_agent_set_acknowledged(self->options.store, &agent, acknowledged, err));
    session->acknowledged = acknowledged;
    session->progress_boot_us = self->boot_us;
    session->offer = true;
    TRY(refill_progress(self, session, err));
    if (!session->settled && acknowledged >= session->last_report && !self->refilling) {
        TRY(hello_settle(self, session, err));
    }
    return STATUS_OK;
}

status_t reports_take(hub_t *self, const listener_message_t *from, session_t *session,
                      const envelope_t *envelope, const Drover__Reports *reports, error_t *err) {
    ident_t state = field_ident(reports->state);
    if (!ident_equal(&state, &session->state)) {
        error_t refusal = {0};
        (void)error_set(&refusal, ERROR_HELLO_FIRST,
                        "the reports are of another journal than the hello was");
        hub_refuse(self, from, &refusal);
        return STATUS_OK;
    }
    bool has_new = false;
    for (size_t i = 0; i < reports->n_reports; i++) {
        has_new = has_new || reports->reports[i]->number == session->acknowledged + 1;
    }
    if (has_new) {
        TRY(take_new(self, from, session, envelope, reports, err));
    }
    Drover__ReportsAck ack = DROVER__REPORTS_ACK__INIT;
    ack.number = session->acknowledged;
    hub_say(self, &session->key, DROVER__KIND__KIND_REPORTS_ACK, &ack.base);
    return STATUS_OK;
}
