/* verify_papers.c: the chain of trust files, revocations, and agents' cards. */
#include "common/audit/internal.h"

#include <inttypes.h>
#include <string.h>

/* --- trust files ----------------------------------------------------------------------------- */

/* The file that the reader has: it must be the very same one. */
static status_t take_own(audit_verify_t *self, const trust_t *said, error_t *err) {
    char expected[DIGEST_TEXT_SIZE];
    char got[DIGEST_TEXT_SIZE];
    const trust_t *own = self->eras[0].trust;
    if (!digest_equal(&said->digest, &own->digest)) {
        return audit_break(
            self, self->line, err,
            "trust file %" PRId64 ": expected digest %s, as in the root file, got %s", own->version,
            digest_text(&own->digest, expected), digest_text(&said->digest, got));
    }
    return STATUS_OK;
}

static status_t take_next(audit_verify_t *self, const document_t *document, int64_t published_us,
                          error_t *err) {
    error_t why = {0};
    CLEANUP(trust_destroy_p) trust_t *next = NULL;
    const era_t *newest = &self->eras[self->era_count - 1];
    trust_step_t step = {
        .current = newest->trust, .next = document, .now_us = self->about.exported_us};
    if (trust_follow(&step, &next, &why) != STATUS_OK) {
        return audit_break_why(self, self->line, "trust file", &why, err);
    }
    if (published_us < next->issued_us - TRUST_SKEW_US || published_us < newest->from_us) {
        return audit_break(self, self->line, err,
                           "trust file %" PRId64 ": published at %" PRId64
                           ", before it was issued (%" PRId64 ") or before the one that it follows",
                           next->version, published_us, next->issued_us);
    }
    era_t *grown = audit_grow(self->eras, self->era_count, sizeof *self->eras);
    if (grown == NULL) {
        return audit_no_memory(err);
    }
    self->eras = grown;
    self->about.trust_version = next->version;
    self->eras[self->era_count++] = (era_t){.trust = TAKE(next), .from_us = published_us};
    return STATUS_OK;
}

status_t audit_take_trust(audit_verify_t *self, const audit_line_t *line, error_t *err) {
    CLEANUP(document_destroy_p) document_t *document = NULL;
    CLEANUP(trust_destroy_p) trust_t *said = NULL;
    int64_t published_us = 0;
    TRY(audit_line_number(line, "published_us", &published_us, err));
    TRY(audit_line_document(line, &document, err));
    TRY(trust_read(document, &said, err));
    if (said->version < self->eras[0].trust->version) {
        self->counts.outside++; /* before what the reader trusts: nothing leads there */
        return STATUS_OK;
    }
    self->counts.trust_files++;
    return said->version == self->eras[0].trust->version
               ? take_own(self, said, err)
               : take_next(self, document, published_us, err);
}

/* --- revocations ----------------------------------------------------------------------------- */

status_t audit_take_revocation(audit_verify_t *self, const audit_line_t *line, error_t *err) {
    CLEANUP(document_destroy_p) document_t *document = NULL;
    revocation_t read;
    int64_t received_us = 0;
    TRY(audit_line_number(line, "received_us", &received_us, err));
    TRY(audit_line_document(line, &document, err));
    TRY(revocation_read(document, &read, err));
    taken_out_t *grown =
        audit_grow(self->taken_out, self->taken_out_count, sizeof *self->taken_out);
    if (grown == NULL) {
        return audit_no_memory(err);
    }
    self->taken_out = grown;
    self->taken_out[self->taken_out_count++] = (taken_out_t){
        .document = TAKE(document),
        .key = read.key,
        .received_us = received_us,
        .at_us = read.at_us,
        .line = self->line,
    };
    return STATUS_OK;
}

static int by_day(const void *a, const void *b) {
    const taken_out_t *one = a;
    const taken_out_t *two = b;
    return (one->received_us > two->received_us) - (one->received_us < two->received_us);
}

/* Each by the keys that earlier ones had not taken out. */
status_t audit_close_revocations(audit_verify_t *self, error_t *err) {
    if (self->taken_out_count > 1) {
        qsort(self->taken_out, self->taken_out_count, sizeof *self->taken_out, by_day);
    }
    for (size_t i = 0; i < self->taken_out_count; i++) {
        taken_out_t *one = &self->taken_out[i];
        error_t why = {0};
        trust_view_t view;
        revocation_t read;
        if (audit_view(self, one->received_us, &view, &why) != STATUS_OK ||
            revocation_verify(&view, one->document, &read, &why) != STATUS_OK) {
            return audit_break_why(self, one->line, "revocation", &why, err);
        }
        self->taken_out_good++;
        self->counts.revocations++;
    }
    return STATUS_OK;
}

/* --- cards ----------------------------------------------------------------------------------- */

/* A card is good if it was on the day that it was decided; of one that was revoked since, only its
 * own date tells of a day when it held. */
static status_t verify_card(audit_verify_t *self, const document_t *document, int64_t decided_us,
                            card_t **ret_card, error_t *err) {
    trust_view_t view;
    CLEANUP(card_destroy_p) card_t *said = NULL;
    error_t why = {0};
    if (audit_view(self, decided_us, &view, &why) == STATUS_OK &&
        card_verify(&view, document, ret_card, &why) == STATUS_OK) {
        return STATUS_OK;
    }
    TRY(card_read(document, &said, err));
    error_t second = {0};
    if (audit_view(self, said->issued_us, &view, &second) == STATUS_OK &&
        card_verify(&view, document, ret_card, &second) == STATUS_OK) {
        return STATUS_OK;
    }
    return audit_break_why(self, self->line, "card", &why, err);
}

status_t audit_take_card(audit_verify_t *self, const audit_line_t *line, error_t *err) {
    CLEANUP(document_destroy_p) document_t *document = NULL;
    CLEANUP(card_destroy_p) card_t *card = NULL;
    int64_t decided_us = 0;
    TRY(audit_line_number(line, "decided_us", &decided_us, err));
    TRY(audit_line_document(line, &document, err));
    TRY(verify_card(self, document, decided_us, &card, err));
    card_entry_t *entry = NULL;
    HASH_FIND(hh, self->cards, &card->key, sizeof card->key, entry);
    if (entry != NULL) {
        return audit_break(self, self->line, err, "a second card of the key of '%s'", card->name);
    }
    entry = calloc(1, sizeof *entry);
    if (entry == NULL) {
        return audit_no_memory(err);
    }
    entry->key = card->key;
    HASH_ADD(hh, self->cards, key, sizeof entry->key, entry);
    if (entry->hh.tbl == NULL) {
        free(entry);
        return audit_no_memory(err);
    }
    entry->card = TAKE(card);
    self->counts.cards++;
    return STATUS_OK;
}
