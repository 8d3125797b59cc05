/* verify.c: see verify.h. The sequence of lines, and what is known at a moment. */
#include "common/audit/internal.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* --- saying what does not hold --------------------------------------------------------------- */

status_t audit_break(audit_verify_t *self, uint64_t line, error_t *err, const char *format, ...) {
    char text[ERROR_TEXT_MAX];
    va_list values;
    va_start(values, format);
    (void)vsnprintf(text, sizeof text, format, values);
    va_end(values);
    self->broken_line = line;
    return error_set(err, ERROR_AUDIT_BROKEN, "line %" PRIu64 ": %s", line, text);
}

status_t audit_break_why(audit_verify_t *self, uint64_t line, const char *what, const error_t *why,
                         error_t *err) {
    CLEANUP(buffer_free) buffer_t text = {0};
    if (why->code == ERROR_NO_MEMORY) {
        *err = *why;
        return STATUS_ERROR;
    }
    for (int i = why->context_count; i > 0; i--) {
        buffer_format(&text, "%s: ", why->context[i - 1]);
    }
    buffer_text(&text, why->message);
    return audit_break(self, line, err, "%s: %s", what, buffer_string(&text));
}

status_t audit_no_memory(error_t *err) {
    return error_set(err, ERROR_NO_MEMORY, "out of memory for an export");
}

void *audit_grow(void *items, size_t count, size_t size) {
    if (count != 0 && (count & (count - 1)) != 0) {
        return items; /* it grows whenever the count is a power of two */
    }
    return reallocarray(items, count == 0 ? 1 : 2 * count, size);
}

/* --- what held at a moment ------------------------------------------------------------------- */

static const era_t *era_at(const audit_verify_t *self, int64_t at_us) {
    const era_t *found = NULL;
    for (size_t i = 0; i < self->era_count; i++) {
        int64_t skew_us = i == 0 ? TRUST_SKEW_US : 0; /* another clock dated it */
        found = self->eras[i].from_us <= at_us + skew_us ? &self->eras[i] : found;
    }
    return found;
}

/* Sets of revocations by moment lie within each other, so that their size names them. */
static status_t set_revoked(audit_verify_t *self, int64_t at_us, error_t *err) {
    size_t count = 0;
    for (size_t i = 0; i < self->taken_out_good; i++) {
        count += self->taken_out[i].received_us <= at_us ? 1 : 0;
    }
    if (count == self->revoked_good) {
        return STATUS_OK;
    }
    revoked_free(&self->revoked);
    self->revoked_good = SIZE_MAX; /* until it is whole */
    for (size_t i = 0; i < self->taken_out_good; i++) {
        if (self->taken_out[i].received_us <= at_us) {
            TRY(revoked_add(&self->revoked, &self->taken_out[i].key, err));
        }
    }
    self->revoked_good = count;
    return STATUS_OK;
}

status_t audit_view(audit_verify_t *self, int64_t at_us, trust_view_t *ret_view, error_t *err) {
    const era_t *era = era_at(self, at_us);
    if (era == NULL) {
        return error_set(err, ERROR_AUDIT_BROKEN,
                         "it is older than the trust file %" PRId64
                         " that it is verified with: give the one that was pinned first",
                         self->eras[0].trust->version);
    }
    TRY(set_revoked(self, at_us, err));
    *ret_view = (trust_view_t){.trust = era->trust, .revoked = &self->revoked, .now_us = at_us};
    return STATUS_OK;
}

/* --- lines ----------------------------------------------------------------------------------- */

static status_t take_header(audit_verify_t *self, const audit_line_t *line, error_t *err) {
    int64_t format = 0;
    ident_t fleet = {{0}};
    if (self->line != 1) {
        return audit_break(self, self->line, err, "a second header");
    }
    TRY(audit_line_number(line, "format", &format, err));
    TRY(audit_line_ident(line, "fleet", &fleet, err));
    TRY(audit_line_number(line, "exported_us", &self->about.exported_us, err));
    TRY(audit_line_number(line, "since_us", &self->about.since_us, err));
    if (format != AUDIT_FORMAT) {
        return error_set(err, ERROR_AUDIT_LINE, "an export of format %" PRId64 ", this reads %d",
                         format, (int)AUDIT_FORMAT);
    }
    if (!ident_equal(&fleet, &self->about.fleet)) {
        char expected[IDENT_TEXT_SIZE];
        char got[IDENT_TEXT_SIZE];
        return audit_break(self, self->line, err, "the export is of fleet %s, the root file of %s",
                           ident_text(&fleet, got), ident_text(&self->about.fleet, expected));
    }
    return STATUS_OK;
}

