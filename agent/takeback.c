/* takeback.c: see takeback.h. */
#include "agent/takeback.h"
#include "agent/crew.h"
#include "agent/loop.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/utf8.h"
#include "common/crypto/random.h"
#include "common/trust/proof.h"
#include "common/wire/field.h"

#include <string.h>

enum {
    ROUND = 256, /* jobs given out at a time */
    PAUSE_FIRST_S = 5,
    PAUSE_MOST_S = 600,
};

struct takeback {
    digest_t digest;
    digest_t subject;
    int64_t due_boot_us; /* what met a passing fault waits so long; 0: it does not wait */
    uint32_t pauses;
};

/* One job of the journal's that matters here. */
typedef struct part {
    ident_t tenant;
    ident_t attempt;
    size_t at; /* in the sequence of the journal */
    bool own;  /* by this take-back; else a coordinator's, forward */
    bool over;
    job_state_t state;
    uint32_t from;   /* forward: where the job's leaf begins */
    uint8_t *packed; /* owned: a batch of this job alone */
    size_t packed_size;
} part_t;

typedef struct parts {
    const takeback_t *takeback;
    part_t *list;
    size_t count;
    size_t room;
    Drover__JobBatch *batch; /* that was read last; many jobs share one */
    digest_t batch_digest;
} parts_t;

static void batch_free(Drover__JobBatch **batch_p) {
    drover__job_batch__free_unpacked(*batch_p, NULL);
}

static void parts_free(parts_t *parts) {
    for (size_t i = 0; i < parts->count; i++) {
        free(parts->list[i].packed);
    }
    free(parts->list);
    batch_free(&parts->batch);
}

status_t takeback_new(const order_t *order, takeback_t **ret_takeback, error_t *err) {
    takeback_t *takeback = calloc(1, sizeof *takeback);
    if (takeback == NULL) {
        return error_set(err, ERROR_NO_MEMORY, "out of memory for a take-back");
    }
    takeback->digest = order->digest;
    takeback->subject = order->subject;
    *ret_takeback = takeback;
    return STATUS_OK;
}

void takeback_destroy(takeback_t **takeback_p) {
    if (takeback_p != NULL) {
        free(*takeback_p);
        *takeback_p = NULL;
    }
}

const digest_t *takeback_digest(const takeback_t *takeback) {
    return &takeback->digest;
}

/* ---- reading the journal ---- */

static status_t read_batch(parts_t *parts, const journal_job_t *job, error_t *err) {
    if (parts->batch != NULL && digest_equal(&parts->batch_digest, &job->order)) {
        return STATUS_OK;
    }
    batch_free(&parts->batch);
    parts->batch = drover__job_batch__unpack(NULL, job->payload_size, job->payload);
    parts->batch_digest = job->order;
    return parts->batch != NULL
               ? STATUS_OK
               : error_set(err, ERROR_STORE, "a job in the journal cannot be read");
}

static status_t add_part(parts_t *parts, const part_t *part, const Drover__Job *job,
                         Drover__Terms *terms, error_t *err) {
    if (parts->count == parts->room) {
        size_t room = parts->room == 0 ? ROUND : 2 * parts->room;
        part_t *list = realloc(parts->list, room * sizeof *list);
        if (list == NULL) {
            return error_set(err, ERROR_NO_MEMORY, "out of memory for %zu jobs", room);
        }
        parts->list = list;
        parts->room = room;
    }
    Drover__Job alone = *job;
    Drover__Job *jobs = &alone;
    Drover__JobBatch batch = DROVER__JOB_BATCH__INIT;
    alone.terms = 0;
    batch.terms = &terms;
    batch.jobs = &jobs;
    batch.n_terms = batch.n_jobs = 1;
    part_t *added = &parts->list[parts->count];
    *added = *part;
    added->packed_size = drover__job_batch__get_packed_size(&batch);
    added->packed = malloc(added->packed_size + 1);
    if (added->packed == NULL) {
        return error_set(err, ERROR_NO_MEMORY, "out of memory for a job");
    }
    (void)drover__job_batch__pack(&batch, added->packed);
    added->at = parts->count++;
    return STATUS_OK;
}

static bool is_nobody(const sign_public_t *signer) {
    static const sign_public_t nobody;
    return sign_public_equal(signer, &nobody);
}

