/*
 * jobs.c: batches of jobs and cancels, signed. A batch names its agent, epoch and incarnation
 * within what is signed, so that it is worth nothing anywhere else, nor after its expiry. Its
 * signature authorizes nothing: each job names the order that does, the tenant's place in it and,
 * in a later wave, the ticket that opened it. None leaves without.
 */
#include "common/wire/field.h"
#include "coordinator/link/jobs.h"
#include "common/crypto/hash.h"
#include "coordinator/link/internal.h"
#include "coordinator/store/store_tenant.h"

#include <stdlib.h>
#include <string.h>

#define HASH_SAMPLE "drover/sample/1"

/* What of a message's bound the jobs may fill; the rest is for the terms and the envelope. */
enum { BATCH_BYTES = LIMIT_MESSAGE_BYTES / 2, SAMPLE_WHOLE_BP = 10000 };

bool jobs_trial_restore(const rollout_t *rollout, const task_t *task) {
    const char *word = rollout->trial_restore != NULL ? rollout->trial_restore : "never";
    if (strcmp(word, "all") == 0) {
        return true;
    }
    if (strcmp(word, "canary") != 0 && strcmp(word, "sample") != 0) {
        return false;
    }
    if (rollout->waves[task->wave].canary) {
        return true;
    }
    digest_t digest = hash_of(HASH_SAMPLE, task->job.bytes, sizeof task->job.bytes);
    uint32_t number = 0;
    memcpy(&number, digest.bytes, sizeof number);
    return strcmp(word, "sample") == 0 && number % SAMPLE_WHOLE_BP < rollout->sample_bp;
}

const char *jobs_trial_word(const rollout_t *rollout, uint32_t wave) {
    const char *word = rollout->trial_restore != NULL ? rollout->trial_restore : "never";
    bool canary = rollout->waves[wave].canary;
    if (strcmp(word, "all") == 0 || (canary && strcmp(word, "never") != 0)) {
        return "all";
    }
    return strcmp(word, "sample") == 0 ? "sample" : "none";
}

/* ------------------------------------------------------------------ one batch being filled */

typedef struct batch {
    hub_t *hub;
    curve_public_t key;
    Drover__Terms terms[WIRE_TERMS];
    Drover__Terms *terms_list[WIRE_TERMS];
    const rollout_t *rollouts[WIRE_TERMS]; /* whose terms those are */
    Drover__Job jobs[WIRE_JOBS];
    Drover__Job *jobs_list[WIRE_JOBS];
    ident_t references[WIRE_JOBS]; /* that jobs borrow */
    uint8_t proofs[WIRE_JOBS][PROOF_BYTES];
    digest_t tickets[WIRE_TERMS]; /* that terms borrow; zero: none */
    const rollout_t *unsent;      /* whose jobs could not be sent: told once */
    uint32_t term_count;
    uint32_t job_count;
    size_t bytes;
} batch_t;

static void flush(batch_t *batch) {
    hub_t *self = batch->hub;
    if (batch->job_count == 0) {
        return;
    }
    const store_identity_t *identity = &self->options.identity;
    Drover__JobBatch message = DROVER__JOB_BATCH__INIT;
    message.agent_key = field_of_bytes(batch->key.bytes, sizeof batch->key.bytes);
    message.epoch = identity->epoch;
    message.incarnation =
        field_of_bytes(identity->incarnation.bytes, sizeof identity->incarnation.bytes);
    message.issued_us = self->now_us;
    message.expires_us = self->now_us + self->options.config->lease_us;
    message.n_terms = batch->term_count;
    message.terms = batch->terms_list;
    message.n_jobs = batch->job_count;
    message.jobs = batch->jobs_list;
    CLEANUP(buffer_free) buffer_t bytes = {0};
    error_t err = {0};
    if (codec_seal(DROVER__KIND__KIND_JOBS, &message.base, self->options.sign, &bytes, &err) !=
        STATUS_OK) {
        log_error("jobs not sent", &err);
    } else {
        (void)hub_send_now(self, &batch->key, &bytes);
    }
    batch->term_count = 0;
    batch->job_count = 0;
    batch->bytes = 0;
}

