/* trust_file.c: see trust_file.h. */
#include "common/trust/trust_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static status_t read_whole(int fd, const char *path, char *bytes, size_t size, error_t *err) {
    for (size_t got = 0; got < size;) {
        ssize_t more = read(fd, bytes + got, size - got);
        if (more < 0 && errno == EINTR) {
            continue;
        }
        if (more <= 0) {
            return error_set(err, ERROR_IO, "cannot read %s: %s", path,
                             more < 0 ? strerror(errno) : "it grew shorter meanwhile");
        }
        got += (size_t)more;
    }
    return STATUS_OK;
}

status_t trust_file_read(const char *path, document_t **ret_document, error_t *err) {
    CLEANUP(close_p) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    struct stat about;
    if (fd < 0 || fstat(fd, &about) != 0) {
        return error_set(err, errno == ENOENT ? ERROR_NOT_FOUND : ERROR_IO, "cannot open %s: %s",
                         path, strerror(errno));
    }
    if (!S_ISREG(about.st_mode)) {
        return error_set(err, ERROR_IO, "%s is no regular file", path);
    }
    if (about.st_size > DOCUMENT_BYTES + DOCUMENT_MAGIC_BYTES) {
        return error_set(err, ERROR_BOUND, "%s: %lld bytes, a document has at most %d", path,
                         (long long)about.st_size, (int)DOCUMENT_BYTES);
    }
    size_t size = (size_t)about.st_size;
    CLEANUP(free_p) char *bytes = malloc(size + 1);
    if (bytes == NULL) {
        return error_set(err, ERROR_NO_MEMORY, "out of memory for %zu bytes of %s", size, path);
    }
    TRY(read_whole(fd, path, bytes, size, err));
    if (document_decode_file(bytes, size, ret_document, err) != STATUS_OK) {
        return error_context(err, "reading %s", path);
    }
    return STATUS_OK;
}

static status_t write_failed(const char *path, error_t *err) {
    int cause = errno;
    return error_set(err, cause == ENOSPC || cause == EDQUOT ? ERROR_DISK_FULL : ERROR_IO,
                     "cannot write %s: %s", path, strerror(cause));
}

static status_t write_whole(const buffer_t *bytes, const char *path, error_t *err) {
    CLEANUP(close_p) int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (fd < 0) {
        return write_failed(path, err);
    }
    for (size_t written = 0; written < bytes->size;) {
        ssize_t more = write(fd, bytes->data + written, bytes->size - written);
        if (more < 0 && errno == EINTR) {
            continue;
        }
        if (more < 0) {
            return write_failed(path, err);
        }
        written += (size_t)more;
    }
    return fsync(fd) == 0 ? STATUS_OK : write_failed(path, err);
}

/* A rename is on disk once its directory is. */
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
    return fd >= 0 && fsync(fd) == 0 ? STATUS_OK : write_failed(path, err);
}

status_t trust_file_write(const document_t *document, const char *path, error_t *err) {
    CLEANUP(buffer_free) buffer_t bytes = {0};
    TRY(document_encode_file(document, &bytes, err));
    CLEANUP(free_p) char *beside = NULL;
    if (asprintf(&beside, "%s.%ld.new", path, (long)getpid()) < 0) {
        beside = NULL;
        return error_set(err, ERROR_NO_MEMORY, "out of memory");
    }
    /* left over from a process of this number that was killed: never read by anyone */
    (void)unlink(beside);
    if (write_whole(&bytes, beside, err) != STATUS_OK) {
        (void)unlink(beside);
        return STATUS_ERROR;
    }
    if (rename(beside, path) != 0) {
        (void)write_failed(path, err);
        (void)unlink(beside);
        return STATUS_ERROR;
    }
    return sync_folder(path, err);
}
