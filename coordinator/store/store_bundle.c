/* store_bundle.c: see store_bundle.h. */
#include "coordinator/store/store_bundle.h"
#include "common/base/buffer.h"
#include "coordinator/store/query.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

enum { PREFIX_LEAST = 8 };

static status_t io_error(const char *what, const char *path, error_t *err) {
    int number = errno;
    return error_set(err, number == ENOSPC || number == EDQUOT ? ERROR_DISK_FULL : ERROR_IO,
                     "cannot %s '%s': %s", what, path, strerror(number));
}

static status_t file_path(const store_t *store, const digest_t *digest, const char *suffix,
                          buffer_t *path, error_t *err) {
    if (store->bundles == NULL) {
        return error_set(err, ERROR_IO, "the catalog was opened without a folder for bundles");
    }
    char text[DIGEST_TEXT_SIZE];
    buffer_format(path, "%s/%s%s", store->bundles, digest_text(digest, text), suffix);
    return buffer_check(path, err);
}

static status_t write_all(int fd, const char *path, driver_bytes_t bytes, error_t *err) {
    const char *data = bytes.data;
    for (size_t done = 0; done < bytes.size;) {
        ssize_t wrote = write(fd, data + done, bytes.size - done);
        if (wrote < 0 && errno == EINTR) {
            continue;
        }
        if (wrote < 0) {
            return io_error("write", path, err);
        }
        done += (size_t)wrote;
    }
    return fsync(fd) == 0 ? STATUS_OK : io_error("sync", path, err);
}

/* The rename is on disk when the folder is. */
static status_t sync_folder(const char *folder, error_t *err) {
    CLEANUP(close_p) int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        return io_error("open", folder, err);
    }
    return fsync(fd) == 0 ? STATUS_OK : io_error("sync", folder, err);
}

static status_t write_partial(const char *path, driver_bytes_t bytes, error_t *err) {
    CLEANUP(close_p) int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0) {
        return io_error("create", path, err);
    }
    return write_all(fd, path, bytes, err);
}

/* The file gets the bundle's name, for good. */
static status_t take_file(const store_t *store, const digest_t *digest, const char *from,
                          error_t *err) {
    CLEANUP(buffer_free) buffer_t path = {0};
    TRY(file_path(store, digest, "", &path, err));
    if (rename(from, path.data) != 0) {
        return io_error("rename", from, err);
    }
    return sync_folder(store->bundles, err);
}

static status_t write_file(const store_t *store, const digest_t *digest, driver_bytes_t bytes,
                           error_t *err) {
    CLEANUP(buffer_free) buffer_t partial = {0};
    TRY(file_path(store, digest, ".partial", &partial, err));
    if (write_partial(partial.data, bytes, err) != STATUS_OK ||
        take_file(store, digest, partial.data, err) != STATUS_OK) {
        (void)unlink(partial.data);
        return STATUS_ERROR;
    }
    return STATUS_OK;
}

/* Read BUNDLE_COLUMNS; texts are kept in the arena, or borrowed without one. */
static bundle_row_t read_bundle(query_t *query, arena_t *arena) {
    bundle_row_t bundle = {
        .digest = query_digest_at(query, 0),
        .migrations = query_u32_at(query, 3),
        .size_bytes = query_number_at(query, 4),
        .signatures = query_u32_at(query, 5),
        .pushed_us = query_number_at(query, 7),
    };
    const char **texts[] = {&bundle.application, &bundle.head, &bundle.pushed_by};
    static const int columns[] = {1, 2, 6};
    for (size_t i = 0; i < sizeof columns / sizeof columns[0]; i++) {
        *texts[i] = arena != NULL ? query_keep_at(query, columns[i], arena)
                                  : query_text_at(query, columns[i]);
    }
    return bundle;
}

/* The signatures that a bundle is known with, or none. */
static status_t known_signatures(store_t *store, const digest_t *digest, bool *ret_known,
                                 uint32_t *ret_signatures, error_t *err) {
    CLEANUP(query_end) query_t query = query_begin(store, STATEMENT_BUNDLE_GET, err);
    query_digest(&query, 1, digest);
    bool row = false;
    TRY(query_next(&query, &row));
    uint32_t signatures = row ? query_u32_at(&query, 5) : 0;
    TRY(query_check(&query));
    *ret_known = row;
    *ret_signatures = signatures;
    return STATUS_OK;
}

static status_t put_row(store_t *store, const bundle_row_t *bundle, error_t *err) {
    CLEANUP(query_end) query_t query = query_begin(store, STATEMENT_BUNDLE_PUT, err);
    query_digest(&query, 1, &bundle->digest);
    query_text(&query, 2, bundle->application);
    query_text(&query, 3, bundle->head);
    query_number(&query, 4, bundle->migrations);
    query_number(&query, 5, bundle->size_bytes);
    query_number(&query, 6, bundle->signatures);
    query_text(&query, 7, bundle->pushed_by);
    query_number(&query, 8, bundle->pushed_us);
    return query_run(&query, NULL);
}

/* Whether the file is to be written: it is not known, or not with so many signatures. */
static status_t is_wanted(store_t *store, const bundle_row_t *bundle, bool *ret_wanted,
                          bool *ret_new, error_t *err) {
    bool known = false;
    uint32_t signatures = 0;
    TRY(known_signatures(store, &bundle->digest, &known, &signatures, err));
    *ret_wanted = !known || bundle->signatures > signatures;
    *ret_new = !known;
    return STATUS_OK;
}

