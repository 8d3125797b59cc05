/*
 * ledger.c: see ledger.h. The canonical form is the fields in the order of ledger_row_t, texts with
 * their length in front, numbers as eight big-endian bytes, digests and ids as their bytes (zeroes
 * where absent). It is part of the format: a change needs another HASH_LEDGER domain.
 */
#include "common/postgres/ledger.h"
#include "common/crypto/hash.h"

#include <inttypes.h>
#include <string.h>

static const char *const kind_texts[LEDGER_KIND_COUNT] = {
    [LEDGER_APPLY] = "apply",           [LEDGER_UNDO] = "undo",   [LEDGER_BASELINE] = "baseline",
    [LEDGER_RESTORE] = "restore",       [LEDGER_ADOPT] = "adopt", [LEDGER_PATCH] = "patch",
    [LEDGER_REPEATABLE] = "repeatable",
};

const char *ledger_kind_text(ledger_kind_t kind) {
    INVARIANT(kind < LEDGER_KIND_COUNT);
    return kind_texts[kind];
}

status_t ledger_kind_parse(const char *text, ledger_kind_t *ret_kind, error_t *err) {
    for (int kind = 0; kind < LEDGER_KIND_COUNT; kind++) {
        if (strcmp(text, kind_texts[kind]) == 0) {
            *ret_kind = (ledger_kind_t)kind;
            return STATUS_OK;
        }
    }
    return error_set(err, ERROR_INVALID, "'%s' is no kind of ledger row", text);
}

static void add_ident(hash_t *hash, const ident_t *id) {
    hash_add(hash, id->bytes, IDENT_BYTES);
}

static void add_digest(hash_t *hash, const digest_t *digest) {
    hash_add(hash, digest->bytes, DIGEST_BYTES);
}

digest_t ledger_digest(const ledger_row_t *row) {
    hash_t hash;
    hash_begin(&hash, HASH_LEDGER);
    add_ident(&hash, &row->tenant);
    hash_add_text(&hash, row->application);
    hash_add_number(&hash, row->seq);
    hash_add_number(&hash, row->generation);
    hash_add_text(&hash, ledger_kind_text(row->kind));
    hash_add_number(&hash, row->position);
    hash_add_text(&hash, row->version);
    add_digest(&hash, &row->script);
    add_digest(&hash, &row->undo);
    add_digest(&hash, &row->bundle);
    add_ident(&hash, &row->order);
    add_ident(&hash, &row->rollout);
    add_ident(&hash, &row->job);
    add_ident(&hash, &row->attempt);
    hash_add_number(&hash, row->epoch);
    add_ident(&hash, &row->incarnation);
    hash_add_number(&hash, row->started_us);
    hash_add_number(&hash, row->finished_us);
    hash_add_text(&hash, row->actor);
    add_digest(&hash, &row->strict);
    add_digest(&hash, &row->logical);
    hash_add_text(&hash, row->stamp);
    add_digest(&hash, &row->cites);
    add_digest(&hash, &row->previous);
    return hash_end(&hash);
}

void ledger_seal(ledger_row_t *row, const ledger_signer_t *signer) {
    row->digest = ledger_digest(row);
    row->agent = *signer->key;
    row->signature = sign_bytes(signer->secret, SIGN_LEDGER, row->digest.bytes, DIGEST_BYTES);
}

/* What is wrong with a row that follows `before` (NULL: nothing is known before it), or NULL. */
static const char *row_fault(const ledger_row_t *row, const ledger_row_t *before,
                             ledger_trusts_fn *trusts, void *context) {
    if (before != NULL && row->seq != before->seq + 1) {
        return "rows are missing before it";
    }
    if (before != NULL && !digest_equal(&row->previous, &before->digest)) {
        return "it does not follow the row before it";
    }
    if ((row->seq == 1) != digest_is_null(&row->previous)) {
        return "rows are missing before it";
    }
    digest_t digest = ledger_digest(row);
    if (!digest_equal(&digest, &row->digest)) {
        return "its fields do not match its digest";
    }
    if (!sign_verify(&row->agent, SIGN_LEDGER, row->digest.bytes, DIGEST_BYTES, &row->signature)) {
        return "its signature does not match";
    }
    if (trusts != NULL && !trusts(&row->agent, context)) {
        return "it is signed by a key that is not enrolled";
    }
    return NULL;
}