static status_t take_job(const journal_job_t *job, void *context, error_t *err) {
    parts_t *parts = context;
    TRY(read_batch(parts, job, err));
    const Drover__JobBatch *batch = parts->batch;
    if (job->index >= batch->n_jobs || batch->jobs[job->index]->terms >= batch->n_terms) {
        return error_set(err, ERROR_STORE, "a job in the journal cannot be read");
    }
    const Drover__Job *wire = batch->jobs[job->index];
    Drover__Terms *terms = batch->terms[wire->terms];
    digest_t order = field_digest(terms->order_digest);
    digest_t ticket = field_digest(terms->ticket);
    bool own = is_nobody(&job->signer) && digest_equal(&ticket, &parts->takeback->digest);
    bool forward = !is_nobody(&job->signer) && terms->kind == DROVER__JOB_KIND__JOB_FORWARD;
    if (!digest_equal(&order, &parts->takeback->subject) || (!own && !forward)) {
        return STATUS_OK;
    }
    part_t part = {.tenant = job->tenant,
                   .attempt = job->attempt,
                   .own = own,
                   .over = job->finished,
                   .state = (job_state_t)job->state};
    proof_t proof;
    error_t unread = {0};
    if (proof_decode(wire->proof.data, wire->proof.len, &proof, &unread) == STATUS_OK) {
        part.from = proof.leaf.from_position;
    }
    return add_part(parts, &part, wire, terms, err);
}

/* By tenant, then in the sequence of the journal. */
static int compare(const void *left, const void *right) {
    const part_t *a = left;
    const part_t *b = right;
    int tenants = ident_compare(&a->tenant, &b->tenant);
    return tenants != 0 ? tenants : (a->at > b->at) - (a->at < b->at);
}

/* ---- giving out ---- */

/* What stands for one tenant. */
typedef struct fate {
    const part_t *forward; /* the last one of those that began furthest back: what a standing order
                              tried again may have begun half the way */
    const part_t *own;     /* the last one; NULL: none yet */
    uint32_t tries;
} fate_t;

/* The fate of the tenant whose parts begin at *at, which moves past them. */
static fate_t next_fate(const parts_t *parts, size_t *at) {
    fate_t fate = {0};
    const ident_t *tenant = &parts->list[*at].tenant;
    for (; *at < parts->count && ident_equal(&parts->list[*at].tenant, tenant); (*at)++) {
        const part_t *part = &parts->list[*at];
        fate.tries += part->own;
        if (part->own) {
            fate.own = part;
        } else if (fate.forward == NULL || part->from <= fate.forward->from) {
            fate.forward = part;
        }
    }
    return fate;
}

static bool is_waiting(const fate_t *fate) {
    return fate->own != NULL && fate->own->over && fate->own->state == JOB_TRANSIENT;
}

static status_t accept_batch(agent_t *agent, const Drover__JobBatch *batch, error_t *err) {
    crew_batch_t taken = {.batch = batch};
    taken.payload_size = drover__job_batch__get_packed_size(batch);
    CLEANUP(free_p) uint8_t *payload = malloc(taken.payload_size + 1);
    if (payload == NULL) {
        return error_set(err, ERROR_NO_MEMORY, "out of memory for a job");
    }
    (void)drover__job_batch__pack(batch, payload);
    taken.payload = payload;
    return crew_accept(agent, &taken, err);
}

/* The forward job turned around: same tenant, place, order and proof, back to where its leaf
 * begins, by a fresh attempt under the highest epoch that was seen. */
static status_t give_out(agent_t *agent, const takeback_t *takeback, const fate_t *fate,
                         error_t *err) {
    CLEANUP(batch_free)
    Drover__JobBatch *from =
        drover__job_batch__unpack(NULL, fate->forward->packed_size, fate->forward->packed);
    proof_t proof;
    if (from == NULL) {
        return error_set(err, ERROR_NO_MEMORY, "out of memory for a job");
    }
    Drover__Terms terms = *from->terms[0];
    Drover__Terms *all_terms = &terms;
    Drover__Job job = *from->jobs[0];
    Drover__Job *jobs = &job;
    Drover__JobBatch batch = DROVER__JOB_BATCH__INIT;
    journal_epoch_t epoch = journal_epoch(agent->journal);
    ident_t job_id = random_ident();
    ident_t attempt = random_ident();
    TRY(proof_decode(job.proof.data, job.proof.len, &proof, err));
    terms.kind = DROVER__JOB_KIND__JOB_UNDO;
    terms.target_position = proof.leaf.from_position;
    terms.ticket = field_of_digest(&takeback->digest);
    job.job = field_of_ident(&job_id);
    job.attempt = field_of_ident(&attempt);
    job.attempt_number = fate->tries + 1;
    job.trial_restore = false;
    batch.epoch = epoch.epoch;
    batch.incarnation = field_of_ident(&epoch.incarnation);
    batch.issued_us = clock_wall_us();
    batch.terms = &all_terms;
    batch.jobs = &jobs;
    batch.n_terms = batch.n_jobs = 1;
    return accept_batch(agent, &batch, err);
}

/* Those that had none yet, or where `again` says so those whose last one met a passing fault. */
static status_t give_out_round(agent_t *agent, const parts_t *parts, bool again, size_t *ret_count,
                               error_t *err) {
    size_t at = 0;
    *ret_count = 0;
    while (at < parts->count && *ret_count < ROUND) {
        fate_t fate = next_fate(parts, &at);
        if (fate.forward == NULL || (fate.own != NULL && !(again && is_waiting(&fate)))) {
            continue;
        }
        error_t why = {0};
        status_t status = give_out(agent, parts->takeback, &fate, &why);
        if (status != STATUS_OK && why.code != ERROR_ORDER_PROOF) {
            *err = why;
            return STATUS_ERROR;
        }
        *ret_count += status == STATUS_OK; /* a job without its proof never ran */
    }
    return STATUS_OK;
}

