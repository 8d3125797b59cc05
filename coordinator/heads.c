/* heads.c: see heads.h. */
#include "coordinator/heads.h"

#include "common/base/buffer.h"
#include "common/base/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static status_t failed(const char *path, error_t *err) {
    error_code_t code = errno == ENOSPC || errno == EDQUOT ? ERROR_DISK_FULL
                        : errno == ENOENT                  ? ERROR_NOT_FOUND
                                                           : ERROR_IO;
    return error_set(err, code, "cannot add to '%.300s': %s", path, strerror(errno));
}

static void write_line(const audit_head_t *head, buffer_t *line) {
    char digest[DIGEST_TEXT_SIZE];
    char catalog[IDENT_TEXT_SIZE];
    char incarnation[IDENT_TEXT_SIZE];
    char key[2 * SIGN_PUBLIC_BYTES + 1];
    char signature[2 * SIGN_SIGNATURE_BYTES + 1];
    buffer_format(line,
                  "{\"type\":\"head\",\"sequence\":%" PRId64
                  ",\"digest\":\"%s\",\"time_us\":%" PRId64 ",\"catalog\":\"%s\",\"epoch\":%" PRIu64
                  ",\"incarnation\":\"%s\",\"key\":\"%s\",\"signature\":\"%s\"}\n",
                  head->sequence, digest_text(&head->digest, digest), head->time_us,
                  ident_text(&head->catalog, catalog), head->epoch,
                  ident_text(&head->incarnation, incarnation),
                  hex_text(head->key.bytes, sizeof head->key.bytes, key),
                  hex_text(head->signature.bytes, sizeof head->signature.bytes, signature));
}

/* Whether the last line is whole; a crash may have cut it short. */
static status_t ends_whole(int fd, const char *path, bool *ret_whole, error_t *err) {
    struct stat about;
    char last = '\n';
    if (fstat(fd, &about) != 0 ||
        (about.st_size > 0 && pread(fd, &last, 1, about.st_size - 1) != 1)) {
        return failed(path, err);
    }
    *ret_whole = last == '\n';
    return STATUS_OK;
}

status_t heads_append(const char *path, const audit_head_t *head, error_t *err) {
    CLEANUP(buffer_free) buffer_t line = {0};
    bool whole = false;
    CLEANUP(close_p) int fd = open(path, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0) {
        return failed(path, err);
    }
    TRY(ends_whole(fd, path, &whole, err));
    buffer_text(&line, whole ? "" : "\n");
    write_line(head, &line);
    TRY(buffer_check(&line, err));
    errno = ENOSPC; /* what a short write means */
    if (write(fd, line.data, line.size) != (ssize_t)line.size || fsync(fd) != 0) {
        return failed(path, err);
    }
    return STATUS_OK;
}
