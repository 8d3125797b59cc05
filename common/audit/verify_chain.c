/* verify_chain.c: the audit log's chain, and the heads that were signed along it. */
#include "common/audit/internal.h"

#include <inttypes.h>
#include <string.h>

/* --- heads ----------------------------------------------------------------------------------- */

/* Whether a coordinator of that day signed it. */
static status_t check_signer(audit_verify_t *self, const audit_head_t *head, error_t *err) {
    trust_view_t view;
    if (!audit_head_holds(head)) {
        return error_set(err, ERROR_AUDIT_BROKEN, "its signature is not its key's");
    }
    TRY(audit_view(self, head->time_us, &view, err));
    return trust_coordinator(&view, &head->key, err);
}

/* The head from before: now that its row is there, its digest must be that row's. */
static status_t meet_earlier(audit_verify_t *self, error_t *err) {
    char expected[DIGEST_TEXT_SIZE];
    char got[DIGEST_TEXT_SIZE];
    error_t why = {0};
    if (!self->has_earlier || self->earlier_seen || self->earlier.sequence != self->sequence) {
        return STATUS_OK;
    }
    self->earlier_seen = true;
    if (check_signer(self, &self->earlier, &why) != STATUS_OK) {
        return audit_break_why(self, self->line, "the head from before", &why, err);
    }
    if (!digest_equal(&self->earlier.digest, &self->digest)) {
        return audit_break(self, self->line, err,
                           "audit row %" PRId64 ": expected digest %s, as the head from before"
                           " has it, got %s",
                           self->sequence, digest_text(&self->earlier.digest, expected),
                           digest_text(&self->digest, got));
    }
    return STATUS_OK;
}

/* --- rows ------------------------------------------------------------------------------------ */

static status_t check_sequence(audit_verify_t *self, const audit_record_t *record, error_t *err) {
    bool first = self->sequence == 0;
    if (first && self->about.since_us == 0 && record->sequence != 1) {
        return audit_break(self, self->line, err, "audit row: expected sequence 1, got %" PRId64,
                           record->sequence);
    }
    if (!first && record->sequence != self->sequence + 1) {
        return audit_break(self, self->line, err,
                           "audit row: expected sequence %" PRId64 ", got %" PRId64,
                           self->sequence + 1, record->sequence);
    }
    return STATUS_OK;
}

static status_t check_previous(audit_verify_t *self, const audit_record_t *record, error_t *err) {
    char expected[DIGEST_TEXT_SIZE];
    char got[DIGEST_TEXT_SIZE];
    /* where an export begins in the middle, its first row's is taken on trust */
    bool given = !self->chained && self->about.since_us > 0 && self->sequence == 0;
    if (!given && !digest_equal(&record->previous, &self->digest)) {
        return audit_break(self, self->line, err,
                           "audit row %" PRId64 ": expected to follow digest %s, got %s",
                           record->sequence, digest_text(&self->digest, expected),
                           digest_text(&record->previous, got));
    }
    return STATUS_OK;
}

/* The head that the coordinator signed at this row, where it did. */
static status_t check_own_head(audit_verify_t *self, const audit_line_t *line, error_t *err) {
    const char *text = NULL;
    error_t why = {0};
    TRY(audit_line_text(line, "signature", &text, err));
    if (*text == '\0') {
        return STATUS_OK;
    }
    audit_head_t head = {.sequence = self->sequence, .digest = self->digest};
    if (audit_head_parse(text, &head, &why) != STATUS_OK ||
        check_signer(self, &head, &why) != STATUS_OK) {
        char what[64];
        (void)snprintf(what, sizeof what, "the head signed at audit row %" PRId64, self->sequence);
        return audit_break_why(self, self->line, what, &why, err);
    }
    self->counts.heads++;
    return STATUS_OK;
}

status_t audit_take_audit(audit_verify_t *self, const audit_line_t *line, error_t *err) {
    audit_record_t record;
    bool chained = false;
    TRY(audit_line_record(line, &record, &chained, err));
    TRY(check_sequence(self, &record, err));
    if (!chained) {
        if (self->chained) {
            return audit_break(self, self->line, err,
                               "audit row %" PRId64 " is in no chain, which had begun",
                               record.sequence);
        }
        self->counts.audit_rows_before++;
        self->sequence = record.sequence;
        return meet_earlier(self, err);
    }
    TRY(check_previous(self, &record, err));
    if (!self->chained) {
        self->about.chain_begins = record.sequence;
    }
    self->chained = true;
    self->sequence = record.sequence;
    self->digest = audit_record_digest(&record);
    self->counts.audit_rows++;
    TRY(check_own_head(self, line, err));
    return meet_earlier(self, err);
}

/* --- the end --------------------------------------------------------------------------------- */

static status_t check_earlier(audit_verify_t *self, error_t *err) {
    if (!self->has_earlier || self->earlier_seen || self->earlier.sequence == 0) {
        return STATUS_OK;
    }
    if (self->earlier.sequence > self->sequence) {
        return audit_break(self, self->line, err,
                           "the audit log ends with row %" PRId64
                           ", but a head from before was signed at row %" PRId64
                           ": its end was cut off",
                           self->sequence, self->earlier.sequence);
    }
    return audit_break(self, self->line, err,
                       "the head from before is of row %" PRId64
                       ", with which this export does not begin early enough",
                       self->earlier.sequence);
}

status_t audit_take_head(audit_verify_t *self, const audit_line_t *line, error_t *err) {
    audit_head_t head;
    error_t why = {0};
    char expected[DIGEST_TEXT_SIZE];
    char got[DIGEST_TEXT_SIZE];
    TRY(audit_line_head(line, &head, err));
    if (self->about.head.time_us != 0) {
        return audit_break(self, self->line, err, "a second head");
    }
    if (check_signer(self, &head, &why) != STATUS_OK) {
        return audit_break_why(self, self->line, "the audit log's head", &why, err);
    }
    /* an export from a late day on may have no row at all */
    bool empty = self->sequence == 0 && self->about.since_us > 0;
    if (!empty && (head.sequence != self->sequence || !digest_equal(&head.digest, &self->digest))) {
        return audit_break(self, self->line, err,
                           "the audit log's head: expected row %" PRId64 " with digest %s, as it"
                           " was signed, got row %" PRId64 " with %s",
                           head.sequence, digest_text(&head.digest, expected), self->sequence,
                           digest_text(&self->digest, got));
    }
    TRY(check_earlier(self, err));
    const trust_key_t *key = trust_find(self->eras[self->era_count - 1].trust, &head.key);
    buffer_text(&self->signed_by, key != NULL ? key->name : "");
    self->about.head = head;
    self->counts.heads++;
    return buffer_check(&self->signed_by, err);
}