/* ---- the account ---- */

static status_t take_code(const journal_report_t *report, void *context, error_t *err) {
    buffer_t *account = context;
    Drover__Report *wire = drover__report__unpack(NULL, report->size, report->bytes);
    if (wire == NULL) {
        return error_set(err, ERROR_STORE, "a report in the journal cannot be read");
    }
    if (wire->failure != NULL) {
        buffer_format(account, "  %s  ", wire->failure->code);
        utf8_escape(wire->failure->message, strlen(wire->failure->message), account);
    }
    drover__report__free_unpacked(wire, NULL);
    return STATUS_OK;
}

static status_t put_line(agent_t *agent, const part_t *own, buffer_t *account, error_t *err) {
    char text[IDENT_TEXT_SIZE];
    uint64_t number = 0;
    CLEANUP(batch_free)
    Drover__JobBatch *batch = drover__job_batch__unpack(NULL, own->packed_size, own->packed);
    if (batch == NULL) {
        return error_set(err, ERROR_NO_MEMORY, "out of memory for an account");
    }
    const char *database = batch->jobs[0]->database;
    utf8_escape(database, strlen(database), account);
    buffer_format(account, "  %s  %s", ident_text(&own->tenant, text),
                  JOB_MACHINE.states[own->state]);
    TRY(journal_last_report(agent->journal, &own->attempt, &number, err));
    if (number > 0) {
        journal_range_t range = {.after = number - 1, .most = 1};
        TRY(journal_reports(agent->journal, range, take_code, account, err));
    }
    buffer_char(account, '\n');
    return STATUS_OK;
}

static status_t put_account(agent_t *agent, const parts_t *parts, buffer_t *account, error_t *err) {
    char digest[DIGEST_TEXT_SIZE];
    size_t tenants = 0;
    buffer_format(account, "taken back: order %s\n",
                  digest_text(&parts->takeback->subject, digest));
    for (size_t at = 0; at < parts->count;) {
        fate_t fate = next_fate(parts, &at);
        if (fate.own != NULL) {
            TRY(put_line(agent, fate.own, account, err));
            tenants++;
        }
    }
    if (tenants == 0) {
        buffer_text(account, "this agent's journal holds no forward job under that order\n");
    }
    return buffer_check(account, err);
}

/* ---- looking ---- */

static bool is_in_hand(const agent_t *agent, const takeback_t *takeback) {
    for (const run_t *run = agent->runs; run != NULL; run = run->next_run) {
        if (digest_equal(&run->what.take_back, &takeback->digest)) {
            return true;
        }
    }
    return false;
}

static size_t count_waiting(const parts_t *parts) {
    size_t count = 0;
    for (size_t at = 0; at < parts->count;) {
        fate_t fate = next_fate(parts, &at);
        count += is_waiting(&fate);
    }
    return count;
}

static void pause_round(takeback_t *takeback, size_t waiting) {
    int64_t pause_s =
        takeback->pauses < 7 ? (int64_t)PAUSE_FIRST_S << takeback->pauses : PAUSE_MOST_S;
    takeback->pauses++;
    takeback->due_boot_us = clock_boot_us() + pause_s * US_PER_S;
    log_warning("tenants that are taken back met a passing fault: tried again", "tenants",
                LOG_NUMBER(waiting), "seconds", LOG_NUMBER(pause_s));
}

status_t takeback_look(agent_t *agent, takeback_t *takeback, takeback_state_t *ret_state,
                       buffer_t *account, error_t *err) {
    CLEANUP(parts_free) parts_t parts = {.takeback = takeback};
    size_t given = 0;
    *ret_state = TAKEBACK_AT_WORK;
    if (agent->draining || is_in_hand(agent, takeback) || takeback->due_boot_us > clock_boot_us()) {
        return STATUS_OK;
    }
    agent->must_commit = true; /* an end may wait there for company; reports are read below */
    loop_settle(agent);
    if (agent->stopped) {
        return STATUS_OK;
    }
    TRY(journal_history(agent->journal, take_job, &parts, err));
    if (parts.count > 0) {
        qsort(parts.list, parts.count, sizeof parts.list[0], compare);
    }
    TRY(give_out_round(agent, &parts, takeback->due_boot_us != 0, &given, err));
    takeback->due_boot_us = 0;
    if (given > 0) {
        log_info("taking back", "tenants", LOG_NUMBER(given));
        return STATUS_OK;
    }
    size_t waiting = count_waiting(&parts);
    if (waiting > 0) {
        pause_round(takeback, waiting);
        return STATUS_OK;
    }
    TRY(put_account(agent, &parts, account, err));
    *ret_state = TAKEBACK_OVER;
    return STATUS_OK;
}
