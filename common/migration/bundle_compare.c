/* bundle_compare.c: a released file never changes. Pure. */
#include "common/migration/bundle_internal.h"

#include <stdio.h>
#include <string.h>

/* One script on both sides; NULL where a side has none. */
typedef struct pair {
    const char *version;
    const char *description;
    script_kind_t kind;
    const digest_t *was;
    const digest_t *is;
} pair_t;

static const char *file_name(const pair_t *pair, char *buffer, size_t size) {
    (void)snprintf(buffer, size, "%s__%s%s%s.sql", pair->version, pair->description,
                   pair->kind == SCRIPT_UP ? "" : ".",
                   pair->kind == SCRIPT_UP ? "" : script_kind_text(pair->kind));
    return buffer;
}

static status_t compare_script(const pair_t *pair, error_t *err) {
    char name[VERSION_TEXT_SIZE + DESCRIPTION_TEXT_SIZE + 32];
    char was[DIGEST_TEXT_SIZE];
    char is[DIGEST_TEXT_SIZE];
    if (pair->was == NULL && pair->is == NULL) {
        return STATUS_OK;
    }
    if (pair->was != NULL && pair->is != NULL && digest_equal(pair->was, pair->is)) {
        return STATUS_OK;
    }
    return error_set(err, ERROR_BUNDLE_CHANGED,
                     "%s was changed after its release: it was %s, is %s",
                     file_name(pair, name, sizeof name),
                     pair->was != NULL ? digest_text(pair->was, was) : "not there",
                     pair->is != NULL ? digest_text(pair->is, is) : "not there");
}

static status_t renamed(const bundle_migration_t *was, const char *version, const char *description,
                        error_t *err) {
    return error_set(err, ERROR_BUNDLE_CHANGED,
                     "position %u was released as %s__%.100s, and is %s__%.100s now", was->position,
                     was->version, was->description, version, description);
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
        const bundle_migration_t *was = &older->migrations[i];
        if (i >= newer->count) {
            return missing(was, err);
        }
        const bundle_migration_t *is = &newer->migrations[i];
        if (strcmp(was->version, is->version) != 0 ||
            strcmp(was->description, is->description) != 0) {
            return renamed(was, is->version, is->description, err);
        }
        for (int kind = 0; kind < SCRIPT_COUNT; kind++) {
            pair_t pair = {was->version, was->description, (script_kind_t)kind,
                           was->scripts[kind] != NULL ? &was->scripts[kind]->digest : NULL,
                           is->scripts[kind] != NULL ? &is->scripts[kind]->digest : NULL};
            TRY(compare_script(&pair, err));
        }
    }
    return STATUS_OK;
}

status_t bundle_compare_with_directory(const bundle_t *older, const directory_t *directory,
                                       error_t *err) {
    for (size_t i = 0; i < older->count; i++) {
        const bundle_migration_t *was = &older->migrations[i];
        if (i >= directory->count) {
            return missing(was, err);
        }
        const migration_t *is = &directory->items[i];
        if (strcmp(was->version, is->version) != 0 ||
            strcmp(was->description, is->description) != 0) {
            return renamed(was, is->version, is->description, err);
        }
        for (int kind = 0; kind < SCRIPT_COUNT; kind++) {
            pair_t pair = {was->version, was->description, (script_kind_t)kind,
                           was->scripts[kind] != NULL ? &was->scripts[kind]->digest : NULL,
                           is->scripts[kind] != NULL ? &is->scripts[kind]->digest : NULL};
            TRY(compare_script(&pair, err));
        }
    }
    return STATUS_OK;
}
