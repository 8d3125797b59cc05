/*
 * bundle_read.c: from bytes to a bundle that has been checked whole, in this order: sizes and
 * digest of the manifest, its shape (manifest_scan.c), its sense (manifest_check.c), the scripts'
 * digests and texts, the signatures.
 */
#include "common/migration/bundle_internal.h"

#include "common/base/limits.h"
#include "common/crypto/hash.h"

#include <stdlib.h>
#include <string.h>

static status_t invalid(error_t *err, const char *what) {
    return error_set(err, ERROR_BUNDLE_INVALID, "no bundle: %s", what);
}

static status_t read_header(bundle_t *bundle, error_t *err) {
    const char *bytes = bundle->bytes;
    if (bundle->size < BUNDLE_AT_MANIFEST ||
        memcmp(bytes, BUNDLE_MAGIC, sizeof BUNDLE_MAGIC - 1) != 0) {
        return invalid(err, "too short, or it does not begin like one");
    }
    if (bundle_get_u32(bytes + BUNDLE_AT_FORMAT) != BUNDLE_FORMAT) {
        return error_set(err, ERROR_BUNDLE_INVALID, "bundle of format %u: this version reads %d",
                         bundle_get_u32(bytes + BUNDLE_AT_FORMAT), BUNDLE_FORMAT);
    }
    size_t manifest_size = bundle_get_u32(bytes + BUNDLE_AT_MANIFEST_SIZE);
    if (manifest_size > BUNDLE_MANIFEST_BYTES ||
        manifest_size > bundle->size - BUNDLE_AT_MANIFEST) {
        return invalid(err, "its manifest is cut off or past 16 MiB");
    }
    if (bundle_get_u32(bytes + BUNDLE_AT_ZERO) != 0 || bundle_signed(bundle) > BUNDLE_SIGNATURES) {
        return invalid(err, "its header says what no header says");
    }
    bundle->manifest_size = manifest_size;
    text_span_t manifest = bundle_manifest_bytes(bundle);
    bundle->digest = hash_of(HASH_BUNDLE, manifest.bytes, manifest.size);
    if (memcmp(bundle->digest.bytes, bytes + BUNDLE_AT_DIGEST, DIGEST_BYTES) != 0) {
        return invalid(err, "its manifest does not have the digest that it claims");
    }
    return STATUS_OK;
}

static status_t read_manifest(bundle_t *bundle, error_t *err) {
    text_span_t manifest = bundle_manifest_bytes(bundle);
    manifest_counts_t counts = {0};
    TRY(manifest_scan(manifest, &counts, err));
    bundle->manifest =
        drover__bundle__manifest__unpack(NULL, manifest.size, (const uint8_t *)manifest.bytes);
    if (bundle->manifest == NULL) {
        return error_set(err, ERROR_NO_MEMORY, "out of memory for a manifest of %zu bytes",
                         manifest.size);
    }
    TRY(manifest_check(bundle->manifest, err));
    bundle->count = counts.migrations;
    bundle->migrations = calloc(counts.migrations, sizeof *bundle->migrations);
    bundle->backfills = calloc(counts.migrations, sizeof *bundle->backfills);
    bundle->versions = calloc(counts.migrations, sizeof *bundle->versions);
    bundle->positions = calloc(counts.migrations, sizeof *bundle->positions);
    bundle->scripts = calloc(counts.scripts, sizeof *bundle->scripts);
    bundle->statements = calloc(counts.statements + 1, sizeof *bundle->statements);
    if (bundle->migrations == NULL || bundle->backfills == NULL || bundle->versions == NULL ||
        bundle->positions == NULL || bundle->scripts == NULL || bundle->statements == NULL) {
        return error_set(err, ERROR_NO_MEMORY, "out of memory for %zu migrations",
                         counts.migrations);
    }
    return STATUS_OK;
}

/* Fill one script's view; text is where the file has it, left how many bytes are there. */
static status_t view_script(const Drover__Bundle__Migration *entry,
                            const Drover__Bundle__Script *part, text_span_t left,
                            bundle_script_t *script, error_t *err) {
    const char *kind = script_kind_text((script_kind_t)part->kind);
    if (part->size >= left.size || left.bytes[part->size] != '\0') {
        return error_set(err, ERROR_BUNDLE_INVALID, "%s: its %s script is cut off", entry->version,
                         kind);
    }
    script->text = left.bytes;
    script->size = (size_t)part->size;
    memcpy(script->digest.bytes, part->digest.data, DIGEST_BYTES);
    script->transactional = !part->outside_transaction;
    script->lock_timeout_ms = part->lock_timeout_ms;
    script->statement_timeout_ms = part->statement_timeout_ms;
    script->statement_count = part->statement_count;
    digest_t digest = hash_of(HASH_SCRIPT, script->text, script->size);
    if (!digest_equal(&digest, &script->digest)) {
        return error_set(err, ERROR_BUNDLE_INVALID,
                         "%s: its %s script does not have the digest that the manifest names",
                         entry->version, kind);
    }
    error_t text;
    error_clear(&text);
    text_span_t span = {.bytes = script->text, .size = script->size};
    if (text_check(span, NULL, &text) != STATUS_OK) {
        return error_set(err, ERROR_BUNDLE_INVALID, "%s: its %s script %s", entry->version, kind,
                         text.message);
    }
    return STATUS_OK;
}

static void view_statements(const Drover__Bundle__Script *part, bundle_statement_t *statements) {
    for (size_t i = 0; i < part->n_statements; i++) {
        const Drover__Bundle__Statement *piece = part->statements[i];
        statements[i] = (bundle_statement_t){
            .offset = (size_t)piece->offset,
            .length = (size_t)piece->length,
            .kind = (statement_kind_t)piece->kind,
            .index_schema = piece->index_schema,
            .index_name = piece->index_name,
            .table_schema = piece->table_schema,
            .table_name = piece->table_name,
        };
    }
}

