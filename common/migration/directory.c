/* directory.c: see directory.h. */
#include "common/migration/directory.h"

#include "common/base/limits.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

enum { FILES_MAX = LIMIT_MIGRATIONS * SCRIPT_COUNT };

/* Names, then scripts, while the set is put together. */
typedef struct loading {
    char **names;
    size_t name_count;
    size_t name_room;
    script_t **scripts; /* by name; those handed to a migration are NULL */
    size_t script_count;
    size_t total_bytes;
} loading_t;

static void loading_free(loading_t *loading) {
    for (size_t i = 0; i < loading->name_count; i++) {
        free(loading->names[i]);
    }
    free(loading->names);
    for (size_t i = 0; i < loading->script_count; i++) {
        script_destroy(&loading->scripts[i]);
    }
    free(loading->scripts);
}

static status_t no_memory(error_t *err) {
    return error_set(err, ERROR_NO_MEMORY, "out of memory for a directory of migrations");
}

static status_t add_name(loading_t *loading, const char *name, error_t *err) {
    if (loading->name_count == FILES_MAX) {
        return error_set(err, ERROR_BOUND, "more than %d migration files", FILES_MAX);
    }
    if (loading->name_count == loading->name_room) {
        size_t room = loading->name_room == 0 ? 64 : loading->name_room * 2;
        char **names = realloc(loading->names, room * sizeof *names);
        if (names == NULL) {
            return no_memory(err);
        }
        loading->names = names;
        loading->name_room = room;
    }
    char *copy = strdup(name);
    if (copy == NULL) {
        return no_memory(err);
    }
    loading->names[loading->name_count++] = copy;
    return STATUS_OK;
}

static void closedir_p(DIR **folder) {
    if (*folder != NULL) {
        (void)closedir(*folder);
    }
}

