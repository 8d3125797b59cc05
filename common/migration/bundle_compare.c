/* bundle_compare.c: a released file never changes. Pure. */
#include "common/migration/bundle_internal.h"

#include <stdio.h>
#include <string.h>

/* A migration on the newer side: of a bundle, or of a folder that is about to be one. */
typedef struct newer {
    const char *version;
    const char *description;
    const digest_t *scripts[SCRIPT_COUNT]; /* NULL: there is none */
} newer_t;

static const char *file_name(const bundle_migration_t *migration, script_kind_t kind, char *buffer,
                             size_t size) {
    (void)snprintf(buffer, size, "%s__%s%s%s.sql", migration->version, migration->description,
                   kind == SCRIPT_UP ? "" : ".", kind == SCRIPT_UP ? "" : script_kind_text(kind));
    return buffer;
}

static status_t compare_script(const bundle_migration_t *migration, script_kind_t kind,
                               const digest_t *is, error_t *err) {
    const digest_t *was =
        migration->scripts[kind] != NULL ? &migration->scripts[kind]->digest : NULL;
    char name[VERSION_TEXT_SIZE + DESCRIPTION_TEXT_SIZE + 32];
    char was_text[DIGEST_TEXT_SIZE];
    char is_text[DIGEST_TEXT_SIZE];
    if (was == NULL && is == NULL) {
        return STATUS_OK;
    }
    if (was != NULL && is != NULL && digest_equal(was, is)) {
        return STATUS_OK;
    }
    return error_set(err, ERROR_BUNDLE_CHANGED,
                     "%s was changed after its release: it was %s, is %s",
                     file_name(migration, kind, name, sizeof name),
                     was != NULL ? digest_text(was, was_text) : "not there",
                     is != NULL ? digest_text(is, is_text) : "not there");
}

static status_t compare_migration(const bundle_migration_t *was, const newer_t *is, error_t *err) {
    if (strcmp(was->version, is->version) != 0 || strcmp(was->description, is->description) != 0) {
        return error_set(err, ERROR_BUNDLE_CHANGED,
                         "position %u was released as %s__%.100s, and is %s__%.100s now",
                         was->position, was->version, was->description, is->version,
                         is->description);
    }
    for (int kind = 0; kind < SCRIPT_COUNT; kind++) {
        TRY(compare_script(was, (script_kind_t)kind, is->scripts[kind], err));
    }
    return STATUS_OK;
}

static newer_t of_bundle(const bundle_migration_t *migration) {
    newer_t is = {migration->version, migration->description, {0}};
    for (int kind = 0; kind < SCRIPT_COUNT; kind++) {
        const bundle_script_t *script = migration->scripts[kind];
        is.scripts[kind] = script != NULL ? &script->digest : NULL;
    }
    return is;
}

static newer_t of_directory(const migration_t *migration) {
    newer_t is = {migration->version, migration->description, {0}};
    for (int kind = 0; kind < SCRIPT_COUNT; kind++) {
        const script_t *script = migration->scripts[kind];
        is.scripts[kind] = script != NULL ? &script->digest : NULL;
    }
    return is;
}

static status_t missing(const bundle_migration_t *was, error_t *err) {
    return error_set(err, ERROR_BUNDLE_CHANGED, "%s__%.100s was released, and is missing now",
                     was->version, was->description);
}

status_t bundle_compare(const bundle_t *older, const bundle_t *newer, error_t *err) {
    if (strcmp(bundle_application(older), bundle_application(newer)) != 0) {
        return error_set(err, ERROR_BUNDLE_CHANGED, "bundles of two applications, %s and %s",
                         bundle_application(older), bundle_application(newer));
    }
    for (size_t i = 0; i < older->count; i++) {
        if (i >= newer->count) {
            return missing(&older->migrations[i], err);
        }
        newer_t is = of_bundle(&newer->migrations[i]);
        TRY(compare_migration(&older->migrations[i], &is, err));
    }
    return STATUS_OK;
}

status_t bundle_compare_with_directory(const bundle_t *older, const directory_t *directory,
                                       error_t *err) {
    for (size_t i = 0; i < older->count; i++) {
        if (i >= directory->count) {
            return missing(&older->migrations[i], err);
        }
        newer_t is = of_directory(&directory->items[i]);
        TRY(compare_migration(&older->migrations[i], &is, err));
    }
    return STATUS_OK;
}
