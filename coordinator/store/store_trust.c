/* store_trust.c: see store_trust.h. */
#include "coordinator/store/store_trust.h"
#include "coordinator/store/query.h"

#include <string.h>

/* ------------------------------------------------------------------ keys and documents */

/* A signing key stands in a column as any other key of 32 bytes does. */
static void bind_sign(query_t *query, int n, const sign_public_t *key) {
    agent_key_t bytes;
    memcpy(bytes.bytes, key->bytes, sizeof bytes.bytes);
    query_key(query, n, &bytes);
}

static sign_public_t sign_at(query_t *query, int column) {
    agent_key_t bytes = query_key_at(query, column);
    sign_public_t key;
    memcpy(key.bytes, bytes.bytes, sizeof key.bytes);
    return key;
}

static void bind_paper(query_t *query, int n, const store_paper_t *paper) {
    query_bytes(query, n, (driver_bytes_t){.data = paper->bytes, .size = paper->size});
}

/* In the arena, or borrowed until the next row where arena is NULL. */
static store_paper_t paper_at(query_t *query, int column, arena_t *arena) {
    driver_bytes_t bytes =
        arena != NULL ? query_keep_bytes_at(query, column, arena) : query_bytes_at(query, column);
    return (store_paper_t){.bytes = bytes.data, .size = bytes.size};
}

static const char *text_at(query_t *query, int column, arena_t *arena) {
    return arena != NULL ? query_keep_at(query, column, arena) : query_text_at(query, column);
}

/* ------------------------------------------------------------------ trust files */

status_t store_trust_file_insert(store_t *store, const trust_file_row_t *file, bool *ret_new,
                                 error_t *err) {
    CLEANUP(query_end) query_t query = query_begin(store, STATEMENT_TRUST_FILE_INSERT, err);
    query_number(&query, 1, file->version);
    query_digest(&query, 2, &file->digest);
    bind_paper(&query, 3, &file->document);
    query_text(&query, 4, file->published_by);
    query_number(&query, 5, file->published_us);
    int64_t changed = 0;
    TRY(query_run(&query, &changed));
    *ret_new = changed == 1;
    return STATUS_OK;
}

status_t store_trust_file_each(store_t *store, int64_t from, store_trust_file_fn *fn, void *context,
                               error_t *err) {
    CLEANUP(query_end) query_t query = query_begin(store, STATEMENT_TRUST_FILE_LIST, err);
    query_number(&query, 1, from);
    for (;;) { /* ends with the rows */
        bool row = false;
        TRY(query_next(&query, &row));
        if (!row) {
            return STATUS_OK;
        }
        trust_file_row_t file = {
            .version = query_number_at(&query, 0),
            .digest = query_digest_at(&query, 1),
            .document = paper_at(&query, 2, NULL),
            .published_by = query_text_at(&query, 3),
            .published_us = query_number_at(&query, 4),
        };
        TRY(query_check(&query));
        TRY(fn(context, &file, err));
    }
}

/* ------------------------------------------------------------------ revocations */

status_t store_revocation_insert(store_t *store, const revocation_row_t *revocation, bool *ret_new,
                                 error_t *err) {
    CLEANUP(query_end) query_t query = query_begin(store, STATEMENT_REVOCATION_INSERT, err);
    bind_sign(&query, 1, &revocation->key);
    query_digest(&query, 2, &revocation->digest);
    bind_paper(&query, 3, &revocation->document);
    query_number(&query, 4, revocation->received_us);
    int64_t changed = 0;
    TRY(query_run(&query, &changed));
    *ret_new = changed == 1;
    return STATUS_OK;
}

status_t store_revocation_each(store_t *store, store_revocation_fn *fn, void *context,
                               error_t *err) {
    CLEANUP(query_end) query_t query = query_begin(store, STATEMENT_REVOCATION_LIST, err);
    for (;;) { /* ends with the rows */
        bool row = false;
        TRY(query_next(&query, &row));
        if (!row) {
            return STATUS_OK;
        }
        revocation_row_t revocation = {
            .key = sign_at(&query, 0),
            .digest = query_digest_at(&query, 1),
            .document = paper_at(&query, 2, NULL),
            .received_us = query_number_at(&query, 3),
        };
        TRY(query_check(&query));
        TRY(fn(context, &revocation, err));
    }
}

