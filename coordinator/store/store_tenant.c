/*
 * store_tenant.c: writing tenants; store_tenant_read.c reads them. See store_tenant.h.
 */
#include "coordinator/store/store_tenant.h"
#include "coordinator/store/query.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* What put needs of the row as it stands. */
typedef struct known {
    bool exists;
    bool same_place;
    bool gone;
    uint32_t incarnation;
    int64_t size_bytes;
    int64_t observed_us;
    char place[160]; /* cluster and database, for a clone's message */
} known_t;

static const char *text_or_empty(const char *text) {
    return text != NULL ? text : "";
}

static int64_t compare_heads(const application_row_t *a, const application_row_t *b) {
    if (a->generation != b->generation) {
        return a->generation < b->generation ? -1 : 1;
    }
    if (a->ledger_sequence != b->ledger_sequence) {
        return a->ledger_sequence < b->ledger_sequence ? -1 : 1;
    }
    return 0;
}

/* When both were observed, and what the clock says now. */
typedef struct moments {
    int64_t known_us;
    int64_t seen_us;
    int64_t now_us;
} moments_t;

/* Whether what is known outweighs what was seen; what a clock noted that stood ahead does not. */
static bool is_outweighed(const moments_t *at) {
    return at->seen_us < at->known_us && at->known_us <= at->now_us;
}

head_verdict_t store_tenant_judge(const application_row_t *known, const application_row_t *seen,
                                  const sighting_t *sighting) {
    if (known == NULL) {
        return HEAD_NEW;
    }
    int64_t order = compare_heads(seen, known);
    if (order > 0) {
        return HEAD_NEWER;
    }
    moments_t at = {
        .known_us = known->observed_us, .seen_us = seen->observed_us, .now_us = sighting->now_us};
    if (sighting->late || is_outweighed(&at)) {
        return HEAD_STALE;
    }
    bool same = order == 0 && digest_equal(&known->ledger_digest, &seen->ledger_digest);
    return same ? HEAD_SAME : HEAD_REGRESSED; /* older, or another history of the same length */
}

static status_t read_known(store_t *store, const tenant_row_t *tenant, known_t *ret_known,
                           error_t *err) {
    CLEANUP(query_end) query_t query = query_begin(store, STATEMENT_TENANT_GET, err);
    query_ident(&query, 1, &tenant->id);
    bool row = false;
    TRY(query_next(&query, &row));
    known_t known = {.exists = row, .incarnation = 1};
    if (row) {
        uint64_t cluster = query_unsigned_at(&query, 2);
        const char *database = query_text_at(&query, 3);
        const char *schema = query_text_at(&query, 4);
        known.same_place = cluster == tenant->system_identifier &&
                           strcmp(database, text_or_empty(tenant->database)) == 0 &&
                           strcmp(schema, text_or_empty(tenant->schema)) == 0;
        known.size_bytes = query_number_at(&query, 7);
        known.incarnation = query_u32_at(&query, 8);
        known.gone = query_flag_at(&query, 11);
        known.observed_us = query_number_at(&query, 12);
        (void)snprintf(known.place, sizeof known.place, "database '%.64s' of cluster %" PRIu64,
                       database, cluster);
    }
    TRY(query_check(&query));
    *ret_known = known;
    return STATUS_OK;
}

/* Whether the stored labels are these, so that nothing need be written. Labels come by key from
 * agents; another order only costs a rewrite. */
static status_t labels_equal(store_t *store, const tenant_row_t *tenant, bool *ret_equal,
                             error_t *err) {
    CLEANUP(query_end) query_t query = query_begin(store, STATEMENT_LABELS_OF, err);
    query_ident(&query, 1, &tenant->id);
    bool equal = true;
    bool row = true;
    for (size_t i = 0; i <= tenant->label_count && equal; i++) {
        TRY(query_next(&query, &row));
        bool wanted = i < tenant->label_count;
        equal = row == wanted;
        if (row && wanted) {
            equal = strcmp(query_text_at(&query, 0), tenant->labels[i].key) == 0 &&
                    strcmp(query_text_at(&query, 1), tenant->labels[i].value) == 0;
        }
    }
    *ret_equal = equal;
    return STATUS_OK;
}