/* Types in the sequence in which they stand. */
typedef struct kind {
    const char *type;
    audit_take_fn *take;
    audit_close_fn *close;
} kind_t;

enum { RANK_HEADER, RANK_HEAD = 12, RANKS };

static const kind_t KINDS[RANKS] = {
    [RANK_HEADER] = {"header", take_header, NULL},
    {"trust", audit_take_trust, NULL},
    {"revocation", audit_take_revocation, audit_close_revocations},
    {"card", audit_take_card, NULL},
    {"order", audit_take_order, audit_close_orders},
    {"ticket", audit_take_ticket, NULL},
    {"rollout", audit_take_rollout, NULL},
    {"task", audit_take_task, audit_close_tasks},
    {"batch", audit_take_batch, audit_close_batches},
    {"result", audit_take_result, NULL},
    {"recovery", audit_take_recovery, audit_close_recovery},
    {"audit", audit_take_audit, NULL},
    [RANK_HEAD] = {"head", audit_take_head, NULL},
};

static int rank_of(const char *type) {
    for (int rank = 0; rank < RANKS; rank++) {
        if (strcmp(KINDS[rank].type, type) == 0) {
            return rank;
        }
    }
    return -1;
}

/* Close the kinds between the last line's and the next one's. */
static status_t advance(audit_verify_t *self, int rank, error_t *err) {
    for (int at = self->rank < 0 ? 0 : self->rank; at < rank; at++) {
        if (KINDS[at].close != NULL) {
            TRY(KINDS[at].close(self, err));
        }
    }
    self->rank = rank;
    return STATUS_OK;
}

static status_t take_line(audit_verify_t *self, const audit_line_t *line, error_t *err) {
    int rank = rank_of(line->type);
    if (rank < 0) {
        return error_set(err, ERROR_AUDIT_LINE, "a line of type '%.40s', which is unknown",
                         line->type);
    }
    if (self->rank < 0 && rank != RANK_HEADER) {
        return error_set(err, ERROR_AUDIT_LINE, "an export begins with its header");
    }
    if (rank < self->rank) {
        return audit_break(self, self->line, err, "a line of type %s after one of type %s",
                           line->type, KINDS[self->rank].type);
    }
    TRY(advance(self, rank, err));
    return KINDS[rank].take(self, line, err);
}

status_t audit_verify_line(audit_verify_t *self, const char *bytes, size_t size, error_t *err) {
    CLEANUP(audit_line_free) audit_line_t line = {0};
    error_t why = {0};
    self->line++;
    if (audit_line_read(bytes, size, &line, &why) == STATUS_OK &&
        take_line(self, &line, &why) == STATUS_OK) {
        self->counts.lines++;
        return STATUS_OK;
    }
    if (why.code == ERROR_AUDIT_BROKEN && self->broken_line != 0) {
        *err = why;
        return STATUS_ERROR;
    }
    self->broken_line = self->line;
    if (why.code != ERROR_AUDIT_LINE) {
        return audit_break_why(self, self->line, line.type != NULL ? line.type : "line", &why, err);
    }
    return error_set(err, ERROR_AUDIT_LINE, "line %" PRIu64 ": %s", self->line, why.message);
}

status_t audit_verify_end(audit_verify_t *self, error_t *err) {
    if (self->rank != RANK_HEAD) {
        self->broken_line = 0;
        return error_set(err, ERROR_AUDIT_BROKEN,
                         "the export ends after line %" PRIu64
                         " without the audit log's signed head: its end was cut off",
                         self->line);
    }
    return audit_check_unproved(self, err);
}

/* --- life ------------------------------------------------------------------------------------ */

