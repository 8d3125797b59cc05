/*
 * verify_reports.c: what agents signed: reports about jobs, results of waves; and that a change was
 * made behind the recovery point that its order asks for.
 */
#include "common/audit/internal.h"

#include "common/crypto/hash.h"
#include "common/wire/codec.h"
#include "common/wire/field.h"

#include <inttypes.h>
#include <string.h>

/* --- who signed ------------------------------------------------------------------------------ */

/* The card of an agent's key, and that nobody had taken the key out by then. */
static status_t find_card(audit_verify_t *self, const sign_public_t *key, int64_t at_us,
                          const card_t **ret_card, error_t *err) {
    card_entry_t *entry = NULL;
    trust_view_t view;
    char text[2 * SIGN_PUBLIC_BYTES + 1];
    HASH_FIND(hh, self->cards, key, sizeof *key, entry);
    if (entry == NULL) {
        return error_set(err, ERROR_AUDIT_BROKEN,
                         "it is signed by key %s, of which the export has no card",
                         hex_text(key->bytes, sizeof key->bytes, text));
    }
    TRY(audit_view(self, at_us, &view, err));
    if (trust_is_revoked(&view, key)) {
        return error_set(err, ERROR_AUDIT_BROKEN,
                         "it was received at %" PRId64 ", when the key of agent %s was revoked",
                         at_us, entry->card->name);
    }
    if (entry->card->expires_us != 0 && at_us > entry->card->expires_us + TRUST_SKEW_US) {
        return error_set(err, ERROR_AUDIT_BROKEN,
                         "it was received at %" PRId64 ", when the card of agent %s had ended",
                         at_us, entry->card->name);
    }
    *ret_card = entry->card;
    return STATUS_OK;
}

/* --- reports --------------------------------------------------------------------------------- */

/* A step that leaves a tenant other than it was, and that says that it did. */
static bool changes(const Drover__Report *report) {
    bool step =
        report->step == DROVER__STEP__STEP_APPLY || report->step == DROVER__STEP__STEP_UNDO ||
        report->step == DROVER__STEP__STEP_RESTORE || report->step == DROVER__STEP__STEP_BASELINE;
    return report->sql_digest.len > 0 || (step && report->outcome == DROVER__OUTCOME__OUTCOME_DONE);
}

/* Keep the earliest. */
static void note(int64_t *earliest_us, int64_t at_us) {
    if (at_us > 0 && (*earliest_us == 0 || at_us < *earliest_us)) {
        *earliest_us = at_us;
    }
}

static digest_t name_of_point(const ident_t *tenant, const char *reference) {
    hash_t hash;
    hash_begin(&hash, HASH_BACKUP);
    hash_add(&hash, tenant->bytes, sizeof tenant->bytes);
    hash_add_text(&hash, reference);
    return hash_end(&hash);
}

static status_t keep_point(audit_verify_t *self, const ident_t *tenant,
                           const Drover__RecoveryPoint *point, error_t *err) {
    digest_t name = name_of_point(tenant, point->reference);
    point_entry_t *entry = NULL;
    HASH_FIND(hh, self->points, &name, sizeof name, entry);
    if (entry != NULL) {
        return STATUS_OK;
    }
    entry = calloc(1, sizeof *entry);
    if (entry == NULL) {
        return audit_no_memory(err);
    }
    entry->name = name;
    entry->digest = field_digest(point->manifest_digest);
    HASH_ADD(hh, self->points, name, sizeof entry->name, entry);
    if (entry->hh.tbl == NULL) {
        free(entry);
        return audit_no_memory(err);
    }
    return STATUS_OK;
}

/* What a report says of its job's change and of the recovery point before it. */
static status_t note_work(audit_verify_t *self, const Drover__Report *report, task_entry_t *task,
                          error_t *err) {
    const Drover__RecoveryPoint *point = report->recovery_point;
    if (report->step == DROVER__STEP__STEP_APPLY && changes(report)) {
        note(&task->changed_us, report->started_us);
    }
    if (point == NULL) {
        return STATUS_OK;
    }
    if (strcmp(point->kind, "none") == 0) {
        task->waived = true;
        return STATUS_OK;
    }
    if (*point->reference == '\0') {
        return STATUS_OK;
    }
    note(&task->protected_us, point->time_us);
    return keep_point(self, &task->leaf.tenant, point, err);
}