/* ------------------------------------------------------------------ enrolments */

const char *enrolment_state_text(enrolment_state_t state) {
    static const char *const TEXTS[ENROLMENT_STATE_END] = {
        [ENROLMENT_PENDING] = "pending",
        [ENROLMENT_ACCEPTED] = "accepted",
        [ENROLMENT_REJECTED] = "rejected",
        [ENROLMENT_REVOKED] = "revoked",
    };
    INVARIANT(state >= ENROLMENT_PENDING && state < ENROLMENT_STATE_END);
    return TEXTS[state];
}

status_t store_enrolment_put(store_t *store, const enrolment_row_t *enrolment, error_t *err) {
    CLEANUP(query_end) query_t query = query_begin(store, STATEMENT_ENROLMENT_PUT, err);
    bind_sign(&query, 1, &enrolment->sign);
    query_key(&query, 2, &enrolment->curve);
    query_text(&query, 3, enrolment->name);
    query_number(&query, 4, (int64_t)enrolment->state);
    bind_paper(&query, 5, &enrolment->request);
    query_digest(&query, 6, &enrolment->fingerprint);
    bind_paper(&query, 7, &enrolment->card);
    bind_paper(&query, 8, &enrolment->draft);
    query_number(&query, 9, enrolment->serial);
    query_number(&query, 10, enrolment->expires_us);
    query_text(&query, 11, enrolment->reason);
    query_number(&query, 12, enrolment->asked_us);
    query_number(&query, 13, enrolment->decided_us);
    return query_run(&query, NULL);
}

static enrolment_row_t enrolment_at(query_t *query, arena_t *arena) {
    uint32_t state = query_enum_at(query, 3, ENROLMENT_STATE_END);
    return (enrolment_row_t){
        .sign = sign_at(query, 0),
        .curve = query_key_at(query, 1),
        .name = text_at(query, 2, arena),
        /* 0 is a row that nobody wrote: it stands for no agent */
        .state = state != 0 ? (enrolment_state_t)state : ENROLMENT_REJECTED,
        .request = paper_at(query, 4, arena),
        .fingerprint = query_digest_at(query, 5),
        .card = paper_at(query, 6, arena),
        .draft = paper_at(query, 7, arena),
        .serial = query_number_at(query, 8),
        .expires_us = query_number_at(query, 9),
        .reason = text_at(query, 10, arena),
        .asked_us = query_number_at(query, 11),
        .decided_us = query_number_at(query, 12),
    };
}

static status_t only_enrolment(query_t *query, const char *what, arena_t *arena,
                               enrolment_row_t *ret_enrolment, error_t *err) {
    bool row = false;
    TRY(query_next(query, &row));
    if (!row) {
        return error_set(err, ERROR_NOT_FOUND, "no host has asked to be enrolled as %s", what);
    }
    enrolment_row_t enrolment = enrolment_at(query, arena);
    TRY(query_check(query));
    *ret_enrolment = enrolment;
    return STATUS_OK;
}

status_t store_enrolment_get(store_t *store, const sign_public_t *sign, arena_t *arena,
                             enrolment_row_t *ret_enrolment, error_t *err) {
    char text[DIGEST_TEXT_SIZE];
    CLEANUP(query_end) query_t query = query_begin(store, STATEMENT_ENROLMENT_GET, err);
    bind_sign(&query, 1, sign);
    return only_enrolment(&query, hex_text(sign->bytes, sizeof sign->bytes, text), arena,
                          ret_enrolment, err);
}

status_t store_enrolment_by_name(store_t *store, const char *name, arena_t *arena,
                                 enrolment_row_t *ret_enrolment, error_t *err) {
    CLEANUP(query_end) query_t query = query_begin(store, STATEMENT_ENROLMENT_BY_NAME, err);
    query_text(&query, 1, name);
    return only_enrolment(&query, name, arena, ret_enrolment, err);
}

