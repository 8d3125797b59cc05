/* verify_orders.c: orders by the people who could sign them on the day that they were accepted. */
#include "common/audit/internal.h"

#include <inttypes.h>
#include <string.h>

status_t audit_take_order(audit_verify_t *self, const audit_line_t *line, error_t *err) {
    order_entry_t *same = NULL;
    order_entry_t *entry = calloc(1, sizeof *entry);
    if (entry == NULL) {
        return audit_no_memory(err);
    }
    entry->line = self->line;
    status_t status = audit_line_document(line, &entry->document, err);
    status = status == STATUS_OK ? order_read(entry->document, &entry->order, err) : status;
    status = status == STATUS_OK ? audit_line_number(line, "received_us", &entry->received_us, err)
                                 : status;
    status = status == STATUS_OK ? audit_line_number(line, "accepted_us", &entry->accepted_us, err)
                                 : status;
    if (status == STATUS_OK) {
        entry->digest = entry->order->digest;
        HASH_FIND(hh, self->orders, &entry->digest, sizeof entry->digest, same);
        status = same != NULL ? audit_break(self, self->line, err,
                                            "the order of line %" PRIu64 " again", same->line)
                              : STATUS_OK;
    }
    if (status == STATUS_OK) {
        HASH_ADD(hh, self->orders, digest, sizeof entry->digest, entry);
        status = entry->hh.tbl != NULL ? STATUS_OK : audit_no_memory(err);
    }
    if (status != STATUS_OK) {
        audit_free_order(entry);
    }
    return status;
}

void audit_free_order(order_entry_t *entry) {
    document_destroy(&entry->document);
    order_destroy(&entry->order);
    buffer_free(&entry->persons);
    buffer_free(&entry->later_gone);
    free(entry);
}

/* --- who it was ------------------------------------------------------------------------------ */

/* Whether a key counts as gone by what is known now, as of an earlier day than the order's. */
static bool was_gone(const audit_verify_t *self, const trust_key_t *key, int64_t at_us) {
    const trust_t *newest = self->eras[self->era_count - 1].trust;
    const trust_key_t *row = trust_find(newest, &key->key);
    bool known = false;
    if (row != NULL && trust_standing_at(row, at_us, &known) != TRUST_ACTIVE) {
        return true;
    }
    for (size_t i = 0; i < self->taken_out_good; i++) {
        const taken_out_t *one = &self->taken_out[i];
        if (sign_public_equal(&one->key, &key->key) && one->at_us <= at_us) {
            return true;
        }
    }
    return false;
}

status_t audit_name_persons(const audit_verify_t *self, order_entry_t *entry, const tally_t *tally,
                            error_t *err) {
    for (size_t i = 0; i < tally->count; i++) {
        const trust_key_t *key = tally->counted[i];
        buffer_format(&entry->persons, "%s%s", i > 0 ? ", " : "", key->name);
        if (was_gone(self, key, entry->accepted_us)) {
            buffer_format(&entry->later_gone, "%s%s", entry->later_gone.size > 0 ? ", " : "",
                          key->name);
        }
    }
    TRY(buffer_check(&entry->persons, err));
    return buffer_check(&entry->later_gone, err);
}

/* --- whether it held ------------------------------------------------------------------------- */

/* An approval is judged with the order that it is about: its proposer may not count. */
static status_t verify_approval(audit_verify_t *self, const order_entry_t *entry,
                                const trust_view_t *view, error_t *err) {
    order_entry_t *subject = NULL;
    order_authority_t authority;
    HASH_FIND(hh, self->orders, &entry->order->subject, sizeof entry->order->subject, subject);
    if (subject == NULL) {
        char text[DIGEST_TEXT_SIZE];
        return error_set(err, ERROR_AUDIT_BROKEN, "it approves order %s, which the export has not",
                         digest_text(&entry->order->subject, text));
    }
    TRY(order_verify(view, subject->order, true, &authority, err));
    return ticket_approval(&authority, entry->order->subject_wave, entry->document, err);
}

static status_t verify_order(audit_verify_t *self, order_entry_t *entry, error_t *err) {
    trust_view_t view;
    order_authority_t authority;
    if (entry->accepted_us < entry->received_us) {
        return error_set(err, ERROR_AUDIT_BROKEN,
                         "accepted at %" PRId64 ", before it was received (%" PRId64 ")",
                         entry->accepted_us, entry->received_us);
    }
    TRY(audit_view(self, entry->accepted_us, &view, err));
    TRY(order_verify(&view, entry->order, false, &authority, err));
    if (entry->order->kind == ORDER_APPROVE_WAVE) {
        TRY(verify_approval(self, entry, &view, err));
    }
    return audit_name_persons(self, entry, &authority.tally, err);
}

status_t audit_close_orders(audit_verify_t *self, error_t *err) {
    for (order_entry_t *entry = self->orders; entry != NULL; entry = entry->hh.next) {
        error_t why = {0};
        char what[80];
        if (entry->accepted_us == 0) {
            self->counts.orders_waiting++;
            continue;
        }
        (void)snprintf(what, sizeof what, "order of kind %s", order_kind_text(entry->order->kind));
        if (verify_order(self, entry, &why) != STATUS_OK) {
            return audit_break_why(self, entry->line, what, &why, err);
        }
        self->counts.orders++;
    }
    return STATUS_OK;
}

/* --- tickets --------------------------------------------------------------------------------- */

/* Only its digest travels: that it is one for a later wave of an order that is there. */
status_t audit_take_ticket(audit_verify_t *self, const audit_line_t *line, error_t *err) {
    digest_t digest;
    digest_t order;
    int64_t wave = 0;
    order_entry_t *entry = NULL;
    TRY(audit_line_digest(line, "digest", &digest, err));
    TRY(audit_line_digest(line, "order", &order, err));
    TRY(audit_line_number(line, "wave", &wave, err));
    HASH_FIND(hh, self->orders, &order, sizeof order, entry);
    if (entry == NULL) {
        char text[DIGEST_TEXT_SIZE];
        return audit_break(self, self->line, err, "a ticket of order %s, which the export has not",
                           digest_text(&order, text));
    }
    if (wave < 1 || (uint64_t)wave >= entry->order->wave_count) {
        return audit_break(self, self->line, err,
                           "a ticket that opens wave %" PRId64 " of an order of %zu waves",
                           wave + 1, entry->order->wave_count);
    }
    self->counts.tickets++;
    return STATUS_OK;
}