static status_t clear_labels(store_t *store, const ident_t *tenant, error_t *err) {
    CLEANUP(query_end) query_t query = query_begin(store, STATEMENT_LABELS_CLEAR, err);
    query_ident(&query, 1, tenant);
    return query_run(&query, NULL);
}

static status_t put_labels(store_t *store, const tenant_row_t *tenant, error_t *err) {
    bool equal = false;
    TRY(labels_equal(store, tenant, &equal, err));
    if (equal) {
        return STATUS_OK;
    }
    TRY(clear_labels(store, &tenant->id, err));
    CLEANUP(query_end) query_t query = query_begin(store, STATEMENT_LABEL_PUT, err);
    for (size_t i = 0; i < tenant->label_count; i++) {
        query_ident(&query, 1, &tenant->id);
        query_text(&query, 2, tenant->labels[i].key);
        query_text(&query, 3, tenant->labels[i].value);
        TRY(query_run(&query, NULL));
    }
    return STATUS_OK;
}

/* Judge a head against the one stored. */
static status_t judge_stored(store_t *store, const ident_t *tenant, const application_row_t *seen,
                             const sighting_t *sighting, head_verdict_t *ret_verdict,
                             error_t *err) {
    CLEANUP(query_end) query_t query = query_begin(store, STATEMENT_APPLICATION_GET, err);
    query_ident(&query, 1, tenant);
    query_text(&query, 2, seen->application);
    bool row = false;
    TRY(query_next(&query, &row));
    application_row_t known = {0};
    if (row) {
        known.generation = query_u32_at(&query, 1);
        known.ledger_sequence = query_number_at(&query, 4);
        known.ledger_digest = query_digest_at(&query, 5);
        known.observed_us = query_number_at(&query, 8);
    }
    TRY(query_check(&query));
    *ret_verdict = store_tenant_judge(row ? &known : NULL, seen, sighting);
    return STATUS_OK;
}

static status_t put_application(store_t *store, const ident_t *tenant,
                                const application_row_t *seen, const sighting_t *sighting,
                                head_verdict_t *ret_verdict, error_t *err) {
    head_verdict_t verdict = HEAD_STALE;
    TRY(judge_stored(store, tenant, seen, sighting, &verdict, err));
    if (verdict != HEAD_STALE) {
        CLEANUP(query_end) query_t query = query_begin(store, STATEMENT_APPLICATION_PUT, err);
        query_text(&query, 1, seen->application);
        query_number(&query, 2, seen->generation);
        query_number(&query, 3, seen->position);
        query_text(&query, 4, seen->version);
        query_number(&query, 5, seen->ledger_sequence);
        query_digest(&query, 6, &seen->ledger_digest);
        query_digest(&query, 7, &seen->fingerprint_strict);
        query_digest(&query, 8, &seen->fingerprint_logical);
        query_number(&query, 9, seen->observed_us);
        query_ident(&query, 10, tenant);
        TRY(query_run(&query, NULL));
    }
    *ret_verdict = verdict;
    return STATUS_OK;
}

/* Write the heads; a regression of any raises the incarnation once. */
static status_t put_applications(store_t *store, const tenant_row_t *tenant,
                                 const sighting_t *sighting, tenant_change_t *change,
                                 error_t *err) {
    for (size_t i = 0; i < tenant->application_count; i++) {
        head_verdict_t verdict = HEAD_SAME;
        TRY(put_application(store, &tenant->id, &tenant->applications[i], sighting, &verdict, err));
        if (verdict == HEAD_REGRESSED && !change->regressed) {
            change->regressed = true;
            change->incarnation++;
        }
    }
    return STATUS_OK;
}

