/*
 * manifest_check.c: see manifest_check in bundle_internal.h. What building makes is checked again
 * here as if a stranger had made it.
 */
#include "common/migration/bundle_internal.h"

#include "common/base/limits.h"

#include <string.h>

#define MOST_TIMEOUT_MS (INT64_C(30) * 24 * 3600 * 1000)

typedef Drover__Bundle__Manifest manifest_t;
typedef Drover__Bundle__Migration entry_t;
typedef Drover__Bundle__Script part_t;
typedef Drover__Bundle__Statement piece_t;

status_t bundle_check_application(const char *name, error_t *err) {
    size_t size = strlen(name);
    bool letter = (name[0] >= 'a' && name[0] <= 'z') || (name[0] >= 'A' && name[0] <= 'Z');
    size_t good = strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                               "0123456789_-.");
    if (!letter || good != size || size > LIMIT_NAME_BYTES) {
        return error_set(err, ERROR_INVALID,
                         "application '%.60s': a letter, then letters, digits, _ - and ., at most "
                         "%d characters",
                         name, LIMIT_NAME_BYTES);
    }
    return STATUS_OK;
}

static status_t invalid(const entry_t *entry, const char *what, error_t *err) {
    return error_set(err, ERROR_BUNDLE_INVALID, "%.63s: %s", entry->version, what);
}

/* Names go into messages and tables: no control bytes. */
static bool is_plain(const char *text) {
    for (; *text != '\0'; text++) {
        if ((unsigned char)*text < 0x20 || *text == 0x7F) {
            return false;
        }
    }
    return true;
}

static status_t check_pieces(const entry_t *entry, const part_t *part, error_t *err) {
    bool queries = part->kind == SCRIPT_VERIFY || part->kind == SCRIPT_CHECK;
    uint64_t before = 0;
    for (size_t i = 0; i < part->n_statements; i++) {
        const piece_t *piece = part->statements[i];
        if (piece->offset < before || piece->length == 0 || piece->offset > part->size ||
            piece->length > part->size - piece->offset) {
            return invalid(entry, "statements that lie outside their script or on each other", err);
        }
        before = piece->offset + piece->length;
        if (piece->kind >= STATEMENT_KIND_COUNT) {
            return invalid(entry, "a kind of statement that this version does not know", err);
        }
        statement_where_t where = statement_kind_where((statement_kind_t)piece->kind);
        if (where == STATEMENT_NOWHERE || where == STATEMENT_INSIDE_ONLY ||
            (queries && piece->kind != STATEMENT_QUERY)) {
            return invalid(entry, "a statement where it may not stand", err);
        }
    }
    return STATUS_OK;
}

static status_t check_part(const entry_t *entry, const part_t *part, error_t *err) {
    bool queries = part->kind == SCRIPT_VERIFY || part->kind == SCRIPT_CHECK;
    bool listed = queries || part->outside_transaction;
    if (part->digest.len != DIGEST_BYTES) {
        return invalid(entry, "a script's digest has not 32 bytes", err);
    }
    if (part->size > LIMIT_SCRIPT_BYTES) {
        return invalid(entry, "a script of more than 16 MiB", err);
    }
    if (part->lock_timeout_ms < -1 || part->lock_timeout_ms > MOST_TIMEOUT_MS ||
        part->statement_timeout_ms < -1 || part->statement_timeout_ms > MOST_TIMEOUT_MS) {
        return invalid(entry, "a timeout past 30 days, or negative", err);
    }
    if (queries && (part->outside_transaction || part->statement_count == 0)) {
        return invalid(entry, "a verify or check script without a query, or outside a transaction",
                       err);
    }
    if (part->statement_count > part->size ||
        part->n_statements != (listed ? part->statement_count : 0)) {
        return invalid(entry, "a script's statements and their number disagree", err);
    }
    return check_pieces(entry, part, err);
}

static status_t check_parts(const entry_t *entry, error_t *err) {
    bool undo = false;
    if (entry->n_scripts == 0 || entry->scripts[0]->kind != SCRIPT_UP) {
        return invalid(entry, "no script that applies it", err);
    }
    for (size_t i = 0; i < entry->n_scripts; i++) {
        const part_t *part = entry->scripts[i];
        if (part->kind >= SCRIPT_COUNT || (i > 0 && part->kind <= entry->scripts[i - 1]->kind)) {
            return invalid(entry, "its scripts are unknown, doubled or out of order", err);
        }
        undo = undo || part->kind == SCRIPT_UNDO;
        TRY(check_part(entry, part, err));
    }
    if (undo == (entry->irreversible[0] != '\0')) {
        return invalid(entry, "either an undo script or a reason why there is none", err);
    }
    return STATUS_OK;
}

static status_t check_entry(const entry_t *entry, size_t index, error_t *err) {
    if (entry->version[0] == '\0' || !is_plain(entry->version)) {
        return error_set(err, ERROR_BUNDLE_INVALID, "migration %zu has no plain version",
                         index + 1);
    }
    if (entry->position != index + 1) {
        return error_set(err, ERROR_BUNDLE_INVALID, "%.63s: position %u where %zu was due",
                         entry->version, entry->position, index + 1);
    }
    if (!is_plain(entry->description) || !is_plain(entry->irreversible)) {
        return invalid(entry, "a description or reason with control bytes", err);
    }
    if (entry->kind >= BUNDLE_KIND_COUNT || entry->phase >= PHASE_COUNT) {
        return invalid(entry, "a kind or phase that this version does not know", err);
    }
    const Drover__Bundle__Backfill *backfill = entry->backfill;
    if (backfill != NULL &&
        (backfill->table[0] == '\0' || backfill->key[0] == '\0' || backfill->batch == 0 ||
         backfill->pause_ms < 0 || backfill->pause_ms > MOST_TIMEOUT_MS)) {
        return invalid(entry, "a backfill without table, key or batch", err);
    }
    return check_parts(entry, err);
}

status_t manifest_check(const manifest_t *manifest, error_t *err) {
    if (manifest->format != BUNDLE_FORMAT) {
        return error_set(err, ERROR_BUNDLE_INVALID, "format %u: this version reads format %d",
                         manifest->format, BUNDLE_FORMAT);
    }
    error_t name;
    error_clear(&name);
    if (bundle_check_application(manifest->application, &name) != STATUS_OK) {
        return error_set(err, ERROR_BUNDLE_INVALID, "%s", name.message);
    }
    for (size_t i = 0; i < manifest->n_postgres_majors; i++) {
        uint32_t major = manifest->postgres_majors[i];
        if (major == 0 || major > 999 || (i > 0 && major <= manifest->postgres_majors[i - 1])) {
            return error_set(err, ERROR_BUNDLE_INVALID, "PostgreSQL majors out of order");
        }
    }
    if (manifest->n_migrations == 0) {
        return error_set(err, ERROR_BUNDLE_INVALID, "no migration in it");
    }
    for (size_t i = 0; i < manifest->n_migrations; i++) {
        TRY(check_entry(manifest->migrations[i], i, err));
    }
    return STATUS_OK;
}
