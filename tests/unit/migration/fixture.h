/*
 * fixture.h: a directory of migrations that a test makes, loads and throws away.
 */
#ifndef DROVER_TEST_MIGRATION_FIXTURE_H
#define DROVER_TEST_MIGRATION_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/migration/directory.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

typedef struct fixture {
    char path[64];
    directory_t *directory;
} fixture_t;

static inline void fixture_open(fixture_t *fixture) {
    (void)snprintf(fixture->path, sizeof fixture->path, "/tmp/drover-migration-XXXXXX");
    assert_non_null(mkdtemp(fixture->path));
    fixture->directory = NULL;
}

static inline void fixture_put_bytes(const fixture_t *fixture, const char *name, const char *bytes,
                                     size_t size) {
    char path[512];
    (void)snprintf(path, sizeof path, "%s/%s", fixture->path, name);
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}

static inline void fixture_put(const fixture_t *fixture, const char *name, const char *text) {
    fixture_put_bytes(fixture, name, text, strlen(text));
}

/* A migration that has nothing wrong with it. */
static inline void fixture_put_trio(const fixture_t *fixture, const char *stem, const char *table) {
    char name[256];
    char text[512];
    (void)snprintf(name, sizeof name, "%s.sql", stem);
    (void)snprintf(text, sizeof text, "-- drover: lock_timeout=2s\nCREATE TABLE %s (id int);\n",
                   table);
    fixture_put(fixture, name, text);
    (void)snprintf(name, sizeof name, "%s.undo.sql", stem);
    (void)snprintf(text, sizeof text, "DROP TABLE %s;\n", table);
    fixture_put(fixture, name, text);
    (void)snprintf(name, sizeof name, "%s.verify.sql", stem);
    (void)snprintf(text, sizeof text, "SELECT to_regclass('%s') IS NOT NULL;\nSELECT true;\n",
                   table);
    fixture_put(fixture, name, text);
}

static inline directory_t *fixture_load(fixture_t *fixture) {
    error_t err;
    error_clear(&err);
    directory_destroy(&fixture->directory);
    if (directory_load(fixture->path, NULL, &fixture->directory, &err) != STATUS_OK) {
        fail_msg("%s", err.message);
    }
    return fixture->directory;
}

static inline void fixture_close(fixture_t *fixture) {
    directory_destroy(&fixture->directory);
    DIR *folder = opendir(fixture->path);
    assert_non_null(folder);
    for (const struct dirent *entry = readdir(folder); entry != NULL; entry = readdir(folder)) {
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) {
            assert_int_equal(unlinkat(dirfd(folder), entry->d_name, 0), 0);
        }
    }
    assert_int_equal(closedir(folder), 0);
    assert_int_equal(rmdir(fixture->path), 0);
}

/* The only finding of a rule whose message holds the words; fails where there is none. */
static inline const finding_t *finding_of(const finding_list_t *list, const char *rule,
                                          const char *words) {
    for (size_t i = 0; i < list->count; i++) {
        if (strcmp(list->items[i].rule, rule) == 0 &&
            strstr(list->items[i].message, words) != NULL) {
            return &list->items[i];
        }
    }
    for (size_t i = 0; i < list->count; i++) {
        print_message("%s [%s] %s\n", list->items[i].file, list->items[i].rule,
                      list->items[i].message);
    }
    fail_msg("no finding of %s that says '%s'", rule, words);
    return NULL;
}

#endif
