/* file.c: see file.h. */
#include "cli/file.h"
#include "common/base/cleanup.h"
#include "common/base/whole.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

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

status_t file_replace(const char *path, const buffer_t *text, error_t *err) {
    TRY(buffer_check(text, err));
    return whole_replace(&(whole_target_t){.path = path, .mode = 0600}, buffer_string(text),
                         text->size, err);
}
