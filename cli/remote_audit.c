/*
 * remote_audit.c: drover audit export and head: what proves what was done, as lines of JSON. An
 * export is written page by page, so that it may be larger than memory.
 */
#include "cli/handlers.h"
#include "cli/moment.h"
#include "cli/remote.h"
#include "common/audit/join.h"
#include "common/base/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* An export on its way to a file, or to stdout. */
typedef struct sink {
    const char *path;    /* NULL: stdout */
    char part[PATH_MAX]; /* beside it, until it is whole; "" once it is */
    FILE *out;
    audit_join_t join;
} sink_t;

static status_t failed(const sink_t *sink, error_t *err) {
    error_code_t code = errno == ENOSPC || errno == EDQUOT ? ERROR_DISK_FULL
                        : errno == ENOENT                  ? ERROR_NOT_FOUND
                                                           : ERROR_IO;
    return error_set(err, code, "cannot write %.300s: %s",
                     sink->path != NULL ? sink->path : "to stdout", strerror(errno));
}

static void sink_free(sink_t *sink) {
    if (sink->out != NULL && sink->path != NULL) {
        (void)fclose(sink->out);
    }
    if (sink->part[0] != '\0') {
        (void)unlink(sink->part);
    }
    audit_join_free(&sink->join);
}

static status_t sink_open(const char *path, sink_t *sink, error_t *err) {
    sink->path = path;
    if (path == NULL) {
        sink->out = stdout;
        return STATUS_OK;
    }
    if (snprintf(sink->part, sizeof sink->part, "%s.XXXXXX", path) >= (int)sizeof sink->part) {
        sink->part[0] = '\0';
        return error_set(err, ERROR_INVALID, "a path of %zu bytes", strlen(path));
    }
    int fd = mkstemp(sink->part); /* 0600 */
    if (fd < 0) {
        sink->part[0] = '\0';
        return failed(sink, err);
    }
    sink->out = fdopen(fd, "w");
    if (sink->out == NULL) {
        (void)close(fd);
        return failed(sink, err);
    }
    return STATUS_OK;
}

static status_t write_page(void *context, const json_t *page, error_t *err) {
    sink_t *sink = context;
    CLEANUP(buffer_free) buffer_t text = {0};
    size_t i = 0;
    json_t *row = NULL;
    json_array_foreach(json_object_get(page, "lines"), i, row) {
        TRY(audit_join_row(&sink->join, row, &text, err));
    }
    bool written = fwrite(buffer_string(&text), 1, text.size, sink->out) == text.size;
    return written ? STATUS_OK : failed(sink, err);
}

/* The folder's entry must survive a power cut, too. */
static status_t sync_folder(const sink_t *sink, error_t *err) {
    char folder[PATH_MAX];
    (void)snprintf(folder, sizeof folder, "%s", sink->path);
    char *slash = strrchr(folder, '/');
    const char *name = slash == NULL ? "." : slash == folder ? "/" : folder;
    if (slash != NULL) {
        *slash = '\0';
    }
    CLEANUP(close_p) int fd = open(slash == folder ? "/" : name, O_RDONLY | O_DIRECTORY);
    return fd >= 0 && fsync(fd) == 0 ? STATUS_OK : failed(sink, err);
}

/* Whole, or not there. */
static status_t sink_close(sink_t *sink, error_t *err) {
    TRY(audit_join_end(&sink->join, err));
    if (fflush(sink->out) != 0) {
        return failed(sink, err);
    }
    if (sink->path == NULL) {
        return STATUS_OK;
    }
    if (fsync(fileno(sink->out)) != 0 || rename(sink->part, sink->path) != 0) {
        return failed(sink, err);
    }
    sink->part[0] = '\0';
    TRY(sync_folder(sink, err));
    output_say("%" PRIu64 " lines written to %s", sink->join.lines, sink->path);
    return STATUS_OK;
}

status_t handle_audit_export(const command_input_t *input, error_t *err) {
    const moment_text_t since = {
        .what = "--since", .text = command_text(input, "since"), .now_us = clock_wall_us()};
    CLEANUP(remote_destroy_p) remote_t *remote = NULL;
    CLEANUP(sink_free) sink_t sink = {0};
    int64_t since_us = 0;
    if (since.text != NULL) {
        TRY(moment_parse(&since, &since_us, err));
    }
    TRY(remote_open(input, &remote, err));
    TRY(sink_open(command_text(input, "out"), &sink, err));
    TRY(remote_ask_pages(remote, "audit.export",
                         json_pack("{s:I}", "since_us", (json_int_t)since_us), write_page, &sink,
                         err));
    return sink_close(&sink, err);
}

status_t handle_audit_head(const command_input_t *input, error_t *err) {
    CLEANUP(remote_destroy_p) remote_t *remote = NULL;
    CLEANUP(document_release) json_t *head = NULL;
    CLEANUP(buffer_free) buffer_t text = {0};
    CLEANUP(audit_join_free) audit_join_t join = {0};
    TRY(remote_open(input, &remote, err));
    TRY(remote_ask(remote, "audit.head", json_object(), &head, err));
    TRY(audit_join_row(&join, head, &text, err));
    return output_flush(&text, stdout, err);
}