static void view_migration(bundle_t *bundle, size_t index) {
    const Drover__Bundle__Migration *entry = bundle->manifest->migrations[index];
    bundle_migration_t *migration = &bundle->migrations[index];
    migration->version = entry->version;
    migration->position = entry->position;
    migration->description = entry->description;
    migration->kind = (bundle_kind_t)entry->kind;
    migration->phase = (phase_t)entry->phase;
    migration->irreversible = entry->irreversible;
    if (entry->backfill != NULL) {
        bundle->backfills[index] = (bundle_backfill_t){
            .table = entry->backfill->table,
            .key = entry->backfill->key,
            .batch = entry->backfill->batch,
            .pause_ms = entry->backfill->pause_ms,
        };
        migration->backfill = &bundle->backfills[index];
    }
}

static status_t view_all(bundle_t *bundle, error_t *err) {
    size_t at = BUNDLE_AT_MANIFEST + bundle->manifest_size;
    bundle_script_t *script = bundle->scripts;
    bundle_statement_t *statement = bundle->statements;
    for (size_t i = 0; i < bundle->count; i++) {
        const Drover__Bundle__Migration *entry = bundle->manifest->migrations[i];
        view_migration(bundle, i);
        for (size_t s = 0; s < entry->n_scripts; s++, script++) {
            const Drover__Bundle__Script *part = entry->scripts[s];
            text_span_t left = {.bytes = bundle->bytes + at, .size = bundle->size - at};
            TRY(view_script(entry, part, left, script, err));
            at += script->size + 1;
            if (part->n_statements > 0) {
                view_statements(part, statement);
                script->statements = statement;
                statement += part->n_statements;
            }
            bundle->migrations[i].scripts[part->kind] = script;
        }
    }
    if (at != bundle->size) {
        return invalid(err, "bytes after its last script");
    }
    return STATUS_OK;
}

static int by_version(const void *a, const void *b) {
    const bundle_migration_t *x = *(const bundle_migration_t *const *)a;
    const bundle_migration_t *y = *(const bundle_migration_t *const *)b;
    return strcmp(x->version, y->version);
}

/* Order the versions for look-up, and see that none stands twice. */
static status_t index_versions(bundle_t *bundle, error_t *err) {
    const bundle_migration_t **order = calloc(bundle->count, sizeof(void *));
    if (order == NULL) {
        return error_set(err, ERROR_NO_MEMORY, "out of memory for %zu migrations", bundle->count);
    }
    for (size_t i = 0; i < bundle->count; i++) {
        order[i] = &bundle->migrations[i];
    }
    qsort(order, bundle->count, sizeof *order, by_version);
    for (size_t i = 0; i < bundle->count; i++) {
        bundle->versions[i] = order[i]->version;
        bundle->positions[i] = order[i]->position;
    }
    free(order);
    for (size_t i = 1; i < bundle->count; i++) {
        if (strcmp(bundle->versions[i - 1], bundle->versions[i]) == 0) {
            return error_set(err, ERROR_BUNDLE_INVALID, "version %s stands twice",
                             bundle->versions[i]);
        }
    }
    return STATUS_OK;
}

static status_t check_signatures(const bundle_t *bundle, error_t *err) {
    text_span_t manifest = bundle_manifest_bytes(bundle);
    size_t count = bundle_signed(bundle);
    for (size_t i = 0; i < count; i++) {
        const bundle_place_t *place = bundle_place(bundle, i);
        if (i > 0 &&
            memcmp(&bundle_place(bundle, i - 1)->key, &place->key, sizeof place->key) >= 0) {
            return invalid(err, "its signatures are out of order, or a key signed twice");
        }
        if (!sign_verify(&place->key, SIGN_BUNDLE, manifest.bytes, manifest.size,
                         &place->signature)) {
            return invalid(err, "a signature in it is not its key's");
        }
    }
    static const bundle_place_t unused;
    for (size_t i = count; i < BUNDLE_SIGNATURES; i++) {
        if (memcmp(bundle_place(bundle, i), &unused, sizeof unused) != 0) {
            return invalid(err, "something stands where no signature does");
        }
    }
    return STATUS_OK;
}

status_t bundle_adopt(char *bytes, size_t size, bundle_t **ret_bundle, error_t *err) {
    CLEANUP(free_p) char *owned = bytes;
    CLEANUP(bundle_destroy_p) bundle_t *bundle = calloc(1, sizeof *bundle);
    if (bundle == NULL) {
        return error_set(err, ERROR_NO_MEMORY, "out of memory for a bundle");
    }
    bundle->bytes = TAKE(owned);
    bundle->size = size;
    TRY(read_header(bundle, err));
    TRY(read_manifest(bundle, err));
    TRY(view_all(bundle, err));
    TRY(index_versions(bundle, err));
    TRY(check_signatures(bundle, err));
    *ret_bundle = TAKE(bundle);
    return STATUS_OK;
}

status_t bundle_read(const void *bytes, size_t size, bundle_t **ret_bundle, error_t *err) {
    if (size > LIMIT_BUNDLE_BYTES) {
        return error_set(err, ERROR_BOUND, "%zu bytes: a bundle has at most %d", size,
                         LIMIT_BUNDLE_BYTES);
    }
    char *copy = malloc(size + 1);
    if (copy == NULL) {
        return error_set(err, ERROR_NO_MEMORY, "out of memory for a bundle of %zu bytes", size);
    }
    if (size > 0) {
        memcpy(copy, bytes, size);
    }
    return bundle_adopt(copy, size, ret_bundle, err);
}
