/* file.c: see file.h. Atomic replacement: rename(2), fsync(2) of file and folder. */
#include "cli/file.h"
#include "common/base/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

enum { STEP = 64 * 1024 };

static status_t failed(const char *doing, const char *path, error_t *err) {
    error_code_t code = errno == ENOSPC || errno == EDQUOT ? ERROR_DISK_FULL
                        : errno == ENOENT                  ? ERROR_NOT_FOUND
                                                           : ERROR_IO;
    return error_set(err, code, "cannot %s %.300s: %s", doing, path, strerror(errno));
}

status_t file_read(const char *path, buffer_t *buffer, error_t *err) {
    CLEANUP(close_p) int fd = open(path, O_RDONLY | O_CLOEXEC);
    char bytes[STEP];
    ssize_t got = 0;
    if (fd < 0) {
        return failed("read", path, err);
    }
    while ((got = read(fd, bytes, sizeof bytes)) != 0) { /* ends with the file or the limit */
        if (got < 0) {
            return failed("read", path, err);
        }
        buffer_append(buffer, bytes, (size_t)got);
        if (buffer_check(buffer, err) != STATUS_OK) {
            return error_context(err, "reading %.120s", path);
        }
    }
    return STATUS_OK;
}

static bool write_all(int fd, const char *bytes, size_t size) {
    while (size > 0) { /* each turn writes a part */
        ssize_t done = write(fd, bytes, size);
        if (done < 0) {
            return false;
        }
        bytes += done;
        size -= (size_t)done;
    }
    return true;
}

static void sync_folder(const char *path) {
    CLEANUP(free_p) char *copy = strdup(path);
    CLEANUP(close_p) int fd = copy != NULL ? open(dirname(copy), O_RDONLY | O_DIRECTORY) : -1;
    if (fd >= 0) {
        (void)fsync(fd);
    }
}

status_t file_replace(const char *path, const buffer_t *text, error_t *err) {
    CLEANUP(buffer_free) buffer_t beside = {0};
    buffer_format(&beside, "%s.XXXXXX", path);
    TRY(buffer_check(text, err));
    TRY(buffer_check(&beside, err));
    CLEANUP(close_p) int fd = mkstemp(beside.data); /* mode 0600 */
    if (fd < 0) {
        return failed("write", path, err);
    }
    if (!write_all(fd, buffer_string(text), text->size) || fsync(fd) != 0 ||
        rename(beside.data, path) != 0) {
        int why = errno;
        (void)unlink(beside.data);
        errno = why;
        return failed("write", path, err);
    }
    sync_folder(path);
    return STATUS_OK;
}