/* Whether the report's own words about its order are those of the job. */
static status_t compare_order(const Drover__Report *report, const task_entry_t *task,
                              error_t *err) {
    char expected[DIGEST_TEXT_SIZE];
    char got[DIGEST_TEXT_SIZE];
    const rollout_entry_t *rollout = task->rollout;
    digest_t order = field_digest(report->order);
    if (rollout->order == NULL) {
        return error_set(err, ERROR_AUDIT_BROKEN, "a report about a job that is under no order");
    }
    if (digest_is_null(&order)) {
        return !changes(report) ? STATUS_OK
                                : error_set(err, ERROR_AUDIT_BROKEN,
                                            "a report of a change that names no order: expected %s",
                                            digest_text(&rollout->order->digest, expected));
    }
    if (!digest_equal(&order, &rollout->order->digest)) {
        return error_set(err, ERROR_AUDIT_BROKEN,
                         "the agent worked under order %s, the job is"
                         " under %s",
                         digest_text(&order, got), digest_text(&rollout->order->digest, expected));
    }
    if (!rollout->own_undo && report->wave != task->order_wave) {
        return error_set(err, ERROR_AUDIT_BROKEN, "the agent worked in wave %u, the job is in %u",
                         report->wave + 1, task->order_wave + 1);
    }
    return STATUS_OK;
}

static status_t take_known(audit_verify_t *self, const card_t *card, const Drover__Report *report,
                           task_entry_t *task, error_t *err) {
    char text[IDENT_TEXT_SIZE];
    ident_t tenant = field_ident(report->tenant);
    if (!ident_is_null(&tenant) && !ident_equal(&tenant, &task->leaf.tenant)) {
        return error_set(err, ERROR_AUDIT_BROKEN,
                         "a report about tenant %s, which is not the job's",
                         ident_text(&tenant, text));
    }
    if (!card_speaks_for(card, task->leaf.cluster)) {
        return error_set(err, ERROR_AUDIT_BROKEN,
                         "agent %s reports on cluster %" PRIu64 ", which its card does not name",
                         card->name, task->leaf.cluster);
    }
    TRY(compare_order(report, task, err));
    return note_work(self, report, task, err);
}

static status_t take_report(audit_verify_t *self, const card_t *card, const Drover__Report *report,
                            int64_t received_us, error_t *err) {
    ident_t job = field_ident(report->job);
    task_entry_t *task = NULL;
    char text[IDENT_TEXT_SIZE];
    if (report->take_back.len > 0) {
        own_report_t own = {
            .card = card, .report = report, .received_us = received_us, .changes = changes(report)};
        return audit_take_own(self, &own, err);
    }
    HASH_FIND(hh, self->tasks, &job, sizeof job, task);
    if (task != NULL) {
        self->counts.reports++;
        return take_known(self, card, report, task, err);
    }
    if (self->about.since_us > 0) {
        self->counts.outside++;
        return STATUS_OK;
    }
    if (changes(report)) {
        return error_set(err, ERROR_AUDIT_BROKEN,
                         "agent %s changed a tenant by job %s, which no order in the export names",
                         card->name, ident_text(&job, text));
    }
    self->counts.reports_foreign++;
    return STATUS_OK;
}

/* A batch as its line has it. */
typedef struct batch {
    audit_bytes_t payload;
    digest_t digest;
    uint8_t agent[32];
    sign_public_t key;
    signature_t signature;
    int64_t received_us;
} batch_t;

static void batch_free(batch_t *batch) {
    audit_bytes_free(&batch->payload);
}

static status_t read_batch(const audit_line_t *line, batch_t *batch, error_t *err) {
    TRY(audit_line_digest(line, "digest", &batch->digest, err));
    TRY(audit_line_hex(line, "agent", sizeof batch->agent, batch->agent, err));
    TRY(audit_line_hex(line, "key", sizeof batch->key.bytes, batch->key.bytes, err));
    TRY(audit_line_hex(line, "signature", sizeof batch->signature.bytes, batch->signature.bytes,
                       err));
    TRY(audit_line_number(line, "received_us", &batch->received_us, err));
    return audit_line_bytes(line, "payload", &batch->payload, err);
}

