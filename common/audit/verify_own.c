/*
 * verify_own.c: jobs that agents made themselves, because a signed take-back of an order wanted it
 * where no coordinator was (agent/takeback.h). No task of the catalog names such a job. What holds
 * instead: the take-back is an order by people who could sign it when the first job under it began;
 * it names the rollout order that the agent worked under, which authorizes its own undo; the tenant
 * is one of that order's, on a cluster that the agent's card names; and nothing was done but undo,
 * to where the order found the tenant and no further.
 *
 * When a job began only its agent says. A key that was taken out as of an earlier day shows beside
 * the take-back, as it does beside every order.
 */
#include "common/audit/internal.h"

#include "common/wire/field.h"

#include <inttypes.h>
#include <string.h>

/* --- take-backs ------------------------------------------------------------------------------ */

static bool is_same(const order_t *one, const document_t *two) {
    return digest_equal(&one->digest, &two->id) && one->signer_count == two->signature_count &&
           memcmp(one->signers, two->keys, one->signer_count * sizeof two->keys[0]) == 0;
}

static status_t read_paper(const brought_t *brought, order_entry_t *entry, error_t *err) {
    TRY(order_read(brought->document, &entry->order, err));
    if (entry->order->kind != ORDER_TAKE_BACK) {
        return error_set(err, ERROR_TRUST_KIND, "an order of kind %s instead of a take-back",
                         order_kind_text(entry->order->kind));
    }
    entry->digest = entry->order->digest;
    entry->received_us = brought->received_us;
    entry->line = brought->line;
    return STATUS_OK;
}

/* Several may bear one digest: some signatures more, some less. */
status_t audit_take_paper(audit_verify_t *self, const brought_t *brought, error_t *err) {
    for (size_t i = 0; i < self->take_back_count; i++) {
        if (is_same(self->take_backs[i]->order, brought->document)) {
            return STATUS_OK;
        }
    }
    order_entry_t **grown =
        audit_grow(self->take_backs, self->take_back_count, sizeof *self->take_backs);
    order_entry_t *entry = calloc(1, sizeof *entry);
    self->take_backs = grown != NULL ? grown : self->take_backs;
    if (grown == NULL || entry == NULL) {
        free(entry);
        return audit_no_memory(err);
    }
    if (read_paper(brought, entry, err) != STATUS_OK) {
        audit_free_order(entry);
        return error_context(err, "reading a take-back");
    }
    self->take_backs[self->take_back_count++] = entry;
    return STATUS_OK;
}

/* --- reports --------------------------------------------------------------------------------- */

/* The order that the agent worked under: one that was accepted, and that permits its own undo. */
static status_t find_subject(audit_verify_t *self, const Drover__Report *report,
                             const order_entry_t **ret_subject, error_t *err) {
    digest_t digest = field_digest(report->order);
    order_entry_t *entry = NULL;
    char text[DIGEST_TEXT_SIZE];
    HASH_FIND(hh, self->orders, &digest, sizeof digest, entry);
    if (entry == NULL || entry->accepted_us == 0) {
        return error_set(err, ERROR_AUDIT_BROKEN,
                         "a job of the agent's own under order %s, which the export has not, or"
                         " which waits for signatures",
                         digest_text(&digest, text));
    }
    if (!entry->order->undo_authorized) {
        return error_set(err, ERROR_AUDIT_BROKEN,
                         "a job of the agent's own under order %s, which authorizes no undo",
                         digest_text(&digest, text));
    }
    *ret_subject = entry;
    return STATUS_OK;
}

/* The job, or a new one as its first report has it. */
static status_t find_job(audit_verify_t *self, const own_report_t *own, own_job_t **ret_job,
                         error_t *err) {
    ident_t id = field_ident(own->report->job);
    own_job_t *job = NULL;
    const order_entry_t *subject = NULL;
    HASH_FIND(hh, self->own_jobs, &id, sizeof id, job);
    if (job != NULL) {
        *ret_job = job;
        return STATUS_OK;
    }
    TRY(find_subject(self, own->report, &subject, err));
    job = calloc(1, sizeof *job);
    if (job == NULL) {
        return audit_no_memory(err);
    }
    *job = (own_job_t){.job = id,
                       .tenant = field_ident(own->report->tenant),
                       .take_back = field_digest(own->report->take_back),
                       .subject = subject,
                       .card = own->card,
                       .line = self->line,
                       .received_us = own->received_us};
    HASH_ADD(hh, self->own_jobs, job, sizeof job->job, job);
    if (job->hh.tbl == NULL) {
        free(job);
        return audit_no_memory(err);
    }
    *ret_job = job;
    return STATUS_OK;
}

/* All reports of a job tell of one tenant, one order, one take-back, and come from one agent. */
static status_t compare_job(const own_job_t *job, const own_report_t *own, error_t *err) {
    ident_t tenant = field_ident(own->report->tenant);
    digest_t order = field_digest(own->report->order);
    digest_t take_back = field_digest(own->report->take_back);
    if (job->card == own->card && ident_equal(&job->tenant, &tenant) &&
        digest_equal(&job->subject->digest, &order) && digest_equal(&job->take_back, &take_back)) {
        return STATUS_OK;
    }
    return error_set(err, ERROR_AUDIT_BROKEN,
                     "another report, in line %" PRIu64 ", names another agent, tenant, order or"
                     " take-back for this job",
                     job->line);
}