status_t ledger_verify_chain(ledger_rows_t rows, ledger_trusts_fn *trusts, void *context,
                             size_t *ret_bad, error_t *err) {
    for (size_t i = 0; i < rows.count; i++) {
        const ledger_row_t *row = &rows.rows[i];
        const char *fault = row_fault(row, i == 0 ? NULL : &rows.rows[i - 1], trusts, context);
        if (fault != NULL) {
            if (ret_bad != NULL) {
                *ret_bad = i;
            }
            return error_set(err, ERROR_LEDGER_EDITED, "ledger row %" PRId64 " (%s %s): %s",
                             row->seq, ledger_kind_text(row->kind), row->version, fault);
        }
    }
    return STATUS_OK;
}

static status_t misfit(const ledger_row_t *row, const ledger_standing_t *standing, error_t *err) {
    return error_set(err, ERROR_LEDGER_EDITED,
                     "ledger row %" PRId64 " (%s of position %d, generation %d) does not follow "
                     "position %d, generation %d, row %" PRId64,
                     row->seq, ledger_kind_text(row->kind), row->position, row->generation,
                     standing->position, standing->generation, standing->seq);
}

/* Whether a row may come after a standing, and whether it opens what the standing continues. */
static bool row_fits(const ledger_row_t *row, const ledger_standing_t *standing) {
    bool first = standing->seq == 0;
    bool same_generation = row->generation == standing->generation;
    if (row->seq != standing->seq + 1) {
        return false;
    }
    switch (row->kind) {
    case LEDGER_APPLY:
        return !first && same_generation && row->position == standing->position + 1;
    case LEDGER_UNDO:
        return !first && same_generation && row->position == standing->position &&
               row->position > 0;
    case LEDGER_BASELINE:
        return first || same_generation;
    case LEDGER_RESTORE:
    case LEDGER_ADOPT:
        return first || row->generation == standing->generation + 1;
    case LEDGER_PATCH:
    case LEDGER_REPEATABLE:
        return !first && same_generation && row->position == standing->position;
    case LEDGER_KIND_COUNT:
        break;
    }
    return false;
}

status_t ledger_step(ledger_standing_t *standing, const ledger_row_t *row, error_t *err) {
    if (!row_fits(row, standing)) {
        return misfit(row, standing, err);
    }
    standing->seq = row->seq;
    standing->generation = row->generation;
    standing->head = row->digest;
    standing->position = row->kind == LEDGER_UNDO ? row->position - 1 : row->position;
    switch (row->kind) {
    case LEDGER_UNDO:
        standing->version[0] = '\0';
        break;
    case LEDGER_APPLY:
    case LEDGER_BASELINE:
    case LEDGER_RESTORE:
    case LEDGER_ADOPT:
        memcpy(standing->version, row->version, sizeof standing->version);
        break;
    case LEDGER_PATCH:
    case LEDGER_REPEATABLE:
    case LEDGER_KIND_COUNT:
        break;
    }
    return STATUS_OK;
}

/* Version at the position that an undo went back to: of the last row that reached it. */
static void find_version(ledger_rows_t rows, ledger_standing_t *standing) {
    for (size_t i = rows.count; i > 0 && standing->position > 0; i--) {
        const ledger_row_t *row = &rows.rows[i - 1];
        bool reached =
            row->kind != LEDGER_UNDO && row->kind != LEDGER_PATCH && row->kind != LEDGER_REPEATABLE;
        if (reached && row->position == standing->position) {
            memcpy(standing->version, row->version, sizeof standing->version);
            return;
        }
    }
}

status_t ledger_fold(ledger_rows_t rows, ledger_standing_t *ret_standing, error_t *err) {
    ledger_standing_t standing = {0};
    for (size_t i = 0; i < rows.count; i++) {
        TRY(ledger_step(&standing, &rows.rows[i], err));
    }
    if (standing.version[0] == '\0') {
        find_version(rows, &standing);
    }
    *ret_standing = standing;
    return STATUS_OK;
}