/* Digest, signature, then what it says: never a byte of it parsed before. */
static status_t open_batch(const batch_t *batch, message_t **ret_message, error_t *err) {
    char expected[DIGEST_TEXT_SIZE];
    char got[DIGEST_TEXT_SIZE];
    digest_t digest = hash_of(HASH_REPORT, batch->payload.data, batch->payload.size);
    if (!digest_equal(&digest, &batch->digest)) {
        return error_set(err, ERROR_AUDIT_BROKEN, "expected reports of digest %s, got %s",
                         digest_text(&batch->digest, expected), digest_text(&digest, got));
    }
    envelope_t envelope = {
        .kind = kind_find(DROVER__KIND__KIND_REPORTS),
        .payload = batch->payload.data,
        .payload_size = batch->payload.size,
        .signature = batch->signature.bytes,
        .key = batch->key.bytes,
    };
    return codec_unpack(&envelope, &batch->key, ret_message, err);
}

static status_t find_journal(audit_verify_t *self, const ident_t *state,
                             journal_entry_t **ret_journal, error_t *err) {
    journal_entry_t *journal = NULL;
    HASH_FIND(hh, self->journals, state, sizeof *state, journal);
    if (journal == NULL) {
        journal = calloc(1, sizeof *journal);
        if (journal == NULL) {
            return audit_no_memory(err);
        }
        journal->state = *state;
        HASH_ADD(hh, self->journals, state, sizeof journal->state, journal);
        if (journal->hh.tbl == NULL) {
            free(journal);
            return audit_no_memory(err);
        }
    }
    *ret_journal = journal;
    return STATUS_OK;
}

/* Which numbers a batch has; within it there is no gap. */
static status_t note_numbers(audit_verify_t *self, const Drover__Reports *reports, error_t *err) {
    ident_t state = field_ident(reports->state);
    journal_entry_t *journal = NULL;
    size_t count = reports->n_reports;
    if (count == 0) {
        return STATUS_OK;
    }
    for (size_t i = 1; i < count; i++) {
        if (reports->reports[i]->number != reports->reports[i - 1]->number + 1) {
            return error_set(err, ERROR_AUDIT_BROKEN, "report %" PRIu64 " follows report %" PRIu64,
                             reports->reports[i]->number, reports->reports[i - 1]->number);
        }
    }
    TRY(find_journal(self, &state, &journal, err));
    numbers_t *grown = audit_grow(journal->said, journal->count, sizeof *grown);
    if (grown == NULL) {
        return audit_no_memory(err);
    }
    journal->said = grown;
    journal->said[journal->count++] = (numbers_t){.first = reports->reports[0]->number,
                                                  .last = reports->reports[count - 1]->number,
                                                  .line = self->line};
    return STATUS_OK;
}

static int by_first(const void *a, const void *b) {
    const numbers_t *left = a;
    const numbers_t *right = b;
    return (left->first > right->first) - (left->first < right->first);
}

/* Each number up to the last is there. An export that begins later begins somewhere. */
static status_t check_numbers(audit_verify_t *self, journal_entry_t *journal, error_t *err) {
    char text[IDENT_TEXT_SIZE];
    qsort(journal->said, journal->count, sizeof *journal->said, by_first);
    uint64_t next = self->about.since_us > 0 ? journal->said[0].first : 1;
    for (size_t i = 0; i < journal->count; i++) {
        const numbers_t *said = &journal->said[i];
        if (said->first > next) {
            return audit_break(self, said->line, err,
                               "expected report %" PRIu64 " of journal %s before it, got %" PRIu64
                               ": a batch is missing",
                               next, ident_text(&journal->state, text), said->first);
        }
        next = said->last >= next ? said->last + 1 : next;
    }
    return STATUS_OK;
}

/* What an agent says set off jobs of its own: judged when all that it says of them is there. */
static status_t take_papers(audit_verify_t *self, const batch_t *batch,
                            const Drover__Reports *reports, error_t *err) {
    for (size_t i = 0; i < reports->n_take_backs; i++) {
        CLEANUP(document_destroy_p) document_t *document = NULL;
        ProtobufCBinaryData bytes = reports->take_backs[i];
        TRY(document_decode(bytes.data, bytes.len, &document, err));
        brought_t brought = {
            .document = document, .received_us = batch->received_us, .line = self->line};
        TRY(audit_take_paper(self, &brought, err));
    }
    return STATUS_OK;
}

