/* reports.c: see reports.h. */
#include "agent/reports.h"
#include "agent/crew.h"
#include "agent/results.h"
#include "common/base/clock.h"
#include "common/base/failpoint.h"
#include "common/base/log.h"
#include "common/wire/bounds.h"
#include "common/wire/codec.h"
#include "common/wire/field.h"

#include <string.h>

enum {
    BATCH_REPORTS = 200,
    BATCH_BYTES = 512 * 1024,
    WINDOW = 4000,        /* sent and not acknowledged */
    TELL_WITHIN_MS = 100, /* reports wait so long for others */
    MARK_WITHIN_MS = 2000 /* what was acknowledged is written so soon, if nothing else is */
};

static void fill_state(const run_t *run, Drover__ApplicationSeen *state) {
    const ledger_row_t *last = run->row_count > 0 ? &run->rows[run->row_count - 1] : NULL;
    state->application = field_of_text(run->what.application);
    state->generation = (uint32_t)run->standing.generation;
    state->position = (uint32_t)run->standing.position;
    state->version = field_of_text(run->standing.version);
    state->ledger_sequence = run->standing.seq;
    state->ledger_digest = field_of_digest(&run->standing.head);
    if (last != NULL) {
        state->fingerprint_strict = field_of_digest(&last->strict);
        state->fingerprint_logical = field_of_digest(&last->logical);
    }
}

/* err is a redacted copy; contexts points at ERROR_CONTEXT_DEPTH places. */
static void fill_failure(const error_t *err, const char *version, char **contexts,
                         Drover__Failure *failure) {
    failure->code = field_of_text(error_code_text(err->code));
    failure->sqlstate = field_of_text(err->sqlstate);
    failure->message = field_of_text(err->message);
    failure->constraint = field_of_text(err->constraint);
    failure->server_hint = field_of_text(err->server_hint);
    failure->version = field_of_text(version != NULL ? version : "");
    for (int i = 0; i < err->context_count; i++) {
        contexts[i] = field_of_text(err->context[i]);
    }
    failure->contexts = contexts;
    failure->n_contexts = (size_t)err->context_count;
}

static void fill_recovery(const run_report_t *report, Drover__RecoveryPoint *point) {
    point->kind = field_of_text(report->recovery_kind);
    point->reference =
        field_of_text(report->recovery_reference != NULL ? report->recovery_reference : "");
    point->lsn = field_of_text(report->recovery_lsn != NULL ? report->recovery_lsn : "");
    point->verified =
        field_of_text(report->recovery_verified != NULL ? report->recovery_verified : "");
    point->time_us = report->recovery_time_us;
    point->size_bytes = report->recovery_size_bytes;
}

/* Notes as lines, at most WIRE_NOTES; cuts a copy in place. */
static size_t split_notes(char *notes, char *lines[WIRE_NOTES]) {
    size_t count = 0;
    char *rest = notes;
    for (char *line = strsep(&rest, "\n"); line != NULL && count < WIRE_NOTES;
         line = strsep(&rest, "\n")) {
        if (line[0] != '\0') {
            lines[count++] = line;
        }
    }
    return count;
}

/* Good news waits for company. What the coordinator should act on does not: a wave stops at its
 * first failure, and an outcome that is not known holds a tenant. */
static void arrange(agent_t *agent, const Drover__Report *wire) {
    bool good = wire->outcome == DROVER__OUTCOME__OUTCOME_STARTED ||
                wire->outcome == DROVER__OUTCOME__OUTCOME_DONE ||
                wire->outcome == DROVER__OUTCOME__OUTCOME_NOT_NEEDED;
    agent->ended_untold += wire->final ? 1U : 0U;
    if (!good) {
        reports_hurry(agent);
    } else {
        reports_gather(agent);
    }
}

