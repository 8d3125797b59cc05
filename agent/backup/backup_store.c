/* backup_store.c: see backup_store.h. Two levels of folders are read and nothing below them. */
#include "agent/backup/backup_store.h"
#include "agent/backup/backup_file.h"
#include "common/base/cleanup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>

static const char *const STATES[BACKUP_STATE_COUNT] = {
    [BACKUP_PRESENT] = "present",
    [BACKUP_UNTRUSTED] = "untrusted",
    [BACKUP_MISSING] = "missing",
    [BACKUP_SIZE_DIFFERS] = "size differs",
};

static void closedir_p(DIR **folder) {
    if (*folder != NULL) {
        (void)closedir(*folder);
    }
}

const char *backup_state_text(backup_state_t state) {
    INVARIANT((int)state >= 0 && state < BACKUP_STATE_COUNT);
    return STATES[state];
}

static bool has_suffix(const char *name, const char *suffix) {
    size_t size = strlen(name);
    size_t tail = strlen(suffix);
    return size > tail && strcmp(name + size - tail, suffix) == 0;
}

/* --- paths ----------------------------------------------------------------------------------- */

static status_t join(char *ret_path, error_t *err, const char *format, ...) PRINTF_LIKE(3, 4);

static status_t join(char *ret_path, error_t *err, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(ret_path, PATH_MAX, format, arguments);
    va_end(arguments);
    if (length < 0 || length >= PATH_MAX) {
        return error_set(err, ERROR_BOUND, "a path of the backup directory is too long");
    }
    return STATUS_OK;
}

status_t backup_paths_make(const char *dir, const backup_manifest_t *manifest,
                           backup_paths_t *ret_paths, error_t *err) {
    CLEANUP(free_p) backup_paths_t *paths = calloc(1, sizeof *paths);
    char id[IDENT_TEXT_SIZE];
    char stamp[32];
    struct tm day;
    time_t seconds = (time_t)(manifest->started_us / 1000000);
    if (paths == NULL || gmtime_r(&seconds, &day) == NULL) {
        return error_set(err, ERROR_INVALID, "the backup's time is out of range");
    }
    (void)strftime(stamp, sizeof stamp, "%Y%m%dT%H%M%SZ", &day);
    TRY(join(paths->folder, err, "%s/%s", dir, ident_text(&manifest->tenant_id, id)));
    (void)ident_text(&manifest->backup_id, id);
    TRY(join(paths->data, err, "%s/%s-%s" BACKUP_DATA_SUFFIX, paths->folder, stamp, id));
    TRY(join(paths->manifest, err, "%s/%s-%s" BACKUP_MANIFEST_SUFFIX, paths->folder, stamp, id));
    TRY(join(paths->data_partial, err, "%s" BACKUP_PARTIAL_SUFFIX, paths->data));
    TRY(join(paths->manifest_partial, err, "%s" BACKUP_PARTIAL_SUFFIX, paths->manifest));
    *ret_paths = *paths;
    return STATUS_OK;
}

status_t backup_data_path(const char *manifest_path, char ret_path[4096], error_t *err) {
    if (!has_suffix(manifest_path, BACKUP_MANIFEST_SUFFIX)) {
        return error_set(err, ERROR_INVALID, "%s is no manifest: it does not end in %s",
                         manifest_path, BACKUP_MANIFEST_SUFFIX);
    }
    int stem = (int)(strlen(manifest_path) - strlen(BACKUP_MANIFEST_SUFFIX));
    return join(ret_path, err, "%.*s" BACKUP_DATA_SUFFIX, stem, manifest_path);
}

/* --- list ------------------------------------------------------------------------------------ */

static status_t list_room(backup_list_t *list, error_t *err) {
    if ((list->count & (list->count + 1)) != 0) {
        return STATUS_OK; /* grown at 0, 1, 3, 7, … */
    }
    size_t room = 2 * list->count + 1;
    backup_entry_t *entries = realloc(list->entries, room * sizeof *entries);
    if (entries == NULL) {
        return error_set(err, ERROR_NO_MEMORY, "no memory for a list of backups");
    }
    list->entries = entries;
    return STATUS_OK;
}