static status_t take_reports(audit_verify_t *self, const batch_t *batch, error_t *err) {
    const card_t *card = NULL;
    CLEANUP(message_destroy_p) message_t *message = NULL;
    TRY(find_card(self, &batch->key, batch->received_us, &card, err));
    if (memcmp(card->curve, batch->agent, sizeof card->curve) != 0) {
        return error_set(err, ERROR_AUDIT_BROKEN,
                         "signed by agent %s, but it came over another one's connection",
                         card->name);
    }
    TRY(open_batch(batch, &message, err));
    TRY(note_numbers(self, message->reports, err));
    TRY(take_papers(self, batch, message->reports, err));
    for (size_t i = 0; i < message->reports->n_reports; i++) {
        const Drover__Report *report = message->reports->reports[i];
        if (take_report(self, card, report, batch->received_us, err) != STATUS_OK) {
            return error_context(err, "report %" PRIu64 " of agent %s", report->number, card->name);
        }
    }
    return STATUS_OK;
}

status_t audit_take_batch(audit_verify_t *self, const audit_line_t *line, error_t *err) {
    CLEANUP(batch_free) batch_t batch = {0};
    error_t why = {0};
    TRY(read_batch(line, &batch, err));
    if (take_reports(self, &batch, &why) != STATUS_OK) {
        return audit_break_why(self, self->line, "batch of reports", &why, err);
    }
    self->counts.batches++;
    return STATUS_OK;
}

status_t audit_close_batches(audit_verify_t *self, error_t *err) {
    journal_entry_t *journal = NULL;
    journal_entry_t *next = NULL;
    HASH_ITER(hh, self->journals, journal, next) {
        TRY(check_numbers(self, journal, err));
    }
    return audit_close_own(self, err);
}

/* --- results --------------------------------------------------------------------------------- */

static int by_tenant(const void *a, const void *b) {
    const task_entry_t *task = *(task_entry_t *const *)b;
    return ident_compare(a, &task->leaf.tenant);
}

/* A rollout's jobs in one wave of its order: they stand by wave and tenant. */
typedef struct span {
    task_entry_t *const *tasks;
    size_t count;
} span_t;

static span_t span_of(const rollout_entry_t *rollout, uint32_t wave) {
    size_t at = 0;
    size_t end = 0;
    for (; end < rollout->task_count && rollout->tasks[end]->has_leaf &&
           rollout->tasks[end]->order_wave <= wave;
         end++) {
        at += rollout->tasks[end]->order_wave < wave ? 1 : 0;
    }
    return (span_t){.tasks = rollout->tasks + at, .count = end - at};
}

static status_t check_entries(audit_verify_t *self, const rollout_entry_t *rollout,
                              const card_t *card, const result_t *result, error_t *err) {
    char text[IDENT_TEXT_SIZE];
    if (rollout == NULL) { /* --since left it out, or the catalog does */
        self->counts.outside++;
        return self->about.since_us > 0
                   ? STATUS_OK
                   : error_set(err, ERROR_AUDIT_BROKEN, "no rollout is under its order");
    }
    span_t span = span_of(rollout, result->wave);
    for (size_t i = 0; i < result->entry_count; i++) {
        const ident_t *tenant = &result->entries[i].tenant;
        task_entry_t *const *task =
            bsearch(tenant, span.tasks, span.count, sizeof *span.tasks, by_tenant);
        if (task == NULL || !card_speaks_for(card, (*task)->leaf.cluster)) {
            return error_set(err, ERROR_AUDIT_BROKEN,
                             "agent %s speaks of tenant %s, which is not in wave %u or not on a"
                             " cluster of its card",
                             card->name, ident_text(tenant, text), result->wave + 1);
        }
    }
    return STATUS_OK;
}