static int by_text(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static status_t list_names(int fd, const char *path, loading_t *loading, error_t *err) {
    int copy = dup(fd);
    CLEANUP(closedir_p) DIR *folder = copy >= 0 ? fdopendir(copy) : NULL;
    if (folder == NULL) {
        int cause = errno;
        if (copy >= 0) {
            (void)close(copy);
        }
        return error_set(err, ERROR_IO, "cannot list %s: %s", path, strerror(cause));
    }
    for (;;) { /* ends with the directory, or at FILES_MAX */
        errno = 0;
        const struct dirent *entry = readdir(folder);
        if (entry == NULL) {
            break;
        }
        if (filename_is_meant(entry->d_name)) {
            TRY(add_name(loading, entry->d_name, err));
        }
    }
    if (errno != 0) {
        return error_set(err, ERROR_IO, "cannot list %s: %s", path, strerror(errno));
    }
    if (loading->name_count > 1) {
        qsort(loading->names, loading->name_count, sizeof *loading->names, by_text);
    }
    return STATUS_OK;
}

static status_t load_scripts(int fd, loading_t *loading, finding_list_t *findings, error_t *err) {
    loading->scripts = calloc(loading->name_count + 1, sizeof *loading->scripts);
    if (loading->scripts == NULL) {
        return no_memory(err);
    }
    for (size_t i = 0; i < loading->name_count; i++) {
        filename_t filename;
        error_t problem;
        error_clear(&problem);
        if (filename_parse(loading->names[i], &filename, &problem) != STATUS_OK) {
            finding_add(findings, (finding_at_t){.file = loading->names[i]}, RULE_FILE_NAME, "%s",
                        problem.message);
            continue;
        }
        script_t **slot = &loading->scripts[loading->script_count];
        TRY(script_load(fd, loading->names[i], &filename, findings, slot, err));
        loading->script_count++;
        loading->total_bytes += (*slot)->size;
        if (loading->total_bytes > LIMIT_BUNDLE_BYTES) {
            return error_set(err, ERROR_BOUND, "more than %d bytes of scripts, at %s",
                             LIMIT_BUNDLE_BYTES, loading->names[i]);
        }
    }
    return STATUS_OK;
}

/* Parse all readable scripts through one child, and judge them. */
static status_t parse_scripts(loading_t *loading, const statement_options_t *options,
                              finding_list_t *findings, error_t *err) {
    size_t count = loading->script_count;
    CLEANUP(free_p) text_span_t *texts = calloc(count + 1, sizeof *texts);
    CLEANUP(free_p) statement_result_t *results = calloc(count + 1, sizeof *results);
    if (texts == NULL || results == NULL) {
        return no_memory(err);
    }
    for (size_t i = 0; i < count; i++) {
        const script_t *script = loading->scripts[i];
        texts[i] = script->readable ? script_text(script) : (text_span_t){.bytes = "", .size = 0};
    }
    status_t status = statement_parse(texts, count, options, results, err);
    for (size_t i = 0; i < count; i++) {
        loading->scripts[i]->parsed = results[i];
    }
    for (size_t i = 0; status == STATUS_OK && i < count; i++) {
        script_judge(loading->scripts[i], findings);
    }
    return status;
}

static int by_number(const void *a, const void *b) {
    const script_t *x = *(script_t *const *)a;
    const script_t *y = *(script_t *const *)b;
    if (x->filename.number != y->filename.number) {
        return x->filename.number < y->filename.number ? -1 : 1;
    }
    if (x->filename.kind != y->filename.kind) {
        return x->filename.kind < y->filename.kind ? -1 : 1;
    }
    return strcmp(x->name, y->name);
}

/* Hand a script to its migration, or say why it has no place there; it stays in loading then. */
static void place_script(migration_t *migration, script_t **slot, finding_list_t *findings) {
    script_t *script = *slot;
    script_t **place = &migration->scripts[script->filename.kind];
    finding_at_t file = {.file = script->name};
    if (*place != NULL) {
        finding_add(findings, file, RULE_VERSION_DUPLICATE, "%s stands twice: %s is it too",
                    migration->version, (*place)->name);
        return;
    }
    if (strcmp(migration->description, script->filename.description) != 0) {
        finding_add(findings, file, RULE_DESCRIPTION,
                    "%s is called '%s' here and '%s' in its other file", migration->version,
                    script->filename.description, migration->description);
    }
    *place = TAKE(*slot);
}

static void check_gap(uint32_t before, const migration_t *migration, const char *file,
                      finding_list_t *findings) {
    char from[VERSION_TEXT_SIZE];
    char to[VERSION_TEXT_SIZE];
    if (migration->number == before + 1) {
        return;
    }
    (void)filename_version(before + 1, from);
    (void)filename_version(migration->number - 1, to);
    if (migration->number == before + 2) {
        finding_add(findings, (finding_at_t){.file = file}, RULE_VERSION_GAP,
                    "%s is missing before %s", from, migration->version);
    } else {
        finding_add(findings, (finding_at_t){.file = file}, RULE_VERSION_GAP,
                    "%s to %s are missing before %s", from, to, migration->version);
    }
}

static void check_undo(const migration_t *migration, const char *file, finding_list_t *findings) {
    const script_t *up = migration->scripts[SCRIPT_UP];
    const script_t *undo = migration->scripts[SCRIPT_UNDO];
    if (up == NULL) {
        finding_add(findings, (finding_at_t){.file = file}, RULE_UP_EXISTS,
                    "%s has no script that applies it: %s__%s.sql is missing", migration->version,
                    migration->version, migration->description);
        return;
    }
    bool irreversible = up->directives.irreversible[0] != '\0';
    if (undo == NULL && !irreversible) {
        finding_add(findings, (finding_at_t){.file = up->name}, RULE_UNDO_EXISTS,
                    "%s has neither an undo script nor an irreversible directive",
                    migration->version);
    } else if (undo != NULL && irreversible) {
        finding_add(findings, (finding_at_t){.file = up->name}, RULE_UNDO_EXISTS,
                    "%s says that it is irreversible, and %s is there", migration->version,
                    undo->name);
    }
}

/* Put scripts together by number. Their array is sorted by number, then kind. */
static status_t group(loading_t *loading, directory_t *directory, error_t *err) {
    size_t count = loading->script_count;
    directory->items = calloc(count + 1, sizeof *directory->items);
    if (directory->items == NULL) {
        return no_memory(err);
    }
    if (count > 1) {
        qsort(loading->scripts, count, sizeof *loading->scripts, by_number);
    }
    uint32_t before = 0;
    for (size_t i = 0; i < count;) { /* one migration a turn */
        const filename_t *first = &loading->scripts[i]->filename;
        uint32_t number = first->number;
        migration_t *migration = &directory->items[directory->count++];
        CLEANUP(free_p) char *file = strdup(loading->scripts[i]->name);
        if (file == NULL) {
            return no_memory(err);
        }
        migration->number = number;
        migration->position = (uint32_t)directory->count;
        memcpy(migration->version, first->version, sizeof migration->version);
        memcpy(migration->description, first->description, sizeof migration->description);
        for (; i < count && loading->scripts[i]->filename.number == number; i++) {
            place_script(migration, &loading->scripts[i], &directory->findings);
        }
        check_gap(before, migration, file, &directory->findings);
        check_undo(migration, file, &directory->findings);
        before = number;
    }
    return STATUS_OK;
}

status_t directory_load(const char *path, const statement_options_t *options,
                        directory_t **ret_directory, error_t *err) {
    CLEANUP(directory_destroy_p) directory_t *directory = calloc(1, sizeof *directory);
    CLEANUP(loading_free) loading_t loading = {0};
    if (directory == NULL || (directory->path = strdup(path)) == NULL) {
        return no_memory(err);
    }
    CLEANUP(close_p) int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        return error_set(err, errno == ENOENT ? ERROR_NOT_FOUND : ERROR_IO,
                         "cannot open the directory %s: %s", path, strerror(errno));
    }
    TRY(list_names(fd, path, &loading, err));
    if (load_scripts(fd, &loading, &directory->findings, err) != STATUS_OK) {
        return error_context(err, "reading the directory %s", path);
    }
    TRY(parse_scripts(&loading, options, &directory->findings, err));
    TRY(group(&loading, directory, err));
    TRY(finding_list_check(&directory->findings, err));
    finding_list_sort(&directory->findings);
    *ret_directory = TAKE(directory);
    return STATUS_OK;
}

const migration_t *directory_find(const directory_t *directory, const char *version) {
    for (size_t i = 0; i < directory->count; i++) {
        if (filename_is_version(version, directory->items[i].version)) {
            return &directory->items[i];
        }
    }
    return NULL;
}

void directory_destroy(directory_t **directory_p) {
    directory_t *directory = *directory_p;
    if (directory == NULL) {
        return;
    }
    for (size_t i = 0; i < directory->count; i++) {
        for (int kind = 0; kind < SCRIPT_COUNT; kind++) {
            script_destroy(&directory->items[i].scripts[kind]);
        }
    }
    free(directory->items);
    free(directory->path);
    finding_list_free(&directory->findings);
    free(directory);
    *directory_p = NULL;
}
