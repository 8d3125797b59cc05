/* backup_listing.c: see backup_listing.h. The worker ignores SIGPIPE: EPIPE means it had enough. */
#include "agent/backup/backup_listing.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

enum { LISTING_MOST = 64 * 1024 * 1024 };

status_t backup_listing_start(const backup_programs_t *programs, backup_listing_t *ret_listing,
                              error_t *err) {
    char path[PATH_MAX];
    (void)snprintf(path, sizeof path, "%s/pg_restore", programs->bin_dir);
    backup_tool_t tool = {.path = path,
                          .argv = {path, "--list", "--format=custom"},
                          .feed = true,
                          .output = BACKUP_OUTPUT_KEPT};
    ret_listing->fed = false;
    return backup_tool_start(&tool, &ret_listing->process, err);
}

status_t backup_listing_feed(void *context, const void *bytes, size_t size, error_t *err) {
    backup_listing_t *listing = context;
    const char *at = bytes;
    while (size > 0 && !listing->fed) {
        ssize_t n = write(listing->process.in, at, size);
        if (n < 0 && errno == EPIPE) {
            listing->fed = true;
            backup_tool_end_input(&listing->process);
        } else if (n < 0 && errno != EINTR) {
            return error_set(err, ERROR_IO, "cannot feed pg_restore: %s", strerror(errno));
        } else if (n > 0) {
            at += n;
            size -= (size_t)n;
        }
    }
    return STATUS_OK;
}

static int64_t count_entries(const char *text) {
    int64_t entries = 0;
    for (const char *line = text; *line != '\0';) {
        size_t size = strcspn(line, "\n");
        entries += size > 0 && line[0] != ';' ? 1 : 0;
        line += size + (line[size] == '\n' ? 1 : 0);
    }
    return entries;
}

status_t backup_listing_end(backup_listing_t *listing, int64_t *ret_entries, error_t *err) {
    char complaint[ERROR_FIELD_MAX];
    CLEANUP(buffer_free) buffer_t text = {0};
    backup_tool_end_input(&listing->process);
    int code = backup_tool_wait(&listing->process);
    if (code != 0) {
        backup_tool_complaint(&listing->process, "pg_restore", complaint, sizeof complaint);
        return error_set(err, ERROR_BACKUP_CORRUPT, "pg_restore --list refuses the dump (%d): %s",
                         code, complaint);
    }
    TRY(backup_tool_output(&listing->process, LISTING_MOST, &text, err));
    *ret_entries = count_entries(buffer_string(&text));
    return STATUS_OK;
}
