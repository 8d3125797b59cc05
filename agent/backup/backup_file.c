/* backup_file.c: see backup_file.h. */
#include "agent/backup/backup_file.h"
#include "common/base/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

status_t backup_file_error(error_t *err, const char *what, const char *path) {
    bool full = errno == ENOSPC || errno == EDQUOT || errno == EFBIG;
    return error_set(err, full ? ERROR_DISK_FULL : ERROR_IO, "cannot %s %s: %s", what, path,
                     strerror(errno));
}

status_t backup_file_write(const backup_write_t *what, error_t *err) {
    const char *at = what->bytes;
    size_t left = what->size;
    while (left > 0) {
        ssize_t n = write(what->fd, at, left);
        if (n < 0) {
            if (errno == EINTR) {
                continue;
            }
            return backup_file_error(err, "write", what->path);
        }
        at += n;
        left -= (size_t)n;
    }
    return STATUS_OK;
}

status_t backup_file_sync_folder(const char *folder, error_t *err) {
    CLEANUP(close_p) int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || fsync(fd) != 0) {
        return backup_file_error(err, "sync the folder", folder);
    }
    return STATUS_OK;
}

status_t backup_file_make_folder(const char *folder, error_t *err) {
    char parent[PATH_MAX];
    if (mkdir(folder, 0700) != 0) {
        return errno == EEXIST ? STATUS_OK : backup_file_error(err, "make the folder", folder);
    }
    (void)snprintf(parent, sizeof parent, "%s", folder);
    char *slash = strrchr(parent, '/');
    if (slash == NULL || slash == parent) {
        return STATUS_OK;
    }
    *slash = '\0';
    return backup_file_sync_folder(parent, err);
}