static status_t put_row(store_t *store, const tenant_row_t *tenant, const known_t *known,
                        uint32_t incarnation, error_t *err) {
    CLEANUP(query_end) query_t query = query_begin(store, STATEMENT_TENANT_PUT, err);
    query_ident(&query, 1, &tenant->id);
    query_text(&query, 2, tenant->name);
    query_unsigned(&query, 3, tenant->system_identifier);
    query_text(&query, 4, tenant->database);
    query_text(&query, 5, tenant->schema);
    query_key(&query, 6, &tenant->agent);
    query_flag(&query, 7, tenant->stamped);
    query_number(&query, 8, tenant->size_bytes > 0 ? tenant->size_bytes : known->size_bytes);
    query_number(&query, 9, incarnation);
    query_text(&query, 10, tenant->problem_code);
    query_text(&query, 11, tenant->problem);
    query_flag(&query, 12, tenant->gone);
    query_number(&query, 13, tenant->observed_us);
    query_ident(&query, 14, &tenant->snapshot);
    return query_run(&query, NULL);
}

/* A late message still names its tenant, so that the end of its snapshot does not lose it. */
static status_t put_named(store_t *store, const tenant_row_t *tenant, error_t *err) {
    CLEANUP(query_end) query_t query = query_begin(store, STATEMENT_TENANT_NAMED, err);
    query_ident(&query, 1, &tenant->id);
    query_ident(&query, 2, &tenant->snapshot);
    return query_run(&query, NULL);
}

static status_t put_clone(store_t *store, const tenant_row_t *tenant, const known_t *known,
                          error_t *err) {
    char problem[256];
    (void)snprintf(problem, sizeof problem, "a copy: the tenant of this id stands in %s",
                   known->place);
    CLEANUP(query_end) query_t query = query_begin(store, STATEMENT_CLONE_PUT, err);
    query_ident(&query, 1, &tenant->id);
    query_unsigned(&query, 2, tenant->system_identifier);
    query_text(&query, 3, tenant->database);
    query_text(&query, 4, tenant->schema);
    query_text(&query, 5, tenant->name);
    query_key(&query, 6, &tenant->agent);
    query_error_code(&query, 7, ERROR_TENANT_CLONE);
    query_text(&query, 8, problem);
    query_number(&query, 9, tenant->observed_us);
    query_ident(&query, 10, &tenant->snapshot);
    return query_run(&query, NULL);
}

static status_t delete_clone(store_t *store, const tenant_row_t *tenant, error_t *err) {
    CLEANUP(query_end) query_t query = query_begin(store, STATEMENT_CLONE_DELETE, err);
    query_ident(&query, 1, &tenant->id);
    query_unsigned(&query, 2, tenant->system_identifier);
    query_text(&query, 3, tenant->database);
    query_text(&query, 4, tenant->schema);
    return query_run(&query, NULL);
}

/* Where the tenant stands, from what is known and what was seen. Pure. */
static tenant_place_t judge_place(const known_t *known, const tenant_row_t *tenant,
                                  int64_t now_us) {
    if (!known->exists) {
        return TENANT_CREATED;
    }
    if (known->same_place) {
        moments_t at = {
            .known_us = known->observed_us, .seen_us = tenant->observed_us, .now_us = now_us};
        return is_outweighed(&at) ? TENANT_LATE : TENANT_STAYED;
    }
    if (tenant->gone) {
        return TENANT_LATE; /* a copy that is no more */
    }
    return known->gone ? TENANT_MOVED : TENANT_CLONED;
}

static status_t put_at(store_t *store, const tenant_row_t *tenant, const known_t *known,
                       const sighting_t *sighting, tenant_change_t *change, error_t *err) {
    TRY(put_applications(store, tenant, sighting, change, err));
    TRY(put_row(store, tenant, known, change->incarnation, err));
    return put_labels(store, tenant, err);
}