static status_t check_result(audit_verify_t *self, const document_t *document, int64_t received_us,
                             error_t *err) {
    CLEANUP(result_destroy_p) result_t *result = NULL;
    const card_t *card = NULL;
    order_entry_t *order = NULL;
    char text[DIGEST_TEXT_SIZE];
    if (document->signature_count != 1) {
        return error_set(err, ERROR_AUDIT_BROKEN, "it bears %zu signatures: one agent's is wanted",
                         document->signature_count);
    }
    TRY(find_card(self, &document->keys[0], received_us, &card, err));
    TRY(result_read(document, &result, err));
    HASH_FIND(hh, self->orders, &result->order, sizeof result->order, order);
    if (order == NULL) {
        return error_set(err, ERROR_AUDIT_BROKEN,
                         "agent %s speaks of order %s, which the export has not", card->name,
                         digest_text(&result->order, text));
    }
    if (!ident_equal(&result->fleet, &self->about.fleet) ||
        result->wave >= order->order->wave_count) {
        return error_set(err, ERROR_AUDIT_BROKEN,
                         "agent %s speaks of wave %u of an order of %zu waves, or of another fleet",
                         card->name, result->wave + 1, order->order->wave_count);
    }
    return check_entries(self, order->rollout, card, result, err);
}

status_t audit_take_result(audit_verify_t *self, const audit_line_t *line, error_t *err) {
    CLEANUP(document_destroy_p) document_t *document = NULL;
    int64_t received_us = 0;
    error_t why = {0};
    TRY(audit_line_number(line, "received_us", &received_us, err));
    TRY(audit_line_document(line, &document, err));
    if (check_result(self, document, received_us, &why) != STATUS_OK) {
        return audit_break_why(self, self->line, "result of a wave", &why, err);
    }
    self->counts.results++;
    return STATUS_OK;
}

/* --- recovery points ------------------------------------------------------------------------- */

/* Points that were taken shortly before the export may stand in reports that came after it. */
#define LATE_US (INT64_C(60) * TRUST_MINUTE_US)

status_t audit_take_recovery(audit_verify_t *self, const audit_line_t *line, error_t *err) {
    ident_t tenant;
    digest_t digest;
    const char *reference = NULL;
    int64_t taken_us = 0;
    point_entry_t *entry = NULL;
    char text[IDENT_TEXT_SIZE];
    TRY(audit_line_ident(line, "tenant", &tenant, err));
    TRY(audit_line_need(line, "reference", &reference, err));
    TRY(audit_line_digest(line, "digest", &digest, err));
    TRY(audit_line_number(line, "taken_us", &taken_us, err));
    digest_t name = name_of_point(&tenant, reference);
    HASH_FIND(hh, self->points, &name, sizeof name, entry);
    if (entry == NULL) {
        if (self->about.since_us > 0 || taken_us > self->about.exported_us - LATE_US) {
            self->counts.outside++;
            return STATUS_OK;
        }
        return audit_break(self, self->line, err,
                           "recovery point %.64s of tenant %s, which no signed report names",
                           reference, ident_text(&tenant, text));
    }
    if (!digest_equal(&entry->digest, &digest)) {
        return audit_break(self, self->line, err,
                           "recovery point %.64s of tenant %s has another digest than its agent"
                           " reported",
                           reference, ident_text(&tenant, text));
    }
    self->counts.recovery_points++;
    return STATUS_OK;
}

/* A change without what its order asks to be there first. */
static bool is_unprotected(const task_entry_t *task) {
    const order_t *order = task->rollout->order != NULL ? task->rollout->order->order : NULL;
    bool asked = order != NULL && order->kind == ORDER_ROLLOUT && !task->rollout->own_undo &&
                 (strcmp(order->recovery_kind, "dump") == 0 ||
                  strcmp(order->recovery_kind, "external") == 0);
    return asked && task->changed_us != 0 &&
           (task->protected_us == 0 || task->protected_us > task->changed_us + TRUST_SKEW_US);
}

status_t audit_close_recovery(audit_verify_t *self, error_t *err) {
    char text[IDENT_TEXT_SIZE];
    for (const task_entry_t *task = self->tasks; task != NULL; task = task->hh.next) {
        if (is_unprotected(task)) {
            const char *kind = task->rollout->order->order->recovery_kind;
            return audit_break(self, task->line, err,
                               "tenant %s was changed at %" PRId64
                               ": expected a recovery point of kind %s before it, got %s%" PRId64,
                               ident_text(&task->leaf.tenant, text), task->changed_us, kind,
                               task->protected_us == 0 ? "none: " : "one at ", task->protected_us);
        }
        self->counts.changes_protected += task->changed_us != 0 && task->protected_us != 0 ? 1 : 0;
    }
    return STATUS_OK;
}