status_t store_bundle_put(store_t *store, const bundle_row_t *bundle, const void *bytes,
                          bool *ret_new, error_t *err) {
    bool wanted = false;
    TRY(is_wanted(store, bundle, &wanted, ret_new, err));
    if (!wanted) {
        return STATUS_OK;
    }
    driver_bytes_t content = {.data = bytes, .size = (size_t)bundle->size_bytes};
    TRY(write_file(store, &bundle->digest, content, err));
    return put_row(store, bundle, err);
}

status_t store_bundle_adopt(store_t *store, const bundle_row_t *bundle, const char *path,
                            bool *ret_new, error_t *err) {
    bool wanted = false;
    TRY(is_wanted(store, bundle, &wanted, ret_new, err));
    if (!wanted) {
        return STATUS_OK;
    }
    TRY(take_file(store, &bundle->digest, path, err));
    return put_row(store, bundle, err);
}

/* The first row, in the arena; a second one makes the text ambiguous. */
static status_t only_bundle(query_t *query, const char *text, arena_t *arena,
                            bundle_row_t *ret_bundle, error_t *err) {
    bool row = false;
    TRY(query_next(query, &row));
    if (!row) {
        return error_set(err, ERROR_BUNDLE_UNKNOWN, "no bundle is called '%s'", text);
    }
    bundle_row_t bundle = read_bundle(query, arena);
    TRY(query_check(query));
    TRY(query_next(query, &row));
    if (row) {
        return error_set(err, ERROR_INVALID, "several bundles begin with '%s'", text);
    }
    *ret_bundle = bundle;
    return STATUS_OK;
}

static status_t find_by_head(store_t *store, const char *text, arena_t *arena,
                             bundle_row_t *ret_bundle, error_t *err) {
    const char *at = strrchr(text, '@');
    CLEANUP(free_p) char *application = strndup(text, (size_t)(at - text));
    if (application == NULL) {
        return error_set(err, ERROR_NO_MEMORY, "out of memory for a name");
    }
    CLEANUP(query_end) query_t query = query_begin(store, STATEMENT_BUNDLE_BY_HEAD, err);
    query_text(&query, 1, application);
    query_text(&query, 2, at + 1);
    return only_bundle(&query, text, arena, ret_bundle, err);
}

status_t store_bundle_find(store_t *store, const char *text, arena_t *arena,
                           bundle_row_t *ret_bundle, error_t *err) {
    if (strchr(text, '@') != NULL) {
        return find_by_head(store, text, arena, ret_bundle, err);
    }
    size_t size = strlen(text);
    if (size < PREFIX_LEAST || size >= DIGEST_TEXT_SIZE ||
        strspn(text, "0123456789abcdef") != size) {
        return error_set(err, ERROR_BUNDLE_UNKNOWN,
                         "no bundle is called '%s': an application, application@version, or %d "
                         "digits or more of a digest names one",
                         text, PREFIX_LEAST);
    }
    /* 'g' follows every hexadecimal digit */
    char end[DIGEST_TEXT_SIZE + 1];
    memcpy(end, text, size);
    memcpy(end + size, "g", 2);
    CLEANUP(query_end) query_t query = query_begin(store, STATEMENT_BUNDLE_BY_PREFIX, err);
    query_text(&query, 1, text);
    query_text(&query, 2, end);
    return only_bundle(&query, text, arena, ret_bundle, err);
}

status_t store_bundle_read(store_t *store, const bundle_part_t *part, bundle_part_read_t *ret_read,
                           error_t *err) {
    CLEANUP(buffer_free) buffer_t path = {0};
    TRY(file_path(store, &part->digest, "", &path, err));
    CLEANUP(close_p) int fd = open(path.data, O_RDONLY | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT) {
        return error_set(err, ERROR_BUNDLE_UNKNOWN, "there is no file '%s'", path.data);
    }
    struct stat status;
    if (fd < 0 || fstat(fd, &status) != 0) {
        return io_error("open", path.data, err);
    }
    bundle_part_read_t read = {.total = (uint64_t)status.st_size};
    while (read.size < part->room && part->offset + read.size < read.total) {
        ssize_t got = pread(fd, (char *)part->buffer + read.size, part->room - read.size,
                            (off_t)(part->offset + read.size));
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            return io_error("read", path.data, err);
        }
        if (got == 0) {
            return error_set(err, ERROR_IO, "'%s' became shorter while it was read", path.data);
        }
        read.size += (size_t)got;
    }
    *ret_read = read;
    return STATUS_OK;
}

status_t store_bundle_each(store_t *store, const char *application, store_bundle_fn *fn,
                           void *context, error_t *err) {
    CLEANUP(query_end) query_t query = query_begin(store, STATEMENT_BUNDLE_LIST, err);
    query_text(&query, 1, application);
    for (;;) { /* ends with the rows */
        bool row = false;
        TRY(query_next(&query, &row));
        if (!row) {
            return STATUS_OK;
        }
        bundle_row_t bundle = read_bundle(&query, NULL);
        TRY(query_check(&query));
        TRY(fn(context, &bundle, err));
    }
}
