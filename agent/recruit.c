/* recruit.c: crew.h's crew_accept and crew_resume: from a signed batch, or the journal, to jobs in
 * hand. */
#include "agent/crew.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/crypto/hash.h"
#include "common/trust/proof.h"
#include "common/wire/codec.h"
#include "common/wire/field.h"

#include <string.h>

static status_t copy_text(char **to, const char *from, error_t *err) {
    *to = strdup(from != NULL ? from : "");
    return *to != NULL ? STATUS_OK : error_set(err, ERROR_NO_MEMORY, "out of memory for a job");
}

static status_t copy_terms(run_job_t *what, const Drover__Terms *terms, error_t *err) {
    what->rollout = field_ident(terms->rollout);
    what->order = field_ident(terms->order);
    what->wave = terms->wave;
    what->kind = (job_kind_t)terms->kind;
    what->bundle = field_digest(terms->bundle);
    what->target = terms->target_position;
    what->lock_timeout_ms = terms->lock_timeout_ms;
    what->statement_timeout_ms = terms->statement_timeout_ms;
    what->deadline_ms = terms->deadline_ms;
    what->accept_data_loss = terms->accept_data_loss;
    what->prune_keep_us = terms->prune_keep_us;
    what->prune_keep_count = terms->prune_keep_count;
    what->order_digest = field_digest(terms->order_digest);
    what->ticket = field_digest(terms->ticket);
    TRY(copy_text(&what->application, terms->application, err));
    TRY(copy_text(&what->recovery_kind, terms->recovery_kind, err));
    return copy_text(&what->recovery_reason, terms->recovery_reason, err);
}

/* The bytes, which the warrant judges; the wave is for reports, should it come to nothing. */
static status_t copy_proof(run_job_t *what, ProtobufCBinaryData bytes, error_t *err) {
    proof_t proof;
    error_t ignored = {0};
    if (bytes.len == 0) {
        return STATUS_OK;
    }
    what->proof = malloc(bytes.len);
    if (what->proof == NULL) {
        return error_set(err, ERROR_NO_MEMORY, "out of memory for a job");
    }
    memcpy(what->proof, bytes.data, bytes.len);
    what->proof_size = bytes.len;
    if (proof_decode(bytes.data, bytes.len, &proof, &ignored) == STATUS_OK) {
        what->order_wave = proof.wave;
    }
    return STATUS_OK;
}

static status_t copy_job(run_job_t *what, const Drover__JobBatch *batch, const Drover__Job *job,
                         error_t *err) {
    what->job = field_ident(job->job);
    what->attempt = field_ident(job->attempt);
    what->tenant = field_ident(job->tenant);
    what->system_identifier = job->system_identifier;
    what->recovery_reference = field_ident(job->recovery_reference);
    what->trial_restore = job->trial_restore;
    what->generation_floor = job->generation_floor;
    what->sequence_floor = job->sequence_floor;
    what->token = (fence_token_t){.epoch = (int64_t)batch->epoch,
                                  .incarnation = field_ident(batch->incarnation),
                                  .attempt = what->attempt};
    TRY(copy_proof(what, job->proof, err));
    TRY(copy_text(&what->tenant_name, job->tenant_name, err));
    return copy_text(&what->database, job->database, err);
}

void crew_place(agent_t *agent, run_t *run) {
    bool all_known = true;
    for (size_t i = 0; i < agent->cluster_count; i++) {
        uint64_t found = inventory_cluster(agent->inventory, i)->system_identifier;
        all_known = all_known && found != 0;
        if (found != 0 && found == run->what.system_identifier) {
            run->cluster = agent_config_cluster(agent->config, i);
            run->cluster_index = i;
            agent->leases[i].queued++;
            return;
        }
    }
    if (all_known) {
        (void)error_set(&run->unfit, ERROR_TENANT_MISMATCH, "this agent serves no cluster %llu",
                        (unsigned long long)run->what.system_identifier);
    }
}

static void set_machine(const agent_t *agent, run_t *run) {
    const agent_config_t *config = agent->config;
    bool waived = strcmp(run->what.recovery_kind, "none") == 0 && run->what.kind != JOB_KIND_BACKUP;
    run->machine = (job_machine_t){
        .kind = run->what.kind,
        .state = JOB_ACCEPTED,
        .protects = !waived || run->what.recovery_reason[0] != '\0',
        .backoff = {.first_ms = 100, .most_ms = 5000, .attempts = (int)config->lock_retries},
    };
}