status_t store_tenant_put(store_t *store, const tenant_row_t *tenant, int64_t now_us,
                          tenant_change_t *ret_change, error_t *err) {
    known_t known = {0};
    sighting_t sighting = {.now_us = now_us};
    TRY(read_known(store, tenant, &known, err));
    tenant_change_t change = {.place = judge_place(&known, tenant, now_us),
                              .incarnation = known.incarnation};
    switch (change.place) {
    case TENANT_CLONED:
        TRY(put_clone(store, tenant, &known, err));
        break;
    case TENANT_LATE:
        TRY(known.same_place ? put_named(store, tenant, err) : delete_clone(store, tenant, err));
        break;
    case TENANT_MOVED:
        TRY(delete_clone(store, tenant, err));
        TRY(put_at(store, tenant, &known, &sighting, &change, err));
        break;
    case TENANT_CREATED:
    case TENANT_STAYED:
        TRY(put_at(store, tenant, &known, &sighting, &change, err));
        break;
    case TENANT_PLACE_COUNT:
        break;
    }
    *ret_change = change;
    return STATUS_OK;
}

/* The statements of a snapshot's end share their first two parameters. */
static status_t run_snapshot(store_t *store, statement_id_t id, const tenant_snapshot_t *snapshot,
                             error_t *err) {
    CLEANUP(query_end) query_t query = query_begin(store, id, err);
    query_key(&query, 1, &snapshot->agent);
    query_ident(&query, 2, &snapshot->snapshot);
    return query_run(&query, NULL);
}

status_t store_tenant_finish_snapshot(store_t *store, const tenant_snapshot_t *snapshot,
                                      uint32_t *ret_gone, error_t *err) {
    /* moves first: what moved is not gone, and its old row as a clone is */
    TRY(run_snapshot(store, STATEMENT_TENANT_MOVE_TO_CLONE, snapshot, err));
    TRY(run_snapshot(store, STATEMENT_TENANT_FORGET_CLONES, snapshot, err));
    CLEANUP(query_end) query_t query = query_begin(store, STATEMENT_TENANT_GONE_UNNAMED, err);
    query_key(&query, 1, &snapshot->agent);
    query_ident(&query, 2, &snapshot->snapshot);
    query_number(&query, 3, snapshot->now_us);
    int64_t gone = 0;
    TRY(query_run(&query, &gone));
    *ret_gone = (uint32_t)gone;
    return STATUS_OK;
}

status_t store_tenant_set_gone(store_t *store, const ident_t *tenant, int64_t now_us,
                               error_t *err) {
    CLEANUP(query_end) query_t query = query_begin(store, STATEMENT_TENANT_GONE, err);
    query_ident(&query, 1, tenant);
    query_number(&query, 2, now_us);
    return query_run(&query, NULL);
}

static status_t read_incarnation(store_t *store, const ident_t *tenant, uint32_t *ret_incarnation,
                                 error_t *err) {
    CLEANUP(query_end) query_t query = query_begin(store, STATEMENT_TENANT_GET, err);
    query_ident(&query, 1, tenant);
    bool row = false;
    TRY(query_next(&query, &row));
    if (!row) {
        char text[IDENT_TEXT_SIZE];
        return error_set(err, ERROR_NOT_FOUND, "no tenant has id %s", ident_text(tenant, text));
    }
    uint32_t incarnation = query_u32_at(&query, 8);
    TRY(query_check(&query));
    *ret_incarnation = incarnation;
    return STATUS_OK;
}

status_t store_tenant_reported(store_t *store, const tenant_report_t *report,
                               head_verdict_t *ret_verdict, error_t *err) {
    uint32_t incarnation = 0;
    head_verdict_t verdict = HEAD_STALE;
    TRY(read_incarnation(store, &report->tenant, &incarnation, err));
    TRY(put_application(store, &report->tenant, report->application, &report->sighting, &verdict,
                        err));
    if (verdict != HEAD_STALE && (verdict == HEAD_REGRESSED || report->size_bytes > 0)) {
        CLEANUP(query_end) query_t query = query_begin(store, STATEMENT_TENANT_REPORTED, err);
        query_ident(&query, 1, &report->tenant);
        query_number(&query, 2, incarnation + (verdict == HEAD_REGRESSED ? 1 : 0));
        query_number(&query, 3, report->size_bytes);
        TRY(query_run(&query, NULL));
    }
    *ret_verdict = verdict;
    return STATUS_OK;
}
