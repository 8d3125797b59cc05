/* texts.c: see texts.h. A file is written aside and renamed, so that no half text is ever found. */
#include "agent/steps/texts.h"
#include "common/base/cleanup.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

enum { PATH_SIZE = 4096, READ_BYTES = 65536 };

static bool path_of(const char *folder, const digest_t *strict, char path[PATH_SIZE]) {
    char name[DIGEST_TEXT_SIZE];
    int n = snprintf(path, PATH_SIZE - 8, "%s/%s", folder, digest_text(strict, name));
    return n > 0 && n < PATH_SIZE - 8;
}

static bool write_all(int fd, const buffer_t *text) {
    size_t done = 0;
    while (done < text->size) {
        ssize_t n = write(fd, text->data + done, text->size - done);
        if (n <= 0) {
            return false;
        }
        done += (size_t)n;
    }
    return true;
}

void texts_keep(const char *folder, const digest_t *strict, const buffer_t *text) {
    char path[PATH_SIZE];
    char aside[PATH_SIZE + 8];
    struct stat about;
    if (text->failed || !path_of(folder, strict, path) || stat(path, &about) == 0) {
        return;
    }
    (void)snprintf(aside, sizeof aside, "%s.new", path);
    CLEANUP(close_p) int fd = open(aside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0) {
        return;
    }
    if (!write_all(fd, text) || rename(aside, path) != 0) {
        (void)unlink(aside);
    }
}

bool texts_find(const char *folder, const digest_t *strict, buffer_t *text) {
    char path[PATH_SIZE];
    char chunk[READ_BYTES];
    if (!path_of(folder, strict, path)) {
        return false;
    }
    CLEANUP(close_p) int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = -1;
    while (fd >= 0 && (n = read(fd, chunk, sizeof chunk)) > 0) {
        buffer_append(text, chunk, (size_t)n);
    }
    return n == 0 && !text->failed;
}
