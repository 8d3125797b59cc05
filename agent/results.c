/* results.c: see results.h. */
#include "agent/results.h"

#include "common/wire/field.h"

#include <string.h>

uint32_t results_outcome(job_outcome_t outcome) {
    switch (outcome) {
    case JOB_OUTCOME_DONE:
        return RESULT_DONE;
    case JOB_OUTCOME_NOT_NEEDED:
    case JOB_OUTCOME_GONE: /* nobody is left who could be harmed */
        return RESULT_NOT_NEEDED;
    case JOB_OUTCOME_REFUSED:
    case JOB_OUTCOME_FAILED:
    case JOB_OUTCOME_CANCELLED:
        return RESULT_FAILED;
    case JOB_OUTCOME_NONE:
    case JOB_OUTCOME_STARTED:
    case JOB_OUTCOME_TRANSIENT:
    case JOB_OUTCOME_UNKNOWN:
    case JOB_OUTCOME_COUNT:
        break;
    }
    return 0;
}

static status_t find_group(results_t *results, const digest_t *order, uint32_t wave,
                           results_group_t **ret_group, error_t *err) {
    *ret_group = NULL;
    for (size_t i = 0; i < results->count; i++) {
        results_group_t *group = results->groups[i];
        if (group->wave == wave && digest_equal(&group->order, order)) {
            *ret_group = group;
            return STATUS_OK;
        }
    }
    if (results->count == WIRE_RESULTS) {
        return STATUS_OK;
    }
    results_group_t *group = calloc(1, sizeof *group);
    if (group == NULL) {
        return error_set(err, ERROR_NO_MEMORY, "out of memory for a result");
    }
    group->order = *order;
    group->wave = wave;
    results->groups[results->count++] = group;
    *ret_group = group;
    return STATUS_OK;
}

/* At its place; what was said of the tenant before goes. */
static void put_entry(results_group_t *group, const result_entry_t *entry) {
    size_t at = 0;
    while (at < group->count && ident_compare(&group->entries[at].tenant, &entry->tenant) < 0) {
        at++;
    }
    bool known = at < group->count && ident_equal(&group->entries[at].tenant, &entry->tenant);
    if (!known) {
        INVARIANT(group->count < WIRE_REPORTS);
        memmove(&group->entries[at + 1], &group->entries[at],
                (group->count - at) * sizeof *group->entries);
        group->count++;
    }
    group->entries[at] = *entry;
}

status_t results_add(results_t *results, const Drover__Report *report, uint32_t outcome,
                     bool *ret_fits, error_t *err) {
    results_group_t *group = NULL;
    digest_t order = field_digest(report->order);
    *ret_fits = true;
    if (outcome == 0 || outcome >= RESULT_OUTCOME_END || digest_is_null(&order)) {
        return STATUS_OK;
    }
    TRY(find_group(results, &order, report->wave, &group, err));
    if (group == NULL) {
        *ret_fits = false;
        return STATUS_OK;
    }
    result_entry_t entry = {.tenant = field_ident(report->tenant),
                            .outcome = (result_outcome_t)outcome};
    put_entry(group, &entry);
    if (report->finished_us > group->newest_us) {
        group->newest_us = report->finished_us;
    }
    return STATUS_OK;
}

static status_t sign_words(const book_words_t *words, const results_signer_t *signer, buffer_t *out,
                           error_t *err) {
    CLEANUP(document_destroy_p) document_t *document = NULL;
    result_t result = {.fleet = signer->fleet,
                       .order = words->order,
                       .wave = words->wave,
                       .issued_us = words->newest_us,
                       .entries = words->entries,
                       .entry_count = words->count};
    TRY(result_write(&result, &document, err));
    TRY(document_sign(document, signer->secret, err));
    return document_encode(document, out, err);
}

/* What is new stands in a document of its own in any case: the other one may not fit, and the
 * coordinator may have reason to keep nothing of it. */
static status_t sign_group(results_group_t *group, const results_signer_t *signer,
                           size_t *tenants_left, error_t *err) {
    const book_pile_t *again = NULL;
    book_words_t words = {.order = group->order,
                          .wave = group->wave,
                          .newest_us = group->newest_us,
                          .entries = group->entries,
                          .count = group->count};
    TRY(sign_words(&words, signer, &group->document, err));
    TRY(book_add(signer->book, &words, &again, err));
    if (again == NULL || again->count > *tenants_left) {
        return STATUS_OK; /* the next larger one covers it */
    }
    *tenants_left -= again->count;
    words.newest_us = again->newest_us;
    words.entries = again->entries;
    words.count = again->count;
    return sign_words(&words, signer, &group->again, err);
}

status_t results_sign(results_t *results, const results_signer_t *signer,
                      ProtobufCBinaryData *fields, size_t *ret_count, error_t *err) {
    size_t count = 0;
    size_t tenants_left = RESULT_OUTCOMES;
    for (size_t i = 0; i < results->count; i++) {
        const results_group_t *group = results->groups[i];
        TRY(sign_group(results->groups[i], signer, &tenants_left, err));
        fields[count++] = field_of_bytes(group->document.data, group->document.size);
    }
    for (size_t i = 0; i < results->count && count < WIRE_RESULTS; i++) {
        const results_group_t *group = results->groups[i];
        if (group->again.size > 0) {
            fields[count++] = field_of_bytes(group->again.data, group->again.size);
        }
    }
    *ret_count = count;
    return STATUS_OK;
}

void results_free(results_t *results) {
    for (size_t i = 0; i < results->count; i++) {
        buffer_free(&results->groups[i]->document);
        buffer_free(&results->groups[i]->again);
        free(results->groups[i]);
    }
    results->count = 0;
}