static void note(own_job_t *job, const own_report_t *own) {
    const Drover__Report *report = own->report;
    const Drover__ApplicationSeen *state = report->state;
    job->reports++;
    if (report->started_us > 0 && (job->begun_us == 0 || report->started_us < job->begun_us)) {
        job->begun_us = report->started_us;
    }
    job->changed = job->changed || own->changes;
    if (own->changes && state != NULL &&
        strcmp(state->application, job->subject->order->application) == 0 &&
        (!job->has_lowest || state->position < job->lowest)) {
        job->has_lowest = true;
        job->lowest = state->position;
    }
}

status_t audit_take_own(audit_verify_t *self, const own_report_t *own, error_t *err) {
    ident_t id = field_ident(own->report->job);
    task_entry_t *task = NULL;
    own_job_t *job = NULL;
    char text[IDENT_TEXT_SIZE];
    HASH_FIND(hh, self->tasks, &id, sizeof id, task);
    if (task != NULL) {
        return error_set(err, ERROR_AUDIT_BROKEN,
                         "job %s of line %" PRIu64 " is the coordinator's, and agent %s calls it"
                         " its own",
                         ident_text(&id, text), task->line, own->card->name);
    }
    if (own->changes && own->report->step != DROVER__STEP__STEP_UNDO) {
        return error_set(err, ERROR_AUDIT_BROKEN,
                         "agent %s did other than undo by job %s, which it made itself",
                         own->card->name, ident_text(&id, text));
    }
    TRY(find_job(self, own, &job, err));
    TRY(compare_job(job, own, err));
    note(job, own);
    return STATUS_OK;
}

/* --- whether the take-back holds ------------------------------------------------------------- */

/* An agent may have known a newer trust file, from a file, than the coordinator had then. */
static status_t verify_at(audit_verify_t *self, const order_entry_t *entry, const own_job_t *job,
                          bool accepted, order_authority_t *ret_authority, error_t *err) {
    trust_view_t view;
    error_t second = {0};
    if (audit_view(self, job->begun_us, &view, err) == STATUS_OK &&
        order_verify(&view, entry->order, accepted, ret_authority, err) == STATUS_OK) {
        return STATUS_OK;
    }
    TRY(audit_view(self, job->received_us, &view, &second));
    view.now_us = job->begun_us;
    TRY(order_verify(&view, entry->order, accepted, ret_authority, &second));
    error_clear(err);
    return STATUS_OK;
}

/* It was accepted when the first job under it began. */
static status_t accept(audit_verify_t *self, order_entry_t *entry, error_t *err) {
    const own_job_t *first = NULL;
    order_authority_t authority;
    for (const own_job_t *job = self->own_jobs; job != NULL; job = job->hh.next) {
        bool is_its = digest_equal(&job->take_back, &entry->digest);
        first = is_its && (first == NULL || job->begun_us < first->begun_us) ? job : first;
    }
    INVARIANT(first != NULL);
    TRY(verify_at(self, entry, first, false, &authority, err));
    entry->accepted_us = first->begun_us;
    self->counts.orders++;
    return audit_name_persons(self, entry, &authority.tally, err);
}

static status_t hold(audit_verify_t *self, order_entry_t *entry, const own_job_t *job,
                     error_t *err) {
    order_authority_t authority;
    if (entry->accepted_us == 0) {
        TRY(accept(self, entry, err));
    }
    TRY(verify_at(self, entry, job, true, &authority, err));
    return order_taken_back(&authority, job->subject->order, NULL, err);
}

/* --- whether the order names the tenant ------------------------------------------------------ */

/* Tasks that an order names, by order and tenant. */
typedef struct named {
    const task_entry_t **list;
    size_t count;
} named_t;

static void named_free(named_t *named) {
    free(named->list);
}

static int by_order(const digest_t *order, const ident_t *tenant, const task_entry_t *task) {
    int orders = memcmp(order, &task->rollout->order->digest, sizeof *order);
    return orders != 0 ? orders : ident_compare(tenant, &task->leaf.tenant);
}

static int compare_named(const void *a, const void *b) {
    const task_entry_t *one = *(const task_entry_t *const *)a;
    return by_order(&one->rollout->order->digest, &one->leaf.tenant,
                    *(const task_entry_t *const *)b);
}

static status_t list_named(const audit_verify_t *self, named_t *named, error_t *err) {
    named->list = calloc(HASH_COUNT(self->tasks) + 1, sizeof *named->list);
    if (named->list == NULL) {
        return audit_no_memory(err);
    }
    for (const task_entry_t *task = self->tasks; task != NULL; task = task->hh.next) {
        if (task->has_leaf && task->rollout->order != NULL && !task->rollout->own_undo) {
            named->list[named->count++] = task;
        }
    }
    qsort(named->list, named->count, sizeof *named->list, compare_named);
    return STATUS_OK;
}

