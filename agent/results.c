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

static status_t sign_group(results_group_t *group, const results_signer_t *signer, error_t *err) {
    CLEANUP(document_destroy_p) document_t *document = NULL;
    result_t result = {.fleet = signer->fleet,
                       .order = group->order,
                       .wave = group->wave,
                       .issued_us = group->newest_us,
                       .entries = group->entries,
                       .entry_count = group->count};
    TRY(result_write(&result, &document, err));
    TRY(document_sign(document, signer->secret, err));
    return document_encode(document, &group->document, err);
}

status_t results_sign(results_t *results, const results_signer_t *signer,
                      ProtobufCBinaryData *fields, error_t *err) {
    for (size_t i = 0; i < results->count; i++) {
        TRY(sign_group(results->groups[i], signer, err));
        fields[i] =
            field_of_bytes(results->groups[i]->document.data, results->groups[i]->document.size);
    }
    return STATUS_OK;
}

void results_free(results_t *results) {
    for (size_t i = 0; i < results->count; i++) {
        buffer_free(&results->groups[i]->document);
        free(results->groups[i]);
    }
    results->count = 0;
}