static void judge(backup_entry_t *entry, const backup_trust_t *trust) {
    char data[PATH_MAX];
    struct stat about;
    const char *name = strrchr(entry->path, '/') + 1;
    if (backup_manifest_read(entry->path, trust, &entry->manifest, &entry->why) != STATUS_OK ||
        backup_data_path(entry->path, data, &entry->why) != STATUS_OK) {
        memset(&entry->manifest, 0, sizeof entry->manifest);
        entry->state = BACKUP_UNTRUSTED;
    } else if (strncmp(name, entry->manifest.file, strlen(name) - strlen(BACKUP_MANIFEST_SUFFIX)) !=
               0) {
        (void)error_set(&entry->why, ERROR_BACKUP_CORRUPT, "%s is the manifest of another file",
                        entry->path);
        memset(&entry->manifest, 0, sizeof entry->manifest);
        entry->state = BACKUP_UNTRUSTED;
    } else if (stat(data, &about) != 0) {
        (void)error_set(&entry->why, ERROR_BACKUP_CORRUPT, "%s is gone: %s", data, strerror(errno));
        entry->state = BACKUP_MISSING;
    } else if ((uint64_t)about.st_size != entry->manifest.sealed_bytes) {
        (void)error_set(&entry->why, ERROR_BACKUP_CORRUPT,
                        "%s is of %" PRId64 " bytes, its manifest says %" PRIu64, data,
                        (int64_t)about.st_size, entry->manifest.sealed_bytes);
        entry->state = BACKUP_SIZE_DIFFERS;
    } else {
        entry->state = BACKUP_PRESENT;
    }
}

static status_t list_folder(const char *folder, const backup_trust_t *trust, backup_list_t *list,
                            error_t *err) {
    char path[PATH_MAX];
    CLEANUP(closedir_p) DIR *names = opendir(folder);
    if (names == NULL) {
        return errno == ENOENT ? STATUS_OK : backup_file_error(err, "list", folder);
    }
    for (struct dirent *name = readdir(names); name != NULL; name = readdir(names)) {
        if (!has_suffix(name->d_name, BACKUP_MANIFEST_SUFFIX)) {
            continue;
        }
        TRY(list_room(list, err));
        backup_entry_t *entry = &list->entries[list->count];
        memset(entry, 0, sizeof *entry);
        TRY(join(path, err, "%s/%s", folder, name->d_name));
        entry->path = strdup(path);
        if (entry->path == NULL) {
            return error_set(err, ERROR_NO_MEMORY, "no memory for a list of backups");
        }
        judge(entry, trust);
        list->count++;
    }
    return STATUS_OK;
}

/* Call visit for every tenant's folder below dir. */
typedef status_t (*folder_visit_t)(const char *folder, void *context, error_t *err);

static status_t each_folder(const char *dir, folder_visit_t visit, void *context, error_t *err) {
    CLEANUP(closedir_p) DIR *names = opendir(dir);
    if (names == NULL) {
        return backup_file_error(err, "list", dir);
    }
    for (struct dirent *name = readdir(names); name != NULL; name = readdir(names)) {
        ident_t id;
        error_t ignored;
        char folder[PATH_MAX];
        if (ident_parse(name->d_name, &id, &ignored) != STATUS_OK) {
            continue; /* not ours */
        }
        TRY(join(folder, err, "%s/%s", dir, name->d_name));
        TRY(visit(folder, context, err));
    }
    return STATUS_OK;
}

typedef struct list_visit {
    const backup_trust_t *trust;
    backup_list_t *list;
} list_visit_t;

static status_t visit_list(const char *folder, void *context, error_t *err) {
    list_visit_t *visit = context;
    return list_folder(folder, visit->trust, visit->list, err);
}

static int compare_entries(const void *a, const void *b) {
    const backup_entry_t *left = a;
    const backup_entry_t *right = b;
    if (left->manifest.started_us != right->manifest.started_us) {
        return left->manifest.started_us < right->manifest.started_us ? -1 : 1;
    }
    return strcmp(left->path, right->path);
}

status_t backup_list_read(const char *dir, const ident_t *tenant_id, const backup_trust_t *trust,
                          backup_list_t *ret_list, error_t *err) {
    CLEANUP(backup_list_free) backup_list_t list = {0};
    if (tenant_id != NULL) {
        char folder[PATH_MAX];
        char id[IDENT_TEXT_SIZE];
        TRY(join(folder, err, "%s/%s", dir, ident_text(tenant_id, id)));
        TRY(list_folder(folder, trust, &list, err));
    } else {
        list_visit_t visit = {.trust = trust, .list = &list};
        TRY(each_folder(dir, visit_list, &visit, err));
    }
    if (list.count > 1) {
        qsort(list.entries, list.count, sizeof *list.entries, compare_entries);
    }
    *ret_list = list;
    list = (backup_list_t){0};
    return STATUS_OK;
}

void backup_list_free(backup_list_t *list) {
    for (size_t i = 0; i < list->count; i++) {
        free(list->entries[i].path);
    }
    free(list->entries);
    *list = (backup_list_t){0};
}

/* --- sweep and remove ------------------------------------------------------------------------ */

