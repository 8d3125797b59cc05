/*
 * bundle_build.c: from a directory to a bundle. The manifest is filled, packed and put before the
 * scripts; then the bytes are read like any others, so that nothing is built that cannot be read.
 */
#include "common/migration/bundle_internal.h"

#include "common/base/limits.h"
#include "common/crypto/hash.h"

#include <stdlib.h>
#include <string.h>

typedef Drover__Bundle__Manifest manifest_t;
typedef Drover__Bundle__Migration entry_t;
typedef Drover__Bundle__Script part_t;
typedef Drover__Bundle__Statement piece_t;
typedef Drover__Bundle__Backfill backfill_t;

/* Room for all messages of one kind, and pointers to them, since protobuf-c wants both. */
typedef struct draft {
    entry_t *entries;
    entry_t **entry_list;
    backfill_t *backfills;
    part_t *parts;
    part_t **part_list;
    piece_t *pieces;
    piece_t **piece_list;
    size_t part_count;
    size_t piece_count;
} draft_t;

static void draft_free(draft_t *draft) {
    free(draft->entries);
    free(draft->entry_list);
    free(draft->backfills);
    free(draft->parts);
    free(draft->part_list);
    free(draft->pieces);
    free(draft->piece_list);
}

/* Generated structs have no const; packing only reads. */
static char *borrow(const char *text) {
    return (char *)(uintptr_t)text;
}

/* Whether the agent runs its statements one by one. */
static bool is_listed(const script_t *script) {
    return script->directives.transaction_none || script->filename.kind == SCRIPT_VERIFY ||
           script->filename.kind == SCRIPT_CHECK;
}

static status_t draft_room(const directory_t *directory, draft_t *draft, error_t *err) {
    size_t pieces = 0;
    for (size_t i = 0; i < directory->count; i++) {
        for (int kind = 0; kind < SCRIPT_COUNT; kind++) {
            const script_t *script = directory->items[i].scripts[kind];
            pieces += script != NULL && is_listed(script) ? script->parsed.list.count : 0;
        }
    }
    if (pieces > BUNDLE_STATEMENTS) {
        return error_set(err, ERROR_BOUND,
                         "%zu statements in verify, check and transaction=none scripts: a bundle "
                         "lists at most %d",
                         pieces, BUNDLE_STATEMENTS);
    }
    size_t count = directory->count;
    draft->entries = calloc(count + 1, sizeof *draft->entries);
    draft->entry_list = calloc(count + 1, sizeof(void *));
    draft->backfills = calloc(count + 1, sizeof *draft->backfills);
    draft->parts = calloc(count * SCRIPT_COUNT + 1, sizeof *draft->parts);
    draft->part_list = calloc(count * SCRIPT_COUNT + 1, sizeof(void *));
    draft->pieces = calloc(pieces + 1, sizeof *draft->pieces);
    draft->piece_list = calloc(pieces + 1, sizeof(void *));
    if (draft->entries == NULL || draft->entry_list == NULL || draft->backfills == NULL ||
        draft->parts == NULL || draft->part_list == NULL || draft->pieces == NULL ||
        draft->piece_list == NULL) {
        return error_set(err, ERROR_NO_MEMORY, "out of memory for %zu migrations", count);
    }
    return STATUS_OK;
}

static void draft_pieces(const script_t *script, draft_t *draft, part_t *part) {
    part->statements = &draft->piece_list[draft->piece_count];
    part->n_statements = script->parsed.list.count;
    for (size_t i = 0; i < script->parsed.list.count; i++) {
        const statement_t *statement = &script->parsed.list.items[i];
        piece_t *piece = &draft->pieces[draft->piece_count];
        draft->piece_list[draft->piece_count++] = piece;
        drover__bundle__statement__init(piece);
        piece->offset = statement->offset;
        piece->length = statement->length;
        piece->kind = (uint32_t)statement->kind;
        piece->index_schema = statement->index_schema;
        piece->index_name = statement->index_name;
        piece->table_schema = statement->table_schema;
        piece->table_name = statement->table_name;
    }
}

static void draft_part(script_t *script, draft_t *draft) {
    part_t *part = &draft->parts[draft->part_count];
    draft->part_list[draft->part_count++] = part;
    drover__bundle__script__init(part);
    part->kind = (uint32_t)script->filename.kind;
    part->digest.data = script->digest.bytes;
    part->digest.len = DIGEST_BYTES;
    part->size = script->size;
    part->outside_transaction = script->directives.transaction_none;
    part->lock_timeout_ms = script->directives.lock_timeout_ms;
    part->statement_timeout_ms = script->directives.statement_timeout_ms;
    part->statement_count = (uint32_t)script->parsed.list.count;
    if (is_listed(script)) {
        draft_pieces(script, draft, part);
    }
}