status_t audit_verify_new(const audit_verify_options_t *options, audit_verify_t **ret_verify,
                          error_t *err) {
    CLEANUP(audit_verify_destroy_p) audit_verify_t *self = calloc(1, sizeof *self);
    if (self == NULL || (self->eras = calloc(1, sizeof *self->eras)) == NULL) {
        return audit_no_memory(err);
    }
    self->rank = -1;
    TRY(trust_pin(options->root, &self->eras[0].trust, err));
    self->era_count = 1;
    self->eras[0].from_us = self->eras[0].trust->issued_us;
    self->about.fleet = self->eras[0].trust->fleet;
    self->about.trust_version = self->eras[0].trust->version;
    if (options->earlier != NULL) {
        self->earlier = *options->earlier;
        self->has_earlier = true;
    }
    for (size_t i = 0; i < options->take_back_count; i++) {
        brought_t brought = {.document = options->take_backs[i]};
        TRY(audit_take_paper(self, &brought, err));
    }
    *ret_verify = TAKE(self);
    return STATUS_OK;
}

static void free_orders(audit_verify_t *self) {
    order_entry_t *order = NULL;
    order_entry_t *next = NULL;
    HASH_ITER(hh, self->orders, order, next) {
        HASH_DEL(self->orders, order);
        audit_free_order(order);
    }
}

static void free_work(audit_verify_t *self) {
    rollout_entry_t *rollout = NULL;
    rollout_entry_t *next_rollout = NULL;
    task_entry_t *task = NULL;
    task_entry_t *next_task = NULL;
    point_entry_t *point = NULL;
    point_entry_t *next_point = NULL;
    HASH_ITER(hh, self->tasks, task, next_task) {
        HASH_DEL(self->tasks, task);
        free(task);
    }
    HASH_ITER(hh, self->rollouts, rollout, next_rollout) {
        HASH_DEL(self->rollouts, rollout);
        free(rollout->tasks);
        free(rollout);
    }
    HASH_ITER(hh, self->points, point, next_point) {
        HASH_DEL(self->points, point);
        free(point);
    }
    journal_entry_t *journal = NULL;
    journal_entry_t *next_journal = NULL;
    HASH_ITER(hh, self->journals, journal, next_journal) {
        HASH_DEL(self->journals, journal);
        free(journal->said);
        free(journal);
    }
}

void audit_verify_destroy(audit_verify_t **self_p) {
    if (self_p == NULL || *self_p == NULL) {
        return;
    }
    audit_verify_t *self = *self_p;
    card_entry_t *card = NULL;
    card_entry_t *next = NULL;
    HASH_ITER(hh, self->cards, card, next) {
        HASH_DEL(self->cards, card);
        card_destroy(&card->card);
        free(card);
    }
    free_work(self);
    audit_free_own(self);
    free_orders(self);
    for (size_t i = 0; i < self->taken_out_count; i++) {
        document_destroy(&self->taken_out[i].document);
    }
    for (size_t i = 0; i < self->era_count; i++) {
        trust_destroy(&self->eras[i].trust);
    }
    free(self->taken_out);
    free(self->eras);
    revoked_free(&self->revoked);
    buffer_free(&self->signed_by);
    free(self);
    *self_p = NULL;
}

uint64_t audit_verify_broken_line(const audit_verify_t *self) {
    return self->broken_line;
}

const audit_counts_t *audit_verify_counts(const audit_verify_t *self) {
    return &self->counts;
}

audit_about_t audit_verify_about(const audit_verify_t *self) {
    audit_about_t about = self->about;
    about.signed_by = buffer_string(&self->signed_by);
    return about;
}

static audit_order_t order_of(const order_entry_t *entry) {
    return (audit_order_t){
        .line = entry->line,
        .order = entry->order,
        .accepted_us = entry->accepted_us,
        .persons = buffer_string(&entry->persons),
        .later_gone = buffer_string(&entry->later_gone),
    };
}

status_t audit_verify_each_order(const audit_verify_t *self, audit_order_fn *fn, void *context,
                                 error_t *err) {
    for (const order_entry_t *entry = self->orders; entry != NULL; entry = entry->hh.next) {
        audit_order_t order = order_of(entry);
        TRY(fn(context, &order, err));
    }
    for (size_t i = 0; i < self->take_back_count; i++) {
        audit_order_t order = order_of(self->take_backs[i]);
        if (order.accepted_us != 0) {
            TRY(fn(context, &order, err));
        }
    }
    return STATUS_OK;
}