static char *text_of(const char *text) {
    return field_of_text(text != NULL ? text : "");
}

static void fill_terms(Drover__Terms *terms, const rollout_t *rollout, uint32_t wave,
                       const digest_t *ticket) {
    drover__terms__init(terms);
    terms->rollout = field_of_bytes(rollout->id.bytes, sizeof rollout->id.bytes);
    terms->wave = wave;
    terms->kind = (Drover__JobKind)rollout->kind;
    terms->application = text_of(rollout->application);
    if (!digest_is_null(&rollout->bundle)) {
        terms->bundle = field_of_bytes(rollout->bundle.bytes, sizeof rollout->bundle.bytes);
    }
    uint32_t own_target = rollout->waves[wave].target_position;
    terms->target_position = own_target != 0 ? own_target : rollout->target_position;
    terms->recovery_kind = text_of(rollout->recovery_kind);
    terms->recovery_reason = text_of(rollout->recovery_reason);
    terms->trial_restore = field_of_text(jobs_trial_word(rollout, wave));
    terms->sample_percent = (rollout->sample_bp + 99) / 100;
    terms->deadline_ms = rollout->task_timeout_us / US_PER_MS;
    terms->accept_data_loss = rollout->accept_data_loss;
    if (!ident_is_null(&rollout->order)) {
        terms->order = field_of_bytes(rollout->order.bytes, sizeof rollout->order.bytes);
    }
    terms->order_digest = field_of_digest(&rollout->order_digest);
    terms->ticket = field_of_digest(ticket);
    terms->keep_open = !rollout_state_is_final(rollout->state);
    terms->prune_keep_us = rollout->prune_keep_us;
    terms->prune_keep_count = rollout->prune_keep_count;
}

/* The index of a wave's terms; the batch has room for them. */
static uint32_t terms_of(batch_t *batch, const jobs_item_t *item, const digest_t *ticket) {
    uint32_t wave = item->task->wave;
    for (uint32_t i = 0; i < batch->term_count; i++) {
        if (batch->rollouts[i] == item->rollout && batch->terms[i].wave == wave) {
            return i;
        }
    }
    uint32_t index = batch->term_count++;
    batch->rollouts[index] = item->rollout;
    batch->tickets[index] = *ticket;
    fill_terms(&batch->terms[index], item->rollout, wave, &batch->tickets[index]);
    batch->terms_list[index] = &batch->terms[index];
    batch->bytes += protobuf_c_message_get_packed_size(&batch->terms[index].base);
    return index;
}

/* The highest ledger head that the catalog knows of the tenant: less than that is an older copy. */
static void fill_floors(hub_t *self, Drover__Job *job, const rollout_t *rollout,
                        const task_t *task) {
    CLEANUP(arena_free) arena_t arena = {0};
    char id[IDENT_TEXT_SIZE];
    tenant_row_t tenant;
    error_t err = {0};
    if (rollout->application == NULL ||
        store_tenant_get(self->options.store, ident_text(&task->tenant, id), &arena, &tenant,
                         &err) != STATUS_OK) {
        return; /* not known (any more): no floor */
    }
    for (size_t i = 0; i < tenant.application_count; i++) {
        if (strcmp(tenant.applications[i].application, rollout->application) == 0) {
            job->generation_floor = tenant.applications[i].generation;
            job->sequence_floor = tenant.applications[i].ledger_sequence;
        }
    }
}

static bool names_recovery_point(rollout_kind_t kind) {
    return kind == KIND_RESTORE || kind == KIND_BACKUP_CHECK;
}

/* What shows an agent that it may do the job. */
typedef struct warrant {
    buffer_t proof;
    digest_t ticket; /* zero: none is needed */
} warrant_t;

static void warrant_free(warrant_t *warrant) {
    buffer_free(&warrant->proof);
}