static void draft_entry(const migration_t *migration, size_t index, draft_t *draft) {
    entry_t *entry = &draft->entries[index];
    const directives_t *said = &migration->scripts[SCRIPT_UP]->directives;
    draft->entry_list[index] = entry;
    drover__bundle__migration__init(entry);
    entry->version = borrow(migration->version);
    entry->position = migration->position;
    entry->description = borrow(migration->description);
    entry->kind = BUNDLE_VERSIONED;
    entry->phase = (uint32_t)said->phase;
    entry->irreversible = borrow(said->irreversible);
    if (said->backfill.table[0] != '\0') {
        backfill_t *backfill = &draft->backfills[index];
        drover__bundle__backfill__init(backfill);
        backfill->table = borrow(said->backfill.table);
        backfill->key = borrow(said->backfill.key);
        backfill->batch = said->backfill.batch;
        backfill->pause_ms = said->backfill.pause_ms;
        entry->backfill = backfill;
    }
    entry->scripts = &draft->part_list[draft->part_count];
    for (int kind = 0; kind < SCRIPT_COUNT; kind++) {
        if (migration->scripts[kind] != NULL) {
            draft_part(migration->scripts[kind], draft);
            entry->n_scripts++;
        }
    }
}

static size_t scripts_size(const directory_t *directory) {
    size_t size = 0;
    for (size_t i = 0; i < directory->count; i++) {
        for (int kind = 0; kind < SCRIPT_COUNT; kind++) {
            const script_t *script = directory->items[i].scripts[kind];
            size += script != NULL ? script->size + 1 : 0;
        }
    }
    return size;
}

static void put_scripts(const directory_t *directory, char *bytes) {
    for (size_t i = 0; i < directory->count; i++) {
        for (int kind = 0; kind < SCRIPT_COUNT; kind++) {
            const script_t *script = directory->items[i].scripts[kind];
            if (script != NULL) {
                memcpy(bytes, script->text, script->size);
                bytes += script->size;
                *bytes++ = '\0';
            }
        }
    }
}

/* Put header, manifest and scripts together. */
static status_t assemble(const directory_t *directory, const manifest_t *manifest,
                         bundle_t **ret_bundle, error_t *err) {
    size_t manifest_size = drover__bundle__manifest__get_packed_size(manifest);
    size_t size = BUNDLE_AT_MANIFEST + manifest_size + scripts_size(directory);
    if (manifest_size > BUNDLE_MANIFEST_BYTES || size > LIMIT_BUNDLE_BYTES) {
        return error_set(err, ERROR_BOUND, "a bundle of %zu bytes: it has at most %d", size,
                         LIMIT_BUNDLE_BYTES);
    }
    char *bytes = calloc(1, size);
    if (bytes == NULL) {
        return error_set(err, ERROR_NO_MEMORY, "out of memory for a bundle of %zu bytes", size);
    }
    memcpy(bytes, BUNDLE_MAGIC, sizeof BUNDLE_MAGIC - 1);
    bundle_put_u32(bytes + BUNDLE_AT_FORMAT, BUNDLE_FORMAT);
    bundle_put_u32(bytes + BUNDLE_AT_MANIFEST_SIZE, (uint32_t)manifest_size);
    char *at = bytes + BUNDLE_AT_MANIFEST;
    (void)drover__bundle__manifest__pack(manifest, (uint8_t *)at);
    digest_t digest = hash_of(HASH_BUNDLE, at, manifest_size);
    memcpy(bytes + BUNDLE_AT_DIGEST, digest.bytes, DIGEST_BYTES);
    put_scripts(directory, at + manifest_size);
    return bundle_adopt(bytes, size, ret_bundle, err);
}

static status_t check_options(const bundle_options_t *options, error_t *err) {
    TRY(bundle_check_application(options->application, err));
    if (options->major_count > BUNDLE_MAJORS) {
        return error_set(err, ERROR_BOUND, "more than %d PostgreSQL majors", BUNDLE_MAJORS);
    }
    for (size_t i = 0; i < options->major_count; i++) {
        if (options->majors[i] == 0 || options->majors[i] > 999 ||
            (i > 0 && options->majors[i] <= options->majors[i - 1])) {
            return error_set(err, ERROR_INVALID,
                             "PostgreSQL majors are numbers like 15, ascending, each once");
        }
    }
    return STATUS_OK;
}

status_t bundle_build(const directory_t *directory, const bundle_options_t *options,
                      bundle_t **ret_bundle, error_t *err) {
    TRY(check_options(options, err));
    TRY(finding_list_refuse(&directory->findings, err));
    if (directory->count == 0) {
        return error_set(err, ERROR_NOT_FOUND, "no migration in %s", directory->path);
    }
    CLEANUP(draft_free) draft_t draft = {0};
    TRY(draft_room(directory, &draft, err));
    uint32_t majors[BUNDLE_MAJORS];
    for (size_t i = 0; i < options->major_count; i++) {
        majors[i] = options->majors[i];
    }
    manifest_t manifest;
    drover__bundle__manifest__init(&manifest);
    manifest.format = BUNDLE_FORMAT;
    manifest.application = borrow(options->application);
    manifest.postgres_majors = majors;
    manifest.n_postgres_majors = options->major_count;
    manifest.migrations = draft.entry_list;
    manifest.n_migrations = directory->count;
    for (size_t i = 0; i < directory->count; i++) {
        draft_entry(&directory->items[i], i, &draft);
    }
    return assemble(directory, &manifest, ret_bundle, err);
}