/* Whether a living worker holds the file: it keeps a lock on it for as long as it lives. */
static bool is_held(const char *path) {
    CLEANUP(close_p) int fd = open(path, O_RDONLY | O_CLOEXEC);
    return fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) != 0;
}

/* PATH.dbk.partial: its manifest, if any, says nothing yet and goes first. */
static status_t sweep_data(const char *partial, int64_t *removed, error_t *err) {
    char manifest[PATH_MAX];
    int stem = (int)(strlen(partial) - strlen(BACKUP_DATA_SUFFIX BACKUP_PARTIAL_SUFFIX));
    if (is_held(partial)) {
        return STATUS_OK;
    }
    TRY(join(manifest, err, "%.*s" BACKUP_MANIFEST_SUFFIX, stem, partial));
    if (unlink(manifest) == 0) {
        (*removed)++;
    } else if (errno != ENOENT) {
        return backup_file_error(err, "remove", manifest);
    }
    if (unlink(partial) == 0) {
        (*removed)++;
    } else if (errno != ENOENT) {
        return backup_file_error(err, "remove", partial);
    }
    return STATUS_OK;
}

/* PATH.manifest.partial: goes unless the worker of the data file beside it lives. */
static status_t sweep_manifest(const char *partial, int64_t *removed, error_t *err) {
    char data[PATH_MAX];
    int stem = (int)(strlen(partial) - strlen(BACKUP_MANIFEST_SUFFIX BACKUP_PARTIAL_SUFFIX));
    TRY(join(data, err, "%.*s" BACKUP_DATA_SUFFIX BACKUP_PARTIAL_SUFFIX, stem, partial));
    if (is_held(data)) {
        return STATUS_OK;
    }
    if (unlink(partial) != 0 && errno != ENOENT) {
        return backup_file_error(err, "remove", partial);
    }
    (*removed)++;
    return STATUS_OK;
}

static status_t sweep_folder(const char *folder, void *context, error_t *err) {
    CLEANUP(closedir_p) DIR *names = opendir(folder);
    if (names == NULL) {
        return backup_file_error(err, "list", folder);
    }
    for (struct dirent *name = readdir(names); name != NULL; name = readdir(names)) {
        char path[PATH_MAX];
        TRY(join(path, err, "%s/%s", folder, name->d_name));
        if (has_suffix(path, BACKUP_DATA_SUFFIX BACKUP_PARTIAL_SUFFIX)) {
            TRY(sweep_data(path, context, err));
        } else if (has_suffix(path, BACKUP_MANIFEST_SUFFIX BACKUP_PARTIAL_SUFFIX)) {
            TRY(sweep_manifest(path, context, err));
        }
    }
    return backup_file_sync_folder(folder, err);
}

status_t backup_sweep(const char *dir, int64_t *ret_removed, error_t *err) {
    int64_t removed = 0;
    TRY(each_folder(dir, sweep_folder, &removed, err));
    if (ret_removed != NULL) {
        *ret_removed = removed;
    }
    return STATUS_OK;
}

status_t backup_remove(const char *manifest_path, error_t *err) {
    char data[PATH_MAX];
    char partial[PATH_MAX];
    char folder[PATH_MAX];
    TRY(backup_data_path(manifest_path, data, err));
    TRY(join(partial, err, "%s" BACKUP_PARTIAL_SUFFIX, data));
    TRY(join(folder, err, "%s", manifest_path));
    char *slash = strrchr(folder, '/');
    if (slash == NULL) {
        return error_set(err, ERROR_INVALID, "%s is no absolute path", manifest_path);
    }
    *slash = '\0';
    /* A .partial first: whatever a crash leaves from here on, the sweep removes. */
    if (rename(data, partial) != 0 && errno != ENOENT) {
        return backup_file_error(err, "remove", data);
    }
    TRY(backup_file_sync_folder(folder, err));
    if (unlink(manifest_path) != 0 && errno != ENOENT) {
        return backup_file_error(err, "remove", manifest_path);
    }
    if (unlink(partial) != 0 && errno != ENOENT) {
        return backup_file_error(err, "remove", partial);
    }
    return backup_file_sync_folder(folder, err);
}

status_t backup_room(const char *dir, uint64_t need_bytes, error_t *err) {
    struct statvfs about;
    if (statvfs(dir, &about) != 0) {
        return backup_file_error(err, "look at the disk of", dir);
    }
    uint64_t free_bytes = (uint64_t)about.f_bavail * about.f_frsize;
    if (free_bytes < need_bytes) {
        return error_set(err, ERROR_BACKUP_NO_ROOM,
                         "%s has %" PRIu64 " MiB free, the backup may need %" PRIu64 " MiB", dir,
                         free_bytes >> 20, (need_bytes >> 20) + 1);
    }
    return STATUS_OK;
}