static status_t find_warrant(hub_t *self, const jobs_item_t *item, warrant_t *warrant,
                             error_t *err) {
    proofs_t *proofs = NULL;
    uint32_t wave = 0;
    TRY(proofs_find(self, item->rollout, &proofs, err));
    if (order_is_standing(proofs->order)) {
        return proofs_claim(proofs, item->rollout, item->task, &warrant->proof, err);
    }
    TRY(proofs_make(proofs, &item->task->tenant, &warrant->proof, &wave, err));
    INVARIANT(warrant->proof.size <= PROOF_BYTES);
    return item->rollout->ticketed && wave > 0
               ? tickets_of(self, proofs, wave, &warrant->ticket, err)
               : STATUS_OK;
}

/* Whether another try may go better: of a damaged document none does. */
static bool is_passing(const error_t *err) {
    return err->retry == RETRY_TRANSIENT || err->code == ERROR_STORE || err->code == ERROR_IO ||
           err->code == ERROR_DISK_FULL || err->code == ERROR_NO_MEMORY;
}

/* Remember of the attempt whether it was sent. */
static void note_sent(const batch_t *batch, const jobs_item_t *item, const error_t *why) {
    session_t *session = session_find(batch->hub->sessions, &item->key);
    session_attempt_t *entry =
        session != NULL ? session_find_attempt(session, &item->task->attempt) : NULL;
    if (entry != NULL) {
        entry->left = entry->left || why->code == ERROR_NONE;
        entry->barred = why->code != ERROR_NONE && !is_passing(why);
    }
}

/* A job without proof stays here: it is given and known, and offered again. */
static void tell_unsent(batch_t *batch, const jobs_item_t *item, error_t *err) {
    if (batch->unsent != item->rollout) {
        batch->unsent = item->rollout;
        (void)error_context(err, "sending a job of rollout '%.100s'", item->rollout->name);
        log_error("job not sent", err);
    }
}

static void add_job(batch_t *batch, const jobs_item_t *item) {
    CLEANUP(warrant_free) warrant_t warrant = {0};
    const task_t *task = item->task;
    error_t err = {0};
    if (find_warrant(batch->hub, item, &warrant, &err) != STATUS_OK) {
        note_sent(batch, item, &err);
        tell_unsent(batch, item, &err);
        return;
    }
    note_sent(batch, item, &err);
    uint32_t index = batch->job_count++;
    Drover__Job *job = &batch->jobs[index];
    drover__job__init(job);
    memcpy(batch->proofs[index], warrant.proof.data, warrant.proof.size);
    job->proof = field_of_bytes(batch->proofs[index], warrant.proof.size);
    job->job = field_of_bytes(task->job.bytes, sizeof task->job.bytes);
    job->attempt = field_of_bytes(task->attempt.bytes, sizeof task->attempt.bytes);
    job->terms = terms_of(batch, item, &warrant.ticket);
    job->tenant = field_of_bytes(task->tenant.bytes, sizeof task->tenant.bytes);
    job->tenant_name = text_of(task->tenant_name);
    job->system_identifier = task->system_identifier;
    job->database = text_of(task->database);
    job->trial_restore = jobs_trial_restore(item->rollout, task);
    job->attempt_number = task->attempts;
    error_t ignored = {0}; /* an external reference is no id: the agent finds its own */
    if (names_recovery_point(item->rollout->kind) && task->reference != NULL &&
        ident_parse(task->reference, &batch->references[index], &ignored) == STATUS_OK) {
        job->recovery_reference =
            field_of_bytes(batch->references[index].bytes, sizeof batch->references[index].bytes);
    }
    fill_floors(batch->hub, job, item->rollout, task);
    batch->jobs_list[index] = job;
    batch->bytes += protobuf_c_message_get_packed_size(&job->base);
}

static int compare_items(const void *a, const void *b) {
    const jobs_item_t *left = a;
    const jobs_item_t *right = b;
    int order = curve_public_compare(&left->key, &right->key);
    if (order == 0 && left->rollout == right->rollout) {
        return left->task->ordinal < right->task->ordinal ? -1 : 1;
    }
    return order != 0 ? order : ident_compare(&left->rollout->id, &right->rollout->id);
}