static status_t keep(agent_t *agent, const run_t *run, const Drover__Report *wire, error_t *err) {
    size_t size = drover__report__get_packed_size(wire);
    CLEANUP(free_p) uint8_t *bytes = malloc(size + 1);
    if (bytes == NULL) {
        return error_set(err, ERROR_NO_MEMORY, "out of memory for a report");
    }
    (void)drover__report__pack(wire, bytes);
    arrange(agent, wire);
    bool counts = wire->final && run->main_action;
    return journal_report(
        agent->journal,
        &(journal_report_t){.number = wire->number,
                            .attempt = run->what.attempt,
                            .bytes = bytes,
                            .size = size,
                            .result = counts ? results_outcome((job_outcome_t)wire->outcome) : 0},
        err);
}

/* Whether a raised text is one that the release keys signed: it stands in a script as it is. */
static bool is_signed(const run_t *run, const char *message) {
    size_t count = run->bundle == NULL || message[0] == '\0' ? 0 : bundle_count(run->bundle);
    for (size_t i = 0; i < count; i++) {
        const bundle_migration_t *migration = bundle_migration(run->bundle, i);
        for (int script = 0; script < SCRIPT_COUNT; script++) {
            if (migration->scripts[script] != NULL &&
                strstr(migration->scripts[script]->text, message) != NULL) {
                return true;
            }
        }
    }
    return false;
}

/* What of an error may leave the host. */
static error_t redact(const run_t *run, const error_t *error) {
    error_t redacted = error != NULL ? *error : (error_t){0};
    if (sqlstate_raised(&redacted) && is_signed(run, redacted.message)) {
        sqlstate_vouch(&redacted);
    }
    sqlstate_redact(&redacted);
    return redacted;
}

status_t reports_add(agent_t *agent, const run_t *run, const run_report_t *report, bool final,
                     error_t *err) {
    Drover__Report wire = DROVER__REPORT__INIT;
    Drover__ApplicationSeen state = DROVER__APPLICATION_SEEN__INIT;
    Drover__Failure failure = DROVER__FAILURE__INIT;
    Drover__RecoveryPoint point = DROVER__RECOVERY_POINT__INIT;
    char *contexts[ERROR_CONTEXT_DEPTH];
    char *lines[WIRE_NOTES];
    CLEANUP(free_p) char *notes = report->notes != NULL ? strdup(report->notes) : NULL;
    error_t redacted = redact(run, report->error);
    wire.number = journal_next(agent->journal);
    wire.job = field_of_ident(&run->what.job);
    wire.attempt = field_of_ident(&run->what.attempt);
    wire.tenant = field_of_ident(&run->what.tenant);
    wire.step = (Drover__Step)report->step;
    wire.outcome = (Drover__Outcome)report->outcome;
    wire.final = final;
    wire.order = field_of_digest(&run->what.order_digest);
    wire.wave = run->what.order_wave;
    wire.rollout = field_of_ident(&run->what.rollout);
    if (crew_is_own(run)) {
        wire.take_back = field_of_digest(&run->what.take_back);
    }
    wire.started_us = report->started_us;
    wire.finished_us = report->finished_us;
    wire.retries = run->machine.tries;
    wire.size_bytes = run->size_bytes;
    wire.held_back = report->held_back;
    if (report->has_state && run->standing.seq > 0) {
        fill_state(run, &state);
        wire.state = &state;
    }
    if (redacted.code != ERROR_NONE) {
        fill_failure(&redacted, report->version, contexts, &failure);
        wire.failure = &failure;
    }
    if (report->recovery_kind != NULL) {
        fill_recovery(report, &point);
        wire.recovery_point = &point;
    }
    if (report->sql != NULL) {
        wire.sql_digest = field_of_digest(report->sql);
    }
    if (notes != NULL) {
        wire.n_notes = split_notes(notes, lines);
        wire.notes = lines;
    }
    return keep(agent, run, &wire, err);
}

/* ---- when to send ---- */