/* The first of the order's tasks of this tenant; a standing order may have several. */
static size_t find_named(const named_t *named, const own_job_t *job) {
    size_t low = 0;
    size_t high = named->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        bool after = by_order(&job->subject->digest, &job->tenant, named->list[middle]) > 0;
        low = after ? middle + 1 : low;
        high = after ? high : middle;
    }
    return low;
}

static status_t check_tenant(audit_verify_t *self, const named_t *named, const own_job_t *job,
                             error_t *err) {
    char text[IDENT_TEXT_SIZE];
    size_t first = find_named(named, job);
    size_t at = first;
    bool speaks = false;
    uint32_t from = UINT32_MAX;
    for (; at < named->count && by_order(&job->subject->digest, &job->tenant, named->list[at]) == 0;
         at++) {
        const leaf_t *leaf = &named->list[at]->leaf;
        speaks = speaks || card_speaks_for(job->card, leaf->cluster);
        from = leaf->from_position < from ? leaf->from_position : from;
    }
    if (at == first && self->about.since_us > 0) {
        self->counts.outside++;
        return STATUS_OK;
    }
    if (at == first || !speaks) {
        return error_set(err, ERROR_AUDIT_BROKEN,
                         "tenant %s, which the order that is taken back does not name, or not on a"
                         " cluster of the agent's card",
                         ident_text(&job->tenant, text));
    }
    return !job->has_lowest || job->lowest >= from
               ? STATUS_OK
               : error_set(err, ERROR_AUDIT_BROKEN,
                           "tenant %s was led to position %u, and the order found it at %u",
                           ident_text(&job->tenant, text), job->lowest, from);
}

/* --- all of them ----------------------------------------------------------------------------- */

/* By any of the documents that bear the digest. */
static status_t prove(audit_verify_t *self, const own_job_t *job, bool *ret_found, error_t *err) {
    *ret_found = false;
    for (size_t i = 0; i < self->take_back_count; i++) {
        order_entry_t *entry = self->take_backs[i];
        error_t why = {0};
        if (!digest_equal(&entry->digest, &job->take_back)) {
            continue;
        }
        *ret_found = true;
        if (hold(self, entry, job, &why) == STATUS_OK) {
            error_clear(err);
            return STATUS_OK;
        }
        *err = why;
    }
    return *ret_found ? STATUS_ERROR : STATUS_OK;
}

static void count(audit_verify_t *self, const own_job_t *job, bool found) {
    if (found) {
        self->counts.jobs_own++;
        self->counts.reports += job->reports;
    } else if (job->changed) {
        self->unproved = self->unproved != NULL ? self->unproved : job;
        self->counts.unproved++;
    } else {
        self->counts.reports_foreign += job->reports;
    }
}

status_t audit_close_own(audit_verify_t *self, error_t *err) {
    CLEANUP(named_free) named_t named = {0};
    char text[IDENT_TEXT_SIZE];
    char what[160];
    for (own_job_t *job = self->own_jobs; job != NULL; job = job->hh.next) {
        job->begun_us = job->begun_us > 0 ? job->begun_us : job->received_us;
    }
    if (self->own_jobs != NULL) {
        TRY(list_named(self, &named, err));
    }
    for (const own_job_t *job = self->own_jobs; job != NULL; job = job->hh.next) {
        error_t why = {0};
        bool found = false;
        if (prove(self, job, &found, &why) != STATUS_OK ||
            check_tenant(self, &named, job, &why) != STATUS_OK) {
            (void)snprintf(what, sizeof what, "job %s of agent %.64s's own",
                           ident_text(&job->job, text), job->card->name);
            return audit_break_why(self, job->line, what, &why, err);
        }
        count(self, job, found);
    }
    return STATUS_OK;
}

status_t audit_check_unproved(audit_verify_t *self, error_t *err) {
    char job[IDENT_TEXT_SIZE];
    char take_back[DIGEST_TEXT_SIZE];
    const own_job_t *first = self->unproved;
    if (first == NULL) {
        return STATUS_OK;
    }
    self->broken_line = first->line;
    return error_set(err, ERROR_AUDIT_UNPROVED,
                     "line %" PRIu64 ": agent %s undid by job %s, which it made itself: its"
                     " take-back %s is not in the export (%" PRIu64 " such jobs in all)",
                     first->line, first->card->name, ident_text(&first->job, job),
                     digest_text(&first->take_back, take_back), self->counts.unproved);
}

void audit_free_own(audit_verify_t *self) {
    own_job_t *job = NULL;
    own_job_t *next = NULL;
    HASH_ITER(hh, self->own_jobs, job, next) {
        HASH_DEL(self->own_jobs, job);
        free(job);
    }
    for (size_t i = 0; i < self->take_back_count; i++) {
        audit_free_order(self->take_backs[i]);
    }
    free(self->take_backs);
}