/* Its application is held, or its agent gets nothing forward. */
static bool is_kept_back(const hub_t *self, const jobs_item_t *item) {
    const held_t held = suspended_held(self, session_find(self->sessions, &item->key));
    return rollout_is_held(item->rollout, &held);
}

void jobs_send(hub_t *self, jobs_item_t *items, size_t count) {
    CLEANUP(free_p) batch_t *batch = malloc(sizeof *batch);
    if (batch == NULL || count == 0) {
        return; /* what is not sent is offered again */
    }
    batch->hub = self;
    batch->unsent = NULL;
    batch->term_count = batch->job_count = 0;
    batch->bytes = 0;
    qsort(items, count, sizeof *items, compare_items);
    for (size_t i = 0; i < count; i++) {
        bool full = batch->job_count == WIRE_JOBS || batch->term_count == WIRE_TERMS ||
                    batch->bytes > BATCH_BYTES;
        if (full || !curve_public_equal(&batch->key, &items[i].key)) {
            flush(batch);
            batch->key = items[i].key;
        }
        if (!is_kept_back(self, &items[i])) {
            add_job(batch, &items[i]); /* one that is kept back is offered again */
        }
    }
    flush(batch);
}

/* The agent does not have it: its hello did not name it, and nothing left since. */
static bool never_came(const session_attempt_t *entry) {
    return entry->barred && !entry->left && !entry->heard;
}

/* As if its agent had said so: it was asked to stop before it began. */
static void end_unsent(hub_t *self, const session_t *session, const session_attempt_t *entry) {
    event_t event = hub_event(self, EVENT_REPORT, &session->key);
    report_facts_t facts = {.job = entry->job,
                            .attempt = entry->attempt,
                            .event = TASK_EVENT_CANCELLED,
                            .error_code = ERROR_CANCELLED,
                            .error = "called off before it was sent: no proof of it can be made"};
    event.report = &facts;
    hub_step(self, &event);
}

void jobs_end_unsent(hub_t *self) {
    for (session_t *session = self->sessions; session != NULL; session = session->hh.next) {
        const session_attempt_t *next = NULL;
        for (const session_attempt_t *entry = session->attempts;
             session->online && session->settled && entry != NULL; entry = next) {
            const rollout_t *rollout = engine_rollout_of(self->engine, &entry->job);
            next = entry->hh.next; /* rows are written, and attempts forgotten, afterwards */
            if (never_came(entry) && rollout != NULL &&
                rollout_state_is_called_off(rollout->state)) {
                end_unsent(self, session, entry);
            }
        }
    }
}

void jobs_cancel(hub_t *self, const curve_public_t *key, const ident_t *attempts, size_t count) {
    ProtobufCBinaryData list[64];
    INVARIANT(count <= sizeof list / sizeof list[0]);
    for (size_t i = 0; i < count; i++) {
        list[i] = field_of_bytes(attempts[i].bytes, sizeof attempts[i].bytes);
    }
    const store_identity_t *identity = &self->options.identity;
    Drover__Cancel cancel = DROVER__CANCEL__INIT;
    cancel.agent_key = field_of_bytes(key->bytes, sizeof key->bytes);
    cancel.epoch = identity->epoch;
    cancel.incarnation =
        field_of_bytes(identity->incarnation.bytes, sizeof identity->incarnation.bytes);
    cancel.issued_us = self->now_us;
    cancel.n_attempts = count;
    cancel.attempts = list;
    CLEANUP(buffer_free) buffer_t bytes = {0};
    error_t err = {0};
    if (codec_seal(DROVER__KIND__KIND_CANCEL, &cancel.base, self->options.sign, &bytes, &err) !=
        STATUS_OK) {
        log_error("cancel not sent", &err);
        return;
    }
    (void)hub_send_now(self, key, &bytes);
}
