/* whole.c: see whole.h. */
#include "common/base/whole.h"
#include "common/base/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static status_t failed(const char *doing, const char *path, error_t *err) {
    int cause = errno;
    error_code_t code = cause == ENOSPC || cause == EDQUOT ? ERROR_DISK_FULL
                        : cause == ENOENT                  ? ERROR_NOT_FOUND
                                                           : ERROR_IO;
    return error_set(err, code, "cannot %s %.300s: %s", doing, path, strerror(cause));
}

static status_t read_all(int fd, const char *path, char *bytes, size_t size, error_t *err) {
    for (size_t got = 0; got < size;) {
        ssize_t more = read(fd, bytes + got, size - got);
        if (more < 0 && errno == EINTR) {
            continue;
        }
        if (more == 0) {
            return error_set(err, ERROR_IO, "cannot read %.300s: it grew shorter meanwhile", path);
        }
        if (more < 0) {
            return failed("read", path, err);
        }
        got += (size_t)more;
    }
    return STATUS_OK;
}

status_t whole_read(const whole_source_t *source, char **ret_bytes, size_t *ret_size,
                    error_t *err) {
    /* a pipe without a writer would hold the open for ever */
    CLEANUP(close_p) int fd = open(source->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    struct stat about;
    if (fd < 0 || fstat(fd, &about) != 0) {
        return failed("open", source->path, err);
    }
    if (!S_ISREG(about.st_mode)) {
        return error_set(err, ERROR_IO, "%.300s is no regular file", source->path);
    }
    size_t size = (size_t)about.st_size;
    if (size > source->most_bytes) {
        return error_set(err, ERROR_BOUND, "%.300s: %zu bytes, %s has at most %zu", source->path,
                         size, source->what, source->most_bytes);
    }
    CLEANUP(free_p) char *bytes = malloc(size + 1);
    if (bytes == NULL) {
        return error_set(err, ERROR_NO_MEMORY, "out of memory for %zu bytes of %.300s", size,
                         source->path);
    }
    TRY(read_all(fd, source->path, bytes, size, err));
    bytes[size] = '\0';
    *ret_bytes = TAKE(bytes);
    *ret_size = size;
    return STATUS_OK;
}

static bool write_all(int fd, const char *bytes, size_t size) {
    while (size > 0) { /* each turn writes a part, or is interrupted */
        ssize_t done = write(fd, bytes, size);
        if (done < 0 && errno != EINTR) {
            return false;
        }
        bytes += done > 0 ? done : 0;
        size -= done > 0 ? (size_t)done : 0;
    }
    return true;
}

/* Write, sync and rename; the errno of what failed stands. */
static bool replace(const whole_target_t *target, const char *beside, const void *bytes,
                    size_t size) {
    CLEANUP(close_p)
    int fd = open(beside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, target->mode);
    return fd >= 0 && write_all(fd, bytes, size) && fsync(fd) == 0 &&
           rename(beside, target->path) == 0;
}

/* A rename is on disk once its folder is. */
static status_t sync_folder(const char *path, error_t *err) {
    const char *slash = strrchr(path, '/');
    CLEANUP(free_p)
    char *folder = slash == NULL   ? strdup(".")
                   : slash == path ? strdup("/")
                                   : strndup(path, (size_t)(slash - path));
    if (folder == NULL) {
        return error_set(err, ERROR_NO_MEMORY, "out of memory");
    }
    CLEANUP(close_p) int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return fd >= 0 && fsync(fd) == 0 ? STATUS_OK : failed("write", path, err);
}

status_t whole_replace(const whole_target_t *target, const void *bytes, size_t size, error_t *err) {
    CLEANUP(free_p) char *beside = NULL;
    if (asprintf(&beside, "%s.%ld.new", target->path, (long)getpid()) < 0) {
        beside = NULL;
        return error_set(err, ERROR_NO_MEMORY, "out of memory");
    }
    (void)unlink(beside); /* of a killed process of our number: never read by anyone */
    if (!replace(target, beside, bytes, size)) {
        (void)failed("write", target->path, err);
        (void)unlink(beside);
        return STATUS_ERROR;
    }
    return sync_folder(target->path, err);
}