/* Make a run of a batch's job and put it at the end of the list. */
static status_t recruit(agent_t *agent, const Drover__JobBatch *batch, const Drover__Job *job,
                        run_t **ret_run, error_t *err) {
    if (job->terms >= batch->n_terms ||
        batch->terms[job->terms]->kind <= DROVER__JOB_KIND__JOB_NONE) {
        return error_set(err, ERROR_WIRE_INVALID, "a job without terms");
    }
    CLEANUP(run_destroy) run_t *run = calloc(1, sizeof *run);
    if (run == NULL) {
        return error_set(err, ERROR_NO_MEMORY, "out of memory for a job");
    }
    run->shared = &agent->shared;
    run->fd_polled = run->child_polled = -1;
    run->size_bytes = -1;
    TRY(copy_terms(&run->what, batch->terms[job->terms], err));
    TRY(copy_job(&run->what, batch, job, err));
    set_machine(agent, run);
    crew_place(agent, run);
    *agent->runs_end = run;
    agent->runs_end = &run->next_run;
    *ret_run = TAKE(run);
    return STATUS_OK;
}

/* A batch that no coordinator signed is one of our own (agent/takeback.c): what stands in it for a
 * ticket is the take-back that set it off. On the wire there is none without a signer. */
static void set_sender(run_t *run, const sign_public_t *signer) {
    static const sign_public_t nobody;
    run->what.coordinator = *signer;
    if (sign_public_equal(signer, &nobody)) {
        run->what.take_back = run->what.ticket;
        run->what.ticket = (digest_t){{0}};
    }
}

static journal_job_t journal_entry(const Drover__JobBatch *batch, const Drover__Job *job,
                                   const crew_batch_t *from) {
    const Drover__Terms *terms = batch->terms[job->terms];
    return (journal_job_t){
        .attempt = field_ident(job->attempt),
        .job = field_ident(job->job),
        .tenant = field_ident(job->tenant),
        .rollout = field_ident(terms->rollout),
        .accepted_us = clock_wall_us(),
        .state = JOB_ACCEPTED,
        .keep_open = terms->keep_open,
        .order = hash_of(HASH_ORDER, from->payload, from->payload_size),
        .signer = from->signer,
        .payload = from->payload,
        .payload_size = from->payload_size,
    };
}

/* It goes back, and its report says why: else nobody but this host's log would know what keeps the
 * tenant waiting, where a clock is wrong. */
static void expire(run_t *run) {
    run->expired = true;
    if (!run->resumed) {
        crew_refuse_expired(run);
    }
}

status_t crew_accept(agent_t *agent, const crew_batch_t *from, error_t *err) {
    for (size_t i = 0; i < from->batch->n_jobs; i++) {
        const Drover__Job *job = from->batch->jobs[i];
        bool known = false;
        run_t *run = NULL;
        if (job->terms >= from->batch->n_terms) {
            return error_set(err, ERROR_WIRE_INVALID, "a job without terms");
        }
        journal_job_t entry = journal_entry(from->batch, job, from);
        entry.index = (uint32_t)i;
        TRY(journal_accept(agent->journal, &entry, &known, err));
        if (!known) {
            TRY(recruit(agent, from->batch, job, &run, err));
            set_sender(run, &from->signer);
            if (from->expired) {
                expire(run);
            }
        }
    }
    agent->must_commit = true;
    return STATUS_OK;
}

static status_t resume(const journal_job_t *job, void *context, error_t *err) {
    agent_t *agent = context;
    Drover__JobBatch *batch = drover__job_batch__unpack(NULL, job->payload_size, job->payload);
    if (batch == NULL || job->index >= batch->n_jobs) {
        drover__job_batch__free_unpacked(batch, NULL);
        return error_set(err, ERROR_STORE, "a job in the journal cannot be read");
    }
    run_t *run = NULL;
    status_t status = recruit(agent, batch, batch->jobs[job->index], &run, err);
    bool expired = batch->expires_us != 0 && batch->expires_us < job->accepted_us;
    drover__job_batch__free_unpacked(batch, NULL);
    if (status == STATUS_OK) {
        set_sender(run, &job->signer);
        run->machine.state = (job_state_t)job->state;
        run->machine.tries = job->tries;
        run->machine.cancelled = job->cancelled;
        run->resumed = job->state != JOB_ACCEPTED;
        if (expired) {
            expire(run); /* it was killed before it had said so */
        }
    }
    return status;
}

status_t crew_resume(agent_t *agent, error_t *err) {
    return journal_jobs(agent->journal, resume, agent, err);
}