void reports_gather(agent_t *agent) {
    if (agent->tell_due_boot_us == 0) {
        agent->tell_due_boot_us = clock_boot_us() + TELL_WITHIN_MS * US_PER_MS;
    }
}

void reports_hurry(agent_t *agent) {
    agent->tell_due_boot_us = 1;
}

/* Whether some cluster has fewer jobs ready than it has slots, while the coordinator does not know
 * yet that others ended: it would send more. */
static bool starves(const agent_t *agent) {
    for (size_t i = 0; agent->ended_untold > 0 && i < agent->cluster_count; i++) {
        const agent_lease_t *lease = &agent->leases[i];
        int64_t slots =
            agent_config_parallel(agent->config, agent_config_cluster(agent->config, i));
        if (lease->until_boot_us > 0 && lease->queued < slots) {
            return true;
        }
    }
    return false;
}

bool reports_due(const agent_t *agent) {
    return agent->tell_due_boot_us != 0 &&
           (clock_boot_us() >= agent->tell_due_boot_us || starves(agent));
}

/* ---- sending ---- */

typedef struct batch {
    Drover__Report *reports[BATCH_REPORTS];
    size_t count;
    size_t bytes;
    bool full;
    results_t results;
    digest_t take_backs[WIRE_TAKE_BACKS]; /* that the reports name */
    size_t take_back_count;
} batch_t;

/* What set off a job of our own is sent beside the first word of it, and beside every other: each
 * batch is kept by itself. False where it is one too many for this batch. */
static bool note_take_back(batch_t *batch, const Drover__Report *wire) {
    digest_t digest = field_digest(wire->take_back);
    if (digest_is_null(&digest)) {
        return true;
    }
    for (size_t i = 0; i < batch->take_back_count; i++) {
        if (digest_equal(&batch->take_backs[i], &digest)) {
            return true;
        }
    }
    if (batch->take_back_count == WIRE_TAKE_BACKS) {
        return false;
    }
    batch->take_backs[batch->take_back_count++] = digest;
    return true;
}

static status_t take_report(const journal_report_t *report, void *context, error_t *err) {
    batch_t *batch = context;
    if (batch->full || batch->bytes + report->size > BATCH_BYTES) {
        batch->full = true;
        return STATUS_OK;
    }
    Drover__Report *wire = drover__report__unpack(NULL, report->size, report->bytes);
    if (wire == NULL) {
        return error_set(err, ERROR_STORE, "report %llu in the journal cannot be read",
                         (unsigned long long)report->number);
    }
    batch->reports[batch->count++] = wire;
    batch->bytes += report->size;
    bool fits = note_take_back(batch, wire);
    status_t status =
        fits ? results_add(&batch->results, wire, report->result, &fits, err) : STATUS_OK;
    if (!fits) { /* the first of the next batch */
        drover__report__free_unpacked(wire, NULL);
        batch->count--;
        batch->full = true;
    }
    return status;
}

static void batch_free(batch_t *batch) {
    for (size_t i = 0; i < batch->count; i++) {
        drover__report__free_unpacked(batch->reports[i], NULL);
    }
    results_free(&batch->results);
}

/* Documents that are at hand, one behind the other in bytes, and where each lies. A take-back that
 * is not here any more is left out: its reports name it still. */
static status_t gather_take_backs(const agent_t *agent, const batch_t *batch, buffer_t *bytes,
                                  ProtobufCBinaryData *ret_fields, size_t *ret_count,
                                  error_t *err) {
    size_t ends[WIRE_TAKE_BACKS];
    size_t count = 0;
    for (size_t i = 0; i < batch->take_back_count; i++) {
        papers_name_t name = {.kind = PAPERS_ORDER, .digest = batch->take_backs[i]};
        const buffer_t *paper = papers_kept(agent->papers, &name);
        if (paper != NULL && paper->size <= WIRE_PAPER_BYTES) {
            buffer_append(bytes, paper->data, paper->size);
            ends[count++] = bytes->size;
        }
    }
    TRY(buffer_check(bytes, err));
    for (size_t i = 0; i < count; i++) {
        size_t begin = i > 0 ? ends[i - 1] : 0;
        ret_fields[i] = field_of_bytes((const uint8_t *)bytes->data + begin, ends[i] - begin);
    }
    *ret_count = count;
    return STATUS_OK;
}

