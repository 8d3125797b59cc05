/* owner_lock.c: see owner_lock.h. */
#include "coordinator/store/owner_lock.h"
#include "common/base/buffer.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

/* What the holder wrote; "unknown" between its lock and its write. */
static void read_owner(int fd, char owner[24]) {
    ssize_t got = pread(fd, owner, 23, 0);
    owner[got > 0 ? got : 0] = '\0';
    owner[strspn(owner, "0123456789")] = '\0';
    if (owner[0] == '\0') {
        (void)snprintf(owner, 24, "unknown");
    }
}

static status_t write_owner(int fd, const char *path, error_t *err) {
    char text[24];
    int size = snprintf(text, sizeof text, "%ld\n", (long)getpid());
    if (ftruncate(fd, 0) != 0 || pwrite(fd, text, (size_t)size, 0) != size) {
        return error_set(err, errno == ENOSPC ? ERROR_DISK_FULL : ERROR_IO, "cannot write '%s': %s",
                         path, strerror(errno));
    }
    return STATUS_OK;
}

status_t owner_lock_take(const char *catalog, int *ret_fd, error_t *err) {
    CLEANUP(buffer_free) buffer_t path = {0};
    buffer_format(&path, "%s.lock", catalog);
    TRY(buffer_check(&path, err));

    CLEANUP(close_p) int fd = open(path.data, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0) {
        return error_set(err, ERROR_IO, "cannot open '%s': %s", path.data, strerror(errno));
    }
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    if (fcntl(fd, F_OFD_SETLK, &lock) != 0) {
        if (errno != EAGAIN && errno != EACCES) {
            return error_set(err, ERROR_IO, "cannot lock '%s': %s", path.data, strerror(errno));
        }
        char owner[24];
        read_owner(fd, owner);
        return error_set(err, ERROR_STORE_LOCKED, "catalog '%s' is held by process %s", catalog,
                         owner);
    }
    TRY(write_owner(fd, path.data, err));
    *ret_fd = fd;
    fd = -1;
    return STATUS_OK;
}
