/* create.c: see create.h. */
#include "common/migration/create.h"

#include "common/base/buffer.h"
#include "common/base/cleanup.h"
#include "common/base/limits.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>

typedef struct template {
    script_kind_t kind;
    const char *text; /* after a first line that names the migration */
}
template_t;

static const template_t templates[CREATE_FILES] = {
    {SCRIPT_UP,
     "-- What it changes, and why. It runs in one transaction with its ledger row, so it has no\n"
     "-- BEGIN or COMMIT. Directives stand here, one a line; take the second pair of dashes away:\n"
     "-- -- drover: phase=expand\n"
     "-- -- drover: lock_timeout=2s\n"
     "-- -- drover: statement_timeout=5min\n"
     "-- -- drover: transaction=none      (for CREATE INDEX CONCURRENTLY and its kin)\n\n"},
    {SCRIPT_UNDO,
     "-- Takes the change back. Where that cannot be done, delete this file and say why in the\n"
     "-- other one:\n"
     "-- -- drover: irreversible=\"the reason\"\n\n"},
    {SCRIPT_VERIFY, "-- Queries that must be true once the change is applied: each answers rows of "
                    "one boolean, or\n"
                    "-- of a name and a boolean; no row, a NULL and a false all fail, and the "
                    "change is rolled back.\n"
                    "-- SELECT 'email is there', count(*) = 1 FROM information_schema.columns\n"
                    "--   WHERE table_name = 'customer' AND column_name = 'email';\n\n"},
};

static void closedir_p(DIR **folder) {
    if (*folder != NULL) {
        (void)closedir(*folder);
    }
}

/* The greatest number among a directory's migrations, 0 where it has none. */
static status_t greatest(int fd, const char *path, uint32_t *ret_number, error_t *err) {
    int copy = dup(fd);
    CLEANUP(closedir_p) DIR *folder = copy >= 0 ? fdopendir(copy) : NULL;
    if (folder == NULL) {
        int cause = errno;
        if (copy >= 0) {
            (void)close(copy);
        }
        return error_set(err, ERROR_IO, "cannot list %s: %s", path, strerror(cause));
    }
    uint32_t number = 0;
    for (;;) { /* ends with the directory */
        errno = 0;
        const struct dirent *entry = readdir(folder);
        if (entry == NULL) {
            break;
        }
        filename_t filename;
        if (filename_is_meant(entry->d_name)) {
            TRY(filename_parse(entry->d_name, &filename, err));
            number = filename.number > number ? filename.number : number;
        }
    }
    if (errno != 0) {
        return error_set(err, ERROR_IO, "cannot list %s: %s", path, strerror(errno));
    }
    *ret_number = number;
    return STATUS_OK;
}

static status_t failed(const char *name, error_t *err) {
    int cause = errno;
    return error_set(err, cause == ENOSPC || cause == EDQUOT ? ERROR_DISK_FULL : ERROR_IO,
                     "cannot make %s: %s", name, strerror(cause));
}

/* Make one file; where it cannot be written whole it is taken away again. */
static status_t make_file(int fd, const char *name, const char *text, error_t *err) {
    CLEANUP(close_p) int file = openat(fd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (file < 0) {
        return failed(name, err);
    }
    size_t size = strlen(text);
    size_t written = 0;
    while (written < size) {
        ssize_t more = write(file, text + written, size - written);
        if (more < 0 && errno == EINTR) {
            continue;
        }
        if (more < 0) {
            break;
        }
        written += (size_t)more;
    }
    if (written < size || fsync(file) != 0) {
        (void)failed(name, err);
        (void)unlinkat(fd, name, 0);
        return STATUS_ERROR;
    }
    return STATUS_OK;
}

typedef struct names {
    char name[CREATE_FILES][256];
} names_t;

static status_t make_files(int fd, const names_t *names, const char *title, error_t *err) {
    for (size_t i = 0; i < CREATE_FILES; i++) {
        CLEANUP(buffer_free) buffer_t text = {0};
        buffer_format(&text, "-- %s\n%s", title, templates[i].text);
        status_t status = buffer_check(&text, err);
        if (status == STATUS_OK) {
            status = make_file(fd, names->name[i], buffer_string(&text), err);
        }
        if (status != STATUS_OK) {
            for (size_t made = 0; made < i; made++) {
                (void)unlinkat(fd, names->name[made], 0);
            }
            return STATUS_ERROR;
        }
    }
    return STATUS_OK;
}

/* Where a file will stand; the path must fit. */
static status_t put_path(const char *directory, const char *name, char path[CREATE_PATH_SIZE],
                         error_t *err) {
    size_t size = strlen(directory);
    bool slash = size > 0 && directory[size - 1] == '/';
    int length = snprintf(path, CREATE_PATH_SIZE, "%s%s%s", directory, slash ? "" : "/", name);
    if (length < 0 || length >= CREATE_PATH_SIZE) {
        return error_set(err, ERROR_BOUND, "a path of more than %d bytes", CREATE_PATH_SIZE - 1);
    }
    return STATUS_OK;
}

status_t create_migration(const char *directory, const char *words, create_paths_t *ret_paths,
                          error_t *err) {
    char description[DESCRIPTION_TEXT_SIZE];
    TRY(filename_describe(words, description, err));
    CLEANUP(close_p) int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        return error_set(err, errno == ENOENT ? ERROR_NOT_FOUND : ERROR_IO,
                         "cannot open the directory %s: %s", directory, strerror(errno));
    }
    while (flock(fd, LOCK_EX) != 0) { /* interrupted by signals only */
        if (errno != EINTR) {
            return error_set(err, ERROR_IO, "cannot lock %s: %s", directory, strerror(errno));
        }
    }
    uint32_t number = 0;
    TRY(greatest(fd, directory, &number, err));
    if (number >= LIMIT_MIGRATIONS) {
        return error_set(err, ERROR_BOUND, "more than %d migrations", LIMIT_MIGRATIONS);
    }
    create_paths_t paths;
    names_t names;
    char title[VERSION_TEXT_SIZE + DESCRIPTION_TEXT_SIZE + 8];
    (void)filename_version(number + 1, paths.version);
    (void)snprintf(title, sizeof title, "%s__%s", paths.version, description);
    for (size_t i = 0; i < CREATE_FILES; i++) {
        bool up = templates[i].kind == SCRIPT_UP;
        (void)snprintf(names.name[i], sizeof names.name[i], "%s%s%s.sql", title, up ? "" : ".",
                       up ? "" : script_kind_text(templates[i].kind));
        TRY(put_path(directory, names.name[i], paths.path[i], err));
    }
    status_t status = make_files(fd, &names, title, err);
    if (status == STATUS_OK && fsync(fd) != 0) {
        status = failed(title, err);
    }
    if (status != STATUS_OK) {
        return error_context(err, "in the directory %s", directory);
    }
    *ret_paths = paths;
    return STATUS_OK;
}