status_t store_enrolment_each(store_t *store, enrolment_state_t state, store_enrolment_fn *fn,
                              void *context, error_t *err) {
    CLEANUP(query_end) query_t query = query_begin(store, STATEMENT_ENROLMENT_LIST, err);
    query_number(&query, 1, (int64_t)state);
    for (;;) { /* ends with the rows */
        bool row = false;
        TRY(query_next(&query, &row));
        if (!row) {
            return STATUS_OK;
        }
        enrolment_row_t enrolment = enrolment_at(&query, NULL);
        TRY(query_check(&query));
        TRY(fn(context, &enrolment, err));
    }
}

status_t store_enrolment_count(store_t *store, enrolment_state_t state, int64_t *ret_count,
                               error_t *err) {
    CLEANUP(query_end) query_t query = query_begin(store, STATEMENT_ENROLMENT_COUNT, err);
    query_number(&query, 1, (int64_t)state);
    bool row = false;
    TRY(query_next(&query, &row));
    *ret_count = row ? query_number_at(&query, 0) : 0;
    return query_check(&query);
}

/* ------------------------------------------------------------------ invitations */

status_t store_invitation_insert(store_t *store, const invitation_row_t *invitation, error_t *err) {
    CLEANUP(query_end) query_t query = query_begin(store, STATEMENT_INVITATION_INSERT, err);
    query_key(&query, 1, &invitation->curve);
    query_text(&query, 2, invitation->name);
    query_text(&query, 3, invitation->made_by);
    query_number(&query, 4, invitation->made_us);
    query_number(&query, 5, invitation->expires_us);
    int64_t changed = 0;
    TRY(query_run(&query, &changed));
    if (changed == 0) {
        return error_set(err, ERROR_INVALID, "this key was invited before: make a new one");
    }
    return STATUS_OK;
}

static invitation_row_t invitation_at(query_t *query, arena_t *arena) {
    return (invitation_row_t){
        .curve = query_key_at(query, 0),
        .name = text_at(query, 1, arena),
        .made_by = text_at(query, 2, arena),
        .made_us = query_number_at(query, 3),
        .expires_us = query_number_at(query, 4),
        .used_us = query_number_at(query, 5),
    };
}

status_t store_invitation_get(store_t *store, const agent_key_t *curve, arena_t *arena,
                              invitation_row_t *ret_invitation, error_t *err) {
    CLEANUP(query_end) query_t query = query_begin(store, STATEMENT_INVITATION_GET, err);
    query_key(&query, 1, curve);
    bool row = false;
    TRY(query_next(&query, &row));
    if (!row) {
        return error_set(err, ERROR_NOT_FOUND, "no invitation has this key");
    }
    invitation_row_t invitation = invitation_at(&query, arena);
    TRY(query_check(&query));
    *ret_invitation = invitation;
    return STATUS_OK;
}

status_t store_invitation_use(store_t *store, const invitation_use_t *use, bool *ret_first,
                              error_t *err) {
    CLEANUP(query_end) query_t query = query_begin(store, STATEMENT_INVITATION_USE, err);
    query_key(&query, 1, &use->curve);
    query_number(&query, 2, use->used_us);
    int64_t changed = 0;
    TRY(query_run(&query, &changed));
    *ret_first = changed == 1;
    return STATUS_OK;
}

status_t store_invitation_each(store_t *store, int64_t now_us, store_invitation_fn *fn,
                               void *context, error_t *err) {
    CLEANUP(query_end) query_t query = query_begin(store, STATEMENT_INVITATION_LIST, err);
    query_number(&query, 1, now_us);
    for (;;) { /* ends with the rows */
        bool row = false;
        TRY(query_next(&query, &row));
        if (!row) {
            return STATUS_OK;
        }
        invitation_row_t invitation = invitation_at(&query, NULL);
        TRY(query_check(&query));
        TRY(fn(context, &invitation, err));
    }
}