static status_t send_batch(agent_t *agent, batch_t *batch, error_t *err) {
    Drover__Reports wire = DROVER__REPORTS__INIT;
    ProtobufCBinaryData results[WIRE_RESULTS];
    ProtobufCBinaryData take_backs[WIRE_TAKE_BACKS];
    CLEANUP(buffer_free) buffer_t papers = {0};
    results_signer_t signer = {.fleet = keeper_view(agent->keeper, 0).trust->fleet,
                               .secret = keyfile_sign_secret(agent->sign_key),
                               .book = &agent->book};
    Drover__Report *reports[BATCH_REPORTS];
    CLEANUP(buffer_free) buffer_t sealed = {0};
    memcpy(reports, batch->reports, batch->count * sizeof reports[0]);
    wire.state = field_of_ident(journal_state(agent->journal));
    wire.reports = reports;
    wire.n_reports = batch->count;
    TRY(results_sign(&batch->results, &signer, results, &wire.n_results, err));
    wire.results = results;
    TRY(gather_take_backs(agent, batch, &papers, take_backs, &wire.n_take_backs, err));
    wire.take_backs = take_backs;
    TRY(codec_seal(DROVER__KIND__KIND_REPORTS, &wire.base, signer.secret, &sealed, err));
    TRY(dialer_send(agent->dialer, sealed.data, sealed.size, err));
    agent->sent_report = batch->reports[batch->count - 1]->number;
    FAILPOINT("agent.reports.sent");
    return STATUS_OK;
}

status_t reports_send(agent_t *agent, error_t *err) {
    while (agent->welcomed && agent->sent_report + 1 < journal_next(agent->journal) &&
           agent->sent_report - agent->acknowledged < WINDOW) {
        CLEANUP(batch_free) batch_t batch = {0};
        journal_range_t range = {.after = agent->sent_report, .most = BATCH_REPORTS};
        TRY(journal_reports(agent->journal, range, take_report, &batch, err));
        if (batch.count == 0) {
            break;
        }
        if (send_batch(agent, &batch, err) != STATUS_OK) {
            book_clear(&agent->book); /* it comes again, and must not stand behind itself */
            return STATUS_ERROR;
        }
    }
    agent->ended_untold = 0;
    agent->tell_due_boot_us = agent->sent_report + 1 < journal_next(agent->journal) ? 1 : 0;
    return STATUS_OK;
}

void reports_acknowledged(agent_t *agent, uint64_t number) {
    if (number > agent->acknowledged) {
        agent->acknowledged = number;
    }
    if (number > journal_mark(agent->journal) && number < journal_next(agent->journal)) {
        journal_raise_mark(agent->journal, number);
        agent->mark_due_boot_us = agent->mark_due_boot_us != 0
                                      ? agent->mark_due_boot_us
                                      : clock_boot_us() + MARK_WITHIN_MS * US_PER_MS;
    }
}

void reports_keep_mark(agent_t *agent, int64_t boot_us) {
    error_t err = {0};
    if (agent->mark_due_boot_us == 0 || boot_us < agent->mark_due_boot_us) {
        return;
    }
    agent->mark_due_boot_us = 0;
    if (journal_keep_mark(agent->journal, &err) != STATUS_OK) {
        log_error("what was acknowledged is not kept", &err);
        return;
    }
    agent->must_commit = true;
}

int64_t reports_forgettable_us(const agent_t *agent, int64_t before_us) {
    return agent->keep_since_us != 0 && agent->keep_since_us < before_us ? agent->keep_since_us
                                                                         : before_us;
}
